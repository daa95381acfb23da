internal import FileIO
package import ObjectModel
internal import Storage
package import WorkingTree

/// Whether a recorded run has executed just what is about to be executed.
package enum CachedRun: Sendable {
    /// It has: the same command in the same place, with inputs, code, values and packages as they are now.
    case found(RecordedRun)
    /// Of the runs of the same command the one that is nearest had something else.
    case other(RecordedRun, reasons: [String])
    case none
}

extension Repository {
    /// Looks for a run that has executed a command with everything as it is here.
    ///
    /// Only runs that were watched by the kernel, ended well and saw all of it count: of others nobody knows what they depend on.
    /// - Parameters:
    ///   - arguments: The program's name and its arguments.
    ///   - parameters: What the run has to have been told, beyond the words of the command.
    package func cachedRun(
        _ arguments: [[UInt8]], parameters: [String: ParameterValue]
    ) throws(RepositoryError) -> CachedRun {
        let command = Run.Command(arguments: arguments, directory: try path([UInt8(ascii: ".")]))
        let candidates = try recordedRuns().filter { recorded in
            let run = recorded.run
            return run.command == command && recorded.state == .ok && run.reproduction == nil
                && run.ranks == nil && run.within != .process && !run.readsFile && run.lookups != nil
                && !["declared", "preload", "strace"].contains(run.observedBy)
                && run.gaps.isEmpty && run.uncertain.isEmpty && run.removed.isEmpty
        }
        guard let latest = candidates.last else { return .none }
        var plan = try RerunPlan(self)
        var nearest: (run: RecordedRun, reasons: [String]) = (latest, ["what it wrote was collected"])
        var isTold = false
        for recorded in candidates.reversed() where plan.isWhole(recorded.run) {
            var reasons = Self.otherValues(recorded.run, parameters)
            if reasons.isEmpty { reasons = try plan.judge(recorded.run, outputs: [], isStrict: true).reasons }
            if reasons.isEmpty { reasons = try surroundings(of: recorded.run) }
            if reasons.isEmpty { return .found(recorded) }
            if !isTold || reasons.count < nearest.reasons.count { nearest = (recorded, reasons) }
            isTold = true
        }
        return .other(nearest.run, reasons: nearest.reasons)
    }

    /// The latest run before a recorded one that read and wrote the same, by the same command and code.
    package func twin(of run: Run) throws(RepositoryError) -> RecordedRun? {
        // One process does not do again what several did.
        guard run.ranks == nil else { return nil }
        return try recordedRuns().last { recorded in
            let other = recorded.run
            return other.ranks == nil && other.name != run.name && recorded.state == .ok
                && other.command == run.command
                && other.inputs == run.inputs && other.outputs == run.outputs && other.code == run.code
                && other.external == run.external && other.parameters == run.parameters
                && other.reproduction == nil
        }
    }

    /// Facts of the machine that say where something runs, and not how.
    private static let places: Set<String> = [
        "host", "memory", "processor", "processors", "python", "release",
    ]

    /// What a run was told otherwise.
    private static func otherValues(_ run: Run, _ parameters: [String: ParameterValue]) -> [String] {
        let given = Dictionary(
            ParameterValue.flattened(run.parameters).map { ($0.name, $0.value) },
            uniquingKeysWith: { first, _ in first })
        return ParameterValue.flattened(parameters).filter { given[$0.name] != $0.value }.map {
            "\($0.name) was \(given[$0.name]?.text ?? "not given")"
        }
    }

    /// What of the machine and the packages is not as a run had it.
    private func surroundings(of run: Run) throws(RepositoryError) -> [String] {
        var reasons: [String] = []
        let facts = RunEnvironment.facts(environment)
        for name in Set(facts.keys).union(run.environment.keys).subtracting(Self.places).sorted()
        where facts[name] != run.environment[name] && !RunEnvironment.isPlace(name) {
            reasons.append("\(name) is another one")
        }
        guard case .string(let version)? = run.environment["python"] else { return reasons }
        guard let interpreter = interpreter(run.command?.arguments.first ?? []) else {
            return reasons + ["it is not known which Python would be used"]
        }
        if RunEnvironment.version(of: interpreter) != version { reasons.append("Python was \(version)") }
        guard let list = run.packages else { return reasons }
        let there = Set(
            RunEnvironment.packages(
                in: RunEnvironment.packageDirectories(of: interpreter), environment.files))
        for line in try text(list).split(separator: 0x0a) {
            let package = String(decoding: line, as: UTF8.self)
            if !there.contains(package) { reasons.append("\(package) is not installed") }
        }
        return reasons
    }

