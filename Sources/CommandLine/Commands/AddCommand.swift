internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct AddCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Track files, or directories with all that will come into them.",
        discussion: """
            Nothing is copied yet, and nothing has to be added again: 'commit' takes what is there then.

            EXAMPLES
              mlrepo add data/reviews              a directory and all that comes into it
              mlrepo add model.safetensors         one file
              mlrepo add --pattern '*.ckpt'        every file that matches, wherever it is
            """)

    @Option(name: .long, help: "Track every file that matches, in the syntax of .gitignore.")
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
        _ = try repository.add(paths: paths, patterns: pattern)
        Terminal.noteLinks(paths, repository, output)
        let twice = try repository.filesOfGit(below: paths)
        if twice > 0, !output.quiet {
            Terminal.printError(
                "note: git tracks \(Terminal.files(twice)) of these, too; 'mlrepo untrack PATH' leaves them to git, 'git rm --cached PATH' to mlrepo"
            )
        }
        let seen = twice == 0 && !output.quiet ? try repository.seenByGit(paths) : []
        if let first = seen.first {
            let lines = seen.prefix(8).map { "'/\($0)'" }.joined(separator: ", ")
            let others = seen.count == 1 ? "" : " and \(Terminal.count(seen.count - 1)) more"
            let rest = seen.count > 8 ? " and so on" : ""
            Terminal.printError(
                "note: git does not ignore \(first)\(others): \(seen.count == 1 ? "the line" : "lines") \(lines)\(rest) in .gitignore, beside .mlrepo, \(seen.count == 1 ? "keeps it" : "keep them") out of git"
            )
        }
        guard output.json else { return }
        Terminal.printJSON(
            .object([
                "added": .array(paths.map(\.json)), "patterns": .array(pattern.map { .string($0) }),
            ]))
    }
}

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
                "untracked": .array(paths.map(\.json)), "ignored": .array(ignored.map(\.json)),
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
            Terminal.print("\(path) lies in a tracked directory: .mlrepoignore leaves it out from now on")
        }
        return ignored
    }
}
