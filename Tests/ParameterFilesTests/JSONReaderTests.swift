import ObjectModel
import ParameterFiles
import Testing

/// RFC 8259, with the bounds and refusals of this package.
@Suite struct JSONReaderTests {
    static let scalars: [(String, ParameterValue)] = [
        ("0", .integer("0")), ("-0", .integer("-0")), ("1", .integer("1")), ("-17", .integer("-17")),
        ("9007199254740993", .integer("9007199254740993")),
        ("100000000000000000000000", .integer("100000000000000000000000")),
        ("1.0", .float("1.0")), ("-0.0", .float("-0.0")), ("0.0003", .float("0.0003")),
        ("1e-3", .float("1e-3")),
        ("1E+03", .float("1E+03")), ("1.50e400", .float("1.50e400")),
        ("NaN", .float("nan")), ("Infinity", .float("inf")), ("-Infinity", .float("-inf")),
        ("true", .bool(true)), ("false", .bool(false)), ("null", .null),
        (#""""#, .string("")), (#""1""#, .string("1")), (#""é𝄞""#, .string("é𝄞")),
        (#""\"\\\/\b\f\n\r\t""#, .string("\"\\/\u{8}\u{C}\n\r\t")),
        (#""\u0000\u00e9\u00E9\ud834\udd1e\uFFFF""#, .string("\0éé𝄞\u{FFFF}")),
        ("\"\u{7F}\u{2028}\"", .string("\u{7F}\u{2028}")),
        (" \t\r\n1\n", .integer("1")),
        ("[]", .list([])), ("[ ]", .list([])), ("{ }", .map([:])),
        (#"[1,[2,{"a":null}]]"#, .list([.integer("1"), .list([.integer("2"), .map(["a": .null])])])),
        (#"{"":1,"a b":[true]}"#, .map(["": .integer("1"), "a b": .list([.bool(true)])])),
    ]

    @Test(arguments: scalars) func `a value is read as it is spelled`(text: String, value: ParameterValue)
        throws
    {
        #expect(try readJSONValue(Array(text.utf8)) == value)
    }

    /// What is wrong, found at a place of the text.
    static let malformed: [(String, ParameterFileError)] = [
        ("", .unexpected("the end of the file", expected: "a value", at: place(1, 1))),
        ("1 2", .unexpected("'2'", expected: "the end of the file", at: place(1, 3))),
        ("'a'", .unexpected("'''", expected: "a value", at: place(1, 1))),
        ("[1,]", .unexpected("']'", expected: "a value", at: place(1, 4))),
        ("[1 2]", .unexpected("'2'", expected: "',' or ']'", at: place(1, 4))),
        ("[1,\n 2", .unexpected("the end of the file", expected: "',' or ']'", at: place(2, 3))),
        ("[1}", .unexpected("'}'", expected: "',' or ']'", at: place(1, 3))),
        (#"{"a":1,}"#, .unexpected("'}'", expected: "a name in quotes", at: place(1, 8))),
        (#"{a:1}"#, .unexpected("'a'", expected: "a name in quotes", at: place(1, 2))),
        (#"{1:1}"#, .unexpected("'1'", expected: "a name in quotes", at: place(1, 2))),
        (#"{"a" 1}"#, .unexpected("'1'", expected: "':'", at: place(1, 6))),
        (#"{"é" 1}"#, .unexpected("'1'", expected: "':'", at: place(1, 6))),
        (#"{"a":1 "b":2}"#, .unexpected("'\"'", expected: "',' or '}'", at: place(1, 8))),
        ("[1] // a comment", .unexpected("'/'", expected: "the end of the file", at: place(1, 5))),
        (
            #""a"#,
            .unexpected("the end of the file", expected: "'\"' at the end of a string", at: place(1, 3))
        ),
        (
            "\"a\n\"",
            .unexpected("the end of the line", expected: "'\"' at the end of a string", at: place(1, 3))
        ),
        ("\"\t\"", .unexpected("'\\u{9}'", expected: "'\"' at the end of a string", at: place(1, 2))),
        (#""\u12g4""#, .unexpected("'g'", expected: "a hexadecimal digit", at: place(1, 6))),
        (
            #""\ud834""#,
            .unexpected("'\\ud834'", expected: "the escape of a whole character", at: place(1, 2))
        ),
        (
            #""\udd1e\ud834""#,
            .unexpected("'\\udd1e'", expected: "the escape of a whole character", at: place(1, 2))
        ),
        (
            #""\ud834\u0041""#,
            .unexpected("'\\ud834\\u0041'", expected: "the escape of a whole character", at: place(1, 2))
        ),
        (
            #""\x41""#,
            .unexpected(
                "'x'", expected: #"one of the escapes \" \\ \/ \b \f \n \r \t \u"#, at: place(1, 3))
        ),
        (#"{"a":1,"b":{},"a":1}"#, .duplicateKey("a", at: place(1, 15))),
        (#"{"a":1,"\u0061":2}"#, .duplicateKey("a", at: place(1, 8))),
        (#"{"é":1,"e\#u{301}":2}"#, .duplicateKey("é", at: place(1, 8))),  // canonically equivalent
    ]

    @Test(arguments: [
        "tru", "True", "nan", "+1", "+Infinity", "-", "--1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e5",
        "1e5.5", "0x1f", "1_000",
    ])
    func `a word that is no value is refused`(word: String) {
        let because = ParameterFileError.unexpected(
            "'\(word)'", expected: "a value (text needs quotes)", at: place(1, 2))
        #expect(throws: because) { try readJSONValue(Array("[\(word)]".utf8)) }
    }

    @Test(arguments: malformed) func `anything else is refused with its place`(
        text: String, because: ParameterFileError
    ) {
        #expect(throws: because) { try readJSONValue(Array(text.utf8)) }
    }

    @Test func `100,001 values are not too many, since nothing repeats them`() throws {
        let text = "{\"a\":[" + String(repeating: "0,", count: 100_000) + "0]}"
        guard case .list(let values) = try read(text, .json)["a"] else {
            Issue.record("not a list")
            return
        }
        #expect(values.count == 100_001)
    }
}
