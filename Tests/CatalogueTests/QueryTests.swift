import Catalogue
import Testing

/// The language of questions.
@Suite struct QueryTests {
    static let questions: [(String, Query)] = [
        ("", .any), (" \n\t", .any),
        ("f1", .has("f1")),
        ("f1 > 0.9", .compare("f1", .greater, "0.9")), ("f1>0.9", .compare("f1", .greater, "0.9")),
        ("f1 >= 0.9", .compare("f1", .atLeast, "0.9")), ("f1<=-1e-3", .compare("f1", .atMost, "-1e-3")),
        ("a = b", .compare("a", .equal, "b")), ("a == b", .compare("a", .same, "b")),
        ("a != b", .compare("a", .notEqual, "b")), ("a < b", .compare("a", .less, "b")),
        ("a ~ 'b c'", .compare("a", .contains, "b c")),
        ("a = \"it's\"", .compare("a", .equal, "it's")), ("a = ''", .compare("a", .equal, "")),
        ("a = 'and'", .compare("a", .equal, "and")), ("a = '='", .compare("a", .equal, "=")),
        ("'a b' = c", .compare("a b", .equal, "c")),
        ("not a", .not(.has("a"))), ("not not a", .not(.not(.has("a")))),
        ("a or b and c", .or(.has("a"), .and(.has("b"), .has("c")))),
        ("(a or b) and c", .and(.or(.has("a"), .has("b")), .has("c"))),
        ("a or b or c", .or(.or(.has("a"), .has("b")), .has("c"))),
        ("not a and b", .and(.not(.has("a")), .has("b"))),
        ("(a)and(b)", .and(.has("a"), .has("b"))),
    ]

    @Test(arguments: questions) func `a question is read as it is meant`(text: String, query: Query) throws {
        #expect(try Query(text) == query)
    }

    static let malformed: [(String, QueryError, String)] = [
        ("a = 'b", .openQuote, "a quote has no end"),
        ("\"", .openQuote, "a quote has no end"),
        ("(a", .openParenthesis, "a parenthesis has no end"),
        ("(a b)", .openParenthesis, "a parenthesis has no end"),
        ("()", .missingName, "a name is missing"),
        ("not", .missingName, "a name is missing"),
        ("a and", .missingName, "a name is missing"),
        ("or a", .missingName, "a name is missing"),
        ("= 1", .missingName, "a name is missing"),
        ("'and' = 1", .missingName, "a name is missing"),
        ("a b", .unexpected("b"), "'b' is not expected"),
        ("a)", .unexpected(")"), "')' is not expected"),
        ("a = 1 2", .unexpected("2"), "'2' is not expected"),
        ("a = b = c", .unexpected("="), "'=' is not expected"),
        ("a !", .unexpected("!"), "'!' is not expected"),
        ("a \u{1B}[2J", .unexpected("\u{1B}[2J"), "'\u{1B}[2J' is not expected"),
        ("a >", .missingValue(behind: .greater), "a value is missing behind '>'"),
        ("a > > 1", .missingValue(behind: .greater), "a value is missing behind '>'"),
        ("a ~ and", .missingValue(behind: .contains), "a value is missing behind '~'"),
        ("a != (b)", .missingValue(behind: .notEqual), "a value is missing behind '!='"),
    ]

    @Test(arguments: malformed) func `what is no question is refused with its reason`(
        text: String, because: QueryError, words: String
    ) {
        #expect(throws: because) { try Query(text) }
        #expect(because.description == words)
    }

    @Test(arguments: ["not ", "(", "not ("]) func `depth without end is refused, not followed`(open: String) {
        #expect(throws: QueryError.tooDeep) { try Query(String(repeating: open, count: 100_000) + "a") }
    }

    @Test(arguments: [" or ", " and ", " or not "]) func `500 comparisons are not too many, 501 are`(
        word: String
    ) throws {
        func text(_ count: Int) -> String {
            (0..<count).map { "n\($0) = 1" }.joined(separator: word)
        }
        let query = try Query(text(500))
        let catalogue = try Catalogue(at: nil)
        try catalogue.update(removing: [], adding: [item(1, ("n499", "1.0")), item(2)], mark: "")
        for number in 1...2 {
            let isFound = query.matches { number == 1 && $0 == "n499" ? ["1.0"] : [] }
            #expect(try catalogue.select(query) { _, _, _, _ in false }.contains(id(number)) == isFound)
        }
        #expect(throws: QueryError.tooLong) { try Query(text(501)) }
        #expect(throws: QueryError.tooLong) { try Query(text(100_000)) }
    }

    static let comparisons: [(String, String, String, Bool)] = [
        ("0.9", "=", "9e-1", true), ("10", ">", "9", true), ("10", ">", "9x", false),
        ("16", "=", "0x10", true),
        ("nan", "=", "nan", false), ("nan", "!=", "nan", true), ("nan", "<", "1", false),
        ("nan", ">=", "1", false),
        ("nan", "~", "na", true), ("inf", "=", "1e400", true), ("-0", "=", "0", true),
        ("1_000", "=", "1000", false), (" 1", "=", "1", false), ("abc", "~", "b", true),
        ("abc", "~", "B", false),
        ("abc", "~", "", true), ("", "~", "a", false), ("é", "=", "e\u{301}", false),
        ("e\u{301}", "~", "e", true),
        ("a\0b", "=", "a", false), ("a\0b", "~", "\0b", true), ("Z", "<", "a", true),
    ]

    @Test(arguments: comparisons) func `numbers compare as numbers, the rest by bytes`(
        value: String, sign: String, text: String, expected: Bool
    ) throws {
        let comparison = try #require(Query.Comparison(rawValue: sign))
        #expect(comparison.holds(value, text) == expected)
        let catalogue = try Catalogue(at: nil)
        try catalogue.update(removing: [], adding: [item(1, ("a", value))], mark: "")
        let found = try catalogue.select(.compare("a", comparison, text)) { _, _, _, _ in false }
        #expect(found.isEmpty != expected)
    }

    @Test func `a bare name is a metric, else a parameter, else what it is called`() {
        func asked(_ name: String, _ having: Set<String>) -> Bool {
            Query.compare(name, .equal, "1").matches {
                having.contains($0) ? [$0 == "metrics.a" ? "2" : "1"] : []
            }
        }
        #expect(asked("a", ["params.a", "a"]))
        #expect(asked("a", ["a"]))
        #expect(!asked("a", ["metrics.a", "params.a", "a"]))
        #expect(asked("params.a", ["metrics.a", "params.a"]))
        #expect(asked("parameters.a", ["params.a"]))
        #expect(!asked("env.a", ["metrics.env.a"]))
        #expect(!asked("a", []))
        #expect(Query.not(.compare("a", .notEqual, "1")).matches { _ in [] })
    }
}
