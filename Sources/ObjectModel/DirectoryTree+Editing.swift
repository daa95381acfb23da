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

/// Edits in order of ``DirectoryTree/walkOrder(_:_:)``, each path once; they need not be in memory all at once.
package protocol PathEdits: RandomAccessCollection where Element == PathEdit, Index == Int {
    func keeping(_ isKept: (PathEdit) -> Bool) -> Self
}

extension Array: PathEdits where Element == PathEdit {
    package func keeping(_ isKept: (PathEdit) -> Bool) -> [PathEdit] { filter(isKept) }
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
    package func editing<Edits: PathEdits, Failure: Error>(
        _ edits: Edits, store: (ObjectID, [UInt8]) throws(Failure) -> Void
    ) throws(EditError<Failure>) -> BuiltDirectory {
        try edit(root, edits, edits.startIndex..<edits.endIndex, from: 0, store)
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

    /// - Parameters:
    ///   - range: The edits of this directory.
    ///   - start: Where in the paths the names of this directory begin; what is before is the same in all.
    private func edit<Edits: PathEdits, Failure: Error>(
        _ root: ObjectID, _ edits: Edits, _ range: Range<Int>, from start: Int,
        _ store: (ObjectID, [UInt8]) throws(Failure) -> Void
    ) throws(EditError<Failure>) -> BuiltDirectory {
        let tree = MerkleTree<TreeEntry>(root: root, reader: reader)
        let isNew = root == Self.emptyRoot
        var leaves: [MerkleElement<TreeEntry>] = []
        var changes: [MerkleEdit<TreeEntry>] = []
        var next = range.lowerBound
        while next < range.upperBound {
            let path = edits[next].path.bytes
            let end = path[start...].firstIndex(of: 0x2f) ?? path.count
            let group =
                next..<Self.end(of: path[start..<end], in: next..<range.upperBound) { edits[$0].path }
            let change = try change(
                EntryName(partOf: path[start..<end]), edits, group, endingAt: end, in: tree, store)
            if !isNew { changes.append(change) } else if let leaf = change.leaf { leaves.append(.leaf(leaf)) }
            next = group.upperBound
        }
        let built: BuiltTree<TreeEntry>
        if isNew {
            built = BuiltTree(elements: leaves)
            leaves = []
        } else {
            do throws(ReadError) { built = try tree.editing(changes) } catch { throw .reading(error) }
        }
        do throws(Failure) {
            for node in built.nodes { try store(node.id, node.payload) }
        } catch { throw .storing(error) }
        return BuiltDirectory(root: built.root, files: built.summary.files, bytes: built.summary.bytes)
    }

    /// Where the paths at one name and beneath it end.
    ///
    /// Few of them are looked at, since they may be made only then.
    /// - Parameters:
    ///   - name: A part of the first path.
    ///   - range: Not empty; begins with them. The paths are in order of ``walkOrder(_:_:)`` and all the same before the name.
    package static func end(
        of name: ArraySlice<UInt8>, in range: Range<Int>, path: (Int) -> RepositoryPath
    ) -> Int {
        func isAt(_ index: Int) -> Bool {
            let path = path(index).bytes
            let (start, end) = (name.startIndex, name.endIndex)
            return path.count >= end && (path.count == end || path[end] == 0x2f) && path[start..<end] == name
        }
        var (low, step) = (range.lowerBound, 1)
        while low + step < range.upperBound, isAt(low + step) {
            low += step
            step *= 2
        }
        // The path at `low` belongs to them, the one at `high` does not.
        var high = min(low + step, range.upperBound)
        while high - low > 1 {
            let middle = (low + high) / 2
            if isAt(middle) { low = middle } else { high = middle }
        }
        return high
    }

    /// What becomes of one name, from all edits at it and beneath it.
    ///
    /// - Parameter end: Where in the paths the name ends.
    private func change<Edits: PathEdits, Failure: Error>(
        _ name: EntryName, _ edits: Edits, _ group: Range<Int>, endingAt end: Int,
        in tree: MerkleTree<TreeEntry>, _ store: (ObjectID, [UInt8]) throws(Failure) -> Void
    ) throws(EditError<Failure>) -> MerkleEdit<TreeEntry> {
        var below = group
        var itself: TreeEntry??
        let first = edits[group.lowerBound]
        if first.path.bytes.count == end {
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
        let built = try edit(subtree, edits, below, from: end + 1, store)
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
