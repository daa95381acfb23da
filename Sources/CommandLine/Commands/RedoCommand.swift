internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct RedoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redo", abstract: "Do again what 'undo' took back; repeated, what it took back before.",
        discussion: """
            Only as long as nothing else was done here since. A checkout of paths, and 'rm', are typed again instead: 'redo' passes \
            them, and says so.

            EXAMPLES
              mlrepo undo
              mlrepo redo
            """)

    @OptionGroup var output: OutputOptions

    func run() throws {
        let repository = try Repository.alone()
        let (found, passed) = try repository.redoable()
        let words = passed.map { operation -> String in
            let (verb, reason) = (operation.event.verb, operation.event.reason ?? "")
            return "'\(Terminal.escaped(verb == "checkout" ? "\(verb) \(reason)" : reason))'"
        }
        guard let (undo, operation) = found else {
            throw Failure(
                status: .no, message: "there is nothing to do again",
                hint: words.isEmpty
                    ? "mlrepo operations"
                    : "what was taken back is typed again: \(words.joined(separator: ", "))"
            )
        }
        for words in words where !output.quiet {
            Terminal.printError("note: \(words) is not done again: type it, if it is to be")
        }
        if !output.quiet, !output.json { Terminal.print("Doing again \(OperationsCommand.line(operation))") }
        let progress = output.progress("writing")
        defer { progress.finish() }
        try takingBack { try repository.redo(undo, of: operation) { progress.add($0) } }
        progress.finish()
        if output.json { Terminal.printJSON(OperationsCommand.json(operation)) }
    }
}
