package import FileIO
package import ObjectModel
package import WorkingTree

extension Repository {
    /// What is tracked: what the base version tracks, and what was said since.
    ///
    /// That something is tracked no longer can only be said of what the base version has: a commit that was killed before it
    /// noted that it had taken it out leaves such words behind.
    func tracking(_ base: Commit?) throws(RepositoryError) -> Tracking {
        var tracking: Tracking
        if let next = try trackingOfMerge(base) {
            tracking = next
        } else {
            tracking = try copy.tracking(base: base?.tracked ?? TrackedPaths())
        }
        let version = tree(base)
        for path in tracking.untracked {
            let isThere = try reading { () throws(ReadError) in try version.entry(at: path) != nil }
            if !isThere { tracking.untracked.remove(path) }
        }
        return tracking
    }

    /// Whether something was added, untracked or moved that no version knows yet.
    package func isRetracked() throws(RepositoryError) -> Bool {
        guard !copy.isBare else { return false }
        let (_, base) = try self.base()
        return try !tracking(base).isUnchanged(from: base?.tracked ?? TrackedPaths())
    }

    /// Tracks files, directories with all that comes into them, or the files that a pattern matches.
    package func add(paths: [RepositoryPath], patterns: [String]) throws(RepositoryError) -> Tracking {
        try requireWhole()
        let (_, base) = try self.base()
        var tracking = try self.tracking(base)
        let asked = Set(paths)
        tracking.untracked = tracking.untracked.filter { !asked.covers($0) }
        for path in paths {
            let status = try filing { () throws(FileError) in
                try environment.files.status(copy.root.appending(path.bytes))
            }
            if let link = try link(above: path) { throw .behindLink(link) }
            guard let status else { throw .noPath("\(path)") }
            guard status.kind != .other else { throw .special(path) }
            try free(path, in: &tracking, of: base)
            try requireOurs(path, base)
            if status.kind == .directory {
                let known = tracking.paths.directories.filter { $0 != path }
                // What the ignore rules leave out is tracked by itself, also in a directory that is tracked.
                var directories = known + [path]
                for directory in directories where directory == path || directory.isInside(path) {
                    let outer = directories.filter { $0 != directory && directory.isInside($0) }
                    guard let above = outer.max(by: { $0.bytes.count < $1.bytes.count }),
                        directory == path || above == path
                    else { continue }
                    if try !isLeftOut(directory, below: above) { directories.removeAll { $0 == directory } }
                }
                tracking.paths = TrackedPaths(
                    directories: directories, patterns: tracking.paths.patterns)
            } else {
                // Also where its directory is tracked: the ignore rules may leave it out.
                tracking.added.insert(path)
            }
        }
        // What stood beside one of them may be another one.
        tracking.untracked = tracking.untracked.filter { !asked.covers($0) }
        tracking.paths = TrackedPaths(
            directories: tracking.paths.directories, patterns: tracking.paths.patterns + patterns)
        try unignore(paths)
        try copy.setTracking(tracking)
        return tracking
    }

    /// Whether the ignore rules leave out what lies in a tracked directory.
    func isLeftOut(
        _ path: RepositoryPath, isDirectory: Bool = true, below directory: RepositoryPath
    ) throws(RepositoryError) -> Bool {
        var rules = IgnoreLookup(root: copy.root, files: environment.files)
        return try working { () throws(WorkingTreeError) in
            try rules.leavesOut(path, isDirectory: isDirectory, below: directory)
        }
    }

    /// The link that a path leads through; nothing if it leads through directories only.
    private func link(above path: RepositoryPath) throws(RepositoryError) -> RepositoryPath? {
        guard let above = path.split?.directory, !above.isRoot else { return nil }
        if let link = try link(above: above) { return link }
        return try status(of: above)?.kind == .link ? above : nil
    }

    /// Whether a tracked directory takes in what comes to a path, unless the ignore rules leave it out.
    package func isInTracked(_ path: RepositoryPath) throws(RepositoryError) -> Bool {
        let (_, base) = try base()
        return try tracking(base).coversDirectory(path)
    }

