internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show or change the settings of this working copy.",
        discussion: """
            SETTINGS
            \(Setting.allCases.map { "  \($0.rawValue): \($0.explanation)" }.joined(separator: "\n"))

            EXAMPLES
              mlrepo config                         all that are set
              mlrepo config user.name               one
              mlrepo config user.name 'Ada Lovelace'
              mlrepo config --unset user.name
            """)

    @Flag(help: "Take the setting out.")
    var unset = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "The setting's name.")
    var key: String?
    @Argument(help: "Its new value.")
    var value: String?

    func validate() throws {
        if let value { try ArgumentText.requireText(value, "the value") }
        if unset, key == nil || value != nil { throw ValidationError("--unset takes the name of a setting") }
    }

    func run() throws {
        let repository = try Repository.here()
        guard let key else { return show(repository.configuration) }
        guard let setting = Setting(rawValue: key) else {
            throw Failure(
                status: .usage, message: "there is no setting '\(Terminal.escaped(key))'",
                hint: "mlrepo help config")
        }
        if unset || value != nil { return try repository.set(setting, to: value) }
        guard let found = repository.configuration[key] else {
            throw Failure(status: .no, message: "\(key) is not set", hint: "mlrepo config \(key) VALUE")
        }
        if output.json {
            Terminal.printJSON(.object(["key": .string(key), "value": .string(found)]))
        } else {
            Terminal.print(Terminal.escaped(found))
        }
    }

    private func show(_ configuration: Configuration) {
        if output.json {
            return Terminal.printJSON(
                .array(
                    configuration.all.map { .object(["key": .string($0.key), "value": .string($0.value)]) }))
        }
        for (key, value) in configuration.all { Terminal.print(Terminal.escaped("\(key) = \(value)")) }
    }
}
