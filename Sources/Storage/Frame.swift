internal import Coding
package import ObjectModel

/// Whether objects are history or content: frames never mix the two.
package enum FrameClass: UInt8, Sendable {
    case metadata = 1
    case data = 2

    package init(_ kind: ObjectKind) { self = kind == .blob ? .data : .metadata }
}

/// The header of a frame, as it lies in a pack (`Documentation/Formats/pack.md`, "Frame").
struct FrameHeader: Equatable {
    static let magic: [UInt8] = [0x4d, 0x4c, 0x46, 0x31]
    static let byteCount = 28
    /// The most raw bytes of a frame.
    static let rawLimit = 4 << 20
    static let objectLimit = 65_536
    /// A number, bases and another number, then at most ten bytes an object.
    static let tableLimit = 1 + 33 * Codec.baseLimit + 3 + 10 * objectLimit
    static let alignment = 4096
    /// Raw frames from this size on begin at a multiple of ``alignment``.
    static let alignedSize = 1 << 20

    var codec: UInt8
    var frameClass: UInt8
    var padding: Int
    var tableLength: Int
    var storedLength: Int
    var rawLength: Int
    var storedChecksum: UInt32
    var checksum: UInt32

    /// The length of the frame in the file.
    var totalLength: Int { Self.byteCount + tableLength + padding + storedLength }
    var storedOffset: Int { Self.byteCount + tableLength + padding }

    /// Reads a header, without looking at what follows it.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.byteCount, bytes.prefix(4).elementsEqual(Self.magic) else { return nil }
        codec = bytes[4]
        frameClass = bytes[5]
        padding = Int(bytes.u16(at: 6))
        tableLength = Int(bytes.u32(at: 8))
        storedLength = Int(bytes.u32(at: 12))
        rawLength = Int(bytes.u32(at: 16))
        storedChecksum = bytes.u32(at: 20)
        checksum = bytes.u32(at: 24)
        guard padding < Self.alignment, rawLength <= Self.rawLimit, storedLength <= rawLength,
            tableLength <= Self.tableLimit
        else { return nil }
    }
}

/// What a frame's table says.
struct FrameTable: Equatable {
    /// Of a codec that has one base, that one.
    var bases: [ObjectReference]
    var objects: [(kind: ObjectKind, length: Int)]

    static func == (a: Self, b: Self) -> Bool {
        a.bases == b.bases
            && a.objects.elementsEqual(b.objects) { $0.kind == $1.kind && $0.length == $1.length }
    }

    private let codec: Codec

    /// Whether the number of bases is written: it is where a codec may have several.
    private var hasBaseCount: Bool { codec.baseCounts.count > 1 }

    init(codec: Codec, bases: [ObjectReference], objects: [(kind: ObjectKind, length: Int)]) {
        self.codec = codec
        self.bases = bases
        self.objects = objects
    }

    init(_ bytes: [UInt8], codec: Codec, frameClass: FrameClass, rawLength: Int) throws(MalformedObject) {
        var reader = ByteReader(bytes)
        self.codec = codec
        (self.bases, objects) = ([], [])
        let baseCount =
            hasBaseCount ? try reader.varint("the number of bases") : codec.baseCounts.upperBound
        guard codec.baseCounts.contains(baseCount) else { throw .node("a frame with \(baseCount) bases") }
        for _ in 0..<baseCount {
            let kind = try Self.kind(&reader)
            self.bases.append(ObjectReference(kind, try reader.id("the base")))
            guard FrameClass(kind) == frameClass else { throw .node("a base of another class") }
        }
        let count = try reader.varint("the number of objects")
        guard count >= 1, count <= FrameHeader.objectLimit, count <= reader.remaining / 2 else {
            throw .node("a frame of \(count) objects")
        }
        objects.reserveCapacity(count)
        var sum = 0
        for _ in 0..<count {
            let kind = try Self.kind(&reader)
            let length = try reader.varint("a length")
            guard FrameClass(kind) == frameClass else { throw .node("an object of another class") }
            guard length <= rawLength - sum else { throw .node("objects that are longer than the frame") }
            sum += length
            objects.append((kind, length))
        }
        guard sum == rawLength else { throw .node("objects that are shorter than the frame") }
        try reader.end()
    }

