internal import Catalogue
package import ObjectModel

/// What runs and versions are asked about, by names: `metrics.f1`, `params.lr`, `env.host`, and facts such as `author` and `state`.
package struct RunFacts: Sendable {
    /// A name may occur several times.
    package let all: [(name: String, value: String)]
    private let byName: [String: [String]]

    private init(_ facts: [(name: String, value: String)]) {
        all = facts
        byName = Dictionary(grouping: facts, by: \.name).mapValues { $0.map(\.value) }
    }

    /// - Parameter state: Nothing where it is not known.
    package init(of run: Run, _ state: RecordedRun.State?) { self.init(Self.facts(of: run, state)) }

    /// Those of a version and of the runs that it was made of.
    init(of commit: Commit, _ id: ObjectID, runs: [Run]) {
        var facts: [(name: String, value: String)] = [
            ("commit", id.hex), ("commit", String(id.hex.prefix(7))), ("author", "\(commit.author)"),
            ("author", commit.author.name), ("date", PointInTime.text(commit.authored)),
            ("message", commit.message),
        ]
        for run in runs {
            // Who executed it is told by the version, and so is when that was made.
            facts += Self.facts(of: run, nil).filter { !["author", "date"].contains($0.name) }
        }
        self.init(facts)
    }

    private static func facts(
        of run: Run, _ state: RecordedRun.State?
    ) -> [(name: String, value: String)] {
        var facts: [(name: String, value: String)] = []
        for (name, value) in ParameterValue.flattened(run.metrics) {
            facts.append(("metrics.\(name)", value.text))
        }
        for (name, value) in ParameterValue.flattened(run.parameters) {
            facts.append(("params.\(name)", value.text))
        }
        for (name, value) in run.environment.sorted(by: { $0.key < $1.key }) {
            switch value {
            case .string(let text): facts.append(("env.\(name)", text))
            case .integer(let number): facts.append(("env.\(name)", String(number)))
            default: break
            }
        }
        func add(_ name: String, _ value: String?) {
            if let value { facts.append((name, value)) }
        }
        add("run", run.name)
        add("run", run.name.map { String($0.prefix(8)) })
        add("state", state?.rawValue)
        add("started", run.started.map { PointInTime.text($0) })
        add("date", PointInTime.text(run.started ?? run.recorded))
        if let started = run.started, let ended = run.ended {
            add("seconds", String(max(0, ended - started)))
        }
        add("status", run.exitStatus.map { String($0) })
        add(
            "command",
            run.command?.arguments.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " "))
        add("observed", run.observedBy)
        add("author", run.user.map { "\($0)" })
        add("author", run.user?.name)
        add("code", run.code?.revision)
        add("code", run.code?.revision.map { String($0.prefix(7)) })
        return facts
    }

    /// All values under a full name.
    package func values(_ name: String) -> [String] { byName[name] ?? [] }

    /// The first value under a name as a question has it; nothing if there is none.
    package func value(_ name: String) -> String? {
        Query.places(of: name).lazy.compactMap { byName[$0]?.first }.first
    }

    private enum Order {
        case before, same, after
        /// One is no number, as `nan`.
        case none
    }

    /// Numbers as numbers, everything else as text.
    private static func order(_ one: String, _ other: String) -> Order {
        if Query.Comparison.less.holds(one, other) { return .before }
        if Query.Comparison.greater.holds(one, other) { return .after }
        return Query.Comparison.equal.holds(one, other) ? .same : .none
    }

    /// Things in the order of a fact; those without it last, and those that are the same in it as they were.
    ///
    /// - Parameters:
    ///   - key: A name; with a minus before it the greatest come first.
    ///   - value: What one has under a name.
    package static func sorted<Item>(
        _ items: [Item], by key: String, value: (Item, String) -> String?
    ) -> [Item] {
        let isReversed = key.hasPrefix("-")
        let name = isReversed ? String(key.dropFirst()) : key
        let keyed = items.enumerated().map { (number, item) in (number, item, value(item, name)) }
        return keyed.sorted { (one, other) in
            guard let first = one.2 else { return other.2 == nil && one.0 < other.0 }
            guard let second = other.2 else { return true }
            switch order(first, second) {
            case .before: return !isReversed
            case .after: return isReversed
            case .same: return one.0 < other.0
            // What is no number comes behind those that are.
            case .none: return isNumber(first) != isNumber(second) ? isNumber(first) : one.0 < other.0
            }
        }.map(\.1)
    }

    private static func isNumber(_ text: String) -> Bool { Double(text).map { !$0.isNaN } ?? true }
}
