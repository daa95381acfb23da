/// What is known of each value of a tensor before it is decoded: in which of up to 64 groups it falls, by how large it is expected.
///
/// A tensor is seen as rows. A value is expected to be as large as those of its row and of its column are, and a difference from a
/// base to be as many steps as the base's exponent leaves room for: a step is half as wide below the next power of two.
struct TensorContexts: Equatable {
    /// Also of the groups of row and column scales there is one each.
    static let groupLimit = 64
    /// Rows are at least so long, and columns have scales where there are at least so many whole rows: scales are few beside elements.
    static let leastLength = 16
    /// Units of a factor of two.
    static let unitsPerOctave = 2
    /// The scale of a row whose values are all 0: they have a group of their own, the last one.
    static let zeroRow = Int16.min
    /// The most that a bias or a scale of a row may be, either way: so that sums stay within 16 bits.
    static let limit: Int16 = 8192
    /// The most that a column's scale may be.
    static let columnLimit: Int16 = 40

    /// Elements of a row; all of them where there are no rows.
    var rowLength: Int
    /// The scale of each row; of a single row without a scale, 0.
    var rows: [Int16] = [0]
    /// The scale of each column, or nothing.
    var columns: [Int16] = []
    var bias: Int16 = 0
    var groupCount = 1

    /// Whether some row is a ``zeroRow``: whoever sets the rows says so, for it is asked for each block.
    var hasZeroRows = false

    /// The groups of some elements: twice the base's exponent, less the scales of row and column, plus the bias; within bounds.
    ///
    /// - Parameters:
    ///   - start: The number of the first one; all of them are in the tensor.
    ///   - base: The base's elements from the tensor's first one on.
    ///   - mantissaBits: Of floating-point elements.
    func fill<Word: TensorWord>(
        _ groups: UnsafeMutablePointer<UInt8>, from start: Int, count: Int, base: UnsafePointer<Word>?,
        mantissaBits: Int?
    ) {
        let highest = Int16(groupCount - (hasZeroRows ? 2 : 1))
        var (row, column) = start.quotientAndRemainder(dividingBy: rowLength)
        var done = 0
        while done < count {
            let length = min(rowLength - column, count - done)
            let part = groups + done
            if rows[row] == Self.zeroRow {
                part.update(repeating: UInt8(groupCount - 1), count: length)
            } else {
                let level = bias - rows[row]
                let powers = mantissaBits.flatMap { bits in base.map { ($0 + start + done, bits) } }
                columns.withUnsafeBufferPointer { columns in
                    // As many columns as a row has elements, or none.
                    let own = columns.isEmpty ? nil : columns.baseAddress.map { $0 + column }
                    Self.fill(part, length, level, own, powers, highest)
                }
            }
            done += length
            (row, column) = (row + 1, 0)
        }
    }

    @inline(__always)
    private static func fill<Word: TensorWord>(
        _ groups: UnsafeMutablePointer<UInt8>, _ count: Int, _ level: Int16, _ columns: UnsafePointer<Int16>?,
        _ powers: (base: UnsafePointer<Word>, mantissaBits: Int)?, _ highest: Int16
    ) {
        switch (powers, columns) {
        case (.some(let powers), .some(let columns)):
            for index in 0..<count {
                let power = twiceExponent(powers.base[index], powers.mantissaBits)
                groups[index] = within(power &+ level &- columns[index], highest)
            }
        case (.some(let powers), nil):
            for index in 0..<count {
                groups[index] = within(
                    twiceExponent(powers.base[index], powers.mantissaBits) &+ level, highest)
            }
        case (nil, .some(let columns)):
            for index in 0..<count { groups[index] = within(level &- columns[index], highest) }
        case (nil, nil): groups.update(repeating: within(level, highest), count: count)
        }
    }

    @inline(__always) static func twiceExponent<Word: TensorWord>(_ word: Word, _ mantissaBits: Int) -> Int16
    {
        Int16(truncatingIfNeeded: (word << 1) &>> Word(truncatingIfNeeded: mantissaBits + 1)) << 1
    }

    @inline(__always) private static func within(_ value: Int16, _ highest: Int16) -> UInt8 {
        UInt8(truncatingIfNeeded: max(0, min(value, highest)))
    }
}
