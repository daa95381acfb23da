/// Walks through JSON (RFC 8259) in place, without building values: for headers that may be large, and are no business of a person.
///
/// Says nothing about what is skipped but that it is well-formed enough to be skipped.
struct JSONScanner {
    /// How deep what is skipped may be.
    private static let depthLimit = 64

    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    /// - Parameter bytes: Stay where they are while this is used.
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// A string is never closed, a number is none, a bracket is missing.
    struct Malformed: Error {}

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { offset += 1 }
    }

    /// Whether everything was read.
    mutating func isAtEnd() -> Bool {
        skipSpace()
        return offset == bytes.count
    }

    /// Goes on if a byte is next.
    private mutating func skip(_ byte: UInt8) -> Bool {
        skipSpace()
        guard next == byte else { return false }
        offset += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(Malformed) {
        guard skip(byte) else { throw Malformed() }
    }

    /// Reads an object; `member` reads the value of each name, which is as it is spelled, between its quotes.
    mutating func object<Failure: Error>(
        _ member: (inout JSONScanner, Range<Int>) throws(Failure) -> Void, or failure: Failure
    ) throws(Failure) {
        do throws(Malformed) { try expect(UInt8(ascii: "{")) } catch { throw failure }
        if skip(UInt8(ascii: "}")) { return }
        while true {
            let name: Range<Int>
            do throws(Malformed) {
                name = try string()
                try expect(UInt8(ascii: ":"))
            } catch { throw failure }
            try member(&self, name)
            if skip(UInt8(ascii: "}")) { return }
            guard skip(UInt8(ascii: ",")) else { throw failure }
        }
    }

    /// Reads a string.
    ///
    /// - Returns: Where it lies between its quotes, escapes as they are.
    mutating func string() throws(Malformed) -> Range<Int> {
        try expect(UInt8(ascii: "\""))
        let start = offset
        while let byte = next {
            if byte == UInt8(ascii: "\"") {
                offset += 1
                return start..<offset - 1
            }
            guard byte >= 0x20 else { throw Malformed() }
            offset += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        throw Malformed()
    }

    /// Reads an array of numbers from 0 up to 2^53 - 1.
    ///
    /// - Parameter limit: The most numbers.
    mutating func counts(limit: Int) throws(Malformed) -> [Int] {
        try expect(UInt8(ascii: "["))
        var counts: [Int] = []
        if skip(UInt8(ascii: "]")) { return counts }
        while true {
            guard counts.count < limit else { throw Malformed() }
            counts.append(try count())
            if skip(UInt8(ascii: "]")) { return counts }
            try expect(UInt8(ascii: ","))
        }
    }

    private mutating func count() throws(Malformed) -> Int {
        skipSpace()
        let start = offset
        var value = 0
        while let byte = next, (0x30...0x39).contains(byte) {
            value = value * 10 + Int(byte - 0x30)
            guard value < 1 << 53 else { throw Malformed() }
            offset += 1
        }
        guard offset > start, offset == start + 1 || bytes[start] != 0x30 else { throw Malformed() }
        return value
    }

    /// Passes over a value of any kind.
    mutating func skipValue() throws(Malformed) {
        var depth = 0
        repeat {
            skipSpace()
            switch next {
            case UInt8(ascii: "\""): _ = try string()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                guard depth <= Self.depthLimit else { throw Malformed() }
                offset += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else { throw Malformed() }
                depth -= 1
                offset += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else { throw Malformed() }
                offset += 1
            default: try skipWord()
            }
        } while depth > 0
    }

    private mutating func skipWord() throws(Malformed) {
        let start = offset
        let others: [UInt8] = [0x2b, 0x2d, 0x2e]
        while let byte = next,
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || others.contains(byte)
        {
            offset += 1
        }
        guard offset > start else { throw Malformed() }
    }
}
