/// Places of bytes that are chosen by the bytes before them, one in 1,024 or so: what stands elsewhere has them too.
package enum Landmarks {
    /// Bytes that a hash depends on.
    package static let hashed = 32
    /// Bits of a hash that are zero.
    private static let rareness = UInt64(10)

    /// Calls something with the hash of each landmark, and with where it ends.
    package static func forEach(
        in bytes: UnsafeRawBufferPointer, _ body: (_ hash: UInt64, _ end: Int) -> Void
    ) {
        PatchMatcher.gear.withUnsafeBufferPointer { gear in
            var hash: UInt64 = 0
            for (index, byte) in bytes.enumerated() {
                hash = hash << 2 &+ gear[Int(byte)]
                if hash >> (64 - rareness) == 0, index >= hashed - 1 { body(hash, index + 1) }
            }
        }
    }
}
