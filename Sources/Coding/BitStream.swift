/// Puts numbers of few bits one behind the other, the lowest bit first.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var waiting: UInt64 = 0
    private var count = 0

    /// - Parameter count: At most 32, the bits of `value` that may be set.
    mutating func write(_ value: UInt64, count more: Int) {
        waiting |= value << UInt64(count)
        count += more
        while count >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: waiting))
            waiting >>= 8
            count -= 8
        }
    }

    /// Zero bits up to the end of a byte.
    mutating func finish() {
        if count > 0 { write(0, count: 8 - count) }
    }
}

/// Takes numbers of few bits from a part of some bytes.
struct BitReader {
    private let bytes: UnsafeRawBufferPointer
    /// The byte behind the last one that was looked at.
    private(set) var offset: Int
    private var waiting: UInt64 = 0
    private var count = 0

    init(_ bytes: UnsafeRawBufferPointer, from offset: Int) {
        self.bytes = bytes
        self.offset = offset
    }

    /// - Parameter more: At most 32.
    mutating func read(_ more: Int) throws(TensorStreamError) -> UInt64 {
        while count < more {
            guard offset < bytes.count else { throw .truncated }
            waiting |= UInt64(bytes[offset]) << UInt64(count)
            offset += 1
            count += 8
        }
        defer {
            waiting >>= UInt64(more)
            count -= more
        }
        return waiting & ((1 << UInt64(more)) - 1)
    }

    /// The rest of the last byte, which has to be zero.
    mutating func finish() throws(TensorStreamError) {
        guard waiting == 0 else { throw .model }
        count = 0
    }
}
