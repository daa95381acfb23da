internal import ObjectModel

/// The files of a version on their way into a ``StatTable``.
enum StatTableBuilder {
    /// A directory that is being put together.
    final class Directory {
        /// In order of names.
        private(set) var entries: [StatCacheEntry] = []
        private(set) var children: [[UInt8]: Directory] = [:]

        init() {}

        /// All of a cache.
        convenience init(_ directory: StatDirectory) {
            self.init()
            load(directory, depth: 0)
        }

        private func load(_ directory: StatDirectory, depth: Int) {
            entries.reserveCapacity(directory.block?.count ?? 0)
            directory.forEachEntry { entry, below in
                var entry = entry
                // Its names may become others than those on disk.
                if entry.mode == .directory { entry.seen = nil }
                entries.append(entry)
                // A damaged cache may refer in circles; no path is deeper than this.
                guard entry.mode == .directory, depth < RepositoryPath.byteLimit / 2 else { return }
                let child = Directory()
                child.load(below(), depth: depth + 1)
                children[entry.name] = child
            }
            // What the table has comes in order, what has changed behind it.
            if directory.changes?.entries.isEmpty == false { sort() }
        }

        /// All files of a version, none of them seen on disk.
        convenience init(_ tree: DirectoryTree) throws(ReadError) { try self.init(tree, depth: 1) }

        private convenience init(_ tree: DirectoryTree, depth: Int) throws(ReadError) {
            guard depth <= Self.depthLimit else {
                throw .damaged(
                    ObjectReference(.tree, tree.root),
                    problem: "it lies deeper than \(Self.depthLimit) directories")
            }
            self.init()
            try tree.entries.forEachLeaf { (entry) throws(ReadError) in
                entries.append(StatCacheEntry(entry, seen: nil))
                guard entry.mode == .directory else { return }
                // Leaves of a tree come in order of names.
                children[entry.name.bytes] = try Directory(
                    DirectoryTree(root: entry.id, reader: tree.reader), depth: depth + 1)
            }
        }

        /// The most directories within each other, the root included.
        private static let depthLimit = 2048

        private func sort() { entries.sort { $0.name.lexicographicallyPrecedes($1.name) } }

        /// Puts an entry at a path, or takes away what is there; directories come and go with what is in them.
        func set(_ names: ArraySlice<EntryName>, _ entry: StatCacheEntry?) {
            guard let name = names.first?.bytes else { return }
            if names.count == 1 {
                children[name] = entry?.mode == .directory ? Directory() : nil
                return replace(name, entry)
            }
            // Nothing is beneath a file, so there is nothing to take away.
            if entry == nil, children[name] == nil { return }
            let child = children[name] ?? Directory()
            child.set(names.dropFirst(), entry)
            if child.entries.isEmpty {
                children[name] = nil
                replace(name, nil)
            } else if children[name] == nil {
                children[name] = child
                replace(name, .directory(name))
            }
        }

        private func replace(_ name: [UInt8], _ entry: StatCacheEntry?) {
            var (low, high) = (0, entries.count)
            while low < high {
                let middle = (low + high) / 2
                if entries[middle].name.lexicographicallyPrecedes(name) {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            if low < entries.count, entries[low].name == name {
                if let entry { entries[low] = entry } else { entries.remove(at: low) }
            } else if let entry {
                entries.insert(entry, at: low)
            }
        }
    }
}

extension StatCacheEntry {
    /// A directory's entry: it is known by what is in it, so its id is not looked at.
    static func directory(_ name: [UInt8]) -> StatCacheEntry {
        StatCacheEntry(name: name, mode: .directory, id: DirectoryTree.emptyRoot, size: 0, seen: nil)
    }
}
