internal import ObjectModel
internal import WorkingTree

/// What is tracked after something was taken back, or written by a checkout.
extension Repository {
    /// What the commit that is taken back tracked stays tracked, so that nothing drops out of sight.
    ///
    /// - Parameter isDeleting: What the commit does not have was taken out by it; else somebody deleted it on disk.
    func keepTracking(
        of taken: ObjectID?, after base: ObjectID?, isDeleting: Bool = true
    ) throws(RepositoryError) {
        guard let taken else { return }
        let commit = try reading { () throws(ReadError) in try store.commit(taken) }
        let before = try base.map { (id) throws(RepositoryError) in
            try reading { () throws(ReadError) in try store.commit(id) }
        }
        var tracking = try copy.tracking(base: commit.tracked)
        let all = tracking.paths
        for root in before?.tracked.directories ?? []
        where !all.directories.contains(where: { root.isInside($0) }) {
            tracking.untracked.insert(root)
        }
        try reading { () throws(ReadError) in
            try tree(before).changes(to: tree(commit)) { (path, old, new) throws(ReadError) in
                guard new != nil else {
                    // What the commit took out is not taken for lost.
                    if isDeleting, !tracking.isUntracked(path), !tracking.coversDirectory(path) {
                        tracking.untracked.insert(path)
                    }
                    return
                }
                tracking.untracked = tracking.untracked.filter { !path.isInside($0) }
                if old == nil, !tracking.coversDirectory(path) { tracking.added.insert(path) }
            }
        }
        try copy.setTracking(tracking)
    }

    /// What came back with a version that was kept is tracked as it was before.
    func trackReturned(_ kept: ObjectID, on commit: ObjectID?) throws(RepositoryError) {
        // What is in no version stays tracked.
        try keepTracking(of: kept, after: commit, isDeleting: false)
        let (version, runs) = try contents(of: kept)
        let (_, base) = try base()
        var tracking = try copy.tracking(base: base?.tracked ?? TrackedPaths())
        let known = tracking
        try reading { () throws(ReadError) in
            for (_, run) in runs {
                let removed = directory(run.outputs)
                for root in version.tracked.directories where !tracking.coversDirectory(root) {
                    guard try removed.entry(at: root) != nil else { continue }
                    tracking.paths = TrackedPaths(
                        directories: tracking.paths.directories + [root], patterns: tracking.paths.patterns)
                }
                for path in tracking.untracked where try removed.entry(at: path) != nil {
                    tracking.untracked.remove(path)
                }
            }
        }
        guard tracking != known else { return }
        try copy.setTracking(tracking.isUnchanged(from: base?.tracked ?? TrackedPaths()) ? nil : tracking)
    }

    /// What a checkout wrote is tracked no less than the version has it, whatever `rm` or `untrack` had said before.
    func trackWritten(_ paths: some Sequence<RepositoryPath>) throws(RepositoryError) {
        let (_, base) = try base()
        var tracking = try copy.tracking(base: base?.tracked ?? TrackedPaths())
        guard !tracking.untracked.isEmpty else { return }
        let untracked = tracking.untracked.filter { out in !paths.contains { $0.isInside(out) } }
        guard untracked != tracking.untracked else { return }
        tracking.untracked = untracked
        try copy.setTracking(tracking.isUnchanged(from: base?.tracked ?? TrackedPaths()) ? nil : tracking)
    }

    /// What the version that is stood on tracks need not be said again.
    func forgetTracking() throws(RepositoryError) {
        let (_, base) = try base()
        guard let base else { return }
        var tracking = try copy.tracking(base: base.tracked)
        try reading { () throws(ReadError) in
            for path in tracking.added where try tree(base).entry(at: path) != nil {
                tracking.added.remove(path)
            }
        }
        try copy.setTracking(tracking.isUnchanged(from: base.tracked) ? nil : tracking)
    }
}
