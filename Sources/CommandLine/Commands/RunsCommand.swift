internal import ArgumentParser
internal import Catalogue
internal import MLRepo
internal import ObjectModel

struct RunsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "List what was executed with 'run': also what failed, or was killed.",
        discussion: """
            A run is kept with what it wrote until it is dropped.

            A question compares metrics, parameters and facts by their names: 'f1 > 0.9 and params.lr < 1e-3', 'state = failed', \
            'command ~ train.py', 'started > 2026-03', with and, or, not and parentheses. A bare name is a metric, else a parameter, \
            else one of state, started, seconds, status, command, observed; metrics.NAME, params.NAME and env.NAME say which.

            EXAMPLES
              mlrepo runs
              mlrepo runs -n 5
              mlrepo runs 'f1 > 0.9' --sort -f1
              mlrepo runs --json
              mlrepo runs --follow          those on their way, and what begins and ends
              mlrepo runs --follow 1c9e     what one prints, until it ends
              mlrepo show run:1c9e          one of them, with all that is known
              mlrepo commit --run 1c9e -m "Best"
              mlrepo runs --drop 1c9e
            """)

    @Option(
        name: .customLong("sort"), parsing: .unconditional,
        help: ArgumentHelp(
            "The least first by a metric, parameter or fact; -NAME the greatest.", valueName: "name"))
    var key: String?
    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("At most so many: the latest, or the first ones by --sort.", valueName: "count"))
    var maxCount: Int?
    @Option(
        name: .customLong("drop"),
        help: ArgumentHelp(
            "Do not keep a run any longer, for good; versions that were made of it stay.", valueName: "run"))
    var dropped: [String] = []
    @Flag(
        name: .customLong("follow"),
        help:
            "Tell of runs as they begin and end, until Ctrl-C; with the name of one, show what it prints until it ends."
    )
    var follows = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "Only runs of which this is true.")
    var question: String?

    func validate() throws {
        if let maxCount, maxCount < 0 { throw ValidationError("-n counts runs: 0 or more") }
    }

    func run() throws {
        if follows, let question, Self.isName(question) { return try follow(run: question) }
        let query = try Query(typed: question ?? "", for: "runs")
        let repository = try Repository.here()
        if follows { return try follow(query, repository) }
        if !dropped.isEmpty {
            guard question == nil else {
                throw Failure(status: .usage, message: "--drop names runs, and takes no question")
            }
            // All or nothing: a name that is wrong is told before anything is dropped.
            let runs = try dropped.map { try repository.recordedRun(named: $0) }
            var seen: Set<String> = []
            for run in runs where seen.insert(run.name).inserted {
                guard run.state != .running else {
                    throw Failure(status: .busy, message: "run \(run.name.prefix(8)) is running")
                }
                try repository.dropRun(run)
                if !output.quiet, !output.json { Terminal.print("dropped run \(run.name.prefix(8))") }
            }
            return
        }
        let all = try repository.recordedRuns().map { (run: $0, facts: RunFacts(of: $0.run, $0.state)) }
        var runs = all.filter { query.matches($0.facts.values) }.map(\.run)
        if runs.isEmpty, !all.isEmpty, !output.json, !output.quiet {
            query.noteUnknownNames { name in all.contains { $0.facts.value(name) != nil } }
        }
        if let key {
            runs = RunFacts.sorted(runs, by: key) { RunFacts(of: $0.run, $0.state).value($1) }
        } else {
            // People look for the latest.
            if !output.json { runs.reverse() }
            if let maxCount, output.json { runs = Array(runs.suffix(maxCount)) }
        }
        if let maxCount { runs = Array(runs.prefix(maxCount)) }
        if output.json {
            for run in runs { Terminal.printJSON(try Self.json(run, repository)) }
            return
        }
        let names = try Self.names(repository)
        for run in runs { Terminal.print(Self.line(run, names)) }
    }

    // MARK: Following

    /// Whether somebody means a run, and asks no question.
    private static func isName(_ text: String) -> Bool {
        let digits = text.hasPrefix("run:") ? text.dropFirst(4) : text[...]
        return digits.utf8.count >= 4 && digits.allSatisfy(\.isHexDigit)
    }

    private func follow(run name: String) throws {
        guard !output.json else {
            throw Failure(
                status: .usage, message: "what a run prints is no JSON",
                hint: "mlrepo show --json run:\(name) has what is recorded of it")
        }
        let repository = try Repository.here()
        let run = try RunFollower(repository: repository).follow(repository.recordedRun(named: name))
        if !output.quiet { Terminal.printError("run \(run.name.prefix(8)): \(run.state.rawValue)") }
    }

    private func follow(_ query: Query, _ repository: Repository) throws {
        guard key == nil, maxCount == nil, dropped.isEmpty else {
            throw Failure(
                status: .usage,
                message: "--follow tells of all runs in the order of their time, and drops none")
        }
        if !output.json, !output.quiet {
            let all = try repository.recordedRuns().map { RunFacts(of: $0.run, $0.state) }
            query.noteUnknownNames { name in all.contains { $0.value(name) != nil } }
        }
        try RunFollower(repository: repository).follow { run in
            query.matches(RunFacts(of: run.run, run.state).values)
        } _: { run in
            if output.json {
                Terminal.printJSON(try Self.json(run, repository))
            } else {
                let isOfAnother = run.run.reproduction != nil || run.run.continues != nil
                Terminal.print(Self.line(run, isOfAnother ? try Self.names(repository) : [:]))
            }
        }
    }

    // MARK: What is told of one

    /// What people call the records of runs.
    private static func names(_ repository: Repository) throws -> [ObjectID: String] {
        Dictionary(
            try repository.recordedRuns().map { ($0.id, String($0.name.prefix(8))) },
            uniquingKeysWith: { first, _ in first })
    }

    private static func line(_ run: RecordedRun, _ names: [ObjectID: String]) -> String {
        let values = RunText.values(run.run).map { "  \($0)" }.joined()
        let time = run.run.started.map { Terminal.time($0) } ?? ""
        let seconds = RunText.seconds(run.run).map { RunText.duration($0) } ?? ""
        let words = run.run.command.map { RunText.command($0) } ?? ""
        let again =
            run.run.reproduction.map {
                "  repeats run \(names[$0.run] ?? $0.run.short): \($0.result.rawValue)"
            } ?? ""
        let earlier = run.run.continues.map { "  continues run \(names[$0] ?? $0.short)" } ?? ""
        return
            "\(run.name.prefix(8))  \(time)  \(run.state.rawValue)  \(seconds)  \(words)\(values)\(earlier)\(again)"
    }

    private static func json(_ recorded: RecordedRun, _ repository: Repository) throws -> JSONValue {
        let run = recorded.run
        let outputs = try repository.files(of: run.outputs)
        return .object([
            "run": .string(recorded.name), "id": recorded.id.json, "state": .string(recorded.state.rawValue),
            "base": run.base?.json, "continues": run.continues?.json,
            "started": run.started.map { .string(Terminal.time($0)) },
            "seconds": RunText.seconds(run).map { .number($0) }, "parameters": Values.json(run.parameters),
            "metrics": Values.json(run.metrics), "observedBy": .string(run.observedBy),
            "reproduces": run.reproduction?.run.json,
            "result": run.reproduction.map { .string($0.result.rawValue) },
            "command": .array((run.command?.arguments ?? []).map { Terminal.json($0) }),
            "outputs": .array(
                outputs.map { path, entry in
                    .object(["path": path.json, "id": entry.id.json, "size": .number(entry.size)])
                }),
        ])
    }
}
