package import Catalogue

/// A text that is to be a time, and is none.
package struct NoTime: Error {
    package let text: String
}

extension Query {
    /// The same question with times as facts have them: `date <= 2026-11-29` is true of all that day, and `started > yesterday` is known.
    ///
    /// - Parameter now: Seconds since 1970-01-01T00:00:00Z.
    package func withTimes(now: Int) throws(NoTime) -> Query {
        switch self {
        case .any, .has: return self
        case .not(let query): return .not(try query.withTimes(now: now))
        case .and(let one, let other):
            return .and(try one.withTimes(now: now), try other.withTimes(now: now))
        case .or(let one, let other):
            return .or(try one.withTimes(now: now), try other.withTimes(now: now))
        case .compare(let name, let comparison, let text):
            guard ["date", "started"].contains(name), comparison != .contains else { return self }
            guard let span = Self.span(text, now: now) else { throw NoTime(text: text) }
            let from = PointInTime.text(span.lowerBound)
            let to = PointInTime.text(span.upperBound)
            let isWithin = Query.and(
                .compare(name, .atLeast, from), .compare(name, .less, to))
            return switch comparison {
            case .less: .compare(name, .less, from)
            case .atMost: .compare(name, .less, to)
            case .greater: .compare(name, .atLeast, to)
            case .atLeast: .compare(name, .atLeast, from)
            case .notEqual: .and(.has(name), .not(isWithin))
            case .equal, .same, .contains: isWithin
            }
        }
    }

    /// From when to when a text says: a year, a month, a day, a minute, a second.
    private static func span(_ text: String, now: Int) -> Range<Int>? {
        let digits = text.utf8.prefix { $0 != UInt8(ascii: "T") && $0 != UInt8(ascii: " ") }
        let parts = digits.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map {
            Int(String(decoding: $0, as: UTF8.self))
        }
        func start(_ year: Int, _ month: Int) -> Int? {
            let month = month < 10 ? "0\(month)" : "\(month)"
            return PointInTime.seconds("\(year)-\(month)-01", now: now)
        }
        if digits.count == text.utf8.count, let year = parts[0], (1970...9998).contains(year) {
            if parts.count == 1, let from = start(year, 1), let to = start(year + 1, 1) { return from..<to }
            if parts.count == 2, let month = parts[1], (1...12).contains(month),
                let from = start(year, month),
                let to = month == 12 ? start(year + 1, 1) : start(year, month + 1)
            {
                return from..<to
            }
        }
        // With a blank between day and hour, as databases write it.
        var written = text
        if parts.count == 3, digits.count == 10, let blank = written.firstIndex(of: " ") {
            written.replaceSubrange(blank...blank, with: "T")
        }
        guard let from = PointInTime.seconds(written, now: now) else { return nil }
        let isDay = parts.count == 3 && digits.count == 10 && written.utf8.count == 10
        let isMinute = written.utf8.count { $0 == UInt8(ascii: ":") } == 1
        return from..<(from + (isDay ? 86_400 : isMinute ? 60 : 1))
    }

    /// The names that it asks for.
    package var names: [String] {
        switch self {
        case .any: []
        case .has(let name), .compare(let name, _, _): [name]
        case .not(let query): query.names
        case .and(let one, let other), .or(let one, let other): one.names + other.names
        }
    }
}
