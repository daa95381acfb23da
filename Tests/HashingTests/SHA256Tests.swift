import Hashing
import TestSupport
import Testing

@Suite struct SHA256Tests {
    /// FIPS 180-4, worked examples of SHA-256 (one block, two blocks) and of the empty message.
    static let vectors: [(message: String, words: [UInt64])] = [
        ("", [0xe3b0_c442_98fc_1c14, 0x9afb_f4c8_996f_b924, 0x27ae_41e4_649b_934c, 0xa495_991b_7852_b855]),
        (
            "abc",
            [0xba78_16bf_8f01_cfea, 0x4141_40de_5dae_2223, 0xb003_61a3_9617_7a9c, 0xb410_ff61_f200_15ad]
        ),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            [0x248d_6a61_d206_38b8, 0xe5c0_2693_0c3e_6039, 0xa33c_e459_64ff_2167, 0xf6ec_edd4_19db_06c1]
        ),
    ]

    @Test(arguments: vectors.indices) func `the standard's examples come out`(index: Int) {
        let (message, words) = Self.vectors[index]
        let digest = SHA256.digest(of: Array(message.utf8))
        #expect(digest == Digest(words: (words[0], words[1], words[2], words[3])))
    }

    @Test(arguments: 0..<32) func `pieces give the digest of the whole`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let message = random.bytes(Int.random(in: 0..<500, using: &random))
        var pieces = SHA256()
        var rest = message[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 0...rest.count, using: &random))
            pieces.update(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        #expect(pieces.finish() == SHA256.digest(of: message), "seed \(seed)")
    }

    @Test(arguments: [(0, 256), (1, 0), (2, 1), (0x8000, 15)]) func `zero bits count from the end`(
        last: UInt64, zeros: Int
    ) {
        #expect(Digest(words: (0, 0, 0, last)).trailingZeroBits == zeros)
        #expect(Digest(words: (0, 0, 1 << 63, 0)).trailingZeroBits == 127)
    }
}
