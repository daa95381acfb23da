import ObjectModel
import ParameterFiles
import Testing

/// What TOML 1.0 forbids, by the categories of the toml-test suite; the tables are our own.
@Suite struct TOMLRefusalTests {
    @Test(arguments: [
        // Integers and floats.
        "01", "-01", "+0x1", "0X1", "0x", "0xg", "0o8", "0b2", "0x_1", "0x1_", "_1", "1_", "1__0", "++1",
        "1a",
        "1.", ".5", "1.e5", "1e", "1e+", "1._5", "1_.5", "1.5_", "1e_5", "1e5_", "03.14", "1.5.5", "1e5e5",
        "Inf", "NaN", "infinity", "-", "+",
        // Truth values and other words.
        "True", "FALSE", "tru", "null", "adam", "yes",
        // Dates and times.
        "2023-02-29", "1900-02-29", "2023-13-01", "2023-00-01", "2023-01-00", "2023-04-31", "2023-1-1",
        "10000-01-01", "2023-01-01T", "2023-01-01T24:00:00", "2023-01-01T00:60:00", "2023-01-01T00:00:61",
        "2023-01-01T00:00", "2023-01-01T00:00:00.", "2023-01-01T00:00:00+1", "2023-01-01T00:00:00+24:00",
        "2023-01-01T00:00:00+00:60", "2023-01-01T00:00:00ZZ", "2023-01-01x00:00:00", "24:00:00", "00:00",
        "1:00:00",
        "00:00:00Z", "2023-01-01 00:00", "2023-01-01 1",
    ])
    func `a word that is no value is refused`(word: String) {
        let because = ParameterFileError.unexpected(
            "'\(word)'", expected: "a value (text needs quotes)", at: place(2, 5))
        #expect(throws: because) { try read("a=1\nk = \(word) # comment", .toml) }
    }

    static let endOfString = "the quote at the end of a string"
    static let endOfLine = "the end of the line"
    static let escapes = #"one of the escapes \b \t \n \f \r \" \\ \u \U"#

