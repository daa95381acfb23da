internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import ParameterFiles
internal import Storage
internal import WorkingTree

struct CommitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit", abstract: "Keep what is there as a version, with what it was made from.",
        discussion: """
            Takes everything that is tracked, as it is now. The git revision of the code around it, with the patch that is not \
            committed there, is recorded by itself.

            EXAMPLES
              mlrepo commit -m "Reviews, export of November"
              mlrepo commit -m "Base" --input data --params p.yaml --metrics m.json
              mlrepo commit -m "Slow" --input data --param lr=3e-4 --metric accuracy=0.91
              mlrepo commit --dry-run       says what would be stored, and how
            """)

    @Option(
        name: [.customShort("m"), .long], parsing: .unconditionalSingleValue,
        help: "What this version is; a further one is a further paragraph.")
    var message: [String] = []
    @Flag(
        name: [.customShort("a"), .long], help: "Accepted and not needed: a commit takes all that is tracked."
    )
    var all = false
    @Option(
        name: .customLong("param"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A hyperparameter.", valueName: "name=value"))
    var parameters: [String] = []
    @Option(
        name: .customLong("params"),
        help: ArgumentHelp(
            "A JSON, YAML or TOML file of hyperparameters; an input, too, if it is tracked.",
            valueName: "file"),
        completion: .file())
    var parameterFiles: [String] = []
    @Option(
        name: .customLong("metric"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A result.", valueName: "name=value"))
    var metrics: [String] = []
    @Option(
        name: .customLong("metrics"), help: ArgumentHelp("A file of results.", valueName: "file"),
        completion: .file())
    var metricFiles: [String] = []
    @Option(
        name: .customLong("input"),
        help: ArgumentHelp(
            "What the run read: PATH as it is now, or REVISION:PATH, as of a model that is trained further.",
            valueName: "path"),
        completion: .file())
    var inputs: [String] = []
    @Option(
        name: .customLong("output"),
        help: ArgumentHelp(
            "What the run wrote; else all that changed and is no input as it is now.", valueName: "path"))
    var outputs: [String] = []
    @Option(
        name: .customLong("run"),
        help: ArgumentHelp("Take what a run wrote (mlrepo runs), and nothing else.", valueName: "run"))
    var recorded: String?
    @Option(help: ArgumentHelp("Who made it, if not you.", valueName: "name <mail>"))
    var author: String?
    @Flag(
        name: [.customShort("S"), .long], inversion: .prefixedNo, exclusivity: .chooseLast,
        help: "Sign it (mlrepo help identity), or not; else as commit.sign says.")
    var sign: Bool?
    @Flag(help: "Tracked files that are gone were deleted on purpose.")
    var deleted = false
    @Flag(
        help:
            "Only say what would be stored of each file, and how; it takes as long as a commit, and as much room meanwhile. The commit's own records come on top."
    )
    var dryRun = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "Only these files and directories.", completion: .file())
    var paths: [String] = []

    func validate() throws {
        let others = parameters + parameterFiles + metrics + metricFiles + inputs + outputs + paths
        if recorded != nil, !others.isEmpty || dryRun || deleted {
            throw ValidationError(
                "with --run a commit takes what the run wrote, as it was recorded, and no more")
        }
        guard dryRun || message.contains(where: Self.isMessage) else {
            throw ValidationError("say what this version is: mlrepo commit -m MESSAGE")
        }
    }

    func run() throws {
        for paragraph in message { try ArgumentText.requireText(paragraph, "the message") }
        if let author { try ArgumentText.requireText(author, "the author") }
        let repository = try Repository.alone()
        var request = CommitRequest(message: message.joined(separator: "\n\n"))
        request.paths = try repository.paths(paths)
        request.parameters = try Values.gather(pairs: parameters, files: parameterFiles)
        request.metrics = try Values.gather(pairs: metrics, files: metricFiles)
        for file in parameterFiles {
            // Behind a link the file is an input, too.
            let places = [ArgumentText.bytes(file), repository.environment.place(named: file).bytes]
            for place in places {
                guard let path = try? repository.path(place), !request.parameterFiles.contains(path) else {
                    continue
                }
                request.parameterFiles.append(path)
            }
        }
        for input in inputs { request.inputs.append(try Self.input(input, repository)) }
        request.outputs = try repository.dataPaths(outputs)
        request.allowsMissing = deleted
        request.isSigned = sign
        if let recorded {
            let run = try repository.recordedRun(named: recorded)
            guard run.state != .running else {
                throw Failure(status: .busy, message: "run \(run.name.prefix(8)) is running")
            }
            request.run = AdoptedRun(run)
        }
        if let author {
            guard let person = Identity.parse(author) else {
                throw Failure(status: .usage, message: "'\(Terminal.escaped(author))' is no author")
            }
            request.author = person
        }
        Terminal.noteLinks(request.inputs.filter { $0.commit == nil }.map(\.path), repository, output)
        if dryRun { return try Self.plan(request, repository, output.style) }
        try Self.commit(request, repository, output.style)
    }

    private static func plan(
        _ request: CommitRequest, _ repository: Repository, _ style: AnswerStyle
    ) throws {
        let progress = style.progress("reading")
        defer { progress.finish() }
        let contradictions = Contradictions()
        let plan = try repository.plan(request) {
            contradictions.note($0)
            progress.add($0)
        }
        progress.finish()
        if !style.quiet {
            say(plan.skipped)
            contradictions.say()
        }
        if style.json { return Terminal.printJSON(json(plan)) }
        for file in plan.files.prefix(style.quiet ? 0 : namedLimit) {
            let size =
                file.state == .deleted
                ? "" : "  \(Terminal.size(file.rawBytes)) in \(Terminal.size(file.form.storedBytes))"
            Terminal.print("  \(StatusCommand.word(file.state)) \(file.path)\(size)")
            for line in StoredFormText.lines(file.form) { Terminal.print("    \(line)") }
        }
        if plan.files.count > namedLimit, !style.quiet {
            Terminal.print("  and \(Terminal.count(plan.files.count - namedLimit)) more (--json names all)")
        }
        let ratio = StoredFormText.ratio(plan.rawBytes, plan.storedBytes)
        Terminal.print(
            plan.files.isEmpty
                ? "No file has changed"
                : "Nothing is committed: \(Terminal.size(plan.rawBytes)) would take \(Terminal.size(plan.storedBytes))\(ratio)"
        )
    }

    /// So many files are named one by one.
    private static let namedLimit = 100

    private static func say(_ skipped: [SkippedFile]) {
        for file in skipped {
            Terminal.printError("skipped: \(file.path) (\(StatusCommand.words(file.reason)))")
        }
    }

    private static func json(_ plan: CommitPlan) -> JSONValue {
        .object([
            "rawBytes": .number(plan.rawBytes), "storedBytes": .number(plan.storedBytes),
            "entries": .array(
                plan.files.map { file in
                    .object(
                        [
                            JSONMember("path", file.path.json),
                            JSONMember("state", .string(file.state.rawValue)),
                            JSONMember("rawBytes", .number(file.rawBytes)),
                        ] + StoredFormText.members(file.form))
                }),
        ])
    }

    /// A commit with nothing but a message.
    static func run(message: String) throws {
        try ArgumentText.requireText(message, "the message")
        try commit(CommitRequest(message: message), Repository.alone(), AnswerStyle())
    }

    /// Whether a message says something.
    static func isMessage(_ text: String) -> Bool { text.contains { !$0.isWhitespace } }

    private static func commit(
        _ request: CommitRequest, _ repository: Repository, _ style: AnswerStyle
    ) throws {
        let progress = style.progress("reading")
        defer { progress.finish() }
        let contradictions = Contradictions()
        let report = try repository.commit(request) {
            contradictions.note($0)
            progress.add($0)
        }
        progress.finish()
        if !style.quiet {
            say(report.skipped)
            contradictions.say()
        }
        if request.author == nil, !style.quiet, !repository.hasNamedPerson {
            Terminal.printError(
                "note: nobody is named as author, so this says '\(Terminal.escaped(report.commit.author.name))'; "
                    + "mlrepo config user.name NAME changes that")
        }
        if report.code == nil, request.run == nil, !style.quiet, try repository.isInGit() {
            Terminal.printError(
                "note: git is not there, or refuses to tell of the repository here, so that the code is not recorded"
            )
        }
        if let code = report.code, code.isInGit, code.dirty, code.patch == nil, !style.quiet {
            Terminal.printError(
                code.revision == nil
                    ? "note: git has no commit here yet, so that the code is not recorded"
                    : "note: git's work tree has changes that are not recorded: they are too many, or git could not tell them"
            )
        }
        if style.json { return Terminal.printJSON(Self.json(report)) }
        guard !style.quiet else { return }
        if report.isAllInput {
            Terminal.printError(
                "note: all that changed counts as read by the run, and nothing as written; if it wrote PATH anew: mlrepo undo, and commit with --input HEAD:PATH"
            )
        }
        if report.changes == (0, 0, 0), !(request.parameters.isEmpty && request.metrics.isEmpty) {
            Terminal.printError(
                "note: no tracked file has changed: this records values alone; mlrepo status names what is not tracked"
            )
        }
        Terminal.print(
            "[\(report.branch ?? "no branch") \(report.id.short)] \(Terminal.escaped(report.commit.subject))")
        Terminal.print(
            " \(Terminal.files(report.files)), \(Terminal.size(report.bytes)); \(Self.growth(report))")
        Self.tellLeft(report)
        if let run = request.run?.run { Self.tell(of: run) }
        if request.run == nil, let first = report.recordedRuns.first {
            let words = first.run.command.map { "  \(RunText.command($0))" } ?? ""
            let rest = report.recordedRuns.count > 1 ? " and \(report.recordedRuns.count - 1) more" : ""
            Terminal.print(" made by run \(first.name.prefix(8))\(rest)\(words)")
        }
        if let first = report.takenIn.first {
            let rest = report.takenIn.count > 1 ? " and \(Terminal.count(report.takenIn.count - 1)) more" : ""
            Terminal.print(" '\(report.branch ?? "")' had moved; taken in: \(first)\(rest)")
            let read = request.inputs.filter { $0.commit == nil }.map(\.path)
            if let other = report.takenIn.first(where: { path in read.contains { path.isInside($0) } }) {
                Terminal.printError(
                    "note: the run had not read what others changed meanwhile: \(other) is another one in this version"
                )
            }
        }
        if report.isSigned { Terminal.print(" signed by \(Terminal.escaped("\(report.commit.committer)"))") }
        if report.branch == nil {
            Terminal.printError(
                "note: no branch has this: mlrepo checkout -b NAME makes one here")
        }
        let results = Values.line(request.run?.run.metrics ?? request.metrics, atMost: 8)
        if !results.isEmpty { Terminal.print(" \(results)") }
    }

    /// Says of a run what a version of its work may surprise by.
    private static func tell(of run: Run) {
        if let signal = run.signal {
            Terminal.printError("note: the run was ended by signal \(signal)")
        } else if let status = run.exitStatus, status != 0 {
            Terminal.printError("note: the run had failed, with status \(status)")
        }
        guard let first = run.removed.first else { return }
        let rest = run.removed.count > 1 ? " and \(Terminal.count(run.removed.count - 1)) more" : ""
        Terminal.printError("note: the run had removed \(first)\(rest), and so this version has it no more")
    }

    /// `PATH`, or `REVISION:PATH`: a file of that name comes first.
    private static func input(_ text: String, _ repository: Repository) throws -> (
        path: RepositoryPath, commit: ObjectID?
    ) {
        let path = try? repository.path(ArgumentText.bytes(text))
        if let path, try repository.exists(path) { return (path, nil) }
        guard let colon = RevisionPath.colon(in: text) else {
            // What lies elsewhere is told so.
            if path == nil { _ = try repository.dataPaths([text]) }
            throw Failure(status: .notFound, message: "no file or directory '\(Terminal.escaped(text))'")
        }
        let commit = try repository.commit(named: String(text[..<colon]))
        return (try RevisionPath.path(String(text[text.index(after: colon)...]), repository), commit)
    }

    /// What is new, and what it takes.
    private static func growth(_ report: CommitReport) -> String {
        let (new, stored) = (report.newBytes, report.storedBytes)
        let ratio = Double(new) / Double(max(1, stored))
        let times = ratio >= 1.05 ? " (\(Terminal.decimal(ratio, digits: 1))x)" : ""
        let (added, modified, deleted) = report.changes
        let files = [("+", added), ("~", modified), ("-", deleted)].filter { $0.1 > 0 }
            .map { "\($0.0)\(Terminal.count($0.1))" }.joined(separator: " ")
        return (files.isEmpty ? "" : "\(files); ")
            + "\(Terminal.size(new)) new -> \(Terminal.size(stored))\(times)"
    }

    /// Says which files that a run wrote elsewhere are something else here.
    static func tellLeft(_ report: CommitReport) {
        guard let first = report.left.first else { return }
        let rest = report.left.count == 1 ? "" : " and \(Terminal.count(report.left.count - 1)) more"
        Terminal.printError(
            "note: \(first)\(rest) \(report.left.count == 1 ? "was" : "were") left here as something else than the version has: mlrepo checkout --force HEAD -- \(ShellWord.path(first)) brings it, and keeps what is there"
        )
    }

    static func json(_ report: CommitReport) -> JSONValue {
        .object([
            "commit": report.id.json, "tree": report.commit.tree.json,
            "branch": report.branch.map { .string($0) } ?? .null,
            "parents": .array(report.commit.parents.map(\.json)),
            "runs": .array(report.commit.runs.map(\.json)),
            "files": .number(report.files), "bytes": .number(report.bytes),
            "newBytes": .number(report.storedBytes),
        ])
    }
}
