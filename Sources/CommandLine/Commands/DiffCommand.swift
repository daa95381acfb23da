internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Compare versions with each other or with the disk: files, parameters, metrics.",
        discussion: """
            With one revision, compares it with the files on disk; with none, the last commit with them. Parameters and \
            metrics belong to commits: of a version that has none they are those of the last one before that has, and on \
            the disk's side those of the last commit. Metrics that were measured on different data are marked.

            EXAMPLES
              mlrepo diff                what changed since the last commit
              mlrepo diff main~1 main    the last two commits
              mlrepo diff v1.1 data      only files in data
              mlrepo diff v1.1 --json
            """)

    @Flag(help: "End with status 1 if there are differences.")
    var exitCode = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "The versions, and only these files and directories.", completion: Completions.revision)
    var words: [String] = []
    /// What stands behind `--` (``RevisionWords/complete(_:)``).
    @Option(name: .customLong("path"), help: .hidden)
    var paths: [String] = []

    func run() throws {
        let repository = try Repository.here()
        let (revisions, names) = try RevisionWords.split(words, paths, repository)
        let wanted = try repository.paths(names)
        guard revisions.count <= 2 else { throw Failure(status: .usage, message: "two revisions at most") }
        let ids = try revisions.map { try RevisionWords.commit($0, "diff", repository) }
        let whole =
            ids.count == 2
            ? try repository.difference(ids[0], ids[1]) : try repository.differenceOfDisk(from: ids.first)
        let difference = wanted.isEmpty ? whole : whole.files(under: wanted)
        if output.json { Terminal.printJSON(Self.json(difference)) } else { show(difference) }
        if revisions.isEmpty, whole.isEmpty, !output.json, !output.quiet {
            let hasCommit = try repository.base().head.commit != nil
            Terminal.printError(
                hasCommit
                    ? "note: nothing changed since the last commit; mlrepo diff HEAD~1 HEAD compares the last two"
                    : "note: there is no commit here yet, and nothing is tracked: mlrepo status")
        }
        if difference.isEmpty, !output.quiet, !output.json {
            for path in wanted where !path.isRoot {
                guard try !isKnown(path, ids, repository) else { continue }
                Terminal.printError("note: \(path) is in none of what is compared")
            }
        }
        if exitCode, !difference.isEmpty { throw ExitCode(ExitStatus.no.rawValue) }
    }

    private func isKnown(
        _ path: RepositoryPath, _ ids: [ObjectID], _ repository: Repository
    ) throws -> Bool {
        if ids.count < 2, try repository.exists(path) { return true }
        for id in ids + [try repository.base().head.commit].compactMap({ $0 }) {
            let (commit, _) = try repository.contents(of: id)
            if try repository.tree(commit).entry(at: path) != nil { return true }
        }
        return false
    }

    private func show(_ difference: VersionDifference) {
        for file in difference.files { Terminal.print(Self.line(file)) }
        table("params", difference.parameters)
        table("metrics", difference.metrics)
    }

    static func line(_ file: FileDifference) -> String {
        let sizes = [file.before, file.after].map { $0.map { Terminal.size($0.size) } ?? "-" }
        return "\(StatusCommand.word(file.state)) \(file.path)  \(sizes[0]) -> \(sizes[1])"
    }

    private func table(_ title: String, _ rows: [ValueDifference]) {
        guard !rows.isEmpty else { return }
        Terminal.print(title)
        let width = rows.map(\.name.count).max() ?? 0
        for row in rows {
            let name = row.name + String(repeating: " ", count: width - row.name.count)
            let why = row.otherData.isEmpty ? "" : "  not comparable: \(ComparisonText.reason(row.otherData))"
            Terminal.print(
                Terminal.escaped("  \(name)  \(row.before?.text ?? "-") -> \(row.after?.text ?? "-")") + why)
        }
    }

    private static func json(_ difference: VersionDifference) -> JSONValue {
        func side(_ entry: TreeEntry?) -> JSONValue? {
            entry.map { .object(["id": $0.id.json, "size": .number($0.size)]) }
        }
        func values(_ rows: [ValueDifference]) -> JSONValue {
            .array(
                rows.map { row in
                    .object([
                        "name": .string(row.name), "before": row.before.map { Values.json($0) },
                        "after": row.after.map { Values.json($0) },
                        "comparable": row.otherData.isEmpty ? nil : .bool(false),
                        "why": row.otherData.isEmpty
                            ? nil : .string(ComparisonText.reason(row.otherData)),
                    ])
                })
        }
        return .object([
            "entries": .array(
                difference.files.map { file in
                    .object([
                        "path": file.path.json, "state": .string(file.state.rawValue),
                        "before": side(file.before),
                        "after": side(file.after),
                    ])
                }),
            "parameters": values(difference.parameters), "metrics": values(difference.metrics),
        ])
    }
}
