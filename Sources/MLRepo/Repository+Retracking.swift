internal import FileIO
internal import ObjectModel
internal import WorkingTree

/// What is tracked after something was taken back, or written by a checkout.
extension Repository {
    /// What the commit that is taken back tracked stays tracked, so that nothing drops out of sight.
    func keepTracking(of taken: ObjectID?, after base: ObjectID?) throws(RepositoryError) {
        guard let taken else { return }
        let commit = try self.commit(taken)
        let before = try base.map { (id) throws(RepositoryError) in try self.commit(id) }
        var tracking = try copy.tracking(base: commit.tracked)
        try keep(&tracking, of: commit, after: before, isDeleting: true)
        try copy.setTracking(tracking)
    }

    /// What is tracked on another version, with what was said since one and goes along.
    ///
    /// - Parameters:
    ///   - content: The version whose files are there then; nothing for the target's own.
    ///   - written: What was written.
    ///   - removed: What was removed.
    ///   - isUndoing: It had been brought by what is taken back.
    func tracking(
        _ look: Look, from content: (id: ObjectID, version: Commit)?, on target: Commit,
        written: some Sequence<RepositoryPath>, removed: some Sequence<RepositoryPath>, isUndoing: Bool
    ) throws(RepositoryError) -> Tracking {
        let version = content?.version ?? target
        var said = look.tracking
        // What a commit has that was killed behind its log entry need not be said any more, and is not looked for elsewhere.
        said.added = try reading { () throws(ReadError) in
            let base = tree(look.base)
            var added = said.added
            for path in said.added where try base.entry(at: path) != nil { added.remove(path) }
            return added
        }
        var tracking =
            said.moved(from: look.base?.tracked ?? TrackedPaths(), to: version.tracked)
            ?? Tracking(paths: version.tracked)
        if let content {
            // What is in no version stays tracked.
            try keep(&tracking, of: content.version, after: target, isDeleting: false)
            try bringBack(&tracking, content.id)
        }
        if !tracking.untracked.isEmpty {
            for path in written { try free(path, in: &tracking, of: target) }
        }
        try forget(removed, in: &tracking, of: target, isUndoing: isUndoing)
        return tracking
    }

    /// Takes out what was said of files that a checkout removed, and of directories that it emptied where it takes back what had
    /// brought them.
    private func forget(
        _ removed: some Sequence<RepositoryPath>, in tracking: inout Tracking, of target: Commit,
        isUndoing: Bool
    ) throws(RepositoryError) {
        var roots =
            isUndoing ? tracking.paths.directories.filter { !target.tracked.directories.contains($0) } : []
        guard !roots.isEmpty || !tracking.added.isEmpty else { return }
        var gone: Set<RepositoryPath> = []
        for path in removed {
            tracking.added.remove(path)
            for root in roots where path.isInside(root) { gone.insert(root) }
            roots.removeAll { gone.contains($0) }
        }
        for root in gone where try status(of: root) == nil {
            tracking.paths.directories.removeAll { $0 == root }
        }
    }

    /// - Parameter isDeleting: What the version does not have was taken out by it; else somebody deleted it on disk.
    private func keep(
        _ tracking: inout Tracking, of commit: Commit, after before: Commit?, isDeleting: Bool
    ) throws(RepositoryError) {
        let all = tracking.paths
        let said = tracking
        for root in before?.tracked.directories ?? [] where !all.directories.contains(root) {
            // One that another root has come to cover is tracked as before.
            let isCovered = all.directories.contains { root.isInside($0) }
            guard !isCovered || before?.tracked.isNested(root) == true else { continue }
            tracking.untracked.insert(root)
            // What the commit has of it is tracked file by file.
            for (path, _) in try files(of: commit, in: root) where !said.isUntracked(path) {
                try free(path, in: &tracking, of: before)
            }
        }
        var (gone, new): ([RepositoryPath], [RepositoryPath]) = ([], [])
        try reading { () throws(ReadError) in
            try tree(before).changes(to: tree(commit)) { (path, old, entry) throws(ReadError) in
                if entry == nil {
                    if isDeleting { gone.append(path) }
                } else if isDeleting, said.isUntracked(path) {
                    // What was untracked since stays so: it is in no version then.
                    return
                } else if old == nil || !tracking.untracked.isEmpty {
                    new.append(path)
                }
            }
        }
        var rules = IgnoreLookup(root: copy.root, files: environment.files)
        let patterns = IgnoreRules(patterns: all.patterns)
        for path in new {
            try free(path, in: &tracking, of: before)
            let isTaken = try isTaken(path, tracking, &rules) || (!patterns.isEmpty && patterns.matches(path))
            if !isTaken { tracking.added.insert(path) }
        }
        // What the commit took out is not taken for lost; what it deleted from a tracked directory is.
        for path in gone where !tracking.isUntracked(path) {
            if try !isTaken(path, tracking, &rules) { tracking.untracked.insert(path) }
        }
    }

