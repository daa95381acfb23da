internal import CShims

/// Range asymmetric numeral systems (Duda, arXiv:1311.2540): symbols of a byte, each by one of several models.
///
/// 32 or 64 states between 2^15 and 2^31 take turns, and all give to and take from one stream of 16-bit words, which is written from its
/// end. A decoder that knows the model of each symbol beforehand can work on many states at a time.
enum RangeCoder {
    /// For few symbols, and for many, which are decoded faster with more states.
    static let (fewStates, manyStates) = (32, 64)
    static let manySymbols = 1 << 16
    /// The 16-bit words that the kernel reads at once.
    fileprivate static let wordsAtOnce = 16
    /// Where every state begins when it encodes, and so where it ends when all is decoded.
    static let start: UInt32 = 1 << 15
    /// Of one entry of a table of decoding: frequency - 1, then the place within the symbol's share, then the symbol.
    fileprivate static let (frequencyShift, placeShift): (UInt32, UInt32) = (20, 8)

    /// The best that this processor has the instructions for.
    static let bestKernel = mlrepo_range_coder_kernel()
    /// All that it has the instructions for, with the one that needs none.
    static let kernels = [mlrepo_no_kernel, mlrepo_avx2, mlrepo_avx512].filter {
        $0.rawValue <= bestKernel.rawValue
    }
}

/// One thread at a time.
struct RangeEncoder: ~Copyable {
    // For each model and symbol: a reciprocal of the frequency, and `4096 - frequency` in 12 bits, a shift in 4, a bias in 16.
    private let reciprocals: UnsafeMutablePointer<UInt32>
    private let steps: UnsafeMutablePointer<UInt32>
    private let states: UnsafeMutablePointer<UInt32>
    private let stateCount: Int
    private let kernel: mlrepo_kernel

    /// - Parameter stateCount: ``RangeCoder/fewStates`` or ``RangeCoder/manyStates``.
    init(_ models: [SymbolModel], stateCount: Int, kernel: mlrepo_kernel = RangeCoder.bestKernel) {
        self.stateCount = stateCount
        self.kernel = kernel
        reciprocals = .allocate(capacity: models.count * 256)
        steps = .allocate(capacity: models.count * 256)
        states = .allocate(capacity: stateCount)
        reciprocals.initialize(repeating: 0, count: models.count * 256)
        steps.initialize(repeating: 0, count: models.count * 256)
        states.initialize(repeating: RangeCoder.start, count: stateCount)
        for (number, model) in models.enumerated() {
            var start: UInt32 = 0
            for symbol in 0..<256 where model.frequencies[symbol] > 0 {
                let frequency = UInt32(model.frequencies[symbol])
                set(number * 256 + symbol, start, frequency)
                start += frequency
            }
        }
    }

    deinit {
        reciprocals.deallocate()
        steps.deallocate()
        states.deallocate()
    }

    /// Division by a frequency as a product and a shift, exact below 2^31 (Granlund and Montgomery, PLDI 1994).
    private func set(_ index: Int, _ start: UInt32, _ frequency: UInt32) {
        let rest = UInt32(SymbolModel.scale) - frequency
        guard frequency > 1 else {
            // x - 1 instead of x, which the bias makes up for.
            reciprocals[index] = ~0
            steps[index] = rest | (start + UInt32(SymbolModel.scale) - 1) << 16
            return
        }
        let bits = UInt32(32 - (frequency - 1).leadingZeroBitCount)
        reciprocals[index] = UInt32(((1 << UInt64(bits + 31)) + UInt64(frequency) - 1) / UInt64(frequency))
        steps[index] = rest | (bits - 1) << 12 | start << 16
    }

    /// Encodes what is decoded before everything that was encoded so far.
    ///
    /// - Parameters:
    ///   - models: The number of each symbol's model, which has a part for that symbol.
    ///   - end: `count` words can be written before it.
    /// - Returns: Where the words begin.
    func encode(
        _ symbols: UnsafePointer<UInt8>, by models: UnsafePointer<UInt8>, count: Int,
        before end: UnsafeMutablePointer<UInt16>
    ) -> UnsafeMutablePointer<UInt16> {
        var end = end
        let whole = kernel != mlrepo_no_kernel ? count / stateCount * stateCount : 0
        for index in stride(from: count - 1, through: whole, by: -1) {
            let place = Int(models[index]) << 8 | Int(symbols[index])
            let (step, number) = (steps[place], index % stateCount)
            let rest = step & 4095
            var state = states[number]
            let gives = state >= (UInt32(SymbolModel.scale) - rest) << 19
            end[-1] = UInt16(truncatingIfNeeded: state)
            end -= gives ? 1 : 0
            state = gives ? state >> 16 : state
            let product = UInt64(state) &* UInt64(reciprocals[place])
            let quotient = UInt32(truncatingIfNeeded: product >> UInt64(32 + step >> 12 & 15))
            states[number] = state &+ step >> 16 &+ quotient &* rest
        }
        return whole > 0
            ? mlrepo_range_encode(kernel, reciprocals, steps, models, symbols, whole, end, states, stateCount)
            : end
    }

