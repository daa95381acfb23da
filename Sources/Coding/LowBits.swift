internal import CShims

/// The bits of a value that are as good as random: they stand beside its head, as they are, one value's behind the other's, the lowest
/// bit first.
enum LowBits {
    /// The best that this processor has the instructions for.
    static let bestKernel = mlrepo_low_bits_kernel()
    /// All that it has the instructions for, with the one that needs none.
    static let kernels = [mlrepo_no_kernel, mlrepo_avx2, mlrepo_avx512].filter {
        $0.rawValue <= bestKernel.rawValue
    }
    /// More bytes than are used that a kernel may touch.
    static let margin = 16
    /// Values that a kernel works on at a time.
    static let step = 32

    /// Splits values into symbols (what is above the low bits, or 255 where that is more) and low bits.
    ///
    /// - Parameters:
    ///   - widths: Of each group, how many bits are low ones; at most 56.
    ///   - bytes: Room for the bits of all values, and ``margin`` bytes more.
    /// - Returns: The bytes that are used.
    static func split<Word: TensorWord>(
        _ values: UnsafePointer<Word>, _ groups: UnsafePointer<UInt8>, count: Int, widths: [UInt8],
        into symbols: UnsafeMutablePointer<UInt8>, _ bytes: UnsafeMutablePointer<UInt8>,
        kernel: mlrepo_kernel = bestKernel
    ) -> Int {
        let widths = padded(widths)
        var (index, offset) = (0, 0)
        bytes.pointee = 0
        if kernel != mlrepo_no_kernel {
            let whole = count / step * step
            let raw = UnsafeRawPointer(values)
            if Word.bitWidth == 16 {
                let values = raw.assumingMemoryBound(to: UInt16.self)
                (index, offset) = (
                    whole, mlrepo_low_bits_split_16(kernel, values, groups, whole, widths, symbols, bytes, 0)
                )
            } else if Word.bitWidth == 32 {
                let values = raw.assumingMemoryBound(to: UInt32.self)
                (index, offset) = (
                    whole, mlrepo_low_bits_split_32(kernel, values, groups, whole, widths, symbols, bytes, 0)
                )
            }
        }
        widths.withUnsafeBufferPointer { widths in
            guard let widths = widths.baseAddress else { return }
            /// Puts the low bits of some values behind what is there: at most 64 bits.
            func put(_ length: Int) {
                var (part, held): (UInt64, UInt64) = (0, 0)
                for place in index..<index &+ length {
                    let width = UInt64(widths[Int(groups[place] & 63)])
                    let value = values[place]
                    symbols[place] = UInt8(
                        truncatingIfNeeded: min(value &>> Word(truncatingIfNeeded: width), 255))
                    part |= (UInt64(value) & ((1 &<< width) &- 1)) &<< held
                    held &+= width
                }
                let place = UnsafeMutableRawPointer(bytes + offset &>> 3)
                let shift = UInt64(offset & 7)
                let first = UInt64(place.load(as: UInt8.self)) | part &<< shift
                place.storeBytes(of: first.littleEndian, as: UInt64.self)
                let rest = UInt8(truncatingIfNeeded: (part &>> 1) &>> (63 &- shift))
                place.storeBytes(of: rest, toByteOffset: 8, as: UInt8.self)
                offset &+= Int(held)
                index &+= length
            }
            let together = valuesTogether(Word.self)
            while index &+ together <= count { put(together) }
            while index < count { put(1) }
        }
        return (offset + 7) / 8
    }

    /// So many values have less than 64 low bits together.
    @inline(__always)
    fileprivate static func valuesTogether<Word: TensorWord>(_: Word.Type) -> Int { 64 / Word.bitWidth }

    /// As many widths as there can be groups.
    fileprivate static func padded(_ widths: [UInt8]) -> [UInt8] {
        widths + [UInt8](repeating: 0, count: TensorContexts.groupLimit - widths.count)
    }
}

/// Takes low bits from some bytes, from the first value's on.
struct LowBitsReader {
    private let bytes: UnsafeRawBufferPointer
    private let widths: [UInt8]
    private let most: Int
    /// Whether all groups have as many.
    private let isEven: Bool
    private let kernel: mlrepo_kernel
    private var offset = 0

    init(_ bytes: UnsafeRawBufferPointer, widths: [UInt8], kernel: mlrepo_kernel = LowBits.bestKernel) {
        self.bytes = bytes
        self.widths = LowBits.padded(widths)
        self.kernel = kernel
        most = Int(widths.max() ?? 0)
        isEven = widths.allSatisfy { $0 == widths[0] }
    }

