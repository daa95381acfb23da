/// The name of a directory's entry: 1 to 255 bytes that no system takes for a way out of the directory or
/// for the directory of a store (`Documentation/Formats/README.md`, "Names and paths").
///
/// Need not be UTF-8.
package struct EntryName: Hashable, Comparable, Sendable {
    package static let byteLimit = 255
    /// What names of files begin with that are being written in a working tree; 16 hex digits follow.
    package static let temporaryPrefix = Array(".mlrepo-tmp-".utf8)

    package let bytes: [UInt8]

    package init(_ bytes: some Collection<UInt8>) throws(InvalidName) {
        let bytes = Array(bytes)
        if let problem = Self.problem(bytes) { throw InvalidName(bytes: bytes, problem: problem) }
        self.bytes = bytes
    }

    package init(_ text: String) throws(InvalidName) { try self.init(Array(text.utf8)) }

    /// A part of a path, which was checked when the path was made.
    init(partOf path: ArraySlice<UInt8>) { bytes = Array(path) }

    package static func < (a: Self, b: Self) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }

    private static func problem(_ bytes: [UInt8]) -> InvalidName.Problem? {
        guard let first = bytes.first else { return .empty }
        guard bytes.count <= byteLimit else { return .tooLong(bytes.count) }
        var isPlain = true
        for byte in bytes {
            if byte == 0 || byte == UInt8(ascii: "/") { return .byte(byte) }
            if byte >= 0x80 || byte == UInt8(ascii: "~") { isPlain = false }
        }
        // Of names in ASCII only `.git`, `.mlrepo` and their short forms, which have a tilde, can be taken for those.
        if isPlain, first != UInt8(ascii: ".") { return nil }
        if bytes.count <= 2, bytes.allSatisfy({ $0 == UInt8(ascii: ".") }) { return .dots }
        if bytes.starts(with: temporaryPrefix),
            Hex.bytes(String(decoding: bytes.dropFirst(temporaryPrefix.count), as: UTF8.self))?.count == 8
        {
            return .reserved
        }
        return isReserved(bytes) ? .reserved : nil
    }

    /// Whether some file system may take the name for `.git` or `.mlrepo`.
    private static func isReserved(_ bytes: [UInt8]) -> Bool {
        var folded = foldedIgnoringInvisible(bytes)
        func trim() { while let last = folded.last, last == 0x2e || last == 0x20 { folded.removeLast() } }
        trim()
        if let colon = folded.firstIndex(of: UInt8(ascii: ":")) {
            folded.removeSubrange(colon...)
            trim()
        }
        if folded == Array(".git".utf8) || folded == Array(".mlrepo".utf8) { return true }
        for stem in ["git~", "mlrep~", "mlrepo~"] where folded.starts(with: stem.utf8) {
            let digits = folded.dropFirst(stem.utf8.count)
            if !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) { return true }
        }
        return false
    }

    private static func foldedIgnoringInvisible(_ bytes: [UInt8]) -> [UInt8] {
        func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte + 32 : byte }
        guard let text = String(validating: bytes, as: UTF8.self) else { return bytes.map(lower) }
        var folded: [UInt8] = []
        for scalar in text.unicodeScalars {
            switch scalar.value {
            // HFS+ ignores these when it compares names; git's table has the same (CVE-2014-9390).
            case 0xad, 0x200b...0x200f, 0x202a...0x202e, 0x2060...0x2064, 0x206a...0x206f, 0xfeff,
                0xfe00...0xfe0f:
                continue
            case 0x0130, 0x0131: folded.append(UInt8(ascii: "i"))
            default: folded.append(contentsOf: String(scalar).utf8.map(lower))
            }
        }
        return folded
    }
}

extension EntryName: CustomStringConvertible {
    package var description: String { escapedText(bytes) }
}

/// Bytes that are not a name, a path or a ref name.
package struct InvalidName: Error, Equatable, CustomStringConvertible {
    package let bytes: [UInt8]
    package let problem: Problem

    package init(bytes: [UInt8], problem: Problem) {
        self.bytes = bytes
        self.problem = problem
    }

    /// What is wrong with a name, or a path.
    package enum Problem: Equatable, Sendable {
        case empty
        case tooLong(Int)
        case byte(UInt8)
        case dots
        /// May be taken for `.git` or `.mlrepo`, or is that of a file being written.
        case reserved
        case refName
    }

    package var description: String {
        let name = "'\(escapedText(bytes))'"
        return switch problem {
        case .empty: "an empty name"
        case .tooLong(let count): "the name \(name) has \(count) bytes, which is too long"
        case .byte(let byte): "the name \(name) contains the byte 0x\(String(byte, radix: 16))"
        case .dots: "the name \(name) leads out of its directory"
        case .reserved: "the name \(name) is reserved: it may stand for .git or .mlrepo on some systems"
        case .refName: "\(name) is not a valid ref name"
        }
    }
}

/// Bytes as text for people: control characters, backslashes and what is not UTF-8 as `\n`, `\t`, `\\`, `\xNN`.
package func escapedText(_ bytes: some Collection<UInt8>) -> String {
    let bytes = Array(bytes)
    if bytes.allSatisfy({ (0x20...0x7e).contains($0) && $0 != 0x5c }) {
        return String(decoding: bytes, as: UTF8.self)
    }
    var text = ""
    func escape(_ byte: UInt8) {
        switch byte {
        case 0x0a: text += "\\n"
        case 0x09: text += "\\t"
        case 0x0d: text += "\\r"
        case 0x5c: text += "\\\\"
        default: text += "\\x" + Hex.text([byte])
        }
    }
    guard let valid = String(validating: bytes, as: UTF8.self) else {
        for byte in bytes {
            if (0x20...0x7e).contains(byte), byte != 0x5c {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                escape(byte)
            }
        }
        return text
    }
    for scalar in valid.unicodeScalars {
        let invisible = [.control, .format, .lineSeparator, .paragraphSeparator].contains(
            scalar.properties.generalCategory)
        if invisible || scalar == "\\" {
            String(scalar).utf8.forEach(escape)
        } else {
            text.unicodeScalars.append(scalar)
        }
    }
    return text
}
