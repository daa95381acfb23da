import Coding
import TestSupport
import Testing

struct LandmarksTests {
    private struct Landmark: Hashable {
        let hash: UInt64
        let end: Int
    }

    private static func landmarks(of bytes: [UInt8]) -> [Landmark] {
        var found: [Landmark] = []
        bytes.withUnsafeBytes { Landmarks.forEach(in: $0) { found.append(Landmark(hash: $0, end: $1)) } }
        return found
    }

    private static func bytes(_ count: Int, _ random: inout SplitMix64) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    @Test func `about one place in 1,024 is a landmark, in order, and few share a hash`() {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let found = Self.landmarks(of: Self.bytes(1 << 20, &random))
        #expect((700...1400).contains(found.count), "seed \(seed)")
        #expect(zip(found, found.dropFirst()).allSatisfy { $0.end < $1.end }, "seed \(seed)")
        #expect(Set(found.map(\.hash)).count > found.count - 8, "seed \(seed)")
    }

    @Test func `what stands elsewhere has the same landmarks there`() {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let part = Self.bytes(100_000, &random)
        let before = Self.bytes(Int.random(in: 0..<5000, using: &random), &random)
        let found = Self.landmarks(of: before + part).filter { $0.end >= before.count + Landmarks.hashed }
        let alone = Self.landmarks(of: part)
        #expect(!alone.isEmpty, "seed \(seed)")
        #expect(
            found == alone.map { Landmark(hash: $0.hash, end: $0.end + before.count) }, "seed \(seed)")
    }

    @Test func `a changed byte touches only the landmarks right behind it`() {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bytes = Self.bytes(50_000, &random)
        for _ in 0..<20 {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            var changed = bytes
            changed[place] ^= UInt8.random(in: 1...255, using: &random)
            let touched = Set(Self.landmarks(of: bytes)).symmetricDifference(Self.landmarks(of: changed))
            #expect(
                touched.allSatisfy { (place + 1...place + Landmarks.hashed).contains($0.end) }, "seed \(seed)"
            )
        }
    }

    @Test(arguments: 0..<Landmarks.hashed)
    func `fewer bytes than a hash depends on have none`(count: Int) {
        #expect(Self.landmarks(of: [UInt8](repeating: 0, count: count)).isEmpty)
    }
}
