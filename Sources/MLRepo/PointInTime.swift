#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Times as people write them in `main@{…}`, and as they are told.
package enum PointInTime {
    /// RFC 3339 in UTC with seconds.
    ///
    /// Days to date as in Howard Hinnant's "chrono-compatible low-level date algorithms".
    package static func text(_ seconds: Int) -> String {
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
        let rest = seconds - days * 86_400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let civilMonth = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (civilMonth <= 2 ? 1 : 0)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return
            "\(year)-\(two(civilMonth))-\(two(day))T\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z"
    }

    /// Seconds since 1970-01-01T00:00:00Z of `2026-11-23`, `2026-11-23T10:20`, with seconds and a zone if wanted (else that of the
    /// variable `TZ`), `2 days ago`, `yesterday`, `now`.
    ///
    /// - Returns: Nothing if the text is none of these.
    static func seconds(_ text: String, now: Int) -> Int? {
        if text == "now" { return now }
        if text == "yesterday" { return now - 86_400 }
        let words = text.split(whereSeparator: { $0 == " " || $0 == "." })
        if words.count == 3, words[2] == "ago", let count = Int(words[0]), let unit = unit(words[1]) {
            let (span, overflow) = count.multipliedReportingOverflow(by: unit)
            return overflow || count < 0 ? nil : now - span
        }
        return date(Array(text.utf8))
    }

    /// Seconds since 1970 of year, month, day, hour, minute and second in the zone of the variable `TZ`.
    static func local(_ parts: [Int]) -> Int? {
        var time = tm()
        (time.tm_year, time.tm_mon, time.tm_mday) = (
            Int32(parts[0] - 1900), Int32(parts[1] - 1), Int32(parts[2])
        )
        (time.tm_hour, time.tm_min, time.tm_sec) = (Int32(parts[3]), Int32(parts[4]), Int32(parts[5]))
        time.tm_isdst = -1
        return Int(mktime(&time))
    }

    private static func unit(_ word: Substring) -> Int? {
        switch word {
        case "second", "seconds": 1
        case "minute", "minutes": 60
        case "hour", "hours": 3600
        case "day", "days": 86_400
        case "week", "weeks": 7 * 86_400
        case "month", "months": 30 * 86_400
        case "year", "years": 365 * 86_400
        default: nil
        }
    }

    /// RFC 3339, as far as it is there: the date, the time to the minute or second, the zone.
    private static func date(_ text: [UInt8]) -> Int? {
        func number(_ range: Range<Int>, _ allowed: ClosedRange<Int>) -> Int? {
            guard range.upperBound <= text.count, text[range].allSatisfy({ (0x30...0x39).contains($0) }),
                let value = Int(String(decoding: text[range], as: UTF8.self))
            else { return nil }
            return allowed.contains(value) ? value : nil
        }
        func has(_ byte: Character, at index: Int) -> Bool {
            index < text.count && text[index] == byte.asciiValue
        }
        guard let year = number(0..<4, 1970...9999), has("-", at: 4), let month = number(5..<7, 1...12),
            has("-", at: 7), let day = number(8..<10, 1...31)
        else { return nil }
        var (hour, minute, second, end) = (0, 0, 0, 10)
        if has("T", at: 10) || has(" ", at: 10) {
            guard let hours = number(11..<13, 0...23), has(":", at: 13), let minutes = number(14..<16, 0...59)
            else { return nil }
            (hour, minute, end) = (hours, minutes, 16)
            if has(":", at: 16) {
                guard let seconds = number(17..<19, 0...59) else { return nil }
                (second, end) = (seconds, 19)
            }
        }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(year - 1900), Int32(month - 1), Int32(day))
        (parts.tm_hour, parts.tm_min, parts.tm_sec, parts.tm_isdst) = (
            Int32(hour), Int32(minute), Int32(second), -1
        )
        if end == text.count { return local([year, month, day, hour, minute, second]) }
        let universal = Int(timegm(&parts))
        if has("Z", at: end), end + 1 == text.count { return universal }
        guard has("+", at: end) || has("-", at: end), let hours = number(end + 1..<end + 3, 0...23),
            has(":", at: end + 3), let minutes = number(end + 4..<end + 6, 0...59), end + 6 == text.count
        else { return nil }
        let offset = hours * 3600 + minutes * 60
        return has("+", at: end) ? universal - offset : universal + offset
    }
}
