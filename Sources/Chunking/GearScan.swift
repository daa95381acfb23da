/// The gear hash on its way through a chunk.
///
/// One step waits for the one before it. A word of 64 bits has shifted out what lies more than 64 bytes back, though, so a hash can
/// begin anywhere; four of them side by side keep the processor busy.
struct GearScan {
    /// Bytes after which the hash no longer depends on where it began.
    private static let memory = UInt64.bitWidth
    /// Bytes of each of the four parts that are looked at side by side: many beside ``memory``, and few beside a chunk, for what
    /// lies behind a cut was looked at in vain.
    static let lane = 2_048

    private let start: UnsafeRawPointer
    private let gear: UnsafeBufferPointer<UInt64>
    private var hash: UInt64 = 0
    private var position: Int

    /// - Parameters:
    ///   - start: Bytes that can be read up to each limit that is asked for.
    ///   - gear: 256 words.
    ///   - position: The first byte that counts.
    init(start: UnsafeRawPointer, gear: UnsafeBufferPointer<UInt64>, position: Int) {
        self.start = start
        self.gear = gear
        self.position = position
    }

    /// The position behind the next byte at which the hash has no bit in common with a mask, if there is one before a limit.
    mutating func cut(before limit: Int, _ mask: UInt64) -> Int? {
        while limit - position >= 4 * Self.lane {
            if let cut = cutInLanes(mask) { return cut }
        }
        return cutInTurn(before: limit, mask)
    }

    private mutating func cutInTurn(before limit: Int, _ mask: UInt64) -> Int? {
        while position < limit {
            step(&hash, start, position)
            position += 1
            if hash & mask == 0 { return position }
        }
        return nil
    }

    /// As ``cutInTurn(before:_:)``, for four lanes of bytes.
    private mutating func cutInLanes(_ mask: UInt64) -> Int? {
        let lane1 = start + position
        let (lane2, lane3, lane4) = (lane1 + Self.lane, lane1 + 2 * Self.lane, lane1 + 3 * Self.lane)
        var (hash1, hash2, hash3, hash4) = (hash, primed(lane2), primed(lane3), primed(lane4))
        for index in 0..<Self.lane {
            step(&hash1, lane1, index)
            step(&hash2, lane2, index)
            step(&hash3, lane3, index)
            step(&hash4, lane4, index)
            guard hash1 & mask != 0, hash2 & mask != 0, hash3 & mask != 0, hash4 & mask != 0 else {
                // The first cut is wanted, and an earlier lane may have one further on: in turn from here.
                let end = position + 4 * Self.lane
                hash = hash1
                position += index + 1
                return hash1 & mask == 0 ? position : cutInTurn(before: end, mask)
            }
        }
        hash = hash4
        position += 4 * Self.lane
        return nil
    }

    /// The hash as it is before a byte.
    private func primed(_ byte: UnsafeRawPointer) -> UInt64 {
        var hash: UInt64 = 0
        for index in 0..<Self.memory { step(&hash, byte - Self.memory, index) }
        return hash
    }

    private func step(_ hash: inout UInt64, _ bytes: UnsafeRawPointer, _ index: Int) {
        // A byte is an index into 256 words.
        hash = (hash << 1) &+ gear[Int(bytes.load(fromByteOffset: index, as: UInt8.self))]
    }
}
