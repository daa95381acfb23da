/// A directory of a version, with everything beneath it.
package struct DirectoryTree: Sendable {
    package let root: ObjectID
    package let reader: any ObjectReader

    package init(root: ObjectID, reader: any ObjectReader) {
        self.root = root
        self.reader = reader
    }

    /// The id of the empty directory.
    package static var emptyRoot: ObjectID { MerkleTree<TreeEntry>.emptyRoot }

    package var entries: MerkleTree<TreeEntry> { MerkleTree(root: root, reader: reader) }

    /// The entry at a path below the root; nothing if it is not there.
    package func entry(at path: RepositoryPath) throws(ReadError) -> TreeEntry? {
        var directory = self
        var found: TreeEntry?
        for name in path.names {
            if let found {
                guard found.mode == .directory else { return nil }
                directory = DirectoryTree(root: found.id, reader: reader)
            }
            guard let next = try directory.entries.lookup(name.bytes) else { return nil }
            found = next
        }
        return found
    }

    /// All files and links beneath, in order of a walk that sorts each directory's names; empty directories too.
    package func forEachFile(
        under prefix: RepositoryPath = .root, _ body: (RepositoryPath, TreeEntry) throws(ReadError) -> Void
    ) throws(ReadError) {
        try entries.forEachLeaf { (entry) throws(ReadError) in
            let path = try joined(prefix, entry)
            if entry.mode == .directory, entry.id != Self.emptyRoot {
                try DirectoryTree(root: entry.id, reader: reader).forEachFile(under: path, body)
            } else {
                try body(path, entry)
            }
        }
    }

    /// What differs from another version, file by file (an empty directory counts as a file).
    package func changes(
        to other: DirectoryTree, under prefix: RepositoryPath = .root,
        _ body: (RepositoryPath, _ before: TreeEntry?, _ after: TreeEntry?) throws(ReadError) -> Void
    ) throws(ReadError) {
        for change in try entries.changes(to: other.entries) {
            guard let entry = change.after ?? change.before else { continue }
            let path = try joined(prefix, entry)
            let (before, after) = (change.before.flatMap(subtree), change.after.flatMap(other.subtree))
            if before == nil, after == nil {
                try body(path, change.before, change.after)
                continue
            }
            if let file = change.before, before == nil { try body(path, file, nil) }
            try (before ?? emptyTree).changes(to: after ?? emptyTree, under: path, body)
            if let file = change.after, after == nil { try body(path, nil, file) }
        }
    }

    /// The directory with everything in it that an entry stands for, unless there is nothing in it.
    private func subtree(_ entry: TreeEntry) -> DirectoryTree? {
        entry.mode == .directory && entry.id != Self.emptyRoot
            ? DirectoryTree(root: entry.id, reader: reader) : nil
    }

    private var emptyTree: DirectoryTree { DirectoryTree(root: Self.emptyRoot, reader: reader) }

    private func joined(_ prefix: RepositoryPath, _ entry: TreeEntry) throws(ReadError) -> RepositoryPath {
        do throws(InvalidName) { return try prefix.appending(entry.name) } catch {
            throw .damaged(ObjectReference(.tree, root), problem: "\(error)")
        }
    }
}
