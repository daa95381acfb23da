extension TensorLayout {
    /// Elements of each stretch of a sample, and how many stretches there are.
    private static let stretch = 64

    /// How far one tensor is from another, in bits: the mean length of the difference of two elements, counted in representable numbers.
    ///
    /// Of a sample. What the difference takes when it is coded is about this, and of tensors that have nothing to do with each other it is
    /// more than each takes by itself.
    ///
    /// - Returns: Nothing if one has no elements.
    package func distance(_ bytes: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer) -> Double? {
        switch type.width {
        case 1: distance(UInt8.self, bytes, base)
        case 2: distance(UInt16.self, bytes, base)
        case 4: distance(UInt32.self, bytes, base)
        default: distance(UInt64.self, bytes, base)
        }
    }

    private func distance<Word: TensorWord>(
        _: Word.Type, _ bytes: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer
    ) -> Double? {
        let count = min(bytes.count, base.count) / type.width
        let stretches = max(1, min(Self.stretch, count / Self.stretch))
        let length = min(count, Self.stretch)
        guard length > 0 else { return nil }
        let transform = TensorTransform(type, hasBase: true)
        return withUnsafeTemporaryAllocation(of: Word.self, capacity: 3 * length) { room in
            guard let elements = room.baseAddress else { return nil }
            let (others, values) = (elements + length, elements + 2 * length)
            var bits = 0
            for number in 0..<stretches {
                let start = (count - length) / max(1, stretches - 1) * number
                for index in 0..<length {
                    let at = (start + index) * type.width
                    // Both have `count` elements at least.
                    elements[index] = bytes.loadUnaligned(fromByteOffset: at, as: Word.self)
                    others[index] = base.loadUnaligned(fromByteOffset: at, as: Word.self)
                }
                transform.apply(elements, others, count: length, into: values)
                for index in 0..<length { bits += Word.bitWidth - values[index].leadingZeroBitCount }
            }
            return Double(bits) / Double(stretches * length)
        }
    }
}
