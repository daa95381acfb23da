internal import Lineage
package import ObjectModel
internal import Storage

/// A run, or a version with the runs that made what it has, that is compared with others.
package struct ComparedItem: Sendable {
    /// What a person calls it.
    package let name: String
    package let commit: ObjectID?
    package let runs: [(id: ObjectID, run: Run)]
    /// Of a version: its models.
    let models: [RepositoryPath: ObjectID]

    /// A run by itself.
    package init(name: String, run id: ObjectID, _ run: Run) {
        (self.name, commit, runs, models) = (name, nil, [(id, run)], [:])
    }

    init(
        name: String, commit: ObjectID, runs: [(id: ObjectID, run: Run)], models: [RepositoryPath: ObjectID]
    ) {
        (self.name, self.commit, self.runs, self.models) = (name, commit, runs, models)
    }
}

extension Repository {
    /// A version as it is compared: with the runs that made its models, wherever in history; one without models with the runs of the
    /// last commit that tells of any.
    package func comparedVersion(_ id: ObjectID, name: String) throws(RepositoryError) -> ComparedItem {
        let commit = try reading { () throws(ReadError) in try store.commit(id) }
        try requireTree(id, commit)
        var models: [RepositoryPath: ObjectID] = [:]
        var measurements = Measurements(self)
        for (path, entry) in try measurements.models(in: commit.tree) { models[path] = entry.id }
        var runs: [(id: ObjectID, run: Run)] = []
        for path in models.keys.sorted(by: DirectoryTree.walkOrder).prefix(Self.mostModels) {
            guard let making = try blame(path, at: id, depth: 1)?.making,
                !runs.contains(where: { $0.id == making.id })
            else { continue }
            runs.append((making.id, making.run))
        }
        if runs.isEmpty {
            runs = try self.runs(of: commit).filter { $0.1.origin == .observed }.map { ($0.0, $0.1) }
        }
        if runs.isEmpty { runs = try tellingRuns(of: id) }
        // What a version tells with its commit counts, too: metrics that were declared, a run that read the model.
        for (id, run) in try self.runs(of: commit) where !runs.contains(where: { $0.id == id }) {
            if !run.metrics.isEmpty { runs.append((id, run)) }
        }
        return ComparedItem(name: name, commit: id, runs: runs, models: models)
    }

    /// Of more models than these nobody reads who made each.
    private static let mostModels = 32
}

