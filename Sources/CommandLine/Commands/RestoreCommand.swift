internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

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
    @Argument(help: "Files and directories.", completion: .file())
    var paths: [String]

    func run() throws {
        let repository = try Repository.alone()
        let progress = output.progress("writing")
        defer { progress.finish() }
        let restored = try Self.hinting {
            try repository.restore(repository.paths(paths)) { progress.add($0) }
        }
        progress.finish()
        if output.json { return Terminal.printJSON(.object(["restored": .array(restored.map(\.json))])) }
        guard !output.quiet else { return }
        Terminal.print("\(Terminal.files(restored.count)) came back")
        if restored.isEmpty {
            Terminal.printError(
                "hint: a changed file goes back by mlrepo checkout --force -- PATH"
            )
        }
    }

    /// Says where a file may be that the last commit has not.
    private static func hinting(_ body: () throws -> [RepositoryPath]) throws -> [RepositoryPath] {
        do { return try body() } catch RepositoryError.noPath(let path) {
            var failure = Failure(.noPath(path))
            // An escaped name is not the name.
            let named = path.contains("\\") ? nil : try? RepositoryPath(ArgumentText.bytes(path))
            let word = named.map(ShellWord.path) ?? "PATH"
            failure.hint =
                "the last commit has it not: mlrepo checkout REVISION -- \(word) takes it from another one"
            throw failure
        }
    }
}
