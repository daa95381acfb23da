package import FileIO
package import ObjectModel
package import Storage
internal import Synchronization

/// What is to become of one path of a working tree.
package struct CheckoutStep: Sendable {
    package let path: RepositoryPath
    /// Nothing if the path is to go.
    package let entry: TreeEntry?
    /// What may be at the path and is in the store: whatever else has come there since somebody looked is left alone.
    package var known: [TreeEntry]

    package init(path: RepositoryPath, entry: TreeEntry?, known: [TreeEntry] = []) {
        self.path = path
        self.entry = entry
        self.known = known
    }
}

/// Writes versions of files into a directory, verified: in the place of a file under a temporary name that becomes the real
/// one, and directly where nothing is.
package struct Checkout: Sendable {
    private let root: FilePath
    private let files: any FileSystem
    private let store: ObjectStore
    private let random: @Sendable (Int) -> [UInt8]
    private let onStep: @Sendable (WorkStep) -> Void
    /// The file system's time when somebody looked at what is there, in nanoseconds since 1970.
    private let clock: Int64

    /// - Parameter clock: What is older was seen then; what is younger is looked at again before it is replaced.
    package init(
        root: FilePath, files: any FileSystem, store: ObjectStore, clock: Int64,
        random: @escaping @Sendable (Int) -> [UInt8],
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) {
        self.root = root
        self.files = files
        self.store = store
        self.random = random
        self.onStep = onStep
        self.clock = clock
    }

    /// A file that is to be written, with the place of its content.
    private struct Target: Sendable {
        let path: RepositoryPath
        let entry: TreeEntry
        let known: [TreeEntry]
        let pack: PackReader?
        let frame: Int
    }

    private struct Work: Sendable {
        var next = 0
        var failure: WorkingTreeError?
        var seen: [RepositoryPath: StatCacheEntry.Seen] = [:]
    }

    /// Removes, then writes.
    ///
    /// The caller has made sure that nothing is lost. What a link leads to is never touched. When this returns,
    /// everything is durable: what is said to be a version's files is so after a power cut, too.
    /// - Returns: The status of every file that was written.
    package func apply(
        _ steps: [CheckoutStep], width: Int
    ) throws(WorkingTreeError) -> [RepositoryPath: StatCacheEntry.Seen] {
        try requireDistinct(steps)
        try requireSpace(steps)
        for step in steps.reversed() where step.entry == nil {
            try requireKnown(step.path, step.known)
            try remove(step.path)
        }
        let made = Mutex<Set<RepositoryPath>>([.root])
        for step in steps {
            if let entry = step.entry, entry.mode == .directory {
                try requireKnown(step.path, step.known)
                try makeRoom(step.path)
                try makeDirectory(step.path, made)
            }
        }
        let targets = steps.compactMap { step -> Target? in
            guard let entry = step.entry, entry.mode != .directory else { return nil }
            let found = store.find(ObjectReference(.blob, entry.id))
            return Target(
                path: step.path, entry: entry, known: step.known, pack: found?.pack,
                frame: found.map { $0.place.isRecipe ? -1 : $0.place.frame } ?? -1)
        }.sorted { ($0.pack?.name.text ?? "", $0.frame) < ($1.pack?.name.text ?? "", $1.frame) }
        onStep(.planned(files: targets.count, bytes: targets.reduce(0) { $0 + $1.entry.size }))
        // Files of one frame are written together, so that it is decoded once.
        var groups: [Range<Int>] = []
        for (index, target) in targets.enumerated() {
            if let last = groups.last, target.frame >= 0, targets[last.lowerBound].frame == target.frame,
                targets[last.lowerBound].pack?.name == target.pack?.name
            {
                groups[groups.count - 1] = last.lowerBound..<index + 1
            } else {
                groups.append(index..<index + 1)
            }
        }
        // A few files are made durable one by one, many by one call for the whole file system.
        let isOneByOne = targets.count <= Self.fewFiles
        let work = Mutex(Work())
        let (allGroups, allTargets) = (groups, targets)
        onThreads(max(1, min(width, groups.count))) { _ in
            while true {
                let number = work.withLock { work -> Int? in
                    guard work.failure == nil, work.next < allGroups.count else { return nil }
                    defer { work.next += 1 }
                    return work.next
                }
                guard let number else { return }
                for target in allTargets[allGroups[number]] {
                    do throws(WorkingTreeError) {
                        let seen = try write(target, made, synchronizing: isOneByOne)
                        onStep(.file)
                        work.withLock { $0.seen[target.path] = seen }
                    } catch {
                        work.withLock { work in work.failure = work.failure ?? error }
                        return
                    }
                }
            }
        }
        let end = work.withLock { $0 }
        if let failure = end.failure { throw failure }
        try synchronize(steps, isOneByOne: isOneByOne)
        return end.seen
    }

    /// Makes sure that what is about to be replaced is what was there when somebody looked.
    ///
    /// - Throws: ``WorkingTreeError/wouldLose(_:)`` if it was written since, with something that no version has.
    private func requireKnown(_ path: RepositoryPath, _ known: [TreeEntry]) throws(WorkingTreeError) {
        let place = place(path)
        let status = try working { () throws(FileError) in
            try isReal(path.split?.directory ?? .root) ? try files.status(place) : nil
        }
        guard let status, status.kind == .file || status.kind == .link else { return }
        let margin =
            status.modified % 1_000_000_000 == 0 ? Snapshot.coarseRacyMargin : Snapshot.racyMargin
        guard max(status.modified, status.changed) >= clock - margin else { return }
        let id = try working { () throws(FileError) in
            status.kind == .link
                ? ObjectID(of: .blob, payload: try files.readLink(place))
                : try Snapshot.digest(of: place, files)
        }
        if known.contains(where: { $0.id == id }) { return }
        // One that an interrupted checkout was writing.
        if status.kind == .file {
            let file = try working { () throws(FileError) in try files.open(place) }
            defer { files.close(file) }
            for entry in known where entry.mode.kind == .blob && status.size <= entry.size {
                if try BlobStream(store: store, id: entry.id).isTorn(file, files) { return }
            }
        }
        throw .wouldLose([path])
    }

    /// Makes sure that no entry is in the place of another one or of a directory above it: a version from elsewhere could have
    /// a link, and a file beneath that link.
    private func requireDistinct(_ steps: [CheckoutStep]) throws(WorkingTreeError) {
        var written = steps.filter { $0.entry != nil }
        let isInOrder = zip(written, written.dropFirst()).allSatisfy {
            DirectoryTree.walkOrder($0.path, $1.path)
        }
        if !isInOrder { written.sort { DirectoryTree.walkOrder($0.path, $1.path) } }
        // What lies beneath a path comes right behind it.
        for (step, next) in zip(written, written.dropFirst()) where next.path.isInside(step.path) {
            throw .conflict(next.path)
        }
    }

    /// Refuses what cannot fit, before anything is written.
    private func requireSpace(_ steps: [CheckoutStep]) throws(WorkingTreeError) {
        var needed = 0
        for step in steps {
            let (sum, overflow) = needed.addingReportingOverflow(step.entry?.size ?? 0)
            needed = overflow ? .max : sum
        }
        // What is replaced makes room, so only the hopeless is refused.
        guard needed > Self.littleData, let free = try? files.freeSpace(root), needed > free else { return }
        var replaced = 0
        for step in steps {
            replaced += (try? files.status(place(step.path)))??.size ?? 0
            if needed - replaced <= free { return }
        }
        throw .noSpace(needed: needed, free: free)
    }

    /// For fewer bytes nobody asks how much is free.
    private static let littleData = 64 << 20

    /// Makes names durable, or everything.
    private func synchronize(_ steps: [CheckoutStep], isOneByOne: Bool) throws(WorkingTreeError) {
        if steps.isEmpty { return }
        try working { () throws(FileError) in
            guard isOneByOne, steps.count <= Self.fewFiles else {
                return try files.synchronizeAll(below: root)
            }
            var directories: Set<RepositoryPath> = []
            for step in steps {
                var above = step.path.split?.directory
                while let directory = above, directories.insert(directory).inserted {
                    above = directory.split?.directory
                }
            }
            // From the top down: beneath what is no directory nothing is ours.
            var (real, order): (Set<RepositoryPath>, [RepositoryPath]) = ([], [])
            for directory in directories.sorted(by: { $0.bytes.count < $1.bytes.count }) {
                guard directory.split.map({ real.contains($0.directory) }) ?? true,
                    try files.status(place(directory))?.kind == .directory || directory.isRoot
                else { continue }
                real.insert(directory)
                order.append(directory)
            }
            for directory in order.reversed() { try files.synchronizeDirectory(place(directory)) }
        }
    }

    /// So many files are made durable one by one.
    private static let fewFiles = 32

    private func place(_ path: RepositoryPath) -> FilePath { root.appending(path.bytes) }

    /// Removes a file, and the directories above it that become empty.
    private func remove(_ path: RepositoryPath) throws(WorkingTreeError) {
        try working { () throws(FileError) in
            // What lies behind a link that took a directory's place is not ours.
            guard try isReal(path.split?.directory ?? .root), let status = try files.status(place(path))
            else { return }
            if status.kind == .directory {
                do throws(FileError) { try files.removeDirectory(place(path)) } catch {
                    guard error.isNotEmpty else { throw error }
                }
            } else {
                try files.remove(place(path))
            }
            var above = path.split?.directory
            while let directory = above, !directory.isRoot {
                do throws(FileError) { try files.removeDirectory(place(directory)) } catch {
                    if error.isNotEmpty || error.isNotFound { break }
                    throw error
                }
                above = directory.split?.directory
            }
        }
    }

    /// Removes a file or link that an empty directory takes the place of.
    private func makeRoom(_ path: RepositoryPath) throws(WorkingTreeError) {
        try working { () throws(FileError) in
            guard try isReal(path.split?.directory ?? .root), let status = try files.status(place(path)),
                status.kind != .directory
            else { return }
            try files.remove(place(path))
        }
    }

    /// Whether a directory and all above it are directories, and none is a link.
    private func isReal(_ directory: RepositoryPath) throws(FileError) -> Bool {
        guard let above = directory.split?.directory else { return true }
        guard try isReal(above) else { return false }
        return try files.status(place(directory))?.kind == .directory
    }

    /// Makes a directory and those above it, each a real one: what is a link or file in the way is not followed.
    private func makeDirectory(_ path: RepositoryPath, _ made: borrowing Mutex<Set<RepositoryPath>>)
        throws(WorkingTreeError)
    {
        if made.withLock({ $0.contains(path) }) { return }
        guard let (above, _) = path.split else { return }
        try makeDirectory(above, made)
        try working { () throws(FileError) in
            do throws(FileError) { try files.makeDirectory(place(path), permissions: 0o777) } catch {
                guard error.isExists, try files.status(place(path))?.kind == .directory else { throw error }
            }
        }
        _ = made.withLock { $0.insert(path) }
    }

    private func write(
        _ target: Target, _ made: borrowing Mutex<Set<RepositoryPath>>, synchronizing: Bool
    ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
        let (path, entry) = (target.path, target.entry)
        guard let (directory, _) = path.split else { return nil }
        try makeDirectory(directory, made)
        if entry.mode == .link {
            if let seen = try linkNew(path, place(path), entry) { return seen }
        } else if let seen = try writeNew(place(path), entry, synchronizing: synchronizing) {
            return seen
        }
        let temporary = place(directory).appending(EntryName.temporaryPrefix + Hex.text(random(8)).utf8)
        do throws(WorkingTreeError) {
            let made =
                entry.mode == .link
                ? try linkNew(path, temporary, entry)
                : try writeNew(temporary, entry, synchronizing: synchronizing)
            guard made != nil else { throw .file(FileError.exists(temporary)) }
            try requireKnown(path, target.known)
            return try working { () throws(FileError) in
                // An empty directory makes room; one that is not empty stops this.
                if try files.status(place(path))?.kind == .directory {
                    try files.removeDirectory(place(path))
                }
                try files.rename(temporary, to: place(path))
                return try files.status(place(path)).map { StatCacheEntry.Seen($0) }
            }
        } catch {
            try? files.removeIfPresent(temporary)
            throw error
        }
    }

    /// Makes a link under a name that nothing has.
    ///
    /// - Returns: Nothing if the name is taken.
    private func linkNew(
        _ path: RepositoryPath, _ place: FilePath, _ entry: TreeEntry
    ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
        let target = try content(entry.id)
        guard !target.contains(0) else { throw .badLink(path) }
        do throws(FileError) { try files.makeLink(place, target: target) } catch {
            if error.isExists { return nil }
            throw .file(error)
        }
        return try working { () throws(FileError) in try files.status(place).map { StatCacheEntry.Seen($0) } }
    }

    /// Writes a file under a name that nothing has.
    ///
    /// Where nothing is, nothing can be lost, and what is cut short is known by its beginning (``BlobStream/isTorn(_:_:)``); a
    /// file that cannot be finished goes again.
    /// - Returns: Nothing if the name is taken.
    private func writeNew(
        _ path: FilePath, _ entry: TreeEntry, synchronizing: Bool
    ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
        let permissions: UInt16 = entry.mode == .executable ? 0o777 : 0o666
        let file: FileDescriptor
        do throws(FileError) { file = try files.create(path, permissions: permissions) } catch {
            if error.isExists { return nil }
            throw .file(error)
        }
        defer { files.close(file) }
        do throws(WorkingTreeError) {
            try BlobStream(store: store, id: entry.id, size: entry.size).forEachPiece {
                (piece) throws(WorkingTreeError) in
                try working { () throws(FileError) in try files.write(file, piece) }
                onStep(.bytes(piece.count))
            }
            return try working { () throws(FileError) in
                if synchronizing { try files.synchronize(file) }
                return StatCacheEntry.Seen(try files.status(of: file))
            }
        } catch {
            try? files.removeIfPresent(path)
            throw error
        }
    }

    private func content(_ id: ObjectID) throws(WorkingTreeError) -> [UInt8] {
        do throws(ReadError) { return try store.required(.blob, id) } catch { throw .object(error) }
    }
}