    /// Where a decoder begins.
    var finalStates: [UInt32] { Array(UnsafeBufferPointer(start: states, count: stateCount)) }
}

/// One thread at a time.
struct RangeDecoder: ~Copyable {
    private let table: UnsafeMutablePointer<UInt32>
    private let states: UnsafeMutablePointer<UInt32>
    private var words: UnsafePointer<UInt16>
    private let end: UnsafePointer<UInt16>
    private let stateCount: Int
    private let kernel: mlrepo_kernel

    /// - Parameters:
    ///   - models: At least one.
    ///   - states: ``RangeCoder/fewStates`` or ``RangeCoder/manyStates`` of them.
    ///   - words: What the encoder wrote; stays where it is while the decoder lives.
    init(
        _ models: [SymbolModel], states: [UInt32], words: UnsafeBufferPointer<UInt16>,
        kernel: mlrepo_kernel = RangeCoder.bestKernel
    ) {
        precondition([RangeCoder.fewStates, RangeCoder.manyStates].contains(states.count) && !models.isEmpty)
        stateCount = states.count
        self.kernel = kernel
        table = .allocate(capacity: models.count * SymbolModel.scale)
        self.states = .allocate(capacity: states.count)
        for (index, state) in states.enumerated() { self.states[index] = state }
        // An empty buffer may have no address; nothing is read there.
        self.words = words.baseAddress ?? UnsafePointer(UnsafeMutablePointer<UInt16>(OpaquePointer(table)))
        end = self.words + words.count
        for (number, model) in models.enumerated() {
            var entry = table + number * SymbolModel.scale
            for symbol in 0..<256 {
                let frequency = UInt32(model.frequencies[symbol])
                for place in 0..<frequency {
                    entry[Int(place)] =
                        (frequency - 1) << RangeCoder.frequencyShift | place << RangeCoder.placeShift
                        | UInt32(symbol)
                }
                entry += Int(frequency)
            }
            // A model that nothing is coded by: nobody asks for it.
            let used = entry - (table + number * SymbolModel.scale)
            entry.initialize(repeating: 0, count: SymbolModel.scale - used)
        }
    }

    deinit {
        table.deallocate()
        states.deallocate()
    }

    /// Decodes the next symbols.
    ///
    /// - Parameters:
    ///   - models: Each the number of a model that is not empty.
    ///   - count: A multiple of the number of states, but for the last part of what was encoded at once.
    mutating func decode(
        into symbols: UnsafeMutablePointer<UInt8>, by models: UnsafePointer<UInt8>, count: Int
    ) throws(TensorStreamError) {
        // A symbol takes a word at most, and the kernel reads 16 of them at once, so that it can be sure of these.
        var index = 0
        while kernel != mlrepo_no_kernel {
            let sure = min(count - index, end - words - RangeCoder.wordsAtOnce) / stateCount
            guard sure > 0 else { break }
            let length = sure * stateCount
            words = mlrepo_range_decode(
                kernel, table, models + index, length, symbols + index, states, stateCount, words)
            index += length
        }
        while index < count {
            let number = index % stateCount
            var state = states[number]
            let entry = table[Int(models[index]) << SymbolModel.scaleBits | Int(state & 4095)]
            symbols[index] = UInt8(truncatingIfNeeded: entry)
            state =
                (entry >> RangeCoder.frequencyShift &+ 1) &* (state >> 12) &+ entry >> RangeCoder.placeShift
                & 4095
            if state < RangeCoder.start {
                guard words < end else { throw .truncated }
                state = state << 16 | UInt32(words.pointee)
                words += 1
            }
            states[number] = state
            index += 1
        }
    }

    /// Whether every state is where it began and no word is left: so it is where what was encoded is what was decoded.
    var isAtEnd: Bool {
        words == end
            && UnsafeBufferPointer(start: states, count: stateCount).allSatisfy {
                $0 == RangeCoder.start
            }
    }
}
