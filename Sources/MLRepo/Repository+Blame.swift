package import FileIO
package import Lineage
package import ObjectModel
internal import Storage
internal import WorkingTree

/// Who has some bytes.
package enum Whereabouts: Sendable {
    /// The latest version that brought them to a path.
    case version(ObjectID, RepositoryPath)
    /// A run that wrote them, of which no version has them.
    case run(Blame.Making, RepositoryPath, TreeEntry)
}

extension Repository {
    /// Where a path of a version came from.
    ///
    /// - Parameter depth: So many runs, one behind the other, are told.
    package func blame(
        _ path: RepositoryPath, at tip: ObjectID, depth: Int = BlameWalk.greatestDepth
    ) throws(RepositoryError) -> Blame? {
        try requireTree(tip, try reading { () throws(ReadError) in try store.commit(tip) })
        return try walking(depth) { (walk) throws(ReadError) in try walk.blame(path, at: tip) }
    }

    /// Where something came from that a run made and no version has.
    package func blame(
        _ path: RepositoryPath, _ entry: TreeEntry, by making: Blame.Making,
        depth: Int = BlameWalk.greatestDepth
    ) throws(RepositoryError) -> Blame {
        try walking(depth) { (walk) throws(ReadError) in try walk.blame(path, entry, by: making) }
    }

    private func walking<Result>(
        _ depth: Int, _ body: (BlameWalk) throws(ReadError) -> Result
    ) throws(RepositoryError) -> Result {
        let source = knownCommits.source(store)
        defer { knownCommits.add(source.missed) }
        let walk = BlameWalk(
            source, tips: try commitTips(), runs: try makings(), depth: depth, isCollected: wasCollected)
        return try reading { () throws(ReadError) in try body(walk) }
    }

    /// The newest commits of all branches, tags and branches of other stores.
    func commitTips() throws(RepositoryError) -> [ObjectID] {
        var tips: [ObjectID] = []
        for group in ["branches", "tags", "remotes"] {
            tips += try refs(in: group).map(\.target).filter { $0.kind == .commit }.map(\.id)
        }
        return tips
    }

    /// All runs that refs name, in the order in which they began, without those that repeated others.
    func makings() throws(RepositoryError) -> [Blame.Making] {
        var found: [Blame.Making] = []
        for (_, target) in try refs(in: "runs") {
            let run = try reading { () throws(ReadError) in try store.run(target.id) }
            if run.ended != nil, run.reproduction == nil {
                found.append(Blame.Making(id: target.id, run: run))
            }
        }
        return found.sorted {
            ($0.run.started ?? 0, $0.run.startedFraction ?? 0) < (
                $1.run.started ?? 0, $1.run.startedFraction ?? 0
            )
        }
    }

    /// Whether the file at a path is there, and not as the version has it that the working copy stands on.
    ///
    /// One that the version does not have is not changed, nor is a directory.
    package func isChanged(_ path: RepositoryPath) throws(RepositoryError) -> Bool {
        guard !copy.isBare, try status(of: path)?.kind == .file else { return false }
        let (_, base) = try base()
        guard let entry = try reading({ () throws(ReadError) in try tree(base).entry(at: path) }),
            entry.mode != .directory
        else { return false }
        return try !changes(look(at: [path])).isEmpty
    }

    /// The digest of a file on disk.
    package func digest(of place: FilePath) throws(RepositoryError) -> ObjectID {
        try filing { () throws(FileError) in try Snapshot.digest(of: place, environment.files) }
    }

    /// Who has the bytes of a file: a version at this path, any version, or a run.
    package func whereabouts(
        of id: ObjectID, near path: RepositoryPath?
    ) throws(RepositoryError) -> Whereabouts? {
        guard store.find(ObjectReference(.blob, id)) != nil else { return nil }
        var found: (commit: ObjectID, path: RepositoryPath)?
        let source = knownCommits.source(store)
        defer { knownCommits.add(source.missed) }
        try reading { () throws(ReadError) in
            var walk = CommitWalk(from: try tips(), of: source)
            while let next = try walk.next(), found?.path != path || found == nil {
                if wasCollected(next.tree) { continue }
                var before = DirectoryTree.emptyRoot
                for parent in next.parents.prefix(1) {
                    let tree = try walk.commit(parent).tree
                    if !wasCollected(tree) { before = tree }
                }
                try DirectoryTree(root: before, reader: store).changes(
                    to: DirectoryTree(root: next.tree, reader: store)
                ) { place, _, after in
                    guard after?.id == id, after?.mode != .directory else { return }
                    if found == nil || place == path { found = (next.id, place) }
                }
            }
        }
        if let found, found.path == path || path == nil { return .version(found.commit, found.path) }
        var other: Whereabouts?
        for making in try makings().reversed() {
            for (place, entry) in try files(of: making.run.outputs) where entry.id == id {
                if place == path { return .run(making, place, entry) }
                other = other ?? .run(making, place, entry)
            }
        }
        return found.map { .version($0.commit, $0.path) } ?? other
    }

    /// Whether a run read a file with these bytes as its code.
    package func isCode(_ id: ObjectID) throws(RepositoryError) -> Bool {
        for making in try makings().reversed() {
            guard let code = making.run.code else { continue }
            if let sources = code.sources, try files(of: sources).contains(where: { $0.entry.id == id }) {
                return true
            }
            if let list = code.files, try DigestList.digests(text(list)).values.contains(id) { return true }
        }
        return false
    }

    private func tips() throws(ReadError) -> [ObjectID] {
        var tips: [ObjectID] = []
        for entry in try store.refs.leaves() where entry.target.kind == .commit {
            let isNamed = ["branches", "tags"].contains { entry.name.name(in: $0) != nil }
            if isNamed { tips.append(entry.target.id) }
        }
        return tips
    }
}
