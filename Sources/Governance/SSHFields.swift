internal import ObjectModel

/// Reads the fields of SSH's binary encoding (RFC 4251, section 5) in order, never past their end.
struct SSHReader {
    private let bytes: [UInt8]
    private(set) var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var remaining: Int { bytes.count - offset }

    mutating func u8(_ what: String) throws(MalformedTrust) -> UInt8 { try take(1, what)[0] }

    mutating func u32(_ what: String) throws(MalformedTrust) -> Int {
        try take(4, what).reduce(0) { $0 << 8 | Int($1) }
    }

    mutating func u64(_ what: String) throws(MalformedTrust) -> UInt64 {
        try take(8, what).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A string of the encoding: any bytes, behind their length.
    mutating func string(_ what: String) throws(MalformedTrust) -> [UInt8] {
        try take(try u32("the length of \(what)"), what)
    }

    /// A string of printable ASCII.
    mutating func word(_ what: String) throws(MalformedTrust) -> String {
        let start = offset
        let bytes = try string(what)
        guard bytes.allSatisfy({ (0x20...0x7e).contains($0) }) else {
            throw MalformedTrust(what, offset: start, "printable ASCII")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    mutating func take(_ count: Int, _ what: String) throws(MalformedTrust) -> [UInt8] {
        guard remaining >= count else { throw MalformedTrust(what, offset: offset, "\(count) bytes") }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }

    func end(_ what: String) throws(MalformedTrust) {
        guard remaining == 0 else { throw MalformedTrust(what, offset: offset, "nothing more") }
    }
}

/// Writes the fields of SSH's binary encoding (RFC 4251, section 5) in order.
struct SSHWriter {
    private(set) var bytes: [UInt8] = []

    mutating func raw(_ more: some Collection<UInt8>) { bytes.append(contentsOf: more) }

    mutating func u32(_ value: Int) {
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    mutating func string(_ more: some Collection<UInt8>) {
        u32(more.count)
        raw(more)
    }
}
