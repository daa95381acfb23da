extension Query {
    /// Whether this is true of one thing.
    ///
    /// - Parameter values: All values that the thing has under a full name, as `metrics.f1`; none if it does not have it.
    package func matches(_ values: (String) -> [String]) -> Bool {
        switch self {
        case .any: true
        case .has(let name): !Self.found(name, values).isEmpty
        case .compare(let name, let comparison, let text):
            Self.found(name, values).contains { comparison.holds($0, text) }
        case .not(let query): !query.matches(values)
        case .and(let one, let other): one.matches(values) && other.matches(values)
        case .or(let one, let other): one.matches(values) || other.matches(values)
        }
    }

    /// Under which full names a name of a question is looked for; the first that a thing has is meant.
    package static func places(of name: String) -> [String] {
        if name.utf8.starts(with: "parameters.".utf8) {
            return ["params." + String(Substring(name.utf8.dropFirst("parameters.".utf8.count)))]
        }
        for prefix in ["metrics.", "params.", "env."] where name.utf8.starts(with: prefix.utf8) {
            return [name]
        }
        return ["metrics." + name, "params." + name, name]
    }

    private static func found(_ name: String, _ values: (String) -> [String]) -> [String] {
        for place in places(of: name) {
            let found = values(place)
            if !found.isEmpty { return found }
        }
        return []
    }
}

extension Query.Comparison {
    /// Whether a value is so to the text of a question: as numbers if both are, else by their bytes.
    ///
    /// `nan` differs from every number, itself too, and is neither below nor above one.
    package func holds(_ value: String, _ text: String) -> Bool {
        if self == .contains { return Self.contains(value, text) }
        if let number = Double(value), let other = Double(text) { return holds(number, other) }
        switch self {
        case .equal, .same: return value.utf8.elementsEqual(text.utf8)
        case .notEqual: return !value.utf8.elementsEqual(text.utf8)
        case .less: return value.utf8.lexicographicallyPrecedes(text.utf8)
        case .greater: return text.utf8.lexicographicallyPrecedes(value.utf8)
        case .atMost: return !text.utf8.lexicographicallyPrecedes(value.utf8)
        case .atLeast: return !value.utf8.lexicographicallyPrecedes(text.utf8)
        case .contains: return false
        }
    }

    private func holds(_ number: Double, _ other: Double) -> Bool {
        switch self {
        case .equal, .same: number == other
        case .notEqual: number != other
        case .less: number < other
        case .greater: number > other
        case .atMost: number <= other
        case .atLeast: number >= other
        case .contains: false
        }
    }

    /// Whether the bytes of a text hold those of another; characters would depend on the version of Unicode.
    private static func contains(_ text: String, _ part: String) -> Bool {
        let (bytes, wanted) = (Array(text.utf8), Array(part.utf8))
        guard let first = wanted.first else { return true }
        guard wanted.count <= bytes.count else { return false }
        return (0...bytes.count - wanted.count).contains { start in
            bytes[start] == first && bytes[start..<start + wanted.count].elementsEqual(wanted)
        }
    }
}