/// What several runs or versions have alike, what they have otherwise, and what came out.
package struct Comparison: Sendable {
    /// A parameter or a fact, with the value of each item; nothing for one that does not have it.
    package struct Fact: Sendable {
        package let name: String
        package let values: [ParameterValue?]

        package var isSame: Bool { Set(values).count == 1 }
    }

    /// A metric, with the value of each item.
    package struct Metric: Sendable {
        package let name: String
        /// Of several models of one version: the one that it was measured with.
        package let model: RepositoryPath?
        /// What it was measured on, where another run measured it than the one that made the model: files or directories.
        package let places: [[UInt8]]
        package let values: [ParameterValue?]
        /// Names of data that is not the same; nothing where all was measured on the same, or nothing is known.
        package let differences: [[UInt8]]
        /// Files of code of the runs that measured it, that are not the same.
        package let code: [[UInt8]]
        /// Whether it is not known of one of them what it was measured on.
        package let isUnknown: Bool

        package var isComparable: Bool { differences.isEmpty }
    }

    package let items: [ComparedItem]
    package let facts: [Fact]
    package let metrics: [Metric]

    /// - Parameter paths: The data that counts as what was measured on, so that what was measured on other data is left out; all that
    ///   was read, if there are none.
    /// - Throws: ``RepositoryError/noPath(_:)`` for a path that no run read that measured anything.
    package init(
        _ items: [ComparedItem], on paths: [RepositoryPath], in repository: Repository
    ) throws(RepositoryError) {
        self.items = items
        facts = Self.facts(of: items)
        var measured = Measured(repository, paths)
        for item in items { try measured.add(item) }
        if let path = measured.unread { throw .noPath("\(path)") }
        metrics = try measured.rows
    }

    private static func facts(of items: [ComparedItem]) -> [Fact] {
        let all = items.map { item -> [String: ParameterValue] in
            var values: [String: [ParameterValue]] = [:]
            func add(_ name: String, _ value: ParameterValue) {
                if values[name]?.contains(value) != true { values[name, default: []].append(value) }
            }
            for (_, run) in item.runs {
                for (name, value) in ParameterValue.flattened(run.parameters) { add("params.\(name)", value) }
                for (name, value) in Self.facts(of: run) { add(name, value) }
            }
            // The models of a version may have been made by several runs.
            return values.mapValues { values in
                values.count == 1
                    ? values[0] : .string(values.map(\.text).sorted().joined(separator: "; "))
            }
        }
        return Set(all.flatMap(\.keys)).sorted().map { name in
            Fact(name: name, values: all.map { $0[name] })
        }
    }

    private static func facts(of run: Run) -> [String: ParameterValue] {
        var facts: [String: ParameterValue] = [:]
        if let command = run.command {
            let words = command.arguments.map { String(decoding: $0, as: UTF8.self) }
            facts["command"] = .string(words.joined(separator: " "))
        }
        if let code = run.code {
            let parts = [
                code.revision.map { String($0.prefix(7)) },
                code.patch.map { "patch \($0.hex.prefix(7))" },
                code.sources.map { "files \($0.hex.prefix(7))" },
            ].compactMap { $0 }
            facts["code"] = .string(parts.isEmpty ? "unknown" : parts.joined(separator: " + "))
        }
        for (name, value) in run.environment {
            switch value {
            case .string(let text): facts["env.\(name)"] = .string(text)
            case .integer(let number): facts["env.\(name)"] = .integer(String(number))
            default: break
            }
        }
        if let packages = run.packages {
            facts["env.packages"] = .string(String(packages.hex.prefix(12)))
        }
        return facts
    }
}

/// The metrics of items, as they come together into rows.
private struct Measured {
    private struct Value {
        let value: ParameterValue
        let data: MeasuredData
        let run: Run
    }

    private struct Row {
        let name: String
        var model: RepositoryPath?
        /// Whether other runs measured it than those that made the models.
        let isEvaluated: Bool
        var values: [Int: Value] = [:]

        var places: [[UInt8]] { isEvaluated ? values.values.first?.data.places ?? [] : [] }

        /// What the makers measured comes first, then by names.
        var order: [String] { [isEvaluated ? "1" : "0", name, model.map { "\($0)" } ?? ""] }

        /// Whether another row has values for none of the items that this one has values for.
        func isApart(from other: Row) -> Bool { Set(values.keys).isDisjoint(with: other.values.keys) }

        func isSameData(as other: Row) -> Bool {
            guard let mine = values.values.first?.data, let theirs = other.values.values.first?.data else {
                return false
            }
            return !mine.isUnknown && mine.isSame(as: theirs)
        }
    }

    private let repository: Repository
    private let paths: [RepositoryPath]
    private var measurements: Measurements
    private var count = 0
    private var all: [Row] = []
    private var read: Set<RepositoryPath> = []

    init(_ repository: Repository, _ paths: [RepositoryPath]) {
        (self.repository, self.paths) = (repository, paths)
        measurements = Measurements(repository)
    }

    /// A path that was to count, and that nobody measured anything on.
    var unread: RepositoryPath? { paths.first { !read.contains($0) } }

    mutating func add(_ item: ComparedItem) throws(RepositoryError) {
        let number = count
        count += 1
        for (_, run) in item.runs {
            // What a version has of that is as if it had been measured later.
            if item.commit != nil, try measurements.isEvaluation(run) { continue }
            let model = try measurements.models(in: run.outputs).first?.path
            put(run, try measurements.data(of: run), number, model: model, isEvaluated: false)
        }
        var evaluations: [Evaluation]
        if item.commit == nil {
            let ids = Set(item.runs.map(\.id))
            evaluations = try measurements.evaluations(of: item.runs.map(\.run)).filter {
                !ids.contains($0.id)
            }
        } else {
            evaluations = try measurements.evaluations(ofFiles: Set(item.models.values))
        }
        // Of two that measured the same, the later one counts.
        for evaluation in evaluations.reversed() {
            put(
                evaluation.run, evaluation.data, number, model: evaluation.models.first, isEvaluated: true)
        }
    }