    /// Whether a version made now would have a file or directory, as far as no pattern says so.
    package func isTracked(_ path: RepositoryPath) throws(RepositoryError) -> Bool {
        let (_, base) = try base()
        let tracking = try tracking(base)
        if tracking.isUntracked(path) { return false }
        let isKnown = try reading { () throws(ReadError) in try tree(base).entry(at: path) != nil }
        return isKnown || tracking.added.contains(path) || tracking.coversDirectory(path)
    }

    /// The top of the working copy around a new repository, if that goes on with the directory.
    ///
    /// It does with one that has files in its last version; and with a bare store, which it takes for data.
    package static func tracker(
        of directory: FilePath, isStore: Bool, _ environment: Environment
    ) -> FilePath? {
        guard directory.parent != directory else { return nil }
        var above = environment
        above.workingDirectory = directory.parent
        guard let outer = try? Repository.open(above), !outer.copy.isBare,
            let path = try? outer.path(directory.bytes), (try? outer.isInTracked(path)) == true
        else { return nil }
        if !isStore {
            guard let base = try? outer.base().commit, let entry = try? outer.tree(base).entry(at: path),
                entry.id != DirectoryTree.emptyRoot
            else { return nil }
        }
        return outer.copy.root
    }

    /// Whether a path is a link to a directory: the link is kept, and no file behind it.
    package func isLinkToDirectory(_ path: RepositoryPath) -> Bool {
        let place = copy.root.appending(path.bytes)
        guard (try? environment.files.status(place))??.kind == .link else { return false }
        return (try? environment.files.status(place / "."))??.kind == .directory
    }

    /// Makes sure that a path lies in no repository inside this one, but for one that came into what the base version has.
    private func requireOurs(_ path: RepositoryPath, _ base: Commit?) throws(RepositoryError) {
        var next: RepositoryPath? = path
        while let directory = next, !directory.isRoot {
            let store = try filing { () throws(FileError) in
                do throws(FileError) {
                    return try environment.files.status(copy.root.appending(directory.bytes) / ".mlrepo")
                } catch {
                    guard error.isNoDirectory else { throw error }
                    return nil
                }
            }
            if store?.kind == .directory, try !hasEntry(base, directory) { throw .nested(directory) }
            next = directory.split?.directory
        }
    }

    /// Stops tracking; the files stay.
    ///
    /// - Returns: What lies in a tracked directory, and is left out of it by `.mlrepoignore` from now on.
    package func untrack(_ paths: [RepositoryPath]) throws(RepositoryError) -> [RepositoryPath] {
        try requireWhole()
        let (_, base) = try self.base()
        var tracking = try self.tracking(base)
        var new: [RepositoryPath]?
        for path in paths where !IgnoreRules.canName(path) {
            guard try isTakenIn(path, tracking, base, &new) else { continue }
            throw .badConfiguration(
                "no line of .mlrepoignore can name \(path): move it out of the tracked directory, or untrack that"
            )
        }
        for path in paths {
            // A name that is mistyped must not leave out what gets that name one day.
            let isThere = try exists(path)
            let isKnown =
                (tracking.coversDirectory(path) && isThere) || tracking.added.contains(path)
                || tracking.added.contains { $0.isInside(path) }
                || tracking.paths.directories.contains { $0.isInside(path) }
            let isMatched = isThere && !isKnown ? try matches(path, tracking, base, &new) : false
            let inBase = try reading { () throws(ReadError) in
                if path.isRoot { return true }
                return try tree(base).entry(at: path) != nil
            }
            guard isKnown || isMatched || inBase else {
                throw try exists(path) ? .notTracked(path) : .noPath("\(path)")
            }
            tracking.paths = TrackedPaths(
                directories: tracking.paths.directories.filter { !$0.isInside(path) },
                patterns: tracking.paths.patterns)
            if inBase { tracking.untracked.formUnion(try topmost(path, base)) }
        }
        let asked = Set(paths)
        tracking.added = tracking.added.filter { !asked.covers($0) }
        var covered: [RepositoryPath] = []
        for path in paths where try isTakenIn(path, tracking, base, &new) { covered.append(path) }
        // A rule without a word in what is tracked harms nothing; the other way round the file would come again.
        if !covered.isEmpty { try leaveOut(covered, tracking) }
        try copy.setTracking(tracking)
        return covered
    }

