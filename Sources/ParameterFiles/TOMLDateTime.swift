/// Dates and times as TOML 1.0 writes them: RFC 3339, also without an offset, and each part alone.
enum TOMLDateTime {
    /// Whether a text is a date, a time, or both, and of the calendar.
    static func isValid(_ text: String) -> Bool {
        var rest = text.utf8[...]
        if takeDate(&rest) {
            guard let delimiter = rest.popFirst() else { return true }
            guard "Tt ".utf8.contains(delimiter), takeTime(&rest) else { return false }
            return rest.isEmpty || takeOffset(&rest) && rest.isEmpty
        }
        rest = text.utf8[...]
        return takeTime(&rest) && rest.isEmpty
    }

    /// Whether a text is a date alone.
    static func isDate(_ text: String) -> Bool {
        var rest = text.utf8[...]
        return takeDate(&rest) && rest.isEmpty
    }

    /// `2024-02-29`.
    private static func takeDate(_ rest: inout Substring.UTF8View) -> Bool {
        guard let year = takeNumber(&rest, digits: 4), take("-", &rest),
            let month = takeNumber(&rest, digits: 2), (1...12).contains(month), take("-", &rest),
            let day = takeNumber(&rest, digits: 2)
        else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return (1...days[month - 1]).contains(day)
    }

    /// `23:59:60.5`; RFC 3339 has a second 60, for leap seconds.
    private static func takeTime(_ rest: inout Substring.UTF8View) -> Bool {
        guard takeClock(&rest), take(":", &rest), let second = takeNumber(&rest, digits: 2), second <= 60
        else { return false }
        guard take(".", &rest) else { return true }
        var digits = 0
        while takeNumber(&rest, digits: 1) != nil { digits += 1 }
        return digits > 0
    }

    /// `Z` or `+05:30`.
    private static func takeOffset(_ rest: inout Substring.UTF8View) -> Bool {
        if take("Z", &rest) || take("z", &rest) { return true }
        return (take("+", &rest) || take("-", &rest)) && takeClock(&rest)
    }

    /// `23:59`.
    private static func takeClock(_ rest: inout Substring.UTF8View) -> Bool {
        guard let hour = takeNumber(&rest, digits: 2), hour <= 23, take(":", &rest),
            let minute = takeNumber(&rest, digits: 2), minute <= 59
        else { return false }
        return true
    }

    private static func take(_ character: Unicode.Scalar, _ rest: inout Substring.UTF8View) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    /// Takes exactly so many decimal digits, or nothing.
    private static func takeNumber(_ rest: inout Substring.UTF8View, digits: Int) -> Int? {
        let run = rest.prefix(digits)
        guard run.count == digits else { return nil }
        var number = 0
        for byte in run {
            guard let digit = SourceText.digit(byte), digit < 10 else { return nil }
            number = 10 * number + Int(digit)
        }
        rest.removeFirst(digits)
        return number
    }
}
