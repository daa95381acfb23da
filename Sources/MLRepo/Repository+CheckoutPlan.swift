internal import FileIO
internal import ObjectModel
internal import Storage
internal import WorkingTree

/// What a checkout is to write, and what of that would take something from somebody.
extension Repository {
    /// What one version has otherwise than another, as steps that make it so where nobody changed anything.
    func differences(_ before: Commit?, _ after: Commit) throws(RepositoryError) -> CheckoutSteps {
        try reading { () throws(ReadError) in try differences(tree(before), tree(after)) }
    }

    private func differences(_ before: DirectoryTree, _ after: DirectoryTree) throws(ReadError)
        -> CheckoutSteps
    {
        var steps = CheckoutSteps()
        try before.changes(to: after) { (path, before, after) throws(ReadError) in
            steps.append(CheckoutStep(path: path, before: before, entry: after))
        }
        return steps
    }

    /// What a checkout is to do.
    struct CheckoutPlan {
        var steps: CheckoutSteps
        /// Files in its way that are nowhere in the store.
        var lost: [RepositoryPath] = []
        /// What is on disk at steps' paths, where that is not what the base version has.
        var found: [RepositoryPath: TreeEntry] = [:]
        /// Where the disk has not what the base version has.
        var dirty: Set<RepositoryPath>

        /// What is on disk at a step's path.
        func before(_ step: CheckoutStep) -> TreeEntry? {
            found[step.path] ?? (dirty.contains(step.path) ? nil : step.before)
        }
    }

    /// The steps from the base version to another, and what is in their way.
    ///
    /// - Parameters:
    ///   - differences: Those of the target from the base version.
    ///   - dirty: What differs from the base version on disk.
    ///   - others: Entries of no version of these that may be on disk.
    func plan(
        _ look: Look, _ differences: consuming CheckoutSteps, to target: DirectoryTree,
        dirty: Set<RepositoryPath>, replacing others: [Leaf] = []
    ) throws(RepositoryError) -> CheckoutPlan {
        var steps = differences
        // Where an earlier checkout was interrupted, a file of either of its sides is as good as clean.
        var sides: [RepositoryPath: [TreeEntry]] = [:]
        var written: [RepositoryPath: [TreeEntry]] = [:]
        let pending = try copy.pending()
        for change in pending?.changes ?? [] {
            for step in try self.differences(change) {
                // What was there before is written, too, where one that met damage went back.
                let entries = [step.before, step.entry].compactMap { $0 }
                sides[step.path, default: []] += entries
                written[step.path, default: []] += entries
            }
        }
        for (path, entry) in try interruptedEntries() + others {
            sides[path, default: []].append(entry)
            // Where nothing was interrupted, a file that is shorter was made so.
            if pending != nil { written[path, default: []].append(entry) }
        }
        if !sides.isEmpty { steps = try including(sides, steps, to: target) }
        let removed = Set(steps.indices.lazy.filter { steps.isRemoval($0) }.map { steps.path($0) })
        var lost: Set<RepositoryPath> = []
        var found: [RepositoryPath: TreeEntry] = [:]
        var firm: Set<RepositoryPath> = [.root]
        for index in steps.indices {
            let step = steps[index]
            // What a directory that is to become a file holds, no version knows.
            let isRoom = step.before?.mode == .directory && step.entry != nil
            let isInTheWay = dirty.contains(step.path) || step.before == nil || isRoom
            if isInTheWay {
                // What untrack took out is in the version before.
                let likely = step.others + [step.before, step.entry].compactMap { $0 }
                switch try presence(step.path, likely, removed) {
                case .none, .room: break
                case .known(let entry):
                    found[step.path] = entry
                    // The interrupted one may not have written it at all, but met the damage of the store's copy.
                    if pending != nil, entry.id != step.entry?.id, !isReadable(entry) {
                        lost.insert(step.path)
                    }
                case .unknown:
                    var isOurs = false
                    for entry in written[step.path] ?? [] where !isOurs {
                        isOurs = try isTorn(step.path, entry)
                    }
                    if !isOurs { lost.insert(step.path) }
                }
            }
            if step.entry != nil, let above = step.path.split?.directory {
                if let obstacle = try obstacle(above, removed, &firm) { lost.insert(obstacle) }
            }
            if look.base != nil, let seen = look.cache.seen(step.path) { steps.note(seen, at: index) }
        }
        return CheckoutPlan(steps: steps, lost: lost.sorted(), found: found, dirty: dirty)
    }

    /// Steps, and those of paths where something else may be, which the versions have alike.
    ///
    /// - Parameter sides: What that may be.
    private func including(
        _ sides: [RepositoryPath: [TreeEntry]], _ steps: CheckoutSteps, to target: DirectoryTree
    ) throws(RepositoryError) -> CheckoutSteps {
        var all: [CheckoutStep] = []
        var rest = sides
        for step in steps {
            let others = rest.removeValue(forKey: step.path) ?? []
            all.append(
                CheckoutStep(path: step.path, before: step.before, entry: step.entry, others: others))
        }
        for (path, others) in rest {
            let entry = try reading { () throws(ReadError) in try target.entry(at: path) }
            // What is in a directory has steps of its own.
            let isFull = entry?.mode == .directory && entry?.id != DirectoryTree.emptyRoot
            all.append(CheckoutStep(path: path, entry: isFull ? nil : entry, others: others))
        }
        return CheckoutSteps(all.sorted { DirectoryTree.walkOrder($0.path, $1.path) })
    }

