import ObjectModel
import ParameterFiles
import Testing

/// Anchors, aliases and merge keys, and what stops a small file from standing for a large one.
@Suite struct YAMLExpansionTests {
    static let one = ParameterValue.integer("1")
    static let two = ParameterValue.integer("2")

    static let expanded: [(String, [String: ParameterValue])] = [
        ("a: &x 1\nb: *x\n", ["a": one, "b": one]),
        (
            "a: &x {k: 1}\nb: [*x, *x]\n",
            ["a": .map(["k": one]), "b": .list([.map(["k": one]), .map(["k": one])])]
        ),
        ("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", ["a": one, "b": one, "c": two, "d": two]),
        ("&x a: *x\n", ["a": .string("a")]),
        ("a: &x k\n*x : 1\n", ["a": .string("k"), "k": one]),
        ("a: &x 0x10\n*x : 1\n", ["a": .integer("16"), "0x10": one]),
        ("a: &x\nb: *x\n", ["a": .null, "b": .null]),
        // Merge keys: the map's own key wins, wherever it stands; then the earlier of several maps.
        ("a: &x {k: 1}\nb:\n  <<: *x\n  l: 2\n", ["a": .map(["k": one]), "b": .map(["k": one, "l": two])]),
        ("a: &x {k: 1}\nb:\n  <<: *x\n  k: 2\n", ["a": .map(["k": one]), "b": .map(["k": two])]),
        ("a: &x {k: 1}\nb:\n  k: 2\n  <<: *x\n", ["a": .map(["k": one]), "b": .map(["k": two])]),
        ("<<: [{k: 1}, {k: 2, l: 2}]\n", ["k": one, "l": two]),
        ("<<: {k: {l: 1}}\n", ["k": .map(["l": one])]),
        ("<<: []\n", [:]),
        (
            "a: &x {k: 1}\nb: &y {<<: *x, l: 1}\nc: {<<: *y}\n",
            ["a": .map(["k": one]), "b": .map(["k": one, "l": one]), "c": .map(["k": one, "l": one])]
        ),
        ("'<<': 1\n", ["<<": one]),
        ("!!str <<: 1\n", ["<<": one]),
    ]

    @Test(arguments: expanded) func `aliases and merge keys stand for what they name`(
        text: String, members: [String: ParameterValue]
    ) throws {
        #expect(try read(text, .yaml) == members)
    }

    static let refused: [(String, ParameterFileError)] = [
        ("a: *x\n", .unknownAnchor("x", at: place(1, 4))),
        ("a: *x\nb: &x 1\n", .unknownAnchor("x", at: place(1, 4))),
        ("*x\n", .unknownAnchor("x", at: place(1, 1))),
        ("a: &x [*x]\n", .recursiveAlias("x", at: place(1, 8))),
        ("a: &x {b: {c: *x}}\n", .recursiveAlias("x", at: place(1, 15))),
        ("&x a: 1\nb: &x [1, *x]\n", .recursiveAlias("x", at: place(2, 11))),
        ("&x\n<<: *x\n", .recursiveAlias("x", at: place(2, 5))),
        ("a: &x [1]\n*x : 1\n", .compoundKey(kind: "a list", at: place(2, 1))),
        ("<<: 1\n", .notMap(kind: "an integer", at: place(1, 5))),
        ("a: &x [1]\n<<: *x\n", .notMap(kind: "an integer", at: place(2, 5))),
        ("<<: {}\n<<: {}\n", .duplicateKey("<<", at: place(2, 1))),
        ("a:\n  <<: {k: 1, k: 2}\n", .duplicateKey("k", at: place(2, 14))),
    ]

    @Test(arguments: refused) func `an alias or merge key of anything else is refused`(
        text: String, because: ParameterFileError
    ) {
        #expect(throws: because) { try read(text, .yaml) }
    }

    @Test func `100,000 values fit, one more does not`() throws {
        func text(_ values: Int) -> String {  // the map and the list are values, too
            "a: [" + Array(repeating: "1", count: values - 2).joined(separator: ",") + "]"
        }
        #expect(try read(text(100_000), .yaml).count == 1)
        #expect(throws: ParameterFileError.expansionTooLarge(at: place(1, 200_001))) {
            try read(text(100_001), .yaml)
        }
    }

    @Test func `keys are not values`() throws {
        let text = (0..<99_999).map { "k\($0): 0\n" }.joined()
        #expect(try read(text, .yaml).count == 99_999)
    }

    @Test(arguments: [
        "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
            + (1..<40).map {
                "a\($0): &a\($0) [" + Array(repeating: "*a\($0 - 1)", count: 10).joined(separator: ",")
                    + "]\n"
            }
            .joined(),
        "a: &a {" + (0..<1000).map { "k\($0): 0" }.joined(separator: ",") + "}\nb:\n  <<: ["
            + Array(repeating: "*a", count: 1000).joined(separator: ",") + "]\n",
        "a: &a \"" + String(repeating: "x", count: 1 << 20) + "\"\nb: ["
            + Array(repeating: "*a", count: 20).joined(separator: ",") + "]\n",
        "? &k \"" + String(repeating: "x", count: 1 << 20) + "\"\n: 0\nb: ["
            + Array(repeating: "{*k : 0}", count: 20).joined(separator: ",") + "]\n",
    ])
    func `a small file that stands for a large one is refused`(bomb: String) throws {
        let error = #expect(throws: ParameterFileError.self) { try read(bomb, .yaml) }
        guard case .expansionTooLarge = error else {
            Issue.record("refused for another reason: \(error.map { "\($0)" } ?? "none")")
            return
        }
    }

    @Test func `an alias is as deep as what it names`() throws {
        let deep = "a: &x " + String(repeating: "[", count: 12) + String(repeating: "]", count: 12) + "\n"
        #expect(try read(deep + "b: [*x]\n", .yaml).count == 2)
        #expect(throws: ParameterFileError.tooDeep(at: place(2, 6))) { try read(deep + "b: [[*x]]\n", .yaml) }
    }

    @Test func `directives, which libyaml compares with each other, are few`() throws {
        func text(_ count: Int) -> String {
            (0..<count).map { "%TAG !\($0)! tag:example.com,2026:\n" }.joined() + "---\na: 1\n"
        }
        #expect(try read(text(64), .yaml) == ["a": Self.one])
        #expect(throws: ParameterFileError.tooManyDirectives(at: place(65, 1))) { try read(text(65), .yaml) }
    }
}
