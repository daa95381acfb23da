internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Compare two versions: files, parameters, metrics.",
        discussion: """
            With one revision, compares it with the last commit; with none, the commit before the last with the last. \
            'mlrepo status' compares the files on disk.

            EXAMPLES
              mlrepo diff main~1 main
              mlrepo diff v1.1 --json
            """)

    @Flag(help: "End with status 1 if there are differences.")
    var exitCode = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "The two versions.")
    var revisions: [String] = []

    func run() throws {
        let repository = try Repository.here()
        guard revisions.count <= 2 else { throw Failure(status: .usage, message: "two revisions at most") }
        if revisions.isEmpty, (try? repository.commit(named: "HEAD~1")) == nil {
            throw Failure(
                status: .notFound, message: "there are no two versions to compare",
                hint: "mlrepo status says what changed on disk")
        }
        let before = try repository.commit(named: revisions.first ?? "HEAD~1")
        let after = try repository.commit(named: revisions.count == 2 ? revisions[1] : "HEAD")
        let difference = try repository.difference(before, after)
        if output.json { Terminal.printJSON(Self.json(difference)) } else { show(difference) }
        if revisions.isEmpty, !output.json, !output.quiet {
            Terminal.printError("note: these are the last two commits; mlrepo status says what changed since")
        }
        if exitCode, !difference.isEmpty { throw ExitCode(ExitStatus.no.rawValue) }
    }

    private func show(_ difference: VersionDifference) {
        for file in difference.files {
            let sizes = [file.before, file.after].map { $0.map { Terminal.size($0.size) } ?? "-" }
            Terminal.print("\(StatusCommand.word(file.state)) \(file.path)  \(sizes[0]) -> \(sizes[1])")
        }
        table("params", difference.parameters)
        table("metrics", difference.metrics)
    }

    private func table(_ title: String, _ rows: [ValueDifference]) {
        guard !rows.isEmpty else { return }
        Terminal.print(title)
        let width = rows.map(\.name.count).max() ?? 0
        for row in rows {
            let name = row.name + String(repeating: " ", count: width - row.name.count)
            Terminal.print(
                Terminal.escaped("  \(name)  \(row.before?.text ?? "-") -> \(row.after?.text ?? "-")"))
        }
    }

    private static func json(_ difference: VersionDifference) -> JSONValue {
        func side(_ entry: TreeEntry?) -> JSONValue? {
            entry.map { .object(["id": $0.id.json, "size": .integer($0.size)]) }
        }
        func values(_ rows: [ValueDifference]) -> JSONValue {
            .array(
                rows.map { row in
                    .object([
                        "name": .string(row.name), "before": row.before.map { .string($0.text) },
                        "after": row.after.map { .string($0.text) },
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
