internal import MLRepo
internal import ObjectModel

/// A question about runs: `f1 > 0.9 and params.lr < 1e-3`.
///
/// What is compared is a metric, a parameter or a fact of the run, by name; a name that a run does not have makes every comparison
/// with it untrue.
indirect enum RunQuery {
    case any
    case has(String)
    case compare(String, Comparison, String)
    case not(RunQuery)
    case and(RunQuery, RunQuery)
    case or(RunQuery, RunQuery)

    enum Comparison: String, CaseIterable {
        // The longer ones first, as they are looked for in this order.
        case notEqual = "!="
        case atMost = "<="
        case atLeast = ">="
        case same = "=="
        case equal = "="
        case less = "<"
        case greater = ">"
        case contains = "~"
    }

    init(_ text: String) throws {
        var parser = Parser(try Parser.words(of: text))
        self = parser.rest.isEmpty ? .any : try parser.either()
        if let word = parser.rest.first {
            throw Parser.failure("'\(Terminal.escaped(word.text))' is not expected")
        }
    }

    func matches(_ run: RecordedRun) -> Bool {
        switch self {
        case .any: true
        case .has(let name): RunFacts.value(name, of: run.run, run.state) != nil
        case .compare(let name, let comparison, let text):
            RunFacts.value(name, of: run.run, run.state).map { Self.compare($0, comparison, text) } ?? false
        case .not(let query): !query.matches(run)
        case .and(let one, let other): one.matches(run) && other.matches(run)
        case .or(let one, let other): one.matches(run) || other.matches(run)
        }
    }

    private static func compare(_ value: String, _ comparison: Comparison, _ text: String) -> Bool {
        if comparison == .contains { return value.contains(text) }
        let order: RunFacts.Order = RunFacts.order(value, text)
        switch comparison {
        case .equal, .same: return order == .same
        case .notEqual: return order != .same
        case .less: return order == .before
        case .greater: return order == .after
        case .atMost: return order == .before || order == .same
        case .atLeast: return order == .after || order == .same
        case .contains: return false
        }
    }
}

extension RunQuery {
    private struct Word {
        let text: String
        /// In quotes it is a value, whatever it looks like.
        let isQuoted: Bool
    }

    private struct Parser {
        var rest: ArraySlice<Word>

        init(_ words: [Word]) { rest = words[...] }

        static func failure(_ message: String) -> Failure {
            Failure(
                status: .usage, message: "the question about runs: \(message)",
                hint: "mlrepo runs 'f1 > 0.9 and params.lr < 1e-3'")
        }

        /// Names, values, signs and parentheses.
        static func words(of text: String) throws -> [Word] {
            var words: [Word] = []
            var rest = text[...]
            while let first = rest.first {
                if first.isWhitespace {
                    rest.removeFirst()
                } else if first == "(" || first == ")" {
                    words.append(Word(text: String(first), isQuoted: false))
                    rest.removeFirst()
                } else if first == "'" || first == "\"" {
                    rest.removeFirst()
                    guard let end = rest.firstIndex(of: first) else { throw failure("a quote has no end") }
                    words.append(Word(text: String(rest[..<end]), isQuoted: true))
                    rest = rest[rest.index(after: end)...]
                } else if let sign = Comparison.allCases.first(where: { rest.hasPrefix($0.rawValue) }) {
                    words.append(Word(text: sign.rawValue, isQuoted: false))
                    rest.removeFirst(sign.rawValue.count)
                } else {
                    let word = rest.prefix { !$0.isWhitespace && !"()'\"=!<>~".contains($0) }
                    guard !word.isEmpty else {
                        throw failure("'\(Terminal.escaped(String(first)))' is not expected")
                    }
                    words.append(Word(text: String(word), isQuoted: false))
                    rest = rest[word.endIndex...]
                }
            }
            return words
        }

        private mutating func take(_ text: String) -> Bool {
            guard let first = rest.first, !first.isQuoted, first.text == text else { return false }
            rest.removeFirst()
            return true
        }

        mutating func either(_ depth: Int = 0) throws -> RunQuery {
            var query = try both(depth)
            while take("or") { query = .or(query, try both(depth)) }
            return query
        }

        private mutating func both(_ depth: Int) throws -> RunQuery {
            var query = try one(depth)
            while take("and") { query = .and(query, try one(depth)) }
            return query
        }

        private mutating func one(_ depth: Int) throws -> RunQuery {
            guard depth < 100 else { throw Self.failure("it is nested too deep") }
            if take("not") { return .not(try one(depth + 1)) }
            if take("(") {
                let query = try either(depth + 1)
                guard take(")") else { throw Self.failure("a parenthesis has no end") }
                return query
            }
            guard let name = rest.popFirst(), Self.isName(name) else {
                throw Self.failure("a name is missing")
            }
            guard let sign = rest.first, !sign.isQuoted, let comparison = Comparison(rawValue: sign.text)
            else {
                return .has(name.text)
            }
            rest.removeFirst()
            guard let value = rest.popFirst(), value.isQuoted || Self.isName(value) else {
                throw Self.failure("a value is missing behind '\(comparison.rawValue)'")
            }
            return .compare(name.text, comparison, value.text)
        }

        private static func isName(_ word: Word) -> Bool {
            !["(", ")", "and", "or", "not"].contains(word.text) && Comparison(rawValue: word.text) == nil
        }
    }
}

/// What runs are compared by.
enum RunFacts {
    enum Order {
        case before, same, after
        /// One is no number, as `nan`.
        case none
    }

    /// A metric, a parameter, or a fact of a run, as text; nothing if it has none of that name.
    ///
    /// - Parameter state: Nothing where it is not known.
    static func value(_ name: String, of run: Run, _ state: RecordedRun.State?) -> String? {
        if name.hasPrefix("metrics.") { return value(String(name.dropFirst(8)), in: run.metrics) }
        for prefix in ["params.", "parameters."] where name.hasPrefix(prefix) {
            return value(String(name.dropFirst(prefix.count)), in: run.parameters)
        }
        if name.hasPrefix("env.") { return text(run.environment[String(name.dropFirst(4))]) }
        if let found = value(name, in: run.metrics) ?? value(name, in: run.parameters) { return found }
        switch name {
        case "state": return state?.rawValue
        case "started": return run.started.map { Terminal.time($0) }
        case "seconds": return RunText.seconds(run).map { String($0) }
        case "status": return run.exitStatus.map { String($0) }
        case "command":
            return run.command?.arguments.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
        case "observed": return run.observedBy
        default: return nil
        }
    }

    private static func value(_ name: String, in values: [String: ParameterValue]) -> String? {
        ParameterValue.flattened(values).first { $0.name == name }?.value.text
    }

    private static func text(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let text): text
        case .integer(let number): String(number)
        default: nil
        }
    }

    /// Numbers as numbers, everything else as text.
    static func order(_ one: String, _ other: String) -> Order {
        guard let first = Double(one), let second = Double(other) else {
            return one == other ? .same : one < other ? .before : .after
        }
        if first == second { return .same }
        return first < second ? .before : first > second ? .after : .none
    }

    /// Runs in the order of a fact; those without it last, and those that are the same in it as they were.
    ///
    /// - Parameters:
    ///   - key: A name; with a minus before it the greatest come first.
    ///   - value: What one has under a name.
    static func sorted<Item>(
        _ runs: [Item], by key: String, value: (Item, String) -> String?
    ) -> [Item] {
        let isReversed = key.hasPrefix("-")
        let name = isReversed ? String(key.dropFirst()) : key
        let keyed = runs.enumerated().map { (number, run) in (number, run, value(run, name)) }
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