    private static func kind(_ reader: inout ByteReader) throws(MalformedObject) -> ObjectKind {
        let number = try reader.u8("a kind")
        guard let kind = ObjectKind(rawValue: number) else { throw .node("an object of kind \(number)") }
        return kind
    }

    /// What is wrong where bases are not of a length that the format allows.
    var badBases: String { "bases without bytes, or with more than \(codec.baseByteLimit >> 20) MiB" }

    /// The bytes of all bases.
    ///
    /// - Parameter payload: Hands out an object.
    /// - Returns: Nothing if one has no bytes, or all together have too many.
    func baseBytes<Failure: Error>(
        _ payload: (ObjectReference) throws(Failure) -> ArraySlice<UInt8>
    ) throws(Failure) -> BaseBytes? {
        var bytes = BaseBytes()
        for base in bases {
            let more = try payload(base)
            guard !more.isEmpty, bytes.count + more.count <= codec.baseByteLimit else { return nil }
            bytes.append(more)
        }
        return bytes
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        if hasBaseCount { writer.varint(bases.count) }
        for base in bases {
            writer.u8(base.kind.rawValue)
            writer.id(base.id)
        }
        writer.varint(objects.count)
        for object in objects {
            writer.u8(object.kind.rawValue)
            writer.varint(object.length)
        }
        return writer.bytes
    }
}

/// A frame that is ready to be appended to a pack.
package struct EncodedFrame: Sendable {
    /// An object with its place in the raw bytes, and the blob that it is the recipe of.
    typealias Object = (reference: ObjectReference, offset: Int, length: Int, recipeOf: ObjectID?)

    let codec: Codec
    let frameClass: FrameClass
    let bases: [ObjectReference]
    let table: [UInt8]
    let stored: [UInt8]
    let rawLength: Int
    let objects: [Object]
    /// Where the stored bytes lie already, if they were copied.
    let origin: Origin?

    /// A place in the file of another pack.
    struct Origin: Sendable {
        let pack: PackName
        let offset: Int
    }

    init(
        codec: Codec, frameClass: FrameClass, bases: [ObjectReference], table: [UInt8], stored: [UInt8],
        rawLength: Int, objects: [Object], origin: Origin? = nil
    ) {
        self.codec = codec
        self.frameClass = frameClass
        self.bases = bases
        self.table = table
        self.stored = stored
        self.rawLength = rawLength
        self.objects = objects
        self.origin = origin
    }

    /// Its length in a pack, without padding.
    package var storedLength: Int { FrameHeader.byteCount + table.count + stored.count }

    /// A frame as it lies in another pack; its bases lie in this one, or anywhere if it is a difference.
    init(copying raw: PackReader.RawFrame, objects: [Object], from origin: Origin? = nil) {
        self.init(
            codec: raw.codec, frameClass: raw.frameClass, bases: raw.table.bases, table: raw.table.bytes,
            stored: Array(raw.stored), rawLength: raw.rawLength, objects: objects, origin: origin)
    }

    /// The bytes before the stored ones, for a frame that begins at an offset in a file.
    func header(at offset: Int) -> [UInt8] {
        var padding = 0
        if codec == .raw, rawLength >= FrameHeader.alignedSize {
            let start = offset + FrameHeader.byteCount + table.count
            padding = (FrameHeader.alignment - start % FrameHeader.alignment) % FrameHeader.alignment
        }
        var bytes = FrameHeader.magic
        bytes.append(codec.rawValue)
        bytes.append(frameClass.rawValue)
        bytes.appendLittleEndian(UInt16(padding))
        bytes.appendLittleEndian(UInt32(table.count))
        bytes.appendLittleEndian(UInt32(stored.count))
        bytes.appendLittleEndian(UInt32(rawLength))
        bytes.appendLittleEndian(CRC32.of(stored))
        let checksum = table.withUnsafeBytes { CRC32.of($0, continuing: CRC32.of(bytes)) }
        bytes.appendLittleEndian(checksum)
        return bytes + table + [UInt8](repeating: 0, count: padding)
    }
}

extension UnsafeRawBufferPointer {
    // Bounds are checked by the slicing of the callers, which know the sizes of the structures they read.
    func u16(at offset: Int) -> UInt16 {
        UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
    func u32(at offset: Int) -> UInt32 {
        UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
    func u64(at offset: Int) -> UInt64 {
        UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}

extension [UInt8] {
    mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