    /// The interpreter that a command starts; for one that is no Python, the first on the path.
    private func interpreter(_ program: [UInt8]) -> FilePath? {
        let name = FilePath(program).name
        guard name.starts(with: "python".utf8) else { return onPath(Array("python3".utf8)) }
        guard program.contains(UInt8(ascii: "/")) else { return onPath(program) }
        return environment.workingDirectory.appending(program).normalized
    }

    private func onPath(_ name: [UInt8]) -> FilePath? {
        for directory in (environment.variable("PATH") ?? "").split(separator: ":") {
            let place = FilePath(String(directory)).appending(name)
            if ((try? environment.files.status(place)) ?? nil) != nil { return place }
        }
        return nil
    }

    /// Writes what a run wrote where it wrote it.
    ///
    /// - Parameter onlyMissing: What is there is left as it is.
    /// - Returns: How many files were not there as it wrote them.
    /// - Throws: ``RepositoryError/wouldLose(_:)`` if a file is in the way whose content the store does not have; then nothing has
    ///   happened.
    package func takeOutputs(
        of recorded: RecordedRun, onlyMissing: Bool = false, onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) -> Int {
        try requireWhole()
        var steps = CheckoutSteps()
        var lost: [RepositoryPath] = []
        var firm: Set<RepositoryPath> = [.root]
        let (written, version) = (try writtenByRuns(), tree(try base().commit))
        for (path, entry) in try files(of: recorded.run.outputs) {
            if let above = path.split?.directory, try obstacle(above, [], &firm) != nil {
                lost.append(path)
                continue
            }
            guard let status = try status(of: path) else {
                steps.append(CheckoutStep(path: path, entry: entry))
                continue
            }
            if onlyMissing { continue }
            guard let here = try known(path, status, entry, written[path] ?? [], version) else {
                lost.append(path)
                continue
            }
            if here.id == entry.id, here.mode == entry.mode { continue }
            steps.append(CheckoutStep(path: path, before: here, entry: entry))
        }
        guard lost.isEmpty else { throw .wouldLose(lost) }
        try write(steps, isResumed: true, onStep: onStep)
        return steps.count
    }

    /// What lies at a path, if a run or the version has it there, so that it is kept; or if it is the beginning of what is to come,
    /// which a command was writing that was killed.
    private func known(
        _ path: RepositoryPath, _ status: FileStatus, _ entry: TreeEntry, _ written: Set<ObjectID>,
        _ version: DirectoryTree
    ) throws(RepositoryError) -> TreeEntry? {
        guard let name = path.split?.name else { return nil }
        let place = copy.root.appending(path.bytes)
        if status.kind == .link {
            let target = try filing { () throws(FileError) in try environment.files.readLink(place) }
            let id = ObjectID(of: .blob, payload: target)
            return id == entry.id && entry.mode == .link
                ? TreeEntry(name: name, mode: .link, id: id, size: target.count) : nil
        }
        guard status.kind == .file else { return nil }
        let id = try digest(of: place)
        let kept = try reading { () throws(ReadError) in try version.entry(at: path)?.id }
        var isOurs = id == kept || id == entry.id || written.contains(id)
        if !isOurs, status.size < entry.size, entry.mode != .link {
            let file = try filing { () throws(FileError) in try environment.files.open(place) }
            defer { environment.files.close(file) }
            isOurs = try working { () throws(WorkingTreeError) in
                try BlobStream(store: store, id: entry.id).isTorn(file, environment.files)
            }
        }
        guard isOurs else { return nil }
        return TreeEntry(
            name: name, mode: status.isExecutable ? .executable : .file, id: id, size: status.size)
    }
}
