internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct RemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove tracked files from the disk and from the next version.",
        discussion: """
            Earlier versions keep them; 'mlrepo undo' brings them back, and so does 'mlrepo restore PATH' until the next commit. Files \
            with changes that no version has are left alone; with --force they are kept first, and 'mlrepo undo' brings them back, \
            too. 'mlrepo untrack' leaves the files on the disk.

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
            if output.json { Terminal.printJSON(.object(["removed": .number(0)])) }
            return
        }
        let (count, isKept) = try repository.remove(repository.paths(paths), isForced: force)
        if output.json { return Terminal.printJSON(.object(["removed": .number(count)])) }
        guard !output.quiet else { return }
        let way = isKept ? "; mlrepo undo brings \(count == 1 ? "it" : "them") back" : ""
        Terminal.print("\(Terminal.files(count)) removed\(way)")
    }
}
