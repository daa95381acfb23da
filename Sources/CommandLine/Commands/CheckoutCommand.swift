internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel

struct CheckoutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkout",
        abstract: "Make the files those of another version, or write a version elsewhere.",
        discussion: """
            Changed and untracked files are never overwritten: the command says which are in the way, and stops.
            If it is interrupted, the same command goes on.

            EXAMPLES
              mlrepo checkout main~1            the version before, on no branch
              mlrepo checkout main              back to the branch
              mlrepo checkout -b experiment     a new branch from here
              mlrepo checkout v1.2 --to ../v1.2 a copy elsewhere; these files stay
            """,
        aliases: ["co", "switch"])

    @Flag(
        name: [.customShort("b"), .customLong("branch")], help: "Make a branch of that name and stand on it.")
    var makesBranch = false
    @Flag(name: [.customShort("c"), .customLong("create")], help: .hidden)
    var creates = false
    @Option(
        name: .customLong("to"),
        help: ArgumentHelp("Write the version into a new or empty directory.", valueName: "dir"))
    var directory: String?
    @OptionGroup var output: OutputOptions
    @Argument(help: "A branch, tag or other revision.")
    var revision: String

    func run() throws {
        let repository = try Repository.here()
        let progress = Progress("writing", isOn: !output.quiet && !output.json)
        defer { progress.finish() }
        if let directory {
            let target = repository.environment.workingDirectory.appending(ArgumentText.bytes(directory))
                .normalized
            let count = try repository.export(try repository.commit(named: revision), to: target) {
                progress.add($0)
            }
            progress.finish()
            if output.json {
                Terminal.printJSON(.object(["path": .string("\(target)"), "written": .integer(count)]))
            } else if !output.quiet {
                Terminal.print("Wrote \(Terminal.files(count)) to \(Terminal.escaped(target.bytes))")
            }
            return
        }
        var branch: String?
        let id: ObjectID
        if makesBranch || creates {
            id = try repository.commit(named: "HEAD")
            if try !repository.hasJustMade(branch: revision, at: id) {
                try repository.makeRef("branches", revision, at: id)
            }
            branch = revision
        } else if let tip = try? repository.tip(of: revision) {
            (id, branch) = (tip, revision)
        } else {
            id = try repository.commit(named: revision)
        }
        let report = try repository.checkout(id, branch: branch) { progress.add($0) }
        progress.finish()
        if output.json {
            return Terminal.printJSON(
                .object([
                    "commit": id.json, "branch": branch.map { .string($0) } ?? .null,
                    "written": .integer(report.written), "removed": .integer(report.removed),
                ]))
        }
        guard !output.quiet else { return }
        let place = branch.map { "on branch \($0)" } ?? "on no branch"
        Terminal.print(
            "At \(id.short), \(place): \(Terminal.files(report.written)) written, \(report.removed) removed")
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Bring back files of the last commit that are gone.",
        discussion: """
            What is there is left alone, changed or not.

            EXAMPLES
              mlrepo restore data/reviews
              mlrepo restore .
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "Files and directories.")
    var paths: [String]

    func run() throws {
        let repository = try Repository.here()
        let restored = try repository.restore(repository.paths(paths))
        if output.json { return Terminal.printJSON(.object(["restored": .array(restored.map(\.json))])) }
        if !output.quiet { Terminal.print("\(Terminal.files(restored.count)) came back") }
    }
}
