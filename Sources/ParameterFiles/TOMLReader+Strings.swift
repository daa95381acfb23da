// The four kinds of TOML strings: basic (") and literal ('), on one line or in three quotes on many.

extension TOMLReader {
    /// Reads a string of any kind.
    mutating func string() throws(ParameterFileError) -> String {
        if source.isNext("\"\"\"") { return try blockString(quote: UInt8(ascii: "\"")) }
        if source.isNext("'''") { return try blockString(quote: UInt8(ascii: "'")) }
        return try lineString(
            quote: source.next == UInt8(ascii: "'") ? UInt8(ascii: "'") : UInt8(ascii: "\""))
    }

    /// Reads a string on one line, which starts at its quote.
    mutating func lineString(quote: UInt8) throws(ParameterFileError) -> String {
        source.skip()
        var text: [UInt8] = []
        while !source.skip(if: quote) {
            if source.next == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                try escape(into: &text)
            } else {
                try character(into: &text)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads a string in three quotes, which may hold line breaks and up to two quotes in a row.
    private mutating func blockString(quote: UInt8) throws(ParameterFileError) -> String {
        source.skip(3)
        _ = skipLineBreak()  // one right after the quotes is not part of the string
        var text: [UInt8] = []
        while true {
            switch source.next {
            case quote:
                let start = source.offset
                while source.offset - start < 5, source.skip(if: quote) {}
                let count = source.offset - start
                text += repeatElement(quote, count: count < 3 ? count : count - 3)
                if count >= 3 { return String(decoding: text, as: UTF8.self) }
            case UInt8(ascii: "\\") where quote == UInt8(ascii: "\""):
                if !skipLineContinuation() { try escape(into: &text) }
            default:
                if skipLineBreak() { text.append(UInt8(ascii: "\n")) } else { try character(into: &text) }
            }
        }
    }

    /// Passes one byte of a string, which must not be a control character or a line break.
    private mutating func character(into text: inout [UInt8]) throws(ParameterFileError) {
        guard let byte = source.next, !Self.isControl(byte) else {
            throw source.unexpected("the quote at the end of a string")
        }
        text.append(byte)
        source.skip()
    }

    /// Passes a backslash at the end of a line, with all space and line breaks after it, if this is one.
    private mutating func skipLineContinuation() -> Bool {
        let backslash = source
        source.skip()
        skipSpace()
        guard skipLineBreak() else {
            source = backslash
            return false
        }
        repeat { skipSpace() } while skipLineBreak()
        return true
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
        case .some(let byte) where "\"\\".utf8.contains(byte): text.append(byte)
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let digits = source.next == UInt8(ascii: "u") ? 4 : 8
            source.skip()
            guard let scalar = Unicode.Scalar(try source.hexadecimal(digits: digits)) else {
                throw source.unexpected(since: start, expected: "the escape of a character")
            }
            text += String(scalar).utf8
            return
        default: throw source.unexpected("one of the escapes \\b \\t \\n \\f \\r \\\" \\\\ \\u \\U")
        }
        source.skip()
    }
}
