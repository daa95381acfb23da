import ObjectModel

/// A decimal number as it was typed, cut into its parts; each format says which parts it allows.
///
/// Shape: `[+-]?D(\.D)?([eE][+-]?D)?`, where D is a run of digits and `_`, possibly empty. Nothing is ever
/// computed from it: the parts are text.
struct NumberText {
    let sign: UInt8?
    let whole: Substring.UTF8View
    let fraction: Substring.UTF8View?
    let exponent: Substring.UTF8View?
    private let text: String

    /// Cuts a text, or returns nil if it has another shape.
    init?(_ text: String) {
        self.text = text
        var rest = text.utf8[...]
        sign = Self.takeSign(&rest)
        whole = Self.takeDigits(&rest)
        fraction = Self.take(".", &rest) ? Self.takeDigits(&rest) : nil
        if Self.take("e", &rest) || Self.take("E", &rest) {
            _ = Self.takeSign(&rest)
            exponent = Self.takeDigits(&rest)
        } else {
            exponent = nil
        }
        guard rest.isEmpty else { return nil }
    }

    var isInteger: Bool { fraction == nil && exponent == nil }

    /// Whether every run of digits that is there has a digit at each end and on both sides of each `_`.
    var isWellSeparated: Bool {
        [whole, fraction, exponent].allSatisfy { run in
            guard let run else { return true }
            return run.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
                .allSatisfy { !$0.isEmpty }
        }
    }

    var hasLeadingZero: Bool { whole.first == UInt8(ascii: "0") && whole.count > 1 }

    var hasSeparators: Bool { text.utf8.contains(UInt8(ascii: "_")) }

    /// The number in the spelling that is stored: without `+` in front and without `_`.
    ///
    /// Its place is asked for only by an error.
    func value(
        at place: @autoclosure () -> ParameterFileError.Place
    ) throws(ParameterFileError) -> ParameterValue {
        var spelling = sign == UInt8(ascii: "+") ? String(text.dropFirst()) : text
        if hasSeparators { spelling = String(spelling.filter { $0 != "_" }) }
        guard spelling.utf8.count <= ParameterValue.numberLimit else {
            throw .numberTooLong(characterCount: spelling.utf8.count, at: place())
        }
        return isInteger ? .integer(spelling) : .float(spelling)
    }

    private static func take(_ character: Unicode.Scalar, _ rest: inout Substring.UTF8View) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private static func takeSign(_ rest: inout Substring.UTF8View) -> UInt8? {
        guard let sign = rest.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else {
            return nil
        }
        rest.removeFirst()
        return sign
    }

    private static func takeDigits(_ rest: inout Substring.UTF8View) -> Substring.UTF8View {
        let digits = rest.prefix {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
        }
        rest = rest[digits.endIndex...]
        return digits
    }
}

/// An integer in base 2, 8 or 16 as it was typed after its prefix, to be rewritten in decimal.
struct RadixText {
    private let digits: [UInt32]
    private let radix: UInt32

    /// Takes the digits of a base, or returns nil if there is none or another character.
    init?(_ text: some Collection<UInt8>, radix: UInt32) {
        guard !text.isEmpty else { return nil }
        var digits: [UInt32] = []
        for byte in text {
            guard let digit = SourceText.digit(byte), digit < radix else { return nil }
            if digit > 0 || !digits.isEmpty { digits.append(digit) }
        }
        self.digits = digits
        self.radix = radix
    }

    /// The integer in decimal, of any size up to what is stored.
    ///
    /// Its place is asked for only by an error.
    func value(
        at place: @autoclosure () -> ParameterFileError.Place
    ) throws(ParameterFileError) -> ParameterValue {
        // A decimal digit is worth less than four binary ones: more than this cannot fit.
        guard digits.count <= 4 * ParameterValue.numberLimit else {
            throw .numberTooLong(characterCount: digits.count, at: place())
        }
        let decimal = decimal
        guard decimal.utf8.count <= ParameterValue.numberLimit else {
            throw .numberTooLong(characterCount: decimal.utf8.count, at: place())
        }
        return .integer(decimal)
    }

    /// Long multiplication in base 10^9, least significant limb first.
    private var decimal: String {
        let base: UInt64 = 1_000_000_000
        var limbs: [UInt64] = [0]
        for digit in digits {
            var carry = UInt64(digit)
            for index in limbs.indices {
                let product = limbs[index] * UInt64(radix) + carry
                (carry, limbs[index]) = product.quotientAndRemainder(dividingBy: base)
            }
            if carry > 0 { limbs.append(carry) }
        }
        var text = String(limbs[limbs.count - 1])
        for limb in limbs.dropLast().reversed() {
            let digits = String(limb)
            text += String(repeating: "0", count: 9 - digits.utf8.count) + digits
        }
        return text
    }
}
