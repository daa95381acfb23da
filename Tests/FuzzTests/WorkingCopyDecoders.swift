import FileIO
import Hashing
@testable import Lineage
@testable import MLRepo
import ObjectModel
import TestSupport
@testable import WorkingTree

/// Files of a working copy, and patterns.
extension FuzzedDecoder {
    static let workingCopies: [FuzzedDecoder] = [
        statTable, statChanges, commitTable,
        file("head", "HEAD", { [try Sample.file("HEAD")] + heads() }) { (copy) throws(RepositoryError) in
            let head = try copy.head()
            try copy.setHead(head)
            return "\(head)"
        },
        file("pending", "pending", pendings) { (copy) throws(RepositoryError) in
            let pending = try copy.pending()
            try copy.setPending(pending)
            return "\(String(describing: pending))"
        },
        file("tracked", "tracked", { [try Sample.file("tracked")] }) { (copy) throws(RepositoryError) in
            let tracking = try copy.tracking(base: TrackedPaths())
            try copy.setTracking(tracking)
            return "\(tracking.paths) \(tracking.added.sorted()) \(tracking.untracked.sorted())"
        },
        file("store-file", "store", { storeFiles }) { (copy) throws(RepositoryError) in
            let store = try copy.store()
            try copy.setStore(store)
            return "\(store)"
        },
        patterns,
    ]

    // MARK: Stat table

    private static func repairSum(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        guard bytes.count >= 8 else { return bytes }
        let sum = bytes.withUnsafeBytes {
            StatRecord.checksum(UnsafeRawBufferPointer(rebasing: $0[..<($0.count - 8)]))
        }
        Checksums.put(sum, at: bytes.count - 8, in: &bytes)
        return bytes
    }

    private static var statTable: FuzzedDecoder {
        FuzzedDecoder(
            name: "stat-table", tokens: ["MLI5"],
            seeds: { [try Sample.file("index"), try small.get().table] },
            repair: repairSum,
            decode: { bytes in
                let file = MappedFile(holding: bytes)
                guard let cache = StatCache(table: file, changes: nil) else { return .refused }
                try use(cache, atMost: bytes.count / StatRecord.size)
                return .accepted
            })
    }

    private static var statChanges: FuzzedDecoder {
        FuzzedDecoder(
            name: "stat-changes", tokens: ["MLJ2"], seeds: { try [small.get().changes] }, repair: repairSum,
            decode: { bytes in
                let table = try small.get().table
                guard let parsed = StatTable(MappedFile(holding: table)) else { throw Sample.Missing() }
                guard StatChanges.read(MappedFile(holding: bytes), of: parsed) != nil else { return .refused }
                guard
                    let cache = StatCache(
                        table: MappedFile(holding: table), changes: MappedFile(holding: bytes))
                else {
                    throw Violation("changes that can be read make the cache one that cannot")
                }
                // Each change may make every directory above it.
                try use(cache, atMost: 2 * bytes.count + table.count)
                return .accepted
            })
    }

    private static var commitTable: FuzzedDecoder {
        FuzzedDecoder(
            name: "commit-table", tokens: ["MLC1"],
            seeds: {
                let rows = (0..<6).map { number in
                    let outline = CommitOutline(
                        id: Trees.id(number), parents: (0..<number % 3).map { Trees.id($0) },
                        tree: Trees.id(number + 100), committed: number - 2, row: nil)
                    let hashes = Set((0..<number * 4).map { PathHash(value: UInt32($0)) })
                    return CommitTable.Row(outline, touching: number == 3 ? nil : hashes)
                }
                return [[], rows].compactMap { CommitTable.bytes(of: nil, and: $0) }
            },
            repair: { bytes in
                guard bytes.count >= 32 else { return bytes }
                let content = Array(bytes.dropLast(32))
                return content + ObjectID(of: .blob, payload: content).digest.bytes
            },
            decode: { bytes in
                guard let table = CommitTable(bytes: bytes) else { return .refused }
                for row in 0..<table.count {
                    let id = bytes.withUnsafeBytes { buffer in
                        // The column of ids stands first.
                        ObjectID(loading: buffer.baseAddress.unsafelyUnwrapped + 16 + row * 32)
                    }
                    guard let outline = table.outline(of: id) else { throw Violation("a row is not found") }
                    try require(outline.parents.count <= bytes.count / 32, "too many parents")
                    for hash in 0..<20 { _ = table.mayTouch(PathHash(value: UInt32(hash)), in: row) }
                }
                try require(CommitTable.bytes(of: table, and: []) == bytes, "it is written otherwise")
                return .accepted
            })
    }

    private static let small = Result { try smallCache() }

    private static func smallCache() throws -> (table: [UInt8], changes: [UInt8]) {
        let tree = DirectoryTree(root: DirectoryTree.emptyRoot, reader: MemoryObjects())
        let identity = [UInt8](repeating: 5, count: 16)
        func edit(_ path: String, _ number: Int?, mode: EntryMode = .file) throws -> StatCache.Edit {
            let path = try RepositoryPath(path)
            guard let number, let name = path.names.last else {
                return StatCache.Edit(path: path, entry: nil, seen: nil)
            }
            let status = FileStatus(
                kind: .file, permissions: 0o644, size: number, modified: 5, changed: 6, inode: 1, device: 1)
            return StatCache.Edit(
                path: path, entry: TreeEntry(name: name, mode: mode, id: Trees.id(number), size: number),
                seen: StatCacheEntry.Seen(status))
        }
        let many = try (0..<300).map { try edit("d\($0 % 5)/e\($0 % 3)/f\($0)", $0) }
        let made = try StatCache(tree, base: nil, identity: identity).applying(
            many, base: Trees.id(4), identity: identity)
        guard let table = made.bytes.table,
            let read = StatCache(table: MappedFile(holding: table), changes: nil)
        else {
            throw Sample.Missing()
        }
        let changed = read.applying(
            [
                try edit("d0/e0/f0", nil), try edit("d1/e1/f1", 9), try edit("new/x", 3), try edit("d2", nil),
                try edit("d3", 5, mode: .directory), try edit("é", 4),
            ], base: nil, identity: identity)
        return (table, changed.bytes.changes)
    }

