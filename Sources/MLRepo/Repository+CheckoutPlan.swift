internal import FileIO
internal import ObjectModel
internal import Storage
internal import WorkingTree

/// What a checkout is to write, and what of that would take something from somebody.
extension Repository {
    /// What one version has otherwise than another.
    typealias Difference = (path: RepositoryPath, before: TreeEntry?, after: TreeEntry?)

    func differences(_ before: Commit?, _ after: Commit) throws(RepositoryError) -> [Difference] {
        var differences: [Difference] = []
        try reading { () throws(ReadError) in
            try tree(before).changes(to: tree(after)) { (path, before, after) throws(ReadError) in
                differences.append((path, before, after))
            }
        }
        return differences
    }

    /// The steps from the base version to another, and the files in their way that are nowhere in the store.
    ///
    /// - Parameters:
    ///   - differences: Those of the target from the base version.
    ///   - dirty: What differs from the base version on disk.
    ///   - others: Entries of no version of these that may be on disk.
    func plan(
        _ look: Look, _ differences: [Difference], to target: DirectoryTree, dirty: Set<RepositoryPath>,
        replacing others: [(path: RepositoryPath, entry: TreeEntry)] = []
    ) throws(RepositoryError) -> (steps: [CheckoutStep], lost: [RepositoryPath]) {
        var changes = differences
        // Where an earlier checkout was interrupted, a file of either of its sides is as good as clean.
        var sides: [RepositoryPath: [TreeEntry]] = [:]
        var written: [RepositoryPath: [TreeEntry]] = [:]
        var known = Set(changes.map(\.path))
        func add(_ path: RepositoryPath, _ entries: [TreeEntry]) throws(RepositoryError) {
            sides[path, default: []] += entries
            guard known.insert(path).inserted else { return }
            let entry = try reading { () throws(ReadError) in try target.entry(at: path) }
            // What is in a directory has steps of its own.
            let isFull = entry?.mode == .directory && entry?.id != DirectoryTree.emptyRoot
            changes.append((path, nil, isFull ? nil : entry))
        }
        for change in try copy.pending()?.changes ?? [] {
            for (path, before, after) in try self.differences(change) {
                try add(path, [before, after].compactMap { $0 })
                if let after { written[path, default: []].append(after) }
            }
        }
        for (path, entry) in try interruptedEntries() {
            try add(path, [entry])
            written[path, default: []].append(entry)
        }
        for (path, entry) in others {
            try add(path, [entry])
            written[path, default: []].append(entry)
        }
        if changes.count > differences.count { changes.sort { DirectoryTree.walkOrder($0.path, $1.path) } }
        let removed = Set(changes.filter { $0.after == nil }.map(\.path))
        var (steps, lost): ([CheckoutStep], [RepositoryPath]) = ([], [])
        var firm: Set<RepositoryPath> = [.root]
        for change in changes {
            // What a directory that is to become a file holds, no version knows.
            let isRoom = change.before?.mode == .directory && change.after != nil
            let isInTheWay = dirty.contains(change.path) || change.before == nil || isRoom
            // What untrack took out is in the version before.
            let likely = (sides[change.path] ?? []) + [change.before, change.after].compactMap { $0 }
            if isInTheWay, try !isSafe(change.path, likely, removed) {
                var isOurs = false
                for entry in written[change.path] ?? [] where !isOurs {
                    isOurs = try isTorn(change.path, entry)
                }
                if !isOurs { lost.append(change.path) }
            }
            if change.after != nil, let above = change.path.split?.directory {
                if let obstacle = try obstacle(above, removed, &firm) { lost.append(obstacle) }
            }
            steps.append(
                CheckoutStep(
                    path: change.path, entry: change.after, known: likely,
                    seen: look.cache.seen(change.path)))
        }
        return (steps, Array(Set(lost)).sorted())
    }

    /// What an interrupted checkout may have written; nothing where a collection took the files since.
    func differences(_ change: WorkingCopy.Pending.Change) throws(RepositoryError) -> [Difference] {
        var differences: [Difference] = []
        do throws(ReadError) {
            try directory(change.from).changes(to: directory(change.to)) {
                (path, before, after) throws(ReadError) in
                differences.append((path, before, after))
            }
        } catch {
            guard case .missing = error else { throw .object(error) }
            return []
        }
        return differences
    }

    func directory(_ root: ObjectID?) -> DirectoryTree {
        DirectoryTree(root: root ?? DirectoryTree.emptyRoot, reader: store)
    }

