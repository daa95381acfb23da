package import ObjectModel

extension StatCacheBuilder.Directory {
    /// All of a cache, to be edited.
    package convenience init(_ cache: StatCache) {
        self.init()
        if let block = cache.block(0) { load(block, cache, depth: 0) }
    }

    private func load(_ block: StatCache.Block, _ cache: StatCache, depth: Int) {
        entries.reserveCapacity(block.count)
        for index in 0..<block.count {
            guard let entry = block.entry(index) else { continue }
            entries.append(entry)
            // A damaged cache may refer in circles; no path is deeper than this.
            guard entry.mode == .directory, depth < RepositoryPath.byteLimit / 2 else { continue }
            let child = StatCacheBuilder.Directory()
            if let block = cache.block(entry.block) { child.load(block, cache, depth: depth + 1) }
            children[entry.name] = child
        }
    }

    /// All files of a version, none of them seen on disk.
    package convenience init(_ tree: DirectoryTree) throws(ReadError) {
        self.init()
        try tree.entries.forEachLeaf { (entry) throws(ReadError) in
            entries.append(
                StatCacheEntry(
                    name: entry.name.bytes, mode: entry.mode, id: entry.id, size: entry.size, seen: nil,
                    block: 0))
            guard entry.mode == .directory else { return }
            children[entry.name.bytes] = try StatCacheBuilder.Directory(
                DirectoryTree(root: entry.id, reader: tree.reader))
        }
    }

    /// Puts an entry at a path, or takes away what is there; directories come and go with what is in them.
    package func set(_ path: RepositoryPath, _ entry: TreeEntry?, seen: StatCacheEntry.Seen?) {
        set(
            path.names[...],
            entry.map {
                StatCacheEntry(
                    name: $0.name.bytes, mode: $0.mode, id: $0.id, size: $0.size, seen: seen, block: 0)
            })
    }

    private func set(_ names: ArraySlice<EntryName>, _ entry: StatCacheEntry?) {
        guard let name = names.first?.bytes else { return }
        if names.count == 1 {
            children[name] = entry?.mode == .directory ? StatCacheBuilder.Directory() : nil
            return replace(name, entry)
        }
        // Nothing is beneath a file, so there is nothing to take away.
        if entry == nil, children[name] == nil { return }
        let child = children[name] ?? StatCacheBuilder.Directory()
        child.set(names.dropFirst(), entry)
        if child.entries.isEmpty {
            children[name] = nil
            replace(name, nil)
        } else if children[name] == nil {
            children[name] = child
            replace(
                name,
                StatCacheEntry(name: name, mode: .directory, id: Self.noID, size: 0, seen: nil, block: 0))
        }
    }

    // Directories are known by their block; their id is not looked at.
    private static let noID = DirectoryTree.emptyRoot

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
