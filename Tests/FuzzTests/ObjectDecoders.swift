import ObjectModel
import TestSupport

/// Objects, and the texts that they consist of.
extension FuzzedDecoder {
    static let objects: [FuzzedDecoder] = [
        canonicalJSON, names,
        node("tree", TreeEntry.self, Trees.tree), node("refs", RefEntry.self, Trees.refs),
        node("recipes", RecipeEntry.self, Trees.recipes), node("chunks", ChunkEntry.self, Trees.chunks),
        recipe,
        document("commit", .commit, Commit.init(payload:)) { $0.payload },
        document("run", .run, and: runs, Run.init(payload:)) { $0.payload },
        document("event", .event, and: events, Event.init(payload:)) { $0.payload }, lookups,
    ]

    /// Runs with every member that there is.
    private static let runs: [[UInt8]] = {
        let id = Trees.id(1).hex
        let run = """
            {"code":{"dirty":true,"patch":"\(id)","remote":"https://example.com/a.git","revision":"0f","system":"git"},\
            "command":{"arguments":["python3","train.py"],"directory":"src"},"ended":9,"environment":{"host":"h",\
            "memory":8589934592},"exitStatus":0,"inputCommits":[{"commit":"\(id)","path":"a"},{"commit":"\(id)",\
            "path":{"bytes":"/w=="}}],"inputs":"\(id)","metrics":{"loss":["float","-.5e-3"],"é":["list",[["null"]]]},\
            "observedBy":"strace","origin":"observed","outputs":"\(id)","parameters":{"a":["map",{"b":["bool","false"]}]},\
            "recorded":10,"signal":9,"started":8,"user":{"email":"","name":"Ada"}}
            """
        return [Array(run.utf8)]
    }()

    private static var lookups: FuzzedDecoder {
        FuzzedDecoder(
            name: "lookups", isJSON: true, tokens: ["absent", "copies", "links", "place", "bytes"],
            seeds: {
                let text = """
                    {"absent":["a",{"bytes":"/w=="}],"copies":[{"input":"a","place":"/b"}],"directories":["","d"],\
                    "less":["d/a"],"links":[{"place":"/l","target":{"bytes":"/w=="}},{"place":"l","target":"a"}],\
                    "more":["d/b"]}
                    """
                return [Array(text.utf8)]
            },
            decode: { bytes in
                let lookups: Lookups
                do throws(MalformedObject) { lookups = try Lookups(bytes) } catch { return .refused }
                try require(try Lookups(lookups.bytes) == lookups, "it is read otherwise than it is written")
                return .accepted
            })
    }

    private static let events: [[UInt8]] = {
        let (a, b, nonce) = (Trees.id(1).hex, Trees.id(2).hex, String(repeating: "0f", count: 16))
        let event = """
            {"actor":{"email":"a@b.c","name":"Ada"},"nonce":"\(nonce)","refs":[{"after":{"id":"\(a)","kind":"commit"},\
            "before":{"id":"\(b)","kind":"commit"},"name":"branches/main"},{"after":{"id":"\(a)","kind":"run"},\
            "name":"runs/1"},{"before":{"id":"\(b)","kind":"commit"},"name":"tags/v1"}],"time":1763888400,\
            "undoes":"\(a)","verb":"undo","workingCopy":"\(nonce)"}
            """
        return [Array(event.utf8)]
    }()

    private static var canonicalJSON: FuzzedDecoder {
        FuzzedDecoder(
            name: "canonical-json", isJSON: true,
            tokens: [
                "null", "true", "-0", "0.5", "1e3", "\\u0000", "\\u001f", "\\ud800", "\u{feff}", "\u{2028}",
            ],
            seeds: {
                [
                    Array("{\"a\":\"é\\n\",\"b\":1}".utf8),
                    Array("[[],{},\"\\u0001\\\\\\\"\",-9007199254740991,null]".utf8),
                    // The first name sorts before the second as UTF-16, not as UTF-8.
                    Array("{\"\u{1f600}\":[true,false],\"\u{e000}\":1}".utf8),
                ] + (try Sample.objects(of: .run)) + (try Sample.objects(of: .commit))
            },
            decode: { bytes in
                let value: JSONValue
                do throws(MalformedObject) { value = try JSONValue(canonical: bytes) } catch {
                    return .refused
                }
                try require(value.canonicalBytes == bytes, "another encoding was accepted")
                return .accepted
            })
    }