    /// A file or link in the place of a directory that is needed, unless it is to go.
    func obstacle(
        _ directory: RepositoryPath, _ removed: Set<RepositoryPath>, _ firm: inout Set<RepositoryPath>
    ) throws(RepositoryError) -> RepositoryPath? {
        guard !firm.contains(directory), let above = directory.split?.directory else { return nil }
        if let found = try obstacle(above, removed, &firm) { return found }
        // Behind a link that is to go nothing is.
        let status = try status(of: directory)
        if let status, status.kind != .directory, !removed.contains(directory) { return directory }
        firm.insert(directory)
        return nil
    }

    /// Whether what is on disk at a path is nothing, or one of some contents that are in the store.
    func isSafe(
        _ path: RepositoryPath, _ likely: [TreeEntry], _ removed: Set<RepositoryPath>
    ) throws(RepositoryError) -> Bool {
        guard let status = try status(of: path) else {
            // A file that the person deleted comes back with another version, or stays away.
            return true
        }
        if status.kind == .directory {
            // Only an empty directory is ever removed.
            if likely.last?.mode == .directory || removed.contains(path) { return true }
            return try holdsOnly(removed, path)
        }
        // A pipe or device is nothing that a version could have; reading it might never end.
        guard status.kind == .file || status.kind == .link else { return false }
        let scanned = ScannedFiles([ScannedFile(path: path, status: status)])
        let read = try working { () throws(WorkingTreeError) in
            try Snapshot(root: copy.root, files: environment.files, writer: nil, clock: 0).read(
                scanned, width: 1)
        }
        guard let entry = read.files.first?.entry else { return true }
        return likely.contains { entry.id == $0.id && entry.mode == $0.mode }
    }

    /// Whether a file is what a power cut left of one that an interrupted checkout wrote.
    func isTorn(_ path: RepositoryPath, _ entry: TreeEntry?) throws(RepositoryError) -> Bool {
        guard let entry, entry.mode.kind == .blob, entry.mode != .link else { return false }
        let place = copy.root.appending(path.bytes)
        let status = try filing { () throws(FileError) in try environment.files.status(place) }
        guard status?.kind == .file else { return false }
        let file = try filing { () throws(FileError) in try environment.files.open(place) }
        defer { environment.files.close(file) }
        return try working { () throws(WorkingTreeError) in
            guard status?.size ?? 0 <= entry.size else { return false }
            return try BlobStream(store: store, id: entry.id).isTorn(file, environment.files)
        }
    }

    /// Whether a directory holds nothing but what is to go, so that a file can take its place.
    private func holdsOnly(_ removed: Set<RepositoryPath>, _ path: RepositoryPath) throws(RepositoryError)
        -> Bool
    {
        var listing = DirectoryListing()
        try filing { () throws(FileError) in
            try environment.files.list(copy.root.appending(path.bytes), into: &listing)
        }
        for index in 0..<listing.count {
            guard let name = try? EntryName(listing.name(index)), let below = try? path.appending(name) else {
                return false
            }
            let kind = listing.status(index).kind
            if removed.contains(below), kind != .directory { continue }
            guard kind == .directory, try holdsOnly(removed, below) else {
                return false
            }
        }
        return true
    }

    /// What a checkout of paths that was interrupted was writing; nothing where a collection took it since.
    private func interruptedEntries() throws(RepositoryError) -> [Leaf] {
        guard let pending = try copy.pending(), !pending.paths.isEmpty, let source = pending.source,
            try !wasCollected(commit(source))
        else { return [] }
        return try entries(at: pending.paths, of: source)
    }

    /// The version that has what a checkout was overwriting that was interrupted; nothing where a collection took it since.
    func keptByInterrupted() throws(RepositoryError) -> ObjectID? {
        guard let kept = try copy.pending()?.kept, try !wasCollected(commit(kept)) else { return nil }
        return kept
    }

    /// What a checkout that was interrupted was changing.
    func interruptedPaths() throws(RepositoryError) -> Set<RepositoryPath> {
        var paths: Set<RepositoryPath> = []
        for change in try copy.pending()?.changes ?? [] {
            for difference in try differences(change) { paths.insert(difference.path) }
        }
        // Of a checkout of paths, what it wrote, was writing, or was about to.
        guard let kept = try keptByInterrupted() else { return paths }
        let version = try tree(commit(kept))
        for (path, entry) in try interruptedEntries() {
            let before = try reading { () throws(ReadError) in try version.entry(at: path) }
            let isKnown = try isSafe(path, [before, entry].compactMap { $0 }, [])
            let isOurs = isKnown ? true : try isTorn(path, entry)
            if isOurs { paths.insert(path) }
        }
        return paths
    }
}
