package import ObjectModel
internal import Storage

/// What a file or directory of a version takes.
package struct PathUsage: Sendable {
    package let path: RepositoryPath
    package let files: Int
    /// Of the files, each counted wherever it is.
    package let rawBytes: Int
    /// Of the store, equal contents once.
    package let storedBytes: Int
    /// What would be free if no version had the path: nothing elsewhere shares it.
    package let onlyHereBytes: Int
}

extension Repository {
    /// What paths of a version take of the store.
    ///
    /// Reads the metadata of all versions, once for each path.
    /// - Parameter paths: Empty for everything in the top directory.
    package func usage(_ paths: [RepositoryPath], at id: ObjectID) throws(RepositoryError) -> [PathUsage] {
        let commit = try reading { () throws(ReadError) in try store.commit(id) }
        try requireTree(id, commit)
        var asked = paths
        if paths.isEmpty {
            let top = try reading { () throws(ReadError) in try tree(commit).entries.leaves() }
            for entry in top {
                asked.append(try naming { () throws(InvalidName) in try RepositoryPath([entry.name]) })
            }
        }
        let versions = try otherVersions(than: id)
        var usages: [PathUsage] = []
        for path in asked { usages.append(try usage(of: path, commit, versions)) }
        return usages
    }

    private func usage(
        of path: RepositoryPath, _ commit: Commit, _ versions: [ObjectReference]
    ) throws(RepositoryError) -> PathUsage {
        let version = tree(commit)
        let entry = path.isRoot ? nil : try reading { () throws(ReadError) in try version.entry(at: path) }
        guard path.isRoot || entry != nil else { throw .noPath("\(path)") }
        let root = entry?.reference ?? ObjectReference(.tree, commit.tree)
        let beside = try siblings(of: path, in: version)
        let usage = try reading { () throws(ReadError) in
            try StoreUsage(of: [root], apartFrom: versions + beside, in: store)
        }
        var (files, bytes) = (entry?.files ?? 0, entry?.size ?? 0)
        if path.isRoot {
            for entry in try reading({ () throws(ReadError) in try version.entries.leaves() }) {
                files += entry.files
                bytes += entry.size
            }
        }
        return PathUsage(
            path: path, files: files, rawBytes: bytes, storedBytes: usage.storedBytes,
            onlyHereBytes: usage.ownBytes)
    }

    /// The files of all versions but one.
    private func otherVersions(than id: ObjectID) throws(RepositoryError) -> [ObjectReference] {
        let refs = try reading { () throws(ReadError) in try store.refs.leaves() }.map(\.target)
        var trees: Set<ObjectReference> = []
        try history(of: refs.filter { $0.kind == .commit }.map(\.id) + [id]) { other, commit in
            if other != id { trees.insert(ObjectReference(.tree, commit.tree)) }
            return true
        }
        return Array(trees)
    }

    /// Everything in a version that is not at a path: what lies beside it and beside each directory above it.
    private func siblings(of path: RepositoryPath, in version: DirectoryTree) throws(RepositoryError)
        -> [ObjectReference]
    {
        var (found, directory): ([ObjectReference], DirectoryTree) = ([], version)
        // After the last name nothing is read any more: it may be a file.
        for name in path.names {
            var next: ObjectID?
            for entry in try reading({ () throws(ReadError) in try directory.entries.leaves() }) {
                if entry.name == name { next = entry.id } else { found.append(entry.reference) }
            }
            directory = DirectoryTree(root: next ?? DirectoryTree.emptyRoot, reader: store)
        }
        return found
    }
}