    /// Writes lines that leave out some paths.
    ///
    /// - Throws: Where an ignore file further down takes a line back; then there is none.
    private func leaveOut(_ paths: [RepositoryPath], _ tracking: Tracking) throws(RepositoryError) {
        var new: [RepositoryPath] = []
        for path in paths where try !hasIgnoreLine(for: path) { new.append(path) }
        try ignore(paths)
        for path in paths where !path.isRoot {
            let root = tracking.root(above: path) ?? .root
            let isDirectory = try status(of: path)?.kind == .directory
            guard root != path, try !isLeftOut(path, isDirectory: isDirectory, below: root) else { continue }
            try unignore(new)
            throw .badConfiguration(
                "a rule in an ignore file below the top directory takes in \(path) again: change that rule first"
            )
        }
    }

    /// Whether a tracked directory or a pattern takes in what comes to a path.
    private func isTakenIn(
        _ path: RepositoryPath, _ tracking: Tracking, _ base: Commit?, _ new: inout [RepositoryPath]?
    ) throws(RepositoryError) -> Bool {
        if tracking.coversDirectory(path) { return true }
        return try matches(path, tracking, base, &new)
    }

    /// Whether a pattern takes in a file, or a file in a directory that a version has or that is new.
    ///
    /// - Parameter new: New files that patterns match, once somebody looked.
    private func matches(
        _ path: RepositoryPath, _ tracking: Tracking, _ base: Commit?, _ new: inout [RepositoryPath]?
    ) throws(RepositoryError) -> Bool {
        guard !tracking.paths.patterns.isEmpty, !path.isRoot else { return false }
        let patterns = IgnoreRules(patterns: tracking.paths.patterns)
        guard try status(of: path)?.kind == .directory else { return patterns.matches(path) }
        for (file, _) in try files(of: base, in: path) where patterns.matches(file) { return true }
        if new == nil { new = try look().scan.files.map(\.path).filter { patterns.matches($0) } }
        return new?.contains { $0.isInside(path) } == true
    }

    /// Takes in no new files that a pattern matches; those of the base version stay tracked.
    ///
    /// - Returns: The patterns that there were; without this one nothing has happened.
    package func removePattern(_ pattern: String) throws(RepositoryError) -> [String] {
        try requireWhole()
        let (_, base) = try self.base()
        var tracking = try self.tracking(base)
        let known = tracking.paths.patterns
        guard known.contains(pattern) else { return known }
        tracking.paths = TrackedPaths(
            directories: tracking.paths.directories, patterns: known.filter { $0 != pattern })
        try copy.setTracking(tracking)
        return known
    }

    /// The path itself; of the working tree, which is no entry of a version, what lies at its top.
    func topmost(
        _ path: RepositoryPath, _ base: Commit?
    ) throws(RepositoryError) -> [RepositoryPath] {
        guard path.isRoot else { return [path] }
        let entries = try reading { () throws(ReadError) in try tree(base).entries.leaves() }
        return entries.compactMap { try? RepositoryPath.root.appending($0.name) }
    }

    /// How many files of the version that is stood on lie at and below some paths.
    package func fileCount(at paths: [RepositoryPath]) throws(RepositoryError) -> Int {
        let (_, base) = try self.base()
        var count = 0
        for path in paths {
            count += try reading { () throws(ReadError) in
                if path.isRoot { return try tree(base).entries.summary().files }
                let entry = try tree(base).entry(at: path)
                return entry.map { $0.mode == .directory ? $0.files : 1 } ?? 0
            }
        }
        return count
    }
}
