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
    @Argument(help: "Files and directories.", completion: .file())
    var paths: [String] = []

    func validate() throws {
        guard !paths.isEmpty || !pattern.isEmpty else {
            throw ValidationError("name a file, a directory or a pattern")
        }
    }

    func run() throws {
        let repository = try Repository.here()
        _ = try repository.add(paths: repository.paths(paths), patterns: pattern)
    }
}

struct UntrackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "untrack", abstract: "Stop tracking; the files stay where they are.",
        discussion: """
            Earlier versions keep them. 'mlrepo add' tracks them again. What lies in a tracked directory is left out of it by a line
            in .mlrepoignore.

            EXAMPLES
              mlrepo untrack data/scratch
            """)

    @Argument(help: "Files and directories.", completion: .file())
    var paths: [String]

    func run() throws {
        try Self.untrack(paths, Repository.here())
    }

    static func untrack(_ paths: [String], _ repository: Repository) throws {
        for path in try repository.untrack(repository.paths(paths)) {
            Terminal.print("\(path) lies in a tracked directory: .mlrepoignore leaves it out from now on")
        }
    }
}
