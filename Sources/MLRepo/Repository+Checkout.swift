internal import FileIO
package import ObjectModel
internal import Storage
package import WorkingTree

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

extension Repository {
    /// Makes the working copy's files those of a commit, and lets it stand on that commit.
    ///
    /// - Parameters:
    ///   - branch: The branch it stands on afterwards; nothing for none.
    ///   - isNew: The branch is made by this.
    /// - Throws: ``RepositoryError/wouldLose(_:)`` if a changed or untracked file is in the way; then nothing has happened.
    package func checkout(
        _ id: ObjectID, branch: String?, isNew: Bool = false,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> CheckoutReport {
        try checkout(CheckoutMove(to: id, branch: branch, isNew: isNew), onStep: onStep)
    }

    /// The same for any move.
    func checkout(
        _ move: CheckoutMove, onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> CheckoutReport {
        guard let actor = person else { throw .noIdentity }
        try forgetMerge()
        let target = try commit(move.commit)
        let content = try move.content.map { (id) throws(RepositoryError) in try commit(id) } ?? target
        let base = try base().commit
        let kept = try move.kept.map { (id) throws(RepositoryError) in try commit(id) }
        for case (let id?, let version?) in [
            (move.commit, target), (move.content, content), (move.kept, kept),
        ] as [(ObjectID?, Commit?)] {
            try requireTree(id, version)
        }
        let source = kept ?? base
        var differences = try differences(source, content)
        if let id = move.content {
            differences = try adding(removed(before: id), to: consume differences)
        }
        let unlike =
            try kept.map { (version) throws(RepositoryError) in
                try self.differences(base, version).map(\.path)
            } ?? []
        // Only a checkout that was interrupted may have left something anywhere else.
        let known = differences.indices.lazy.filter { differences.hasBefore($0) }.map { differences.path($0) }
        let paths = known + unlike + move.others.map(\.path)
        let look = try look(at: copy.pending() == nil ? paths : nil)
        let dirty = Set(try changes(look).map(\.path) + unlike)
        var others = move.others
        if move.content != nil || move.kept != nil {
            // What the version has that is left, or that is gone to, nobody loses.
            let versions = [tree(base), tree(target)]
            for index in differences.indices where dirty.contains(differences.path(index)) {
                let path = differences.path(index)
                for version in versions {
                    let entry = try reading { () throws(ReadError) in try version.entry(at: path) }
                    if let entry, entry.mode != .directory { others.append((path, entry)) }
                }
            }
        }
        let plan = try plan(
            look, consume differences, to: tree(content), dirty: dirty, replacing: others)
        guard plan.lost.isEmpty else { throw .wouldLose(plan.lost) }
        let steps = plan.steps
        let isResumed = try copy.pending() != nil
        let note = try note(of: move, from: source, to: content, look)
        if move.undoing == nil, let kept = note.kept { try hold(kept, look.head, actor) }
        // What the note of a commit says would be forgotten with it.
        if try trackingOfMerge(base) != nil { try copy.adoptTracking() }
        try copy.setPending(note)
        try removeLeftovers(look)
        let seen: SegmentedArray<StatCacheEntry.Seen?>
        var progress = CheckoutProgress()
        do throws(RepositoryError) {
            let written = try write(steps, isResumed: isResumed, noting: &progress, onStep: onStep)
            if move.isAlone { try outlast(written) }
            seen = try settled(written)
        } catch {
            if case .tree(.content) = error, !isResumed, move.isPlain, look.head.commit != nil {
                takeBack(plan, progress, onStep: onStep)
            }
            throw error
        }
        var head = look.head
        (head.commit, head.branch) = (move.commit, move.branch)
        // Before the log has it: whoever finds the entry makes it what is tracked.
        let returning = move.content.map { ($0, content) }
        let tracking = try tracking(
            look, from: returning, on: target,
            written: steps.indices.lazy.filter { !steps.isRemoval($0) }.map { steps.path($0) },
            removed: steps.indices.lazy.filter { steps.isRemoval($0) }.map { steps.path($0) },
            isUndoing: move.undoing != nil)
        try copy.setNextTracking(tracking)
        if move.isLogged {
            do throws(RepositoryError) { try enter(move, note, look, actor) } catch {
                // Somebody moved meanwhile what this was to move: the files are as they were, so that it can be typed again.
                if case .store(.moved) = error, !isResumed, move.content == nil, move.kept == nil {
                    try? copy.setNextTracking(nil)
                    takeBack(plan, progress, onStep: onStep)
                }
                throw error
            }
        }
        try copy.adoptTracking()
        let isStaying = note.goal?.isStaying ?? false
        if !isStaying { try copy.setHead(head) }
        let identity = environment.random(16)
        // After an interruption there are steps for what both versions have alike.
        if move.content == nil, move.kept == nil, !isResumed {
            let edits = WrittenSteps(steps, seen: seen)
            try copy.setCache(look.cache, after: edits, base: move.commit, identity: identity)
        } else {
            let edits = try edits(of: steps, seen, base, target)
            try copy.setCache(look.cache, after: edits, base: move.commit, identity: identity)
        }
        if tracking.isUnchanged(from: target.tracked) { try copy.setTracking(nil) }
        try copy.setPending(nil)
        // Where HEAD says the same before and after, the note is known to be done by HEAD as it was.
        if isStaying { try copy.setHead(head) }
        return CheckoutReport(
            written: steps.writtenCount, removed: steps.count - steps.writtenCount, head: head)
    }

    /// Brings the files back that a checkout had replaced before it met damage, which would stop it each time it is typed again.
    ///
    /// Where that does not succeed, either, the working copy stays as one whose checkout was interrupted.
    private func takeBack(
        _ plan: CheckoutPlan, _ progress: CheckoutProgress, onStep: @escaping @Sendable (WorkStep) -> Void
    ) {
        let checkout = Checkout(
            root: copy.root, files: environment.files, store: store, random: environment.random,
            onStep: onStep)
        do throws(WorkingTreeError) {
            try checkout.takeBack(plan.steps, progress, width: environment.width, was: plan.before)
        } catch { return }
        try? copy.setPending(nil)
    }

    /// What is noted while a checkout is on its way.
    private func note(
        of move: CheckoutMove, from source: Commit?, to content: Commit, _ look: Look
    ) throws(RepositoryError) -> WorkingCopy.Pending {
        let name = try naming { () throws(InvalidName) in try RefName.worktree(look.head.workingCopy) }
        let goal = WorkingCopy.Pending.Goal(
            commit: move.commit, branch: move.branch, before: try ref(name)?.id, undoes: move.undoing,
            nonce: copy.isBare ? nil : try copy.standingNonce(),
            isStaying: move.commit == look.head.commit && move.branch == look.head.branch,
            number: store.current.number)
        let before = try copy.pending()
        var note = WorkingCopy.Pending(from: source?.tree, to: content.tree, goal: goal)
        note.earlier = (before?.changes ?? []).filter {
            $0 != WorkingCopy.Pending.Change(from: note.from, to: note.to, upon: nil)
        }
        guard note.earlier.count <= Self.mostInterrupted else { throw .interruptedCheckout }
        // What an interrupted one had kept is overwritten by this.
        let earlier = try keptByInterrupted()
        note.kept = move.kept ?? earlier
        // What a checkout of paths wrote that was interrupted is ours as well.
        if let before { (note.paths, note.source) = (before.paths, before.source) }
        return note
    }

    /// Makes a checkout whose files are written part of the log, unless nothing moves by it.
    private func enter(
        _ move: CheckoutMove, _ note: WorkingCopy.Pending, _ look: Look, _ actor: Person
    ) throws(RepositoryError) {
        var standing = look.head
        (standing.commit, standing.branch) = (move.commit, move.branch)
        let isMove = try !self.standing(standing, on: move.commit, from: look.head.commit).isEmpty
        let released = try release(note.kept, look.head.workingCopy)
        // Another branch at the same commit is no other ref, and yet something to take back.
        let isSwitch = move.branch != look.head.branch || move.isNew
        guard isMove || isSwitch || move.undoing != nil || !move.also.isEmpty || released != nil
        else { return }
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        _ = try transact(
            move.verb, reason: move.branch, actor: actor, standing, writer, undoing: move.undoing,
            nonce: note.goal?.nonce
        ) { () throws(RepositoryError) in
            var changes = try self.standing(standing, on: move.commit, from: look.head.commit)
            if move.isNew, let branch = move.branch {
                changes.append(try newRef("branches", branch, at: move.commit))
            }
            for change in move.also {
                guard try ref(change.name) == change.before else { throw .store(.moved(change.name)) }
                changes.append(change)
            }
            if let released { changes.append(released) }
            return changes
        }
    }

    /// What becomes of the cache where files were, or are, not those of a version that is stood on: the files of the target, seen
    /// where that is what was written.
    func edits(
        of steps: CheckoutSteps, _ seen: SegmentedArray<StatCacheEntry.Seen?>, _ base: Commit?,
        _ target: Commit
    ) throws(RepositoryError) -> [StatCache.Edit] {
        var written: [RepositoryPath: (content: TreeEntry?, seen: StatCacheEntry.Seen?)] = [:]
        for (index, step) in steps.enumerated() { written[step.path] = (step.entry, seen[index]) }
        var edits: [StatCache.Edit] = []
        for step in try differences(base, target) {
            let (content, seen) = written.removeValue(forKey: step.path) ?? (nil, nil)
            let isSame = content?.id == step.entry?.id && content?.mode == step.entry?.mode
            edits.append(StatCache.Edit(path: step.path, entry: step.entry, seen: isSame ? seen : nil))
        }
        for (path, (content, seen)) in written {
            let entry = try reading { () throws(ReadError) in try tree(target).entry(at: path) }
            // What is in a directory has entries of its own.
            if entry?.mode == .directory, entry?.id != DirectoryTree.emptyRoot { continue }
            let isSame = content?.id == entry?.id && content?.mode == entry?.mode
            edits.append(StatCache.Edit(path: path, entry: entry, seen: isSame ? seen : nil))
        }
        return edits
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
        let target = try commit(id)
        try requireTree(id, target)
        let changed = try changes(look)
        let differences = try differences(look.base, target)
        let twins = try present(
            differences.indices.lazy.filter { !differences.hasBefore($0) }.map { differences.path($0) })
        let lost = try plan(
            look, consume differences, to: tree(target), dirty: Set(changed.map(\.path))
        ).lost
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
        var move = CheckoutMove(to: id, branch: branch, isNew: isNew)
        // A new file that the version has as well is not overwritten, and would go with that version again.
        let kept = Set(dirty + lost + obstacles).union(twins.filter { !interrupted.contains($0) })
        move.kept = try save(Array(kept), look, after: keptByInterrupted())
        return try checkout(move, onStep: onStep)
    }

    /// Those of some paths at which a file or link is on disk.
    private func present(_ paths: some Sequence<RepositoryPath>) throws(RepositoryError) -> [RepositoryPath] {
        var present: [RepositoryPath] = []
        for path in paths {
            let kind = try status(of: path)?.kind
            if kind == .file || kind == .link { present.append(path) }
        }
        return present
    }

    /// Writes files of versions.
    ///
    /// - Parameters:
    ///   - directory: Nothing for the working copy.
    ///   - isResumed: A command that wrote here was interrupted before.
    ///   - keepsFrom: Of files of so many bytes or more what was begun stays when this is interrupted, and is gone on with.
    /// - Returns: The status of every file that was written, in the order of the steps.
    @discardableResult
    func write(
        _ steps: CheckoutSteps, in directory: FilePath? = nil, isResumed: Bool = false,
        keepsFrom: Int? = nil, onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> SegmentedArray<StatCacheEntry.Seen?> {
        var progress = CheckoutProgress()
        return try write(
            steps, in: directory, isResumed: isResumed, keepsFrom: keepsFrom, noting: &progress,
            onStep: onStep)
    }

    /// The same.
    ///
    /// - Parameter progress: What was done, also after an error.
    private func write(
        _ steps: CheckoutSteps, in directory: FilePath? = nil, isResumed: Bool, keepsFrom: Int? = nil,
        noting progress: inout CheckoutProgress, onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) -> SegmentedArray<StatCacheEntry.Seen?> {
        try working { () throws(WorkingTreeError) in
            try Checkout(
                root: directory ?? copy.root, files: environment.files, store: store,
                random: environment.random, isResumed: isResumed, keepsFrom: keepsFrom, onStep: onStep
            ).apply(steps, width: environment.width, noting: &progress)
        }
    }

    /// Of statuses of files that were just written those that would differ if somebody wrote to the file by now: what is as young as
    /// the clock's tick is read again by who looks next.
    func settled(
        _ seen: SegmentedArray<StatCacheEntry.Seen?>
    ) throws(RepositoryError) -> SegmentedArray<StatCacheEntry.Seen?> {
        let clock = try copy.fileClock()
        var settled = seen
        for index in seen.indices where seen[index]?.isOld(at: clock) == false { settled[index] = nil }
        return settled
    }

    /// Waits until whoever writes to files that were just written gives them another time: then what lies there need not be read
    /// again to know that it is what was written.
    private func outlast(_ seen: SegmentedArray<StatCacheEntry.Seen?>) throws(RepositoryError) {
        var (clock, tries) = (try copy.fileClock(), 0)
        var young = seen.indices.compactMap { seen[$0] }.filter { !$0.isOld(at: clock) }
        // A file system that keeps whole seconds takes two of them; one that keeps no time at all is not waited for.
        while !young.isEmpty, tries < 250 {
            usleep(10_000)
            (clock, tries) = (try copy.fileClock(), tries + 1)
            young.removeAll { $0.isOld(at: clock) }
        }
    }

    /// Makes sure that there are files, and that no checkout of them was interrupted.
    func requireWhole() throws(RepositoryError) {
        guard !copy.isBare else { throw .bare(copy.root) }
        try finishMerge()
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
    func wasCollected(_ commit: Commit) -> Bool { wasCollected(commit.tree) }

    /// Whether the files of versions with some tree were collected.
    func wasCollected(_ tree: ObjectID) -> Bool {
        store.current.collected != nil && tree != DirectoryTree.emptyRoot
            && !store.contains(ObjectReference(.tree, tree))
    }
}
