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
    /// A checkout was interrupted.
    package let isPending: Bool
    package let tracking: Tracking
}

extension Repository {
    /// A walk over the working copy, and what it was compared with.
    struct Look {
        let head: WorkingCopy.Head
        let base: Commit?
        let tracking: Tracking
        let cache: StatCache
        let clock: Int64
        let scan: ScanResult
    }

    func look() throws(RepositoryError) -> Look {
        let (head, base) = try self.base()
        let tracking = try copy.tracking(base: base?.tracked ?? TrackedPaths())
        let cache = try self.cache(head.commit, base)
        let clock = try copy.fileClock()
        let scan = try working { () throws(WorkingTreeError) in
            try Scan(root: copy.root, files: environment.files, cache: cache, tracking: tracking).run(
                width: environment.width)
        }
        return Look(head: head, base: base, tracking: tracking, cache: cache, clock: clock, scan: scan)
    }

    /// The stat cache of the base version, made anew where it is gone.
    func cache(_ id: ObjectID?, _ base: Commit?) throws(RepositoryError) -> StatCache {
        if let cache = copy.cache(for: id) { return cache }
        let tree = tree(base)
        let directory = try reading { () throws(ReadError) in try StatCacheBuilder.Directory(tree) }
        guard let cache = StatCache(MappedFile(copying: StatCacheBuilder.bytes(directory))) else {
            throw .damaged(copy.directory / "index", "it cannot be made")
        }
        return cache
    }

    /// Which files differ from the base version, and how.
    package func status() throws(RepositoryError) -> WorkingCopyStatus {
        let look = try look()
        let changes = try self.changes(look)
        return WorkingCopyStatus(
            head: look.head, changes: changes, skipped: look.scan.skipped,
            isPending: try copy.pending() != nil,
            tracking: look.tracking)
    }

    func changes(_ look: Look) throws(RepositoryError) -> [FileChange] {
        var changes = look.scan.emptyDirectories.map { FileChange(path: $0, state: .added) }
        var doubtful: [ScannedFile] = []
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
        guard files.contains(where: { $0.seen != nil }) else { return }
        let directory = StatCacheBuilder.Directory(look.cache)
        for file in files { directory.set(file.path, file.entry, seen: file.seen) }
        try? copy.setCache(StatCacheBuilder.bytes(directory), base: look.head.commit)
    }
}
