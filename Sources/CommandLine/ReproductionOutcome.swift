internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Storage

/// What came of a repetition, for people and for programs.
struct ReproductionOutcome {
    let reproducer: Reproducer
    let report: RunReport
    let reproduction: Run.Reproduction
    let repository: Repository

    /// - Parameter place: Where it stays; nothing if it was removed.
    func tell(_ output: OutputOptions, in place: FilePath?) throws {
        // What the repetition added is to be seen.
        do { try repository.store.refresh() } catch { throw RepositoryError.store(error) }
        let inputs = try repository.inputDifferences(reproducer.run, report.run)
        let environment = try repository.environmentDifferences(reproducer.run, report.run)
        if output.json { return Terminal.printJSON(try json(inputs, environment, place)) }
        for difference in inputs where !output.quiet {
            Terminal.print("input    \(Self.text(difference))")
        }
        for difference in environment where !output.quiet {
            Terminal.print("differs  \(ReproductionText.text(difference))")
        }
        for difference in reproduction.differences.prefix(20) {
            Terminal.print("output   \(ReproductionText.line(difference))")
        }
        let name = ReproductionText.name(report.run, report.id)
        Terminal.print("\(ReproductionText.summary(reproduction))  (run \(name))")
        if let place, !output.quiet { Terminal.print("It is in \(Terminal.escaped(place.bytes))") }
    }

    /// What became of an input.
    private static func text(_ difference: RunDifference) -> String {
        let name = Terminal.escaped(difference.name)
        switch (difference.before, difference.after) {
        case (_?, nil): return "\(name) was not read"
        case (nil, _): return "\(name) was not read then"
        case (let before?, let after?): return "\(name) is \(after.prefix(7)), and was \(before.prefix(7))"
        }
    }

    private func json(
        _ inputs: [RunDifference], _ environment: [RunDifference], _ place: FilePath?
    ) throws -> JSONValue {
        func files(_ run: Run) throws -> [RepositoryPath: TreeEntry] {
            Dictionary(
                try repository.files(of: run.outputs).map { ($0.path, $0.entry) },
                uniquingKeysWith: { first, _ in first })
        }
        let (mine, theirs) = (try files(reproducer.run), try files(report.run))
        let differences = Dictionary(
            reproduction.differences.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        let wanted = Set(reproduction.paths)
        let all = Set(mine.keys).union(theirs.keys).filter { wanted.isEmpty || wanted.covers($0) }
        return .object([
            "run": reproducer.id.json, "reproduction": .string(report.run.name ?? ""),
            "result": .string(reproduction.result.rawValue),
            "tolerance": reproduction.tolerance.map { ReproductionText.number($0) },
            "outputs": .array(
                all.sorted().map { path in
                    .object([
                        "path": path.json, "expected": mine[path]?.id.json ?? .null,
                        "actual": theirs[path]?.id.json ?? .null,
                        "equal": .bool(mine[path]?.id == theirs[path]?.id),
                        "equivalent": differences[path].map { .bool($0.isEquivalent) },
                        "detail": differences[path].map { .string($0.detail) },
                        "maxAbsoluteDifference": differences[path]?.greatest.map {
                            ReproductionText.number($0)
                        },
                    ])
                }),
            "inputs": .array(
                inputs.map { difference in
                    .object([
                        "name": Terminal.json(difference.name),
                        "expected": difference.before.map { .string("sha256:\($0)") } ?? .null,
                        "actual": difference.after.map { .string("sha256:\($0)") } ?? .null,
                    ])
                }),
            "environment": .array(
                environment.map { difference in
                    .object([
                        "name": Terminal.json(difference.name),
                        "expected": difference.before.map { .string($0) } ?? .null,
                        "actual": difference.after.map { .string($0) } ?? .null,
                    ])
                }),
            "path": place.map { Terminal.json($0.bytes) },
        ])
    }
}
