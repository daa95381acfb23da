/// A SHA-256 digest (FIPS 180-4).
///
/// Shape: 32 bytes, kept as four big-endian 64-bit words. Copying, comparing and hashing one never touches the
/// heap, and `<` orders digests exactly as their hex text sorts.
package struct Digest: Hashable, Comparable, Sendable {
    /// The size of a digest in bytes.
    package static let byteCount = 32

    package let words: (UInt64, UInt64, UInt64, UInt64)

    @inlinable package init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    /// Reads a digest as it lies in memory, first byte first.
    ///
    /// - Parameter pointer: At least ``byteCount`` readable bytes, of any alignment.
    @inlinable package init(loading pointer: UnsafeRawPointer) {
        // In bounds by the caller's promise: four loads of eight bytes.
        func word(_ index: Int) -> UInt64 {
            UInt64(bigEndian: pointer.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
        }
        words = (word(0), word(1), word(2), word(3))
    }

    /// The bytes of the digest, first byte first.
    package var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            store(to: UnsafeMutableRawPointer(buffer.baseAddress.unsafelyUnwrapped))
            count = Self.byteCount
        }
    }

    /// Writes the 32 bytes to memory.
    ///
    /// - Parameter pointer: At least ``byteCount`` writable bytes, of any alignment.
    @inlinable package func store(to pointer: UnsafeMutableRawPointer) {
        pointer.storeBytes(of: words.0.bigEndian, toByteOffset: 0, as: UInt64.self)
        pointer.storeBytes(of: words.1.bigEndian, toByteOffset: 8, as: UInt64.self)
        pointer.storeBytes(of: words.2.bigEndian, toByteOffset: 16, as: UInt64.self)
        pointer.storeBytes(of: words.3.bigEndian, toByteOffset: 24, as: UInt64.self)
    }

    /// The number of zero bits at the end of the digest, read as a big-endian number: 0 to 256.
    package var trailingZeroBits: Int {
        if words.3 != 0 { return words.3.trailingZeroBitCount }
        if words.2 != 0 { return 64 + words.2.trailingZeroBitCount }
        if words.1 != 0 { return 128 + words.1.trailingZeroBitCount }
        return 192 + words.0.trailingZeroBitCount
    }

    @inlinable package static func == (a: Self, b: Self) -> Bool { a.words == b.words }
    @inlinable package static func < (a: Self, b: Self) -> Bool { a.words < b.words }

    // One word of a uniform value is as good as all four.
    @inlinable package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}
