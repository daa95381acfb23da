import ObjectModel

/// Reads JSON (RFC 8259) as values, numbers as they are spelled.
///
/// Beyond the RFC it reads `NaN`, `Infinity` and `-Infinity`, which Python's `json` writes. It refuses a name
/// that an object has already, and escapes of lone surrogates, which no UTF-8 text can hold.
struct JSONReader {
    private var source: SourceText

    init(_ source: SourceText) { self.source = source }

    /// Reads the whole text as one object.
    mutating func parameters() throws(ParameterFileError) -> [String: ParameterValue] {
        let (value, start) = try document()
        guard case .map(let members) = value else {
            throw .notMap(kind: value.kindInWords, at: source.place(at: start))
        }
        return members
    }

    /// Reads the whole text as one value, and says at which offset it starts.
    mutating func document() throws(ParameterFileError) -> (value: ParameterValue, start: Int) {
        skipSpace()
        let start = source.offset
        let value = try value(depth: 0)
        skipSpace()
        guard source.next == nil else { throw source.unexpected("the end of the file") }
        return (value, start)
    }

    /// Reads a value that lies within `depth` objects and arrays.
    private mutating func value(depth: Int) throws(ParameterFileError) -> ParameterValue {
        switch source.next {
        case UInt8(ascii: "{"): .map(try object(depth: depth + 1))
        case UInt8(ascii: "["): .list(try array(depth: depth + 1))
        case UInt8(ascii: "\""): .string(try string())
        default: try word()
        }
    }

    private mutating func object(depth: Int) throws(ParameterFileError) -> [String: ParameterValue] {
        try open(depth: depth)
        var members: [String: ParameterValue] = [:]
        if source.skip(if: UInt8(ascii: "}")) { return members }
        while true {
            let start = source.offset
            guard source.next == UInt8(ascii: "\"") else { throw source.unexpected("a name in quotes") }
            let name = try string()
            guard members[name] == nil else { throw .duplicateKey(name, at: source.place(at: start)) }
            skipSpace()
            try source.expect(UInt8(ascii: ":"))
            skipSpace()
            members[name] = try value(depth: depth)
            if try close(UInt8(ascii: "}"), "',' or '}'") { return members }
        }
    }

    private mutating func array(depth: Int) throws(ParameterFileError) -> [ParameterValue] {
        try open(depth: depth)
        var elements: [ParameterValue] = []
        if source.skip(if: UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try value(depth: depth))
            if try close(UInt8(ascii: "]"), "',' or ']'") { return elements }
        }
    }

    /// Passes an opening bracket.
    private mutating func open(depth: Int) throws(ParameterFileError) {
        guard depth <= ParameterFileLimits.depth else { throw .tooDeep(at: source.place(at: source.offset)) }
        source.skip()
        skipSpace()
    }

    /// Passes a closing bracket and returns true, or passes a comma and returns false.
    private mutating func close(_ bracket: UInt8, _ expected: String) throws(ParameterFileError) -> Bool {
        skipSpace()
        if source.skip(if: bracket) { return true }
        guard source.skip(if: UInt8(ascii: ",")) else { throw source.unexpected(expected) }
        skipSpace()
        return false
    }

    private mutating func skipSpace() {
        while let byte = source.next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { source.skip() }
    }
}

// MARK: Scalars

extension JSONReader {
    private mutating func word() throws(ParameterFileError) -> ParameterValue {
        let start = source.offset
        source.skip { SourceText.isAlphanumeric($0) || "+-._".utf8.contains($0) }
        switch source.text(in: start..<source.offset) {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null": return .null
        case "NaN": return .float("nan")
        case "Infinity": return .float("inf")
        case "-Infinity": return .float("-inf")
        case "": throw source.unexpected("a value")
        case let word:
            guard let number = NumberText(word), number.isJSON else {
                throw source.unexpected(since: start, expected: "a value (text needs quotes)")
            }
            return try number.value(at: source.place(at: start))
        }
    }

    private mutating func string() throws(ParameterFileError) -> String {
        source.skip()
        var text: [UInt8] = []
        while true {
            switch source.next {
            case UInt8(ascii: "\""):
                source.skip()
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try escape(into: &text)
            case .some(let byte) where byte >= 0x20:
                text.append(byte)
                source.skip()
            default: throw source.unexpected("'\"' at the end of a string")
            }
        }
    }

    /// Passes an escape and appends what it stands for.
    private mutating func escape(into text: inout [UInt8]) throws(ParameterFileError) {
        let start = source.offset
        source.skip()
        switch source.next {
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "r"): text.append(0x0D)
        case .some(let byte) where "\"\\/".utf8.contains(byte): text.append(byte)
        case UInt8(ascii: "u"):
            source.skip()
            text += try utf16Escape(from: start).utf8
            return
        default: throw source.unexpected("one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u")
        }
        source.skip()
    }

    /// Passes the digits of a `\u` escape, or of two that are a surrogate pair.
    private mutating func utf16Escape(from start: Int) throws(ParameterFileError) -> String {
        var units = [UInt16(try source.hexadecimal(digits: 4))]
        if UTF16.isLeadSurrogate(units[0]), source.isNext("\\u") {
            source.skip(2)
            units.append(UInt16(try source.hexadecimal(digits: 4)))
        }
        guard let text = String(validating: units, as: UTF16.self) else {
            throw source.unexpected(since: start, expected: "the escape of a whole character")
        }
        return text
    }
}

extension NumberText {
    /// RFC 8259, section 6: no `+` in front, no leading zeros, a digit on both sides of the point.
    fileprivate var isJSON: Bool {
        sign != UInt8(ascii: "+") && !hasSeparators && isWellSeparated && !hasLeadingZero
    }
}
