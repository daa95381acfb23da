import FileIO
@testable import MLRepo
import ObjectModel
import TestSupport
import Testing
@testable import WorkingTree

/// Files of a working copy, and patterns, that ended the process or were understood otherwise than meant.
@Suite struct WorkingCopyRegressionTests {
    // MARK: Stat table

    /// A table of three directories: the root with `a` and `b`, and one file in each of these.
    private static func table() throws -> [UInt8] {
        let empty = DirectoryTree(root: DirectoryTree.emptyRoot, reader: MemoryObjects())
        let identity = [UInt8](repeating: 1, count: 16)
        let edits = try ["a/x", "b/y"].map { path in
            let path = try RepositoryPath(path)
            return StatCache.Edit(
                path: path, entry: TreeEntry(name: try EntryName("f"), mode: .file, id: Trees.id(1), size: 1),
                seen: nil)
        }
        let small = try StatCache(empty, base: nil, identity: identity).applying(
            edits, base: nil, identity: identity)
        // So many changes that they become a table.
        let more = try (0..<300).map { number in
            StatCache.Edit(path: try RepositoryPath("none/\(number)"), entry: nil, seen: nil)
        }
        guard let table = small.applying(more, base: nil, identity: identity).bytes.table else {
            throw Sample.Missing()
        }
        return table
    }

    private static func reads(_ bytes: [UInt8]) -> Bool {
        var bytes = bytes
        let sum = bytes.withUnsafeBytes {
            StatRecord.checksum(UnsafeRawBufferPointer(rebasing: $0[..<($0.count - 8)]))
        }
        Checksums.put(sum, at: bytes.count - 8, in: &bytes)
        return StatTable(MappedFile(holding: bytes)) != nil
    }

    @Test func `a stat table is a tree, and its blocks lie within it`() throws {
        let table = try Self.table()
        #expect(Self.reads(table))
        let blocks = table.count - 32 - 3 * 12
        // A block that begins where no number of bytes can be added.
        for start in [Int64.max, -1, 0, Int64(table.count)] {
            var bytes = table
            Checksums.put(start, at: blocks + 12, in: &bytes)
            #expect(!Self.reads(bytes), "\(start)")
        }
        // Directories that are the root, the same one, or none.
        let first = 56 + 68
        for (a, b) in [(1, 1), (2, 1), (0, 1), (1, 9), (0, 0)] as [(UInt32, UInt32)] {
            var bytes = table
            Checksums.put(a, at: first, in: &bytes)
            Checksums.put(b, at: first + StatRecord.size, in: &bytes)
            #expect(!Self.reads(bytes), "\(a), \(b)")
        }
        for count in [0, 3, UInt64.max] {
            var bytes = table
            Checksums.put(count, at: table.count - 16, in: &bytes)
            #expect(!Self.reads(bytes), "\(count) entries")
        }
    }

