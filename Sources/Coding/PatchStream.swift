/// The head of a stream of codec 5 (`Documentation/Formats/patch.md`): what stands before the compressed commands and literals.
struct PatchHead: Equatable {
    /// The most bytes of a head: four numbers.
    static let byteLimit = 4 * 5

    /// The part of the base that precedes the compressed bytes, for matches into it.
    var prefix: Range<Int>
    /// Bytes of commands, and of the literals behind them.
    var commandLength: Int
    var literalLength: Int

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for number in [prefix.lowerBound, prefix.count, commandLength, literalLength] {
            bytes.appendVarint(UInt64(number))
        }
        return bytes
    }

    /// Reads a head and checks it against the lengths of the base and of what comes out.
    ///
    /// - Returns: Also how many bytes it takes; nothing where it is not well-formed.
    static func read(
        _ stored: UnsafeRawBufferPointer, baseLength: Int, rawLength: Int
    ) -> (head: PatchHead, length: Int)? {
        var reader = VarintReader(stored)
        guard let start = reader.next(), let length = reader.next(), let commands = reader.next(),
            let literals = reader.next(), start <= baseLength, length <= baseLength - start,
            commands <= rawLength, literals <= rawLength, commands + literals > 0
        else { return nil }
        let head = PatchHead(
            prefix: start..<start + length, commandLength: commands, literalLength: literals)
        return (head, reader.offset)
    }
}

/// Reads numbers of up to 32 bits, seven bits a byte, the lowest first (LEB128).
struct VarintReader {
    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    /// - Parameter bytes: Stay where they are while this is used.
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.count }

    /// The next number; nothing if there is none, if it is too large, or not written as short as it can be.
    mutating func next() -> Int? {
        var (value, shift): (UInt64, UInt64) = (0, 0)
        while offset < bytes.count, shift < 35 {
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 {
                guard value <= UInt64(UInt32.max), byte != 0 || shift == 0 else { return nil }
                return Int(value)
            }
            shift += 7
        }
        return nil
    }
}

extension [UInt8] {
    /// Appends a number, seven bits a byte, the lowest first (LEB128).
    mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }
}
