internal import ArgumentParser
internal import MLRepo

struct RedoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redo", abstract: "Do again what 'undo' took back; repeated, what it took back before.",
        discussion: """
            Only as long as nothing else was done here since; a checkout of paths, and 'rm', are typed again instead.

            EXAMPLES
              mlrepo undo
              mlrepo redo
            """)

    @OptionGroup var output: OutputOptions

    func run() throws {
        let repository = try Repository.alone()
        guard let (undo, operation) = try repository.redoable() else {
            throw Failure(status: .no, message: "there is nothing to do again", hint: "mlrepo operations")
        }
        if !output.quiet, !output.json { Terminal.print("Doing again \(OperationsCommand.line(operation))") }
        let progress = output.progress("writing")
        defer { progress.finish() }
        try takingBack { try repository.redo(undo, of: operation) { progress.add($0) } }
        progress.finish()
        if output.json { Terminal.printJSON(OperationsCommand.json(operation)) }
    }
}
