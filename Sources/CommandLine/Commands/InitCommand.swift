internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a repository.",
        discussion: """
            EXAMPLES
              mlrepo init            in this directory
              mlrepo init project    in another, which is made if needed
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "The directory; this one if none is named.")
    var directory: String?

    func run() throws {
        let environment = Environment.process()
        let root =
            directory.map { environment.workingDirectory.appending(ArgumentText.bytes($0)).normalized }
            ?? environment.workingDirectory
        let repository = try Repository.create(at: root, environment)
        if output.json {
            Terminal.printJSON(.object(["path": .string("\(repository.copy.directory)")]))
        } else if !output.quiet {
            Terminal.print("A new repository in \(Terminal.escaped(repository.copy.directory.bytes))")
        }
    }
}
