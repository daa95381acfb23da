internal import ArgumentParser
internal import MLRepo
internal import ObjectModel
internal import Storage

struct UndoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo", abstract: "Take back the last operation made here; repeated, the one before.",
        discussion: """
            Only what this working copy did, never a colleague's; it is refused if a branch has moved since, or a file that it would \
            overwrite was changed. Taking back a commit leaves the files as they are; taking back a checkout or 'rm' brings the \
            earlier files back. 'add', 'untrack', 'mv' and 'restore' are no operations: 'untrack', 'add' and 'mv' take the first \
            three back.

            EXAMPLES
              mlrepo undo
              mlrepo operations      what was done, and by whom
            """)

    @OptionGroup var output: OutputOptions

    func run() throws {
        let repository = try Repository.alone()
        if let finished = try repository.finishUndo() {
            if output.json { return Terminal.printJSON(OperationsCommand.json(finished)) }
            if !output.quiet {
                Terminal.print("An interrupted undo is finished: \(OperationsCommand.line(finished))")
            }
            return
        }
        let progress = output.progress("writing")
        defer { progress.finish() }
        if let (id, hasLost) = try repository.undoInterrupted(onStep: { progress.add($0) }) {
            progress.finish()
            if hasLost, !output.quiet {
                Terminal.printError("what it had overwritten was collected since, and does not come back")
            }
            if output.json { return Terminal.printJSON(.object(["commit": id.json])) }
            if !output.quiet {
                Terminal.print("The interrupted checkout is taken back: these are the files of \(id.short)")
            }
            return
        }
        guard let operation = try repository.undoable() else {
            throw Failure(status: .no, message: "there is nothing to take back", hint: "mlrepo operations")
        }
        let isRetracked = try repository.isRetracked()
        let published = try Self.published(operation, repository)
        try takingBack { try repository.undo(operation) { progress.add($0) } }
        progress.finish()
        if output.json { return Terminal.printJSON(OperationsCommand.json(operation)) }
        guard !output.quiet else { return }
        Terminal.print("Taken back: \(OperationsCommand.line(operation))")
        if let published {
            Terminal.printError("note: it was pushed: \(Terminal.escaped(published)) has it still")
        }
        if isRetracked, try repository.isRetracked() {
            let isRedoable = try repository.redoable().found?.operation.eventID == operation.eventID
            Terminal.printError(
                "note: what was added, untracked or moved since the last commit stays so"
                    + (isRedoable ? "; mlrepo redo does again what was taken back" : ""))
        }
    }

    /// The branch of another store that has what an operation made, as far as is known here.
    private static func published(_ operation: Operation, _ repository: Repository) throws -> String? {
        let made = operation.event.refs.filter { $0.name.name(in: "branches") != nil }.compactMap(\.after?.id)
        return try repository.refs(in: "remotes").first { made.contains($0.target.id) }?.name
    }
}

/// Says why an operation cannot be taken back, or done again.
func takingBack(_ body: () throws -> Void) throws {
    do { try body() } catch RepositoryError.store(.moved(let name)) {
        throw Failure(status: .wouldLose, message: "\(name) has moved since", hint: "mlrepo operations")
    } catch RepositoryError.wouldLose(let paths) {
        var failure = Failure(.wouldLose(paths))
        failure.hint = "move what is named elsewhere; then type this again"
        throw failure
    }
}