    /// Names, paths, ids, base64.
    private static var names: FuzzedDecoder {
        FuzzedDecoder(
            name: "names", sizeLimit: 8192,
            tokens: [
                ".git", ".mlrepo", "git~1", "mlrep~1", ".mlrepo-tmp-0123456789abcdef", "..", "/", "\u{200b}",
                "İ", ".",
            ],
            seeds: {
                [
                    "data/train/a.csv", "branches/main", String(repeating: "0a", count: 32), "QUJD",
                    "é\u{301}/x",
                ]
                .map { Array($0.utf8) } + [[0xff, 0xfe]]
            },
            decode: { bytes in
                let text = String(decoding: bytes, as: UTF8.self)
                var accepted = false
                if let path = try? RepositoryPath(bytes) {
                    accepted = true
                    try require(path.bytes == bytes, "a path that differs")
                    let json = path.json
                    let again = try? RepositoryPath(json: json, member: "path")
                    try require(again == path, "a path that JSON does not bring back")
                    try require(
                        path.isRoot || Array(path.names.map(\.bytes).joined(separator: [0x2f])) == bytes,
                        "other names")
                    for name in path.names {
                        try require((try? EntryName(name.bytes)) == name, "an invalid name in a path")
                    }
                }
                if let name = try? RefName(text) {
                    accepted = true
                    try require(
                        name.text.utf8.count <= RefName.byteLimit && name.text.utf8.allSatisfy { $0 < 0x80 },
                        "\(name)")
                }
                if let id = try? ObjectID(hex: text) {
                    accepted = true
                    try require(id.hex.utf8.elementsEqual(text.utf8), "an id of two texts")
                }
                if let decoded = Base64.decode(text) {
                    accepted = true
                    try require(Base64.encode(decoded).utf8.elementsEqual(text.utf8), "base64 of two forms")
                }
                try require(
                    escapedText(bytes).unicodeScalars.allSatisfy { $0.value >= 0x20 },
                    "a raw control character")
                return accepted ? .accepted : .refused
            })
    }

    // MARK: Nodes

    private static func node<Leaf: MerkleLeaf>(
        _ name: String, _ leaf: Leaf.Type, _ seeds: @escaping @Sendable () throws -> [[UInt8]]
    ) -> FuzzedDecoder {
        FuzzedDecoder(
            name: name, tokens: [".git", "branches/", "runs/", "/"], seeds: seeds,
            decode: { bytes in
                let node: MerkleNode<Leaf>
                do throws(MalformedObject) { node = try MerkleNode<Leaf>(payload: bytes) } catch {
                    return .refused
                }
                try require(node.payload == bytes, "another encoding was accepted")
                try check(node)
                return .accepted
            })
    }

    /// What the format says of a node.
    private static func check<Leaf: MerkleLeaf>(_ node: MerkleNode<Leaf>) throws {
        try require(node.elements.count <= 128, "a node of \(node.elements.count) elements")
        try require(node.summary != nil, "sizes that do not fit")
        for element in node.elements {
            try require(element.summary.entries >= 1, "an element without entries")
            if case .leaf(let leaf as TreeEntry) = element, leaf.mode != .directory {
                try require(leaf.size < 1 << 53, "a file of 2^53 bytes")
            }
            if case .leaf(let leaf as RefEntry) = element {
                let kind: ObjectKind = leaf.name.text.hasPrefix("runs/") ? .run : .commit
                try require(leaf.target.kind == kind, "\(leaf.name) names a \(leaf.target.kind)")
            }
        }
        try edit(node)
    }

    /// A hostile node may be the root that a commit goes on from.
    private static func edit<Leaf: MerkleLeaf>(_ node: MerkleNode<Leaf>) throws {
        guard let tree = node as? MerkleNode<TreeEntry> else { return }
        var objects = MemoryObjects()
        let root = objects.add(.tree, tree.payload)
        let edit = PathEdit(
            path: try RepositoryPath("zz/new"),
            entry: TreeEntry(name: try EntryName("new"), mode: .file, id: root, size: 5000))
        do throws(DirectoryTree.EditError<ReadError>) {
            _ = try DirectoryTree(root: root, reader: objects).editing([edit]) { (_, _) throws(ReadError) in }
        } catch {}
    }

