internal import ObjectModel

/// The commits that brought the files of a directory, as it is in one version.
///
/// Walks back through history once and reads what differs from version to version.
struct DirectoryOrigins {
    /// Files that one commit brought.
    struct Share {
        let commit: CommitOutline
        /// One of them, at its path in that commit.
        let example: RepositoryPath
        /// The same below the directory, whatever name that had.
        let inside: RepositoryPath
        var files: Int
        var bytes: Int
    }

    /// Files whose commit is not known yet.
    private enum Pending {
        /// All that have not changed since.
        case all(except: Set<RepositoryPath>)
        /// Those that a merge took from another parent than the first.
        case only(Set<RepositoryPath>)

        /// Takes a file out.
        ///
        /// - Returns: Whether it was in.
        mutating func remove(_ path: RepositoryPath) -> Bool {
            switch self {
            case .all(var changed):
                self = .only([])
                let isNew = changed.insert(path).inserted
                self = .all(except: changed)
                return isNew
            case .only(var paths):
                self = .only([])
                let wasIn = paths.remove(path) != nil
                self = .only(paths)
                return wasIn
            }
        }

        func joined(by other: Pending) -> Pending {
            switch (self, other) {
            case (.only(let paths), .only(let others)): .only(paths.union(others))
            case (.all(let changed), .only(let paths)), (.only(let paths), .all(let changed)):
                .all(except: changed.subtracting(paths))
            case (.all(let changed), .all(let others)): .all(except: changed.intersection(others))
            }
        }
    }

    /// The directory at one point of history.
    private struct Place {
        let commit: CommitOutline
        let path: RepositoryPath
        let root: ObjectID
    }

    private let walk: BlameWalk
    private let source: CommitSource
    private let reader: any ObjectReader
    private let directory: TreeEntry
    private var lines: [(place: Place, pending: Pending)]
    private var shares: [Share] = []
    private var places: [ObjectID: Int] = [:]
    /// How often each commit was looked at that is known from a table.
    private var visits: [ObjectID: Int] = [:]
    /// Lines that meet at a commit come together, unless clocks were set back, or the directory has had several names.
    private static let visitLimit = 1_000
    private var (files, bytes) = (0, 0)

    /// - Parameter walk: Knows renamed directories.
    init(
        of directory: TreeEntry, at path: RepositoryPath, in commit: CommitOutline, _ walk: BlameWalk
    ) {
        self.walk = walk
        (source, reader) = (walk.source, walk.reader)
        self.directory = directory
        lines = [(Place(commit: commit, path: path, root: directory.id), .all(except: []))]
    }

    /// The shares, newest first; files of versions whose trees were collected are in none.
    consuming func shared() throws(ReadError) -> [Share] {
        while files < directory.files, let (place, pending) = takeNewest() {
            do throws(ReadError) { try look(place, pending) } catch {
                // A commit's record outlives its files.
                guard case .missing(let reference) = error, reference.kind == .tree else { throw error }
            }
        }
        return shares
    }

    private mutating func takeNewest() -> (Place, Pending)? {
        let newest = lines.indices.max { lines[$0].place.commit.committed < lines[$1].place.commit.committed }
        return newest.map { lines.remove(at: $0) }
    }

    private mutating func add(_ place: Place, _ pending: consuming Pending) {
        if case .only(let paths) = pending, paths.isEmpty { return }
        if let same = lines.firstIndex(where: {
            $0.place.commit.id == place.commit.id && $0.place.path == place.path
        }) {
            lines[same].pending = lines[same].pending.joined(by: pending)
        } else {
            lines.append((place, pending))
        }
    }

