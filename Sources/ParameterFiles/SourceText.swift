/// The text of a file, and how far a reader has come.
///
/// Shape: bytes that are well-formed UTF-8, so every slice between ASCII bytes is text, too; an offset in
/// bytes from the start of the file, where the byte order mark, if any, has been passed.
struct SourceText {
    let bytes: [UInt8]
    /// Where the next byte is read, `bytes.count` at the end.
    private(set) var offset: Int
    private let start: Int

    /// Takes the bytes of a file.
    ///
    /// - Throws: ``ParameterFileError/tooLarge(byteCount:)``, or
    ///   ``ParameterFileError/notUTF8(byte:offset:at:)``.
    init(_ bytes: [UInt8]) throws(ParameterFileError) {
        guard bytes.count <= ParameterFileLimits.byteCount else { throw .tooLarge(byteCount: bytes.count) }
        self.bytes = bytes
        start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        offset = start
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            let fault = error.byteOffsets.lowerBound
            throw .notUTF8(byte: bytes[fault], offset: fault, at: place(at: fault))
        }
    }

    /// The bytes of the text, without the byte order mark.
    var contents: ArraySlice<UInt8> { bytes[start...] }

    /// The next byte, or nil at the end.
    var next: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    /// The byte that is so many bytes after the next one, if there is one.
    func byte(after count: Int) -> UInt8? { offset + count < bytes.count ? bytes[offset + count] : nil }

    /// Whether the text goes on with these bytes.
    func isNext(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes[offset...].starts(with: $0) }
    }

    /// Passes so many bytes, which the caller has seen.
    mutating func skip(_ count: Int = 1) { offset += count }

    /// Passes a byte if it is the next one.
    mutating func skip(if byte: UInt8) -> Bool {
        guard next == byte else { return false }
        offset += 1
        return true
    }

    /// Passes a byte that must be the next one.
    mutating func expect(_ byte: UInt8) throws(ParameterFileError) {
        guard skip(if: byte) else { throw unexpected("'\(Unicode.Scalar(byte))'") }
    }

    /// Passes all bytes that fit.
    mutating func skip(while fits: (UInt8) -> Bool) {
        while offset < bytes.count, fits(bytes[offset]) { offset += 1 }
    }

    /// The text between two offsets, neither of which lies within a character.
    func text(in range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    /// Passes so many hexadecimal digits (at most 8) and returns their value.
    mutating func hexadecimal(digits: Int) throws(ParameterFileError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<digits {
            guard let byte = next, let digit = Self.digit(byte) else {
                throw unexpected("a hexadecimal digit")
            }
            unit = unit << 4 | digit
            skip()
        }
        return unit
    }
}

// MARK: Saying what was found

extension SourceText {
    /// The error that the text does not go on as expected.
    func unexpected(_ expected: String) -> ParameterFileError {
        let found =
            switch next {
            case nil: "the end of the file"
            case UInt8(ascii: "\n"): "the end of the line"
            case .some(let lead): ParameterFileError.quoted(text(in: offset..<offset + Self.width(lead)))
            }
        return .unexpected(found, expected: expected, at: place(at: offset))
    }

    /// The error that what was passed since `start` is not as expected.
    func unexpected(since start: Int, expected: String) -> ParameterFileError {
        .unexpected(
            ParameterFileError.quoted(text(in: start..<offset)), expected: expected, at: place(at: start))
    }

    /// The line and column of an offset, found by a walk from the start: only an error asks for it.
    func place(at offset: Int) -> ParameterFileError.Place {
        let before = bytes[start..<offset]
        let line = before.lastIndex(of: UInt8(ascii: "\n")).map { before[($0 + 1)...] } ?? before
        return .init(
            line: 1 + before.count { $0 == UInt8(ascii: "\n") },
            column: 1 + line.count { $0 & 0b1100_0000 != 0b1000_0000 })  // not a continuation byte
    }
}

// MARK: Kinds of bytes

extension SourceText {
    /// The value of a hexadecimal digit.
    static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// How many bytes the UTF-8 of a character has, by its first byte.
    private static func width(_ lead: UInt8) -> Int { max(1, (~lead).leadingZeroBitCount) }

    /// Whether a byte is a digit 0-9 or a letter of ASCII.
    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }
}
