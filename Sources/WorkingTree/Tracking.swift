package import ObjectModel

/// What of the working tree belongs to the next version: what the base version tracks, and what was said since.
package struct Tracking: Hashable, Sendable {
    /// Directories with all that comes into them, and patterns.
    package var paths: TrackedPaths
    /// Single files that were added since the base version.
    package var added: Set<RepositoryPath>
    /// Files and directories of the base version that are tracked no longer.
    package var untracked: Set<RepositoryPath>

    package init(
        paths: TrackedPaths = TrackedPaths(), added: Set<RepositoryPath> = [],
        untracked: Set<RepositoryPath> = []
    ) {
        self.paths = paths
        self.added = added
        self.untracked = untracked
    }

    /// Whether nothing was said since the base version, whose paths these are.
    package func isUnchanged(from base: TrackedPaths) -> Bool {
        paths == base && added.isEmpty && untracked.isEmpty
    }

    /// What was said since one version, on top of what another one tracks.
    ///
    /// - Returns: Nothing if nothing was said.
    package func moved(from base: TrackedPaths, to other: TrackedPaths) -> Tracking? {
        if isUnchanged(from: base) { return nil }
        func merged<Item: Equatable>(_ now: [Item], _ before: [Item], _ other: [Item]) -> [Item] {
            other.filter { now.contains($0) || !before.contains($0) }
                + now.filter { !before.contains($0) && !other.contains($0) }
        }
        let directories = merged(paths.directories, base.directories, other.directories)
        return Tracking(
            paths: TrackedPaths(
                directories: directories, patterns: merged(paths.patterns, base.patterns, other.patterns)),
            added: added, untracked: untracked)
    }

    /// Whether a directory is tracked with all that comes into it.
    package func coversDirectory(_ path: RepositoryPath) -> Bool {
        paths.directories.contains { path.isInside($0) }
    }

    /// Whether something beneath a directory was added or is tracked.
    func reachesInto(_ directory: RepositoryPath) -> Bool {
        paths.directories.contains { $0.isInside(directory) } || added.contains { $0.isInside(directory) }
    }

    package func isUntracked(_ path: RepositoryPath) -> Bool { untracked.covers(path) }

    /// The directory, of those that are tracked with all that comes into them, which a path lies in, or is; the nearest.
    package func root(above path: RepositoryPath) -> RepositoryPath? {
        paths.directories.filter { path.isInside($0) }.max { $0.bytes.count < $1.bytes.count }
    }
}

extension Tracking {
    /// The form of a working copy's file `tracked`.
    package var bytes: [UInt8] {
        func list(_ paths: some Sequence<RepositoryPath>) -> JSONValue { .array(paths.sorted().map(\.json)) }
        return JSONValue.object([
            "added": list(added), "directories": list(paths.directories), "untracked": list(untracked),
            "patterns": .array(paths.patterns.map { .string($0) }),
        ]).canonicalBytes + [0x0a]
    }

    package init(bytes: [UInt8]) throws(MalformedObject) {
        let json = try JSONValue(line: bytes)
        func list(_ member: String) throws(MalformedObject) -> [RepositoryPath] {
            var paths: [RepositoryPath] = []
            for value in try json.array(member) {
                paths.append(try RepositoryPath(json: value, member: member))
            }
            return paths
        }
        self.init(
            paths: TrackedPaths(directories: try list("directories"), patterns: try json.strings("patterns")),
            added: Set(try list("added")), untracked: Set(try list("untracked")))
    }
}