    @Test func `a tree that is deeper than directories can be does not use up the stack`() throws {
        var objects = MemoryObjects()
        var root = objects.add(.tree, MerkleNode<TreeEntry>.empty.payload)
        func wrap(_ count: Int) throws {
            for _ in 0..<count {
                let entry = TreeEntry(name: try EntryName("d"), mode: .directory, id: root, size: 0, files: 0)
                for node in BuiltTree(leaves: [entry]).nodes { root = objects.add(.tree, node.payload) }
            }
        }
        let identity = [UInt8](repeating: 1, count: 16)
        try wrap(500)
        #expect(throws: Never.self) {
            try StatCache(DirectoryTree(root: root, reader: objects), base: nil, identity: identity)
        }
        try wrap(20_000)
        #expect(throws: ReadError.self) {
            try StatCache(DirectoryTree(root: root, reader: objects), base: nil, identity: identity)
        }
    }

    // MARK: Files of JSON

    private static func copy(_ name: String, _ text: String) throws -> WorkingCopy {
        let disk = try SimulatedDisk.holding(Array(text.utf8), at: Sample.directory / name)
        return WorkingCopy(root: Sample.home, Sample.environment(disk))
    }

    @Test(arguments: ["", "x", " "]) func `files end with a line feed`(end: String) throws {
        let head = "{\"workingCopy\":\"\(String(repeating: "0f", count: 16))\"}"
        let tracked = #"{"added":[],"directories":[],"patterns":[],"untracked":[]}"#
        #expect(throws: Never.self) { try Self.copy("HEAD", head + "\n").head() }
        #expect(throws: RepositoryError.self) { try Self.copy("HEAD", head + end).head() }
        #expect(throws: Never.self) { try Self.copy("pending", "{}\n").pending() }
        #expect(throws: RepositoryError.self) { try Self.copy("pending", "{}" + end).pending() }
        #expect(throws: Never.self) { try Self.copy("store", "{\"path\":\"/a\"}\n").store() }
        #expect(throws: RepositoryError.self) { try Self.copy("store", "{\"path\":\"/a\"}" + end).store() }
        #expect(throws: Never.self) {
            try Self.copy("tracked", tracked + "\n").tracking(base: TrackedPaths())
        }
        #expect(throws: RepositoryError.self) {
            try Self.copy("tracked", tracked + end).tracking(base: TrackedPaths())
        }
    }

    @Test func `a pending checkout is to a branch, and a path of a store has one form`() throws {
        for (branch, isValid) in [("main", true), ("../x", false), ("", false)] {
            let copy = try Self.copy(
                "pending", "{\"branch\":\"\(branch)\",\"commit\":\"\(Trees.id(1).hex)\"}\n")
            #expect(((try? copy.pending()) != nil) == isValid, "\(branch)")
        }
        // The bytes of "/a", which is UTF-8.
        #expect(throws: RepositoryError.self) {
            try Self.copy("store", "{\"path\":{\"bytes\":\"L2E=\"}}\n").store()
        }
    }

    // MARK: Patterns

    private static func matches(_ pattern: String, _ path: String) throws -> Bool {
        IgnoreRules(patterns: [pattern]).ignores(try RepositoryPath(path), isDirectory: false)
    }

    @Test(arguments: [
        ("**/foo", "foo", true), ("**/foo", "a/b/foo", true), ("**/foo", "a/food", false),
        ("a/**", "a/b/c", true),
        ("a/**", "a", false), ("a/**/b", "a/b", true), ("a/**/b", "a/x/y/b", true),
        ("a/**/b", "a/x/bc", false),
        ("**/a/**/b/**", "x/a/y/b/z", true), ("**/a/**/b/**", "x/a/y/b", false), ("a**/b", "ax/b", true),
        ("a**/b", "a/x/b", false), ("x/a**", "x/a", true), ("x/a**", "x/ab/c", false), ("*a*b", "xaxb", true),
        ("*a*b", "xaxbx", false), ("[!a]x", "bx", true), ("[!a]x", "ax", false), ("[]a]", "]", true),
        ("[a-c]*", "bz", true),
        ("\\*", "*", true), ("\\*", "a", false), ("a\\/b", "a/b", true), ("[a", "[a", false),
        ("a?c", "abc", true),
        ("a/?", "a/b", true), ("a/*", "a/b/c", false), ("[a/b]", "a", true), ("**", "x", true),
        ("/**", "x/y", true),
    ])
    func `wildcards are those of gitignore`(pattern: String, path: String, isMatch: Bool) throws {
        #expect(try Self.matches(pattern, path) == isMatch)
    }

    @Test func `a hostile pattern costs neither time nor stack, and still matches`() throws {
        let deep = Array(repeating: "a", count: 2000).joined(separator: "/")
        let pattern = Array(repeating: "**/a", count: 40).joined(separator: "/")
        #expect(try Self.matches(pattern, deep))
        #expect(try !Self.matches(pattern + "/b", deep))
        #expect(try Self.matches(String(repeating: "**/", count: 300_000) + "a", deep))
        #expect(try !Self.matches(String(repeating: "**/", count: 300_000) + "b", deep))
        #expect(
            try !Self.matches(
                String(repeating: "*a", count: 100_000) + "*b", String(repeating: "a", count: 255)))
        #expect(
            try !Self.matches(String(repeating: "*a", count: 100) + "*b", String(repeating: "a", count: 255)))
        #expect(try Self.matches(String(repeating: "*", count: 300_000) + "b", "ab"))
    }

    @Test func `lines may end as on Windows`() throws {
        let rules = IgnoreRules(patterns: ["*.a\r\n*.b\r\n!keep.b\r\n"])
        for (path, isMatch) in [("x.a", true), ("x.b", true), ("keep.b", false), ("x.c", false)] {
            #expect(rules.ignores(try RepositoryPath(path), isDirectory: false) == isMatch, "\(path)")
        }
    }

    /// gitignore(5) read off letter by letter, at any cost.
    private static func reference(
        _ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>, atStart: Bool = true
    ) -> Bool {
        guard let symbol = pattern.first else { return text.isEmpty }
        let rest = pattern.dropFirst()
        let slash = UInt8(ascii: "/")
        switch symbol {
        case UInt8(ascii: "*"):
            // More than two are as two (git does so, the manual is silent).
            let beyond = pattern.drop { $0 == symbol }
            let isDouble = atStart && pattern.count - beyond.count >= 2
            if isDouble, beyond.isEmpty { return !text.isEmpty }
            if isDouble, beyond.first == slash {
                let after = beyond.dropFirst()
                if reference(after, text) { return true }
                return text.indices.contains { text[$0] == slash && reference(after, text[($0 + 1)...]) }
            }
            if reference(rest, text, atStart: false) { return true }
            guard let byte = text.first, byte != slash else { return false }
            return reference(pattern, text.dropFirst(), atStart: false)
        case UInt8(ascii: "?"):
            guard let byte = text.first, byte != slash else { return false }
            return reference(rest, text.dropFirst(), atStart: false)
        default: return text.first == symbol && reference(rest, text.dropFirst(), atStart: symbol == slash)
        }
    }

    @Test(arguments: [1 as UInt64, 2, 3]) func `a glob matches what a slow reading of the manual matches`(
        seed: UInt64
    ) {
        var random = SplitMix64(seed: seed)
        func text(_ letters: String, _ length: ClosedRange<Int>) -> [UInt8] {
            let letters = Array(letters.utf8)
            return (0..<Int.random(in: length, using: &random)).map { _ in
                letters[Int.random(in: 0..<letters.count, using: &random)]
            }
        }
        for _ in 0..<4000 {
            let pattern = text("ab**?//", 1...9)
            let path = text("aab/", 1...10)
            guard path.split(separator: 0x2f, omittingEmptySubsequences: false).allSatisfy({ !$0.isEmpty })
            else { continue }
            let expected = Self.reference(pattern[...], path[...])
            let shown =
                "\(String(decoding: pattern, as: UTF8.self)) on \(String(decoding: path, as: UTF8.self))"
            #expect((Glob(pattern)?.matches(path[...]) ?? false) == expected, "\(shown)")
        }
    }
}
