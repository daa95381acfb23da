internal import FileIO
package import ObjectModel
internal import Storage
package import WorkingTree

/// What a checkout wrote.
package struct CheckoutReport: Sendable {
    package let written: Int
    package let removed: Int
    package let head: WorkingCopy.Head
}

extension Repository {
    /// Makes the working copy's files those of a commit, and lets it stand on that commit.
    ///
    /// - Parameters:
    ///   - branch: The branch it stands on afterwards; nothing for none.
    ///   - others: What else may be on disk and is to go, where that is what is there.
    ///   - isNew: The branch is made by this.
    ///   - also: What else changes with it.
    /// - Throws: ``RepositoryError/wouldLose(_:)`` if a changed or untracked file is in the way; then nothing has happened.
    package func checkout(
        _ id: ObjectID, branch: String?, isNew: Bool = false, undoing: ObjectID? = nil,
        verb: String = "checkout", sparing: Spared = .changed,
        replacing others: [(path: RepositoryPath, entry: TreeEntry)] = [], also: [RefChange] = [],
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> CheckoutReport {
        guard let actor = person else { throw .noIdentity }
        try forgetMerge()
        let target = try reading { () throws(ReadError) in try store.commit(id) }
        try requireTree(id, target)
        // Only a checkout that was interrupted may have left something anywhere else.
        let differences = try differences(base().commit, target)
        let paths = differences.map(\.path) + others.map(\.path)
        let look = try look(at: copy.pending() == nil ? paths : nil)
        var (steps, lost) = try plan(
            look, differences, to: tree(target), dirty: Set(changes(look).map(\.path)), replacing: others)
        if sparing == .unknown { lost = try unknown(lost, &steps) }
        guard lost.isEmpty else { throw .wouldLose(lost) }
        let name = try naming { () throws(InvalidName) in try RefName.worktree(look.head.workingCopy) }
        let goal = WorkingCopy.Pending.Goal(
            commit: id, branch: branch, before: try ref(name)?.id, undoes: undoing)
        var note = WorkingCopy.Pending(from: look.base?.tree, to: target.tree, goal: goal)
        note.earlier = try (copy.pending()?.changes ?? []).filter {
            $0 != WorkingCopy.Pending.Change(from: note.from, to: note.to)
        }
        guard note.earlier.count <= Self.mostInterrupted else { throw .interruptedCheckout }
        try copy.setPending(note)
        try removeLeftovers(look)
        let seen = try write(steps, onStep: onStep)
        let edits = steps.map { StatCache.Edit(path: $0.path, entry: $0.entry, seen: seen[$0.path]) }
        var head = look.head
        (head.commit, head.branch) = (id, branch)
        let (writer, standing) = (ObjectWriter(store, random: environment.random), head)
        defer { writer.abandon() }
        // Another branch at the same commit is no other ref, and yet something to take back.
        let isMove = try !self.standing(head, on: id, from: look.head.commit).isEmpty
        if isMove || branch != look.head.branch || isNew || !also.isEmpty {
            _ = try transact(
                verb, reason: branch, actor: actor, head, writer, undoing: undoing
            ) { () throws(RepositoryError) in
                var changes = try self.standing(standing, on: id, from: look.head.commit)
                if isNew, let branch { changes.append(try newRef("branches", branch, at: id)) }
                for change in also {
                    guard try ref(change.name) == change.before else { throw .store(.moved(change.name)) }
                    changes.append(change)
                }
                return changes
            }
        }
        try copy.setHead(head)
        try copy.setCache(look.cache.applying(edits, base: id, identity: environment.random(16)))
        try copy.setTracking(
            look.tracking.moved(from: look.base?.tracked ?? TrackedPaths(), to: target.tracked))
        try copy.setPending(nil)
        return CheckoutReport(
            written: steps.count { $0.entry != nil }, removed: steps.count { $0.entry == nil }, head: head)
    }

    /// So many checkouts may be interrupted, one after the other, before one has to be finished.
    private static let mostInterrupted = 1_000

    /// The same where files are in the way: what is there is saved first as a version that `undo` brings back, also changes
    /// of files that are the same in both versions.
    package func forcedCheckout(
        _ id: ObjectID, branch: String?, isNew: Bool = false,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> CheckoutReport {
        try forgetMerge()
        let look = try look()
        let target = try reading { () throws(ReadError) in try store.commit(id) }
        try requireTree(id, target)
        let changed = try changes(look)
        let (_, lost) = try plan(
            look, differences(look.base, target), to: tree(target), dirty: Set(changed.map(\.path)))
        // A new file that nothing takes the place of stays, as it does in any checkout.
        // What an interrupted checkout wrote is in the store already; what is in its way is in the plan.
        let interrupted = try interruptedPaths()
        let dirty = changed.filter { $0.state != .added && !interrupted.contains($0.path) }.map(\.path)
        var obstacles: [RepositoryPath] = []
        var firm: Set<RepositoryPath> = [.root]
        for path in dirty {
            guard let above = path.split?.directory else { continue }
            if let found = try obstacle(above, [], &firm) { obstacles.append(found) }
        }
        try save(Array(Set(dirty + lost + obstacles)), look)
        do throws(RepositoryError) {
            return try checkout(id, branch: branch, isNew: isNew, onStep: onStep)
        } catch {
            // Where nothing was written yet, everything is as it was.
            let note = try copy.pending()
            if note == nil || note?.from == note?.to { try leaveSaved("undo") }
            throw error
        }
    }

    /// What a checkout does not overwrite.
    package enum Spared {
        /// Whatever differs from the version that is stood on.
        case changed
        /// Contents that are nowhere in the store.
        case unknown
    }

    /// Which of the files in the way have contents that are nowhere in the store; those of the others may be replaced.
    private func unknown(
        _ paths: [RepositoryPath], _ steps: inout [CheckoutStep]
    ) throws(RepositoryError) -> [RepositoryPath] {
        var unknown: [RepositoryPath] = []
        for path in paths {
            let status = try filing { () throws(FileError) in
                try environment.files.status(copy.root.appending(path.bytes))
            }
            guard let status, status.kind == .file || status.kind == .link else {
                unknown.append(path)
                continue
            }
            let read = try working { () throws(WorkingTreeError) in
                try Snapshot(root: copy.root, files: environment.files, writer: nil, clock: 0).read(
                    ScannedFiles([ScannedFile(path: path, status: status)]), width: 1)
            }
            guard let entry = read.files.first?.entry, store.contains(entry.reference) else {
                unknown.append(path)
                continue
            }
            for index in steps.indices where steps[index].path == path { steps[index].known.append(entry) }
        }
        return unknown
    }

    /// Writes files of versions.
    ///
    /// - Parameter directory: Nothing for the working copy.
    /// - Returns: The status of every file that was written.
    @discardableResult
    func write(
        _ steps: [CheckoutStep], in directory: FilePath? = nil,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> [RepositoryPath: StatCacheEntry.Seen] {
        try working { () throws(WorkingTreeError) in
            try Checkout(
                root: directory ?? copy.root, files: environment.files, store: store,
                random: environment.random, onStep: onStep
            ).apply(steps, width: environment.width)
        }
    }

    /// Makes sure that there are files, and that no checkout of them was interrupted.
    func requireWhole() throws(RepositoryError) {
        guard !copy.isBare else { throw .bare(copy.root) }
        try forgetMerge()
        guard try copy.pending() == nil else { throw .interruptedCheckout }
    }

    /// Removes files that a checkout was writing when it was killed.
    func removeLeftovers(_ look: Look) throws(RepositoryError) {
        for leftover in look.scan.leftovers {
            try filing { () throws(FileError) in try environment.files.removeIfPresent(leftover) }
        }
    }

    /// Tells a commit whose files a collection took from a damaged store.
    package func requireTree(_ id: ObjectID, _ commit: Commit) throws(RepositoryError) {
        if wasCollected(commit) { throw .collected(id) }
    }

    /// Whether a collection took the files of a commit.
    func wasCollected(_ commit: Commit) -> Bool {
        store.current.collected != nil && commit.tree != DirectoryTree.emptyRoot
            && !store.contains(ObjectReference(.tree, commit.tree))
    }
}
