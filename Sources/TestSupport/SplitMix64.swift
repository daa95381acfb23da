/// A small seeded generator (Steele, Lea and Flood, OOPSLA 2014), so that a failing seed can be run again.
package struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                // As `UInt8.random` would take it, which tests without optimisation spend their time in.
                buffer[filled] = UInt8(truncatingIfNeeded: next())
                filled &+= 1
            }
        }
    }
}
