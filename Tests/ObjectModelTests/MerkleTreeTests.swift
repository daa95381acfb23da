import Hashing
import ObjectModel
import TestSupport
import Testing

@Suite struct MerkleTreeTests {
    static func entry(_ name: String, _ content: UInt64, random: inout SplitMix64) -> TreeEntry {
        guard let name = try? EntryName(name) else { preconditionFailure("a test's own name is not valid") }
        return TreeEntry(
            name: name, mode: .file,
            id: ObjectID(of: .blob, payload: withUnsafeBytes(of: content) { Array($0) }),
            size: Int.random(in: 0..<1000, using: &random))
    }

    static func store(_ built: BuiltTree<TreeEntry>, in objects: inout MemoryObjects) {
        for node in built.nodes { objects.add(.tree, node.payload) }
    }

    @Test func `the empty tree has the documented id`() {
        #expect(MerkleTree<TreeEntry>.emptyRoot == ObjectID(of: .tree, payload: [0, 0]))
        #expect(BuiltTree<TreeEntry>(leaves: []).root == MerkleTree<TreeEntry>.emptyRoot)
    }

    /// History must not show: whatever edits led there, a map has the tree of its elements.
    @Test(arguments: 0..<24) func `an edited tree has the bytes of one built from scratch`(seed: UInt64)
        throws
    {
        var random = SplitMix64(seed: seed)
        var objects = MemoryObjects()
        var content: [String: TreeEntry] = [:]
        var root = MerkleTree<TreeEntry>.emptyRoot
        let space = [40, 400, 6000].randomElement(using: &random) ?? 40
        for round in 0..<12 {
            var edits: [String: TreeEntry?] = [:]
            let count = round == 0 ? space / 2 : [1, 1, 2, 5, space / 4].randomElement(using: &random) ?? 1
            for _ in 0..<count {
                let name = "file-\(Int.random(in: 0..<space, using: &random)).dat"
                let isRemoval = Int.random(in: 0..<3, using: &random) == 0
                let new: TreeEntry? = isRemoval ? nil : Self.entry(name, random.next() % 5, random: &random)
                edits[name] = .some(new)
            }
            if round == 10 { for name in content.keys { edits[name] = .some(nil) } }
            for (name, entry) in edits { content[name] = entry }
            let sorted = edits.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            let built = try MerkleTree<TreeEntry>(root: root, reader: objects).editing(
                sorted.map { name, entry in
                    entry.map { MerkleEdit(setting: $0) } ?? MerkleEdit(removing: Array(name.utf8))
                })
            Self.store(built, in: &objects)
            let leaves = content.values.sorted { $0.name < $1.name }
            let scratch = BuiltTree(leaves: leaves)
            #expect(built.root == scratch.root, "seed \(seed), round \(round), \(leaves.count) elements")
            #expect(built.summary == scratch.summary)
            root = built.root
            #expect(try MerkleTree<TreeEntry>(root: root, reader: objects).leaves() == leaves)
        }
    }

