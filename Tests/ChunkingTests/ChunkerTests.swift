import TestSupport
import Testing

@testable import Chunking

@Suite struct ChunkerTests {
    static func gear(_ random: inout SplitMix64) -> [UInt64] {
        (0..<256).map { _ in random.next() }
    }

    /// Cut rule 1, word for word.
    static func cut(_ bytes: [UInt8], _ gear: [UInt64]) -> Int {
        if bytes.count <= 65_536 { return bytes.count }
        var f: UInt64 = 0
        for p in 65_536..<bytes.count {
            f = (f << 1) &+ gear[Int(bytes[p])]
            let mask: UInt64 = p < 262_144 ? 0xffff_f000_0000_0000 : 0xffff_0000_0000_0000
            if f & mask == 0 || p + 1 == 1_048_576 { return p + 1 }
        }
        return bytes.count
    }

    static func firstCut(_ bytes: [UInt8], _ gear: [UInt64]) -> Int {
        bytes.withUnsafeBytes { Chunker(gear: gear).firstCut(in: $0) }
    }

    @Test(arguments: 0..<12) func `cuts are where the rule says`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let gear = Self.gear(&random)
        let bytes = random.bytes(Int.random(in: 1...1_300_000, using: &random))
        #expect(Self.firstCut(bytes, gear) == Self.cut(bytes, gear), "seed \(seed)")
    }

    @Test func `a cut is found at each place of a lane`() {
        // A run of 64 zero bytes makes the hash zero.
        var random = SplitMix64(seed: 7)
        var gear = Self.gear(&random)
        gear[0] = 0
        let lane = GearScan.lane
        let edges = [
            0, 1, 63, 64, 65, lane - 1, lane, lane + 1, 2 * lane, 3 * lane + 5, 4 * lane - 1, 4 * lane,
            9 * lane,
        ]
        for start in [Chunker.minimum, Chunker.normal] {
            // What lies before is skipped, or without a cut.
            let plain = random.bytes(start + 12 * lane).map { $0 | 1 }
            for edge in edges {
                for second in [1, 2 * lane + 9] {
                    var bytes = plain
                    for place in [start + edge, start + edge + second] {
                        for index in place..<min(place + 70, bytes.count) { bytes[index] = 0 }
                    }
                    #expect(
                        Self.firstCut(bytes, gear) == Self.cut(bytes, gear), "\(start) + \(edge), \(second)")
                }
            }
        }
    }

    @Test func `a file's end cuts`() {
        var random = SplitMix64(seed: 3)
        let gear = Self.gear(&random)
        for count in [1, 65_535, 65_536, 65_537, 65_536 + 4 * GearScan.lane, 65_535 + 4 * GearScan.lane] {
            // No byte has a word that ends in zeros; so nothing else cuts.
            let bytes = [UInt8](repeating: 1, count: count)
            #expect(Self.firstCut(bytes, gear) == Self.cut(bytes, gear), "\(count) bytes")
        }
        let long = [UInt8](repeating: 1, count: 1_200_000)
        #expect(Self.firstCut(long, gear) == Self.cut(long, gear))
    }
}
