package import FileIO
package import ObjectModel
package import Storage
internal import Synchronization

/// Writes versions of files into a directory, verified: in the place of a file under a temporary name that becomes the real
/// one, and directly where nothing is.
package struct Checkout: Sendable {
    private let root: FilePath
    private var files: any FileSystem
    /// Whether the file system follows no link below the root.
    private let isConfined: Bool
    private let store: ObjectStore
    private let random: @Sendable (Int) -> [UInt8]
    private let isResumed: Bool
    private let onStep: @Sendable (WorkStep) -> Void

    /// - Parameter isResumed: One was interrupted before, so that the beginning of a version's file may be what a power cut left
    ///   of it, and nobody's work.
    package init(
        root: FilePath, files: any FileSystem, store: ObjectStore,
        random: @escaping @Sendable (Int) -> [UInt8], isResumed: Bool = false,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) {
        self.root = root
        // Whatever becomes a link while this works is not followed.
        let confined = files.confined(to: root)
        (self.files, isConfined) = (confined ?? files, confined != nil)
        self.store = store
        self.random = random
        self.isResumed = isResumed
        self.onStep = onStep
    }

    /// What several threads share that write files.
    private struct Work: Sendable {
        var next = 0
        var failure: WorkingTreeError?
        var seen: SegmentedArray<StatCacheEntry.Seen?>
        var progress: CheckoutProgress
    }

    /// Removes, then writes.
    ///
    /// The caller has made sure that nothing is lost. What a link leads to is never touched. When this returns,
    /// everything is durable: what is said to be a version's files is so after a power cut, too.
    /// - Parameter progress: What was done, also after an error.
    /// - Returns: The status of every file that was written, in the order of the steps.
    package func apply(
        _ steps: CheckoutSteps, width: Int, noting progress: inout CheckoutProgress
    ) throws(WorkingTreeError) -> SegmentedArray<StatCacheEntry.Seen?> {
        try requireDistinct(steps)
        try requireSpace(steps)
        for index in steps.indices.reversed() where steps.isRemoval(index) {
            let step = steps[index]
            try requireKnown(step)
            try remove(step.path)
            progress.note(index)
        }
        try makeDirectories(steps, &progress)
        let order = CheckoutOrder(steps, in: store)
        onStep(.planned(files: order.files.count, bytes: order.size))
        // A few files are made durable one by one, many by one call for the whole file system.
        let isOneByOne = order.files.count <= Self.fewFiles
        let work = Mutex(
            Work(seen: SegmentedArray(repeating: nil, count: steps.count), progress: progress))
        let ahead = ReadAhead(store)
        // One large file has work for all.
        onThreads(max(1, order.hasLarge ? width : min(width, order.groups.count))) {
            ahead.enter()
            defer { ahead.leave() }
            while true {
                let number = work.withLock { work -> Int? in
                    guard work.failure == nil, work.next < order.groups.count else { return nil }
                    defer { work.next += 1 }
                    return work.next
                }
                guard let number else { return }
                var written: [(step: Int, seen: StatCacheEntry.Seen?)] = []
                defer {
                    work.withLock { work in
                        for (step, seen) in written {
                            work.seen[step] = seen
                            work.progress.note(step)
                        }
                    }
                }
                var held: HeldDirectory?
                do throws(WorkingTreeError) {
                    for file in order.files[order.groups[number]] {
                        let step = steps[file.step]
                        guard let entry = step.entry else { continue }
                        let blob = BlobStream(
                            store: store, id: entry.id, size: entry.size, found: order.found(file),
                            ahead: ahead)
                        do throws(WorkingTreeError) {
                            let seen = try write(step, entry, blob, synchronizing: isOneByOne, &held)
                            written.append((file.step, seen))
                        } catch {
                            guard case .object(let reason) = error else { throw error }
                            throw WorkingTreeError.content(step.path, reason)
                        }
                        onStep(.file)
                    }
                } catch {
                    work.withLock { work in work.failure = work.failure ?? error }
                    return
                }
            }
        }
        let end = work.withLock { $0 }
        progress = end.progress
        if let failure = end.failure { throw failure }
        try synchronize(steps, isOneByOne: isOneByOne)
        return end.seen
    }

    /// Takes back what was done of steps that failed.
    ///
    /// - Parameter was: What was on disk at a step's path; nothing if nothing was.
    package func takeBack(
        _ steps: CheckoutSteps, _ progress: CheckoutProgress, width: Int,
        was: (CheckoutStep) -> TreeEntry?
    ) throws(WorkingTreeError) {
        var back: [CheckoutStep] = []
        for index in progress.steps {
            let step = steps[index]
            let was = was(step)
            if was?.id == step.entry?.id, was?.mode == step.entry?.mode { continue }
            back.append(CheckoutStep(path: step.path, before: step.entry, entry: was))
        }
        var undone = CheckoutProgress()
        _ = try apply(
            CheckoutSteps(back.sorted { DirectoryTree.walkOrder($0.path, $1.path) }), width: width,
            noting: &undone)
        try takeBackDirectories(back, made: progress.directories)
    }

    /// Removes directories that were made for files, and makes those again that went with files though they had been there.
    private func takeBackDirectories(
        _ back: [CheckoutStep], made: [RepositoryPath]
    ) throws(WorkingTreeError) {
        let empty = Set(back.filter { $0.entry?.mode == .directory }.map(\.path))
        for directory in made.reversed() where !empty.contains(directory) {
            try? files.removeDirectory(place(directory))
        }
        let made = Set(made)
        var (there, remade): (Set<RepositoryPath>, CheckoutProgress) = ([.root], CheckoutProgress())
        for step in back where step.entry == nil {
            var above = step.path.split?.directory
            while let directory = above, made.contains(directory) { above = directory.split?.directory }
            if let above { try makeDirectory(above, &there, &remade) }
        }
    }

    /// Makes sure that what is about to be replaced is what was there when somebody looked.
    ///
    /// - Returns: What is there; nothing if nothing is.
    /// - Throws: ``WorkingTreeError/wouldLose(_:)`` if it was written since, with something that no version has.
    @discardableResult
    private func requireKnown(_ step: CheckoutStep) throws(WorkingTreeError) -> FileKind? {
        let (path, known) = (step.path, step.known)
        let place = place(path)
        let status = try working { () throws(FileError) in try found(path) }
        guard let status, status.kind == .file || status.kind == .link else { return status?.kind }
        // The same file, not touched since: neither written nor put in another one's place.
        if let seen = step.seen, seen == StatCacheEntry.Seen(status) { return status.kind }
        let id = try working { () throws(FileError) in
            status.kind == .link
                ? ObjectID(of: .blob, payload: try files.readLink(place))
                : try Snapshot.digest(of: place, files)
        }
        if known.contains(where: { $0.id == id }) { return status.kind }
        // One that an interrupted checkout was writing.
        if isResumed, status.kind == .file {
            let file = try working { () throws(FileError) in try files.open(place) }
            defer { files.close(file) }
            for entry in known where entry.mode.kind == .blob && status.size <= entry.size {
                if try BlobStream(store: store, id: entry.id).isTorn(file, files) { return status.kind }
            }
        }
        throw .wouldLose([path])
    }

    /// Makes sure that no entry is in the place of another one or of a directory above it: a version from elsewhere could have
    /// a link, and a file beneath that link.
    private func requireDistinct(_ steps: CheckoutSteps) throws(WorkingTreeError) {
        var written = Array(steps.indices.lazy.filter { !steps.isRemoval($0) }.map { UInt32($0) })
        let isInOrder = zip(written, written.dropFirst()).allSatisfy { steps.isInOrder(Int($0), Int($1)) }
        if !isInOrder { written.sort { steps.isInOrder(Int($0), Int($1)) } }
        // What lies beneath a path comes right behind it.
        for (step, next) in zip(written, written.dropFirst()) where steps.isInside(Int(next), Int(step)) {
            throw .conflict(steps.path(Int(next)))
        }
    }

    /// Refuses what cannot fit, before anything is written.
    private func requireSpace(_ steps: CheckoutSteps) throws(WorkingTreeError) {
        var needed = 0
        for index in steps.indices {
            let (sum, overflow) = needed.addingReportingOverflow(steps.size(index))
            needed = overflow ? .max : sum
        }
        // What is replaced makes room, so only the hopeless is refused.
        guard needed > Self.littleData, let free = try? files.freeSpace(root), needed > free else { return }
        var replaced = 0
        for index in steps.indices {
            replaced += (try? files.status(place(steps.path(index))))??.size ?? 0
            if needed - replaced <= free { return }
        }
        throw .noSpace(needed: needed, free: free)
    }

    /// For fewer bytes nobody asks how much is free.
    private static let littleData = 64 << 20

    /// Makes names durable, or everything.
    private func synchronize(_ steps: CheckoutSteps, isOneByOne: Bool) throws(WorkingTreeError) {
        if steps.isEmpty { return }
        try working { () throws(FileError) in
            guard isOneByOne, steps.count <= Self.fewFiles else { return try synchronizeAll(steps) }
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

    /// Makes every file system durable that files lie on: a directory may be one of its own.
    private func synchronizeAll(_ steps: CheckoutSteps) throws(FileError) {
        try files.synchronizeAll(below: root)
        var devices: Set<UInt64> = []
        if let device = try files.status(root / ".")?.device { devices.insert(device) }
        var last = RepositoryPath.root
        for index in steps.indices where steps.directory(index) != last {
            last = steps.directory(index)
            guard let status = try found(last), status.kind == .directory,
                devices.insert(status.device).inserted
            else { continue }
            try files.synchronizeAll(below: place(last))
        }
    }

    /// So many files are made durable one by one.
    private static let fewFiles = 32

    private func place(_ path: RepositoryPath) -> FilePath { root.appending(path.bytes) }

    /// Removes a file, and the directories above it that become empty.
    private func remove(_ path: RepositoryPath) throws(WorkingTreeError) {
        try working { () throws(FileError) in
            // What lies behind a link that took a directory's place is not ours.
            guard let status = try found(path) else { return }
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
                    // A directory that cannot go, such as one that a disk is mounted on, stays.
                    guard error.isNotEmpty || error.isNotFound || error.isDenied || error.isBusy else {
                        throw error
                    }
                    break
                }
                above = directory.split?.directory
            }
        }
    }

    /// Removes a file or link that an empty directory takes the place of.
    private func makeRoom(_ path: RepositoryPath) throws(WorkingTreeError) {
        try working { () throws(FileError) in
            guard let status = try found(path), status.kind != .directory
            else { return }
            try files.remove(place(path))
        }
    }

    /// What is at a path; nothing behind a link or file in a directory's place.
    private func found(_ path: RepositoryPath) throws(FileError) -> FileStatus? {
        guard isConfined else {
            return try isReal(path.split?.directory ?? .root) ? try files.status(place(path)) : nil
        }
        do throws(FileError) { return try files.status(place(path)) } catch {
            guard error.isNoDirectory else { throw error }
            return nil
        }
    }

    /// Whether a directory and all above it are directories, and none is a link.
    private func isReal(_ directory: RepositoryPath) throws(FileError) -> Bool {
        guard let above = directory.split?.directory else { return true }
        guard try isReal(above) else { return false }
        return try files.status(place(directory))?.kind == .directory
    }

    /// Makes the directories that are entries of their own, and those that files lie in, but for files that were there when
    /// somebody looked.
    private func makeDirectories(
        _ steps: CheckoutSteps, _ progress: inout CheckoutProgress
    ) throws(WorkingTreeError) {
        var made: Set<RepositoryPath> = [.root]
        var last = RepositoryPath.root
        for index in steps.indices {
            guard let mode = steps.mode(index) else { continue }
            if mode == .directory {
                let step = steps[index]
                try requireKnown(step)
                try makeRoom(step.path)
                progress.note(index)
                try makeDirectory(step.path, &made, &progress)
            } else if !steps.isSeen(index), steps.directory(index) != last {
                last = steps.directory(index)
                try makeDirectory(last, &made, &progress)
            }
        }
    }

    /// Makes a directory and those above it, each a real one: what is a link or file in the way is not followed.
    private func makeDirectory(
        _ path: RepositoryPath, _ made: inout Set<RepositoryPath>, _ progress: inout CheckoutProgress
    ) throws(WorkingTreeError) {
        guard !made.contains(path), let above = path.split?.directory else { return }
        try makeDirectory(above, &made, &progress)
        try working { () throws(FileError) in
            do throws(FileError) {
                try files.makeDirectory(place(path), permissions: 0o777)
                progress.directories.append(path)
            } catch {
                guard error.isExists, try files.status(place(path))?.kind == .directory else { throw error }
            }
        }
        made.insert(path)
    }

    /// A directory that is held open, so that the way to it is gone once for all files that follow each other in it.
    private struct HeldDirectory {
        let path: RepositoryPath
        let checkout: Checkout
    }

    /// Writes a file or link, in the place of another one if need be.
    private func write(
        _ step: CheckoutStep, _ entry: TreeEntry, _ blob: BlobStream, synchronizing: Bool,
        _ held: inout HeldDirectory?
    ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
        guard let directory = step.path.split?.directory else { return nil }
        do throws(WorkingTreeError) {
            let here =
                if let held, held.path == directory { held } else {
                    HeldDirectory(path: directory, checkout: within(directory))
                }
            held = here
            return try here.checkout.write(
                step, in: directory, entry, blob, synchronizing: synchronizing)
        } catch {
            held = nil
            // What was there when somebody looked may be gone by now, and its directory, too.
            guard case .file(let reason) = error, reason.isNotFound, step.seen != nil else { throw error }
            var made: Set<RepositoryPath> = [.root]
            var progress = CheckoutProgress()
            try makeDirectory(directory, &made, &progress)
            return try within(directory).write(step, in: directory, entry, blob, synchronizing: synchronizing)
        }
    }

    /// The same, with a directory held open.
    private func within(_ directory: RepositoryPath) -> Checkout {
        guard isConfined, !directory.isRoot, let confined = files.confined(to: place(directory)) else {
            return self
        }
        var inner = self
        inner.files = confined
        return inner
    }

    private func write(
        _ step: CheckoutStep, in directory: RepositoryPath, _ entry: TreeEntry, _ blob: BlobStream,
        synchronizing: Bool
    ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
        let path = step.path
        func writeNew(
            _ place: FilePath, naming: () throws(WorkingTreeError) -> Void = {}
        ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
            guard entry.mode != .link else { return try linkNew(path, place, entry, naming: naming) }
            do throws(WorkingTreeError) {
                return try self.writeNew(
                    place, entry, blob, checking: false, synchronizing: synchronizing, naming: naming)
            } catch {
                // Piece by piece, what is damaged in one place may be had from another, or is named.
                guard case .object(.damaged) = error else { throw error }
                return try self.writeNew(
                    place, entry, blob, checking: true, synchronizing: synchronizing, naming: naming)
            }
        }
        // Where a file was, one is likely to be.
        if step.seen == nil, let seen = try writeNew(place(path)) { return seen }
        let temporary = place(directory).appending(EntryName.temporaryPrefix + Hex.text(random(8)).utf8)
        TemporaryFiles.note(temporary)
        defer { TemporaryFiles.forget(temporary) }
        do throws(WorkingTreeError) {
            let seen = try writeNew(temporary) { () throws(WorkingTreeError) in
                let kind = try requireKnown(step)
                try working { () throws(FileError) in
                    // An empty directory makes room; one that is not empty stops this.
                    if kind == .directory { try removeEmpty(place(path)) }
                    try files.rename(temporary, to: place(path))
                }
            }
            guard let seen else { throw .file(FileError.exists(temporary)) }
            return seen
        } catch {
            try? files.removeIfPresent(temporary)
            throw error
        }
    }

    /// Removes a directory with nothing but directories in it.
    private func removeEmpty(_ directory: FilePath) throws(FileError) {
        do throws(FileError) { return try files.removeDirectory(directory) } catch {
            guard error.isNotEmpty else { throw error }
            var listing = DirectoryListing()
            try files.list(directory, into: &listing)
            for index in 0..<listing.count {
                guard listing.status(index).kind == .directory else { throw error }
                try removeEmpty(directory.appending(listing.name(index)))
            }
        }
        try files.removeDirectory(directory)
    }

    /// Makes a link under a name that nothing has.
    ///
    /// - Parameter naming: Gives it its own name, if this was a temporary one.
    /// - Returns: Nothing if the name is taken.
    private func linkNew(
        _ path: RepositoryPath, _ place: FilePath, _ entry: TreeEntry,
        naming: () throws(WorkingTreeError) -> Void
    ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
        let target = try content(entry.id)
        guard !target.contains(0) else { throw .badLink(path) }
        do throws(FileError) { try files.makeLink(place, target: target) } catch {
            if error.isExists { return nil }
            throw .file(error)
        }
        try naming()
        // Of a link nothing is held open: by its own name, where somebody may have put another one by now, as young as this.
        let named = self.place(path)
        return try working { () throws(FileError) in try files.status(named).map { StatCacheEntry.Seen($0) } }
    }

    /// Writes a file under a name that nothing has.
    ///
    /// Where nothing is, nothing can be lost, and what is cut short is known by its beginning (``BlobStream/isTorn(_:_:)``); a
    /// file that cannot be finished goes again.
    /// - Parameters:
    ///   - checking: As in ``BlobStream/forEachPiece(checking:_:)``.
    ///   - naming: Gives it its own name, if this was a temporary one.
    /// - Returns: Nothing if the name is taken.
    private func writeNew(
        _ path: FilePath, _ entry: TreeEntry, _ blob: BlobStream, checking: Bool, synchronizing: Bool,
        naming: () throws(WorkingTreeError) -> Void
    ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
        let permissions: UInt16 = entry.mode == .executable ? 0o777 : 0o666
        let file: FileDescriptor
        do throws(FileError) { file = try files.create(path, permissions: permissions) } catch {
            if error.isExists { return nil }
            throw .file(error)
        }
        defer { files.close(file) }
        do throws(WorkingTreeError) {
            try blob.forEachPiece(checking: checking) { (piece) throws(WorkingTreeError) in
                try working { () throws(FileError) in try files.write(file, piece) }
                onStep(.bytes(piece.count))
            }
            if synchronizing { try working { () throws(FileError) in try files.synchronize(file) } }
            try naming()
            return try working { () throws(FileError) in StatCacheEntry.Seen(try files.status(of: file)) }
        } catch {
            try? files.removeIfPresent(path)
            throw error
        }
    }

    private func content(_ id: ObjectID) throws(WorkingTreeError) -> [UInt8] {
        do throws(ReadError) { return try store.required(.blob, id) } catch { throw .object(error) }
    }
}
