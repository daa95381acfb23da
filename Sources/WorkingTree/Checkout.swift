package import FileIO
package import ObjectModel
package import Storage
internal import Synchronization

/// Writes versions of files into a directory, verified: in the place of a file under a temporary name that becomes the real
/// one, and directly where nothing is.
package struct Checkout: Sendable {
    let root: FilePath
    var files: any FileSystem
    /// Whether the file system follows no link below the root.
    let isConfined: Bool
    let store: ObjectStore
    let random: @Sendable (Int) -> [UInt8]
    private let isResumed: Bool
    /// Of files of so many bytes or more what was begun stays when this is interrupted, and is gone on with.
    let keepsFrom: Int?
    let onStep: @Sendable (WorkStep) -> Void

    /// - Parameters:
    ///   - isResumed: One was interrupted before, so that the beginning of a version's file may be what a power cut left of it, and
    ///     nobody's work.
    ///   - keepsFrom: Files of so many bytes or more are written under a temporary name of their content, which stays when this is
    ///     interrupted and is gone on with the next time: for contents that come from far away. Nothing for no file.
    package init(
        root: FilePath, files: any FileSystem, store: ObjectStore,
        random: @escaping @Sendable (Int) -> [UInt8], isResumed: Bool = false, keepsFrom: Int? = nil,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) {
        self.root = root
        // Whatever becomes a link while this works is not followed.
        let confined = files.confined(to: root)
        (self.files, isConfined) = (confined ?? files, confined != nil)
        self.store = store
        self.random = random
        (self.isResumed, self.keepsFrom) = (isResumed, keepsFrom)
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
    func requireKnown(_ step: CheckoutStep) throws(WorkingTreeError) -> FileKind? {
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
            if keepsFrom != nil, let entry = steps[index].entry {
                replaced +=
                    (try? files.status(begunPlace(of: entry, in: steps.directory(index))))??.size ?? 0
            }
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

    func place(_ path: RepositoryPath) -> FilePath { root.appending(path.bytes) }
}
