internal import ArgumentParser
internal import MLRepo
internal import ObjectModel
internal import Storage

struct UndoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo", abstract: "Take back the last operation made here; repeated, the one before.",
        discussion: """
            Only what this working copy did, never a colleague's; it is refused if a branch has moved since, or a file that it would \
            overwrite was changed. Taking back a commit leaves the files as they are; taking back a checkout brings the earlier \
            files back.

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
        if let (id, hasLost) = try repository.undoInterrupted() {
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
        let words = OperationsCommand.line(operation)
        if !output.quiet, !output.json { Terminal.print("Taking back \(words)") }
        try takingBack { try repository.undo(operation) }
        if output.json { Terminal.printJSON(OperationsCommand.json(operation)) }
    }
}

struct RedoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redo", abstract: "Do again what 'undo' took back; repeated, what it took back before.",
        discussion: """
            Only as long as nothing else was done here since.

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
        try takingBack { try repository.redo(undo, of: operation) }
        if output.json { Terminal.printJSON(OperationsCommand.json(operation)) }
    }
}

struct OperationsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "operations", abstract: "Show what was done to the store, newest first.",
        discussion: """
            EXAMPLES
              mlrepo operations
              mlrepo operations --json
            """,
        aliases: ["reflog"])

    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("At most so many.", valueName: "count"))
    var maxCount: Int?
    @OptionGroup var output: OutputOptions

    func run() throws {
        var left = maxCount ?? .max
        guard left > 0 else { return }
        try Repository.here().operations { operation in
            if output.json {
                Terminal.printJSON(Self.json(operation))
            } else {
                Terminal.print(Self.line(operation))
            }
            left -= 1
            return left > 0
        }
    }

    static func line(_ operation: Operation) -> String {
        let event = operation.event
        var line = "\(operation.number)  \(Terminal.time(event.time))  \(event.verb)"
        if let reason = event.reason { line += " \"\(reason)\"" }
        line += "  by \(event.actor.name)"
        for change in event.refs where change.name.name(in: "worktrees") == nil {
            if change.name.name(in: "kept") != nil {
                // What was overwritten; what holds it meanwhile concerns nobody.
                line += "  (what it overwrites: \((change.after ?? change.before)?.id.short ?? "-"))"
            } else {
                line +=
                    "  \(change.name) \(change.before?.id.short ?? "-") -> \(change.after?.id.short ?? "-")"
            }
        }
        return Terminal.escaped(line)
    }

    static func json(_ operation: Operation) -> JSONValue {
        let event = operation.event
        return .object([
            "number": .integer(operation.number), "event": operation.eventID.json,
            "verb": .string(event.verb),
            "actor": event.actor.json, "time": .string(Terminal.time(event.time)),
            "reason": event.reason.map { .string($0) },
            "refs": .array(
                event.refs.map { change in
                    .object([
                        "name": .string(change.name.text), "before": change.before?.id.json,
                        "after": change.after?.id.json,
                    ])
                }),
        ])
    }
}

/// Says why an operation cannot be taken back, or done again.
private func takingBack(_ body: () throws -> Void) throws {
    do { try body() } catch RepositoryError.store(.moved(let name)) {
        throw Failure(status: .wouldLose, message: "\(name) has moved since", hint: "mlrepo operations")
    } catch RepositoryError.wouldLose(let paths) {
        var failure = Failure(.wouldLose(paths))
        failure.hint = "move what is named elsewhere; then type this again"
        throw failure
    }
}
