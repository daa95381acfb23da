internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct UsageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "du", abstract: "Show what files and directories of a version take of the store.",
        discussion: """
            Three sizes: of the files, of what is stored for them (equal contents once, compressed), and of the part that no other \
            path and no other version shares.

            EXAMPLES
              mlrepo du                     all at the top, of the last commit
              mlrepo du data/reviews
              mlrepo du --at v1.2 model
            """)

    @Option(name: .customLong("at"), help: ArgumentHelp("Of another version.", valueName: "revision"))
    var revision: String?
    @OptionGroup var output: OutputOptions
    @Argument(help: "Files and directories.", completion: .file())
    var paths: [String] = []

    func run() throws {
        let repository = try Repository.here()
        let id = try repository.commit(named: revision ?? "HEAD")
        for usage in try repository.usage(repository.paths(paths), at: id) {
            if output.json {
                Terminal.printJSON(
                    .object([
                        "path": usage.path.json, "files": .number(usage.files),
                        "rawBytes": .number(usage.rawBytes), "storedBytes": .number(usage.storedBytes),
                        "onlyHereBytes": .number(usage.onlyHereBytes),
                    ]))
            } else {
                Terminal.print(
                    "\(usage.path)  \(Terminal.files(usage.files)), \(Terminal.size(usage.rawBytes)), stored in"
                        + " \(Terminal.size(usage.storedBytes)), \(Terminal.size(usage.onlyHereBytes)) only here"
                )
            }
        }
    }
}
