internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct UntrackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "untrack", abstract: "Stop tracking; the files stay where they are.",
        discussion: """
            Earlier versions keep them. 'mlrepo add' tracks them again. What lies in a tracked directory is left out of it by a line \
            in .mlrepoignore. What a pattern took in stays tracked when the pattern goes.

            EXAMPLES
              mlrepo untrack data/scratch
              mlrepo untrack --pattern '*.ckpt'    no new files that match
            """)

    @Option(name: .long, help: "Take in no more files that match; the pattern as 'add' was given it.")
    var pattern: [String] = []
    @OptionGroup var output: OutputOptions
    @Argument(help: "Files and directories.", completion: .file())
    var paths: [String] = []

    func validate() throws {
        guard !paths.isEmpty || !pattern.isEmpty else {
            throw ValidationError("name a file, a directory or a pattern")
        }
    }

    func run() throws {
        let repository = try Repository.alone()
        let paths = try repository.paths(paths)
        for pattern in pattern {
            let known = try repository.removePattern(pattern)
            guard known.contains(pattern) else {
                let list = known.map { "'\($0)'" }.joined(separator: ", ")
                throw Failure(
                    status: .notFound, message: "no pattern '\(Terminal.escaped(pattern))' is tracked",
                    hint: known.isEmpty
                        ? "mlrepo add --pattern PATTERN" : "these are: \(Terminal.escaped(list))")
            }
        }
        let ignored = paths.isEmpty ? [] : try Self.untrack(paths, repository, output)
        guard output.json else { return }
        Terminal.printJSON(
            .object([
                "untracked": .array(paths.map(Terminal.json)), "ignored": .array(ignored.map(\.json)),
                "patterns": .array(pattern.map { .string($0) }),
            ]))
    }

    /// - Returns: Paths that a line in the ignore file leaves out from now on.
    @discardableResult
    static func untrack(
        _ paths: [RepositoryPath], _ repository: Repository, _ output: OutputOptions
    ) throws -> [RepositoryPath] {
        let count = try repository.fileCount(at: paths)
        let ignored = try repository.untrack(paths)
        if count > 0, !output.json, !output.quiet {
            Terminal.print(
                "the next version is without \(Terminal.files(count)) here; on the disk nothing changes")
        }
        for path in ignored where !output.json && !output.quiet {
            Terminal.print("\(path) would be taken in again: .mlrepoignore leaves it out from now on")
        }
        return ignored
    }
}
