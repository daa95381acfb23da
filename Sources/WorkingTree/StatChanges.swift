internal import FileIO
internal import Hashing
internal import ObjectModel

/// What has changed in a version's files and their status since a ``StatTable`` was written: few entries, so that a small
/// commit need not write the whole table again.
///
/// Shape of the file: magic, the table's name, the commit, then for each change the length of its path, the path and a record
/// (a mode of 0 means gone), a directory before what is in it; at the end a checksum.
struct StatChanges: Sendable {
    private static let magic: [UInt8] = Array("MLJ2".utf8)
    private static let headerSize = 4 + StatTable.identitySize + 32

    /// The changes in one directory.
    struct Directory: Sendable {
        /// By name: what the table has otherwise or not at all; nothing for what is gone.
        var entries: [[UInt8]: StatCacheEntry?] = [:]
        var children: [[UInt8]: Directory] = [:]
        /// Whether nothing that the table has here counts: a directory that came in another's place.
        var isNew = false
    }

    private(set) var root = Directory()
    private(set) var count = 0

    init() {}

    // MARK: Editing

    /// Puts an entry at a path, or takes away what is there; directories come and go with what is in them.
    ///
    /// - Parameter block: The table's root.
    mutating func set(_ names: ArraySlice<EntryName>, _ entry: StatCacheEntry?, over block: StatTable.Block?)
    {
        Self.set(names, entry, in: &root, over: block, &count)
    }

    private static func set(
        _ names: ArraySlice<EntryName>, _ entry: StatCacheEntry?, in directory: inout Directory,
        over block: StatTable.Block?, _ count: inout Int
    ) {
        guard let name = names.first?.bytes else { return }
        let position = directory.isNew ? nil : block?.position(of: name)
        if names.count == 1 {
            directory.children[name] = entry?.mode == .directory ? Directory(isNew: true) : nil
            return put(entry, name, isInTable: position != nil, &directory, &count)
        }
        var isThere = position.map { block?.isDirectory($0) ?? false } ?? false
        if let override = directory.entries[name] { isThere = override?.mode == .directory }
        // Nothing is beneath a file, so there is nothing to take away.
        if entry == nil, !isThere { return }
        if !isThere {
            put(.directory(name), name, isInTable: position != nil, &directory, &count)
            directory.children[name] = Directory(isNew: true)
        }
        let below = position.flatMap { block?.child($0) }
        set(
            names.dropFirst(), entry, in: &directory.children[name, default: Directory()], over: below, &count
        )
        guard entry == nil, let child = directory.children[name],
            StatDirectory(block: below, changes: child).isEmpty
        else { return }
        directory.children[name] = nil
        put(nil, name, isInTable: position != nil, &directory, &count)
    }

    private static func put(
        _ entry: StatCacheEntry?, _ name: [UInt8], isInTable: Bool, _ directory: inout Directory,
        _ count: inout Int
    ) {
        if directory.entries.removeValue(forKey: name) != nil { count -= 1 }
        // What the table does not have need not be called gone.
        guard entry != nil || isInTable else { return }
        directory.entries.updateValue(entry, forKey: name)
        count += 1
    }

    // MARK: As bytes

    /// - Parameter table: The name of the table that they are changes of.
    func bytes(of table: [UInt8], base: ObjectID?) -> [UInt8] {
        var bytes = Self.magic + table + (base ?? Self.noBase).digest.bytes
        Self.append(root, [], to: &bytes)
        bytes.appendLittleEndian(bytes.withUnsafeBytes { StatRecord.checksum($0) })
        return bytes
    }

    private static let noBase = ObjectID(of: .commit, payload: [])

    private static func append(_ directory: Directory, _ path: [UInt8], to bytes: inout [UInt8]) {
        for name in Set(directory.entries.keys).union(directory.children.keys) {
            let below = path.isEmpty ? name : path + [0x2f] + name
            if let override = directory.entries[name] {
                bytes.appendLittleEndian(UInt16(below.count))
                bytes += below
                if let entry = override {
                    StatRecord.append(entry, block: 0, nameOffset: 0, to: &bytes)
                } else {
                    bytes += [UInt8](repeating: 0, count: StatRecord.size)
                }
            }
            if let child = directory.children[name] { append(child, below, to: &bytes) }
        }
    }

    /// - Returns: Nothing if the bytes are no changes of this table.
    static func read(_ file: MappedFile, of table: StatTable) -> (changes: StatChanges, base: ObjectID?)? {
        file.withBytes { bytes in
            let end = bytes.count - 8
            guard end >= headerSize, bytes.prefix(4).elementsEqual(magic),
                bytes[4..<4 + StatTable.identitySize].elementsEqual(table.identity),
                bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self)
                    == StatRecord.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
            else { return nil }
            var reader = ByteReader(Array(bytes[20..<headerSize]))
            guard let id = try? reader.id("the base") else { return nil }
            var changes = StatChanges()
            let block = table.block(0)
            var offset = headerSize
            while offset < end {
                guard offset + 2 <= end else { return nil }
                let length = Int(bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
                let record = offset + 2 + length
                guard record + StatRecord.size <= end,
                    let path = try? RepositoryPath(bytes[offset + 2..<record]),
                    let name = path.split?.name.bytes
                else { return nil }
                let entry = StatRecord.entry(bytes, at: record, name: name)
                changes.set(path.names[...], entry, over: block)
                offset = record + StatRecord.size
            }
            return (changes, id == noBase ? nil : id)
        }
    }
}
