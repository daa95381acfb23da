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
    /// So many of them are noted at a time: a second's work.
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
    /// May take as long as the question took. Where nothing can be written, nothing is noted.
    package func noteCommits() {
        guard !copy.isBare else { return }
        let missed = knownCommits.take()
        guard !missed.isEmpty else { return }
        let rows = missed.compactMap { outline -> CommitTable.Row? in
            guard let commit = try? store.commit(outline.id) else { return nil }
            return CommitTable.Row(outline, touching: TouchedPaths.hashes(of: commit, store))
        }
        guard let bytes = CommitTable.bytes(of: knownCommits.table, and: rows) else { return }
        try? copy.setCommitTable(bytes)
    }
}
