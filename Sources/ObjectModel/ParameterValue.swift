/// A value that people gave, as a parameter or a metric, with the spelling they gave it.
///
/// Numbers stay text: 1 is not 1.0, and 9007199254740993 is not 9007199254740992
/// (`Documentation/Formats/canonical-json.md`, "User values").
package enum ParameterValue: Hashable, Sendable {
    /// An integer; the text matches `-?[0-9]+`.
    case integer(String)
    /// A decimal number; the text matches `-?[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?`, or is `nan`, `inf`, `-inf`.
    case float(String)
    case bool(Bool)
    case string(String)
    case null
    case list([ParameterValue])
    case map([String: ParameterValue])
}

extension ParameterValue {
    /// The most characters that the text of a number may have.
    package static let numberLimit = 1024

    /// Whether a text is the stored spelling of an integer.
    package static func isInteger(_ text: String) -> Bool {
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        return !digits.isEmpty && text.utf8.count <= numberLimit && digits.allSatisfy(isDigit)
    }

    /// Whether a text is the stored spelling of a decimal number.
    ///
    /// Every integer's is one, too.
    package static func isFloat(_ text: String) -> Bool {
        if text == "nan" || text == "inf" || text == "-inf" { return true }
        guard text.utf8.count <= numberLimit else { return false }
        var rest = text.utf8[...]
        if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        let whole = rest.prefix(while: isDigit)
        rest = rest[whole.endIndex...]
        var digits = whole.count
        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix(while: isDigit)
            digits += fraction.count
            rest = rest[fraction.endIndex...]
        }
        guard digits > 0 else { return false }
        guard rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") else { return rest.isEmpty }
        rest = rest.dropFirst()
        if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
        return !rest.isEmpty && rest.allSatisfy(isDigit)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