    /// Whether all bytes are used, and what is left of the last one is zero.
    var isAtEnd: Bool {
        (offset + 7) / 8 == bytes.count
            && (offset % 8 == 0 || bytes[bytes.count - 1] >> UInt8(offset % 8) == 0)
    }

    /// Shifts each head up and puts its low bits behind it.
    mutating func join<Word: TensorWord>(
        _ values: UnsafeMutablePointer<Word>, _ groups: UnsafePointer<UInt8>, count: Int
    ) throws(TensorStreamError) {
        guard most > 0 else { return }
        var index = 0
        if let start = bytes.baseAddress {
            // So many values are sure to find theirs, with the margin behind them.
            let left = (bytes.count - LowBits.margin) * 8 - offset
            let sure = left < 0 ? 0 : min(count, left / most)
            index = joinWhole(values, groups, count: sure, start)
            joinRest(values, groups, from: &index, to: sure, start)
        }
        while index < count {
            let width = Int(widths[Int(groups[index] & 63)])
            guard offset + width <= bytes.count * 8 else { throw .truncated }
            var part: UInt64 = 0
            for bit in 0..<width where bytes[(offset + bit) >> 3] >> UInt8((offset + bit) & 7) & 1 == 1 {
                part |= 1 << UInt64(bit)
            }
            put(part, width, behind: &values[index])
            offset += width
            index += 1
        }
    }

    @inline(__always)
    private func put<Word: TensorWord>(_ part: UInt64, _ width: Int, behind head: inout Word) {
        head = head &<< Word(truncatingIfNeeded: width) | Word(truncatingIfNeeded: part)
    }

    /// Where all have as many, and no more than these, there is a faster way.
    private static let evenLimit = 25

    /// By a kernel, as far as it goes.
    private mutating func joinWhole<Word: TensorWord>(
        _ values: UnsafeMutablePointer<Word>, _ groups: UnsafePointer<UInt8>, count: Int,
        _ start: UnsafeRawPointer
    ) -> Int {
        guard kernel != mlrepo_no_kernel, Word.bitWidth == 16 || Word.bitWidth == 32 else { return 0 }
        let whole = count / LowBits.step * LowBits.step
        let bytes = start.assumingMemoryBound(to: UInt8.self)
        let raw = UnsafeMutableRawPointer(values)
        if isEven, most <= Self.evenLimit {
            offset =
                Word.bitWidth == 16
                ? mlrepo_low_bits_join_even_16(
                    raw.assumingMemoryBound(to: UInt16.self), whole, UInt32(most), bytes, offset)
                : mlrepo_low_bits_join_even_32(
                    raw.assumingMemoryBound(to: UInt32.self), whole, UInt32(most), bytes, offset)
        } else if Word.bitWidth == 16 {
            offset = mlrepo_low_bits_join_16(
                kernel, raw.assumingMemoryBound(to: UInt16.self), groups, whole, widths, bytes, offset)
        } else {
            offset = mlrepo_low_bits_join_32(
                kernel, raw.assumingMemoryBound(to: UInt32.self), groups, whole, widths, bytes, offset)
        }
        return whole
    }

    private mutating func joinRest<Word: TensorWord>(
        _ values: UnsafeMutablePointer<Word>, _ groups: UnsafePointer<UInt8>, from index: inout Int,
        to end: Int,
        _ start: UnsafeRawPointer
    ) {
        var (offset, next) = (self.offset, index)
        widths.withUnsafeBufferPointer { widths in
            guard let widths = widths.baseAddress else { return }
            /// Takes the low bits of some values: at most 64 bits.
            func take(_ length: Int) {
                let place = start + offset &>> 3
                let shift = UInt64(offset & 7)
                let first = UInt64(littleEndian: place.loadUnaligned(as: UInt64.self))
                let last = UInt64(place.load(fromByteOffset: 8, as: UInt8.self))
                var window = first &>> shift | (last &<< 1) &<< (63 &- shift)
                for place in next..<next &+ length {
                    let width = UInt64(widths[Int(groups[place] & 63)])
                    put(window & ((1 &<< width) &- 1), Int(width), behind: &values[place])
                    window &>>= width
                    offset &+= Int(width)
                }
                next &+= length
            }
            let together = LowBits.valuesTogether(Word.self)
            while next &+ together <= end { take(together) }
            while next < end { take(1) }
        }
        (self.offset, index) = (offset, next)
    }
}
