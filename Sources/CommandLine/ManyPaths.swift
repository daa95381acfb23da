internal import ArgumentParser

/// A command that takes any number of paths at its end.
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
enum ManyPaths {
    /// Up to so many arguments the parser is quick.
    private static let limit = 200
    /// Words that may be the value of an option before the paths, and enough paths for a command to be satisfied.
    private static let kept = 8

    /// What the parser is to see, and the paths behind that; none where there are few arguments.
    static func split(_ arguments: [String]) -> (words: [String], rest: [String]) {
        guard arguments.count > limit,
            let command = MLRepoCommand.configuration.subcommands.first(where: {
                $0.configuration.commandName == arguments[0]
                    || $0.configuration.aliases.contains(arguments[0])
            }), command is any PathsCommand.Type
        else { return (arguments, []) }
        let start = (arguments.lastIndex { $0.hasPrefix("-") } ?? 0) + 1 + kept
        guard start < arguments.count else { return (arguments, []) }
        return (Array(arguments[..<start]), Array(arguments[start...]))
    }
}
