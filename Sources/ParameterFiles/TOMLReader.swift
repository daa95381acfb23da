import ObjectModel

/// Reads TOML 1.0 as values, decimal numbers as they are spelled.
///
/// `+1` is kept as `1`, `1_000` as `1000`, and `0x1f` is rewritten in decimal, of any size. Dates and times
/// are strings in their own spelling, if they are of the calendar. A line break within a string in three
/// quotes is one line feed, so that a file means the same after a checkout with other line ends.
struct TOMLReader {
    var source: SourceText

    init(_ source: SourceText) { self.source = source }

    /// Reads the whole text.
    mutating func parameters() throws(ParameterFileError) -> [String: ParameterValue] {
        let file = TOMLTable(.header, depth: 1)
        var table = file
        while true {
            skipSpace()
            switch source.next {
            case nil: return file.parameters
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "#"): break
            case UInt8(ascii: "["): table = try header(in: file)
            default: try member(of: table)
            }
            try endLine()
        }
    }

    /// Reads `[a.b]` or `[[a.b]]` and returns the table that the following lines fill.
    private mutating func header(in file: TOMLTable) throws(ParameterFileError) -> TOMLTable {
        source.skip()
        let isList = source.skip(if: UInt8(ascii: "["))
        skipSpace()
        let path = try key()
        try source.expect(UInt8(ascii: "]"))
        if isList { try source.expect(UInt8(ascii: "]")) }
        return isList ? try file.element(path, in: source) : try file.section(path, in: source)
    }

    /// Reads `key = value`.
    private mutating func member(of table: TOMLTable) throws(ParameterFileError) {
        let path = try key()
        try source.expect(UInt8(ascii: "="))
        skipSpace()
        try table.set(path, to: try value(depth: table.depth + path.count - 1), in: source)
    }

    /// Reads a key of one or more parts, and the space after it.
    private mutating func key() throws(ParameterFileError) -> [TOMLKey] {
        var path: [TOMLKey] = []
        repeat {
            skipSpace()
            let start = source.offset
            guard path.count < ParameterFileLimits.depth else { throw .tooDeep(at: source.place(at: start)) }
            path.append(TOMLKey(name: try keyPart(), offset: start))
            skipSpace()
        } while source.skip(if: UInt8(ascii: "."))
        return path
    }

    private mutating func keyPart() throws(ParameterFileError) -> String {
        if let quote = source.next, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            return try lineString(quote: quote)
        }
        let start = source.offset
        source.skip { SourceText.isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
        guard source.offset > start else { throw source.unexpected("a key") }
        return source.text(in: start..<source.offset)
    }
}

// MARK: Values

extension TOMLReader {
    /// Reads a value that lies within `depth` tables and lists.
    private mutating func value(depth: Int) throws(ParameterFileError) -> ParameterValue {
        switch source.next {
        case UInt8(ascii: "["): .list(try list(depth: depth + 1))
        case UInt8(ascii: "{"): .map(try inlineTable(depth: depth + 1))
        case UInt8(ascii: "\""), UInt8(ascii: "'"): .string(try string())
        default: try word()
        }
    }

    private mutating func list(depth: Int) throws(ParameterFileError) -> [ParameterValue] {
        try open(depth: depth)
        var elements: [ParameterValue] = []
        while true {
            try skipSpaceAndLines()
            if source.skip(if: UInt8(ascii: "]")) { return elements }
            elements.append(try value(depth: depth))
            try skipSpaceAndLines()
            if source.skip(if: UInt8(ascii: "]")) { return elements }
            guard source.skip(if: UInt8(ascii: ",")) else { throw source.unexpected("',' or ']'") }
        }
    }

    /// Reads a table in braces, which is all on one line and ends without a comma.
    private mutating func inlineTable(depth: Int) throws(ParameterFileError) -> [String: ParameterValue] {
        try open(depth: depth)
        let table = TOMLTable(.header, depth: depth)
        skipSpace()
        if source.skip(if: UInt8(ascii: "}")) { return [:] }
        while true {
            skipSpace()
            try member(of: table)
            skipSpace()
            if source.skip(if: UInt8(ascii: "}")) { return table.parameters }
            guard source.skip(if: UInt8(ascii: ",")) else { throw source.unexpected("',' or '}'") }
        }
    }

    /// Passes an opening bracket.
    private mutating func open(depth: Int) throws(ParameterFileError) {
        guard depth <= ParameterFileLimits.depth else { throw .tooDeep(at: source.place(at: source.offset)) }
        source.skip()
    }
}

// MARK: Space

extension TOMLReader {
    mutating func skipSpace() {
        source.skip { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    /// Passes space, comments and line breaks between the elements of a list.
    private mutating func skipSpaceAndLines() throws(ParameterFileError) {
        skipSpace()
        while let byte = source.next, byte == UInt8(ascii: "#") || Self.startsLineBreak(byte) {
            try endLine()
            skipSpace()
        }
    }

    /// Passes space, a comment if there is one, and a line break, unless the text ends.
    private mutating func endLine() throws(ParameterFileError) {
        skipSpace()
        if source.skip(if: UInt8(ascii: "#")) { source.skip { !Self.isControl($0) } }
        if source.next == nil { return }
        guard skipLineBreak() else { throw source.unexpected("the end of the line") }
    }

    /// Passes a line break, which is a line feed with or without a carriage return in front.
    mutating func skipLineBreak() -> Bool {
        if source.isNext("\r\n") {
            source.skip(2)
            return true
        }
        return source.skip(if: UInt8(ascii: "\n"))
    }

    private static func startsLineBreak(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    }

    /// Whether a byte is a control character that may stand neither in a comment nor in a string.
    static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 && byte != UInt8(ascii: "\t") || byte == 0x7F }
}
