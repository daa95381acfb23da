internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel

struct MoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mv", abstract: "Rename tracked files and directories, or move them into a directory.",
        discussion: """
            Nothing is overwritten. The next commit has the new names; contents are not stored again.

            EXAMPLES
              mlrepo mv data/review data/reviews
              mlrepo mv a.csv b.csv data            into the directory data
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "What to move, and last where to.", completion: .file())
    var paths: [String]

    func validate() throws {
        guard paths.count >= 2 else { throw ValidationError("name what to move, and where to") }
    }

    func run() throws {
        let repository = try Repository.alone()
        let resolved = try repository.paths(paths)
        guard let last = resolved.last else { return }
        let sources = resolved.dropLast()
        let isInto = try repository.isDirectory(last)
        guard isInto || sources.count == 1 else {
            throw Failure(status: .notFound, message: "\(last) is no directory", path: "\(last)")
        }
        var moved: [JSONValue] = []
        for source in sources {
            guard let name = source.split?.name else {
                throw Failure(status: .usage, message: "the working tree itself cannot be moved")
            }
            let target = isInto ? try last.appending(name) : last
            try repository.move(source, to: target)
            moved.append(.object(["from": source.json, "to": target.json]))
        }
        if output.json { Terminal.printJSON(.object(["moved": .array(moved)])) }
    }
}

struct RemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove tracked files from the disk and from the next version.",
        discussion: """
            Earlier versions keep them, and 'mlrepo restore PATH' brings them back until the next commit. Files with changes that no \
            version has are left alone; with --force they are kept first, and 'mlrepo undo' brings them back. 'mlrepo untrack' \
            leaves the files on the disk.

            EXAMPLES
              mlrepo rm data/old
              mlrepo rm --force model.bin
            """)

    @Flag(name: .shortAndLong, help: "Also files with changes; they are kept first.")
    var force = false
    @Flag(name: .shortAndLong, help: .hidden)
    var recursive = false
    @Flag(help: "Leave the files on the disk, as 'mlrepo untrack' does.")
    var cached = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "Files and directories.", completion: .file())
    var paths: [String]

    func run() throws {
        let repository = try Repository.alone()
        if cached {
            let paths = try repository.paths(paths)
            try UntrackCommand.untrack(paths, repository, output)
            if output.json { Terminal.printJSON(.object(["removed": .integer(0)])) }
            return
        }
        let (count, kept) = try repository.remove(repository.paths(paths), isForced: force)
        if output.json { return Terminal.printJSON(.object(["removed": .integer(count)])) }
        guard !output.quiet else { return }
        let way =
            kept == 0
            ? "until the next commit mlrepo restore PATH brings back what the last one has"
            : "mlrepo undo brings back what had changed, and mlrepo restore PATH what the last commit has"
        Terminal.print("\(Terminal.files(count)) removed; \(way)")
    }
}
