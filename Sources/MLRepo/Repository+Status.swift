internal import FileIO
package import ObjectModel
package import WorkingTree

/// How a file differs from the base version.
package struct FileChange: Hashable, Sendable {
    package enum State: String, Sendable {
        case added, modified, deleted, typeChanged
    }

    package let path: RepositoryPath
    package let state: State
}

/// What a working copy looks like beside its base version.
package struct WorkingCopyStatus: Sendable {
    package let head: WorkingCopy.Head
    package let changes: [FileChange]
    package let skipped: [SkippedFile]
    /// What lies in the top directory and is neither tracked nor ignored; nothing in a git work tree, where git says so.
    package let untracked: [RepositoryPath]
    /// A checkout was interrupted, or a commit before it had written what others committed.
    package let isPending: Bool
    /// It was such a commit: the next command that writes finishes it.
    package let isMerging: Bool
    package let tracking: Tracking
    /// Tracked directories that are not there, or are empty although the base version has files in them: a commit does not take
    /// their files for deleted.
    package let missing: [RepositoryPath]
    /// The newest commit of the branch that is stood on.
    package let branchTip: ObjectID?
    /// Whether other paths or patterns are tracked than in the base version.
    package let isRetracked: Bool
    /// How far this is from what another store had; nothing where none has been seen, or what is needed for that is not here.
    package let distance: Distance?
    /// Of what merges kept both versions.
    package let choices: [OpenChoice]
}

extension Repository {
    /// A look at the working copy, and what it was compared with.
    struct Look {
        let head: WorkingCopy.Head
        let base: Commit?
        let tracking: Tracking
        let cache: StatCache
        let clock: Int64
        let scan: ScanResult
    }

    /// Looks at the working copy, or only at files that lie at some paths in the base version.
    ///
    /// - Parameter paths: Nothing for all that is tracked. What is new is not seen otherwise.
    func look(at paths: [RepositoryPath]? = nil) throws(RepositoryError) -> Look {
        guard !copy.isBare else { throw .bare(copy.root) }
        let (head, base) = try self.base()
        let tracking = try self.tracking(base)
        let cache = try self.cache(head.commit, base)
        let clock = try copy.fileClock()
        let scan = try working { () throws(WorkingTreeError) in
            let scan = Scan(
                root: copy.root, files: environment.files, cache: cache, tracking: tracking, clock: clock)
            return if let paths { try scan.look(at: paths) } else { try scan.run(width: environment.width) }
        }
        return Look(
            head: head, base: base, tracking: tracking, cache: cache.noting(scan.sightings), clock: clock,
            scan: scan)
    }

    /// The stat cache of the base version: the one that is there, brought up to that version, or a new one.
    func cache(_ id: ObjectID?, _ base: Commit?) throws(RepositoryError) -> StatCache {
        if let cache = copy.cache() {
            if cache.base == id { return cache }
            // A command that was killed behind its log entry leaves the cache of the version before.
            if let moved = try? moved(cache, to: id, tree(base)) { return moved }
        }
        return try reading { () throws(ReadError) in
            try StatCache(tree(base), base: id, identity: environment.random(16))
        }
    }

    private func moved(_ cache: StatCache, to id: ObjectID?, _ tree: DirectoryTree) throws(ReadError)
        -> StatCache
    {
        let old = self.tree(try cache.base.map { (base) throws(ReadError) in try store.commit(base) })
        var edits: [StatCache.Edit] = []
        try old.changes(to: tree) { (path, _, after) throws(ReadError) in
            edits.append(StatCache.Edit(path: path, entry: after, seen: nil))
        }
        return cache.applying(edits, base: id, identity: environment.random(16))
    }

