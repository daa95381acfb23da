import ObjectModel
import TestSupport
import Testing

@Suite struct ObjectIDTests {
    /// SHA-256 of no bytes and of "abc": FIPS 180-4, worked examples.
    static let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    static let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    @Test(arguments: [empty, abc]) func `hex text survives a round trip`(hex: String) throws {
        #expect(try ObjectID(hex: hex).hex == hex)
    }

    @Test(arguments: [
        ("", ObjectID.Malformed.length(0)),
        (String(empty.dropLast()), .length(31)),
        (empty + "00", .length(33)),
        (empty.uppercased(), .digit(UInt8(ascii: "E"), offset: 0)),
        ("e3g0", .digit(UInt8(ascii: "g"), offset: 2)),
    ])
    func `anything but 64 lower-case digits is refused`(hex: String, because: ObjectID.Malformed) {
        #expect(throws: because) { try ObjectID(hex: hex) }
    }

    @Test(arguments: 0..<64) func `order of ids is order of their text`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let a = ObjectID(of: .blob, payload: random.bytes(3))
        let b = ObjectID(of: .blob, payload: random.bytes(3))
        #expect((a < b) == (a.hex < b.hex), "seed \(seed)")
    }

    @Test func `a blob's id is its digest, and another kind's is framed`() {
        #expect(ObjectID(of: .blob, payload: Array("abc".utf8)).hex == Self.abc)
        let framed = ObjectID(of: .blob, payload: Array("tree 2\0\0\0".utf8))
        #expect(ObjectID(of: .tree, payload: [0, 0]) == framed)
    }
}
