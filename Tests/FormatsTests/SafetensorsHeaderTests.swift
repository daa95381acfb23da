import Formats
import TestSupport
import Testing

@Suite struct SafetensorsHeaderTests {
    private static func file(_ header: String, data: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        let count = UInt64(header.utf8.count).littleEndian
        withUnsafeBytes(of: count) { bytes += $0 }
        return bytes + Array(header.utf8) + [UInt8](repeating: 7, count: data)
    }

    private static func read(_ header: String, data: Int) -> SafetensorsHeader? {
        let bytes = file(header, data: data)
        return bytes.withUnsafeBytes { SafetensorsHeader($0, fileLength: bytes.count) }
    }

    @Test func tensorsComeInTheOrderOfTheirBytes() throws {
        let header = """
            { "b" : {"dtype":"F32","shape":[2,3],"data_offsets":[4,28]} , "__metadata__":{"format":"pt","x":"[{\\"}"},
             "empty":{"dtype":"I64","shape":[0,7],"data_offsets":[4,4]},
             "a\\u00e9":{"data_offsets":[0,4],"shape":[2],"dtype":"BF16"}}
            """
        let found = try #require(Self.read(header, data: 28))
        let start = 8 + header.utf8.count
        #expect(found.length == start)
        #expect(found.tensors.map { String(decoding: $0.name, as: UTF8.self) } == ["a\\u00e9", "b"])
        #expect(found.tensors.map(\.range) == [start..<start + 4, start + 4..<start + 28])
        #expect(found.tensors.map(\.type) == ["BF16", "F32"])
        #expect(found.tensors.map(\.shape) == [[2], [2, 3]])
    }

    @Test func typesThatNobodyKnowsHaveBytesOnly() throws {
        let header = #"{"a":{"dtype":"F4","shape":[3,3],"data_offsets":[0,5]}}"#
        let found = try #require(Self.read(header, data: 5))
        #expect(found.tensors[0].elementWidth == nil)
        #expect(found.tensors[0].rowLength == nil)
    }

    @Test(
        arguments: [
            ([], nil), ([63], nil), ([64], 64), ([4096, 64], 64), ([4096, 63], 4096 * 63), ([8, 3, 3], 72),
            ([512, 256, 3, 3], 256 * 9), ([0, 4096], 4096),
        ] as [([Int], Int?)])
    func rowsHaveAtLeast64Elements(shape: [Int], row: Int?) throws {
        let length = shape.reduce(1, *)
        let header =
            #"{"a":{"dtype":"U8","shape":\#(shape),"data_offsets":[0,\#(length)]},"#
            + #""z":{"dtype":"U8","shape":[1],"data_offsets":[\#(length),\#(length + 1)]}}"#
        let found = try #require(Self.read(header, data: length + 1))
        if length > 0 { #expect(found.tensors[0].rowLength == row) }
        #expect(found.tensors.count == (length > 0 ? 2 : 1))
    }

    @Test(arguments: [
        // Cut short, not closed, followed by something.
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#,
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4}}"#,
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}x"#,
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},}"#,
        #"{"a"#, "{\"a\\",
        // Overlaps, gaps, twice the same bytes, behind the end, before the beginning.
        #"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#,
        #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#,
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]}}"#,
        #"{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}"#,
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}}"#,
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[-4,0]}}"#,
        // Shapes that make another length, or none.
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"U8","shape":[4294967296,4294967296,4],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"U8","shape":[04],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}}"#,
        // Members that are missing, twice there, or unknown.
        #"{"a":{"dtype":"U8","data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"x":1}}"#,
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#,
        #"{"a":[]}"#, #"{"a":4}"#, "{}",
        // Deeper than anybody needs.
        #"{"__metadata__":"# + String(repeating: "[", count: 100_000) + "}",
    ])
    func whatLiesIsNoHeader(header: String) { #expect(Self.read(header, data: 4) == nil) }

    @Test(arguments: [-3, -1, 0, 1, 5]) func aFileOfAnotherLengthIsToldHowLongItShouldBe(more: Int) {
        let header = #"{"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
        let bytes = Self.file(header, data: 4 + more)
        let length = bytes.withUnsafeBytes {
            SafetensorsHeader.contradictedLength($0, fileLength: bytes.count)
        }
        #expect(length == (more == 0 ? nil : bytes.count - more))
        // Who says nothing of what follows is not contradicted.
        let empty = Self.file("{}", data: 4 + more)
        #expect(
            empty.withUnsafeBytes { SafetensorsHeader.contradictedLength($0, fileLength: empty.count) } == nil
        )
        let gap = Self.file(#"{"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, data: 4)
        #expect(
            gap.withUnsafeBytes { SafetensorsHeader.contradictedLength($0, fileLength: gap.count) } == nil)
    }

    @Test func lengthsAreHeldAgainstTheFile() {
        for length in [0, 1, 3, 1 << 24 + 1, UInt64.max, UInt64(Int.max)] as [UInt64] {
            var bytes: [UInt8] = []
            withUnsafeBytes(of: length.littleEndian) { bytes += $0 }
            bytes += Array("{}".utf8)
            #expect(bytes.withUnsafeBytes { SafetensorsHeader($0, fileLength: bytes.count) } == nil)
            #expect(
                bytes.withUnsafeBytes { SafetensorsHeader.length(prefix: $0, fileLength: bytes.count) } == nil
            )
        }
        #expect([UInt8]().withUnsafeBytes { SafetensorsHeader($0, fileLength: 0) } == nil)
    }

    /// Bytes that were changed at random are a header that the file keeps to, or none.
    @Test(arguments: [1, 2, 3] as [UInt64]) func changedHeadersAreSoundOrRefused(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let header =
            #"{"__metadata__":{"a":[1,{"b":null}]},"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"#
            + #""b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}"#
        let sound = Self.file(header, data: 16)
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = Int.random(in: 0..<bytes.count - 16, using: &random)
                bytes[at] =
                    Bool.random(using: &random)
                    ? sound[Int.random(in: 8..<sound.count - 16, using: &random)]
                    : UInt8.random(in: 0...255, using: &random)
            }
            guard let found = bytes.withUnsafeBytes({ SafetensorsHeader($0, fileLength: bytes.count) }) else {
                continue
            }
            accepted += 1
            var end = found.length
            for tensor in found.tensors {
                #expect(tensor.range.lowerBound == end && !tensor.range.isEmpty)
                end = tensor.range.upperBound
            }
            #expect(end == bytes.count)
        }
        #expect(accepted > 0)
    }
}