    static let malformed: [(String, ParameterFileError)] = [
        // Lines.
        ("a=1 b=2", .unexpected("'b'", expected: endOfLine, at: place(1, 5))),
        ("a=1\rb=2", .unexpected("'\\u{d}'", expected: endOfLine, at: place(1, 4))),
        ("a=1 # \u{1}", .unexpected("'\\u{1}'", expected: endOfLine, at: place(1, 7))),
        ("a=1 # \r", .unexpected("'\\u{d}'", expected: endOfLine, at: place(1, 7))),
        ("a=", .unexpected("the end of the file", expected: "a value", at: place(1, 3))),
        ("a=\n1", .unexpected("the end of the line", expected: "a value", at: place(1, 3))),
        ("a", .unexpected("the end of the file", expected: "'='", at: place(1, 2))),
        ("a b=1", .unexpected("'b'", expected: "'='", at: place(1, 3))),
        ("=1", .unexpected("'='", expected: "a key", at: place(1, 1))),
        ("a..b=1", .unexpected("'.'", expected: "a key", at: place(1, 3))),
        ("a.=1", .unexpected("'='", expected: "a key", at: place(1, 3))),
        ("\"\"\"a\"\"\"=1", .unexpected("'\"'", expected: "'='", at: place(1, 3))),
        ("\"a\n\"=1", .unexpected("the end of the line", expected: endOfString, at: place(1, 3))),
        // Headers.
        ("[]", .unexpected("']'", expected: "a key", at: place(1, 2))),
        ("[a", .unexpected("the end of the file", expected: "']'", at: place(1, 3))),
        ("[a]]", .unexpected("']'", expected: endOfLine, at: place(1, 4))),
        ("[a] b=1", .unexpected("'b'", expected: endOfLine, at: place(1, 5))),
        ("[[a]", .unexpected("the end of the file", expected: "']'", at: place(1, 5))),
        ("[[a] ]", .unexpected("' '", expected: "']'", at: place(1, 5))),
        ("[ [a]]", .unexpected("'['", expected: "a key", at: place(1, 3))),
        ("[a\n]", .unexpected("the end of the line", expected: "']'", at: place(1, 3))),
        // Lists and inline tables.
        ("a=[1 2]", .unexpected("'2'", expected: "',' or ']'", at: place(1, 6))),
        ("a=[,1]", .unexpected("','", expected: "a value", at: place(1, 4))),
        ("a=[1,,2]", .unexpected("','", expected: "a value", at: place(1, 6))),
        ("a=[1,\n", .unexpected("the end of the file", expected: "a value", at: place(2, 1))),
        ("a=[1\r]", .unexpected("'\\u{d}'", expected: endOfLine, at: place(1, 5))),
        ("a={b=1,}", .unexpected("'}'", expected: "a key", at: place(1, 8))),
        ("a={b=1\n}", .unexpected("the end of the line", expected: "',' or '}'", at: place(1, 7))),
        ("a={\n}", .unexpected("the end of the line", expected: "a key", at: place(1, 4))),
        ("a={b=1 c=2}", .unexpected("'c'", expected: "',' or '}'", at: place(1, 8))),
        ("a={,}", .unexpected("','", expected: "a key", at: place(1, 4))),
        // Strings.
        ("é='é", .unexpected("'é'", expected: "a key", at: place(1, 1))),
        ("a='é", .unexpected("the end of the file", expected: endOfString, at: place(1, 5))),
        ("a=\"x\ny\"", .unexpected("the end of the line", expected: endOfString, at: place(1, 5))),
        ("a='''\n\rx'''", .unexpected("'\\u{d}'", expected: endOfString, at: place(2, 1))),
        ("a=\"\"\"\n\u{7F}\"\"\"", .unexpected("'\\u{7f}'", expected: endOfString, at: place(2, 1))),
        ("a='''''''''", .unexpected("'''", expected: endOfLine, at: place(1, 11))),
        (#"a="\x41""#, .unexpected("'x'", expected: escapes, at: place(1, 5))),
        (#"a="\e""#, .unexpected("'e'", expected: escapes, at: place(1, 5))),
        ("a=\"\"\"\\ x\"\"\"", .unexpected("' '", expected: escapes, at: place(1, 7))),
        (#"a="\u12""#, .unexpected("'\"'", expected: "a hexadecimal digit", at: place(1, 8))),
        (#"a="\ud800""#, .unexpected("'\\ud800'", expected: "the escape of a character", at: place(1, 4))),
        (
            #"a="\U00110000""#,
            .unexpected("'\\U00110000'", expected: "the escape of a character", at: place(1, 4))
        ),
        ("a=x'y'", .unexpected("'x'", expected: "a value (text needs quotes)", at: place(1, 3))),
    ]

    @Test(arguments: malformed) func `what the grammar lacks is refused with its place`(
        text: String, because: ParameterFileError
    ) {
        #expect(throws: because) { try read(text, .toml) }
    }

    static let header = "a table"
    static let dotted = "a table of dotted keys"

    static let redefined: [(String, ParameterFileError)] = [
        // Keys.
        ("a=1\na=2", .duplicateKey("a", at: place(2, 1))),
        ("a=1\n\"a\"=2", .duplicateKey("a", at: place(2, 1))),
        ("a.b=1\na.b=2", .duplicateKey("b", at: place(2, 3))),
        ("a=1\na.b=2", .alreadyDefined(key: "a", as: "an integer", at: place(2, 1))),
        ("a.b=1\na=2", .alreadyDefined(key: "a", as: dotted, at: place(2, 1))),
        ("a=[]\na.b=2", .alreadyDefined(key: "a", as: "a list", at: place(2, 1))),
        // Headers.
        ("[a]\n[a]", .alreadyDefined(key: "a", as: header, at: place(2, 2))),
        ("[a]\n[b]\n[a]", .alreadyDefined(key: "a", as: header, at: place(3, 2))),
        ("[a.b]\n[a]\n[a]", .alreadyDefined(key: "a", as: header, at: place(3, 2))),
        ("[a]\nb=1\n[a.b]", .alreadyDefined(key: "b", as: "an integer", at: place(3, 4))),
        ("a=1\n[a.b]", .alreadyDefined(key: "a", as: "an integer", at: place(2, 2))),
        // Dotted keys against headers: each completes its tables for the other.
        ("a.b=1\n[a]", .alreadyDefined(key: "a", as: dotted, at: place(2, 2))),
        ("[f]\na.b.c=1\n[f.a]", .alreadyDefined(key: "a", as: dotted, at: place(3, 4))),
        ("[f]\na.b.c=1\n[f.a.b]", .alreadyDefined(key: "b", as: dotted, at: place(3, 6))),
        ("[a.b]\n[a]\nb.c=1", .alreadyDefined(key: "b", as: header, at: place(3, 1))),
        ("[a.b.c]\n[a]\nb.c.d=1", .alreadyDefined(key: "c", as: header, at: place(3, 3))),
        ("[a.b.c]\n[a]\nb.d=1\n[a.b]", .alreadyDefined(key: "b", as: dotted, at: place(4, 4))),
        ("[a.b]\n[a]\nb=1", .alreadyDefined(key: "b", as: header, at: place(3, 1))),
        // Inline tables are complete.
        ("a={}\n[a]", .alreadyDefined(key: "a", as: "a map", at: place(2, 2))),
        ("a={}\n[a.b]", .alreadyDefined(key: "a", as: "a map", at: place(2, 2))),
        ("a={b={}}\na.c=1", .alreadyDefined(key: "a", as: "a map", at: place(2, 1))),
        ("a={b=1,b=2}", .duplicateKey("b", at: place(1, 8))),
        ("a={b.c=1,b=2}", .alreadyDefined(key: "b", as: dotted, at: place(1, 10))),
        ("a={b={c=1},b.d=2}", .alreadyDefined(key: "b", as: "a map", at: place(1, 12))),
        // Lists of tables grow by [[...]] only, lists by nothing.
        ("[[a]]\n[a]", .alreadyDefined(key: "a", as: "a list of tables", at: place(2, 2))),
        ("[a]\n[[a]]", .alreadyDefined(key: "a", as: header, at: place(2, 3))),
        ("[a.b]\n[[a]]", .alreadyDefined(key: "a", as: "a table that holds other tables", at: place(2, 3))),
        ("a=[]\n[[a]]", .alreadyDefined(key: "a", as: "a list", at: place(2, 3))),
        ("a=[{}]\n[a.b]", .alreadyDefined(key: "a", as: "a list", at: place(2, 2))),
        ("[[a]]\nb=1\n[a.b]", .alreadyDefined(key: "b", as: "an integer", at: place(3, 4))),
        ("[[a.b]]\n[a]\nb.c=1", .alreadyDefined(key: "b", as: "a list of tables", at: place(3, 1))),
        ("[[a]]\n[a.b]\n[a.b]", .alreadyDefined(key: "b", as: header, at: place(3, 4))),
    ]

    @Test(arguments: redefined) func `a complete definition is not changed`(
        text: String, because: ParameterFileError
    ) {
        #expect(throws: because) { try read(text, .toml) }
    }
}