    private mutating func look(_ place: Place, _ pending: consuming Pending) throws(ReadError) {
        if place.commit.row != nil {
            visits[place.commit.id, default: 0] += 1
            guard visits[place.commit.id, default: 0] <= Self.visitLimit else {
                throw BlameWalk.circle(place.commit)
            }
        }
        if let parent = try walk.onlyParent(of: place.commit, leaving: PathHash(place.path)) {
            return add(Place(commit: parent, path: place.path, root: place.root), pending)
        }
        let parents = try self.parents(of: place)
        if let same = parents.first(where: { $0.root == place.root }) { return add(same, pending) }
        guard let first = parents.first else {
            if lines.isEmpty, case .all(let changed) = pending { return try tellRest(place, except: changed) }
            return try tell(place, pending, before: DirectoryTree.emptyRoot, others: [])
        }
        try tell(place, pending, before: first.root, others: Array(parents.dropFirst()), first)
    }

    /// The directory in those parents that have it, under this name or another one.
    private func parents(of place: Place) throws(ReadError) -> [Place] {
        var parents: [Place] = []
        for id in place.commit.parents {
            let commit = try source.outline(id)
            guard !walk.isCollected(commit.tree) else { continue }
            let entry = try DirectoryTree(root: commit.tree, reader: reader).entry(at: place.path)
            if let entry, entry.mode == .directory {
                parents.append(Place(commit: commit, path: place.path, root: entry.id))
            }
        }
        guard parents.isEmpty,
            let now = try DirectoryTree(root: place.commit.tree, reader: reader).entry(at: place.path)
        else { return parents }
        for id in place.commit.parents {
            let commit = try source.outline(id)
            guard !walk.isCollected(commit.tree) else { continue }
            if let before = try walk.renamed(now, from: commit.tree, to: place.commit.tree) {
                return [Place(commit: commit, path: before, root: now.id)]
            }
        }
        return []
    }

    /// Tells what a commit changed, and goes on with the rest.
    ///
    /// - Parameters:
    ///   - before: What the first parent has.
    ///   - others: What further parents have.
    private mutating func tell(
        _ place: Place, _ pending: consuming Pending, before: ObjectID, others: [Place], _ first: Place? = nil
    ) throws(ReadError) {
        var pending = pending
        var taken: [Set<RepositoryPath>] = others.map { _ in [] }
        var brought: [(RepositoryPath, TreeEntry)] = []
        let now = DirectoryTree(root: place.root, reader: reader)
        try DirectoryTree(root: before, reader: reader).changes(to: now) {
            (path, before, after) throws(ReadError) in
            // The x bit is no content.
            if let before, after?.hasContent(of: before) == true { return }
            guard pending.remove(path), let after, after.mode != .directory else { return }
            for (number, other) in others.enumerated() {
                let there = try DirectoryTree(root: other.root, reader: reader).entry(at: path)
                if there?.hasContent(of: after) == true {
                    taken[number].insert(path)
                    return
                }
            }
            brought.append((path, after))
        }
        for (path, entry) in brought { tell(place, path, files: 1, bytes: entry.size) }
        for (other, paths) in zip(others, taken) { add(other, .only(paths)) }
        if let first { add(first, pending) }
    }

    /// Tells that a commit brought all that is left.
    private mutating func tellRest(_ place: Place, except changed: Set<RepositoryPath>) throws(ReadError) {
        let root = DirectoryTree(root: place.root, reader: reader)
        var first: RepositoryPath?
        try root.forEachFile { (path, entry) throws(ReadError) in
            if first == nil, entry.mode != .directory, !changed.contains(path) { first = path }
        }
        guard let example = first else { return }
        tell(place, example, files: directory.files - files, bytes: directory.size - bytes)
    }

    private mutating func tell(_ place: Place, _ path: RepositoryPath, files: Int, bytes: Int) {
        self.files += files
        self.bytes += bytes
        if let known = places[place.commit.id] {
            shares[known].files += files
            shares[known].bytes += bytes
            return
        }
        var example = place.path
        for name in path.names {
            // A version has no path that is too long.
            guard let longer = try? example.appending(name) else { break }
            example = longer
        }
        places[place.commit.id] = shares.count
        shares.append(
            Share(commit: place.commit, example: example, inside: path, files: files, bytes: bytes))
    }
}
