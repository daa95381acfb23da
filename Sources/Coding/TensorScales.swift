/// How large the values of each row and column of a tensor are, measured by whoever encodes: the decoder is told.
struct TensorScales<Word: TensorWord> {
    /// Elements that are measured at a time.
    private static var piece: Int { 4_096 }

    private let elements: UnsafePointer<Word>
    private let base: UnsafePointer<Word>?
    private let values: UnsafePointer<Word>
    private let count: Int
    private let mantissaBits: Int?

    /// - Parameter values: What ``TensorTransform`` made of the elements.
    init(
        _ elements: UnsafePointer<Word>, _ base: UnsafePointer<Word>?, _ values: UnsafePointer<Word>,
        count: Int,
        mantissaBits: Int?
    ) {
        self.elements = elements
        self.base = base
        self.values = values
        self.count = count
        self.mantissaBits = mantissaBits
    }

    /// The scale of each row of a length, and of each column; of these none where there are too few rows.
    func measure(rowLength: Int) -> (rows: [Int16], columns: [Int16]) {
        let rowCount = (count + rowLength - 1) / rowLength
        var rows: [Int16] = []
        rows.reserveCapacity(rowCount)
        var sums = [Float](
            repeating: 0, count: count / rowLength < TensorContexts.leastLength ? 0 : rowLength)
        var measured = 0
        withUnsafeTemporaryAllocation(of: Float.self, capacity: min(rowLength, Self.piece)) { sizes in
            for row in 0..<rowCount {
                let start = row * rowLength
                let length = min(rowLength, count - start)
                let scale = scale(start, length, sizes)
                rows.append(scale)
                guard !sums.isEmpty, length == rowLength, scale != TensorContexts.zeroRow else { continue }
                // Each row counts the same, whatever its own scale.
                add(start, weight: Self.size(ofUnits: -Int(scale)), to: &sums, sizes)
                measured += 1
            }
        }
        guard measured >= TensorContexts.leastLength else { return (rows, []) }
        let limit = TensorContexts.columnLimit / 2
        return (rows, sums.map { max(-limit, min(limit, Self.units($0 / Float(measured)))) })
    }

    private func scale(_ start: Int, _ length: Int, _ sizes: UnsafeMutableBufferPointer<Float>) -> Int16 {
        var any: Word = 0
        for index in start..<start + length { any |= values[index] }
        guard any != 0 else { return TensorContexts.zeroRow }
        var sum: Float = 0
        for offset in stride(from: 0, to: length, by: Self.piece) {
            let part = min(Self.piece, length - offset)
            measure(start + offset, part, sizes)
            sum += Self.sum(sizes, part)
        }
        return Self.units(sum / Float(length))
    }

    private func add(
        _ start: Int, weight: Float, to sums: inout [Float], _ sizes: UnsafeMutableBufferPointer<Float>
    ) {
        sums.withUnsafeMutableBufferPointer { sums in
            for offset in stride(from: 0, to: sums.count, by: Self.piece) {
                let part = min(Self.piece, sums.count - offset)
                // A row of one piece lies there already.
                if sums.count > Self.piece { measure(start + offset, part, sizes) }
                let own = UnsafeMutableBufferPointer(rebasing: sums[offset..<offset + part])
                for index in 0..<part { own[index] += sizes[index] * weight }
            }
        }
    }

    /// How large elements are, or how far from their base, in some unit.
    private func measure(_ start: Int, _ count: Int, _ sizes: UnsafeMutableBufferPointer<Float>) {
        let (values, elements) = (values + start, elements + start)
        guard let mantissaBits else {
            for index in 0..<count { sizes[index] = Self.steps(values[index]) }
            return
        }
        let exponentBits = Word.bitWidth - 1 - mantissaBits
        if exponentBits == 8, Word.bitWidth <= 32 {
            // The upper bits of a `Float`, or all of them.
            let shift = UInt32(32 - Word.bitWidth)
            func float(_ element: Word) -> Float {
                Float(bitPattern: UInt32(truncatingIfNeeded: element) &<< shift)
            }
            if let base = base.map({ $0 + start }) {
                for index in 0..<count { sizes[index] = abs(float(elements[index]) - float(base[index])) }
            } else {
                for index in 0..<count { sizes[index] = abs(float(elements[index])) }
            }
            return
        }
        // The exponent of a `Float` that is a power of two, in place of the element's own.
        let shift = Word(truncatingIfNeeded: mantissaBits + 1)
        let offset = Int32(127 - ((1 << (exponentBits - 1)) - 1))
        func power(_ element: Word) -> Float {
            let exponent = Int32(truncatingIfNeeded: (element << 1) &>> shift) &+ offset
            return Float(bitPattern: UInt32(bitPattern: max(1, min(254, exponent))) &<< 23)
        }
        if let base = base.map({ $0 + start }) {
            let scale = Float(sign: .plus, exponent: mantissaBits, significand: 1)
            for index in 0..<count {
                // From one side of zero to the other there are many steps, but small ones.
                let isAcross = (elements[index] ^ base[index]).signMask != 0
                let far = (power(elements[index]) + power(base[index])) * scale
                sizes[index] = isAcross ? far : Self.steps(values[index]) * power(base[index])
            }
        } else {
            for index in 0..<count { sizes[index] = power(elements[index]) }
        }
    }

    /// The size of the difference that a value stands for.
    @inline(__always) private static func steps(_ value: Word) -> Float {
        Float(Int64(truncatingIfNeeded: (value >> 1) &+ (value & 1)))
    }

    private static func sum(_ sizes: UnsafeMutableBufferPointer<Float>, _ count: Int) -> Float {
        var sums = SIMD8<Float>.zero
        let whole = count / 8 * 8
        for index in stride(from: 0, to: whole, by: 8) {
            // Eight of them are there.
            sums += UnsafeRawPointer(sizes.baseAddress.unsafelyUnwrapped + index).loadUnaligned(
                as: SIMD8<Float>.self)
        }
        var sum = sums.sum()
        for index in whole..<count { sum += sizes[index] }
        return sum
    }

    /// `2 log2(size)`, rounded.
    private static func units(_ size: Float) -> Int16 {
        guard size > 0, size.isFinite else { return size > 0 ? 600 : -600 }
        let units = BinaryLogarithm.of(size) * Float(TensorContexts.unitsPerOctave)
        return Int16(max(-600, min(600, units.rounded())))
    }

    private static func size(ofUnits units: Int) -> Float {
        let isHalf = units & 1 == 1
        return Float(
            sign: .plus, exponent: max(-120, min(120, units >> 1)), significand: isHalf ? 1.41421356 : 1)
    }
}
