internal import FileIO
package import Lineage
package import ObjectModel
internal import Storage
internal import WorkingTree

extension Repository {
    /// What was made from some files.
    package func impact(of files: Set<ObjectID>) throws(RepositoryError) -> Impact {
        var tips: [(ref: String, commit: ObjectID)] = []
        for group in ["branches", "tags", "remotes"] {
            for (name, target) in try refs(in: group) where target.kind == .commit {
                tips.append((name, target.id))
            }
        }
        let source = knownCommits.source(store)
        defer { knownCommits.add(source.missed) }
        let store = store
        var lists: [ObjectID: Set<ObjectID>] = [:]
        let walk = ImpactWalk(
            source, runs: try makings(), tips: tips,
            external: { (run) throws(ReadError) in
                var found: Set<ObjectID> = []
                for list in [run.external?.list, run.code?.files].compactMap({ $0 }) {
                    if let known = lists[list] {
                        found.formUnion(known)
                        continue
                    }
                    var bytes: [UInt8] = []
                    do throws(WorkingTreeError) {
                        try BlobStream(store: store, id: list).forEachPiece { bytes += $0 }
                    } catch {
                        guard case .object(let failure) = error else { continue }
                        throw failure
                    }
                    let digests = Set(DigestList.digests(bytes).values)
                    // Runs of the same code have the same list.
                    lists[list] = digests
                    found.formUnion(digests)
                }
                return found
            }, isCollected: wasCollected)
        return try reading { () throws(ReadError) in try walk.impact(of: files) }
    }

    /// The files, but for empty ones, that are at a path of a version.
    package func files(
        at path: RepositoryPath, of id: ObjectID
    ) throws(RepositoryError) -> [(path: RepositoryPath, entry: TreeEntry)] {
        try entries(at: [path], of: id).filter { $0.entry.size > 0 }.map { ($0.path, $0.entry) }
    }

    /// The files that lie at and below a path, by their bytes, but for empty ones.
    package func filesOnDisk(
        below path: RepositoryPath
    ) throws(RepositoryError) -> [(path: RepositoryPath, id: ObjectID, size: Int)] {
        var found: [(path: RepositoryPath, id: ObjectID, size: Int)] = []
        for (path, status) in try files(below: path) where status.kind == .file && status.size > 0 {
            found.append((path, try digest(of: copy.root.appending(path.bytes)), status.size))
        }
        return found
    }

    /// The files that a commit brought, but for empty ones: those that its parents have otherwise, or not at all.
    package func filesBrought(by id: ObjectID) throws(RepositoryError) -> [(
        path: RepositoryPath, entry: TreeEntry
    )] {
        let commit = try reading { () throws(ReadError) in try store.commit(id) }
        try requireTree(id, commit)
        return try changes(of: commit).compactMap { change in
            change.after.flatMap { $0.size > 0 && $0.mode != .directory ? (change.path, $0) : nil }
        }
    }

    /// The kind of an object that an id names, if the store has it: a file or a directory.
    package func contains(_ kind: ObjectKind, _ id: ObjectID) -> Bool {
        store.find(ObjectReference(kind, id)) != nil
    }
}