    /// Does with a cache what commands do.
    private static func use(_ cache: StatCache, atMost limit: Int) throws {
        var count = 0
        var budget = Violation?.none
        func walk(_ directory: StatDirectory, _ depth: Int) {
            directory.forEachEntry { entry, below in
                count += 1
                if count > limit || depth > 2048 { budget = Violation("more entries than there is room for") }
                guard budget == nil, entry.mode == .directory else { return }
                walk(below(), depth + 1)
            }
        }
        walk(cache.root, 0)
        if let budget { throw budget }
        for name in ["", "a", "data", "zz"] { _ = cache.root.directory(Array(name.utf8)).isEmpty }
        _ = cache.bytes.changes
        // So many changes that a new table is written.
        let edits = try (0..<(300 + count / 10)).map { number in
            let path = try RepositoryPath("d1/new\(number)")
            return StatCache.Edit(
                path: path,
                entry: TreeEntry(name: try EntryName("new\(number)"), mode: .file, id: Trees.id(1), size: 1),
                seen: nil)
        }
        let new = cache.applying(edits, base: nil, identity: [UInt8](repeating: 1, count: 16))
        _ = new.bytes
    }

    // MARK: Files of JSON

    private static func heads() -> [[UInt8]] {
        let copy = String(repeating: "0f", count: 16)
        return [
            "{\"workingCopy\":\"\(copy)\"}\n",
            "{\"branch\":\"a/b\",\"commit\":\"\(Trees.id(1).hex)\",\"workingCopy\":\"\(copy)\"}\n",
        ].map { Array($0.utf8) }
    }

    @Sendable private static func pendings() -> [[UInt8]] {
        let (a, b) = (Trees.id(1).hex, Trees.id(2).hex)
        return [
            "{}\n", "{\"from\":\"\(a)\",\"to\":\"\(b)\"}\n",
            "{\"before\":\"\(b)\",\"branch\":\"main\",\"commit\":\"\(a)\",\"from\":\"\(a)\",\"to\":\"\(b)\"}\n",
        ].map { Array($0.utf8) }
    }

    private static let storeFiles = ["{\"path\":\"/data/store\"}\n", "{\"path\":{\"bytes\":\"L/8=\"}}\n"].map
    { Array($0.utf8) }

    /// - Parameter pass: Reads the file, writes what it read, and says what that was.
    private static func file(
        _ name: String, _ file: String, _ seeds: @escaping @Sendable () throws -> [[UInt8]],
        _ pass: @escaping @Sendable (WorkingCopy) throws(RepositoryError) -> String
    ) -> FuzzedDecoder {
        FuzzedDecoder(
            name: name, sizeLimit: 4096,
            tokens: ["\"branch\":\"x\"", "..", "null", "\\u0000", "\u{212a}", "\"/w==\""],
            seeds: seeds,
            decode: { bytes in
                let disk = try SimulatedDisk.holding(bytes, at: Sample.directory / file)
                let copy = WorkingCopy(root: Sample.home, Sample.environment(disk))
                let value: String
                do throws(RepositoryError) { value = try pass(copy) } catch { return .refused }
                try require(bytes.last == 0x0a, "a file without a line feed at the end")
                if let branch = try? copy.pending()?.goal?.branch {
                    try require((try? RefName.branch(branch)) != nil, "the branch \(branch)")
                }
                let again: String
                do throws(RepositoryError) { again = try pass(copy) } catch {
                    throw Violation("what was read and written cannot be read again: \(error)")
                }
                try require(again == value, "written and read it is another value")
                return .accepted
            })
    }

    // MARK: Patterns

    /// Inputs are an ignore file, a zero byte, and a path.
    private static var patterns: FuzzedDecoder {
        FuzzedDecoder(
            name: "patterns",
            tokens: [
                "**/", "/**", "*", "**", "?", "[a-z]", "[!", "[]", "\\", "\r\n", "\n", "!", "#", "a/", "*a",
            ],
            seeds: {
                [
                    "*.log\n!keep.log\n/build/\n#c\n\0a/b.log", "**/foo/**/bar\n\0x/foo/y/z/bar",
                    "a/**\r\n[a-c]?\\*\n\0a/b/c",
                    "**/a/**/a/**/a/**/b\n\0" + Array(repeating: "a", count: 60).joined(separator: "/"),
                    "*a*a*a*a*a*b\n\0" + String(repeating: "a", count: 200), "[!x]\n[]a]\n[a/b]\n\0é",
                    String(repeating: "**/", count: 100) + "x\n\0y",
                ].map { Array($0.utf8) }
            },
            decode: { bytes in
                guard let end = bytes.lastIndex(of: 0), let path = try? RepositoryPath(bytes[(end + 1)...])
                else {
                    return .refused
                }
                let text = String(decoding: bytes[..<end], as: UTF8.self)
                var rules = IgnoreRules()
                rules.add(text, in: .root)
                for directory in [true, false] { _ = rules.ignores(path, isDirectory: directory) }
                _ = rules.matches(path)
                var nested = IgnoreRules(patterns: [text])
                if let directory = path.split?.directory { nested.add(text, in: directory) }
                _ = nested.matches(path)
                _ = Configuration(text)
                return .accepted
            })
    }
}
