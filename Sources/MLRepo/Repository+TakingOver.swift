internal import FileIO
internal import ObjectModel
internal import Storage
internal import WorkingTree

/// What others committed on a branch, as a commit takes it over that is put on theirs.
extension Repository {
    /// What others changed between the base and the branch's newest commit, if it is apart from what changed here.
    func others(
        _ base: Commit?, _ tip: Commit?, _ mine: CommitEdits, _ branch: String
    ) throws(RepositoryError) -> [CheckoutStep] {
        let paths = Dictionary(mine.map { ($0.path, $0.entry) }, uniquingKeysWith: { first, _ in first })
        var steps: [CheckoutStep] = []
        var clash: RepositoryPath?
        try reading { () throws(ReadError) in
            try tree(base).changes(to: tree(tip)) { (path, before, after) throws(ReadError) in
                if let own = paths[path] {
                    // The same change made twice is no conflict.
                    if own?.id != after?.id || own?.mode != after?.mode { clash = clash ?? path }
                    return
                }
                steps.append(
                    CheckoutStep(path: path, before: before, entry: after))
            }
        }
        // What they have is a file, or an empty directory, where something of mine is to lie; or the other way round.
        var above: Set<RepositoryPath> = []
        for path in paths.keys {
            var next = path.split?.directory
            while let directory = next, above.insert(directory).inserted { next = directory.split?.directory }
        }
        for step in steps where clash == nil && step.entry != nil {
            if above.contains(step.path) {
                clash = paths.keys.filter { $0.isInside(step.path) }.min()
                continue
            }
            var next = step.path.split?.directory
            while let directory = next, clash == nil {
                if paths.keys.contains(directory) { clash = directory }
                next = directory.split?.directory
            }
        }
        if let clash { throw .diverged(branch: branch, path: clash) }
        return steps
    }

    /// What others changed is written over what is on disk: that has to be what the base version has there, or nothing.
    func refuseOverwriting(
        _ theirs: [CheckoutStep], _ look: Look, committing edits: CommitEdits
    ) throws(RepositoryError) {
        guard !theirs.isEmpty else { return }
        let dirty = Set(try changes(look).map(\.path))
        let committed = Set(edits.map(\.path))
        let base = tree(look.base)
        var lost: [RepositoryPath] = []
        let removed = Set(theirs.filter { $0.entry == nil }.map(\.path))
        var firm: Set<RepositoryPath> = [.root]
        for step in theirs where !committed.contains(step.path) {
            if step.entry != nil, let above = step.path.split?.directory,
                let found = try obstacle(above, removed, &firm)
            {
                lost.append(found)
                continue
            }
            let before = try reading { () throws(ReadError) in try base.entry(at: step.path) }
            guard dirty.contains(step.path) || before == nil else { continue }
            if try !isSafe(step.path, [step.entry].compactMap { $0 }, []) { lost.append(step.path) }
        }
        guard lost.isEmpty else { throw .wouldLose(lost) }
    }

    /// What is tracked after both what was said here and what others said on the branch.
    func joined(_ look: Look, _ tip: Commit?) -> TrackedPaths {
        let theirs = tip?.tracked ?? TrackedPaths()
        var joined =
            look.tracking.moved(from: look.base?.tracked ?? TrackedPaths(), to: theirs)?.paths ?? theirs
        joined.directories.removeAll { look.tracking.untracked.contains($0) }
        return joined
    }

    /// Notes, before the log has a commit, what is to be done behind its entry: others' files are written, and what they track is.
    ///
    /// - Parameters:
    ///   - isWhole: What the commit itself has is to be written, too, as a run wrote it elsewhere.
    ///   - tracked: What is tracked as it was said here.
    ///   - next: What is said of tracking once the commit is there.
    /// - Returns: Whether there is anything to do.
    func noteMerge(
        of commit: Commit, upon parent: Commit?, _ theirs: [CheckoutStep], isWhole: Bool,
        _ tracked: TrackedPaths, _ look: Look, next: Tracking
    ) throws(RepositoryError) -> Bool {
        // Else what others track would be taken out again by what was said here, if this is killed behind the entry.
        let isRetracked =
            commit.tracked != tracked
            && look.tracking != Tracking(paths: look.base?.tracked ?? TrackedPaths())
        guard !theirs.isEmpty || isWhole || isRetracked else { return false }
        try copy.setNextTracking(isRetracked ? next : nil)
        var note = WorkingCopy.Pending(
            from: look.base?.tree, to: commit.tree,
            upon: isWhole ? commit.tree : parent?.tree ?? DirectoryTree.emptyRoot)
        note.before = look.head.commit
        try copy.setPending(note)
        return true
    }

    /// Whether a commit that was to take over what others committed was killed before its entry: nothing has happened.
    func isForgotten(_ pending: WorkingCopy.Pending, _ standing: ObjectID?) throws(RepositoryError)
        -> Bool
    {
        guard pending.isMerge else { return false }
        guard let standing else { return true }
        return try !isMerged(pending, standing)
    }

    /// Whether a commit that took over what others committed was killed behind its entry: their files are still to be written.
    func isMerged(_ pending: WorkingCopy.Pending?, _ standing: ObjectID) throws(RepositoryError) -> Bool {
        guard let pending, pending.isMerge, pending.before != standing else { return false }
        return try reading { () throws(ReadError) in try store.commit(standing).tree } == pending.to
    }

    /// What is tracked by a commit that was killed behind its entry, where it had not noted that yet.
    func trackingOfMerge(_ version: Commit?) throws(RepositoryError) -> Tracking? {
        guard let version, let pending = try copy.pending(), pending.isMerge, version.tree == pending.to,
            let standing = try base().head.commit, try isMerged(pending, standing)
        else { return nil }
        return try copy.nextTracking()
    }

    /// Takes back the note of a commit that was to take over what others committed and was killed before its entry.
    ///
    /// For commands that write: one that only looks must not take the note from a commit at work.
    func forgetMerge() throws(RepositoryError) {
        let (head, _) = try base()
        if let pending = try copy.pending(), try isForgotten(pending, head.commit) { try copy.endMerge() }
    }

    /// Writes what others committed, where the commit that took it over was killed before that.
    ///
    /// What was changed since of the files that it committed itself stays so. Killed, too, this is begun anew by the next command.
    /// - Throws: ``RepositoryError/unfinishedCommit(_:)`` if a file of others was changed since; then nothing has happened.
    func finishMerge() throws(RepositoryError) {
        try forgetMerge()
        let (head, base) = try base()
        guard let id = head.commit, let version = base, try isMerged(copy.pending(), id) else { return }
        let look = try look()
        let dirty = Set(try changes(look).map(\.path))
        let plan = try plan(look, CheckoutSteps(), to: tree(version), dirty: dirty)
        guard plan.lost.isEmpty else { throw .unfinishedCommit(plan.lost) }
        try removeLeftovers(look)
        let seen = try settled(write(plan.steps, isResumed: true))
        try copy.setHead(head)
        try copy.setCache(
            look.cache, after: edits(of: plan.steps, seen, version, version), base: id,
            identity: environment.random(16))
        try forgetTracking()
        try copy.endMerge()
    }
}
