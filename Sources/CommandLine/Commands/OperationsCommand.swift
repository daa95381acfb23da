internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

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
        if let address = event.session?.address { line += " from \(address)" }
        let others = event.refs.filter { $0.name.name(in: "kept") == nil }
        if others.count == 1, let place = others.first, place.name.name(in: "worktrees") != nil {
            // Where it stood before and after, if no branch tells it.
            line += "  at \(place.before?.id.short ?? "-") -> \(place.after?.id.short ?? "-")"
        }
        for change in event.refs where change.name.name(in: "worktrees") == nil {
            if change.name.name(in: "kept") != nil {
                // What was overwritten; what holds it meanwhile concerns nobody.
                line += "  (what it overwrites: \((change.after ?? change.before)?.id.short ?? "-"))"
            } else if change.name.statement != nil {
                line += change.after == nil ? "  (signature goes)" : "  (signed)"
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
            "number": .number(operation.number), "event": operation.eventID.json,
            "verb": .string(event.verb),
            "actor": event.actor.json, "time": .string(Terminal.time(event.time)),
            "reason": event.reason.map { .string($0) },
            "session": event.session?.json,
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
