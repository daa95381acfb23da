internal import Hashing

/// How an entry of a directory is to be understood; the raw value is its byte in a node.
package enum EntryMode: UInt8, Sendable {
    case file = 1
    /// A file with the owner's execute bit.
    case executable = 2
    /// A symbolic link; the blob is its target.
    case link = 3
    case directory = 4

    /// The kind of what the entry refers to.
    package var kind: ObjectKind { self == .directory ? .tree : .blob }
}

/// An entry of a directory.
package struct TreeEntry: MerkleLeaf {
    package let name: EntryName
    package let mode: EntryMode
    package let id: ObjectID
    /// Bytes of the file or link, or of all files and links beneath.
    package let size: Int
    /// Files and links beneath a directory; 1 for everything else.
    package let files: Int

    package init(name: EntryName, mode: EntryMode, id: ObjectID, size: Int, files: Int = 1) {
        self.name = name
        self.mode = mode
        self.id = id
        self.size = size
        self.files = files
    }

    /// Whether another entry is a file, link or directory of the same content: the x bit is none of it.
    package func hasContent(of other: TreeEntry) -> Bool {
        func isFile(_ mode: EntryMode) -> Bool { mode == .file || mode == .executable }
        return id == other.id && (mode == other.mode || (isFile(mode) && isFile(other.mode)))
    }

    package static var kind: ObjectKind { .tree }
    package static var isMap: Bool { true }
    package var key: [UInt8] { name.bytes }
    package var reference: ObjectReference { ObjectReference(mode.kind, id) }
    package var summary: MerkleSummary { MerkleSummary(entries: 1, files: files, bytes: size) }

    package init(from reader: inout ByteReader) throws(MalformedObject) {
        let bytes = try reader.take(try reader.varint("a name"), "a name")
        do throws(InvalidName) { name = try EntryName(bytes) } catch { throw .name(error) }
        let byte = try reader.u8("a mode")
        guard let mode = EntryMode(rawValue: byte) else { throw .node("mode \(byte)") }
        self.mode = mode
        id = try reader.id("an id")
        size = try reader.varint("a size")
        files = mode == .directory ? try reader.varint("a number of files") : 1
        if mode == .directory, id == DirectoryTree.emptyRoot, size != 0 || files != 0 {
            throw .node("an empty directory of \(files) files and \(size) bytes")
        }
        if mode == .link, size < 1 || size > 4095 { throw .node("a link of \(size) bytes") }
        if mode != .directory, size >= 1 << 53 { throw .node("a file of \(size) bytes") }
    }

    package func write(to writer: inout ByteWriter) {
        Self.writeKey(name.bytes, to: &writer)
        writer.u8(mode.rawValue)
        writer.id(id)
        writer.varint(size)
        if mode == .directory { writer.varint(files) }
    }

    package static func readKey(from reader: inout ByteReader) throws(MalformedObject) -> [UInt8] {
        let bytes = try reader.take(try reader.varint("a name"), "a name")
        do throws(InvalidName) { return try EntryName(bytes).bytes } catch { throw .name(error) }
    }

    package static func writeKey(_ key: [UInt8], to writer: inout ByteWriter) {
        writer.varint(key.count)
        writer.raw(key)
    }

    package static func readSummary(from reader: inout ByteReader) throws(MalformedObject) -> MerkleSummary {
        MerkleSummary(
            entries: try reader.varint("entries"), files: try reader.varint("files"),
            bytes: try reader.varint("bytes"))
    }

    package static func writeSummary(_ summary: MerkleSummary, to writer: inout ByteWriter) {
        writer.varint(summary.entries)
        writer.varint(summary.files)
        writer.varint(summary.bytes)
    }
}

