package import FileIO
package import ObjectModel
package import Observation
internal import Storage
package import WorkingTree

/// What a person says with a run.
package struct RunRequest: Sendable {
    /// The program's name and its arguments.
    package var arguments: [[UInt8]]
    /// How files are to be found; nothing where that is the best way that the system lets be gone.
    package var way: Observation.Way?
    /// What the command reads and writes, where nobody can see it.
    package var inputs: [RepositoryPath] = []
    package var outputs: [RepositoryPath] = []
    /// Patterns of files that are stored as soon as they are closed, in the syntax of `.gitignore`.
    package var saved: [String] = []
    /// What is known of its parameters before it begins.
    package var parameters: [String: ParameterValue] = [:]
    /// Its standard input is a file.
    package var readsFile = false
    /// It is a part of what a process does that runs already.
    package var isPart = false
    /// The tree that was made for it, and in which it is executed.
    package var scratch: ScratchTree?
    /// The run that it goes on from.
    package var earlier: RecordedRun?
    /// Where several processes make the run together, and this is the first of them.
    package var ranked: RankedRun?

    package init(arguments: [[UInt8]]) { self.arguments = arguments }
}

/// What became of a run.
package struct RunReport: Sendable {
    package let id: ObjectID
    package let run: Run
    /// Files that it read, of versions and changed ones; those that it wrote.
    package let inputs: RunFiles
    package let outputs: RunFiles
    package let sources: [RepositoryPath]
    package let external: [ExternalFile]
    /// Tracked files that it removed.
    package let removed: [RepositoryPath]
    /// Of the inputs, those that were not as the base version has them.
    package let changed: [RepositoryPath]
    /// Files of the working copy that were passed over since their names tell of secrets.
    package let secrets: [RepositoryPath]
    /// What it wrote outside of the working copy, and is not kept.
    package let outside: [FilePath]
    /// What was stored while it ran, and is gone.
    package let saved: [RepositoryPath]
    /// Why something could not be stored while it ran.
    package let unsaved: RepositoryError?
    /// How many files went before they could be stored.
    package let missed: Int
    /// Patterns of what was to be stored that matched nothing.
    package let unmatched: [String]
    /// With which status the outputs were seen to be what they are, so that they need not be read again.
    package let seen: [RepositoryPath: StatCacheEntry.Seen]
    /// What the store grew by.
    package let storedBytes: Int
}

/// Some files of a run, by their number and size, and the directories, or single files, that they lie in.
package struct RunFiles: Sendable {
    package var files = 0
    package var bytes = 0
    package var roots: [RepositoryPath] = []

    init(_ entries: [PathEdit], at roots: [RepositoryPath]) {
        files = entries.count
        bytes = entries.reduce(0) { $0 + ($1.entry?.size ?? 0) }
        self.roots = roots
    }
}

