package import FileIO
package import ObjectModel

/// The files of a version with the status that they were last seen with, so that an unchanged file is not read again.
///
/// Derived: whoever loses it makes it anew. It is a table, which is rarely written, and the changes since.
package struct StatCache: Sendable {
    /// The commit whose files these are; nothing before the first.
    package let base: ObjectID?
    private let table: StatTable
    private let changes: StatChanges
    /// Whether the table is new and not in a file yet.
    package let isNew: Bool

    private init(base: ObjectID?, table: StatTable, changes: StatChanges, isNew: Bool) {
        self.base = base
        self.table = table
        self.changes = changes
        self.isNew = isNew
    }

    /// A cache as it lies in two files.
    ///
    /// - Parameter changes: Left aside if it is of another table, or damaged.
    /// - Returns: Nothing if the table is not one of this version.
    package init?(table file: MappedFile, changes: MappedFile?) {
        guard let table = StatTable(file) else { return nil }
        if let (changes, base) = changes.flatMap({ StatChanges.read($0, of: table) }) {
            self.init(base: base, table: table, changes: changes, isNew: false)
        } else {
            self.init(base: table.base, table: table, changes: StatChanges(), isNew: false)
        }
    }

    /// The files of a version, none of them seen on disk.
    ///
    /// - Parameter identity: 16 random bytes.
    package init(_ tree: DirectoryTree, base: ObjectID?, identity: [UInt8]) throws(ReadError) {
        try self.init([Edit](), on: .tree(tree), base: base, identity: identity)
    }

    /// - Parameter edits: As ``StatTableBuilder`` wants them.
    private init<Edits: RandomAccessCollection>(
        _ edits: Edits, on source: StatTableBuilder<Edits>.Source, base: ObjectID?, identity: [UInt8]
    ) throws(ReadError) where Edits.Element == Edit, Edits.Index == Int {
        var bytes: [UInt8] = []
        var writer = StatTable.Writer(base: base, identity: identity) { bytes += $0 }
        try StatTableBuilder(edits: edits).write(source, into: &writer)
        guard let table = StatTable(MappedFile(holding: bytes)) else {
            preconditionFailure("what was just written can be read")
        }
        self.init(base: base, table: table, changes: StatChanges(), isNew: true)
    }

    /// The top directory.
    package var root: StatDirectory { StatDirectory(block: table.block(0), changes: changes.root) }

    /// The same, knowing when the names of some directories were seen to be those of the table.
    ///
    /// What does not pay is left: noting one directory costs as much as noting all.
    package func noting(_ directories: [StatDirectory.Sighting]) -> StatCache {
        guard directories.count >= Self.fewDirectories, directories.count >= table.blockCount / 8,
            let noted = table.noting(directories)
        else { return self }
        return StatCache(base: base, table: noted, changes: changes, isNew: true)
    }

    /// So few directories are listed each time.
    private static let fewDirectories = 16

    /// When a file was seen to be the version's; nothing if it was not, or is none of it.
    package func seen(_ path: RepositoryPath) -> StatCacheEntry.Seen? {
        guard let entry = entry(at: path), entry.mode != .directory else { return nil }
        return entry.seen
    }

    /// Whether the version has a file or link at a path.
    package func has(_ path: RepositoryPath) -> Bool {
        entry(at: path).map { $0.mode != .directory } ?? false
    }

    /// Whether the version has a directory at a path in which nothing is.
    package func hasEmptyDirectory(_ path: RepositoryPath) -> Bool {
        guard entry(at: path)?.mode == .directory else { return false }
        var isEmpty = true
        path.names.reduce(root) { $0.directory($1.bytes) }.forEachEntry { _, _ in isEmpty = false }
        return isEmpty
    }

    /// What the version's file or link at a path is.
    package func id(of path: RepositoryPath) -> ObjectID? {
        entry(at: path).flatMap { $0.mode == .directory ? nil : $0.id }
    }

    /// What the version has at a path, if a file that is as it was then is known to be that.
    package func entry(of path: RepositoryPath, asIn status: FileStatus) -> TreeEntry? {
        guard let found = entry(at: path), found.isUnchanged(status),
            let name = path.split?.name
        else { return nil }
        return TreeEntry(name: name, mode: found.mode, id: found.id, size: found.size)
    }

    /// What the version has at a path.
    func entry(at path: RepositoryPath) -> StatCacheEntry? {
        var directory = root
        for name in path.names.dropLast() { directory = directory.directory(name.bytes) }
        return path.names.last.flatMap { directory.entry($0.bytes) }
    }

    // MARK: Editing

    /// What becomes of one path.
    package struct Edit: Sendable {
        package let path: RepositoryPath
        /// Nothing if it is gone.
        package let entry: TreeEntry?
        /// The status that the file was seen with while it had this content.
        package let seen: StatCacheEntry.Seen?

        package init(path: RepositoryPath, entry: TreeEntry?, seen: StatCacheEntry.Seen?) {
            self.path = path
            self.entry = entry
            self.seen = seen
        }

        var cached: StatCacheEntry? { entry.map { StatCacheEntry($0, seen: seen) } }
    }

    /// More changes than this make a new table.
    private var changeLimit: Int { 64 + table.entryCount / 32 }

    /// Whether so many more changes make a new table.
    package func isFull(with count: Int) -> Bool { changes.count + count > changeLimit }

    /// The cache after some changes.
    ///
    /// - Parameters:
    ///   - edits: Of several at one path the last one counts.
    ///   - identity: 16 random bytes, the name of a new table.
    package func applying<Edits: RandomAccessCollection>(
        _ edits: Edits, base: ObjectID?, identity: [UInt8]
    ) -> StatCache where Edits.Element == Edit, Edits.Index == Int {
        guard !isFull(with: edits.count) else {
            do throws(ReadError) {
                return try StatCache(Self.sorted(edits), on: .cached(root), base: base, identity: identity)
            } catch {
                preconditionFailure("no object is read")
            }
        }
        var changes = changes
        let block = table.block(0)
        for edit in Self.inOrder(edits) { changes.set(edit.path.names[...], edit.cached, over: block) }
        return StatCache(base: base, table: table, changes: changes, isNew: isNew)
    }

    /// Makes a new table of the cache and some changes, without holding it.
    ///
    /// - Parameters:
    ///   - edits: Best in order of ``DirectoryTree/walkOrder(_:_:)``, each path once; else they are copied.
    ///   - identity: 16 random bytes, the table's name.
    ///   - sink: Takes the bytes, piece by piece.
    /// - Returns: The bytes that say that nothing has changed since.
    package func writeTable<Edits: RandomAccessCollection>(
        after edits: Edits, base: ObjectID?, identity: [UInt8], to sink: @escaping ([UInt8]) -> Void
    ) -> [UInt8] where Edits.Element == Edit, Edits.Index == Int {
        var writer = StatTable.Writer(base: base, identity: identity, sink: sink)
        let isInOrder = edits.indices.dropFirst().allSatisfy {
            DirectoryTree.walkOrder(edits[$0 - 1].path, edits[$0].path)
        }
        do throws(ReadError) {
            if isInOrder {
                try StatTableBuilder(edits: edits).write(.cached(root), into: &writer)
            } else {
                try StatTableBuilder(edits: Self.sorted(edits)).write(.cached(root), into: &writer)
            }
        } catch {
            preconditionFailure("no object is read")
        }
        return StatChanges().bytes(of: identity, base: base)
    }

    /// In order of a walk; of several edits of one path the last one.
    private static func sorted(_ edits: some RandomAccessCollection<Edit>) -> [Edit] {
        var sorted: [Edit] = []
        for edit in edits.sorted(by: { DirectoryTree.walkOrder($0.path, $1.path) }) {
            if sorted.last?.path == edit.path { sorted.removeLast() }
            sorted.append(edit)
        }
        return sorted
    }

    /// What goes, then empty directories that come, then files.
    ///
    /// A directory would go again with the last file that was in it; and what is in a directory would go with that, where it was
    /// empty before and is called gone behind them.
    private static func inOrder(_ edits: some RandomAccessCollection<Edit>) -> [Edit] {
        guard edits.contains(where: { $0.entry == nil || $0.entry?.mode == .directory }) else {
            return Array(edits)
        }
        // Of several edits of one path the last one counts.
        var seen: Set<RepositoryPath> = []
        let last = edits.reversed().filter { seen.insert($0.path).inserted }.reversed()
        return last.filter { $0.entry == nil } + last.filter { $0.entry?.mode == .directory }
            + last.filter { $0.entry != nil && $0.entry?.mode != .directory }
    }

    /// What is to be written: the table, if it is new, and the changes; either can be lost without harm.
    package var bytes: (table: [UInt8]?, changes: [UInt8]) {
        (isNew ? table.bytes : nil, changes.bytes(of: table.identity, base: base))
    }
}

