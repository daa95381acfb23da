import Hashing
import ObjectModel
import TestSupport
import Testing

@Suite struct MerkleShapeTests {
    private func leaf(_ text: String) throws -> TreeEntry {
        TreeEntry(
            name: try EntryName(text), mode: .file, id: ObjectID(of: .blob, payload: Array(text.utf8)),
            size: text.utf8.count)
    }

    @Test(arguments: [0, 1, 2, 129, 5000]) func `a tree that was built has its shape`(count: Int) throws {
        var objects = MemoryObjects()
        let names = (0..<count).map { "file \($0)" }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let built = BuiltTree(leaves: try names.map(leaf))
        for node in built.nodes { objects.add(.tree, node.payload) }
        var shape = MerkleShape<TreeEntry>(reader: objects)
        #expect(try shape.problem(of: built.root) == nil)
        #expect(try shape.summary(of: built.root).files == count)
    }

    @Test func `a sequence with long runs that were split has its shape`() throws {
        var objects = MemoryObjects()
        // No id ends a node by itself, so that all of it is one run.
        let ids = (0..<3000).map { ObjectID(of: .blob, payload: Array("\($0)".utf8)) }.filter {
            $0.digest.trailingZeroBits < 5
        }
        let built = BuiltTree(leaves: ids.map { ChunkEntry(id: $0, length: 1) })
        for node in built.nodes { objects.add(.chunks, node.payload) }
        var shape = MerkleShape<ChunkEntry>(reader: objects)
        #expect(try shape.problem(of: built.root) == nil)
    }

    /// A tree of one inner node over leaves that are given.
    private func tree(_ leaves: [[TreeEntry]], in objects: inout MemoryObjects) -> ObjectID {
        var root = ByteWriter()
        root.u8(1)
        root.varint(leaves.count)
        for entries in leaves {
            var node = ByteWriter()
            node.u8(0)
            node.varint(entries.count)
            for entry in entries { entry.write(to: &node) }
            TreeEntry.writeKey(entries.last?.key ?? [], to: &root)
            root.id(objects.add(.tree, node.bytes))
            let bytes = entries.reduce(0) { $0 + $1.size }
            TreeEntry.writeSummary(
                MerkleSummary(entries: entries.count, files: entries.count, bytes: bytes), to: &root)
        }
        return objects.add(.tree, root.bytes)
    }

    @Test func `nodes that end elsewhere, a needless root and keys that fall are problems`() throws {
        var objects = MemoryObjects()
        let (a, b, c) = (try leaf("a"), try leaf("b"), try leaf("c"))
        let split = tree([[a, b], [c]], in: &objects)
        let lonely = tree([[a, b, c]], in: &objects)
        let twice = tree([[b], [a, c]], in: &objects)
        var shape = MerkleShape<TreeEntry>(reader: objects)
        #expect(try shape.problem(of: split) == "nodes of level 0 end where its elements say otherwise")
        #expect(try shape.problem(of: lonely) == "its root has level 1 and one element only")
        #expect(try shape.problem(of: twice) == "keys that do not rise from node to node")
    }
}