    /// Which files differ from the base version, and how.
    package func status() throws(RepositoryError) -> WorkingCopyStatus {
        let look = try look()
        let changes = try self.changes(look)
        let gone = changes.filter { $0.state == .deleted && !look.tracking.isUntracked($0.path) }.map(\.path)
        let missing = gone.isEmpty ? [] : try missingRoots(look, look.scan.files, gone)
        var untracked = look.scan.untracked
        if !untracked.isEmpty, try gitRoot() != nil { untracked = [] }
        if !untracked.isEmpty {
            // A directory of which a pattern takes in something is named with that.
            let tops = Set(changes.compactMap { $0.path.names.first?.bytes })
            untracked.removeAll { tops.contains($0.bytes) }
        }
        let interrupted = try interrupted(look.head.commit)
        return WorkingCopyStatus(
            head: look.head, changes: changes, skipped: look.scan.skipped,
            untracked: untracked,
            isPending: interrupted != nil, isMerging: interrupted?.isMerge == true,
            tracking: look.tracking, missing: missing,
            branchTip: try look.head.branch.flatMap { (branch) throws(RepositoryError) in try tip(of: branch)
            }, isRetracked: look.tracking.paths != look.base?.tracked ?? TrackedPaths(),
            distance: distance(look.head), choices: openChoices())
    }

    private func distance(_ head: WorkingCopy.Head) -> Distance? {
        guard let branch = head.branch, let commit = head.commit else { return nil }
        return (try? distance(of: commit, on: branch)) ?? nil
    }

    /// What was interrupted here; nothing while a command is at work.
    func interrupted(_ standing: ObjectID?) throws(RepositoryError) -> WorkingCopy.Pending? {
        guard let pending = try copy.pending(), try !isForgotten(pending, standing), !copy.isOccupied
        else { return nil }
        return pending
    }

    /// What is at a path; nothing behind a link in a directory's place.
    func status(of path: RepositoryPath) throws(RepositoryError) -> FileStatus? {
        guard let above = path.split?.directory else {
            return try filing { () throws(FileError) in try environment.files.status(copy.root) }
        }
        if !above.isRoot {
            guard try status(of: above)?.kind == .directory else { return nil }
        }
        return try filing { () throws(FileError) in
            try environment.files.status(copy.root.appending(path.bytes))
        }
    }

    func changes(_ look: Look) throws(RepositoryError) -> [FileChange] {
        var changes = look.scan.emptyDirectories.map { FileChange(path: $0, state: .added) }
        var doubtful = ScannedFiles()
        for file in look.scan.files {
            switch (file.base, file.status) {
            case (nil, _): changes.append(FileChange(path: file.path, state: .added))
            case (_, nil): changes.append(FileChange(path: file.path, state: .deleted))
            case (let base?, let status?):
                if (base.mode == .link) != (status.kind == .link) {
                    changes.append(FileChange(path: file.path, state: .typeChanged))
                } else if base.size != status.size || !base.mode.matches(status) {
                    changes.append(FileChange(path: file.path, state: .modified))
                } else {
                    doubtful.append(file)
                }
            }
        }
        let read = try working { () throws(WorkingTreeError) in
            try Snapshot(root: copy.root, files: environment.files, writer: nil, clock: look.clock)
                .read(doubtful, width: environment.width)
        }
        var refreshed: [SnapshotFile] = []
        for file in read.files {
            if file.isUnchanged {
                refreshed.append(file)
            } else {
                changes.append(FileChange(path: file.path, state: file.entry == nil ? .deleted : .modified))
            }
        }
        remember(refreshed, look)
        return changes.sorted { DirectoryTree.walkOrder($0.path, $1.path) }
    }

    /// Notes that files were read and found unchanged, so that they need not be read again.
    ///
    /// It is a convenience: a working copy that cannot be written to does without.
    private func remember(_ files: [SnapshotFile], _ look: Look) {
        guard look.cache.isNew || files.contains(where: { $0.seen != nil }) else { return }
        let edits = files.map { StatCache.Edit(path: $0.path, entry: $0.entry, seen: $0.seen) }
        try? copy.setCache(
            look.cache.applying(edits, base: look.cache.base, identity: environment.random(16)))
    }
}
