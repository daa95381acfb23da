package import FileIO
internal import Lineage
package import ObjectModel
internal import Observation
internal import Storage
internal import WorkingTree

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A run that a ref names.
package struct RecordedRun: Sendable {
    package enum State: String, Sendable {
        case running, ok, failed, interrupted
    }

    /// 32 hex digits.
    package let name: String
    package let id: ObjectID
    package let run: Run
    package let state: State

    /// When it began, and its name where that is the same.
    fileprivate var place: (Int, Int, String) {
        (run.started ?? run.recorded, run.startedFraction ?? 0, name)
    }
}

extension Repository {
    /// The verb of the operations that record a run.
    static let runVerb = "run"

    /// What a command is called in the log: its words, in short.
    static func words(of run: Run) -> String {
        let words = (run.command?.arguments ?? []).map { String(decoding: $0, as: UTF8.self) }
        let text = words.joined(separator: " ")
        return text.count <= 72 ? text : "\(text.prefix(71))…"
    }

    /// All runs that refs name, the latest last.
    package func recordedRuns() throws(RepositoryError) -> [RecordedRun] {
        var runs: [RecordedRun] = []
        for (name, target) in try refs(in: "runs") {
            runs.append(try recorded(name, target.id))
        }
        return runs.sorted { $0.place < $1.place }
    }

    private func recorded(_ name: String, _ id: ObjectID) throws(RepositoryError) -> RecordedRun {
        let run = try reading { () throws(ReadError) in try store.run(id) }
        return RecordedRun(name: name, id: id, run: run, state: state(of: run, name))
    }

    private func state(of run: Run, _ name: String) -> RecordedRun.State {
        guard run.ended != nil else { return isRecording(name) ? .running : .interrupted }
        if run.exitStatus == 0 { return .ok }
        // Who was asked to end may do that with any status.
        let asked = [run.signal, run.received].compactMap { $0 }
        return asked.contains(where: Self.ending.contains) ? .interrupted : .failed
    }

    /// The signals by which somebody asks a program to end: hang-up, Ctrl-C, quit, terminate.
    private static let ending: Set<Int> = [1, 2, 3, 15]

    /// Whether a process of this machine records a run, in this working copy or in another one of the store.
    private func isRecording(_ name: String) -> Bool { directory(ofRunning: name) != nil }

    /// Where a run keeps what its command prints, while a process of this machine records it.
    package func directory(ofRunning name: String) -> FilePath? {
        let others = (try? worktrees())?.compactMap(\.path) ?? []
        for root in [copy.root] + others {
            let directory = root / ".mlrepo/runs" / name
            guard (try? environment.files.status(directory / "lease")) ?? nil != nil else { continue }
            guard let file = try? environment.files.occupy(directory / "lease") else { return directory }
            environment.files.close(file)
        }
        return nil
    }

    /// The run that a person names: by its name or the beginning, or by the id of its record.
    ///
    /// - Throws: ``RepositoryError/noRun(_:)`` if there is none, ``RepositoryError/ambiguous(_:)`` if there are several.
    package func recordedRun(named text: String) throws(RepositoryError) -> RecordedRun {
        let digits = text.hasPrefix("run:") ? String(text.dropFirst(4)) : text
        let all = try refs(in: "runs")
        guard digits.utf8.count >= 4 else { throw .noRun(text) }
        let found = all.filter { $0.name.hasPrefix(digits) || $0.target.id.hex.hasPrefix(digits) }
        guard let first = found.first else { throw .noRun(text) }
        guard found.count == 1 else { throw .ambiguous(text) }
        return try recorded(first.name, first.target.id)
    }

    /// The files of what a run read or wrote.
    ///
    /// - Parameter place: Where the tree lies in the repository.
    package func files(of root: ObjectID, at place: RepositoryPath = .root) throws(RepositoryError) -> [(
        path: RepositoryPath, entry: TreeEntry
    )] {
        var files: [(path: RepositoryPath, entry: TreeEntry)] = []
        try reading { () throws(ReadError) in
            try DirectoryTree(root: root, reader: store).forEachFile(under: place) { files.append(($0, $1)) }
        }
        return files
    }

    /// The files as a run left them, in the order of a walk.
    package func files(after recorded: RecordedRun) throws(RepositoryError) -> [(
        path: RepositoryPath, entry: TreeEntry
    )] {
        try reading { () throws(ReadError) in
            try FilesOfRun(of: recorded.run, store, isCollected: wasCollected).after()
        }
    }

    /// Takes the names of some runs away: what only they kept goes with the next collections.
    package func dropRun(_ run: RecordedRun) throws(RepositoryError) {
        guard let actor = person else { throw .noIdentity }
        let name = try naming { () throws(InvalidName) in try RefName("runs/\(run.name)") }
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        _ = try transact(Self.runVerb, reason: "drop \(run.name)", actor: actor, try copy.head(), writer) {
            () throws(RepositoryError) in
            let found = try ref(name)
            guard found?.id == run.id else { throw .store(.moved(name)) }
            return [RefChange(name: name, before: found, after: nil)]
        }
    }

    /// Where a path leads, without links on the way: in the form in which a run's files are told.
    package func real(_ path: FilePath) -> FilePath { AccessLog.realPath(path) ?? path.normalized }

    /// Makes sure that nothing was interrupted here which has to be finished first.
    func requireSettled() throws(RepositoryError) {
        if let lost = try lostCommit() { throw .lostCommit(lost) }
        try finishMerge()
        guard try copy.pending() == nil else { throw .interruptedCheckout }
    }

    /// What is tracked, and the stat cache, once all files that were just written are known to be what they are.
    func steadyCache() throws(RepositoryError) -> (Tracking, StatCache) {
        let look = try look()
        let doubtful = look.scan.files.contains { file in
            guard let base = file.base, let status = file.status else { return false }
            return base.size == status.size
        }
        guard doubtful else { return (look.tracking, look.cache) }
        // Reads them, and notes those that are old enough by then.
        usleep(60_000)
        _ = try changes(try self.look())
        let (head, base) = try base()
        return (look.tracking, try cache(head.commit, base))
    }

    /// The files at and below a path, as they are; links are not followed.
    func files(below path: RepositoryPath) throws(RepositoryError) -> [(
        path: RepositoryPath, status: FileStatus
    )] {
        guard let status = try status(of: path) else { throw .noPath("\(path)") }
        guard status.kind == .directory else { return status.kind == .other ? [] : [(path, status)] }
        var found: [(path: RepositoryPath, status: FileStatus)] = []
        let names = try filing { () throws(FileError) in
            try environment.files.names(in: copy.root.appending(path.bytes))
        }
        for name in names {
            guard let below = try? path.appending(EntryName(name[...])) else { continue }
            found += try files(below: below)
        }
        return found
    }
}
