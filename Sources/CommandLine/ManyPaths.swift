internal import ArgumentParser

/// A command that takes any number of paths.
protocol PathsCommand: ParsableCommand {
    var paths: [String] { get set }
}

extension AddCommand: PathsCommand {}
extension CommitCommand: PathsCommand {}
extension MoveCommand: PathsCommand {}
extension RemoveCommand: PathsCommand {}
extension RestoreCommand: PathsCommand {}
extension UntrackCommand: PathsCommand {}

/// Paths by the thousand, as a shell makes them of `data/*`: the parser takes quadratic time for them, so that most are kept from it.
struct ManyPaths {
    /// What the parser is to see: of many words in a row that are no options only the first, which may be the value of an option,
    /// and a mark for the others.
    private(set) var words: [String]
    /// The words that a mark stands for.
    private var hidden: [String: [String]] = [:]

    /// Up to so many arguments the parser is quick.
    private static let limit = 200
    /// So few words in a row are not worth a mark.
    private static let few = 8

    init(_ arguments: [String]) {
        words = arguments
        guard arguments.count > Self.limit,
            let command = MLRepoCommand.configuration.subcommands.first(where: {
                $0.configuration.commandName == arguments[0]
                    || $0.configuration.aliases.contains(arguments[0])
            }), command is any PathsCommand.Type
        else { return }
        words = [arguments[0]]
        var next = 1
        while next < arguments.count {
            let end = arguments[next...].firstIndex { $0.hasPrefix("-") } ?? arguments.count
            let row = arguments[next..<end]
            if row.count > Self.few {
                // No argument holds a zero byte.
                let mark = "\0\(hidden.count)"
                hidden[mark] = Array(row.dropFirst())
                words += [arguments[next], mark]
            } else {
                words += row
            }
            if end < arguments.count { words.append(arguments[end]) }
            next = end + 1
        }
    }

    /// The paths that the parser found, with those that it did not see.
    func complete(_ command: any ParsableCommand) -> any ParsableCommand {
        guard !hidden.isEmpty, var many = command as? any PathsCommand else { return command }
        many.paths = many.paths.flatMap { hidden[$0] ?? [$0] }
        return many
    }
}
