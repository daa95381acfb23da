/// A directory of a version, with everything beneath it.
package struct DirectoryTree: Sendable {
    package let root: ObjectID
    package let reader: any ObjectReader

    /// What the entry of this directory says of it.
    private let claim: (files: Int, bytes: Int)?

    package init(root: ObjectID, reader: any ObjectReader) {
        self.init(root: root, reader: reader, claim: nil)
    }

    private init(root: ObjectID, reader: any ObjectReader, claim: (files: Int, bytes: Int)?) {
        self.root = root
        self.reader = reader
        self.claim = claim
    }

    /// The most files of a version that are walked over: some bytes can say that there are any number.
    package static let fileLimit = 1 << 28
    /// The most empty directories of a version that are walked over; nothing counts them before.
    package static let emptyDirectoryLimit = 1 << 20

    /// The id of the empty directory.
    package static var emptyRoot: ObjectID { MerkleTree<TreeEntry>.emptyRoot }

    package var entries: MerkleTree<TreeEntry> { MerkleTree(root: root, reader: reader, claim: claim) }

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

    /// What lies right below the root, in order of names.
    package func topEntries() throws(ReadError) -> [(path: RepositoryPath, entry: TreeEntry)] {
        var found: [(path: RepositoryPath, entry: TreeEntry)] = []
        try entries.forEachLeaf { (entry) throws(ReadError) in
            found.append((try joined(.root, entry), entry))
        }
        return found
    }

    /// All files and links beneath, in order of a walk that sorts each directory's names; empty directories too.
    package func forEachFile(
        under prefix: RepositoryPath = .root, _ body: (RepositoryPath, TreeEntry) throws(ReadError) -> Void
    ) throws(ReadError) {
        try requireSize()
        var empty = 0
        try visit(prefix, &empty, body)
    }

    private func visit(
        _ prefix: RepositoryPath, _ empty: inout Int,
        _ body: (RepositoryPath, TreeEntry) throws(ReadError) -> Void
    ) throws(ReadError) {
        try entries.forEachLeaf { (entry) throws(ReadError) in
            let path = try joined(prefix, entry)
            if let below = subtree(entry) { return try below.visit(path, &empty, body) }
            if entry.mode == .directory { try count(&empty) }
            try body(path, entry)
        }
    }

    /// Makes sure that walking over all files comes to an end.
    private func requireSize() throws(ReadError) {
        let files = try entries.summary().files
        guard files <= Self.fileLimit else {
            throw .damaged(
                ObjectReference(.tree, root),
                problem: "it says that it holds \(files) files, more than \(Self.fileLimit)")
        }
    }

    private func count(_ empty: inout Int) throws(ReadError) {
        empty += 1
        guard empty <= Self.emptyDirectoryLimit else {
            throw .damaged(
                ObjectReference(.tree, root),
                problem: "it holds more than \(Self.emptyDirectoryLimit) empty directories")
        }
    }

    /// Which of its own entries are not those of another directory; one that is a directory itself is not looked into.
    ///
    /// Here, where the compiler knows what a directory is made of: called from another module, the map's own comparison takes
    /// several times as long.
    /// - Parameter limit: Whoever wants no more than so many gets one more, if there are any.
    package func entryChanges(
        to other: DirectoryTree, limit: Int
    ) throws(ReadError) -> [MerkleChange<TreeEntry>] {
        try entries.changes(to: other.entries, limit: limit)
    }

    /// What differs from another version, file by file (an empty directory counts as a file).
    package func changes(
        to other: DirectoryTree, under prefix: RepositoryPath = .root,
        _ body: (RepositoryPath, _ before: TreeEntry?, _ after: TreeEntry?) throws(ReadError) -> Void
    ) throws(ReadError) {
        try requireSize()
        try other.requireSize()
        var empty = 0
        try compare(other, prefix, &empty, body)
    }

    private func compare(
        _ other: DirectoryTree, _ prefix: RepositoryPath, _ empty: inout Int,
        _ body: (RepositoryPath, _ before: TreeEntry?, _ after: TreeEntry?) throws(ReadError) -> Void
    ) throws(ReadError) {
        for change in try entries.changes(to: other.entries) {
            guard let entry = change.after ?? change.before else { continue }
            let path = try joined(prefix, entry)
            let (before, after) = (change.before.flatMap(subtree), change.after.flatMap(other.subtree))
            if before == nil, after == nil {
                if entry.mode == .directory { try count(&empty) }
                try body(path, change.before, change.after)
                continue
            }
            if let file = change.before, before == nil { try body(path, file, nil) }
            try (before ?? emptyTree).compare(after ?? emptyTree, path, &empty, body)
            if let file = change.after, after == nil { try body(path, nil, file) }
        }
    }

    /// All files and links beneath that another version has otherwise, or not at all; what only that one has is passed over.
    ///
    /// What both have alike is not read, nor is all of a directory of which this has little.
    package func forEachFile(
        notIn other: DirectoryTree, under prefix: RepositoryPath = .root,
        _ body: (RepositoryPath, TreeEntry) throws(ReadError) -> Void
    ) throws(ReadError) {
        try requireSize()
        if root == other.root { return }
        let isSmall = try entries.summary().entries < other.entries.summary().entries / 8
        if isSmall {
            try entries.forEachLeaf { (entry) throws(ReadError) in
                try visit(entry, other.entries.lookup(entry.name.bytes), of: other, prefix, body)
            }
            return
        }
        for change in try entries.changes(to: other.entries) {
            guard let entry = change.before else { continue }
            try visit(entry, change.after, of: other, prefix, body)
        }
    }

    private func visit(
        _ entry: TreeEntry, _ found: TreeEntry?, of other: DirectoryTree, _ prefix: RepositoryPath,
        _ body: (RepositoryPath, TreeEntry) throws(ReadError) -> Void
    ) throws(ReadError) {
        let path = try joined(prefix, entry)
        if let below = subtree(entry) {
            let there = found.flatMap(other.subtree)
            return try below.forEachFile(notIn: there ?? emptyTree, under: path, body)
        }
        if entry.mode != .directory, found?.id != entry.id || found?.mode != entry.mode {
            try body(path, entry)
        }
    }

    /// The directory with everything in it that an entry stands for, unless there is nothing in it.
    private func subtree(_ entry: TreeEntry) -> DirectoryTree? {
        entry.mode == .directory && entry.id != Self.emptyRoot
            ? DirectoryTree(root: entry.id, reader: reader, claim: (entry.files, entry.size)) : nil
    }

    private var emptyTree: DirectoryTree { DirectoryTree(root: Self.emptyRoot, reader: reader) }

    private func joined(_ prefix: RepositoryPath, _ entry: TreeEntry) throws(ReadError) -> RepositoryPath {
        do throws(InvalidName) { return try prefix.appending(entry.name) } catch {
            throw .damaged(ObjectReference(.tree, root), problem: "\(error)")
        }
    }
}
