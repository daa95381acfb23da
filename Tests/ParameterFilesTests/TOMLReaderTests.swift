import ObjectModel
import ParameterFiles
import Testing

/// What TOML 1.0 allows, by the categories of the toml-test suite; the tables are our own.
@Suite struct TOMLReaderTests {
    static let scalars: [(String, ParameterValue)] = [
        // Integers.
        ("0", .integer("0")), ("+0", .integer("0")), ("-0", .integer("-0")), ("+99", .integer("99")),
        ("-17", .integer("-17")), ("1_000", .integer("1000")), ("5_3_4", .integer("534")),
        ("9007199254740993", .integer("9007199254740993")),
        ("9223372036854775808", .integer("9223372036854775808")),
        ("0xDEAD_beef", .integer("3735928559")), ("0o755", .integer("493")), ("0b1101_0110", .integer("214")),
        ("0x00", .integer("0")), ("0x1_0000_0000_0000_0000", .integer("18446744073709551616")),
        // Floats.
        ("1.0", .float("1.0")), ("+1.0", .float("1.0")), ("-0.0", .float("-0.0")), ("3.1_4", .float("3.14")),
        ("5e+22", .float("5e+22")), ("1E06", .float("1E06")), ("-2e-2", .float("-2e-2")),
        ("0e0", .float("0e0")),
        ("6.626e-34", .float("6.626e-34")), ("1_0.0_1e1_0", .float("10.01e10")), ("0.0003", .float("0.0003")),
        ("inf", .float("inf")), ("+inf", .float("inf")), ("-inf", .float("-inf")), ("nan", .float("nan")),
        ("+nan", .float("nan")), ("-nan", .float("nan")),
        // Truth values.
        ("true", .bool(true)), ("false", .bool(false)),
        // Dates and times, in their own spelling.
        ("1979-05-27T07:32:00Z", .string("1979-05-27T07:32:00Z")),
        ("1979-05-27t00:32:00.999999-07:00", .string("1979-05-27t00:32:00.999999-07:00")),
        ("1979-05-27 07:32:00+00:00", .string("1979-05-27 07:32:00+00:00")),
        ("1979-05-27T07:32:00", .string("1979-05-27T07:32:00")), ("1979-05-27", .string("1979-05-27")),
        ("1979-05-27 # a day", .string("1979-05-27")), ("07:32:00", .string("07:32:00")),
        ("00:32:00.5", .string("00:32:00.5")), ("2000-02-29", .string("2000-02-29")),
        ("1990-12-31T23:59:60Z", .string("1990-12-31T23:59:60Z")), ("0001-01-01", .string("0001-01-01")),
        // Strings.
        (#""""#, .string("")), ("''", .string("")), (#""a\"b\\""#, .string(#"a"b\"#)),
        ("'a\\\"b'", .string("a\\\"b")),
        (#""\b\t\n\f\r""#, .string("\u{8}\t\n\u{C}\r")), (#""\u00e9\U0001D11E""#, .string("é𝄞")),
        ("\"\t#\"", .string("\t#")), ("\"\"\"\"\"\"", .string("")), ("''''''", .string("")),
        ("\"\"\"\na\nb\"\"\"", .string("a\nb")), ("\"\"\"\r\na\r\nb\"\"\"", .string("a\nb")),
        ("\"\"\"\n\n\"\"\"", .string("\n")), ("'''\na\\\n'''", .string("a\\\n")),
        ("\"\"\"a \\\n   \n\t b\"\"\"", .string("a b")), ("\"\"\"a\\  \r\n  \"\"\"", .string("a")),
        ("\"\"\"\"a\"\"\"\"\"", .string("\"a\"\"")), ("'''''a'''''", .string("''a''")),
        ("\"\"\"a\"\"b\\\"\"\"\"", .string("a\"\"b\"")),
        // Lists and inline tables.
        ("[]", .list([])), ("[1, 'a', [true],]", .list([.integer("1"), .string("a"), .list([.bool(true)])])),
        ("[ # one\n  1\n  # and two\n  , 2, # end\n]", .list([.integer("1"), .integer("2")])),
        (
            "[1979-05-27 07:32:00, 1979-05-27]",
            .list([.string("1979-05-27 07:32:00"), .string("1979-05-27")])
        ),
        ("{}", .map([:])),
        ("{ a = 1, b.c = 2 }", .map(["a": .integer("1"), "b": .map(["c": .integer("2")])])),
        ("{a=[\n1\n],b={c={}}}", .map(["a": .list([.integer("1")]), "b": .map(["c": .map([:])])])),
        ("{a.b=1,a.c=2}", .map(["a": .map(["b": .integer("1"), "c": .integer("2")])])),
    ]

    @Test(arguments: scalars) func `a value keeps its spelling`(text: String, value: ParameterValue) throws {
        #expect(try read("k = " + text, .toml) == ["k": value])
    }

    @Test(arguments: [
        ("a=1", ["a"]), ("\t a-b_2 \t=1", ["a-b_2"]), ("1=1", ["1"]), ("-=1", ["-"]), ("'a.b'=1", ["a.b"]),
        (#""\u0061 \"" = 1"#, [#"a ""#]), ("\"\"=1", [""]), ("a.b.c=1", ["a", "b", "c"]),
        ("a . 'b.c' . \"d\" = 1", ["a", "b.c", "d"]), ("3.14=1", ["3", "14"]),
        ("true.inf=1", ["true", "inf"]),
        ("é=1", []), ("'é'=1", ["é"]),
    ])
    func `a key is bare, quoted or dotted`(text: String, path: [String]) throws {
        guard !path.isEmpty else {
            #expect(throws: ParameterFileError.unexpected("'é'", expected: "a key", at: place(1, 1))) {
                try read(text, .toml)
            }
            return
        }
        let value = path.reversed().reduce(ParameterValue.integer("1")) { .map([$1: $0]) }
        #expect(.map(try read(text, .toml)) == value)
    }

    static let one = ParameterValue.integer("1")
    static let two = ParameterValue.integer("2")

    static let tables: [(String, [String: ParameterValue])] = [
        ("", [:]), ("\r\n# x\n\t\n", [:]), ("a=1\r\nb=2", ["a": one, "b": two]),
        ("[a]", ["a": .map([:])]), ("[a]#x\nb=1\n[c]", ["a": .map(["b": one]), "c": .map([:])]),
        ("[ a . 'b c' ]\nd=1", ["a": .map(["b c": .map(["d": one])])]),
        ("[a.b]\nc=1\n[a]\nd=2", ["a": .map(["b": .map(["c": one]), "d": two])]),
        ("[a]\n[a.b]\n[a.c]", ["a": .map(["b": .map([:]), "c": .map([:])])]),
        ("[a.b]\n[a.c]\nx=1", ["a": .map(["b": .map([:]), "c": .map(["x": one])])]),
        ("[[a]]\nb=1\n[[a]]\n[[a]]\nb=2", ["a": .list([.map(["b": one]), .map([:]), .map(["b": two])])]),
        (
            "[[a]]\n[a.b]\nc=1\n[[a]]\n[a.b]\nc=2",
            ["a": .list([.map(["b": .map(["c": one])]), .map(["b": .map(["c": two])])])]
        ),
        (
            "[[a]]\n[[a.b]]\nc=1\n[[a.b]]\n[[a]]",
            ["a": .list([.map(["b": .list([.map(["c": one]), .map([:])])]), .map([:])])]
        ),
        ("[[a.b]]\n[a]\nc=1", ["a": .map(["b": .list([.map([:])]), "c": one])]),
        ("a.b=1\na.c=2", ["a": .map(["b": one, "c": two])]),
        ("a.b=1\nc=1\na.d=2", ["a": .map(["b": one, "d": two]), "c": one]),
        ("[a]\nb.c=1\nb.d=2\n[a.b.e]", ["a": .map(["b": .map(["c": one, "d": two, "e": .map([:])])])]),
        ("[a.b.c]\n[a]\nb.d=1", ["a": .map(["b": .map(["c": .map([:]), "d": one])])]),
    ]

    @Test(arguments: tables) func `tables are headers, dotted keys and lists of tables`(
        text: String, members: [String: ParameterValue]
    ) throws {
        #expect(try read(text, .toml) == members)
    }

    @Test func `14 parts of a key fit, 15 do not`() throws {
        let path = Array(repeating: "a", count: 13).joined(separator: ".")
        for text in ["\(path).a=1", "[\(path)]", "[\(path)]\na=1", "[[\(path.dropLast(2))]]\na=1"] {
            #expect(try read(text, .toml).count == 1)
        }
        let refused = [
            ("\(path).a.a=1", place(1, 29)), ("[\(path).a]", place(1, 28)), ("[[\(path)]]", place(1, 27)),
            ("[\(path)]\na.a=1", place(2, 1)), ("\(path)={}", nil), ("\(path)=[[]]", place(1, 28)),
        ]
        for (text, place) in refused {
            guard let place else {
                #expect(throws: Never.self) { try read(text, .toml) }
                continue
            }
            #expect(throws: ParameterFileError.tooDeep(at: place), "\(text)") { try read(text, .toml) }
        }
    }

    @Test func `many tables of one list are read in linear time`() throws {
        guard case .list(let tables) = try read(String(repeating: "[[a]]\n", count: 100_000), .toml)["a"]
        else {
            Issue.record("not a list")
            return
        }
        #expect(tables.count == 100_000)
    }
}