/// One ref: a name and what it stands for.
package struct RefEntry: MerkleLeaf {
    package let name: RefName
    package let target: ObjectReference

    package init(name: RefName, target: ObjectReference) {
        self.name = name
        self.target = target
    }

    package static var kind: ObjectKind { .refs }
    package static var isMap: Bool { true }
    package var key: [UInt8] { Array(name.text.utf8) }
    package var id: ObjectID { target.id }
    package var summary: MerkleSummary { MerkleSummary(entries: 1) }

    package init(from reader: inout ByteReader) throws(MalformedObject) {
        name = try Self.refName(from: &reader)
        let number = try reader.u8("a kind")
        guard let kind = ObjectKind(rawValue: number) else { throw .node("kind \(number)") }
        guard kind == name.targetKind else { throw .node("a ref \(name) to a \(kind.name)") }
        target = ObjectReference(kind, try reader.id("an id"))
        if let statement = name.statement, statement.id != target.id {
            throw .node("a ref \(name) to another statement")
        }
    }

    package func write(to writer: inout ByteWriter) {
        Self.writeKey(key, to: &writer)
        writer.u8(target.kind.rawValue)
        writer.id(target.id)
    }

    private static func refName(from reader: inout ByteReader) throws(MalformedObject) -> RefName {
        let bytes = try reader.take(try reader.varint("a name"), "a name")
        let name: RefName
        do throws(InvalidName) { name = try RefName(String(decoding: bytes, as: UTF8.self)) } catch {
            throw .name(error)
        }
        guard name.targetKind != nil else {
            throw .name(InvalidName(bytes: Array(bytes), problem: .refName))
        }
        return name
    }

    package static func readKey(from reader: inout ByteReader) throws(MalformedObject) -> [UInt8] {
        Array(try refName(from: &reader).text.utf8)
    }

    package static func writeKey(_ key: [UInt8], to writer: inout ByteWriter) {
        TreeEntry.writeKey(key, to: &writer)
    }

    package static func readSummary(from reader: inout ByteReader) throws(MalformedObject) -> MerkleSummary {
        MerkleSummary(entries: try reader.varint("entries"))
    }

    package static func writeSummary(_ summary: MerkleSummary, to writer: inout ByteWriter) {
        writer.varint(summary.entries)
    }
}

/// Which recipe yields a large blob.
package struct RecipeEntry: MerkleLeaf {
    package let blob: ObjectID
    /// An object of kind `chunks`.
    package let recipe: ObjectID

    package init(blob: ObjectID, recipe: ObjectID) {
        self.blob = blob
        self.recipe = recipe
    }

    package static var kind: ObjectKind { .recipes }
    package static var isMap: Bool { true }
    package var key: [UInt8] { blob.digest.bytes }
    package var id: ObjectID { recipe }
    package var summary: MerkleSummary { MerkleSummary(entries: 1) }

    package init(from reader: inout ByteReader) throws(MalformedObject) {
        blob = try reader.id("a blob's id")
        recipe = try reader.id("a recipe's id")
    }

    package func write(to writer: inout ByteWriter) {
        writer.id(blob)
        writer.id(recipe)
    }

    package static func readKey(from reader: inout ByteReader) throws(MalformedObject) -> [UInt8] {
        try reader.id("a blob's id").digest.bytes
    }

    package static func writeKey(_ key: [UInt8], to writer: inout ByteWriter) { writer.raw(key) }

    package static func readSummary(from reader: inout ByteReader) throws(MalformedObject) -> MerkleSummary {
        try RefEntry.readSummary(from: &reader)
    }

    package static func writeSummary(_ summary: MerkleSummary, to writer: inout ByteWriter) {
        RefEntry.writeSummary(summary, to: &writer)
    }
}

/// A chunk of a large blob.
package struct ChunkEntry: MerkleLeaf {
    /// A blob of its own.
    package let id: ObjectID
    /// In bytes, at least 1.
    package let length: Int

    package init(id: ObjectID, length: Int) {
        self.id = id
        self.length = length
    }

    package static var kind: ObjectKind { .chunks }
    package static var isMap: Bool { false }
    package var key: [UInt8] { [] }
    package var summary: MerkleSummary { MerkleSummary(entries: 1, bytes: length) }

    package init(from reader: inout ByteReader) throws(MalformedObject) {
        id = try reader.id("a chunk's id")
        length = try reader.varint("a chunk's length")
        guard length > 0, length <= ObjectKind.blob.payloadLimit else {
            throw .node("a chunk of \(length) bytes")
        }
    }

    package func write(to writer: inout ByteWriter) {
        writer.id(id)
        writer.varint(length)
    }

    package static func readKey(from reader: inout ByteReader) throws(MalformedObject) -> [UInt8] { [] }
    package static func writeKey(_ key: [UInt8], to writer: inout ByteWriter) {}

    package static func readSummary(from reader: inout ByteReader) throws(MalformedObject) -> MerkleSummary {
        MerkleSummary(entries: try reader.varint("entries"), bytes: try reader.varint("bytes"))
    }

    package static func writeSummary(_ summary: MerkleSummary, to writer: inout ByteWriter) {
        writer.varint(summary.entries)
        writer.varint(summary.bytes)
    }
}