    /// Steps, and those that bring files back which are not there.
    func adding(_ files: [Leaf], to steps: consuming CheckoutSteps) throws(RepositoryError) -> CheckoutSteps {
        var missing: [Leaf] = []
        for file in files where try status(of: file.path) == nil { missing.append(file) }
        guard !missing.isEmpty else { return steps }
        var all = Array(steps)
        let known = Set(all.map(\.path))
        all += missing.filter { !known.contains($0.path) }.map {
            CheckoutStep(path: $0.path, entry: $0.entry)
        }
        return CheckoutSteps(all.sorted { DirectoryTree.walkOrder($0.path, $1.path) })
    }

    /// What an interrupted checkout may have written; nothing where a collection took the files since.
    func differences(_ change: WorkingCopy.Pending.Change) throws(RepositoryError) -> CheckoutSteps {
        do throws(ReadError) {
            let steps = try differences(directory(change.from), directory(change.to))
            guard let theirs = change.upon else { return steps }
            // What a commit brought itself was on disk before.
            let own = Set(try differences(directory(theirs), directory(change.to)).map(\.path))
            return CheckoutSteps(steps.filter { !own.contains($0.path) })
        } catch {
            guard case .missing = error else { throw .object(error) }
            return CheckoutSteps()
        }
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
        if case .unknown = try presence(path, likely, removed) { return false }
        return true
    }

    /// What is on disk at a path.
    private enum Presence {
        case none
        /// One of the likely entries, or an empty directory.
        case known(TreeEntry)
        /// A directory with nothing but what is to go.
        case room
        case unknown
    }

    private func presence(
        _ path: RepositoryPath, _ likely: [TreeEntry], _ removed: Set<RepositoryPath>
    ) throws(RepositoryError) -> Presence {
        // A file that the person deleted comes back with another version, or stays away.
        guard let status = try status(of: path), let name = path.split?.name else { return .none }
        if status.kind == .directory {
            // Only an empty directory is ever removed.
            var isKnown = likely.last?.mode == .directory || removed.contains(path)
            if !isKnown {
                guard try holdsOnly(removed, path) else { return .unknown }
                isKnown = try filing { () throws(FileError) in
                    try environment.files.names(in: copy.root.appending(path.bytes))
                }.isEmpty
            }
            guard isKnown else { return .room }
            return .known(
                TreeEntry(name: name, mode: .directory, id: DirectoryTree.emptyRoot, size: 0, files: 0))
        }
        // A pipe or device is nothing that a version could have; reading it might never end.
        guard status.kind == .file || status.kind == .link else { return .unknown }
        let scanned = ScannedFiles([ScannedFile(path: path, status: status)])
        let read = try working { () throws(WorkingTreeError) in
            try Snapshot(root: copy.root, files: environment.files, writer: nil, clock: 0).read(
                scanned, width: 1)
        }
        guard let entry = read.files.first?.entry else { return .none }
        return likely.contains { entry.id == $0.id && entry.mode == $0.mode } ? .known(entry) : .unknown
    }

    /// Whether the store can give back what an entry names.
    private func isReadable(_ entry: TreeEntry) -> Bool {
        guard entry.mode.kind == .blob else { return true }
        do throws(WorkingTreeError) {
            try BlobStream(store: store, id: entry.id, size: entry.size).forEachPiece { _ in }
            return true
        } catch { return false }
    }

    /// Whether a file is what a power cut left of one that an interrupted checkout wrote.
    func isTorn(_ path: RepositoryPath, _ entry: TreeEntry?) throws(RepositoryError) -> Bool {
        guard let entry, entry.mode.kind == .blob, entry.mode != .link else { return false }
        let place = copy.root.appending(path.bytes)
        let status = try filing { () throws(FileError) in try environment.files.status(place) }
        // The mode comes with the file; a power cut takes bytes away and no mode.
        guard let status, status.kind == .file, entry.mode.matches(status) else { return false }
        let file = try filing { () throws(FileError) in try environment.files.open(place) }
        defer { environment.files.close(file) }
        return try working { () throws(WorkingTreeError) in
            guard status.size <= entry.size else { return false }
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
            store.contains(ObjectReference(.commit, source)), try !wasCollected(commit(source))
        else { return [] }
        return try entries(at: pending.paths, of: source)
    }

    /// The version that has what a checkout was overwriting that was interrupted; nothing where a collection took it since.
    func keptByInterrupted() throws(RepositoryError) -> ObjectID? {
        guard let pending = try copy.pending() else { return nil }
        var kept = pending.kept
        if kept == nil, let goal = pending.goal { kept = try undoneElsewhere(goal)?.kept }
        guard let kept, store.contains(ObjectReference(.commit, kept)), try !wasCollected(commit(kept)) else {
            return nil
        }
        return kept
    }

    /// The operation that another working copy was taking back when this one was copied from it; nothing if it is no such copy.
    func undoneElsewhere(_ goal: WorkingCopy.Pending.Goal) throws(RepositoryError) -> Event? {
        // A store that was brought back from before that has no such event.
        guard let undoes = goal.undoes, let event = try? store.event(undoes) else { return nil }
        // What takes an undo back does something again.
        let mine = try copy.head().workingCopy
        return event.undoes == nil && event.workingCopy != mine ? event : nil
    }

    /// What a checkout that was interrupted was changing.
    func interruptedPaths() throws(RepositoryError) -> Set<RepositoryPath> {
        var paths: Set<RepositoryPath> = []
        for change in try copy.pending()?.changes ?? [] {
            for step in try differences(change) { paths.insert(step.path) }
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
