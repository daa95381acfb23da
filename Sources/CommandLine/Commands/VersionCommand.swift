internal import ArgumentParser
internal import ObjectModel

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version of this program.",
        discussion: """
            EXAMPLES
              mlrepo version
            """)

    @OptionGroup var output: OutputOptions

    func run() { Self.run(json: output.json) }

    static func run(json: Bool) {
        if json {
            return Terminal.printJSON(.object(["version": .string(Version.number), "format": .number(1)]))
        }
        Terminal.print(Version.text)
    }
}
