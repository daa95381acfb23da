extension JSONValue {
    /// Reads canonical JSON: exactly the bytes that ``canonicalBytes`` would write, or an error with its offset.
    package init(canonical bytes: [UInt8]) throws(MalformedObject) {
        var parser = CanonicalParser(bytes: bytes)
        self = try parser.value(depth: 0)
        guard parser.offset == bytes.count else { throw .trailing(offset: parser.offset) }
    }

    /// Reads a file that is canonical JSON and a line feed.
    package init(line bytes: [UInt8]) throws(MalformedObject) {
        guard bytes.last == 0x0a else { throw .truncated("the last line", offset: bytes.count) }
        try self.init(canonical: Array(bytes.dropLast()))
    }
}

/// A strict reader: it has no notion of white space, and one spelling for everything.
private struct CanonicalParser {
    let bytes: [UInt8]
    var offset = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private func failure(_ what: String) -> MalformedObject { .json(what, offset: offset) }

    private mutating func skip(_ byte: UInt8, _ what: String) throws(MalformedObject) {
        guard next == byte else { throw failure(what) }
        offset += 1
    }

    mutating func value(depth: Int) throws(MalformedObject) -> JSONValue {
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case let byte? where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte):
            return .integer(try integer())
        default: throw failure("no value")
        }
    }

    private mutating func word(_ text: String, _ value: JSONValue) throws(MalformedObject) -> JSONValue {
        guard bytes[offset...].starts(with: text.utf8) else { throw failure("no value") }
        offset += text.utf8.count
        return value
    }

    private mutating func integer() throws(MalformedObject) -> Int {
        let start = offset
        if next == UInt8(ascii: "-") { offset += 1 }
        let first = next
        var number = 0
        var digits = 0
        while let digit = next, (0x30...0x39).contains(digit) {
            number = number * 10 + Int(digit - 0x30)
            digits += 1
            guard number < JSONValue.integerLimit else { throw failure("an integer of 2^53 or more") }
            offset += 1
        }
        let negative = bytes[start] == UInt8(ascii: "-")
        guard digits > 0, first != 0x30 || (digits == 1 && !negative) else {
            throw failure("a malformed integer")
        }
        return negative ? -number : number
    }

    private mutating func array(depth: Int) throws(MalformedObject) -> JSONValue {
        guard depth <= JSONValue.depthLimit else { throw failure("more than \(JSONValue.depthLimit) levels") }
        offset += 1
        var values: [JSONValue] = []
        if next == UInt8(ascii: "]") {
            offset += 1
            return .array(values)
        }
        while true {
            values.append(try value(depth: depth))
            if next == UInt8(ascii: "]") {
                offset += 1
                return .array(values)
            }
            try skip(UInt8(ascii: ","), "no ',' or ']'")
        }
    }

    private mutating func object(depth: Int) throws(MalformedObject) -> JSONValue {
        guard depth <= JSONValue.depthLimit else { throw failure("more than \(JSONValue.depthLimit) levels") }
        offset += 1
        var members: [JSONMember] = []
        if next == UInt8(ascii: "}") {
            offset += 1
            return .object(members)
        }
        while true {
            let name = try string()
            if let last = members.last, !JSONValue.utf16Precedes(last.name, name) {
                throw failure("members out of order")
            }
            try skip(UInt8(ascii: ":"), "no ':'")
            members.append(JSONMember(name, try value(depth: depth)))
            if next == UInt8(ascii: "}") {
                offset += 1
                return .object(members)
            }
            try skip(UInt8(ascii: ","), "no ',' or '}'")
        }
    }

    private mutating func string() throws(MalformedObject) -> String {
        try skip(UInt8(ascii: "\""), "no string")
        let start = offset
        while let byte = next, (0x20..<0x80).contains(byte), byte != UInt8(ascii: "\""),
            byte != UInt8(ascii: "\\")
        {
            offset += 1
        }
        var text = bytes[start..<offset]
        if next == UInt8(ascii: "\"") {
            offset += 1
            return String(decoding: text, as: UTF8.self)
        }
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                guard let valid = String(validating: text, as: UTF8.self) else {
                    throw failure("a string that is not UTF-8")
                }
                offset += 1
                return valid
            case UInt8(ascii: "\\"): text.append(try escape())
            case 0..<0x20: throw failure("a control character")
            default:
                text.append(byte)
                offset += 1
            }
        }
        throw .truncated("a string", offset: offset)
    }

    private mutating func escape() throws(MalformedObject) -> UInt8 {
        offset += 1
        guard let letter = next else { throw .truncated("an escape", offset: offset) }
        offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return letter
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "n"): return 0x0a
        case UInt8(ascii: "f"): return 0x0c
        case UInt8(ascii: "r"): return 0x0d
        case UInt8(ascii: "u"):
            guard offset + 4 <= bytes.count, bytes[offset] == 0x30, bytes[offset + 1] == 0x30,
                let high = Hex.nibble(bytes[offset + 2]), let low = Hex.nibble(bytes[offset + 3])
            else { throw failure("a needless escape") }
            let code = high << 4 | low
            guard code < 0x20, ![0x08, 0x09, 0x0a, 0x0c, 0x0d].contains(code) else {
                throw failure("a needless escape")
            }
            offset += 4
            return code
        default: throw failure("a needless escape")
        }
    }
}
