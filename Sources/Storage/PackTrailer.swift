internal import Coding
internal import ObjectModel

/// The last 64 bytes of a pack: where its index lies and how large it is (`Documentation/Formats/pack.md`, "Trailer").
struct PackTrailer: Equatable {
    static let byteCount = 64
    static let magic: [UInt8] = [0x4d, 0x4c, 0x50, 0x31]
    static let frameSize = 16
    static let baseSize = 36
    static let entrySize = 48

    /// Where frames end and the index begins.
    let start: Int
    let frameCount: Int
    let baseCount: Int
    let entryCount: Int
    /// Sum of the raw lengths of all frames.
    let rawLength: Int
    /// CRC-32 of the index.
    let indexChecksum: UInt32

    /// Reads a trailer and checks that it fits a file of `length` bytes.
    init(_ bytes: [UInt8], length: Int) throws(MalformedObject) {
        guard bytes.count == Self.byteCount else { throw .truncated("the trailer", offset: length) }
        let fields = bytes.withUnsafeBytes { bytes in
            (
                start: bytes.u64(at: 0), frames: bytes.u32(at: 8), bases: bytes.u32(at: 12),
                entries: bytes.u64(at: 16),
                raw: bytes.u64(at: 24), version: bytes.u32(at: 48), index: bytes.u32(at: 52),
                checksum: bytes.u32(at: 56)
            )
        }
        guard bytes.suffix(4).elementsEqual(Self.magic) else { throw .pack("it does not end as a pack does") }
        guard CRC32.of(Array(bytes[..<56])) == fields.checksum else {
            throw .pack("the trailer's checksum is wrong")
        }
        guard fields.version == 1 else { throw .pack("it has version \(fields.version)") }
        guard bytes[32..<48].allSatisfy({ $0 == 0 }) else {
            throw .pack("the trailer has bytes that should be zero")
        }
        guard fields.start < 1 << 40, fields.entries < 1 << 32, fields.raw < 1 << 60 else {
            throw .pack("the trailer's numbers are too large")
        }
        (start, frameCount, baseCount) = (Int(fields.start), Int(fields.frames), Int(fields.bases))
        (entryCount, rawLength, indexChecksum) = (Int(fields.entries), Int(fields.raw), fields.index)
        guard start + indexLength + Self.byteCount == length, frameCount > 0, entryCount > 0 else {
            throw .pack("the trailer's numbers do not add up")
        }
    }

    var indexLength: Int {
        frameCount * Self.frameSize + baseCount * Self.baseSize + entryCount * Self.entrySize
    }
    var entriesStart: Int { start + frameCount * Self.frameSize + baseCount * Self.baseSize }
}
