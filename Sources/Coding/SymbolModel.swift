/// How often each symbol of a byte is expected, in parts of 4,096.
struct SymbolModel: Equatable {
    static let scaleBits = 12
    static let scale = 1 << scaleBits

    /// 256 of them; their sum is ``scale``, or 0 where no symbol is ever coded by the model.
    private(set) var frequencies: [UInt16]

    /// - Parameter counts: Of 256 symbols. Each that occurs gets a part.
    init(counts: UnsafeBufferPointer<UInt32>) {
        frequencies = [UInt16](repeating: 0, count: 256)
        let total = counts.reduce(0 as UInt64) { $0 + UInt64($1) }
        guard total > 0 else { return }
        var sum = 0
        for symbol in 0..<256 where counts[symbol] > 0 {
            let share = (UInt64(counts[symbol]) * UInt64(Self.scale) + total / 2) / total
            frequencies[symbol] = UInt16(max(1, share))
            sum += Int(frequencies[symbol])
        }
        while sum != Self.scale {
            // Where a part more gains most, or a part less costs least.
            let isShort = sum < Self.scale
            var best: (symbol: Int, gain: Float) = (0, -.infinity)
            for symbol in 0..<256 where frequencies[symbol] > (isShort ? 0 : 1) {
                let (count, frequency) = (Float(counts[symbol]), Float(frequencies[symbol]))
                let gain = isShort ? count / frequency : -count / (frequency - 1)
                if gain > best.gain { best = (symbol, gain) }
            }
            // All parts at once where one symbol has nearly all of them.
            let step = isShort ? max(1, (Self.scale - sum) / 8) : 1
            frequencies[best.symbol] =
                isShort ? frequencies[best.symbol] + UInt16(step) : frequencies[best.symbol] - 1
            sum += isShort ? step : -1
        }
    }

    /// Whether nothing is coded by it.
    var isEmpty: Bool { !frequencies.contains { $0 > 0 } }

    /// Whether any of some symbols can be coded.
    func codes(_ symbols: Range<Int>) -> Bool { symbols.contains { frequencies[$0] > 0 } }

    /// The bits that a count of symbols takes.
    func cost(of counts: UnsafeBufferPointer<UInt32>) -> Float {
        var bits: Float = 0
        for symbol in 0..<256 where counts[symbol] > 0 {
            bits +=
                Float(counts[symbol])
                * (Float(Self.scaleBits) - BinaryLogarithm.of(Float(frequencies[symbol])))
        }
        return bits
    }

    // MARK: As bits

    private static let escapeLength = 12
    private static let escapedBits = 14
    private static let startingAverage = 64

    /// The last symbol, then each frequency by its difference from the one before: Golomb codes that adapt.
    func write(to bits: inout BitWriter) {
        let last = frequencies.lastIndex { $0 > 0 } ?? 0
        bits.write(UInt64(last), count: 8)
        var (average, before) = (Self.startingAverage, 0)
        for symbol in 0...last {
            let difference = Int(frequencies[symbol]) - before
            before += difference
            let number = difference >= 0 ? 2 * difference : -2 * difference - 1
            let low = Self.lowBits(average)
            let high = number >> low
            if high < Self.escapeLength {
                bits.write((1 << UInt64(high)) - 1, count: high + 1)
                bits.write(UInt64(number) & ((1 << UInt64(low)) - 1), count: low)
            } else {
                bits.write((1 << UInt64(Self.escapeLength)) - 1, count: Self.escapeLength)
                bits.write(UInt64(number), count: Self.escapedBits)
            }
            average = (average + number + 1) / 2
        }
    }

    /// - Throws: Where frequencies are negative or do not add up.
    init(from bits: inout BitReader) throws(TensorStreamError) {
        frequencies = [UInt16](repeating: 0, count: 256)
        let last = Int(try bits.read(8))
        var (average, before, sum) = (Self.startingAverage, 0, 0)
        for symbol in 0...last {
            let low = Self.lowBits(average)
            var high = 0
            while high < Self.escapeLength, try bits.read(1) == 1 { high += 1 }
            let number =
                high == Self.escapeLength
                ? Int(try bits.read(Self.escapedBits)) : high << low | Int(try bits.read(low))
            before += number & 1 == 0 ? number >> 1 : -((number + 1) >> 1)
            guard before >= 0, before <= Self.scale else { throw .model }
            frequencies[symbol] = UInt16(before)
            sum += before
            average = (average + number + 1) / 2
        }
        guard sum == Self.scale || (sum == 0 && last == 0) else { throw .model }
        guard sum == 0 || frequencies[last] > 0 else { throw .model }
    }

    private static func lowBits(_ average: Int) -> Int {
        max(0, Int.bitWidth - average.leadingZeroBitCount - 1)
    }
}
