internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Observation

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Execute a command, and record what it read, what it wrote and how it ended.",
        usage: "mlrepo run [<options>] [--] <command> ...",
        discussion: """
            Nothing has to be declared: the files that the command reads and writes are found by watching it, its children and threads \
            included. The record also has its output, the code, parameters, metrics, the machine and the packages. Each run has a \
            name, also one that failed or was killed; 'mlrepo runs' lists them. The exit status is the command's; 125 is a failure of \
            mlrepo's own, 126 and 127 a command that cannot be executed or found.

            --scratch is for many runs at once, as sweeps and job arrays have them: each gets a fresh tree of its own in a directory, \
            with the version that you stand on and the code as it is now. What it wrote is kept with the run, and the tree removed; \
            while others are at work there the next run takes it over, as if it were new.

            --save '*.pt' stores each file of such a name when it is closed, as .gitignore would match it: whatever becomes of the run, \
            'mlrepo cat run:ID:PATH' has it.

            Ranks that a launcher starts ('srun -n 8 mlrepo run python train.py') make one run, which rank 0 records; of other launchers \
            than Slurm, Open MPI and torchrun, the variables MLREPO_JOB, RANK and WORLD_SIZE say so.

            --cached takes what a recorded run wrote that has executed just this: the same command, with all that it read as it is now, \
            the same code, kind of machine, interpreter and packages. It does not know of the clock, the network and chance, of variables of \
            the environment but for a list (PYTHONHASHSEED, OMP_NUM_THREADS, LANG, …), nor of files elsewhere that were looked for in vain; \
            where standard input is a pipe or a file the command is executed.

            EXAMPLES
              mlrepo run -m "Baseline" python train.py      a version of what it wrote, too
              mlrepo run python train.py --lr 0.001         recorded, no version
              mlrepo run --param lr=0.001 -- python train.py --lr {lr}
              mlrepo run --scratch /tmp/sweep --param lr=0.01 -- python train.py --lr {lr}
              mlrepo run --resume 1c9e python train.py      from its last checkpoint
              mlrepo commit --run 1c9e -m "Best"            a version of what a run wrote
            """)

    @Option(
        name: [.customShort("m"), .long], parsing: .unconditionalSingleValue,
        help:
            "Make a version of what the run wrote, and say what it is; a further one is a further paragraph.")
    var message: [String] = []
    @Option(
        name: .customLong("param"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A hyperparameter, which fills {name} in the command.", valueName: "name=value"))
    var parameters: [String] = []
    @Option(
        name: .customLong("params"),
        help: ArgumentHelp(
            "A JSON, YAML or TOML file of hyperparameters; else params.yaml, .json or .toml, if the run reads it.",
            valueName: "file"),
        completion: .file())
    var parameterFiles: [String] = []
    @Option(
        name: .customLong("metrics"),
        help: ArgumentHelp(
            "A file of results, read when the run has ended; else metrics.json, .yaml or .toml, if the run writes it.",
            valueName: "file"),
        completion: .file())
    var metricFiles: [String] = []
    @Option(
        name: .customLong("scratch"),
        help: ArgumentHelp(
            "Execute it in a tree of its own, which is made in this directory and removed afterwards.",
            valueName: "dir"),
        completion: .directory)
    var scratch: String?
    @Flag(
        help:
            "Where a recorded run has executed just this, take what it wrote, and execute nothing: it says so."
    )
    var cached = false
    @Option(
        help: ArgumentHelp(
            "Go on from a run that failed or was interrupted: what it wrote and is gone comes back first.",
            valueName: "run"))
    var resume: String?
    @Option(
        name: .customLong("save"),
        help: ArgumentHelp(
            "Store files of such names as soon as they are closed, while the command goes on: checkpoints.",
            valueName: "pattern"))
    var saved: [String] = []
    @Option(
        name: .customLong("observe"),
        help: ArgumentHelp(
            "How files are found: seccomp (the kernel tells of each), preload (a library in each program), strace, or declared (only --input and --output count); else the first of them that works.",
            valueName: "way"))
    var way: String?
    @Option(
        name: .customLong("input"),
        help: ArgumentHelp(
            "A file or directory that the run reads, where nobody can see it.", valueName: "path"),
        completion: .file())
    var inputs: [String] = []
    @Option(
        name: .customLong("output"),
        help: ArgumentHelp("One that it writes.", valueName: "path"), completion: .file())
    var outputs: [String] = []
    @OptionGroup var output: OutputOptions

    /// The command's words, which the parser does not see.
    var words: [String] = []

    private enum CodingKeys: CodingKey {
        case message, parameters, parameterFiles, metricFiles, scratch, cached, resume, saved, way, inputs,
            outputs,
            output
    }

    /// Options of this command that take a value.
    private static let valued: Set<String> = [
        "-m", "--message", "--param", "--params", "--metrics", "--scratch", "--resume", "--save", "--observe",
        "--input",
        "--output",
    ]

    /// Parts what this command is told from the command that it executes.
    static func split(_ arguments: [String]) -> (own: [String], executed: [String]) {
        guard arguments.first == "run" else { return (arguments, []) }
        var next = 1
        while next < arguments.count {
            let word = arguments[next]
            if word == "--" { return (Array(arguments[..<next]), Array(arguments[(next + 1)...])) }
            guard word.hasPrefix("-"), word != "-" else { break }
            next += valued.contains(word) ? 2 : 1
        }
        next = min(next, arguments.count)
        return (Array(arguments[..<next]), Array(arguments[next...]))
    }

    func run() throws {
        guard !words.isEmpty else {
            throw Failure(
                status: .usage, message: "name the command that is to be executed",
                hint: "mlrepo run python train.py")
        }
        for paragraph in message { try ArgumentText.requireText(paragraph, "the message") }
        guard message.isEmpty || message.contains(where: CommitCommand.isMessage) else {
            throw Failure(status: .usage, message: "say what this version is: mlrepo run -m MESSAGE COMMAND")
        }
        let way = try way.map { try Self.way($0) }
        let given = try Values.gather(pairs: parameters, files: [])
        let filled = try CommandWords.filled(words, with: given, typed: parameters)
        for file in parameterFiles { _ = try Values.gather(pairs: [], files: [file]) }
        let home = try Repository.here()
        let place = home.environment.workingDirectory
        var request = RunRequest(arguments: filled.map { ArgumentText.bytes($0) })
        request.way = way
        request.readsFile = Self.isInput([S_IFREG])
        request.inputs = try home.paths(inputs)
        request.outputs = try home.paths(outputs)
        request.saved = try saved.map { try Self.pattern($0, home) }
        guard saved.isEmpty || way != .declared else {
            throw Failure(status: .usage, message: "--save is for runs that are watched")
        }
        let earlier = try resume.map { try resumed($0, home) }
        request.earlier = earlier
        request.parameters = CommandWords.parameters(of: filled).merging(given) { $1 }
        guard !cached || way != .declared && inputs.isEmpty && outputs.isEmpty else {
            throw Failure(
                status: .usage,
                message: "--cached is for runs that are watched: what is only declared may be otherwise")
        }
        if let rank = JobRank(home.environment.variable) {
            guard scratch == nil, !cached, resume == nil else {
                throw Failure(
                    status: .usage,
                    message: "ranks of one job make one run, and not with --scratch, --cached or --resume",
                    hint: "MLREPO_JOB= mlrepo run … makes each process a run of its own")
            }
            setenv(JobRank.mark, rank.job, 1)
            let ranked = try RankedRun(rank, request.arguments, home)
            if rank.rank > 0 { return try execute(request, as: ranked) }
            request.ranked = ranked
        }
        if scratch == "" { throw Failure(status: .usage, message: "--scratch names a directory") }
        if let scratch { try prepare(&request, in: scratch, home) }
        if let earlier { try bringBack(earlier, request, home) }
        let branch = try home.base().head.branch
        if cached {
            do {
                if try takeCached(request, given, home) { return }
            } catch {
                // Nothing was executed there.
                try? request.scratch?.discard()
                throw error
            }
        }
        let recorder: RunRecorder
        do { recorder = try RunRecorder(Repository.here(), request) } catch {
            // Nothing was written there.
            try? request.scratch?.discard()
            throw error
        }
        var execution = RunExecution(recorder, words: filled, output)
        (execution.parameters, execution.parameterFiles) = (given, parameterFiles)
        (execution.metricFiles, execution.outputs) = (metricFiles, request.outputs)
        let (report, end): (RunReport, ObservedCommand.End)
        do { (report, end) = try execution.perform(leavesOutput: output.json) } catch {
            if let tree = request.scratch {
                Terminal.printError(
                    "note: what it wrote is in \(ShellWord.word(tree.directory.bytes)), which stays")
            }
            throw error
        }
        if let tree = request.scratch {
            try RunExecution.enter(place)
            do { try tree.leave(after: end.observation) } catch {
                // The run is recorded, and that is what counts.
                Terminal.printError("warning: \(ShellWord.word(tree.directory.bytes)) stays: \(error)")
            }
        }
        // Other ranks may have failed where this one has not.
        let isGood = report.run.exitStatus == 0
        var commit: CommitReport?
        let isElsewhere = try Repository.here().base().head.branch != branch
        if isElsewhere, !message.isEmpty {
            Terminal.printError(
                "note: the working copy went to another branch meanwhile: mlrepo commit --run \(report.run.name?.prefix(8) ?? "") -m MESSAGE makes a version there"
            )
        }
        if !message.isEmpty, isGood, !isElsewhere {
            commit = try Self.adopt(
                AdoptedRun(report), message.joined(separator: "\n\n"), Repository.alone())
        }
        tell(report, end, commit)
        if isGood, !cached, !output.quiet, !output.json { try offer(report) }
        try finish(end)
    }

    /// A pattern as ignore files have them; one that begins like a path is meant from where somebody stands.
    private static func pattern(_ text: String, _ home: Repository) throws -> String {
        guard let first = text.first, first != "!", first != "#" else {
            throw Failure(
                status: .usage,
                message:
                    "--save takes the names of files, such as '*.pt', and not '\(Terminal.escaped(text))'")
        }
        guard text.hasPrefix("./") || text.hasPrefix("../") || first == "/" else { return text }
        let isDirectory = text.hasSuffix("/")
        let path = try home.path(ArgumentText.bytes(text))
        return "/\(path)\(isDirectory ? "/" : "")"
    }

    private static func way(_ word: String) throws -> Observation.Way {
        if let way = Observation.Way(rawValue: word) { return way }
        let words = Observation.Way.allCases.map(\.rawValue)
        throw Failure(
            status: .usage,
            message:
                "--observe is \(words.dropLast().joined(separator: ", ")) or \(words.last ?? ""), and not '\(Terminal.escaped(word))'"
        )
    }

    /// Ends as the command did.
    func finish(_ end: ObservedCommand.End) throws {
        if let failure = end.outputFailure {
            Terminal.printError("warning: what it printed could not be shown: \(RunText.reason(failure))")
            if end.status == 0 { throw ExitCode(ExitStatus.notTheCommands.rawValue) }
        }
        guard let signal = end.signal else {
            guard end.status == 0 else { throw ExitCode(Int32(end.status ?? 0)) }
            return
        }
        // A shell's loop ends at Ctrl-C only if what runs in it dies of that.
        if [SIGINT, SIGQUIT, SIGTERM, SIGHUP].contains(Int32(signal)) {
            Terminal.flush()
            var usual = sigaction()
            var none = rlimit(rlim_cur: 0, rlim_max: 0)
            #if canImport(Glibc)
                setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
            #else
                setrlimit(RLIMIT_CORE, &none)
            #endif
            _ = sigaction(Int32(signal), &usual, nil)
            kill(getpid(), Int32(signal))
        }
        throw ExitCode(128 + Int32(signal))
    }

    /// Makes a version of what a run wrote.
    static func adopt(
        _ run: AdoptedRun, _ message: String, _ repository: Repository
    ) throws -> CommitReport {
        var request = CommitRequest(message: message)
        request.run = run
        return try repository.commit(request)
    }

    // MARK: What is told

    private func tell(_ report: RunReport, _ end: ObservedCommand.End, _ commit: CommitReport?) {
        if output.json { return Terminal.printJSON(Self.json(report, end, commit)) }
        guard !output.quiet else { return }
        for line in RunReportText.lines(report, end) { Terminal.printError(line) }
        if let commit {
            tell(commit, report.run)
        } else if !message.isEmpty, report.run.exitStatus != 0 {
            Terminal.printError(
                "no version is made of a run that failed; mlrepo commit --run \(report.run.name?.prefix(8) ?? "") -m MESSAGE makes one"
            )
        }
    }

    func tell(_ commit: CommitReport, _ run: Run) {
        CommitCommand.tellLeft(commit)
        let metrics = Values.line(run.metrics, atMost: 4)
        Terminal.printError(
            "[\(commit.branch ?? "no branch") \(commit.id.short)] \(Terminal.escaped(commit.commit.subject))\(metrics.isEmpty ? "" : "   \(metrics)")"
        )
    }

    static func json(_ report: RunReport, _ end: ObservedCommand.End, _ commit: CommitReport?)
        -> JSONValue
    {
        let run = JSONValue.object([
            "name": report.run.name.map { .string($0) }, "id": report.id.json,
            "observedBy": .string(report.run.observedBy),
            "exitStatus": report.run.exitStatus.map { .number($0) },
            "signal": report.run.signal.map { .number($0) },
            "inputs": json(report.inputs), "outputs": json(report.outputs),
            "sources": .array(report.sources.map(\.json)),
            "external": .array(
                report.external.map { file in
                    .object([
                        "name": Terminal.json(file.name), "id": file.id.json, "size": .number(file.size),
                    ])
                }),
            "removed": .array(report.removed.map(\.json)),
            "uncertain": .array(report.run.uncertain.map(\.json)),
            "gaps": .array(report.run.gaps.map { .string($0) }),
            "parameters": Values.json(report.run.parameters), "metrics": Values.json(report.run.metrics),
        ])
        guard let commit, case .object(let members) = CommitCommand.json(commit) else {
            return .object(["run": run])
        }
        return .object(members + [JSONMember("run", run)], sorting: true)
    }

    private static func json(_ files: RunFiles) -> JSONValue {
        .object([
            "files": .number(files.files), "bytes": .number(files.bytes),
            "roots": .array(files.roots.map(\.json)),
        ])
    }
}
