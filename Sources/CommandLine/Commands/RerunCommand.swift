internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Observation

struct RerunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rerun",
        abstract: "Execute again, here, what is stale: its inputs or its code have changed since.",
        discussion: """
            What depends on what is known from what runs have read and written: nobody writes it down. Each run is executed behind \
            those that it reads from, and only if what it reads is not what it was by then. What is going to be executed is shown \
            first, and asked for. The first command that fails ends it.

            EXAMPLES
              mlrepo rerun --dry-run
              mlrepo rerun
              mlrepo rerun model --yes      only what leads to these files
              mlrepo rerun --cached         takes what was made of just these inputs before
            """)

    @Flag(name: [.customShort("n"), .customLong("dry-run")], help: "Only say what is stale, and why.")
    var isDry = false
    @Flag(name: [.customShort("y"), .long], help: "Execute what is shown without asking.")
    var yes = false
    @Flag(
        help: "Where a recorded run has executed just this, take what it wrote instead of executing it again."
    )
    var cached = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "Only what leads to these files and directories.", completion: .file())
    var paths: [String] = []

    func run() throws {
        let repository = try Repository.here()
        let steps = try repository.rerunSteps(for: repository.paths(paths))
        let stale = Self.stale(steps)
        if !output.json, !output.quiet { Self.noteDoubtful(steps.filter { stale[$0.id] == nil }) }
        let obstructed = steps.filter { stale[$0.id] != nil && $0.obstacle != nil }
        if stale.isEmpty || isDry {
            if output.json { return tellJSON(steps, stale, executed: []) }
            for line in Self.lines(steps, stale) { Terminal.print(line) }
            if stale.isEmpty, !output.quiet {
                Terminal.print(steps.isEmpty ? "no recorded run made what is here" : "nothing is stale")
            }
            return
        }
        if yes || !output.json { for line in Self.lines(steps, stale) { Terminal.printError(line) } }
        if obstructed.count == stale.count { throw Self.failure(obstructed) }
        if !yes { try RunExecution.requireConsent(alternative: "; --dry-run only tells") }
        // Held until this process ends.
        guard repository.copy.takeRerun() else {
            throw Failure(
                status: .busy, message: "another rerun executes here",
                hint: "mlrepo runs --follow tells how it goes")
        }
        var executed: [(step: RerunStep, outcome: Outcome)] = []
        for step in steps where stale[step.id] != nil && step.obstacle == nil {
            guard let outcome = try execute(step, in: repository.copy.root) else { continue }
            executed.append((step, outcome))
            guard case .executed(let report) = outcome else { continue }
            guard report.run.exitStatus == 0 else {
                if output.json { tellJSON(steps, stale, executed: executed) }
                throw Failure(
                    status: .no,
                    message:
                        "it failed: \(RunText.command(step.command)); what depends on it was not executed (run \(report.run.name?.prefix(8) ?? ""))"
                )
            }
        }
        if output.json {
            tellJSON(steps, stale, executed: executed)
        } else if !output.quiet {
            var reports: [RunReport] = []
            for case .executed(let report) in executed.map(\.outcome) { reports.append(report) }
            let taken = executed.count - reports.count
            let hint = try Self.hint(reports)
            Terminal.print(
                "\(Terminal.number(reports.count, "run")) executed again, \(taken > 0 ? "\(taken) taken from runs before, " : "")\(stale.count - executed.count - obstructed.count) found as before\(hint)"
            )
        }
        if !obstructed.isEmpty { throw Self.failure(obstructed) }
    }

    /// Some of what is stale has to be executed by somebody else.
    private static func failure(_ obstructed: [RerunStep]) -> Failure {
        let words = obstructed.prefix(4).map { RunText.command($0.command) }.joined(separator: "; ")
        return Failure(
            status: .no,
            message:
                "\(Terminal.number(obstructed.count, "run")) that \(obstructed.count == 1 ? "is" : "are") stale cannot be executed here: \(words)"
        )
    }

    /// Says which files came where runs looked, in one line.
    private static func noteDoubtful(_ steps: [RerunStep]) {
        let doubtful = steps.filter { !$0.doubtful.isEmpty }
        guard let first = doubtful.first else { return }
        let names = Set(doubtful.flatMap(\.doubtful)).sorted()
        let others = doubtful.count > 1 ? " and \(Terminal.number(doubtful.count - 1, "other run"))" : ""
        Terminal.printError(
            "note: \(ReproductionText.names(names)) came where '\(RunText.command(first.command))'\(others) looked: nobody knows whether they would make something of that; not taken for stale"
        )
    }

    /// What became of a step that was stale when its turn came.
    private enum Outcome {
        case executed(RunReport)
        /// An earlier run had made just this.
        case taken(RecordedRun)
    }

    /// How to make a version of what was written.
    private static func hint(_ reports: [RunReport]) throws -> String {
        let here = try Repository.here()
        let written = Set(reports.flatMap(\.outputs.roots)).sorted()
        if written.isEmpty { return "" }
        let untracked = try written.filter { try !here.isTracked($0) }
        guard !untracked.isEmpty else { return "; mlrepo commit makes a version of what they wrote" }
        let names = untracked.prefix(4).map { ShellWord.path($0) }.joined(separator: " ")
        return
            "; mlrepo add \(names)\(untracked.count > 4 ? " …" : ""), then mlrepo commit, makes a version of what they wrote"
    }

    /// The stale ones with the reasons, and those that read from them.
    private static func stale(_ steps: [RerunStep]) -> [ObjectID: [String]] {
        var stale: [ObjectID: [String]] = [:]
        let commands = Dictionary(
            steps.map { ($0.id, RunText.command($0.command)) },
            uniquingKeysWith: { first, _ in first })
        for step in steps {
            let behind = step.upstream.filter { stale[$0] != nil }.map {
                "it reads what '\(commands[$0] ?? $0.short)' makes"
            }
            if !(step.reasons + behind).isEmpty { stale[step.id] = step.reasons + behind }
        }
        return stale
    }

    /// Executes a run again if it is stale by now, or takes what an earlier one has made.
    ///
    /// - Returns: Nothing if what runs before it made was the same as before.
    private func execute(_ step: RerunStep, in root: FilePath) throws -> Outcome? {
        // Those before it have written, and are recorded.
        try RunExecution.enter(root)
        let here = try Repository.here()
        guard try here.isStale(step) else { return nil }
        if let gone = try here.goneProgram(of: step) {
            throw Failure(
                status: .notFound,
                message: "\(RunText.command(step.command)) cannot be executed: \(gone) is gone",
                hint:
                    "mlrepo runs --drop \(step.run.name?.prefix(8) ?? "") forgets the run, if it is not to be executed any more",
                path: "\(gone)")
        }
        let place = try here.real(step.command.directory, below: root)
        try RunExecution.enter(place)
        if cached, let recorded = try take(step) { return .taken(recorded) }
        if !output.quiet { Terminal.printError("$ \(RunText.command(step.command))") }
        let recorder = try RunRecorder(Repository.here(), RunRequest(arguments: step.command.arguments))
        let words = step.command.arguments.map { ArgumentText.text($0) }
        var execution = RunExecution(recorder, words: words, output)
        execution.earlier = RunValues.earlier(step.run, words)
        let (report, end) = try execution.perform(leavesOutput: output.json)
        if !output.quiet, !output.json {
            for line in RunReportText.lines(report, end) { Terminal.printError(line) }
        }
        return .executed(report)
    }

    /// Takes what a recorded run wrote that has executed just what a step is about to.
    private func take(_ step: RerunStep) throws -> RecordedRun? {
        let here = try Repository.alone()
        // What is executed next may be a command that changes the working copy, too.
        defer { here.leave() }
        let recorded: RecordedRun
        switch try here.cachedRun(step.command.arguments, parameters: [:]) {
        case .found(let run): recorded = run
        case .other(let run, let reasons):
            if !output.quiet { Terminal.printError(RunText.note(executedSince: run, reasons)) }
            return nil
        case .none: return nil
        }
        let progress = output.progress("writing")
        defer { progress.finish() }
        do throws(RepositoryError) {
            let files = try here.takeOutputs(of: recorded) { progress.add($0) }
            if !output.quiet {
                Terminal.printError(
                    "not executed: run \(recorded.name.prefix(8)) did just this: \(RunText.command(step.command)); \(Terminal.files(files)) written as it wrote \(files == 1 ? "it" : "them")"
                )
            }
            return recorded
        } catch {
            // What is in the way, a command that is executed writes over.
            guard case .wouldLose = error else { throw error }
            return nil
        }
    }

    private static func lines(_ steps: [RerunStep], _ stale: [ObjectID: [String]]) -> [String] {
        steps.flatMap { step -> [String] in
            guard let reasons = stale[step.id] else { return [] }
            let rest = reasons.count > 4 ? ["         and \(Terminal.count(reasons.count - 4)) more"] : []
            let title =
                step.obstacle.map { "cannot execute \(RunText.command(step.command)): \($0)" }
                ?? "executes \(RunText.command(step.command))"
            return [title]
                + reasons.prefix(4).map { "         \(Terminal.oneLine($0))" } + rest
        }
    }

    private func tellJSON(
        _ steps: [RerunStep], _ stale: [ObjectID: [String]], executed: [(step: RerunStep, outcome: Outcome)]
    ) {
        Terminal.printJSON(
            .object([
                "runs": .array(
                    steps.map { step in
                        let outcome = executed.first { $0.step.id == step.id }?.outcome
                        var (report, taken): (RunReport?, RecordedRun?)
                        if case .executed(let found)? = outcome { report = found }
                        if case .taken(let found)? = outcome { taken = found }
                        return .object([
                            "run": .string(step.run.name ?? ""), "id": step.id.json,
                            "command": .array(step.command.arguments.map { Terminal.json($0) }),
                            "stale": .bool(stale[step.id] != nil),
                            "reasons": .array((stale[step.id] ?? []).map { .string($0) }),
                            "doubtful": step.doubtful.isEmpty ? nil : .array(step.doubtful.map(\.json)),
                            "obstacle": step.obstacle.map { .string($0) },
                            "taken": taken.map { .string($0.name) },
                            "executed": report.map { .string($0.run.name ?? "") },
                            "exitStatus": report?.run.exitStatus.map { .number($0) },
                        ])
                    })
            ]))
    }
}