    private static var recipe: FuzzedDecoder {
        FuzzedDecoder(
            name: "recipe",
            seeds: {
                try Sample.objects(of: .chunks).filter { $0.first == 1 }
                    + [2, 60, 300].map { count in
                        let chunks = Trees.chunks(count)
                        let length = chunks.reduce(0) { $0 + $1.length }
                        return Recipe.make(blob: Trees.id(1), length: length, cutRule: 1, chunks: chunks)
                            .recipe.payload
                    }
            },
            decode: { bytes in
                let recipe: Recipe
                do throws(MalformedObject) { recipe = try Recipe(payload: bytes) } catch { return .refused }
                try require(recipe.payload == bytes, "another encoding was accepted")
                try require(
                    recipe.root.elements.count > 1 && recipe.root.summary?.bytes == recipe.length,
                    "a wrong sum")
                try check(recipe.root)
                do throws(ReadError) {
                    try recipe.forEachChunk(in: MemoryObjects()) { _ throws(ReadError) in }
                } catch {}
                return .accepted
            })
    }

    // MARK: Documents

    private static func document<Value: Equatable & Sendable>(
        _ name: String, _ kind: ObjectKind, and more: [[UInt8]] = [],
        _ decode: @escaping @Sendable ([UInt8]) throws(MalformedObject) -> Value,
        _ encode: @escaping @Sendable (Value) -> [UInt8]
    ) -> FuzzedDecoder {
        FuzzedDecoder(
            name: name, isJSON: true,
            tokens: [
                "null", "[\"int\",\"1\"]", "[\"float\",\".\"]", "{\"bytes\":\"/w==\"}", "\u{212a}",
                "e\u{301}",
            ],
            seeds: { try Sample.objects(of: kind) + more },
            decode: { bytes in
                let value: Value
                do throws(MalformedObject) { value = try decode(bytes) } catch { return .refused }
                // Members that this version does not know are ignored, so the value is compared, not the bytes.
                let encoded = encode(value)
                let again: Value
                do throws(MalformedObject) { again = try decode(encoded) } catch {
                    throw Violation("what it encodes to is refused: \(error)")
                }
                try require(
                    again == value && encode(again) == encoded, "encoded and decoded it is another value")
                if let run = value as? Run { try check(run) }
                if let commit = value as? Commit {
                    try require(commit.authored >= 0 && commit.committed >= 0, "a time below 0")
                }
                if let event = value as? Event { try require(event.time >= 0, "a time below 0") }
                return .accepted
            })
    }

    private static func check(_ run: Run) throws {
        let times = [
            run.recorded, run.started ?? 0, run.ended ?? 0, run.exitStatus ?? 0, (run.signal ?? 1) - 1,
        ]
        try require(times.allSatisfy { $0 >= 0 }, "a number below its least")
    }
}

/// Nodes of every kind.
enum Trees {
    static func id(_ number: Int) -> ObjectID { ObjectID(of: .blob, payload: Array("\(number)".utf8)) }

    static func chunks(_ count: Int) -> [ChunkEntry] {
        (0..<count).map { ChunkEntry(id: id($0), length: 1 + $0 * 977) }
    }

    @Sendable static func tree() throws -> [[UInt8]] {
        try Sample.objects(of: .tree)
            + nodes(
                (0..<200).map { number in
                    let mode: EntryMode = [.file, .executable, .link, .directory][number % 4]
                    return TreeEntry(
                        name: try EntryName("name-\(1000 + number)"), mode: mode, id: id(number),
                        size: mode == .link ? 10 : 1 << (number % 50), files: mode == .directory ? number : 1)
                })
    }

    @Sendable static func refs() throws -> [[UInt8]] {
        try Sample.objects(of: .refs)
            + nodes(
                (0..<200).map { number in
                    let group = number < 100 ? "branches" : "runs"
                    return RefEntry(
                        name: try RefName("\(group)/b\(1000 + number)"),
                        target: ObjectReference(number < 100 ? .commit : .run, id(number)))
                })
    }

    @Sendable static func recipes() throws -> [[UInt8]] {
        nodes((0..<200).map { RecipeEntry(blob: id($0), recipe: id($0 + 1)) }.sorted { $0.blob < $1.blob })
    }

    @Sendable static func chunks() throws -> [[UInt8]] {
        nodes(chunks(300)).filter { $0.first == 0 }
    }

    private static func nodes<Leaf: MerkleLeaf>(_ leaves: [Leaf]) -> [[UInt8]] {
        BuiltTree(leaves: leaves).nodes.map(\.payload) + [MerkleNode<Leaf>.empty.payload]
    }
}
