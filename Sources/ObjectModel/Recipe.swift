/// How a blob above one chunk is put together (`Documentation/Formats/merkle-tree.md`, "Recipes").
package struct Recipe: Hashable, Sendable {
    /// SHA-256 of the whole file.
    package let blob: ObjectID
    /// Of the file, in bytes.
    package let length: Int
    /// The rule that the file was cut by; 0 if unknown.
    package let cutRule: Int
    package let root: MerkleNode<ChunkEntry>

    /// A recipe and the nodes below its root, which are to be stored with it.
    package static func make(
        blob: ObjectID, length: Int, cutRule: Int, chunks: [ChunkEntry]
    ) -> (recipe: Recipe, nodes: [(id: ObjectID, payload: [UInt8])]) {
        let built = BuiltTree(leaves: chunks)
        let recipe = Recipe(blob: blob, length: length, cutRule: cutRule, root: built.rootNode)
        return (recipe, built.nodes.dropLast())
    }

    private init(blob: ObjectID, length: Int, cutRule: Int, root: MerkleNode<ChunkEntry>) {
        self.blob = blob
        self.length = length
        self.cutRule = cutRule
        self.root = root
    }

    package var payload: [UInt8] {
        var writer = ByteWriter()
        writer.u8(1)
        writer.id(blob)
        writer.varint(length)
        writer.varint(cutRule)
        root.write(to: &writer)
        return writer.bytes
    }

    package init(payload: [UInt8]) throws(MalformedObject) {
        guard payload.count <= ObjectKind.chunks.payloadLimit else {
            throw .tooLarge(payload.count, limit: ObjectKind.chunks.payloadLimit)
        }
        var reader = ByteReader(payload)
        guard try reader.u8("the form") == 1 else { throw .node("it is not a recipe") }
        blob = try reader.id("the blob's id")
        length = try reader.varint("the length")
        cutRule = try reader.varint("the cut rule")
        root = try MerkleNode(from: &reader)
        try reader.end()
        guard length < 1 << 53, root.elements.count > 1, root.summary?.bytes == length else {
            throw .node("lengths of chunks do not add up")
        }
    }

    /// Hands out the chunks in order.
    package func forEachChunk(
        in reader: any ObjectReader, _ body: (ChunkEntry) throws(ReadError) -> Void
    ) throws(ReadError) {
        try Self.visit(root, MerkleTree(root: MerkleTree<ChunkEntry>.emptyRoot, reader: reader), body)
    }

    /// The chunks that begin before an offset.
    package func chunks(
        before offset: Int, in reader: any ObjectReader
    ) throws(ReadError) -> [ChunkEntry] {
        var chunks: [ChunkEntry] = []
        var start = 0
        try Self.first(
            root, MerkleTree(root: MerkleTree<ChunkEntry>.emptyRoot, reader: reader), before: offset, &start,
            &chunks)
        return chunks
    }

    private static func first(
        _ node: MerkleNode<ChunkEntry>, _ tree: MerkleTree<ChunkEntry>, before offset: Int,
        _ start: inout Int, _ chunks: inout [ChunkEntry]
    ) throws(ReadError) {
        for element in node.elements where start < offset {
            if case .leaf(let chunk) = element {
                chunks.append(chunk)
                start += chunk.length
            } else {
                try first(try tree.child(of: node, element), tree, before: offset, &start, &chunks)
            }
        }
    }

    private static func visit(
        _ node: MerkleNode<ChunkEntry>, _ tree: MerkleTree<ChunkEntry>,
        _ body: (ChunkEntry) throws(ReadError) -> Void
    ) throws(ReadError) {
        for element in node.elements {
            if case .leaf(let chunk) = element {
                try body(chunk)
            } else {
                try visit(try tree.child(of: node, element), tree, body)
            }
        }
    }
}