/// One directory of a ``StatCache``: what the table has, and what has changed since.
package struct StatDirectory: Sendable {
    let block: StatTable.Block?
    let changes: StatChanges.Directory?
    /// Whether the base version has this directory; its root counts as had where anything is in it.
    let isKnown: Bool

    init(block: StatTable.Block?, changes: StatChanges.Directory?, isKnown: Bool = false) {
        self.block = changes?.isNew == true ? nil : block
        self.changes = changes
        self.isKnown = isKnown
    }

    /// When the names on disk were seen to be those of the table.
    package struct Sighting: Sendable {
        /// Of the directory's record in the table.
        let place: Int
        /// The directory's own status then.
        let seen: StatCacheEntry.Seen
    }

    /// This directory as one that the base version has.
    var asKnown: StatDirectory { StatDirectory(block: block, changes: changes, isKnown: true) }

    var isEmpty: Bool {
        guard let changes else { return (block?.count ?? 0) == 0 }
        let gone = changes.entries.count { $0.value == nil }
        return gone == changes.entries.count && gone >= block?.count ?? 0
    }

    /// The entry of a name.
    func entry(_ name: [UInt8]) -> StatCacheEntry? {
        if let override = changes?.entries[name] { return override }
        return block.flatMap { block in block.position(of: name).flatMap { block.entry($0) } }
    }

    /// The directory below an entry of the table.
    func directory(_ index: Int, _ name: @autoclosure () -> [UInt8]) -> StatDirectory {
        StatDirectory(block: block?.child(index), changes: changes?.children[name()])
    }

    /// The directory below an entry that has changed.
    func directory(_ name: [UInt8]) -> StatDirectory {
        StatDirectory(
            block: block.flatMap { block in block.position(of: name).flatMap { block.child($0) } },
            changes: changes?.children[name])
    }

    /// Hands out all entries, in no order, each with a way to what is below it.
    package func forEachEntry(_ body: (StatCacheEntry, () -> StatDirectory) -> Void) {
        if let block {
            for index in 0..<block.count {
                guard let entry = block.entry(index), changes?.entries[entry.name] == nil else { continue }
                body(entry) { directory(index, entry.name) }
            }
        }
        for case (let name, let entry?) in changes?.entries ?? [:] { body(entry) { directory(name) } }
    }
}
