package import ObjectModel

/// A run, or a version with its runs, that is compared with others.
package struct ComparedItem: Sendable {
    /// What a person calls it.
    package let name: String
    package let commit: ObjectID?
    package let runs: [(id: ObjectID, run: Run)]

    package init(name: String, commit: ObjectID?, runs: [(id: ObjectID, run: Run)]) {
        (self.name, self.commit, self.runs) = (name, commit, runs)
    }
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
        /// What it was measured on, where another run measured it than the one that made the model: files or directories.
        package let places: [[UInt8]]
        package let values: [ParameterValue?]
        /// Names of data that is not the same; nothing where all was measured on the same, or nothing is known.
        package let differences: [[UInt8]]
        /// Whether it is not known of one of them what it was measured on.
        package let isUnknown: Bool

        package var isComparable: Bool { differences.isEmpty }
    }

    package let items: [ComparedItem]
    package let facts: [Fact]
    package let metrics: [Metric]

    /// - Parameter paths: The data that counts as what was measured on; all that was read, if there are none.
    package init(
        _ items: [ComparedItem], on paths: [RepositoryPath], in repository: Repository
    ) throws(RepositoryError) {
        self.items = items
        facts = Self.facts(of: items)
        var measured = Measured(repository, Set(paths))
        for item in items { try measured.add(item) }
        metrics = measured.rows
    }

    private static func facts(of items: [ComparedItem]) -> [Fact] {
        let all = items.map { item -> [String: ParameterValue] in
            var facts: [String: ParameterValue] = [:]
            let commands = item.runs.compactMap(\.run.command).map { command in
                command.arguments.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
            }
            if !commands.isEmpty { facts["command"] = .string(commands.joined(separator: "; ")) }
            for (_, run) in item.runs {
                for (name, value) in ParameterValue.flattened(run.parameters) {
                    facts["params.\(name)"] = facts["params.\(name)"] ?? value
                }
                for (name, value) in Self.facts(of: run) where facts[name] == nil { facts[name] = value }
            }
            return facts
        }
        return Set(all.flatMap(\.keys)).sorted().map { name in
            Fact(name: name, values: all.map { $0[name] })
        }
    }

    private static func facts(of run: Run) -> [String: ParameterValue] {
        var facts: [String: ParameterValue] = [:]
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
    private struct Row {
        let name: String
        let places: [[UInt8]]
        var values: [Int: (value: ParameterValue, data: MeasuredData)] = [:]
    }

    private let repository: Repository
    private let paths: Set<RepositoryPath>
    private var measurements: Measurements
    private var count = 0
    private var own: [String: Row] = [:]
    private var evaluated: [Row] = []

    init(_ repository: Repository, _ paths: Set<RepositoryPath>) {
        (self.repository, self.paths) = (repository, paths)
        measurements = Measurements(repository)
    }

    mutating func add(_ item: ComparedItem) throws(RepositoryError) {
        let number = count
        count += 1
        for (_, run) in item.runs {
            let data = try counted(measurements.data(of: run))
            // What a version has of that is as if it had been measured later.
            if item.commit != nil, try measurements.isEvaluation(run) {
                put(run, data, number)
                continue
            }
            for (name, value) in ParameterValue.flattened(run.metrics) {
                var row = own[name] ?? Row(name: name, places: [])
                row.values[number] = row.values[number] ?? (value, data)
                own[name] = row
            }
        }
        let ids = Set(item.runs.map(\.id))
        // Of two that measured the same, the later one counts.
        for evaluation in try measurements.evaluations(of: item.runs.map(\.run)).reversed()
        where !ids.contains(evaluation.id) {
            put(evaluation.run, counted(evaluation.data), number)
        }
    }

    private mutating func put(_ evaluation: Run, _ data: MeasuredData, _ number: Int) {
        let places = data.places
        for (name, value) in ParameterValue.flattened(evaluation.metrics) {
            put(value, data, name, places, number)
        }
    }

    private func counted(_ data: MeasuredData) -> MeasuredData {
        paths.isEmpty ? data : data.files(under: paths)
    }

    /// Puts what was measured beside what others measured on the same, or else at the same places.
    private mutating func put(
        _ value: ParameterValue, _ data: MeasuredData, _ name: String, _ places: [[UInt8]], _ number: Int
    ) {
        func index(where isRow: (Row) -> Bool) -> Int? {
            evaluated.firstIndex { $0.name == name && isRow($0) }
        }
        let same = index { row in row.values.values.contains { $0.data.isSame(as: data) } }
        if let same {
            if evaluated[same].values[number] == nil { evaluated[same].values[number] = (value, data) }
        } else if let beside = index(where: { $0.places == places && $0.values[number] == nil }) {
            evaluated[beside].values[number] = (value, data)
        } else {
            evaluated.append(Row(name: name, places: places, values: [number: (value, data)]))
        }
    }

    var rows: [Comparison.Metric] {
        let rows = own.values.sorted { $0.name < $1.name } + evaluated.sorted { $0.name < $1.name }
        return rows.map { row in
            let data = row.values.sorted { $0.key < $1.key }.map(\.value.data)
            let known = data.filter { !$0.isUnknown }
            var differences: Set<[UInt8]> = []
            if let first = known.first {
                for other in known.dropFirst() where !first.isSame(as: other) {
                    let names = first.differences(from: other)
                    // The same files, and some of them twice.
                    differences.formUnion(names.isEmpty ? other.files.map(\.name) : names)
                }
            }
            return Comparison.Metric(
                name: row.name, places: row.places, values: (0..<count).map { row.values[$0]?.value },
                differences: differences.sorted { $0.lexicographicallyPrecedes($1) },
                isUnknown: known.count < data.count)
        }
    }
}
