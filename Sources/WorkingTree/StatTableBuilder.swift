internal import ObjectModel

/// Makes a ``StatTable``: what is known of a version's files, after some edits, one directory after the other.
///
/// Only the directory that is being written is in memory beside the table.
struct StatTableBuilder<Edits: RandomAccessCollection>
where Edits.Element == StatCache.Edit, Edits.Index == Int {
    /// In order of ``DirectoryTree/walkOrder(_:_:)``, each path once.
    let edits: Edits

    /// What a directory held before the edits.
    enum Source {
        case nothing
        case cached(StatDirectory)
        /// Files of which none was seen.
        case tree(DirectoryTree)
    }

    /// A directory that is to be written.
    private struct Directory {
        let source: Source
        /// The edits beneath it.
        let range: Range<Int>
        /// Where in their paths the names of this directory begin.
        let start: Int
        /// The root's is 1.
        let depth: Int
    }

    private typealias Known = (entry: StatCacheEntry, below: Source)

    /// The most directories within each other, the root included.
    private static var depthLimit: Int { 2048 }

    /// - Parameter source: The root before the edits.
    func write(_ source: Source, into output: inout StatTable.Writer) throws(ReadError) {
        // Breadth first: a directory's number is known before its parent's entries are written.
        var queue = [Directory(source: source, range: 0..<edits.count, start: 0, depth: 1)]
        var next = 0
        while next < queue.count {
            let directory = queue[next]
            next += 1
            output.beginBlock()
            try forEachEntry(of: directory) { entry, below in
                var block = 0
                if let below {
                    block = queue.count
                    queue.append(below)
                }
                output.append(entry, block: block)
            }
            output.endBlock()
        }
        output.finish()
    }

    /// Hands out what a directory has after the edits, in order of names.
    private func forEachEntry(
        of directory: Directory, _ body: (StatCacheEntry, Directory?) -> Void
    ) throws(ReadError) {
        let known = try known(directory)
        var (old, next) = (0, directory.range.lowerBound)
        func keep(_ known: Known) {
            guard known.entry.mode == .directory else { return body(known.entry, nil) }
            body(known.entry, child(of: directory, known.below, 0..<0, named: known.entry.name))
        }
        while next < directory.range.upperBound {
            let group = group(at: next, of: directory)
            next = group.end
            while old < known.count, known[old].entry.name.lexicographicallyPrecedes(group.name) {
                keep(known[old])
                old += 1
            }
            var before: Known?
            if old < known.count, known[old].entry.name == group.name {
                before = known[old]
                old += 1
            }
            try apply(group, to: before, in: directory, body)
        }
        for known in known[old...] { keep(known) }
    }

    /// The edits at one name of a directory, and beneath it.
    private struct Group {
        let name: [UInt8]
        /// The edit at the name itself, if there is one.
        let itself: StatCache.Edit?
        let below: Range<Int>
        var end: Int { below.upperBound }
    }

    private func group(at first: Int, of directory: Directory) -> Group {
        let path = edits[first].path.bytes
        let end = path[directory.start...].firstIndex(of: 0x2f) ?? path.count
        let name = path[directory.start..<end]
        let last = DirectoryTree.end(of: name, in: first..<directory.range.upperBound) { edits[$0].path }
        let isItself = path.count == end
        return Group(
            name: Array(name), itself: isItself ? edits[first] : nil,
            below: first + (isItself ? 1 : 0)..<last)
    }

    private func apply(
        _ group: Group, to before: Known?, in directory: Directory,
        _ body: (StatCacheEntry, Directory?) -> Void
    ) throws(ReadError) {
        let isDirectory = before?.entry.mode == .directory
        let source = group.itself == nil && isDirectory ? before?.below ?? .nothing : .nothing
        let below = child(of: directory, source, group.below, named: group.name)
        if !group.below.isEmpty, try !isEmpty(below) {
            var entry = isDirectory ? before?.entry : nil
            // Its names become others than those on disk.
            entry?.seen = nil
            return body(entry ?? .directory(group.name), below)
        }
        if let itself = group.itself {
            guard let entry = itself.cached else { return }
            body(entry, entry.mode == .directory ? below : nil)
        } else if let before, !isDirectory {
            // Nothing is beneath a file, so there is nothing to take away.
            body(before.entry, nil)
        }
    }

    private func child(
        of directory: Directory, _ source: Source, _ range: Range<Int>, named name: [UInt8]
    ) -> Directory {
        Directory(
            source: source, range: range, start: directory.start + name.count + 1, depth: directory.depth + 1)
    }

    /// Whether nothing is in a directory after the edits.
    private func isEmpty(_ directory: Directory) throws(ReadError) -> Bool {
        guard directory.range.allSatisfy({ edits[$0].entry == nil }) else { return false }
        var isEmpty = true
        try forEachEntry(of: directory) { _, _ in isEmpty = false }
        return isEmpty
    }

    /// What a directory held, in order of names.
    private func known(_ directory: Directory) throws(ReadError) -> [Known] {
        var known: [Known] = []
        switch directory.source {
        case .nothing: break
        case .cached(let cached):
            known.reserveCapacity(cached.block?.count ?? 0)
            cached.forEachEntry { entry, below in
                var entry = entry
                // Its names may become others than those on disk.
                if entry.mode == .directory { entry.seen = nil }
                known.append((entry, entry.mode == .directory ? .cached(below()) : .nothing))
            }
            // What the table has comes in order, what has changed behind it.
            if cached.changes?.entries.isEmpty == false {
                known.sort { $0.entry.name.lexicographicallyPrecedes($1.entry.name) }
            }
        case .tree(let tree):
            guard directory.depth <= Self.depthLimit else {
                throw .damaged(
                    ObjectReference(.tree, tree.root),
                    problem: "it lies deeper than \(Self.depthLimit) directories")
            }
            try tree.entries.forEachLeaf { (entry) throws(ReadError) in
                let below = DirectoryTree(root: entry.id, reader: tree.reader)
                known.append(
                    (StatCacheEntry(entry, seen: nil), entry.mode == .directory ? .tree(below) : .nothing))
            }
        }
        return known
    }
}

extension StatCacheEntry {
    /// A directory's entry: it is known by what is in it, so its id is not looked at.
    static func directory(_ name: [UInt8]) -> StatCacheEntry {
        StatCacheEntry(name: name, mode: .directory, id: DirectoryTree.emptyRoot, size: 0, seen: nil)
    }
}
