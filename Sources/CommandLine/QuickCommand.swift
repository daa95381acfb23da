/// What prompts and scripts type all day, as they type it: run without the parser of arguments.
///
/// To set up the parser's types takes a millisecond (generic metadata is made, and conformances are sought among all of the
/// program's): in a small store more than all the rest of `status`, and a tenth of a `commit`. Whatever else is typed goes the
/// long way.
enum QuickCommand: Hashable {
    case version(json: Bool)
    case status(json: Bool)
    case commit(message: String)

    /// - Returns: Nothing if it takes a parser to tell what is meant.
    init?(_ arguments: [String]) {
        if arguments.count == 3, arguments[0] == "commit", arguments[1] == "-m",
            CommitCommand.isMessage(arguments[2]), !arguments[2].hasPrefix("-")
        {
            self = .commit(message: arguments[2])
            return
        }
        guard let name = arguments.first, arguments.count == 1 || arguments.dropFirst() == ["--json"] else {
            return nil
        }
        let json = arguments.count == 2
        switch name {
        case "version": self = .version(json: json)
        case "status": self = .status(json: json)
        default: return nil
        }
    }

    func run() throws {
        switch self {
        case .version(let json): VersionCommand.run(json: json)
        case .status(let json): try StatusCommand.run(json: json, quiet: false)
        case .commit(let message): try CommitCommand.run(message: message)
        }
    }
}
