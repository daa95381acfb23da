package import FileIO
package import ObjectModel

/// Something that a walk found and left alone.
package struct SkippedFile: Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        /// A socket, pipe or device.
        case special
        /// Its name cannot be kept.
        case name(String)
        /// A repository inside the data.
        case repository
        /// A directory of another tool, which is left out unless it is added by name.
        case ignored
    }

    /// Escaped: the name may not be one that a path can hold.
    package let path: String
    package let reason: Reason
}

/// What a walk over the working tree found.
package struct ScanResult: Sendable {
    /// Files that are new, gone, or may have changed; in order of ``DirectoryTree/walkOrder(_:_:)``.
    package internal(set) var files = ScannedFiles()
    /// Tracked directories that are empty on disk and were not in the base version.
    package fileprivate(set) var emptyDirectories: [RepositoryPath] = []
    package fileprivate(set) var skipped: [SkippedFile] = []
    /// What lies in the top directory and is neither tracked nor ignored; no hidden names.
    package fileprivate(set) var untracked: [RepositoryPath] = []
    /// Files that a checkout was writing when it was killed.
    package fileprivate(set) var leftovers: [FilePath] = []
    /// Files of the base version that look as they did when they were last seen to be unchanged.
    package internal(set) var unchanged = 0
    /// Directories that were listed, and had the names that the cache's table has.
    package fileprivate(set) var sightings: [StatDirectory.Sighting] = []

    fileprivate mutating func append(
        _ directory: RepositoryPath, _ name: ArraySlice<UInt8>, _ base: ScannedFile.Base?,
        _ status: FileStatus?
    ) {
        name.withUnsafeBytes { files.append(directory, $0, base, status) }
    }
}

