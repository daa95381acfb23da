internal import ArgumentParser
internal import FileIO
internal import Lineage
internal import MLRepo
internal import ObjectModel
internal import Observation

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

struct ReproduceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reproduce",
        abstract: "Execute a recorded run again, elsewhere, and compare what comes out.",
        discussion: """
            A fresh directory gets the data and the code that the run had; what is going to be executed is shown first, and asked \
            for. The result is recorded as a run of its own, which 'mlrepo show' and 'mlrepo blame' tell of: identical (the same \
            bytes), equivalent (numbers of safetensors, npy, JSON, YAML and TOML files within --tolerance), different, or failed. \
            The exit status is 0 for the first two, else 1. The directory is removed afterwards, unless --to names one.

            EXAMPLES
              mlrepo reproduce main
              mlrepo reproduce run:1c9e --yes
              mlrepo reproduce v1.2:model/weights.npy
              mlrepo reproduce main --tolerance 1e-6
              mlrepo reproduce main --with data/new.csv
            """)

    @Flag(name: [.customShort("y"), .long], help: "Execute what is shown without asking.")
    var yes = false
    @Option(
        help: ArgumentHelp(
            "By how much numbers may differ; of those beyond 1 this share.", valueName: "number"))
    var tolerance: String?
    @Option(
        name: .customLong("with"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A file or directory to take from this working copy instead, as it is now.", valueName: "path"),
        completion: .file())
    var exchanged: [String] = []
    @Option(
        name: .customLong("to"),
        help: ArgumentHelp("Where to execute it: a new or empty directory, which stays.", valueName: "dir"))
    var directory: String?
    @Option(
        name: .customLong("git"),
        help: ArgumentHelp("A clone to take the code from.", valueName: "dir"))
    var git: String?
    @OptionGroup var output: OutputOptions
    @Argument(
        help: "A version that one run made, a run, or a file that one made: PATH here, or REVISION:PATH.",
        completion: Completions.revision)
    var revision = "HEAD"
    @Argument(
        parsing: .postTerminator, help: ArgumentHelp("Only these outputs count.", valueName: "path"),
        completion: .file())
    var paths: [String] = []

    func validate() throws {
        guard let tolerance else { return }
        guard ParameterValue.isFloat(tolerance), let number = Double(tolerance), number >= 0, number.isFinite
        else { throw ValidationError("--tolerance is a number such as 1e-6") }
    }

    func run() throws {
        let repository = try Repository.here()
        let progress = output.progress("writing")
        defer { progress.finish() }
        let named = try named(repository)
        let place = git.map { repository.environment.place(named: $0) }
        let reproducer = try Reproducer(repository, named.id, named.run, git: place) { progress.add($0) }
        let target =
            try directory.map {
                repository.environment.workingDirectory.appending(ArgumentText.bytes($0)).normalized
            } ?? repository.placeForReproduction(of: named.id)
        let wanted = try paths.map { try repository.path(ArgumentText.bytes($0)) }
        let exchanged = try repository.paths(self.exchanged)
        for path in exchanged where try !repository.exists(path) { throw RepositoryError.noPath("\(path)") }
        for path in try reproducer.require(outputs: wanted, exchanged: exchanged) where !output.quiet {
            Terminal.printError("note: \(path) is what the run had")
        }
        if directory != nil { try repository.requireEmpty(target) }
        let words = reproducer.arguments
        try ask(reproducer, words, in: target, exchanged, repository)
        // Who is named in the settings of the repository that this was started in goes by that name there, too.
        if let person = repository.person {
            setenv("MLREPO_USER_NAME", person.name, 1)
            setenv("MLREPO_USER_EMAIL", person.email, 1)
        }
        let made = try reproducer.prepare(in: target, with: exchanged) { progress.add($0) }
        progress.finish()
        defer {
            if directory == nil {
                // The process stands in what is removed.
                _ = chdir("/")
                try? reproducer.discard(made, in: target)
            }
        }
        let (report, reproduction) = try execute(reproducer, words, in: made, wanted, exchanged)
        let outcome = ReproductionOutcome(
            reproducer: reproducer, report: report, reproduction: reproduction, repository: repository)
        try outcome.tell(output, in: directory == nil ? nil : made.copy.root)
        guard [.identical, .equivalent].contains(reproduction.result) else {
            throw ExitCode(ExitStatus.no.rawValue)
        }
    }

    /// The run that is meant.
    private func named(_ repository: Repository) throws -> (id: ObjectID, run: Run) {
        if let colon = RevisionPath.colon(in: revision) {
            let tip = try repository.commit(named: String(revision[..<colon]))
            let path = try RevisionPath.path(String(revision[revision.index(after: colon)...]), repository)
            guard let blame = try repository.blame(path, at: tip) else {
                throw Failure(status: .notFound, message: "\(path) is not in \(tip.short)", path: "\(path)")
            }
            guard let making = blame.making, making.run.origin == .observed else {
                throw RepositoryError.notRepeatable("no run that mlrepo executed made \(path)")
            }
            return (making.id, making.run)
        }
        if let run = try repository.runAlone(named: revision) { return (run.id, run.run) }
        do throws(RepositoryError) {
            return try repository.repeatable(repository.commit(named: revision))
        } catch {
            guard case .noRevision = error, let making = try maker(ofFile: revision, repository) else {
                throw error
            }
            return (making.id, making.run)
        }
    }

    /// The run that made a file of the working copy, by its bytes; nothing if it is none, or nobody made it.
    private func maker(ofFile name: String, _ repository: Repository) throws -> Blame.Making? {
        guard let path = try? repository.path(ArgumentText.bytes(name)), try repository.exists(path),
            try !repository.isDirectory(path)
        else { return nil }
        let id = try repository.digest(of: repository.copy.root.appending(path.bytes))
        switch try repository.whereabouts(of: id, near: path) {
        case .version(let commit, let found)?: return try repository.blame(found, at: commit)?.making
        case .run(let making, _, _)?: return making
        case nil: return nil
        }
    }

    // MARK: Before

    /// Shows what is going to be executed, and makes sure that somebody wants it.
    private func ask(
        _ reproducer: Reproducer, _ words: [[UInt8]], in target: FilePath, _ exchanged: [RepositoryPath],
        _ repository: Repository
    ) throws {
        if yes || !output.json {
            for line in try ReproductionText.plan(reproducer, words, in: target, exchanged, repository) {
                Terminal.printError(line)
            }
        }
        if !yes { try RunExecution.requireConsent() }
    }

    // MARK: Execution

    private func execute(
        _ reproducer: Reproducer, _ words: [[UInt8]], in made: Repository, _ wanted: [RepositoryPath],
        _ exchanged: [RepositoryPath]
    ) throws -> (RunReport, Run.Reproduction) {
        try RunExecution.enter(made.real(reproducer.command.directory, below: made.copy.root))
        for (name, value) in reproducer.settings {
            if let value { setenv(name, value, 1) } else { unsetenv(name) }
        }
        let copy = try Repository.here()
        let recorder = try RunRecorder(copy, RunRequest(arguments: words))
        let execution = RunExecution(recorder, words: words.map { ArgumentText.text($0) }, output)
        let (report, end) = try execution.perform(leavesOutput: output.json)
        // Who was asked to end has proved nothing.
        if let signal = end.received, [SIGINT, SIGQUIT, SIGTERM, SIGHUP].contains(Int32(signal)) {
            Terminal.printError("note: it was interrupted: there is nothing to compare")
            throw ExitCode(128 + Int32(signal))
        }
        let reproduction = try reproducer.compare(
            report, in: copy, tolerance: tolerance, paths: wanted, exchanged: exchanged)
        _ = try recorder.add(reproduction, to: report)
        return (report, reproduction)
    }
}
