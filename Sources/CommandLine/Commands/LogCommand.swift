internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Show the commits, newest first.",
        discussion: """
            EXAMPLES
              mlrepo log
              mlrepo log --oneline -n 10
              mlrepo log main~3
              mlrepo log -- model/model.safetensors   only commits that changed it
            """)

    @Flag(help: "One line a commit.")
    var oneline = false
    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("At most so many.", valueName: "count"))
    var maxCount: Int?
    @OptionGroup var output: OutputOptions
    @Argument(help: "Where to begin.")
    var revision: String?
    @Argument(
        parsing: .postTerminator, help: ArgumentHelp("Only commits that changed these.", valueName: "path"))
    var paths: [String] = []

    func run() throws {
        let repository = try Repository.here()
        let (head, _) = try repository.base()
        if revision == nil, head.commit == nil { return }
        let tip = try repository.commit(named: revision ?? "HEAD")
        let wanted = try repository.paths(paths)
        var left = maxCount ?? .max
        try repository.history(of: [tip]) { (id, commit) throws(RepositoryError) in
            guard left > 0 else { return false }
            if !wanted.isEmpty, try !repository.changes(commit, wanted) { return true }
            left -= 1
            if output.json { Terminal.printJSON(Self.json(id, commit)) } else { show(id, commit) }
            return left > 0
        }
    }

    private func show(_ id: ObjectID, _ commit: Commit) {
        if oneline { return Terminal.print("\(id.short) \(Terminal.escaped(commit.subject))") }
        Terminal.print("commit \(id.hex)")
        Terminal.print("Author: \(Terminal.escaped("\(commit.author)"))")
        Terminal.print("Date:   \(Terminal.time(commit.authored))")
        Terminal.print("")
        for line in commit.message.split(separator: "\n", omittingEmptySubsequences: false) {
            Terminal.print("    \(Terminal.escaped(String(line)))")
        }
        Terminal.print("")
    }

    static func json(_ id: ObjectID, _ commit: Commit) -> JSONValue {
        .object([
            "commit": id.json, "parents": .array(commit.parents.map(\.json)), "author": commit.author.json,
            "time": .string(Terminal.time(commit.authored)), "message": .string(commit.message),
            "runs": .array(commit.runs.map(\.json)),
        ])
    }
}
