/// How a tensor, or a piece of one, lies in bytes.
package struct TensorLayout: Hashable, Sendable {
    package var type: ElementType
    /// Elements that belong together in a row, mostly the last dimension; nothing where there is no such thing.
    package var rowLength: Int?

    package init(type: ElementType, rowLength: Int? = nil) {
        self.type = type
        self.rowLength = rowLength
    }
}

/// What stands before the coded values (`Documentation/Formats/tensor.md`).
struct TensorStreamHead: Equatable {
    private enum Flag {
        static let rows: UInt8 = 1
        static let columns: UInt8 = 2
        static let alphabet: UInt8 = 4
        static let zeroRows: UInt8 = 8
        static let manyStates: UInt8 = 16
        static let unsigned: UInt8 = 32
        static let all: UInt8 = 63
    }

    var type: ElementType
    /// Nothing where all values are one group.
    var rowLength: Int?
    var hasColumns = false
    var hasZeroRows = false
    var stateCount = RangeCoder.fewStates
    /// Whether values are floating-point numbers as they are, none of which has a sign.
    var isUnsigned = false
    var groupCount = 1
    var bias: Int16 = 0
    /// The least scale of a row, which the coded symbols count from.
    var leastRow: Int16 = 0
    /// Of each group, how many bits of a value stand beside its head.
    var lowBits: [UInt8] = [0]
    /// The heads that symbols stand for, rising; without it, a symbol is a head.
    var alphabet: [UInt64]?
    var lowByteCount = 0
    var escapeCount = 0
    var wordCount = 0

    /// The symbol of a head that has none.
    static let escape: UInt8 = 255

    /// Finds the escapes among symbols, eight symbols at a time: they are rare.
    @inline(__always)
    static func forEachEscape(
        _ symbols: UnsafePointer<UInt8>, _ count: Int, _ body: (Int) -> Void
    ) {
        let (ones, raw): (UInt64, UnsafeRawPointer) = (0x0101_0101_0101_0101, UnsafeRawPointer(symbols))
        var index = 0
        while index &+ 8 <= count {
            // Some byte of the complement is zero: only then is there a borrow into its highest bit, or into one above it.
            let rest = ~raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if (rest &- ones) & ~rest & (ones &<< 7) != 0 {
                for place in index..<index &+ 8 where symbols[place] == escape {
                    body(place)
                }
            }
            index &+= 8
        }
        for place in index..<count where symbols[place] == escape { body(place) }
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = [type.rawValue]
        var flags: UInt8 = 0
        if rowLength != nil { flags |= Flag.rows }
        if hasColumns { flags |= Flag.columns }
        if alphabet != nil { flags |= Flag.alphabet }
        if hasZeroRows { flags |= Flag.zeroRows }
        if stateCount == RangeCoder.manyStates { flags |= Flag.manyStates }
        if isUnsigned { flags |= Flag.unsigned }
        bytes.append(flags)
        bytes.append(UInt8(groupCount))
        bytes += lowBits
        if let rowLength {
            Self.append(UInt64(rowLength), &bytes)
            Self.append(UInt64(Int(bias) + Int(TensorContexts.limit)), &bytes)
            Self.append(UInt64(Int(leastRow) + Int(TensorContexts.limit)), &bytes)
        }
        if let alphabet {
            bytes.append(UInt8(alphabet.count))
            var next: UInt64 = 0
            for head in alphabet {
                Self.append(head - next, &bytes)
                next = head + 1
            }
        }
        for count in [lowByteCount, escapeCount, wordCount] { Self.append(UInt64(count), &bytes) }
        return bytes
    }

    init(type: ElementType) { self.type = type }

    /// - Parameters:
    ///   - offset: Moves behind the head.
    ///   - elementCount: Of the whole stream.
    init(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int, elementCount: Int
    ) throws(TensorStreamError) {
        guard let type = ElementType(rawValue: try Self.byte(bytes, &offset)) else { throw .head }
        self.type = type
        let flags = try Self.byte(bytes, &offset)
        guard flags & ~Flag.all == 0 else { throw .head }
        hasColumns = flags & Flag.columns != 0
        hasZeroRows = flags & Flag.zeroRows != 0
        if flags & Flag.manyStates != 0 { stateCount = RangeCoder.manyStates }
        isUnsigned = flags & Flag.unsigned != 0
        guard !isUnsigned || type.mantissaBits != nil else { throw .head }
        groupCount = Int(try Self.byte(bytes, &offset))
        guard groupCount >= (hasZeroRows ? 2 : 1), groupCount <= TensorContexts.groupLimit else {
            throw .head
        }
        lowBits = []
        for _ in 0..<groupCount {
            let bits = try Self.byte(bytes, &offset)
            // A window of 64 bits has them, wherever they begin in its first byte.
            guard bits < 8 * type.width, bits <= 56 else { throw .head }
            lowBits.append(bits)
        }
        if flags & Flag.rows != 0 {
            let length = try Self.number(bytes, &offset, limit: UInt64(elementCount))
            guard length >= TensorContexts.leastLength || length == elementCount else { throw .head }
            guard !hasColumns || elementCount / Int(length) >= TensorContexts.leastLength else { throw .head }
            rowLength = Int(length)
            let range = 2 * UInt64(TensorContexts.limit)
            bias = Int16(Int(try Self.number(bytes, &offset, limit: range)) - Int(TensorContexts.limit))
            leastRow = Int16(
                Int(try Self.number(bytes, &offset, limit: range - UInt64(Self.escape)))
                    - Int(TensorContexts.limit))
        } else {
            guard groupCount == 1, !hasColumns, !hasZeroRows else { throw .head }
        }
        if flags & Flag.alphabet != 0 {
            var alphabet: [UInt64] = []
            var next: UInt64 = 0
            let count = try Self.byte(bytes, &offset)
            guard count > 0 else { throw .head }
            for _ in 0..<count {
                let head = next + (try Self.number(bytes, &offset, limit: 1 << 56))
                guard head < 1 << 57 else { throw .head }
                alphabet.append(head)
                next = head + 1
            }
            self.alphabet = alphabet
        }
        let limit = UInt64(elementCount) * UInt64(type.width)
        lowByteCount = Int(try Self.number(bytes, &offset, limit: limit))
        escapeCount = Int(try Self.number(bytes, &offset, limit: UInt64(elementCount)))
        wordCount = Int(try Self.number(bytes, &offset, limit: 3 * UInt64(elementCount)))
    }

    private static func append(_ number: UInt64, _ bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private static func byte(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int
    ) throws(TensorStreamError) -> UInt8 {
        guard offset < bytes.count else { throw .truncated }
        offset += 1
        return bytes[offset - 1]
    }

    private static func number(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int, limit: UInt64
    ) throws(TensorStreamError) -> UInt64 {
        var value: UInt64 = 0
        for position in 0..<9 {
            let byte = try byte(bytes, &offset)
            value |= UInt64(byte & 0x7f) << UInt64(7 * position)
            if byte < 0x80 {
                guard byte != 0 || position == 0, value <= limit else { throw .head }
                return value
            }
        }
        throw .head
    }
}
