internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Storage
internal import WorkingTree

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// What was executed before, and is taken instead of executing it again.
extension RunCommand {
    /// In seconds: who waited so long for what was there is told so.
    private static let longRun = 10

    /// Says that a run before had done the same.
    func offer(_ report: RunReport) throws {
        guard RunText.seconds(report.run) ?? 0 >= Self.longRun,
            let twin = try Repository.here().twin(of: report.run)
        else { return }
        Terminal.printError(
            "note: run \(twin.name.prefix(8)) had made the same from the same; with --cached that is taken, and nothing executed"
        )
    }

    /// Takes what a run wrote that has executed just this, if there is one; else says why there is none.
    ///
    /// - Returns: Whether there is.
    func takeCached(
        _ request: RunRequest, _ given: [String: ParameterValue], _ home: Repository
    ) throws -> Bool {
        var wanted = given
        for (name, value) in try Values.gather(pairs: [], files: parameterFiles) where wanted[name] == nil {
            wanted[name] = value
        }
        guard !Self.isInput([S_IFIFO, S_IFSOCK, S_IFREG]) else {
            Terminal.printError("note: executed, since it may read its standard input")
            return false
        }
        let recorded: RecordedRun
        let here = try Repository.here()
        switch try here.cachedRun(request.arguments, parameters: wanted) {
        case .none: return false
        case .other(let run, let reasons):
            if !output.quiet { Terminal.printError(RunText.note(executedSince: run, reasons)) }
            return false
        case .found(let run) where !metricFiles.isEmpty && run.run.metrics.isEmpty:
            Terminal.printError("note: executed, since run \(run.name.prefix(8)) has no metrics")
            return false
        case .found(let run): recorded = run
        }
        if let tree = request.scratch {
            try RunExecution.enter(home.environment.workingDirectory)
            try tree.discard()
        }
        // What it wrote in a tree of its own would not have come here either.
        let isTaken = request.scratch == nil
        let repository = isTaken || !message.isEmpty ? try Repository.alone() : home
        let files = isTaken ? try take(recorded, repository) : 0
        if !output.json { try replay(recorded, home) }
        var commit: CommitReport?
        if !message.isEmpty {
            commit = try Self.adopt(
                AdoptedRun(recorded), message.joined(separator: "\n\n"), repository)
        }
        tell(recorded, files, commit)
        return true
    }

    /// - Returns: How many files were written.
    private func take(_ recorded: RecordedRun, _ repository: Repository) throws -> Int {
        let progress = output.progress("writing")
        defer { progress.finish() }
        do throws(RepositoryError) {
            return try repository.takeOutputs(of: recorded) { progress.add($0) }
        } catch {
            var failure = Failure(error)
            if case .wouldLose = error {
                failure.hint = "move what is named elsewhere, or leave out --cached, and it is executed"
            }
            throw failure
        }
    }

    /// Whether standard input is one of some kinds of files.
    static func isInput(_ kinds: [mode_t]) -> Bool {
        var facts = stat()
        return fstat(0, &facts) == 0 && kinds.contains(facts.st_mode & S_IFMT)
    }

    /// Shows what the command printed.
    private func replay(_ recorded: RecordedRun, _ repository: Repository) throws {
        if let text = recorded.run.standardOutput {
            try BlobStream(store: repository.store, id: text).forEachPiece { Terminal.write($0) }
        }
        guard let text = recorded.run.standardError else { return Terminal.flush() }
        Terminal.flush()
        try BlobStream(store: repository.store, id: text).forEachPiece { Terminal.send(Array($0), to: 2) }
    }

    private func tell(_ recorded: RecordedRun, _ files: Int, _ commit: CommitReport?) {
        if output.json {
            let run = JSONValue.object([
                "run": .string(recorded.name), "id": recorded.id.json, "files": .number(files),
                "parameters": Values.json(recorded.run.parameters),
                "metrics": Values.json(recorded.run.metrics),
            ])
            guard let commit, case .object(let members) = CommitCommand.json(commit) else {
                return Terminal.printJSON(.object(["cached": run]))
            }
            return Terminal.printJSON(.object(members + [JSONMember("cached", run)], sorting: true))
        }
        guard !output.quiet else { return }
        let time = recorded.run.started.map { " of \(Terminal.time($0))" } ?? ""
        Terminal.printError(
            "not executed: run \(recorded.name.prefix(8))\(time) did just this, with the same files\(scratch == nil ? "; \(Terminal.files(files)) written as it wrote \(files == 1 ? "it" : "them")" : "")"
        )
        if let commit { tell(commit, recorded.run) }
    }
}
