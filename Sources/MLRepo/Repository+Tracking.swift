internal import FileIO
package import ObjectModel
package import WorkingTree

extension Repository {
    /// Tracks files, directories with all that comes into them, or the files that a pattern matches.
    package func add(paths: [RepositoryPath], patterns: [String]) throws(RepositoryError) -> Tracking {
        guard !copy.isBare else { throw .bare(copy.root) }
        let (_, base) = try self.base()
        var tracking = try copy.tracking(base: base?.tracked ?? TrackedPaths())
        for path in paths {
            let status = try filing { () throws(FileError) in
                try environment.files.status(copy.root.appending(path.bytes))
            }
            guard let status else { throw .noPath("\(path)") }
            guard status.kind != .other else { throw .special(path) }
            tracking.untracked = tracking.untracked.filter { !$0.isInside(path) && !path.isInside($0) }
            if status.kind == .directory {
                let inner = tracking.paths.directories.filter { !$0.isInside(path) }
                let isCovered = inner.contains { path.isInside($0) }
                tracking.paths = TrackedPaths(
                    directories: isCovered ? inner : inner + [path], patterns: tracking.paths.patterns)
            } else {
                // Also where its directory is tracked: the ignore rules may leave it out.
                tracking.added.insert(path)
            }
        }
        tracking.paths = TrackedPaths(
            directories: tracking.paths.directories, patterns: tracking.paths.patterns + patterns)
        try copy.setTracking(tracking)
        return tracking
    }

    /// Stops tracking; the files stay.
    package func untrack(_ paths: [RepositoryPath]) throws(RepositoryError) {
        guard !copy.isBare else { throw .bare(copy.root) }
        let (_, base) = try self.base()
        var tracking = try copy.tracking(base: base?.tracked ?? TrackedPaths())
        for path in paths {
            let isKnown =
                tracking.added.contains { $0.isInside(path) } || tracking.coversDirectory(path)
                || tracking.paths.directories.contains { $0.isInside(path) }
            let inBase = try reading { () throws(ReadError) in try tree(base).entry(at: path) != nil }
            guard isKnown || inBase else { throw .noPath("\(path)") }
            tracking.added = tracking.added.filter { !$0.isInside(path) }
            tracking.paths = TrackedPaths(
                directories: tracking.paths.directories.filter { !$0.isInside(path) },
                patterns: tracking.paths.patterns)
            if inBase { tracking.untracked.insert(path) }
        }
        try copy.setTracking(tracking)
    }
}
