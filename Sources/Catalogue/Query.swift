/// A question about things that have facts: `f1 > 0.9 and params.lr < 1e-3`.
///
/// What is compared is a fact by its name; a name that a thing does not have makes every comparison with it untrue.
/// Read from text it is at most ``depthLimit`` deep and has at most ``leafLimit`` comparisons, so that what follows it may recurse.
package indirect enum Query: Equatable, Sendable {
    /// The empty question, which everything answers.
    case any
    /// Whether there is a fact of this name, as the question spells it.
    case has(String)
    case compare(String, Comparison, String)
    case not(Query)
    case and(Query, Query)
    case or(Query, Query)

    /// How a fact is compared with the text of a question, and its sign there.
    package enum Comparison: String, CaseIterable, Sendable {
        // The longer ones first, as they are looked for in this order.
        case notEqual = "!="
        case atMost = "<="
        case atLeast = ">="
        case same = "=="
        case equal = "="
        case less = "<"
        case greater = ">"
        case contains = "~"
    }

    /// So many `not` and parentheses lie within each other at most.
    package static let depthLimit = 100
    /// So many names a question asks for at most; nobody types more, and each costs a look into an index.
    package static let leafLimit = 500
}

/// Why a text is no question.
package enum QueryError: Error, Equatable {
    case openQuote
    case openParenthesis
    case missingName
    /// The word that stands where none can, as it was written: it may hold control characters.
    case unexpected(String)
    case missingValue(behind: Query.Comparison)
    /// More than ``Query/depthLimit`` levels.
    case tooDeep
    /// More than ``Query/leafLimit`` comparisons.
    case tooLong
}

extension QueryError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .openQuote: "a quote has no end"
        case .openParenthesis: "a parenthesis has no end"
        case .missingName: "a name is missing"
        case .unexpected(let word): "'\(word)' is not expected"
        case .missingValue(let comparison): "a value is missing behind '\(comparison.rawValue)'"
        case .tooDeep: "it is nested too deep"
        case .tooLong: "it has more than \(Query.leafLimit) comparisons"
        }
    }
}
