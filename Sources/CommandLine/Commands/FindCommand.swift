internal import ArgumentParser
internal import Catalogue
internal import MLRepo
internal import ObjectModel

struct FindCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find",
        abstract: "Find versions and runs by parameters, metrics, dates, authors, inputs and outputs.",
        discussion: """
            A question compares facts by their names, with and, or, not and parentheses; '~' is 'contains'. A bare name is a metric, \
            else a parameter, else one of author, date, message, commit, run, state, started, seconds, status, command, observed; \
            metrics.NAME, params.NAME and env.NAME say which. 'input', 'output' and 'code' are asked for a path, for sha256: and \
            an id, or with '~' for a part of a path; 'input != PATH' is true of what has other inputs and not this one.

            Metrics that another run measured with a model count as that model's, too; tests.NAME asks for these alone. Versions come \
            with the facts of their runs; runs of which no version was made follow them. The answer comes from a \
            catalogue in .mlrepo that is brought up to date first; without it, it is made anew.

            EXAMPLES
              mlrepo find 'metrics.f1 > 0.9 and params.lr < 1e-3'
              mlrepo find 'author ~ Ada and date > 2026-03'
              mlrepo find 'tests.f1 > 0.9'       as measured by runs that read the model
              mlrepo find 'input = data/reviews/2026-03.jsonl' --sort -f1
              mlrepo find 'code = train.py and not output ~ checkpoint'
            """)

    @Option(
        name: .customLong("sort"), parsing: .unconditional,
        help: ArgumentHelp(
            "The least first by a metric, parameter or fact; -NAME the greatest.", valueName: "name"))
    var key: String?
    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("At most so many.", valueName: "count"))
    var maxCount: Int?
    @OptionGroup var output: OutputOptions
    @Argument(help: "What has to be true.")
    var question: String

    func validate() throws {
        if let maxCount, maxCount < 0 { throw ValidationError("-n counts what is found: 0 or more") }
    }

    func run() throws {
        let query = try Query(typed: question, for: "find")
        let repository = try Repository.here()
        var found = try repository.find(query)
        if let key { found = RunFacts.sorted(found, by: key) { $0.facts.value($1) } }
        if found.isEmpty, !output.json, !output.quiet {
            try query.noteUnknownNames { try !repository.find(.has($0)).isEmpty }
        }
        let names = try CommitNames(repository)
        for item in found.prefix(maxCount ?? .max) {
            if output.json {
                Terminal.printJSON(Self.json(item, names))
            } else {
                Terminal.print(Self.line(item, names))
            }
        }
    }

    private static func line(_ item: Found, _ names: CommitNames) -> String {
        switch item {
        case .version(let id, let commit, let runs):
            let values = runs.flatMap { RunText.values($0.run) }.map { "  \($0)" }.joined()
            return
                "\(id.short)  \(Terminal.time(commit.authored))  \"\(Terminal.escaped(commit.subject))\"  by \(Terminal.escaped(commit.author.name))\(names.text(id))\(values)"
        case .run(let recorded):
            let time = recorded.run.started.map { Terminal.time($0) } ?? ""
            let words = recorded.run.command.map { RunText.command($0) } ?? ""
            let values = RunText.values(recorded.run).map { "  \($0)" }.joined()
            return
                "run:\(recorded.name.prefix(8))  \(time)  \(recorded.state.rawValue)  \(words)\(values)"
        }
    }

    private static func json(_ item: Found, _ names: CommitNames) -> JSONValue {
        switch item {
        case .version(let id, let commit, let runs):
            let told = LogCommand.json(
                id, commit, names, runs: runs.map { RunText.summary($0.id, $0.run) })
            guard case .object(let members) = told else { return .null }
            return .object(members + [JSONMember("kind", .string("version"))], sorting: true)
        case .run(let recorded):
            let run = recorded.run
            return .object([
                "kind": .string("run"), "run": .string(recorded.name), "id": recorded.id.json,
                "state": .string(recorded.state.rawValue),
                "started": run.started.map { .string(Terminal.time($0)) },
                "command": .array((run.command?.arguments ?? []).map { Terminal.json($0) }),
                "parameters": Values.json(run.parameters), "metrics": Values.json(run.metrics),
            ])
        }
    }
}
