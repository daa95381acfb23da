/// Walks through little-endian numbers and what they measure.
struct LittleEndianReader {
    private let bytes: [UInt8]
    private(set) var offset: Int

    init(_ bytes: [UInt8], at offset: Int = 0) { (self.bytes, self.offset) = (bytes, offset) }

    /// The end came too early.
    struct Short: Error {}

    /// Bytes that are left.
    var rest: Int { bytes.count - offset }

    mutating func number<Word: FixedWidthInteger>(_: Word.Type) throws(Short) -> Word {
        let range = try skip(Word.bitWidth / 8)
        return bytes[range].reversed().reduce(0) { $0 << 8 | Word(truncatingIfNeeded: $1) }
    }

    /// A number of 64 bits as a count.
    mutating func count() throws(Short) -> Int {
        guard let count = Int(exactly: try number(UInt64.self)) else { throw Short() }
        return count
    }

    /// Passes over some bytes.
    ///
    /// - Returns: Where they lie.
    @discardableResult
    mutating func skip(_ count: Int) throws(Short) -> Range<Int> {
        guard count >= 0, count <= rest else { throw Short() }
        defer { offset += count }
        return offset..<offset + count
    }
}
