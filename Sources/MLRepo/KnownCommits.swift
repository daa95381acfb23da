internal import FileIO
internal import Lineage
internal import ObjectModel
internal import Storage
internal import Synchronization

/// What walks through history found out about commits: in this process, and before, in the file `commits` of the working copy.
final class KnownCommits: Sendable {
    private let stored: Lazy<CommitTable?>
    /// Commits that were read in this process, as the file does not have them.
    private let missed = Mutex<[CommitOutline]>([])
    /// So many of them are kept, and noted at a time where a second is enough for that.
    private static let mostMissed = 10_000
    /// So few are as soon read as noted.
    private static let fewestMissed = 32

    init(_ copy: WorkingCopy) { stored = Lazy { copy.commitTable() } }

    /// The table; nothing if there is none.
    var table: CommitTable? { stored.value }

    /// Commits for a walk that may want many.
    func source(_ store: ObjectStore) -> CommitSource {
        CommitSource(store, table: table, keeping: Self.mostMissed)
    }

    /// Keeps what a walk had to read.
    func add(_ commits: [CommitOutline]) {
        guard !commits.isEmpty else { return }
        missed.withLock { $0 += commits }
    }

    /// What is worth to be noted: each commit once.
    func take() -> [CommitOutline] {
        let commits = missed.withLock { missed in
            defer { missed = [] }
            return missed
        }
        var seen: Set<ObjectID> = []
        let once = commits.filter { seen.insert($0.id).inserted }.prefix(Self.mostMissed)
        return once.count < Self.fewestMissed ? [] : Array(once)
    }
}

extension WorkingCopy {
    private static let commits = "commits"

    /// What was noted of commits; nothing where nothing was, or where it cannot be read.
    func commitTable() -> CommitTable? {
        guard !isBare,
            let bytes = try? files.contentsIfPresent(
                directory / Self.commits, limit: CommitTable.byteLimit)
        else { return nil }
        return CommitTable(bytes: bytes)
    }

    /// Whether a table can be written, and in the place of nothing but one.
    var canNoteCommits: Bool {
        guard !isBare, (try? requireWritable()) != nil else { return false }
        let kind = try? files.status(directory / Self.commits)?.kind
        return kind == nil || kind == .file
    }

    /// Replaces what was noted of commits.
    ///
    /// It is derived: nothing needs it to be durable.
    func setCommitTable(_ bytes: [UInt8]) throws(RepositoryError) {
        try replace(Self.commits, bytes, durable: false)
    }
}

extension Repository {
    /// Notes what was found out about commits, so that the next question about a path's history need not read them again.
    ///
    /// Takes at most about a second; what is not done then is left for the next one. Where nothing can be written, nothing is
    /// noted.
    package func noteCommits() {
        let missed = knownCommits.take()
        guard !missed.isEmpty, copy.canNoteCommits else { return }
        let clock = ContinuousClock()
        let end = clock.now + .seconds(1)
        var rows: [CommitTable.Row] = []
        for outline in missed where clock.now < end {
            guard let commit = try? store.commit(outline.id) else { continue }
            rows.append(CommitTable.Row(outline, touching: TouchedPaths.hashes(of: commit, store)))
        }
        guard let bytes = CommitTable.bytes(of: knownCommits.table, and: rows) else { return }
        try? copy.setCommitTable(bytes)
    }
}
