import FileIO
import ObjectModel
import TestSupport
import Testing
import WorkingTree

@Suite struct StatCacheTests {
    /// All files of a cache by their paths, an empty directory as one.
    private static func files(_ directory: StatDirectory, _ prefix: String = "") -> [String: String] {
        var found: [String: String] = [:]
        directory.forEachEntry { entry, below in
            let path = prefix + String(decoding: entry.name, as: UTF8.self)
            if entry.mode == .directory {
                let inside = files(below(), path + "/")
                found.merge(inside.isEmpty ? [path: "directory"] : inside) { $1 }
            } else {
                found[path] = "\(entry.id.hex.prefix(8)) \(entry.size) \(entry.seen?.modified ?? -1)"
            }
        }
        return found
    }

    private static func edit(_ path: String, _ number: Int?, isDirectory: Bool = false) throws
        -> StatCache.Edit
    {
        let path = try RepositoryPath(path)
        guard let number, let name = path.names.last else {
            return StatCache.Edit(path: path, entry: nil, seen: nil)
        }
        if isDirectory {
            let entry = TreeEntry(
                name: name, mode: .directory, id: DirectoryTree.emptyRoot, size: 0, files: 0)
            return StatCache.Edit(path: path, entry: entry, seen: nil)
        }
        let entry = TreeEntry(
            name: name, mode: .file, id: ObjectID(of: .blob, payload: [UInt8(truncatingIfNeeded: number)]),
            size: number)
        let status = FileStatus(
            kind: .file, permissions: 0o644, size: number, modified: Int64(number), changed: 0, inode: 1,
            device: 1)
        return StatCache.Edit(path: path, entry: entry, seen: StatCacheEntry.Seen(status))
    }

    private static func reread(_ cache: StatCache, _ table: inout [UInt8]) throws -> StatCache {
        let bytes = cache.bytes
        if let new = bytes.table { table = new }
        return try #require(
            StatCache(table: MappedFile(holding: table), changes: MappedFile(holding: bytes.changes)))
    }

    @Test(arguments: [1 as UInt64, 2, 3, 4, 5, 6]) func `after any edits a cache has what a dictionary has`(
        seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        let names = ["a", "b", "c", "dir", "e"]
        var cache = try StatCache(
            DirectoryTree(root: DirectoryTree.emptyRoot, reader: MemoryObjects()), base: nil,
            identity: random.bytes(16))
        var table: [UInt8] = []
        var model: [String: StatCache.Edit] = [:]
        for round in 0..<60 {
            var edits: [StatCache.Edit] = []
            // Now and then so many that a new table is written.
            for _ in 0..<(round % 20 == 7 ? 400 : Int.random(in: 1..<12, using: &random)) {
                let path = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                    names.randomElement(using: &random) ?? "a"
                }.joined(separator: "/")
                let isGone = Int.random(in: 0..<3, using: &random) == 0
                let isDirectory = Int.random(in: 0..<8, using: &random) == 0
                // As a checkout has it: what is beneath a file or above it goes first.
                let number = Int.random(in: 0..<1000, using: &random)
                for (other, _) in model where other.hasPrefix(path + "/") || path.hasPrefix(other + "/") {
                    edits.append(try Self.edit(other, nil))
                    model[other] = nil
                }
                let edit = try Self.edit(path, isGone ? nil : number, isDirectory: isDirectory)
                edits.append(edit)
                model[path] = isGone ? nil : edit
            }
            cache = cache.applying(edits, base: nil, identity: random.bytes(16))
            if Bool.random(using: &random) || table.isEmpty { cache = try Self.reread(cache, &table) }
            let expected = model.mapValues { edit -> String in
                guard let entry = edit.entry, entry.mode != .directory else { return "directory" }
                return "\(entry.id.hex.prefix(8)) \(entry.size) \(edit.seen?.modified ?? -1)"
            }
            let found = Self.files(cache.root)
            #expect(found == expected, "round \(round), seed \(seed)")
            guard found == expected else { return }
        }
    }

    @Test func `a damaged cache is none, and changes of another table are none`() throws {
        var random = SplitMix64(seed: 9)
        let empty = DirectoryTree(root: DirectoryTree.emptyRoot, reader: MemoryObjects())
        let made = try StatCache(empty, base: nil, identity: random.bytes(16))
            .applying([Self.edit("a/b", 3), Self.edit("c", 4)], base: nil, identity: random.bytes(16))
        let (table, changes) = (try #require(made.bytes.table), made.bytes.changes)
        for offset in table.indices {
            var bytes = table
            bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            let found = StatCache(table: MappedFile(holding: bytes), changes: nil)
            #expect(found.map { _ in true } == nil, "byte \(offset)")
        }
        for offset in changes.indices {
            var bytes = changes
            bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            let cache = try #require(
                StatCache(table: MappedFile(holding: table), changes: MappedFile(holding: bytes)))
            #expect(Self.files(cache.root).isEmpty, "byte \(offset)")
        }
        let other = try #require(try StatCache(empty, base: nil, identity: random.bytes(16)).bytes.table)
        let mixed = try #require(
            StatCache(
                table: MappedFile(holding: other), changes: MappedFile(holding: changes)))
        #expect(Self.files(mixed.root).isEmpty)
    }
}
