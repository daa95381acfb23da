/// A value of canonical JSON (`Documentation/Formats/canonical-json.md`): RFC 8785 without fractions.
package enum JSONValue: Hashable, Sendable {
    case object([JSONMember])
    case array([JSONValue])
    case string(String)
    /// Between -(2^53-1) and 2^53-1.
    case integer(Int)
    /// A number as it is written, for answers to programs only: no object of a store holds one.
    case decimal(String)
    case bool(Bool)
    case null

    package static let integerLimit = 1 << 53
    package static let depthLimit = 32

    /// A number of an answer to a program, of any size.
    package static func number(_ number: Int) -> JSONValue {
        number.magnitude < integerLimit ? .integer(number) : .decimal(String(number))
    }

    /// An object with its members in canonical order; members whose value is nil are left out.
    package static func object(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        object(
            members.compactMap { member in member.value.map { JSONMember(member.key, $0) } }, sorting: true)
    }

    package static func object(_ members: [JSONMember], sorting: Bool) -> JSONValue {
        .object(sorting ? members.sorted { utf16Precedes($0.name, $1.name) } : members)
    }

    /// Order of member names in RFC 8785: as sequences of UTF-16 code units.
    static func utf16Precedes(_ a: String, _ b: String) -> Bool {
        // Only characters from U+E000 on stand elsewhere in the order of bytes.
        if a.utf8.contains(where: { $0 >= 0xee }) || b.utf8.contains(where: { $0 >= 0xee }) {
            return a.utf16.lexicographicallyPrecedes(b.utf16)
        }
        return a.utf8.lexicographicallyPrecedes(b.utf8)
    }
}

/// A member of an object.
package struct JSONMember: Hashable, Sendable {
    package let name: String
    package let value: JSONValue

    package init(_ name: String, _ value: JSONValue) {
        self.name = name
        self.value = value
    }
}

extension JSONValue {
    /// The one encoding of this value.
    package var canonicalBytes: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return bytes
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        case .array(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .string(let text): Self.write(text, to: &bytes)
        case .integer(let number):
            precondition(abs(number) < Self.integerLimit, "canonical JSON cannot hold \(number)")
            bytes.append(contentsOf: String(number).utf8)
        case .decimal(let text): bytes.append(contentsOf: text.utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .null: bytes.append(contentsOf: "null".utf8)
        }
    }

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        if !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5c }) {
            bytes.append(contentsOf: text.utf8)
            bytes.append(UInt8(ascii: "\""))
            return
        }
        for byte in text.utf8 {
            switch byte {
            case 0x22: bytes.append(contentsOf: [0x5c, 0x22])
            case 0x5c: bytes.append(contentsOf: [0x5c, 0x5c])
            case 0x08: bytes.append(contentsOf: [0x5c, UInt8(ascii: "b")])
            case 0x09: bytes.append(contentsOf: [0x5c, UInt8(ascii: "t")])
            case 0x0a: bytes.append(contentsOf: [0x5c, UInt8(ascii: "n")])
            case 0x0c: bytes.append(contentsOf: [0x5c, UInt8(ascii: "f")])
            case 0x0d: bytes.append(contentsOf: [0x5c, UInt8(ascii: "r")])
            case 0..<0x20: bytes.append(contentsOf: "\\u00\(Hex.text([byte]))".utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
