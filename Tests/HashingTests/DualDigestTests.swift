import TestSupport
import Testing

@testable import Hashing

@Suite struct DualDigestTests {
    static let kernels = DualDigest.Kernel.allCases.filter(\.runsHere)
    /// Where padding takes a block of its own, where a block ends, and where two do.
    static let edges = [0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 191, 192, 193]

    @Test(arguments: kernels, SHA256Tests.vectors.indices)
    func `the standard's examples come out`(kernel: DualDigest.Kernel, index: Int) {
        let (message, words) = SHA256Tests.vectors[index]
        let expected = Digest(words: (words[0], words[1], words[2], words[3]))
        var digest = DualDigest(kernel: kernel)
        digest.update(Array(message.utf8))
        #expect(digest.finishPart() == expected)
        digest.update([0])
        #expect(digest.finishPart() == SHA256.digest(of: [0]))
        digest.update(Array(message.utf8))
        #expect(digest.finishPart() == expected)

        var uncut = DualDigest(kernel: kernel)
        uncut.update(Array(message.utf8))
        #expect(uncut.finish() == expected)
    }

    /// FIPS 180-4's long example: a million times "a".
    @Test(arguments: kernels) func `a million bytes come out`(kernel: DualDigest.Kernel) {
        let expected = Digest(
            words: (
                0xcdc7_6e5c_9914_fb92, 0x81a1_c7e2_84d7_3e67, 0xf180_9a48_a497_200e, 0x046d_39cc_c711_2cd0
            ))
        var digest = DualDigest(kernel: kernel)
        digest.update([0x61])
        let first = digest.finishPart()
        #expect(first == SHA256.digest(of: [0x61]))
        digest.update([UInt8](repeating: 0x61, count: 999_999))
        #expect(digest.finish() == expected)
    }

    @Test(arguments: kernels) func `a cut may come anywhere in a block`(kernel: DualDigest.Kernel) {
        var random = SplitMix64(seed: 1)
        let message = random.bytes(2 * 193)
        for first in Self.edges {
            for second in Self.edges {
                var digest = DualDigest(kernel: kernel)
                digest.update(Array(message[..<first]))
                #expect(digest.finishPart() == SHA256.digest(of: Array(message[..<first])))
                digest.update(Array(message[first..<first + second]))
                #expect(
                    digest.finishPart() == SHA256.digest(of: Array(message[first..<first + second])),
                    "\(first) and \(second) bytes")
                #expect(digest.finishPart() == SHA256.digest(of: []))
                #expect(
                    digest.finish() == SHA256.digest(of: Array(message[..<(first + second)])),
                    "\(first) and \(second) bytes")
            }
        }
    }

    /// Random cuts, and between them random pieces at addresses of any alignment.
    @Test(arguments: kernels, 0..<64)
    func `both digests are those of SHA256`(kernel: DualDigest.Kernel, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let message = random.bytes(Int.random(in: 0..<20_000, using: &random))
        let longest = [100, 1000, 10_000][Int(seed % 3)]
        var digest = DualDigest(kernel: kernel)
        var (start, position) = (0, 0)
        message.withUnsafeBytes { bytes in
            while position < bytes.count {
                let end = min(bytes.count, position + Int.random(in: 0...longest, using: &random))
                digest.update(UnsafeRawBufferPointer(rebasing: bytes[position..<end]))
                position = end
                guard Int.random(in: 0..<3, using: &random) == 0 else { continue }
                let part = SHA256.digest(of: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                #expect(digest.finishPart() == part, "seed \(seed), bytes \(start)..<\(end)")
                start = end
            }
        }
        #expect(digest.finish() == SHA256.digest(of: message), "seed \(seed)")
    }

    /// The number of bits, which ends a message's padding, goes over 32 bits after the cut.
    @Test func `half a gibibyte and more is counted right`() {
        let piece = [UInt8](repeating: 0x5a, count: 1 << 20)
        var digest = DualDigest()
        var expected = SHA256()
        for count in [Int](repeating: piece.count, count: 511) + [piece.count - 100] {
            digest.update(Array(piece[..<count]))
            expected.update(Array(piece[..<count]))
        }
        _ = digest.finishPart()
        digest.update(Array(piece[..<1000]))
        expected.update(Array(piece[..<1000]))
        #expect(digest.finishPart() == SHA256.digest(of: Array(piece[..<1000])))
        #expect(digest.finish() == expected.finish())
    }

    @Test func `a copy goes its own way`() {
        var one = DualDigest()
        one.update([UInt8](repeating: 1, count: 99))
        _ = one.finishPart()
        one.update([1])
        var other = one
        other.update([2])
        one.update([3])
        #expect(other.finish() == SHA256.digest(of: [UInt8](repeating: 1, count: 100) + [2]))
        #expect(one.finish() == SHA256.digest(of: [UInt8](repeating: 1, count: 100) + [3]))
    }
}
