import ObjectModel
import ParameterFiles
import Testing

/// The core schema of YAML 1.2.2, section 10.3, and the collections of one document.
@Suite struct YAMLReaderTests {
    static let scalars: [(String, ParameterValue)] = [
        ("0", .integer("0")), ("-0", .integer("-0")), ("+1", .integer("1")), ("-17", .integer("-17")),
        ("007", .integer("007")), ("9007199254740993", .integer("9007199254740993")),
        ("0o17", .integer("15")), ("0x1f", .integer("31")), ("0x1F", .integer("31")),
        ("0xffffffffffffffffffff", .integer("1208925819614629174706175")),
        ("1.0", .float("1.0")), ("1.", .float("1.")), (".5", .float(".5")), ("+.5", .float(".5")),
        ("1e-3", .float("1e-3")), ("1E5", .float("1E5")), ("0.0003", .float("0.0003")),
        ("-1.5e+3", .float("-1.5e+3")),
        (".inf", .float("inf")), ("+.INF", .float("inf")), ("-.Inf", .float("-inf")), (".NaN", .float("nan")),
        ("true", .bool(true)), ("True", .bool(true)), ("TRUE", .bool(true)), ("false", .bool(false)),
        ("null", .null), ("Null", .null), ("NULL", .null), ("~", .null), ("", .null), ("# a comment", .null),
        // What PyYAML, which keeps YAML 1.1, reads otherwise, and what looks like a number only.
        ("yes", .string("yes")), ("off", .string("off")), ("y", .string("y")), ("tRUE", .string("tRUE")),
        ("1_000", .string("1_000")), ("190:20:30", .string("190:20:30")),
        ("2001-12-14", .string("2001-12-14")),
        ("0b11", .string("0b11")), ("-0x1f", .string("-0x1f")), ("+0o7", .string("+0o7")),
        ("0x", .string("0x")),
        ("0o8", .string("0o8")), ("0xfg", .string("0xfg")), ("1e", .string("1e")), (".", .string(".")),
        ("+", .string("+")), ("e5", .string("e5")), ("-.e5", .string("-.e5")), ("1.2.3", .string("1.2.3")),
        ("+.nan", .string("+.nan")), ("inf", .string("inf")), ("nan", .string("nan")),
        ("1 2", .string("1 2")),
        // Quotes and blocks are strings whatever they hold.
        ("\"1\"", .string("1")), ("'null'", .string("null")), ("''", .string("")),
        ("'it''s'", .string("it's")),
        (#""\x41\u00e9\U0001D11E\0\e\N\L\P""#, .string("Aé𝄞\0\u{1B}\u{85}\u{2028}\u{2029}")),
        ("|\n  1\n", .string("1\n")),
        (">-\n  a\n  b\n", .string("a b")), ("|+\n  a\n\n", .string("a\n\n")), ("a\n  b", .string("a b")),
        // Tags.
        ("!!str 1", .string("1")), ("!!str", .string("")), ("!!str null", .string("null")),
        ("!!int \"42\"", .integer("42")), ("!!int 0x10", .integer("16")), ("!!float 1", .float("1")),
        ("!!float +1", .float("1")), ("!!float '.inf'", .float("inf")), ("!!bool \"true\"", .bool(true)),
        ("!!null ''", .null), ("!!null", .null), ("!<tag:yaml.org,2002:int> '1'", .integer("1")),
        // Collections.
        ("[]", .list([])), ("{}", .map([:])),
        (
            "[1, [a, ~], {b: c}]",
            .list([.integer("1"), .list([.string("a"), .null]), .map(["b": .string("c")])])
        ),
        ("\n  - 1\n  - x: y\n    z:\n", .list([.integer("1"), .map(["x": .string("y"), "z": .null])])),
    ]

    @Test(arguments: scalars) func `a value is what the core schema says`(text: String, value: ParameterValue)
        throws
    {
        #expect(try read("k: " + text, .yaml) == ["k": value])
    }

    @Test(arguments: [
        ("1: x", "1"), ("0x1f: x", "0x1f"), ("+1.0: x", "+1.0"), ("true: x", "true"), ("null: x", "null"),
        ("~: x", "~"),
        ("?\n: x", ""), ("'a b': x", "a b"), ("\"\\u0061\": x", "a"), ("? a\n: x", "a"), ("!!int 1: x", "1"),
        ("!!str 1: x", "1"), ("? |\n  a\n: x", "a\n"),
    ])
    func `a key is the text of its scalar`(text: String, key: String) throws {
        #expect(try read(text, .yaml) == [key: .string("x")])
    }

    @Test(arguments: [
        "%YAML 1.2\n---\na: 1\n", "%YAML 1.1\n---\na: 1\n...\n", "---\na: 1\n...\n# the end\n",
        "%TAG !y! tag:yaml.org,2002:\n---\na: !y!int '1'\n", "a: 1\r\n", "a: 1\r",
    ])
    func `one document may have directives and marks`(text: String) throws {
        #expect(try read(text, .yaml) == ["a": .integer("1")])
    }

    /// YAML 1.1 takes these for line breaks, 1.2 does not.
    static func separator(_ found: String, at place: ParameterFileError.Place) -> ParameterFileError {
        .unexpected(found, expected: "a line feed, or an escape in double quotes", at: place)
    }

    static let refused: [(String, ParameterFileError)] = [
        ("a: 1\na: 1\n", .duplicateKey("a", at: place(2, 1))),
        ("{1: a, b: c, \"1\": d}", .duplicateKey("1", at: place(1, 14))),
        ("a: 1\n---\nb: 2\n", .secondDocument(at: place(2, 1))),
        ("a: 1\n...\n---\n", .secondDocument(at: place(3, 1))),
        ("[a]: 1\n", .compoundKey(kind: "a list", at: place(1, 1))),
        ("? {a: b}\n: 1\n", .compoundKey(kind: "a map", at: place(1, 3))),
        ("a: !local x\n", .unknownTag("!local", at: place(1, 4))),
        ("a: !!timestamp 2001-12-14\n", .unknownTag("!!timestamp", at: place(1, 4))),
        ("a: !!set {b}\n", .unknownTag("!!set", at: place(1, 4))),
        ("a: !!python/object:os.system []\n", .unknownTag("!!python/object:os.system", at: place(1, 4))),
        ("!x a: 1\n", .unknownTag("!x", at: place(1, 1))),
        ("a: !<!!int> 1\n", .unknownTag("!!int", at: place(1, 4))),
        ("a: !!int x\n", .tagMismatch(tag: "!!int", text: "x", at: place(1, 4))),
        ("a: !!int 1.0\n", .tagMismatch(tag: "!!int", text: "1.0", at: place(1, 4))),
        ("a: !!int\n", .tagMismatch(tag: "!!int", text: "", at: place(1, 4))),
        ("a: !!float 0x10\n", .tagMismatch(tag: "!!float", text: "0x10", at: place(1, 4))),
        ("a: !!bool yes\n", .tagMismatch(tag: "!!bool", text: "yes", at: place(1, 4))),
        ("a: !!null x\n", .tagMismatch(tag: "!!null", text: "x", at: place(1, 4))),
        ("!!int x: 1\n", .tagMismatch(tag: "!!int", text: "x", at: place(1, 1))),
        ("é: [1\n", .malformedYAML("did not find expected ',' or ']'", at: place(2, 1))),
        ("a: b: c\n", .malformedYAML("mapping values are not allowed in this context", at: place(1, 5))),
        ("a:\n\t- 1\n", .malformedYAML("found character that cannot start any token", at: place(2, 1))),
        ("a: \"\\q\"\n", .malformedYAML("found unknown escape character", at: place(1, 5))),
        (
            "a: \"\\ud834\\udd1e\"\n",
            .malformedYAML("found invalid Unicode character escape code", at: place(1, 7))
        ),
        ("\u{FEFF}é: 1\nb: \u{7}\n", .malformedYAML("control characters are not allowed", at: place(2, 4))),
        ("a: \"é\u{2028}\"", separator("'\\u{2028}'", at: place(1, 6))),
        ("a: 1\n# \u{85}\n", separator("'\\u{85}'", at: place(2, 3))),
        ("a: 'x\n", .malformedYAML("found unexpected end of stream", at: place(2, 1))),
        ("%YAML 2.0\n---\na: 1\n", .malformedYAML("found incompatible YAML document", at: place(1, 1))),
    ]

    @Test(arguments: refused) func `anything else is refused with its place`(
        text: String, because: ParameterFileError
    ) {
        #expect(throws: because) { try read(text, .yaml) }
    }
}
