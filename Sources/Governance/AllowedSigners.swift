/// Whose keys are trusted, for what and from when until when: a file of `ssh-keygen`'s (its page, "ALLOWED SIGNERS").
package struct AllowedSigners: Sendable {
    /// The most bytes that such a file may have.
    package static let byteLimit = 4 << 20

    /// One line of it.
    package struct Signer: Hashable, Sendable {
        /// Patterns of addresses, as the line has them.
        package let principals: String
        package let key: SSHPublicKey
        /// The key signs certificates of those that the line is about.
        package let isAuthority: Bool
        /// Patterns of namespaces; nothing for any.
        package let namespaces: String?
        /// Seconds since 1970: from the first on, up to the second with it.
        package let validAfter: Int?
        package let validBefore: Int?

        init(
            principals: String, key: SSHPublicKey, isAuthority: Bool, namespaces: String?, validAfter: Int?,
            validBefore: Int?
        ) {
            (self.principals, self.key, self.isAuthority) = (principals, key, isAuthority)
            (self.namespaces, self.validAfter, self.validBefore) = (namespaces, validAfter, validBefore)
        }

        func covers(_ principal: String) -> Bool { PatternList(principals).matches(principal) }

        func isValid(at time: Int) -> Bool {
            time >= validAfter ?? .min && time <= validBefore ?? .max
        }
    }

    package private(set) var signers: [Signer] = []

    package init() {}

    /// - Parameter localTime: Seconds since 1970 of year, month, day, hour, minute and second where no zone is told.
    /// - Throws: With the line that cannot be read: a line that is passed over would take a key for trusted, or not.
    package init(
        _ text: String, localTime: ([Int]) -> Int?
    ) throws(MalformedTrust) {
        // A carriage return and a line feed are one character.
        let lines = (text.first == "\u{feff}" ? text.dropFirst() : text[...])
            .split(omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" })
        for (index, line) in lines.enumerated() {
            let line = line.hasSuffix("\r") ? line.dropLast() : line
            let content = line.drop { $0 == " " || $0 == "\t" }
            if content.isEmpty || content.first == "#" { continue }
            signers.append(try Signer(content, line: index + 1, localTime))
        }
    }

    /// The line that trusts a key.
    ///
    /// - Parameters:
    ///   - principal: Without quotes.
    ///   - times: From when and until when, each as `YYYYMMDDHHMMSSZ`; nothing for ever.
    package static func line(
        _ key: SSHPublicKey, of principal: String, isAuthority: Bool,
        times: (after: String?, before: String?) = (nil, nil)
    ) -> String {
        let isPlain = !principal.contains { $0 == " " || $0 == "\t" }
        var options: [String] = isAuthority ? ["cert-authority"] : []
        if let after = times.after { options.append("valid-after=\"\(after)\"") }
        if let before = times.before { options.append("valid-before=\"\(before)\"") }
        let words = [isPlain ? principal : "\"\(principal)\"", options.joined(separator: ","), key.line]
        return words.filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// The keys of the people of a policy.
    package init(_ policy: Policy) {
        for principal in policy.principals.values {
            signers += principal.keys.map { key in
                Signer(
                    principals: principal.email, key: key, isAuthority: false, namespaces: nil,
                    validAfter: nil, validBefore: nil)
            }
        }
    }

    package mutating func add(_ others: AllowedSigners) { signers += others.signers }
}

/// Patterns between commas as OpenSSH has them: `*`, `?`, and `!` before what is not meant.
package struct PatternList: Sendable {
    private let patterns: [(isNegative: Bool, bytes: [UInt8])]

    package init(_ text: String) {
        patterns = text.split(separator: ",").map { pattern in
            let isNegative = pattern.first == "!"
            return (isNegative, Array((isNegative ? pattern.dropFirst() : pattern).utf8))
        }
    }

    /// Whether one of them matches, and none of those that are not meant.
    package func matches(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var isMatched = false
        for pattern in patterns where Self.matches(pattern.bytes, bytes) {
            if pattern.isNegative { return false }
            isMatched = true
        }
        return isMatched
    }

    /// Takes at most the product of both lengths: only the last `*` is ever tried again.
    private static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var (p, t, star, mark) = (0, 0, -1, 0)
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                (star, mark) = (p, t)
                p += 1
            } else if p < pattern.count, pattern[p] == text[t] || pattern[p] == UInt8(ascii: "?") {
                p += 1
                t += 1
            } else if star >= 0 {
                mark += 1
                (p, t) = (star + 1, mark)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

extension AllowedSigners.Signer {
    fileprivate init(_ text: Substring, line: Int, _ localTime: ([Int]) -> Int?) throws(MalformedTrust) {
        func wrong(_ what: String, _ expected: String) -> MalformedTrust {
            MalformedTrust(what, line: line, expected)
        }
        guard let (principals, rest) = Self.word(text), !principals.isEmpty else {
            throw wrong("the principals", "addresses between commas")
        }
        self.principals = principals
        var (isAuthority, namespaces, after, before): (Bool, String?, Int?, Int?) = (false, nil, nil, nil)
        var keyText = rest
        if (try? SSHPublicKey(line: rest)) == nil, let (options, behind) = Self.options(rest) {
            keyText = behind
            for option in options {
                let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                let value = parts.count == 2 ? Self.unquoted(parts[1]) : nil
                switch (parts[0].lowercased(), value) {
                case ("cert-authority", nil): isAuthority = true
                case ("namespaces", let value?) where !value.isEmpty && namespaces == nil: namespaces = value
                case ("valid-after", let value?) where after == nil:
                    guard let time = Self.time(value, localTime) else {
                        throw wrong("valid-after", "YYYYMMDD or YYYYMMDDHHMM[SS], with Z for UTC")
                    }
                    after = time
                case ("valid-before", let value?) where before == nil:
                    guard let time = Self.time(value, localTime) else {
                        throw wrong("valid-before", "YYYYMMDD or YYYYMMDDHHMM[SS], with Z for UTC")
                    }
                    before = time
                default:
                    throw wrong("an option", "cert-authority, namespaces, valid-after or valid-before")
                }
            }
        }
        do throws(MalformedTrust) { key = try SSHPublicKey(line: keyText) } catch {
            throw wrong(error.what, error.expected)
        }
        (self.isAuthority, self.namespaces, validAfter, validBefore) = (
            isAuthority, namespaces, after, before
        )
    }

    /// The first word, between quotes if it has some, and what follows it.
    private static func word(_ text: Substring) -> (String, Substring)? {
        if text.first == "\"" {
            let rest = text.dropFirst()
            guard let end = rest.firstIndex(of: "\"") else { return nil }
            return (String(rest[..<end]), rest[rest.index(after: end)...].drop(while: isSpace))
        }
        let end = text.firstIndex(where: isSpace) ?? text.endIndex
        return (String(text[..<end]), text[end...].drop(while: isSpace))
    }

    /// Options between commas, and what follows them; nothing where a quote is not closed.
    private static func options(_ text: Substring) -> ([Substring], Substring)? {
        var (options, start, isQuoted): ([Substring], String.Index, Bool) = ([], text.startIndex, false)
        var index = text.startIndex
        while index < text.endIndex, isQuoted || !isSpace(text[index]) {
            if text[index] == "\"" { isQuoted.toggle() }
            if text[index] == ",", !isQuoted {
                options.append(text[start..<index])
                start = text.index(after: index)
            }
            index = text.index(after: index)
        }
        options.append(text[start..<index])
        return isQuoted ? nil : (options, text[index...].drop(while: isSpace))
    }

    private static func unquoted(_ text: Substring) -> String? {
        guard text.first == "\"" else { return String(text) }
        guard text.count >= 2, text.last == "\"" else { return nil }
        return String(text.dropFirst().dropLast())
    }

    private static func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" }

    /// Seconds since 1970 of `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with `Z` behind it in UTC.
    private static func time(_ text: String, _ localTime: ([Int]) -> Int?) -> Int? {
        let isUniversal = text.hasSuffix("Z") || text.hasSuffix("z")
        let digits = Array((isUniversal ? text.dropLast() : text[...]).utf8)
        guard [8, 12, 14].contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        func number(_ range: Range<Int>) -> Int {
            guard range.upperBound <= digits.count else { return 0 }
            return digits[range].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        let parts = [
            number(0..<4), number(4..<6), number(6..<8), number(8..<10), number(10..<12), number(12..<14),
        ]
        guard parts[0] >= 1970, (1...12).contains(parts[1]), (1...31).contains(parts[2]), parts[3] < 24,
            parts[4] < 60, parts[5] < 60
        else { return nil }
        return isUniversal ? universal(parts) : localTime(parts)
    }

    /// Days from date as in Howard Hinnant's "chrono-compatible low-level date algorithms".
    private static func universal(_ parts: [Int]) -> Int {
        let year = parts[1] <= 2 ? parts[0] - 1 : parts[0]
        let (era, yearOfEra) = (year / 400, year % 400)
        let dayOfYear = (153 * (parts[1] + (parts[1] > 2 ? -3 : 9)) + 2) / 5 + parts[2] - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return days * 86_400 + parts[3] * 3600 + parts[4] * 60 + parts[5]
    }
}
