/// A sum that tells flipped bits and lost pages from what was written, at the speed of memory.
///
/// For caches, which anybody may throw away: it is no defence against somebody who wants to deceive.
struct StatChecksum {
    private static let prime: UInt64 = 0x9E37_79B9_7F4A_7C15

    private var lanes: (UInt64, UInt64, UInt64, UInt64) = (1, 2, 3, 4)
    /// Bytes that do not fill the four words of a step yet.
    private var rest: [UInt8] = []
    private var count = 0

    private static func mixed(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        let product = (lane ^ word) &* prime
        return product << 29 | product >> 35
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        count += bytes.count
        var bytes = bytes
        if !rest.isEmpty {
            let missing = bytes.prefix(32 - rest.count)
            rest += missing
            bytes = UnsafeRawBufferPointer(rebasing: bytes[missing.count...])
            guard rest.count == 32 else { return }
            rest.withUnsafeBytes { step($0, at: 0) }
            rest.removeAll(keepingCapacity: true)
        }
        var offset = 0
        // Four words of eight bytes at a time, as long as they are in bounds.
        while offset + 32 <= bytes.count {
            step(bytes, at: offset)
            offset += 32
        }
        rest += bytes[offset...]
    }

    private mutating func step(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        lanes.0 = Self.mixed(lanes.0, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        lanes.1 = Self.mixed(lanes.1, bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
        lanes.2 = Self.mixed(lanes.2, bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self))
        lanes.3 = Self.mixed(lanes.3, bytes.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self))
    }

    var value: UInt64 {
        let last = rest.reduce(lanes.0) { Self.mixed($0, UInt64($1)) }
        let sum = Self.mixed(Self.mixed(last, lanes.1), Self.mixed(lanes.2, lanes.3))
        return Self.mixed(sum, UInt64(count))
    }
}
