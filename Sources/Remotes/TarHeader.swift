internal import ObjectModel

/// The header of a member of a tar archive, in the ustar form (POSIX.1-2024, `pax`, "ustar Interchange Format"): 512 bytes before the
/// member's own, which are filled up to a multiple of 512.
struct TarHeader: Hashable {
    static let byteCount = 512
    /// Eleven octal digits.
    static let sizeLimit = 1 << 33

    enum Kind: Hashable {
        case file
        case directory
        /// A link, a device, or what an archiver adds.
        case other
    }

    let path: [UInt8]
    let kind: Kind
    /// In bytes.
    let size: Int
    /// Seconds since 1970-01-01T00:00:00Z.
    let modified: Int

    /// The bytes from a header's end to the next one.
    var paddedSize: Int { (size + Self.byteCount - 1) / Self.byteCount * Self.byteCount }

    /// A file's.
    ///
    /// - Parameter path: Of up to 100 bytes.
    init(path: [UInt8], size: Int, modified: Int) {
        (self.path, self.size, self.modified, kind) = (path, size, modified, .file)
    }

    private enum Field {
        static let name = 0..<100
        static let mode = 100..<108
        static let owner = 108..<116
        static let group = 116..<124
        static let size = 124..<136
        static let modified = 136..<148
        static let checksum = 148..<156
        static let kind = 156
        static let magic = 257..<263
        static let prefix = 345..<500
    }

    /// - Returns: Nothing if path or size have no place in it.
    var bytes: [UInt8]? {
        guard path.count <= Field.name.count, size < Self.sizeLimit else { return nil }
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        func put(_ text: [UInt8], _ field: Range<Int>) {
            bytes.replaceSubrange(field.lowerBound..<field.lowerBound + text.count, with: text)
        }
        func put(_ number: Int, _ field: Range<Int>) {
            let digits = Array(String(number, radix: 8).utf8)
            put([UInt8](repeating: UInt8(ascii: "0"), count: field.count - 1 - digits.count) + digits, field)
        }
        put(path, Field.name)
        put(0o444, Field.mode)
        put(0, Field.owner)
        put(0, Field.group)
        put(size, Field.size)
        put(max(0, modified), Field.modified)
        bytes[Field.kind] = UInt8(ascii: "0")
        put(Array("ustar\u{0}00".utf8), Field.magic)
        let sum = Array(String(Self.checksum(bytes), radix: 8).utf8)
        put([UInt8](repeating: UInt8(ascii: "0"), count: 6 - sum.count) + sum + [0, 0x20], Field.checksum)
        return bytes
    }

    /// Of a header: the sum of its bytes, with spaces where it stands itself.
    private static func checksum(_ bytes: [UInt8]) -> Int {
        bytes.enumerated().reduce(0) { $0 + Int(Field.checksum.contains($1.offset) ? 0x20 : $1.element) }
    }

    /// Whether something is meant to be a header, sound or not.
    static func isOne(_ bytes: [UInt8]) -> Bool {
        bytes.count == byteCount && bytes[Field.magic].starts(with: "ustar".utf8)
    }

    /// What stands where a header is due.
    enum Block: Hashable {
        case member(TarHeader)
        /// Zeros: the archive ends.
        case end
    }

    /// - Returns: Nothing if that is neither a header nor the end.
    static func block(_ bytes: [UInt8]) -> Block? {
        guard bytes.count == byteCount else { return nil }
        if bytes.allSatisfy({ $0 == 0 }) { return .end }
        guard number(bytes[Field.checksum]) == checksum(bytes),
            bytes[Field.magic].starts(with: "ustar".utf8),
            bytes[Field.size].contains(where: { (0x30...0x37).contains($0) }),
            let size = number(bytes[Field.size]), let modified = number(bytes[Field.modified])
        else { return nil }
        var path = Array(bytes[Field.name].prefix { $0 != 0 })
        let prefix = Array(bytes[Field.prefix].prefix { $0 != 0 })
        // GNU's own form has other things there.
        let isPOSIX = bytes[Field.magic.upperBound - 1] == 0
        if isPOSIX, !prefix.isEmpty { path = prefix + [UInt8(ascii: "/")] + path }
        let kind: Kind =
            switch bytes[Field.kind] {
            case 0, UInt8(ascii: "0"): .file
            case UInt8(ascii: "5"): .directory
            default: .other
            }
        return .member(TarHeader(path: path, kind: kind, size: size, modified: modified))
    }

    private init(path: [UInt8], kind: Kind, size: Int, modified: Int) {
        (self.path, self.kind, self.size, self.modified) = (path, kind, size, modified)
    }

    /// An octal number, with spaces or zero bytes around it.
    private static func number(_ field: ArraySlice<UInt8>) -> Int? {
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
        guard digits.count <= 12, digits.allSatisfy({ (0x30...0x37).contains($0) }) else { return nil }
        return digits.reduce(0) { $0 * 8 + Int($1 - 0x30) }
    }
}
