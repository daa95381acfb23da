import Hashing
@testable import ObjectModel
import TestSupport
import Testing

/// Objects that were understood, or ended the process, though the format refuses them.
@Suite struct ObjectRegressionTests {
    // MARK: Nodes

    private static func entry(_ name: String, size: Int, mode: EntryMode = .directory) throws -> TreeEntry {
        TreeEntry(name: try EntryName(name), mode: mode, id: Trees.id(1), size: size, files: 1)
    }

    private static func payload<Leaf: MerkleLeaf>(_ level: Int, _ elements: [MerkleElement<Leaf>]) -> [UInt8]
    {
        MerkleNode(level: level, elements: elements).payload
    }

    @Test func `an edit of a tree whose sizes reach 2^63 is an error`() throws {
        var objects = MemoryObjects()
        let hostile = Self.payload(0, [.leaf(try Self.entry("big", size: .max - 10))])
        #expect(throws: Never.self) { try MerkleNode<TreeEntry>(payload: hostile) }
        let root = objects.add(.tree, hostile)
        let edit = PathEdit(
            path: try RepositoryPath("new"), entry: try Self.entry("new", size: 5000, mode: .file))
        #expect(throws: DirectoryTree.EditError<ReadError>.self) {
            try DirectoryTree(root: root, reader: objects).editing([edit]) { (_, _) throws(ReadError) in }
        }
    }

    @Test func `a tree of level 16 cannot be made`() throws {
        let element = MerkleElement<TreeEntry>.leaf(try Self.entry("a", size: 1))
        #expect(MerkleLevel(level: 15, elements: [element]).nodes()?.count == 1)
        #expect(MerkleLevel(level: 16, elements: [element]).nodes() == nil)
    }

    @Test func `a file is below 2^53 bytes`() throws {
        for (size, isValid) in [((1 << 53) - 1, true), (1 << 53, false)] {
            let payload = Self.payload(0, [.leaf(try Self.entry("a", size: size, mode: .file))])
            #expect(((try? MerkleNode<TreeEntry>(payload: payload)) != nil) == isValid)
        }
    }

    @Test func `a node has at most 128 elements`() throws {
        for (count, isValid) in [(128, true), (129, false)] {
            let elements = try (0..<count).map {
                MerkleElement.leaf(try Self.entry("n\(1000 + $0)", size: 1))
            }
            #expect(((try? MerkleNode<TreeEntry>(payload: Self.payload(0, elements))) != nil) == isValid)
        }
    }

    @Test func `an inner element has entries`() {
        for (entries, isValid) in [(1, true), (0, false)] {
            let element = MerkleElement<RefEntry>.child(
                lastKey: Array("branches/a".utf8), id: Trees.id(1), summary: MerkleSummary(entries: entries))
            #expect(((try? MerkleNode<RefEntry>(payload: Self.payload(1, [element]))) != nil) == isValid)
        }
    }

    @Test func `a root above leaves has two elements`() throws {
        var objects = MemoryObjects()
        let leaf = MerkleNode<RecipeEntry>(
            level: 0, elements: [.leaf(RecipeEntry(blob: Trees.id(1), recipe: Trees.id(2)))])
        let below = objects.add(.recipes, leaf.payload)
        let element = MerkleElement<RecipeEntry>.child(
            lastKey: Trees.id(1).digest.bytes, id: below, summary: MerkleSummary(entries: 1))
        let root = objects.add(.recipes, Self.payload(1, [element]))
        let tree = MerkleTree<RecipeEntry>(root: root, reader: objects)
        #expect(throws: ReadError.self) { try tree.leaves() }
        #expect(throws: ReadError.self) { try tree.lookup(Trees.id(1).digest.bytes) }
    }

    @Test(arguments: [
        ("branches/a", ObjectKind.commit, true), ("branches/a", .run, false), ("runs/a", .run, true),
        ("runs/a", .commit, false), ("other/a", .commit, false), ("a", .commit, false),
        ("branches", .commit, false),
    ])
    func `a ref names what its first name says`(name: String, kind: ObjectKind, isValid: Bool) throws {
        let target = ObjectReference(kind, Trees.id(1))
        let entry = RefEntry(name: try RefName(name), target: target)
        #expect(((try? MerkleNode<RefEntry>(payload: Self.payload(0, [.leaf(entry)]))) != nil) == isValid)
        guard let ada = Person(name: "Ada", email: "") else { return }
        let event = Event(
            verb: "x", actor: ada, workingCopy: nil, time: 1, nonce: String(repeating: "0", count: 32),
            reason: nil,
            refs: [RefChange(name: try RefName(name), before: nil, after: target)])
        #expect(((try? Event(payload: event.payload)) != nil) == isValid)
    }

    // MARK: Documents

    /// A valid document with one member replaced, or taken away.
    private static func edited(_ payload: [UInt8], _ member: String, _ value: JSONValue?) throws -> [UInt8] {
        guard case .object(var members) = try JSONValue(canonical: payload) else { return [] }
        members.removeAll { $0.name == member }
        if let value { members.append(JSONMember(member, value)) }
        return JSONValue.object(members, sorting: true).canonicalBytes
    }

    private static func first(_ kind: ObjectKind) throws -> [UInt8] {
        guard let payload = try Sample.objects(of: kind).first else { throw Sample.Missing() }
        return payload
    }

    @Test(arguments: [
        (ObjectKind.commit, "authored"), (.commit, "committed"), (.run, "recorded"), (.run, "started"),
        (.run, "ended"),
        (.run, "exitStatus"), (.event, "time"),
    ])
    func `no time is below 0`(kind: ObjectKind, member: String) throws {
        for (number, isValid) in [(0, true), (-1, false)] {
            let payload = try Self.edited(Self.first(kind), member, .integer(number))
            #expect(Self.isValid(kind, payload) == isValid, "\(member) = \(number)")
        }
    }

    private static func isValid(_ kind: ObjectKind, _ payload: [UInt8]) -> Bool {
        switch kind {
        case .commit: (try? Commit(payload: payload)) != nil
        case .run: (try? Run(payload: payload)) != nil
        default: (try? Event(payload: payload)) != nil
        }
    }

    @Test func `a commit does not name an empty map of recipes`() throws {
        let empty = JSONValue.string(MerkleTree<RecipeEntry>.emptyRoot.hex)
        #expect(throws: MalformedObject.self) {
            try Commit(payload: try Self.edited(try Self.first(.commit), "recipes", empty))
        }
    }

    @Test func `what is tracked is sorted and unique as bytes, whatever Unicode calls equivalent`() throws {
        func tracked(_ patterns: [String]) throws -> [String]? {
            let value = JSONValue.object(
                ["directories": .array([]), "patterns": .array(patterns.map { .string($0) })])
            return try? Commit(payload: try Self.edited(try Self.first(.commit), "tracked", value)).tracked
                .patterns
        }
        let both = ["e\u{301}", "\u{e9}"]
        #expect(try tracked(both)?.map { Array($0.utf8) } == both.map { Array($0.utf8) })
        #expect(try tracked(both.reversed()) == nil)
        #expect(try tracked(["a", "a"]) == nil)
        #expect(
            TrackedPaths(patterns: both + both).patterns.map { Array($0.utf8) } == both.map { Array($0.utf8) }
        )
    }

    @Test func `the commits of inputs are sorted by path, each path once`() throws {
        func commits(_ paths: [String]) -> JSONValue {
            .array(paths.map { .object(["commit": .string(Trees.id(1).hex), "path": .string($0)]) })
        }
        for (paths, isValid) in [(["a", "b"], true), (["b", "a"], false), (["a", "a"], false)] {
            let payload = try Self.edited(try Self.first(.run), "inputCommits", commits(paths))
            #expect(((try? Run(payload: payload)) != nil) == isValid, "\(paths)")
        }
    }

    @Test func `a run's command has a path, and its code a system that is known`() throws {
        func isValid(_ member: String, _ value: JSONValue) throws -> Bool {
            (try? Run(payload: try Self.edited(try Self.first(.run), member, value))) != nil
        }
        let arguments = JSONValue.array([.string("a")])
        #expect(try isValid("command", .object(["arguments": arguments, "directory": .string("src")])))
        #expect(try !isValid("command", .object(["arguments": arguments, "directory": .string("../src")])))
        #expect(try !isValid("command", .object(["arguments": arguments, "directory": .null])))
        #expect(try isValid("code", .object(["dirty": .bool(true), "system": .string("git")])))
        #expect(try !isValid("code", .object(["dirty": .bool(true), "system": .string("svn")])))
        #expect(try !isValid("code", .object(["dirty": .bool(true)])))
        #expect(try !isValid("signal", .integer(0)))
    }
}