    @Test(arguments: 0..<8) func `elements of a prefix are found in the nodes that hold them`(seed: UInt64)
        throws
    {
        var random = SplitMix64(seed: seed)
        var names: Set<String> = []
        for _ in 0..<[3, 300, 5000][Int(seed) % 3] {
            let letters = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                String("abc/".randomElement(using: &random) ?? "a").replacing("/", with: "-")
            }
            names.insert(letters.joined() + "\(Int.random(in: 0..<40, using: &random))")
        }
        let leaves = names.map { Self.entry($0, 1, random: &random) }.sorted { $0.name < $1.name }
        var objects = MemoryObjects()
        let built = BuiltTree(leaves: leaves)
        Self.store(built, in: &objects)
        let tree = MerkleTree<TreeEntry>(root: built.root, reader: objects)
        for prefix in ["", "a", "ab", "abc", "c", "cccc", "z", "-", "b-1"] + names.prefix(5) {
            var found: [TreeEntry] = []
            try tree.forEachLeaf(beginning: Array(prefix.utf8)) { found.append($0) }
            #expect(found == leaves.filter { $0.key.starts(with: prefix.utf8) }, "seed \(seed), \(prefix)")
        }
    }

    @Test(arguments: 0..<8) func `the difference of two maps is that of their elements`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var objects = MemoryObjects()
        func map() -> [String: TreeEntry] {
            var map: [String: TreeEntry] = [:]
            for index in 0..<3000 where Int.random(in: 0..<20, using: &random) > 0 {
                let name = "\(index * 7919 % 3000)"
                map[name] = Self.entry(
                    name, Int.random(in: 0..<30, using: &random) == 0 ? 1 : 0, random: &random)
            }
            return map
        }
        let (before, after) = (map(), map())
        func tree(_ map: [String: TreeEntry]) -> MerkleTree<TreeEntry> {
            let built = BuiltTree(leaves: map.values.sorted { $0.name < $1.name })
            Self.store(built, in: &objects)
            return MerkleTree(root: built.root, reader: objects)
        }
        let (old, new) = (tree(before), tree(after))
        let changes = try MerkleTree<TreeEntry>(root: old.root, reader: objects).changes(
            to: MerkleTree(root: new.root, reader: objects))
        let names = Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }
        #expect(changes.map { ($0.after ?? $0.before)?.name.description } == names.sorted(), "seed \(seed)")
        for change in changes {
            let name = (change.after ?? change.before)?.name.description ?? ""
            #expect(change.before == before[name] && change.after == after[name])
        }
    }

    @Test func `one changed name among 100,000 rewrites one path`() throws {
        var random = SplitMix64(seed: 1)
        var objects = MemoryObjects()
        let leaves = (0..<100_000).map { Self.entry("\($0 + 1_000_000).jpg", 0, random: &random) }
        let built = BuiltTree(leaves: leaves)
        Self.store(built, in: &objects)
        let edit = MerkleEdit(setting: Self.entry("1050000.jpg", 7, random: &random))
        let edited = try MerkleTree<TreeEntry>(root: built.root, reader: objects).editing([edit])
        #expect(edited.nodes.count <= 4)
        #expect(built.nodes.count < 100_000 / 16)
    }

    @Test func `names that have no natural cut still make small nodes`() throws {
        var random = SplitMix64(seed: 3)
        var leaves: [TreeEntry] = []
        while leaves.count < 5000 {
            let entry = Self.entry("x\(random.next())", 0, random: &random)
            if ObjectID(of: .blob, payload: entry.name.bytes).digest.trailingZeroBits < 5 {
                leaves.append(entry)
            }
        }
        leaves.sort { $0.name < $1.name }
        let built = BuiltTree(leaves: leaves)
        var objects = MemoryObjects()
        Self.store(built, in: &objects)
        for node in built.nodes {
            #expect(try MerkleNode<TreeEntry>(payload: node.payload).elements.count <= 128)
        }
        let edit = MerkleEdit(setting: Self.entry("x5", 7, random: &random))
        let edited = try MerkleTree<TreeEntry>(root: built.root, reader: objects).editing([edit])
        #expect(edited.nodes.count < 20, "\(edited.nodes.count) new nodes")
    }

    @Test func `a node of other bytes than the encoder's is refused`() throws {
        var random = SplitMix64(seed: 4)
        let payload = BuiltTree(leaves: [
            Self.entry("a", 1, random: &random), Self.entry("b", 2, random: &random),
        ]).nodes[0].payload
        #expect(throws: Never.self) { try MerkleNode<TreeEntry>(payload: payload) }
        #expect(throws: MalformedObject.self) { try MerkleNode<TreeEntry>(payload: payload + [0]) }
        for count in payload.indices {
            #expect(throws: MalformedObject.self) {
                try MerkleNode<TreeEntry>(payload: Array(payload[..<count]))
            }
        }
        for index in payload.indices {
            for bit in 0..<8 {
                var flipped = payload
                flipped[index] ^= 1 << bit
                if let node = try? MerkleNode<TreeEntry>(payload: flipped) {
                    #expect(node.payload == flipped)
                }
            }
        }
    }

    @Test func `a recipe gives back its chunks in order`() throws {
        var random = SplitMix64(seed: 5)
        let chunks = (0..<5000).map { _ in
            ChunkEntry(
                id: ObjectID(of: .blob, payload: random.bytes(8)),
                length: Int.random(in: 1...100_000, using: &random))
        }
        let length = chunks.reduce(0) { $0 + $1.length }
        let (recipe, nodes) = Recipe.make(
            blob: ObjectID(of: .blob, payload: []), length: length, cutRule: 1, chunks: chunks)
        var objects = MemoryObjects()
        for node in nodes { objects.add(.chunks, node.payload) }
        let read = try Recipe(payload: recipe.payload)
        #expect(read == recipe)
        var seen: [ChunkEntry] = []
        try read.forEachChunk(in: objects) { (chunk) throws(ReadError) in seen.append(chunk) }
        #expect(seen == chunks)
    }
}
