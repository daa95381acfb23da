internal import ObjectModel

/// Wildcards of gitignore(5): `*` and `?` stay within a name, `**` between slashes crosses them, `[…]` is a set.
///
/// A pattern is taken apart once. It is matched name by name, and within a name only the last `*` is tried anew: what a
/// hostile pattern costs is bounded by its length times that of the path, and nothing is recursive.
struct Glob: Sendable {
    /// One byte of a name, or any bytes.
    private enum Symbol: Sendable {
        case byte(UInt8)
        /// `?`
        case any
        /// `*`
        case run
        /// The position of a set.
        case set(Int)
    }

    /// What stands between two slashes.
    private enum Part: Sendable {
        case name([Symbol])
        /// `**`: any names, also none; at the end one at least.
        case names
    }

    /// 256 bits, one for each byte that is in the set.
    private struct ByteSet: Hashable, Sendable {
        private var words: SIMD4<UInt64> = .zero

        func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 == 1 }
        mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }
        mutating func invert() { words = ~words }
    }

    private var parts: [Part] = []
    private var sets: [ByteSet] = []

    /// Whether a pattern with this byte is to be matched, not compared.
    static func isSpecial(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "\\"): true
        default: false
        }
    }

    /// - Returns: Nothing if no path can match.
    init?(_ pattern: [UInt8]) {
        var rest = pattern[...]
        var numbers: [ByteSet: Int] = [:]
        var symbols: [Symbol] = []
        var stars = 0
        // Bytes that a path has to have at least.
        var length = 0
        func endPart() -> Part {
            defer { (symbols, stars) = ([], 0) }
            return stars >= 2 && symbols.count == 1 ? .names : .name(symbols)
        }
        while let symbol = rest.popFirst() {
            guard length <= RepositoryPath.byteLimit else { return nil }
            length += 1
            switch symbol {
            case UInt8(ascii: "/"):
                // Two of them in a row are as one, so that their number is bounded by that of names.
                let part = endPart()
                if case .names = part, case .names? = parts.last { length -= 1 } else { parts.append(part) }
            case UInt8(ascii: "*"):
                length -= 1
                stars += 1
                if case .run? = symbols.last {} else { symbols.append(.run) }
            case UInt8(ascii: "?"): symbols.append(.any)
            case UInt8(ascii: "["):
                guard let set = Self.set(&rest) else { return nil }
                let number = numbers[set] ?? sets.count
                if number == sets.count {
                    sets.append(set)
                    numbers[set] = number
                }
                symbols.append(.set(number))
            case UInt8(ascii: "\\") where rest.first != nil && rest.first != UInt8(ascii: "/"):
                symbols.append(.byte(rest.removeFirst()))
            case UInt8(ascii: "\\") where rest.first != nil: length -= 1
            default: symbols.append(.byte(symbol))
            }
        }
        let last = endPart()
        if case .names = last, case .names? = parts.last {} else { parts.append(last) }
    }

    /// Reads a set behind its `[`, and passes it.
    private static func set(_ pattern: inout ArraySlice<UInt8>) -> ByteSet? {
        let isNegated = pattern.first == UInt8(ascii: "!") || pattern.first == UInt8(ascii: "^")
        if isNegated { pattern.removeFirst() }
        var set = ByteSet()
        var isFirst = true
        while var low = pattern.popFirst() {
            if low == UInt8(ascii: "]"), !isFirst {
                if isNegated { set.invert() }
                return set
            }
            isFirst = false
            if low == UInt8(ascii: "["), pattern.first == UInt8(ascii: ":"), let name = className(&pattern) {
                guard let isMember = classes[name] else { return nil }
                for byte in UInt8.min...0x7f where isMember(byte) { set.insert(byte) }
                continue
            }
            if low == UInt8(ascii: "\\") {
                guard let escaped = pattern.popFirst() else { return nil }
                low = escaped
            }
            var high = low
            if pattern.first == UInt8(ascii: "-"), let end = pattern.dropFirst().first,
                end != UInt8(ascii: "]")
            {
                high = end
                pattern = pattern.dropFirst(2)
                if end == UInt8(ascii: "\\") {
                    guard let escaped = pattern.popFirst() else { return nil }
                    high = escaped
                }
            }
            if low <= high { for byte in low...high { set.insert(byte) } }
        }
        return nil
    }

    /// Reads `:digit:]` behind a bracket in a set, and passes it; nothing, and nothing passed, if that is not there.
    private static func className(_ pattern: inout ArraySlice<UInt8>) -> String? {
        let name = pattern.dropFirst().prefix { $0 != UInt8(ascii: "]") }
        guard name.last == UInt8(ascii: ":"), name.endIndex < pattern.endIndex else { return nil }
        pattern = pattern[(name.endIndex + 1)...]
        return String(decoding: name.dropLast(), as: UTF8.self)
    }

    /// The classes of POSIX, of ASCII only.
    private static let classes: [String: @Sendable (UInt8) -> Bool] = [
        "alnum": { isDigit($0) || isLetter($0) }, "alpha": isLetter, "blank": { $0 == 0x20 || $0 == 0x09 },
        "cntrl": { $0 < 0x20 || $0 == 0x7f }, "digit": isDigit, "graph": { $0 > 0x20 && $0 < 0x7f },
        "lower": { isLetter($0) && $0 & 0x20 != 0 }, "print": { $0 >= 0x20 && $0 < 0x7f },
        "punct": { $0 > 0x20 && $0 < 0x7f && !isDigit($0) && !isLetter($0) },
        "space": { $0 == 0x20 || ($0 >= 0x09 && $0 <= 0x0d) },
        "upper": { isLetter($0) && $0 & 0x20 == 0 },
        "xdigit": { isDigit($0) || (isLetter($0) && $0 & 0x5f <= UInt8(ascii: "F")) },
    ]

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
    private static func isLetter(_ byte: UInt8) -> Bool {
        byte & 0x5f >= 0x41 && byte & 0x5f <= 0x5a && byte >= 0x41
    }

    // MARK: Matching

    /// Whether a path below the pattern's directory, or a name, matches.
    func matches(_ text: ArraySlice<UInt8>) -> Bool {
        if parts.count == 1, case .name(let symbols) = parts[0] {
            return !text.contains(UInt8(ascii: "/")) && matches(symbols, text)
        }
        let names = text.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        var (part, name) = (0, 0)
        // Behind the last `**`, and the name that what follows it was tried at.
        var retry: (part: Int, name: Int)?
        while name < names.count {
            if part < parts.count {
                switch parts[part] {
                case .names:
                    if part == parts.count - 1 { return !text.isEmpty }
                    part += 1
                    retry = (part, name)
                    continue
                case .name(let symbols) where matches(symbols, names[name]):
                    part += 1
                    name += 1
                    continue
                case .name: break
                }
            }
            // An earlier `**` need not be tried anew: it can only bring later places for what is matched since.
            guard let (first, start) = retry else { return false }
            retry = (first, start + 1)
            (part, name) = (first, start + 1)
        }
        return part == parts.count
    }

    private func matches(_ symbols: [Symbol], _ name: ArraySlice<UInt8>) -> Bool {
        var (symbol, at) = (0, name.startIndex)
        var retry: (symbol: Int, at: Int)?
        while true {
            if symbol < symbols.count {
                if case .run = symbols[symbol] {
                    symbol += 1
                    if symbol == symbols.count { return true }
                    retry = (symbol, at)
                    continue
                }
                if at < name.endIndex, matches(symbols[symbol], name[at]) {
                    symbol += 1
                    at += 1
                    continue
                }
            } else if at == name.endIndex {
                return true
            }
            guard let (first, start) = retry, start < name.endIndex else { return false }
            retry = (first, start + 1)
            (symbol, at) = (first, start + 1)
        }
    }

    private func matches(_ symbol: Symbol, _ byte: UInt8) -> Bool {
        switch symbol {
        case .byte(let own): own == byte
        case .any: true
        case .run: false
        case .set(let number): sets[number].contains(byte)
        }
    }
}