/// Walks the tracked part of a working tree and compares it with what was last seen there.
package struct Scan: Sendable {
    let root: FilePath
    let files: any FileSystem
    let cache: StatCache?
    let tracking: Tracking
    private let patterns: IgnoreRules
    private let clock: Int64
    /// The file system on which a directory's status tells whether it has other names; nothing for none.
    private let device: UInt64?

    /// - Parameters:
    ///   - root: The working tree's top directory.
    ///   - cache: The base version's files; nothing if there is no base version.
    ///   - clock: The file system's time now, in nanoseconds since 1970.
    package init(root: FilePath, files: any FileSystem, cache: StatCache?, tracking: Tracking, clock: Int64) {
        self.root = root
        self.files = files
        self.cache = cache
        self.tracking = tracking
        self.clock = clock
        patterns = IgnoreRules(patterns: tracking.paths.patterns)
        device = files.tellsOfNames(below: root) ? (try? files.status(root))??.device : nil
    }

    /// A directory that is to be looked at.
    private struct Job: Sendable {
        let path: RepositoryPath
        /// What the base version has in it.
        let known: StatDirectory
        /// Whether all that is in it is tracked.
        var isCovered: Bool
        let rules: IgnoreRules
    }

    private static let nothing = StatDirectory(block: nil, changes: nil)

    private struct Queue: Sendable {
        var jobs: [Job]
        var running = 0
        var failure: WorkingTreeError?
        var result = ScanResult()

        /// Whether one thread walks what is known to wait in about the time that it takes to begin another one.
        var isShort: Bool {
            jobs.count < 16 && jobs.reduce(0) { $0 + ($1.known.block?.count ?? 0) } < 256
        }
    }

    /// - Parameter width: How many directories are looked at at once.
    package func run(width: Int) throws(WorkingTreeError) -> ScanResult {
        let first = Job(
            path: .root, known: cache?.root ?? Self.nothing, isCovered: tracking.coversDirectory(.root),
            rules: IgnoreRules())
        let queue = Monitor(Queue(jobs: [first]))
        // Most trees are walked sooner than another thread begins.
        work(queue, whileFew: true)
        if queue.withLock({ !$0.jobs.isEmpty }) { onThreads(width) { work(queue) } }
        var end = queue.withLock { ($0.failure, $0.result) }
        if let failure = end.0 { throw failure }
        end.1.files.sort()
        end.1.emptyDirectories.sort(by: DirectoryTree.walkOrder)
        end.1.skipped.sort { $0.path < $1.path }
        end.1.untracked.sort()
        return end.1
    }

    /// Looks at directories until none is left.
    ///
    /// - Parameter whileFew: Only as long as those that wait are few; for the first thread, before there are others.
    private func work(_ queue: Monitor<Queue>, whileFew: Bool = false) {
        var result = ScanResult()
        var listing = DirectoryListing()
        while true {
            let job = queue.wait { queue -> Job?? in
                if queue.failure != nil || whileFew && !queue.isShort { return .some(nil) }
                if let job = queue.jobs.popLast() {
                    queue.running += 1
                    return .some(job)
                }
                return queue.running == 0 ? .some(nil) : nil
            }
            guard let job else { break }
            var found: [Job] = []
            var failure: WorkingTreeError?
            do throws(WorkingTreeError) { try look(at: job, &listing, &result, &found) } catch {
                failure = error
            }
            // Files are many, so a thread does not keep its own.
            queue.withLock { queue in
                queue.jobs += found
                queue.running -= 1
                if !result.files.isEmpty { queue.result.files.append(contentsOf: result.files) }
                if let failure, queue.failure == nil { queue.failure = failure }
            }
            result.files.removeAll()
        }
        queue.withLock { queue in
            queue.result.emptyDirectories += result.emptyDirectories
            queue.result.skipped += result.skipped
            queue.result.leftovers += result.leftovers
            queue.result.untracked += result.untracked
            queue.result.unchanged += result.unchanged
            queue.result.sightings += result.sightings
        }
    }

    /// Lists a directory, or only looks at the names that are known if it has no others.
    ///
    /// - Returns: Whether the names are those of the table, in its order; and the directory's own status, where it is to be
    ///   remembered if they turn out to be.
    private func list(
        _ job: Job, _ listing: inout DirectoryListing
    ) throws(FileError) -> (isKnown: Bool, status: FileStatus?) {
        let path = root.appending(job.path.bytes)
        guard let device, let block = job.known.block, block.record != nil else {
            try files.list(path, into: &listing)
            listing.sort()
            return (false, nil)
        }
        block.fill(&listing)
        let found = try files.list(path, into: &listing) { $0.device == device && block.hasSameNames($0) }
        if found.isExpected { return (true, nil) }
        listing.sort()
        let isOld = Snapshot.isOld(found.status, at: clock) && found.status.device == device
        return (false, isOld ? found.status : nil)
    }

    private func look(
        at job: Job, _ listing: inout DirectoryListing, _ result: inout ScanResult, _ found: inout [Job]
    ) throws(WorkingTreeError) {
        let (isSame, status): (Bool, FileStatus?)
        do throws(FileError) { (isSame, status) = try list(job, &listing) } catch {
            if error.isNotFound { return gone(job.known, in: job.path, &result) }
            throw .unreadable(job.path, error)
        }
        if !job.path.isRoot, job.known.isEmpty, Self.holdsStore(listing) {
            result.skipped.append(SkippedFile(path: "\(job.path)", reason: .repository))
            return
        }
        var job = job
        if job.isCovered, !isSame, isLeftOut(job, listing) {
            job.isCovered = false
            if job.known.isEmpty, !tracking.reachesInto(job.path) { return }
        }
        let rules = try rules(for: job, listing)
        let (block, changes) = (job.known.block, job.known.changes)
        if isSame, let block, block.count > 0, changes?.entries.isEmpty ?? true, tracking.untracked.isEmpty {
            let differing = block.differing(from: listing)
            result.unchanged += differing.unchanged
            for index in differing.indices {
                guard let entry = block.entry(index) else { continue }
                let below = job.known.directory(index, entry.name)
                try both(entry, below, listing.status(index), job, rules, &result, &found)
            }
            return
        }
        var (known, knownCount) = (0, block?.count ?? 0)
        var met: Set<[UInt8]> = []
        var isComplete = listing.count == knownCount
        for index in 0..<listing.count {
            let (name, status) = (listing.name(index), listing.status(index))
            var order = isSame ? 0 : 1
            while !isSame, let block, known < knownCount {
                order = name.withUnsafeBytes { block.compareName(known, to: $0) }
                guard order < 0 else { break }
                gone(known, job, &result)
                known += 1
            }
            let isInTable = known < knownCount && order == 0
            defer { if isInTable { known += 1 } }
            if !isInTable || block?.isDirectory(known) != (status.kind == .directory) { isComplete = false }
            if let changes, let override = changes.entries[Array(name)] {
                met.insert(Array(name))
                if let entry = override {
                    if tracking.untracked.isEmpty, entry.isUnchanged(status) {
                        result.unchanged += 1
                    } else {
                        try both(entry, job.known.directory(entry.name), status, job, rules, &result, &found)
                    }
                } else {
                    try new(name, status, job, rules, &result, &found)
                }
            } else if let block, isInTable {
                if tracking.untracked.isEmpty, block.isUnchanged(known, status) {
                    result.unchanged += 1
                } else if let entry = block.entry(known) {
                    let below = job.known.directory(known, entry.name)
                    try both(entry, below, status, job, rules, &result, &found)
                }
            } else {
                try new(name, status, job, rules, &result, &found)
            }
        }
        while known < knownCount {
            gone(known, job, &result)
            known += 1
        }
        for case (let name, let entry?) in changes?.entries ?? [:] where !met.contains(name) {
            gone(entry, job.known.directory(name), in: job.path, &result)
        }
        if let status, isComplete, let place = block?.record {
            result.sightings.append(StatDirectory.Sighting(place: place, seen: StatCacheEntry.Seen(status)))
        }
        if listing.count == 0, job.isCovered, !job.path.isRoot, !(job.known.isKnown && job.known.isEmpty) {
            result.emptyDirectories.append(job.path)
        }
    }

    /// Whether what comes new into a directory inside a tracked one is left out: it, or one above it, is ignored, or it is a virtual
    /// environment of Python that the base version does not have as data.
    private func isLeftOut(_ job: Job, _ listing: DirectoryListing) -> Bool {
        let isRoot = tracking.paths.directories.contains(job.path)
        if !isRoot, !job.path.isRoot, listing.position(of: Self.environmentMark) != nil,
            job.known.entry(Self.environmentMark) == nil
        {
            return true
        }
        // What is new was looked at when its name was met.
        guard job.known.isKnown else { return false }
        var directory = job.path
        while !directory.isRoot, !tracking.paths.directories.contains(directory) {
            if job.rules.ignores(directory, isDirectory: true) { return true }
            guard let above = directory.split?.directory else { break }
            directory = above
        }
        return false
    }

    private static let environmentMark = Array(IgnoreRules.environmentMark.utf8)

    /// Whether a directory is a working copy by itself.
    private static func holdsStore(_ listing: DirectoryListing) -> Bool {
        listing.position(of: Array(".mlrepo".utf8)).map { listing.status($0).kind == .directory } ?? false
    }

    /// A name that the base version has and the disk has.
    private func both(
        _ entry: StatCacheEntry, _ below: StatDirectory, _ status: FileStatus, _ job: Job,
        _ rules: IgnoreRules, _ result: inout ScanResult, _ found: inout [Job]
    ) throws(WorkingTreeError) {
        let path = try joined(job.path, entry.name[...])
        if tracking.isUntracked(path) {
            // What is made anew in a tracked directory after 'rm' is tracked again; what 'untrack' left there is ignored.
            guard job.isCovered, !rules.ignores(path, isDirectory: status.kind == .directory) else {
                return gone(entry, below, in: job.path, &result)
            }
        }
        switch (entry.mode == .directory, status.kind) {
        case (true, .directory):
            let isCovered = job.isCovered || tracking.paths.directories.contains(path)
            found.append(Job(path: path, known: below.asKnown, isCovered: isCovered, rules: rules))
        case (false, .file), (false, .link):
            if entry.isUnchanged(status) {
                result.unchanged += 1
            } else {
                result.append(job.path, entry.name[...], ScannedFile.Base(entry), status)
            }
        default:
            gone(entry, below, in: job.path, &result)
            try new(entry.name[...], status, job, rules, &result, &found)
        }
    }

    /// A name that only the disk has.
    private func new(
        _ name: ArraySlice<UInt8>, _ status: FileStatus, _ job: Job, _ rules: IgnoreRules,
        _ result: inout ScanResult,
        _ found: inout [Job]
    ) throws(WorkingTreeError) {
        let path: RepositoryPath
        do throws(InvalidName) { path = try job.path.appending(try EntryName(name)) } catch {
            if error.problem == .reserved, name.starts(with: EntryName.temporaryPrefix),
                status.kind != .directory
            {
                result.leftovers.append(root.appending(job.path.bytes).appending(name))
            }
            if error.problem == .reserved || job.isCovered, !Self.isOurs(name) {
                let reason: SkippedFile.Reason =
                    name.elementsEqual(".git".utf8) ? .repository : .name("\(error)")
                // A `.git` beside `.mlrepo` is where the code lives, and nothing to speak of.
                if job.isCovered, !(job.path.isRoot && reason == .repository) {
                    result.skipped.append(
                        SkippedFile(path: escapedText(job.path.bytes + [0x2f] + name), reason: reason))
                }
            }
            return
        }
        let isDirectory = status.kind == .directory
        let isNamed = tracking.added.contains(path) || tracking.paths.directories.contains(path)
        if !isNamed, rules.ignores(path, isDirectory: isDirectory) {
            if isDirectory, job.isCovered, !job.path.isRoot, rules.isDoubtful(path) {
                result.skipped.append(SkippedFile(path: "\(path)", reason: .ignored))
            }
            // What was added by name lies inside what is ignored.
            guard isDirectory, tracking.reachesInto(path) else { return }
            return found.append(Job(path: path, known: Self.nothing, isCovered: false, rules: rules))
        }
        if tracking.isUntracked(path), !isNamed, !job.isCovered { return }
        let isCovered = job.isCovered || (isDirectory && tracking.paths.directories.contains(path))
        if job.path.isRoot, name.first != UInt8(ascii: "."), status.kind != .other, !isCovered, !isNamed,
            !(isDirectory ? tracking.reachesInto(path) : patterns.matches(path))
        {
            result.untracked.append(path)
        }
        switch status.kind {
        case .directory:
            if isCovered || tracking.reachesInto(path) || !patterns.isEmpty {
                found.append(Job(path: path, known: Self.nothing, isCovered: isCovered, rules: rules))
            }
        case .file, .link:
            guard isCovered || isNamed || (!patterns.isEmpty && patterns.matches(path)) else { return }
            result.append(job.path, name, nil, status)
        case .other:
            if isCovered || isNamed { result.skipped.append(SkippedFile(path: "\(path)", reason: .special)) }
        }
    }

    /// Names of our own that a walk meets: the store, and files that are being written.
    private static func isOurs(_ name: ArraySlice<UInt8>) -> Bool {
        name.elementsEqual(".mlrepo".utf8) || name.starts(with: EntryName.temporaryPrefix)
    }

    /// An entry of the table is not there any more, unless it was gone before.
    private func gone(_ index: Int, _ job: Job, _ result: inout ScanResult) {
        guard let entry = job.known.block?.entry(index), job.known.changes?.entries[entry.name] == nil else {
            return
        }
        gone(entry, job.known.directory(index, entry.name), in: job.path, &result)
    }

    /// Everything of the base version that lies at an entry is not there any more.
    private func gone(
        _ entry: StatCacheEntry, _ below: StatDirectory, in directory: RepositoryPath,
        _ result: inout ScanResult
    ) {
        guard let path = try? directory.appending(EntryName(entry.name)) else { return }
        if entry.mode == .directory, !below.isEmpty {
            gone(below, in: path, &result)
        } else {
            result.append(directory, entry.name[...], ScannedFile.Base(entry), nil)
        }
    }

    private func gone(_ directory: StatDirectory, in path: RepositoryPath, _ result: inout ScanResult) {
        directory.forEachEntry { entry, below in gone(entry, below(), in: path, &result) }
    }

    private static let ignoreFile = Array(IgnoreRules.fileName.utf8)

    /// The rules that hold in a directory: those from above, and its own.
    private func rules(for job: Job, _ listing: DirectoryListing) throws(WorkingTreeError) -> IgnoreRules {
        guard let position = listing.position(of: Self.ignoreFile), listing.status(position).kind == .file
        else { return job.rules }
        var rules = job.rules
        try rules.addFile(in: job.path, of: root, files)
        return rules
    }

    private func joined(_ directory: RepositoryPath, _ name: ArraySlice<UInt8>) throws(WorkingTreeError)
        -> RepositoryPath
    {
        do throws(InvalidName) { return try directory.appending(try EntryName(name)) } catch {
            throw .name(error)
        }
    }
}
