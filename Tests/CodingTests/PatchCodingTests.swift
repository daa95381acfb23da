import TestSupport
import Testing

@testable import Coding

@Suite struct PatchCodingTests {
    private struct Patch {
        let stored: [UInt8]
        let copied: Int
        let end: Int?
    }

    private static func patch(
        _ bytes: [UInt8], upon base: [UInt8], at starts: [(offset: Int, position: Int)] = [(0, 0)],
        _ coder: FrameCoder
    ) -> Patch? {
        bytes.withUnsafeBytes { bytes in
            let match = coder.matchPatch(bytes, base: base, starts)
            return coder.encodePatch(bytes, base: base, match).map {
                Patch(stored: $0, copied: match.copied, end: match.end)
            }
        }
    }

    private static func decode(
        _ stored: [UInt8], base: [UInt8], count: Int, _ coder: FrameCoder
    ) throws -> [UInt8] {
        var output = [UInt8](repeating: 0xa5, count: count)
        try output.withUnsafeMutableBytes { output in
            try stored.withUnsafeBytes { try coder.decode(.patch, $0, base: BaseBytes(base), into: output) }
        }
        return output
    }

    @Test(arguments: 0..<100 as Range<UInt64>) func `what is encoded comes back`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let base = RandomTable(rows: Int.random(in: 1...1000, using: &random), using: &random)
        var later = base
        later.edit(share: [0, 0.001, 0.005, 0.1, 0.9].randomElement(using: &random) ?? 0, using: &random)
        let coder = try FrameCoder()
        var starts = [(offset: 0, position: Int.random(in: 0...2 * base.bytes.count, using: &random))]
        while Bool.random(using: &random), let last = starts.last, last.offset < later.bytes.count {
            starts.append(
                (
                    Int.random(in: last.offset...later.bytes.count, using: &random),
                    Int.random(in: 0...base.bytes.count, using: &random)
                ))
        }
        guard let patch = Self.patch(later.bytes, upon: base.bytes, at: starts, coder) else { return }
        #expect(patch.stored.count < later.bytes.count)
        #expect(patch.copied <= later.bytes.count)
        #expect(
            try Self.decode(patch.stored, base: base.bytes, count: later.bytes.count, coder) == later.bytes,
            "seed \(seed)")
        #expect(
            try Self.decode(patch.stored, base: base.bytes, count: later.bytes.count, FrameCoder())
                == later.bytes,
            "seed \(seed)")
    }

    /// Rows of objects repeat the names of their members; who is in the wrong row once must not stay there.
    @Test(arguments: 0..<5 as Range<UInt64>) func `a few edits take a few bytes`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let base = RandomTable(rows: 1000, using: &random)
        var later = base
        later.edit(share: 0.005, using: &random)
        let coder = try FrameCoder()
        let patch = try #require(Self.patch(later.bytes, upon: base.bytes, coder))
        #expect(patch.stored.count < later.bytes.count / 100, "seed \(seed)")
        #expect(patch.copied > later.bytes.count * 98 / 100, "seed \(seed)")
        let end = try #require(patch.end)
        #expect(abs(end - base.bytes.count) < 2000, "seed \(seed)")
    }

    @Test func `bytes of which only the place has changed are found`() throws {
        var random = SplitMix64(seed: 4)
        let base = random.bytes(150_000)
        let coder = try FrameCoder()
        for shift in [-60_000, -1, 1, 31, 5000, 60_000] {
            let later = shift < 0 ? Array(base[(-shift)...]) : random.bytes(shift) + base
            let patch = try #require(Self.patch(later, upon: base, coder))
            #expect(patch.stored.count < max(0, shift) + 100, "\(shift)")
            #expect(patch.end == base.count)
        }
    }

    @Test func `the same bytes take next to nothing, and an empty base is refused`() throws {
        var random = SplitMix64(seed: 5)
        let bytes = random.bytes(100_000)
        let coder = try FrameCoder()
        let patch = try #require(Self.patch(bytes, upon: bytes, coder))
        #expect(patch.stored.count < 40)
        #expect(throws: CodingError.forbidden(.patch, "an empty base")) {
            try Self.decode(patch.stored, base: [], count: bytes.count, coder)
        }
    }

    @Test func `what has nothing of its base is no patch, and is given up soon`() throws {
        var random = SplitMix64(seed: 6)
        let (base, other) = (random.bytes(100_000), random.bytes(100_000))
        #expect(try Self.patch(other, upon: base, FrameCoder()) == nil)
    }

    // MARK: Streams

    private static let base = Array("The quick brown fox jumps over the lazy dog.".utf8)
    private static let raw = Array("The quick red fox jumps over the lazy dog!".utf8)

    /// A stream with its commands and literals in one raw block.
    private static func stream(
        _ numbers: [UInt64], _ content: [UInt8], prefix: (UInt64, UInt64) = (0, 0), commands: UInt64? = nil
    ) -> [UInt8] {
        var varints: [UInt8] = []
        for number in numbers { varints.appendVarint(number) }
        let count = varints.count + content.count
        var head: [UInt8] = []
        for number in [prefix.0, prefix.1, commands ?? UInt64(varints.count), UInt64(content.count)] {
            head.appendVarint(number)
        }
        let block = [UInt8(truncatingIfNeeded: count << 3 | 1), UInt8(count >> 5), 0]
        return head + [0x28, 0xb5, 0x2f, 0xfd, 0x20, UInt8(count)] + block + varints + content
    }

    @Test func `the document's example is read as it says`() throws {
        let stream = Self.stream([0, 10, 0, 3, 28, 10], Array("red!".utf8))
        #expect(
            stream.reduce("") { $0 + ($1 < 16 ? "0" : "") + String($1, radix: 16) }
                == "0000060428b52ffd200a510000000a00031c0a72656421")
        #expect(
            try Self.decode(stream, base: Self.base, count: Self.raw.count, FrameCoder()) == Self.raw)
    }

    @Test(
        arguments: [
            // Behind the base, before it, with more bytes than it has.
            ([0, 10, 70, 3, 28, 10], 4), ([0, 10, 1], 32), ([0, 10, 0, 3, 28, 23], 4), ([0, 45, 0], 1),
            // No bytes, more literals than there are, fewer bytes than come out, and more.
            ([0, 0, 0], 42), ([5, 38, 0], 4), ([0, 10, 0], 4), ([0, 42, 0], 1), ([0, 10, 0, 3, 28, 10], 5),
            // Cut short.
            ([0, 10], 32), ([0], 42), ([0, 10, 0, 3], 31),
            // Large numbers.
            ([1 << 32, 10, 0], 32), ([0, 1 << 32 - 1, 0], 0), ([1 << 32 - 1, 1 << 32 - 1, 1 << 32 - 1], 4),
        ] as [([UInt64], Int)])
    func `a stream that lies is refused`(numbers: [UInt64], literals: Int) throws {
        let stream = Self.stream(numbers, [UInt8](repeating: 0x61, count: literals))
        #expect(throws: CodingError.self) {
            try Self.decode(stream, base: Self.base, count: Self.raw.count, FrameCoder())
        }
    }

    @Test func `a head that lies is refused`() throws {
        func isDecoded(_ stream: [UInt8]) -> Bool {
            (try? Self.decode(stream, base: Self.base, count: Self.raw.count, FrameCoder())) == Self.raw
        }
        let (numbers, literals): ([UInt64], [UInt8]) = ([0, 10, 0, 3, 28, 10], Array("red!".utf8))
        let length = UInt64(Self.base.count)
        #expect(isDecoded(Self.stream(numbers, literals)))
        #expect(isDecoded(Self.stream(numbers, literals, prefix: (0, length))))
        #expect(isDecoded(Self.stream(numbers, literals, prefix: (length, 0))))
        #expect(!isDecoded(Self.stream(numbers, literals, prefix: (1, length))))
        #expect(!isDecoded(Self.stream(numbers, literals, prefix: (length + 1, 0))))
        #expect(!isDecoded(Self.stream(numbers, literals, commands: 5)))
        #expect(!isDecoded(Self.stream(numbers, literals, commands: 43)))
        let stream = Self.stream(numbers, literals)
        #expect(!isDecoded([0x80, 0] + stream.dropFirst()), "not as short as it can be")
        #expect(!isDecoded(stream + [0]))
        for count in stream.indices { #expect(!isDecoded(Array(stream[..<count]))) }
        // No commands: the literals are what comes out.
        #expect(isDecoded(Self.stream([], Self.raw)))
        #expect(!isDecoded(Self.stream([], Self.raw + [1])))
    }
}
