import ObjectModel
import TestSupport
import Testing

@Suite struct CanonicalJSONTests {
    @Test(arguments: [
        (JSONValue.object(["b": .integer(1), "a": .string("é\n")]), #"{"a":"é\n","b":1}"#),
        (
            .array([.null, .bool(true), .bool(false), .integer(-9_007_199_254_740_991)]),
            "[null,true,false,-9007199254740991]"
        ),
        (
            .string("\u{1}\u{8}\u{9}\u{c}\r\"\\/\u{7f}\u{2028}😀"),
            "\"\\u0001\\b\\t\\f\\r\\\"\\\\/\u{7f}\u{2028}😀\""
        ),
        // RFC 8785, section 3.2.3: order by UTF-16 code units puts U+1F600 before U+FB33.
        (
            .object(["\u{fb33}": .integer(2), "😀": .integer(1), "\r": .integer(0)]),
            "{\"\\r\":0,\"😀\":1,\"\u{fb33}\":2}"
        ),
        (.object([]), "{}"), (.array([]), "[]"), (.integer(0), "0"),
    ])
    func `a value has one encoding, and it is read back`(value: JSONValue, text: String) throws {
        #expect(String(decoding: value.canonicalBytes, as: UTF8.self) == text)
        #expect(try JSONValue(canonical: Array(text.utf8)) == value)
    }

    @Test(arguments: [
        "", " 1", "1 ", "01", "-0", "1.0", "1e3", "+1", "9007199254740992", "nul", "\"", "\"\\/\"",
        "\"\\u0041\"",
        "\"\\u000A\"", "\"\\n", "\"\n\"", "[1,]", "[1 ,2]", "{\"b\":1,\"a\":2}", "{\"a\":1,\"a\":2}",
        "{\"a\":}", "{a:1}",
        "[", "{", "\"\\ud83d\"", "99999999999999999999", "--1", "-",
    ])
    func `what the encoder would not write is refused`(text: String) {
        #expect(throws: MalformedObject.self) { try JSONValue(canonical: Array(text.utf8)) }
    }

    @Test func `bytes that are not UTF-8 and too many levels are refused`() {
        #expect(throws: MalformedObject.self) { try JSONValue(canonical: [0x22, 0xff, 0x22]) }
        #expect(throws: MalformedObject.self) { try JSONValue(canonical: [0x22, 0xed, 0xa0, 0x80, 0x22]) }
        let deep = { (n: Int) in
            Array((String(repeating: "[", count: n) + String(repeating: "]", count: n)).utf8)
        }
        #expect(throws: Never.self) { try JSONValue(canonical: deep(32)) }
        #expect(throws: MalformedObject.self) { try JSONValue(canonical: deep(33)) }
        #expect(throws: MalformedObject.self) { try JSONValue(canonical: deep(1_000_000)) }
    }

    @Test(arguments: 0..<200) func `whatever is accepted is what the encoder writes`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var bytes = Array(#"{"a":[1,-2,"x\n\u0001é"],"b":{"c":null,"d":true},"é":""}"#.utf8)
        for _ in 0..<200 {
            var mutated = bytes
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                mutated[Int.random(in: mutated.indices, using: &random)] =
                    Array("{}[]\",:\\0129-anu\u{1}".utf8).randomElement(using: &random) ?? 0
            }
            if let value = try? JSONValue(canonical: mutated) {
                #expect(value.canonicalBytes == mutated, "seed \(seed)")
                bytes = mutated
            }
        }
    }

    @Test(arguments: [[], [0], [0, 1], [0, 1, 2], [255, 254, 253, 252]] as [[UInt8]])
    func `base64 has one spelling`(bytes: [UInt8]) {
        #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        #expect(Base64.decode("AB==") == nil, "bits that are not zero behind the end")
        #expect(Base64.decode("A===") == nil)
    }
}