    private mutating func put(
        _ run: Run, _ data: MeasuredData, _ number: Int, model: RepositoryPath?, isEvaluated: Bool
    ) {
        var counted = data
        if !paths.isEmpty {
            for path in paths where !data.files(under: [path]).isUnknown { read.insert(path) }
            counted = data.files(under: Set(paths))
            // Whoever asks about some data wants nothing that was measured on other data.
            if counted.isUnknown { return }
        }
        for (name, value) in ParameterValue.flattened(run.metrics) {
            let value = Value(value: value, data: counted, run: run)
            let same = all.firstIndex { row in
                row.name == name && row.model == model && row.isEvaluated == isEvaluated
                    && (!isEvaluated || row.values.values.contains { $0.data.isSame(as: counted) })
            }
            if let same {
                if all[same].values[number] == nil { all[same].values[number] = value }
            } else {
                all.append(
                    Row(name: name, model: model, isEvaluated: isEvaluated, values: [number: value]))
            }
        }
    }

    /// The rows without their models, where no item has a metric of several of them: then what each has is compared, whatever it is
    /// called.
    private var unnamed: [Row] {
        var several: Set<String> = []
        for number in 0..<count {
            var known: [String: RepositoryPath?] = [:]
            for row in all where row.values[number] != nil {
                if let model = known[row.name], model != row.model { several.insert(row.name) }
                known[row.name] = .some(row.model)
            }
        }
        return all.map { row in
            var row = row
            if !several.contains(row.name) { row.model = nil }
            return row
        }
    }

    /// Rows of the same that no item has two values for are one: what the makers measured, what was measured on the same data, then
    /// what was measured at the same place.
    private var joined: [Row] {
        var rows = unnamed
        for isJoined: (Row, Row) -> Bool in [
            { !$0.isEvaluated && !$1.isEvaluated },
            { $0.isSameData(as: $1) },
            { $0.isEvaluated && $1.isEvaluated && $0.places == $1.places },
        ] {
            var kept: [Row] = []
            for row in rows {
                let index = kept.firstIndex { other in
                    other.name == row.name && other.model == row.model && other.isApart(from: row)
                        && isJoined(other, row)
                }
                if let index {
                    var both = Row(
                        name: row.name, model: row.model,
                        isEvaluated: row.isEvaluated || kept[index].isEvaluated, values: kept[index].values)
                    both.values.merge(row.values) { mine, _ in mine }
                    kept[index] = both
                } else {
                    kept.append(row)
                }
            }
            rows = kept
        }
        return rows.sorted { $0.order.lexicographicallyPrecedes($1.order) }
    }

    var rows: [Comparison.Metric] {
        get throws(RepositoryError) {
            var metrics: [Comparison.Metric] = []
            for row in joined { metrics.append(try metric(row)) }
            return metrics
        }
    }

    private func metric(_ row: Row) throws(RepositoryError) -> Comparison.Metric {
        let values = row.values.sorted { $0.key < $1.key }.map(\.value)
        let known = values.map(\.data).filter { !$0.isUnknown }
        var differences: Set<[UInt8]> = []
        if let first = known.first {
            for other in known.dropFirst() where !first.isSame(as: other) {
                differences.formUnion(first.differences(from: other))
            }
        }
        return Comparison.Metric(
            name: row.name, model: row.model, places: row.places,
            values: (0..<count).map { row.values[$0]?.value },
            differences: differences.sorted { $0.lexicographicallyPrecedes($1) },
            code: row.isEvaluated ? try measurements.codeDifferences(values.map(\.run)) : [],
            isUnknown: known.count < values.count)
    }
}
