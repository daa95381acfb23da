internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct ResolveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Print the id of the commit that a revision names.",
        discussion: """
            Of a name at a time it also says which instant that was, and whose clock tells which operation was the newest by then.

            EXAMPLES
              mlrepo resolve main~2
              mlrepo resolve 'main@{2 days ago}'
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "A revision.")
    var revision: String

    func run() throws {
        let repository = try Repository.here()
        let id = try repository.commit(named: revision)
        let past = try repository.pastValue(in: revision)
        if output.json {
            return Terminal.printJSON(
                .object([
                    "commit": id.json, "instant": past.map { .string(Terminal.time($0.instant)) },
                    "operation": past.map { OperationsCommand.json($0.operation) },
                ]))
        }
        Terminal.print(id.hex)
        if let past, !output.quiet {
            let (number, event) = (past.operation.number, past.operation.event)
            Terminal.printError(
                "note: as of \(Terminal.time(past.instant)) the newest operation was \(number), of \(Terminal.time(event.time)) by the clock of "
                    + Terminal.escaped("\(event.actor)"))
        }
    }
}