/// Executes a command and records it: before it starts, so that it has a name whatever becomes of it, and when it has ended.
package struct RunRecorder: Sendable {
    package let repository: Repository
    package let request: RunRequest
    /// 32 hex digits.
    package let name: String
    /// Where what it prints, and what it says of itself, is kept while it runs.
    package let directory: FilePath
    private let records: RunRecords
    private let head: WorkingCopy.Head
    private let base: Commit?
    private let tracking: Tracking
    private let cache: StatCache
    /// Held while the command runs: who finds it free knows that nobody records this run any more.
    private let lease: FileDescriptor?
    let keeper: ReadFileKeeper
    private let beginning: Run
    private let beginningID: ObjectID
    private let saver: CheckpointSaver?
    /// The copies that other ranks kept.
    private let others = Monitor<[RepositoryPath: String]>([:])

    /// The branch that the working copy stood on.
    package var branch: String? { head.branch }

    private var environment: Environment { repository.environment }

    /// Gives a run its name and puts it into the log.
    package init(_ repository: Repository, _ request: RunRequest) throws(RepositoryError) {
        guard !repository.copy.isBare else { throw .bare(repository.copy.root) }
        guard let actor = repository.person else { throw .noIdentity }
        try repository.requireSettled()
        for path in request.inputs where try repository.status(of: path) == nil { throw .noPath("\(path)") }
        let environment = repository.environment
        (self.repository, self.request) = (repository, request)
        name = request.ranked?.name ?? Hex.text(environment.random(16))
        (head, base) = try repository.base()
        records = RunRecords(repository: repository, actor: actor, head: head)
        (tracking, cache) = try repository.steadyCache()
        let directory = repository.copy.directory / "runs" / name
        self.directory = directory
        lease = try filing { () throws(FileError) in
            try environment.files.makeDirectories(directory, permissions: 0o777)
            return try environment.files.occupy(directory / "lease")
        }
        let written = try request.earlier.map { (earlier) throws(RepositoryError) in
            try repository.files(of: earlier.run.outputs).map(\.path)
        }
        saver = request.saved.isEmpty ? nil : CheckpointSaver(request.saved)
        keeper = ReadFileKeeper(
            root: repository.real(repository.copy.root), cache: cache, tracking: tracking,
            earlier: Set(written ?? []), directory: directory, environment.files, saver: saver
        )
        let writer = ObjectWriter(repository.store, keepsNodes: true, random: environment.random)
        defer { writer.abandon() }
        var run = Run(
            origin: .observed, observedBy: (request.way ?? .seccomp).rawValue, recorded: environment.now(),
            inputs: DirectoryTree.emptyRoot, outputs: DirectoryTree.emptyRoot)
        (run.name, run.base, run.user) = (name, head.commit, actor)
        run.continues = request.earlier?.id
        run.ranks = request.ranked?.rank.count
        run.readsFile = request.readsFile
        run.within = request.isPart ? .process : request.scratch == nil ? nil : .tree
        run.parameters = request.parameters
        (run.started, run.startedFraction) = environment.instant
        let place = try repository.path([UInt8(ascii: ".")])
        run.command = Run.Command(arguments: request.arguments, directory: place)
        // What is in a version is no code that git has to be asked for.
        let kept = KeptFiles(repository.tree(base), tracking.paths.directories)
        run.code = try (request.scratch?.origin ?? repository).capturedCode(kept, writer)
        run.environment = RunEnvironment.facts(environment)
        beginning = run
        let (own, isScratch) = (head, request.scratch != nil)
        beginningID = try records.put(run, after: nil, writer) { () throws(RepositoryError) in
            isScratch ? try repository.holding(own) : []
        }.id
    }

    /// Executes the command; returns when it has ended.
    ///
    /// - Parameter leavesOutput: Standard output is left for an answer.
    package func execute(leavesOutput: Bool) throws(ObservedCommand.StartFailure) -> ObservedCommand.End {
        let command = ObservedCommand(
            arguments: request.arguments, output: directory / "stdout", error: directory / "stderr",
            way: request.way, leavesOutput: leavesOutput)
        guard let saver else { return try command.run(environment.files, keeper: keeper) }
        let recorder = CheckpointRecorder(
            records: records, cache: cache, base: base, beginning: beginning, first: beginningID,
            directory: directory)
        saver.begin(repository.copy.root, environment.files) {
            (paths, rescued, before) throws(RepositoryError) in
            try recorder.record(paths, rescued, after: before)
        }
        defer { saver.end() }
        return try command.run(environment.files, keeper: keeper)
    }

    /// The newest record of the run.
    private var latestID: ObjectID { saver?.saved.record ?? beginningID }

    /// Waits for the other processes that make the run together with this one.
    ///
    /// - Parameter onWait: Called with the numbers of those that are waited for, when it takes longer than a moment.
    /// - Returns: What all of them did together; `end` where this is the only one.
    package func joining(
        _ end: ObservedCommand.End, onWait: ([Int]) -> Void
    ) -> ObservedCommand.End {
        guard let ranked = request.ranked else { return end }
        let joined = ranked.join(end, copies: keeper.copies, onWait: onWait)
        ranked.gatherOutput(joined.reports)
        others.withLock { $0 = joined.copies }
        return joined.end
    }

    /// Copies of what was read and then changed, by their names in the run's directory.
    private var copies: [RepositoryPath: String] {
        keeper.copies.merging(others.withLock { $0 }) { own, _ in own }
    }

    /// When it began, in nanoseconds since 1970.
    private var start: Int64 {
        Int64(beginning.started ?? 0) * 1_000_000_000 + Int64(beginning.startedFraction ?? 0)
    }

    /// Sorts what the command touched.
    package func findings(_ end: ObservedCommand.End) throws(RepositoryError) -> RunFindings {
        // Meanwhile others may have written, and a collection have taken what was there.
        _ = try storing { () throws(StoreError) in try repository.store.refresh() }
        var sorter = RunSorter(
            repository, request.scratch, end.observation.log, tracking, cache,
            kept: Set(copies.keys))
        var findings = try sorter.sort()
        if end.observation.way != .declared, !end.observation.log.hasMoreLookups {
            var lookups = LookupSorter(
                repository, end.observation.log, version: repository.tree(base), since: start)
            findings.lookups = try lookups.sort(findings, in: beginning.command?.directory ?? .root)
        }
        for path in request.inputs {
            for (path, status) in try repository.files(below: path) { findings.inputs.append((path, status)) }
        }
        for path in request.outputs where try repository.status(of: path) != nil {
            findings.outputs += try repository.files(below: path).map(\.path)
        }
        findings.outputs = Set(findings.outputs).sorted(by: DirectoryTree.walkOrder)
        var inputs: [RepositoryPath: FileStatus] = [:]
        for (path, status) in findings.inputs where inputs[path] == nil { inputs[path] = status }
        findings.inputs = inputs.map { ($0.key, $0.value) }.sorted {
            DirectoryTree.walkOrder($0.path, $1.path)
        }
        return findings
    }

    /// Records how the command ended, with everything that it read and wrote.
    package func finish(
        _ end: ObservedCommand.End, _ findings: RunFindings, parameters: [String: ParameterValue],
        metrics: [String: ParameterValue], onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) -> RunReport {
        let writer = ObjectWriter(repository.store, keepsNodes: true, random: environment.random)
        defer { writer.abandon() }
        let contents = RunContents(repository, cache, base, writer, onStep)
        var run = beginning
        (run.recorded, run.ended) = (environment.now(), environment.now())
        run.parameters = parameters
        run.metrics = metrics
        var gaps = end.observation.gaps
        run.observedBy = end.observation.way.rawValue
        (run.exitStatus, run.signal, run.received) = (end.status, end.signal, end.received)
        run.usage = Run.Usage(
            userMicroseconds: end.usage.userMicroseconds,
            systemMicroseconds: end.usage.systemMicroseconds,
            maximumResidentBytes: end.usage.maximumResidentBytes)
        let saved = saver?.saved.files ?? [:]
        let outputs = try contents.store(findings.outputs, known: saved)
        let external = try contents.external(findings.external)
        let inputs = try contents.inputs(
            findings.inputs, besides: external.known, kept: copies, in: directory)
        // What an earlier run wrote is known, though no version has it.
        let ids = Dictionary(
            inputs.entries.map { ($0.path, $0.entry?.id) }, uniquingKeysWith: { first, _ in first })
        let changed = inputs.changed.filter { path in
            guard let written = findings.made[path], let id = ids[path] ?? nil else { return true }
            return !written.contains(id)
        }
        let sources = try contents.store(findings.sources)
        run.inputs = try contents.tree(inputs.entries)
        run.outputs = try contents.tree(outputs.entries)
        let left = Set(outputs.entries.map(\.path))
        let gone = saved.filter { !left.contains($0.key) }
        if !gone.isEmpty { run.saved = try contents.tree(gone) }
        let uncertain = Set(inputs.uncertain + findings.changed).sorted()
        run.removed = Array(findings.removed.sorted().prefix(Self.mostRemoved))
        run.uncertain = Array(uncertain.prefix(Self.mostUncertain))
        if uncertain.count > Self.mostUncertain { gaps.insert(.moreUncertain) }
        if external.isLost { gaps.insert(.lostExternal) }
        if var lookups = findings.lookups {
            lookups.copies = Set(external.copies)
            run.lookups = try contents.lookups(lookups)
        }
        if run.lookups == nil, end.observation.way != .declared { gaps.insert(.moreLookups) }
        if findings.hasReadSecrets { gaps.insert(.secrets) }
        if contents.hasUnreadable || findings.hasUnreadable { gaps.insert(.unreadable) }
        run.gaps = gaps.map(\.rawValue).sorted()
        if !sources.entries.isEmpty {
            var code = run.code ?? Run.Code(revision: nil, remote: nil, dirty: true, patch: nil)
            code.isInGit = run.code != nil
            code.sources = try contents.tree(sources.entries)
            run.code = code
        }
        if !findings.code.isEmpty, run.code != nil {
            run.code?.files = try contents.list(contents.digests(findings.code), in: directory)?.list
        }
        run.external = try contents.list(external.files, in: directory)
        (run.standardOutput, run.standardError) = (
            try contents.log(directory, "stdout"), try contents.log(directory, "stderr")
        )
        let packages = RunEnvironment.packages(in: findings.packageDirectories, environment.files)
        run.packages = try contents.text(packages.map { "\($0)\n" }.joined())
        if let version = findings.interpreters.first.flatMap({ RunEnvironment.version(of: $0) }) {
            run.environment["python"] = .string(version)
        }
        let isScratch = request.scratch != nil
        let result = try records.put(run, after: latestID, writer) { () throws(RepositoryError) in
            isScratch ? try repository.releasing(head) : []
        }
        forget()
        return RunReport(
            id: result.id, run: run,
            inputs: RunFiles(
                inputs.entries, at: try repository.roots(of: run.inputs, in: base).roots.map(\.path)),
            outputs: RunFiles(outputs.entries, at: RepositoryPath.commonPlaces(outputs.entries.map(\.path))),
            sources: findings.sources,
            external: external.files, removed: run.removed, changed: changed,
            secrets: findings.secrets, outside: findings.outside, saved: gone.keys.sorted(),
            unsaved: saver?.failure, missed: saver?.missed ?? 0,
            unmatched: saver?.unmatched(findings.outputs) ?? [], seen: outputs.seen,
            storedBytes: result.storedBytes)
    }

    /// More files than these are counted, and not named.
    private static let mostUncertain = 2_000
    private static let mostRemoved = 16_000

    /// Records how the command ended, and nothing else, where all of it could not be recorded.
    package func finishInShort(_ end: ObservedCommand.End) throws(RepositoryError) {
        let writer = ObjectWriter(repository.store, keepsNodes: true, random: environment.random)
        defer { writer.abandon() }
        var run = beginning
        (run.recorded, run.ended) = (environment.now(), environment.now())
        (run.exitStatus, run.signal, run.received) = (end.status, end.signal, end.received)
        run.gaps = [Observation.Gap.unrecorded.rawValue]
        if let saved = saver?.saved.files, !saved.isEmpty {
            let contents = RunContents(repository, cache, base, writer, { _ in })
            run.outputs = try contents.tree(saved)
        }
        _ = try records.put(run, after: latestID, writer)
    }

    /// Takes the run back: nothing was executed.
    package func takeBack() throws(RepositoryError) {
        try records.takeBack(name) { () throws(RepositoryError) in
            request.scratch == nil ? [] : try repository.releasing(head)
        }
        forget()
    }

    /// Adds to a recorded run what became of it as a repetition of another one.
    ///
    /// - Returns: The record with that.
    package func add(
        _ reproduction: Run.Reproduction, to report: RunReport
    ) throws(RepositoryError) -> ObjectID {
        let writer = ObjectWriter(repository.store, keepsNodes: true, random: environment.random)
        defer { writer.abandon() }
        var run = report.run
        run.reproduction = reproduction
        return try records.put(run, after: report.id, writer).id
    }

    /// What was kept of the run beside the store is there by now.
    private func forget() {
        for name in ["stdout", "stderr", "external", "log", "lease"] + keeper.copies.values {
            try? environment.files.removeIfPresent(directory / name)
        }
        request.ranked?.forget()
        try? environment.files.removeDirectory(directory)
        if let lease { environment.files.close(lease) }
    }
}
