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
        var moves: [(source: RepositoryPath, target: RepositoryPath)] = []
        var (gone, taken): (Set<RepositoryPath>, Set<RepositoryPath>) = ([], [])
        // All are looked at before the first one moves.
        for source in sources {
            guard let name = source.split?.name else {
                throw Failure(status: .usage, message: "the working tree itself cannot be moved")
            }
            let target = isInto ? try last.appending(name) : last
            guard !gone.covers(source) else { throw RepositoryError.noPath("\(source)") }
            guard taken.insert(target).inserted else { throw RepositoryError.refExists("\(target)") }
            // 'FILE DIRECTORY/' means a directory that is there.
            if !isInto, paths.last?.hasSuffix("/") == true, try !repository.isDirectory(source) {
                throw Failure(status: .notFound, message: "\(last) is no directory", path: "\(last)")
            }
            try repository.requireMovable(source, to: target)
            moves.append((source, target))
            gone.insert(source)
        }
        try repository.move(moves)
        let targets = moves.map(\.target)
        if try repository.filesOfGit(below: targets) == 0 {
            try Terminal.noteGit(targets, repository, output)
        }
        guard output.json else { return }
        let moved = moves.map { JSONValue.object(["from": $0.source.json, "to": $0.target.json]) }
        Terminal.printJSON(.object(["moved": .array(moved)]))
    }
}
