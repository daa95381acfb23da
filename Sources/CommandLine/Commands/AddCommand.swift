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
        for pattern in pattern {
            try ArgumentText.requireText(pattern, "the pattern")
            // The order of patterns is not kept, so that nothing can be excepted.
            guard !pattern.isEmpty, !pattern.hasPrefix("!"), !pattern.hasPrefix("#") else {
                throw ValidationError(
                    "the pattern '\(Terminal.escaped(pattern))' tracks nothing: what is to be left out stands in .mlrepoignore"
                )
            }
        }
    }

    func run() throws {
        let repository = try Repository.alone()
        let paths = try repository.dataPaths(paths)
        _ = try repository.add(paths: paths, patterns: pattern)
        Terminal.noteLinks(paths, repository, output)
        let twice = try repository.filesOfGit(below: paths)
        if twice > 0, !output.quiet {
            Terminal.printError(
                "note: git tracks \(Terminal.files(twice)) of these, too; 'mlrepo untrack PATH' leaves them to git, 'git rm --cached PATH' to mlrepo"
            )
        }
        if twice == 0 { try Terminal.noteGit(paths, repository, output) }
        guard output.json else { return }
        Terminal.printJSON(
            .object([
                "added": .array(paths.map(Terminal.json)), "patterns": .array(pattern.map { .string($0) }),
            ]))
    }
}
