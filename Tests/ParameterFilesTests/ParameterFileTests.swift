import ObjectModel
import ParameterFiles
import Testing

/// What holds for every format.
@Suite struct ParameterFileTests {
    @Test(arguments: [
        ("params.json", ParameterFileFormat.json), ("params.yaml", .yaml), ("conf/params.yml", .yaml),
        ("a.b.toml", .toml), ("PARAMS.YAML", .yaml),
    ])
    func `the end of a file's name says its format`(name: String, format: ParameterFileFormat) {
        #expect(ParameterFileFormat(fileName: name) == format)
    }

    @Test(arguments: ["", "json", "params", "params.", "params.json5", "params.json/x", "params.tom"])
    func `another end says none`(name: String) {
        #expect(ParameterFileFormat(fileName: name) == nil)
    }

    static let samples: [(String, ParameterFileFormat)] = [
        (#"{"lr":1e-3}"#, .json), ("lr: 1e-3", .yaml), ("lr = 1e-3", .toml),
    ]

    @Test(arguments: samples) func `a byte order mark is passed`(text: String, format: ParameterFileFormat)
        throws
    {
        #expect(try read("\u{FEFF}" + text, format) == ["lr": .float("1e-3")])
    }

    @Test(arguments: samples.filter { $0.1 != .yaml })  // YAML allows one at the start of a line
    func `a second byte order mark is not`(text: String, format: ParameterFileFormat) {
        #expect(throws: ParameterFileError.self) { try read("\u{FEFF}\u{FEFF}" + text, format) }
    }

    @Test(arguments: ParameterFileFormat.allCases) func `bytes that are not UTF-8 are refused`(
        format: ParameterFileFormat
    ) {
        #expect(throws: ParameterFileError.notUTF8(byte: 0xFF, offset: 5, at: place(2, 2))) {
            try readParameters([0xEF, 0xBB, 0xBF, 0x0A, 0x61, 0xFF, 0x61], format: format)
        }
        #expect(throws: ParameterFileError.notUTF8(byte: 0xED, offset: 2, at: place(1, 2))) {
            try readParameters([0xC3, 0xA9, 0xED, 0xA0, 0x80], format: format)  // a surrogate, after é
        }
    }

    @Test(arguments: ParameterFileFormat.allCases) func `a file of more than 16 MiB is refused unread`(
        format: ParameterFileFormat
    ) {
        let bytes = [UInt8](repeating: 0xFF, count: 16 << 20 + 1)
        #expect(throws: ParameterFileError.tooLarge(byteCount: bytes.count)) {
            try readParameters(bytes, format: format)
        }
    }

    @Test(arguments: [
        ("[1]", ParameterFileFormat.json, ParameterFileError.notMap(kind: "a list", at: place(1, 1))),
        ("\n 0.5", .json, .notMap(kind: "a decimal number", at: place(2, 2))),
        ("- 1", .yaml, .notMap(kind: "a list", at: place(1, 1))),
        ("hello", .yaml, .notMap(kind: "a string", at: place(1, 1))),
        ("--- true", .yaml, .notMap(kind: "a truth value", at: place(1, 5))),
        ("", .yaml, .notMap(kind: "nothing", at: place(1, 1))),
        ("# only a comment\n", .yaml, .notMap(kind: "nothing", at: place(2, 1))),
        ("---\n", .yaml, .notMap(kind: "nothing", at: place(2, 1))),
        ("", .json, .unexpected("the end of the file", expected: "a value", at: place(1, 1))),
    ])
    func `a file that is not a map is refused`(
        text: String, format: ParameterFileFormat, because: ParameterFileError
    ) {
        #expect(throws: because) { try read(text, format) }
    }

    @Test(arguments: [("{}", ParameterFileFormat.json), ("{}", .yaml), ("", .toml), ("# nothing\n", .toml)])
    func `a map may be empty`(text: String, format: ParameterFileFormat) throws {
        #expect(try read(text, format).isEmpty)
    }

    /// So many maps within each other, innermost empty.
    static func nest(_ depth: Int, _ format: ParameterFileFormat) -> String {
        switch format {
        case .json, .yaml:
            String(repeating: #"{"a": "#, count: depth - 1) + "{}" + String(repeating: "}", count: depth - 1)
        case .toml:
            "a=" + String(repeating: "{a=", count: depth - 2) + "{}"
                + String(repeating: "}", count: depth - 2)
        }
    }

    @Test(arguments: [
        (ParameterFileFormat.json, place(1, 85)), (.yaml, place(1, 85)), (.toml, place(1, 42)),
    ])
    func `14 maps lie within each other, 15 do not`(
        format: ParameterFileFormat, place: ParameterFileError.Place
    ) throws {
        var value = ParameterValue.map(try read(Self.nest(14, format), format))
        for _ in 1..<14 {
            guard case .map(let members) = value, let inner = members["a"] else {
                Issue.record("the map is not deep enough")
                return
            }
            value = inner
        }
        #expect(value == .map([:]))
        #expect(throws: ParameterFileError.tooDeep(at: place)) { try read(Self.nest(15, format), format) }
    }

    @Test(arguments: [
        (ParameterFileFormat.json, "", #"{"a":"#), (.json, #"{"a":"#, "["), (.yaml, "", "{a: "),
        (.yaml, "a: ", "["),
        (.yaml, "", "- "), (.yaml, "", "? "), (.yaml, "a:\n  ", "- "), (.toml, "a=", "["),
        (.toml, "a=", "{a="),
        (.toml, "", "a."), (.toml, "[", "a."), (.toml, "[[", "a."), (.toml, "a=", "[{a="),
    ])
    func `depth without end is refused, not followed`(
        format: ParameterFileFormat, start: String, open: String
    ) {
        let text = start + String(repeating: open, count: 100_000)
        #expect(throws: ParameterFileError.self) { try read(text, format) }
    }

    @Test(arguments: [
        (ParameterFileFormat.json, #"{"n": "#, "}"), (.yaml, "n:    ", ""), (.toml, "n =   ", ""),
    ])
    func `a number has at most 1,024 characters`(format: ParameterFileFormat, before: String, after: String)
        throws
    {
        let nines = String(repeating: "9", count: 1024)
        #expect(try read(before + nines + after, format) == ["n": .integer(nines)])
        #expect(throws: ParameterFileError.numberTooLong(characterCount: 1025, at: place(1, 7))) {
            try read(before + nines + "9" + after, format)
        }
        #expect(throws: ParameterFileError.numberTooLong(characterCount: 1026, at: place(1, 7))) {
            try read(before + nines + ".5" + after, format)
        }
        #expect(try read(before + "\"\(nines)9\"" + after, format) == ["n": .string(nines + "9")])
    }

    @Test(arguments: [ParameterFileFormat.yaml, .toml])
    func `a number in another base is as long as its decimal`(
        format: ParameterFileFormat
    ) throws {
        let separator = format == .yaml ? ": " : " = "
        func hex(_ count: Int) -> String { "n" + separator + "0x" + String(repeating: "f", count: count) }
        guard case .integer(let decimal) = try read(hex(850), format)["n"] else {
            Issue.record("not an integer")
            return
        }
        #expect(decimal.utf8.count == 1024)  // 16^850 - 1 is about 3.1 x 10^1023
        for (count, characters) in [(851, 1025), (4096, 4933), (1_000_000, 1_000_000)] {
            let column = format == .yaml ? 4 : 5
            #expect(
                throws: ParameterFileError.numberTooLong(characterCount: characters, at: place(1, column))
            ) {
                try read(hex(count), format)
            }
        }
        #expect(
            try read("n" + separator + "0x" + String(repeating: "0", count: 9999), format) == [
                "n": .integer("0")
            ])
    }

    @Test func `an error says in plain words what was found and where`() {
        let table: [(ParameterFileError, String)] = [
            (.tooLarge(byteCount: 16_777_217), "the file has 16777217 bytes, more than 16777216"),
            (
                .notUTF8(byte: 0xFF, offset: 7, at: place(2, 3)),
                "line 2, column 3: byte 0xff at offset 7 is not UTF-8"
            ),
            (
                .unexpected("'}'", expected: "a value", at: place(1, 9)),
                "line 1, column 9: found '}', expected a value"
            ),
            (.duplicateKey("lr", at: place(3, 1)), "line 3, column 1: the key 'lr' is given twice"),
            (
                .alreadyDefined(key: "a", as: "a list", at: place(1, 1)),
                "line 1, column 1: 'a' is already defined as a list"
            ),
            (
                .unknownTag("!local", at: place(1, 4)),
                "line 1, column 4: the tag '!local' is not one of !!str, !!int, !!float, !!bool, !!null"
            ),
        ]
        for (error, text) in table { #expect("\(error)" == text) }
    }

    @Test func `an error shortens what it quotes and obeys no control characters`() {
        let key = "\u{1B}[2J\u{202E}" + String(repeating: "x", count: 1_000_000)
        let shown = "\\u{1b}[2J\\u{202e}" + String(repeating: "x", count: 35) + "…"
        #expect(
            "\(ParameterFileError.duplicateKey(key, at: place(1, 1)))"
                == "line 1, column 1: the key '\(shown)' is given twice")
    }
}
