/// Rounds the elements of a tensor to a narrower type: to the nearest number, and of two that are equally near to the even one
/// (IEEE 754, roundTiesToEven), as training in mixed precision and every framework's conversion do.
package struct TensorCast: Hashable, Sendable {
    /// What is rounded.
    package let source: ElementType
    /// What it becomes.
    package let target: ElementType

    /// - Returns: Nothing where there is no such rounding.
    package init?(from source: ElementType, to target: ElementType) {
        switch (source, target) {
        case (.float32, .bfloat16), (.float32, .float16), (.float64, .float32):
            (self.source, self.target) = (source, target)
        default: return nil
        }
    }

    /// Whether there is a rounding to a type.
    package static func isTarget(_ type: ElementType) -> Bool {
        ElementType.allCases.contains { TensorCast(from: $0, to: type) != nil }
    }

    /// Whether there is a rounding of a type.
    package static func isSource(_ type: ElementType) -> Bool {
        ElementType.allCases.contains { TensorCast(from: type, to: $0) != nil }
    }

    /// Elements that are rounded at a time.
    private static let block = 4096

    /// Rounds elements of some bytes.
    ///
    /// - Parameters:
    ///   - bytes: Elements of ``source``, little-endian; what is left behind the last whole one is not used.
    ///   - first: The number of the element that comes first.
    ///   - output: Filled: with zeros where there are no elements.
    func round(_ bytes: BaseBytes, from first: Int, into output: UnsafeMutableRawBufferPointer) {
        let available = max(0, bytes.count / source.width - first)
        let count = min(available, output.count / target.width)
        withUnsafeTemporaryAllocation(byteCount: Self.block * source.width, alignment: 16) { room in
            for start in stride(from: 0, to: count, by: Self.block) {
                let length = min(Self.block, count - start)
                let piece = UnsafeMutableRawBufferPointer(rebasing: room[..<(length * source.width)])
                let offset = (first + start) * source.width
                bytes.copy(offset..<offset + piece.count, into: piece)
                let end = (start + length) * target.width
                round(
                    UnsafeRawBufferPointer(piece), length,
                    into: UnsafeMutableRawBufferPointer(rebasing: output[(start * target.width)..<end]))
            }
        }
        UnsafeMutableRawBufferPointer(rebasing: output[(count * target.width)...])
            .initializeMemory(as: UInt8.self, repeating: 0)
    }

    private func round(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, into output: UnsafeMutableRawBufferPointer
    ) {
        // `bytes` is aligned by the caller, `output` is not; both have `count` elements.
        switch (source, target) {
        case (.float32, .bfloat16): Self.each(bytes, count, output, Self.bfloat16)
        case (.float32, .float16): Self.each(bytes, count, output, Self.float16)
        default: Self.each(bytes, count, output, Self.float32)
        }
    }

    @inline(__always)
    private static func each<Wide: TensorWord, Narrow: TensorWord>(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, _ output: UnsafeMutableRawBufferPointer,
        _ round: (Wide) -> Narrow
    ) {
        let width = Narrow.bitWidth / 8
        let elements = bytes.assumingMemoryBound(to: Wide.self)
        guard let start = output.baseAddress, count <= elements.count, count * width <= output.count else {
            return
        }
        for index in 0..<count {
            let rounded = round(Wide(littleEndian: elements[index])).littleEndian
            start.storeBytes(of: rounded, toByteOffset: index &* width, as: Narrow.self)
        }
    }

    // Bits to bits, without branches on the usual ways, so that they become vectors. A NaN stays one: its sign, the upper bits of
    // its payload, and the bit that makes it quiet.

    @inline(__always)
    static func bfloat16(_ bits: UInt32) -> UInt16 {
        let rounded = (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16
        let isNaN = bits & 0x7fff_ffff > 0x7f80_0000
        return UInt16(truncatingIfNeeded: isNaN ? bits >> 16 | 0x40 : rounded)
    }

    @inline(__always)
    static func float16(_ bits: UInt32) -> UInt16 {
        let size = bits & 0x7fff_ffff
        // The exponent's bias becomes 15 instead of 127.
        let normal = (size &- 0x3800_0000 &+ 0xfff &+ (size >> 13 & 1)) >> 13
        // Of 0.5, the last place is that of the least number: the addition rounds.
        let half = Float(bitPattern: 0x3f00_0000)
        let small = (Float(bitPattern: min(size, 0x3880_0000)) + half).bitPattern &- half.bitPattern
        var rounded = size < 0x3880_0000 ? small : normal
        rounded = size >= 0x477f_f000 ? 0x7c00 : rounded
        rounded = size > 0x7f80_0000 ? 0x7e00 | size >> 13 & 0x3ff : rounded
        return UInt16(truncatingIfNeeded: rounded | bits >> 16 & 0x8000)
    }

    @inline(__always)
    static func float32(_ bits: UInt64) -> UInt32 {
        let isNaN = bits & (.max >> 1) > 0x7ff0_0000_0000_0000
        let sign = UInt32(truncatingIfNeeded: bits >> 32) & 0x8000_0000
        let payload = UInt32(truncatingIfNeeded: bits >> 29) & 0x7f_ffff
        return isNaN ? sign | 0x7fc0_0000 | payload : Float(Double(bitPattern: bits)).bitPattern
    }
}

// MARK: The stream of codec 6 (`Documentation/Formats/tensor.md`, "Casts")

extension TensorCast {
    /// Rounds what a stream has beside it.
    ///
    /// - Parameter count: Bytes of what is rounded to.
    func rounded<Result>(
        _ base: BaseBytes, from first: Int, count: Int, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let rounded = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            round(base, from: first, into: UnsafeMutableRawBufferPointer(buffer))
            filled = count
        }
        return rounded.withUnsafeBytes(body)
    }

    /// What stands before the stream of the target's elements.
    func head(_ first: Int) -> [UInt8] {
        var head = [source.rawValue]
        head.appendVarint(UInt64(first))
        return head
    }

    /// Reads a head, and the type of the elements behind it.
    ///
    /// - Returns: Also the number of the first element, and where the stream begins; nothing where there is no such cast.
    package static func head(
        of stored: UnsafeRawBufferPointer
    ) -> (cast: TensorCast, first: Int, start: Int)? {
        guard let source = stored.first.flatMap(ElementType.init(rawValue:)) else { return nil }
        var reader = VarintReader(UnsafeRawBufferPointer(rebasing: stored.dropFirst()))
        guard let first = reader.next(), 1 + reader.offset < stored.count,
            let target = ElementType(rawValue: stored[1 + reader.offset]),
            let cast = TensorCast(from: source, to: target)
        else { return nil }
        return (cast, first, 1 + reader.offset)
    }
}
