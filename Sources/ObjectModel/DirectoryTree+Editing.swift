/// A change of a version's files: a new entry at a path, or none any more.
package struct PathEdit: Sendable {
    package let path: RepositoryPath
    package let entry: TreeEntry?

    /// - Parameter entry: Its name is the path's last one.
    package init(path: RepositoryPath, entry: TreeEntry?) {
        self.path = path
        self.entry = entry
    }
}

/// A directory that was made or edited.
package struct BuiltDirectory: Sendable {
    package let root: ObjectID
    package let files: Int
    package let bytes: Int
}

extension DirectoryTree {
    /// The directory after some changes; directories that become empty go, those that are needed come.
    ///
    /// - Parameters:
    ///   - edits: Paths below the root, in order of ``DirectoryTree/walkOrder(_:_:)``, each once. An entry that is a directory
    ///     replaces it as a whole, and nothing else may be said about paths beneath it.
    ///   - store: Takes every new node, children before parents.
    package func editing<Failure: Error>(
        _ edits: [PathEdit], store: (ObjectID, [UInt8]) throws(Failure) -> Void
    ) throws(EditError<Failure>) -> BuiltDirectory {
        try edit(root, edits[...], from: 0, store)
    }

    /// Why an edited directory could not be made.
    package enum EditError<Failure: Error>: Error {
        case reading(ReadError)
        case storing(Failure)
    }

    /// Order of a walk: by the names of each directory, so that all of a directory stands together.
    package static func walkOrder(_ a: RepositoryPath, _ b: RepositoryPath) -> Bool {
        let (a, b) = (a.bytes, b.bytes)
        for (x, y) in zip(a, b) where x != y {
            // A path's end and the separator come before every other byte.
            if x == 0x2f { return true }
            if y == 0x2f { return false }
            return x < y
        }
        return a.count < b.count
    }

    /// - Parameter start: Where in the paths the names of this directory begin; what is before is the same in all.
    private func edit<Failure: Error>(
        _ root: ObjectID, _ edits: ArraySlice<PathEdit>, from start: Int,
        _ store: (ObjectID, [UInt8]) throws(Failure) -> Void
    ) throws(EditError<Failure>) -> BuiltDirectory {
        let tree = MerkleTree<TreeEntry>(root: root, reader: reader)
        var changes: [MerkleEdit<TreeEntry>] = []
        var rest = edits
        while let first = rest.first {
            let path = first.path.bytes
            let end = path[start...].firstIndex(of: 0x2f) ?? path.count
            let group = rest.prefix { edit in
                let other = edit.path.bytes
                return other.count >= end && (other.count == end || other[end] == 0x2f)
                    && other[start..<end] == path[start..<end]
            }
            rest = rest[group.endIndex...]
            changes.append(
                try change(EntryName(partOf: path[start..<end]), group, endingAt: end, in: tree, store))
        }
        let built: BuiltTree<TreeEntry>
        do throws(ReadError) { built = try tree.editing(changes) } catch { throw .reading(error) }
        do throws(Failure) {
            for node in built.nodes { try store(node.id, node.payload) }
        } catch { throw .storing(error) }
        return BuiltDirectory(root: built.root, files: built.summary.files, bytes: built.summary.bytes)
    }

    /// What becomes of one name, from all edits at it and beneath it.
    ///
    /// - Parameter end: Where in the paths the name ends.
    private func change<Failure: Error>(
        _ name: EntryName, _ group: ArraySlice<PathEdit>, endingAt end: Int, in tree: MerkleTree<TreeEntry>,
        _ store: (ObjectID, [UInt8]) throws(Failure) -> Void
    ) throws(EditError<Failure>) -> MerkleEdit<TreeEntry> {
        var below = group
        var itself: TreeEntry??
        if let first = group.first, first.path.bytes.count == end {
            itself = .some(first.entry)
            below = group.dropFirst()
        }
        if below.isEmpty {
            if let entry = itself ?? nil { return MerkleEdit(setting: entry) }
            return MerkleEdit(removing: name.bytes)
        }
        var subtree = Self.emptyRoot
        do throws(ReadError) {
            if itself == nil, let old = try tree.lookup(name.bytes), old.mode == .directory {
                subtree = old.id
            }
        } catch { throw .reading(error) }
        let built = try edit(subtree, below, from: end + 1, store)
        if built.root == Self.emptyRoot {
            // Nothing is left beneath: what was asked for takes the name, if anything was.
            if let entry = itself ?? nil { return MerkleEdit(setting: entry) }
            return MerkleEdit(removing: name.bytes)
        }
        return MerkleEdit(
            setting: TreeEntry(
                name: name, mode: .directory, id: built.root, size: built.bytes, files: built.files))
    }
}
