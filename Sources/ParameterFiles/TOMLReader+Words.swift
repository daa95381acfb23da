import ObjectModel

// TOML values that are words: truth values, numbers, dates and times.

extension TOMLReader {
    mutating func word() throws(ParameterFileError) -> ParameterValue {
        let start = source.offset
        let text = wordText()
        switch text {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "inf", "+inf": return .float("inf")
        case "-inf": return .float("-inf")
        case "nan", "+nan", "-nan": return .float("nan")
        case "": throw source.unexpected("a value")
        default: break
        }
        if TOMLDateTime.isValid(text) { return .string(text) }
        if let number = NumberText(text), number.isTOML {
            return try number.value(at: source.place(at: start))
        }
        if let number = radixNumber(text) { return try number.value(at: source.place(at: start)) }
        throw source.unexpected(since: start, expected: "a value (text needs quotes)")
    }

    /// Passes a word; a date and a time with a space between them are one.
    private mutating func wordText() -> String {
        let start = source.offset
        func fits(_ byte: UInt8) -> Bool { SourceText.isAlphanumeric(byte) || "+-._:".utf8.contains(byte) }
        source.skip(while: fits)
        let isDate = TOMLDateTime.isDate(source.text(in: start..<min(source.offset, start + 11)))
        if isDate, source.isNext(" "), let digit = source.byte(after: 1), SourceText.digit(digit) ?? 10 < 10 {
            source.skip()
            source.skip(while: fits)
        }
        return source.text(in: start..<source.offset)
    }

    /// An integer with the prefix of its base and no sign.
    private func radixNumber(_ text: String) -> RadixText? {
        let radixes: [(prefix: String, radix: UInt32)] = [("0x", 16), ("0o", 8), ("0b", 2)]
        guard let radix = radixes.first(where: { text.hasPrefix($0.prefix) })?.radix else { return nil }
        let runs = text.utf8.dropFirst(2).split(
            separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
        guard runs.allSatisfy({ !$0.isEmpty }) else { return nil }
        return RadixText(runs.joined(), radix: radix)
    }
}

extension NumberText {
    /// TOML 1.0: no leading zeros, a digit on both sides of the point and of each `_`.
    fileprivate var isTOML: Bool { isWellSeparated && !hasLeadingZero }
}
