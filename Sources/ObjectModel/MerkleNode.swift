internal import Hashing

/// What lies beneath an element of a Merkle tree.
package struct MerkleSummary: Hashable, Sendable {
    /// Leaf elements of this tree.
    package var entries: Int
    /// Files and links, in directories beneath too.
    package var files: Int
    /// Bytes of those, or of the chunks of a sequence.
    package var bytes: Int

    package init(entries: Int = 0, files: Int = 0, bytes: Int = 0) {
        self.entries = entries
        self.files = files
        self.bytes = bytes
    }

    /// The sum, or nothing where it would not fit: a hostile node may claim anything.
    func adding(_ other: Self) -> Self? {
        let entries = self.entries.addingReportingOverflow(other.entries)
        let files = self.files.addingReportingOverflow(other.files)
        let bytes = self.bytes.addingReportingOverflow(other.bytes)
        guard !entries.overflow, !files.overflow, !bytes.overflow else { return nil }
        return Self(entries: entries.partialValue, files: files.partialValue, bytes: bytes.partialValue)
    }
}

/// An element of a leaf: what a Merkle tree is a collection of (`Documentation/Formats/merkle-tree.md`).
package protocol MerkleLeaf: Hashable, Sendable {
    static var kind: ObjectKind { get }
    /// Maps have keys that rise; a sequence's elements stand in their own order and have no keys.
    static var isMap: Bool { get }
    /// The key in a map; empty in a sequence.
    var key: [UInt8] { get }
    /// The number that decides whether a node ends here, in a sequence.
    var id: ObjectID { get }
    var summary: MerkleSummary { get }

    init(from reader: inout ByteReader) throws(MalformedObject)
    func write(to writer: inout ByteWriter)

    /// The last key of an inner element.
    static func readKey(from reader: inout ByteReader) throws(MalformedObject) -> [UInt8]
    static func writeKey(_ key: [UInt8], to writer: inout ByteWriter)
    /// The summary of an inner element, of which each kind keeps its own fields.
    static func readSummary(from reader: inout ByteReader) throws(MalformedObject) -> MerkleSummary
    static func writeSummary(_ summary: MerkleSummary, to writer: inout ByteWriter)
}

/// An element of a node: a leaf element, or a node one level below.
package enum MerkleElement<Leaf: MerkleLeaf>: Hashable, Sendable {
    case leaf(Leaf)
    case child(lastKey: [UInt8], id: ObjectID, summary: MerkleSummary)

    package var key: [UInt8] {
        switch self {
        case .leaf(let leaf): leaf.key
        case .child(let lastKey, _, _): lastKey
        }
    }

    package var summary: MerkleSummary {
        switch self {
        case .leaf(let leaf): leaf.summary
        case .child(_, _, let summary): summary
        }
    }

    /// h(e) of the format: where its end has enough zero bits, a node ends.
    var cutNumber: Digest {
        if Leaf.isMap { return SHA256.digest(of: key) }
        switch self {
        case .leaf(let leaf): return leaf.id.digest
        case .child(_, let id, _): return id.digest
        }
    }
}

/// A node of a Merkle tree, as it is encoded.
package struct MerkleNode<Leaf: MerkleLeaf>: Hashable, Sendable {
    package static var levelLimit: Int { 15 }

    /// 0 for leaves.
    package let level: Int
    package let elements: [MerkleElement<Leaf>]

    package static var empty: Self { Self(level: 0, elements: []) }

    init(level: Int, elements: [MerkleElement<Leaf>]) {
        self.level = level
        self.elements = elements
    }

    /// Everything beneath this node; nothing if the numbers do not fit.
    package var summary: MerkleSummary? {
        var sum: MerkleSummary? = MerkleSummary()
        for element in elements { sum = sum?.adding(element.summary) }
        return sum
    }

    /// The object's payload.
    ///
    /// Chunk sequences have a byte in front that tells their nodes from recipes.
    package var payload: [UInt8] {
        var writer = ByteWriter(reserving: 64 * elements.count + 8)
        if Leaf.kind == .chunks { writer.u8(0) }
        write(to: &writer)
        return writer.bytes
    }

    package func write(to writer: inout ByteWriter) {
        writer.u8(UInt8(level))
        writer.varint(elements.count)
        for element in elements {
            switch element {
            case .leaf(let leaf): leaf.write(to: &writer)
            case .child(let lastKey, let id, let summary):
                Leaf.writeKey(lastKey, to: &writer)
                writer.id(id)
                Leaf.writeSummary(summary, to: &writer)
            }
        }
    }

    package init(payload: [UInt8]) throws(MalformedObject) {
        guard payload.count <= Leaf.kind.payloadLimit else {
            throw .tooLarge(payload.count, limit: Leaf.kind.payloadLimit)
        }
        var reader = ByteReader(payload)
        if Leaf.kind == .chunks, try reader.u8("the form") != 0 {
            throw .node("it is not a node of a chunk sequence")
        }
        try self.init(from: &reader)
        try reader.end()
    }

    package init(from reader: inout ByteReader) throws(MalformedObject) {
        level = Int(try reader.u8("the level"))
        guard level <= Self.levelLimit else { throw .node("level \(level)") }
        let count = try reader.varint("the count")
        guard count > 0 || level == 0 else { throw .node("an inner node without elements") }
        guard count <= MerkleCuts.nodeLimit else { throw .node("a node of \(count) elements") }
        // Every element takes at least 33 bytes, so a lying count cannot make us allocate.
        guard count <= reader.remaining / 33 else { throw .truncated("the elements", offset: reader.offset) }
        var elements: [MerkleElement<Leaf>] = []
        elements.reserveCapacity(count)
        for _ in 0..<count {
            let element: MerkleElement<Leaf>
            if level == 0 {
                element = .leaf(try Leaf(from: &reader))
            } else {
                let key = try Leaf.readKey(from: &reader)
                let id = try reader.id("an id")
                let summary = try Leaf.readSummary(from: &reader)
                guard summary.entries > 0 else { throw .node("an element without entries") }
                element = .child(lastKey: key, id: id, summary: summary)
            }
            if Leaf.isMap, let last = elements.last, !last.key.lexicographicallyPrecedes(element.key) {
                throw .node("keys that do not rise")
            }
            elements.append(element)
        }
        self.elements = elements
        guard summary != nil else { throw .node("sizes that do not fit") }
    }
}