    /// Whether a tracked directory takes in a file, whatever the version has.
    private func isTaken(
        _ path: RepositoryPath, _ tracking: Tracking, _ rules: inout IgnoreLookup
    ) throws(RepositoryError) -> Bool {
        guard let root = tracking.root(above: path) else { return false }
        return try working { () throws(WorkingTreeError) in
            try !rules.leavesOut(path, isDirectory: false, below: root)
        }
    }

    /// What `rm` removed and came back is tracked as it was before.
    private func bringBack(_ tracking: inout Tracking, _ kept: ObjectID) throws(RepositoryError) {
        let (version, runs) = try contents(of: kept)
        // Who untracks something in a tracked directory writes a line for it: that was said later.
        let lines = Set(try ignored(in: .root))
        try reading { () throws(ReadError) in
            for (_, run) in runs {
                let removed = directory(run.outputs)
                for root in version.tracked.directories where !tracking.paths.directories.contains(root) {
                    guard try removed.entry(at: root) != nil else { continue }
                    tracking.paths = TrackedPaths(
                        directories: tracking.paths.directories + [root], patterns: tracking.paths.patterns)
                }
                for path in tracking.untracked where try removed.entry(at: path) != nil {
                    if !lines.contains(path) { tracking.untracked.remove(path) }
                }
            }
        }
    }

    /// What a checkout of paths wrote is tracked no less than the versions have it, whatever `rm` or `untrack` had said before.
    ///
    /// - Parameters:
    ///   - asked: The paths that were asked for: a tracked directory that lies in them is tracked with all that comes into it.
    ///   - written: The files at these paths.
    ///   - source: The version that has them.
    func trackWritten(
        _ asked: [RepositoryPath], _ written: [RepositoryPath], of source: ObjectID
    ) throws(RepositoryError) {
        let (_, base) = try base()
        var tracking = try copy.tracking(base: base?.tracked ?? TrackedPaths())
        let known = tracking
        let theirs = try commit(source).tracked.directories
        var roots = Set((base?.tracked.directories ?? []) + theirs).filter { root in
            asked.contains { root.isInside($0) } && written.contains { $0.isInside(root) }
        }
        // Of a directory in a tracked one that part is tracked as a whole, too.
        for path in asked where theirs.contains(where: { path.isInside($0) }) {
            if try status(of: path)?.kind == .directory { roots.insert(path) }
        }
        for path in written { try free(path, in: &tracking, of: base) }
        tracking.paths = TrackedPaths(
            directories: tracking.paths.directories + roots.filter { !tracking.coversDirectory($0) },
            patterns: tracking.paths.patterns)
        var rules = IgnoreLookup(root: copy.root, files: environment.files)
        let patterns = IgnoreRules(patterns: tracking.paths.patterns)
        for path in written {
            let entry = try reading { () throws(ReadError) in try tree(base).entry(at: path) }
            if entry != nil, !tracking.isUntracked(path) { continue }
            let isTaken = try isTaken(path, tracking, &rules) || (!patterns.isEmpty && patterns.matches(path))
            if !isTaken { tracking.added.insert(path) }
        }
        guard known != tracking else { return }
        try copy.setTracking(tracking.isUnchanged(from: base?.tracked ?? TrackedPaths()) ? nil : tracking)
    }

    /// Takes back that a path is tracked no longer, and nothing that was said of its neighbours.
    ///
    /// - Parameter base: The version that is stood on; in the place of a directory above the path comes what else it has there.
    func free(
        _ path: RepositoryPath, in tracking: inout Tracking, of base: Commit?
    ) throws(RepositoryError) {
        guard !tracking.untracked.isEmpty else { return }
        tracking.untracked.remove(path)
        var way = [path]
        var above = path.split?.directory
        while let directory = above {
            if tracking.untracked.remove(directory) != nil {
                for name in way {
                    guard let directory = name.split?.directory else { continue }
                    for entry in try entries(in: directory, of: tree(base)) {
                        let beside = try naming { () throws(InvalidName) in
                            try directory.appending(entry.name)
                        }
                        if beside != name { tracking.untracked.insert(beside) }
                    }
                }
            }
            way.append(directory)
            above = directory.isRoot ? nil : directory.split?.directory
        }
    }

    /// What a version has right in a directory.
    func entries(
        in directory: RepositoryPath, of version: DirectoryTree
    ) throws(RepositoryError) -> [TreeEntry] {
        try reading { () throws(ReadError) in
            if directory.isRoot { return try version.entries.leaves() }
            guard let entry = try version.entry(at: directory), entry.mode == .directory else { return [] }
            return try DirectoryTree(root: entry.id, reader: version.reader).entries.leaves()
        }
    }

    /// What the version that is stood on tracks need not be said again.
    func forgetTracking() throws(RepositoryError) {
        let (_, base) = try base()
        guard let base else { return }
        var tracking = try self.tracking(base)
        try reading { () throws(ReadError) in
            for path in tracking.added where try tree(base).entry(at: path) != nil {
                tracking.added.remove(path)
            }
        }
        try copy.setTracking(tracking.isUnchanged(from: base.tracked) ? nil : tracking)
    }
}
