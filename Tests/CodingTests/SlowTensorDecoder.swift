/// `Documentation/Formats/tensor.md` word for word, one element after the other: what the decoder is held against.
struct SlowTensorDecoder {
    enum Refused: Error { case stream }

    private let stream: [UInt8]
    private var position = 0
    private var bitPosition = 0

    private init(_ stream: [UInt8]) { self.stream = stream }

    static func decode(_ stream: [UInt8], base: [UInt8]?, count rawLength: Int) throws -> [UInt8] {
        var decoder = Self(stream)
        return try decoder.decode(base: base, rawLength)
    }

    private mutating func byte() throws -> Int {
        guard position < stream.count else { throw Refused.stream }
        position += 1
        return Int(stream[position - 1])
    }

    private mutating func little(_ count: Int) throws -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<count { value |= UInt64(try byte()) << UInt64(8 * index) }
        return value
    }

    private mutating func varint() throws -> Int {
        var (value, shift) = (0, 0)
        while true {
            let next = try byte()
            value |= (next & 127) << shift
            if next < 128 { return value }
            shift += 7
        }
    }

    /// From bit `at` of the byte at `position` on.
    private func bits(_ count: Int, at place: inout Int) throws -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<count {
            let offset = position + place / 8
            guard offset < stream.count else { throw Refused.stream }
            if stream[offset] >> UInt8(place % 8) & 1 == 1 { value |= 1 << UInt64(index) }
            place += 1
        }
        return value
    }

    private func model(_ place: inout Int) throws -> [Int] {
        var frequencies = [Int](repeating: 0, count: 256)
        let last = Int(try bits(8, at: &place))
        var (average, before) = (64, 0)
        for symbol in 0...last {
            var k = 0
            while average >> (k + 1) > 0 { k += 1 }
            var ones = 0
            while ones < 12, try bits(1, at: &place) == 1 { ones += 1 }
            let z = ones == 12 ? Int(try bits(14, at: &place)) : ones << k | Int(try bits(k, at: &place))
            before += z % 2 == 0 ? z / 2 : -(z + 1) / 2
            frequencies[symbol] = before
            average = (average + z + 1) / 2
        }
        return frequencies
    }

    private struct Coder {
        var states: [Int]
        var words: [Int]
        var next = 0

        mutating func symbol(_ number: Int, _ model: [Int]) throws -> Int {
            let x = states[number % states.count]
            let t = x % 4096
            var (symbol, sum) = (0, 0)
            while sum + model[symbol] <= t {
                sum += model[symbol]
                symbol += 1
                guard symbol < 256 else { throw Refused.stream }
            }
            var after = model[symbol] * (x / 4096) + t - sum
            if after < 1 << 15 {
                guard next < words.count else { throw Refused.stream }
                after = after << 16 | words[next]
                next += 1
            }
            states[number % states.count] = after
            return symbol
        }
    }

    private mutating func decode(base: [UInt8]?, _ rawLength: Int) throws -> [UInt8] {
        let (widths, mantissas) = (
            [1: 2, 2: 2, 3: 4, 4: 8, 5: 1, 6: 1, 16: 1, 17: 2, 18: 4, 19: 8],
            [1: 7, 2: 10, 3: 23, 4: 52, 5: 3, 6: 2]
        )
        let type = try byte()
        guard let w = widths[type] else { throw Refused.stream }
        let n = rawLength / w
        let flags = try byte()
        let groupCount = try byte()
        let k = try (0..<groupCount).map { _ in try byte() }
        var (c, bias, least) = (n, 0, 0)
        if flags & 1 != 0 { (c, bias, least) = (try varint(), try varint() - 8192, try varint() - 8192) }
        var alphabet: [Int]?
        if flags & 4 != 0 {
            var (heads, next): ([Int], Int) = ([], 0)
            for _ in 0..<(try byte()) {
                heads.append(next + (try varint()))
                next = heads[heads.count - 1] + 1
            }
            alphabet = heads
        }
        let (lowCount, escapeCount, wordCount) = (try varint(), try varint(), try varint())
        var place = 0
        let models = try (0..<groupCount + (flags & 1 != 0 ? 2 : 0)).map { _ in try model(&place) }
        position += (place + 7) / 8
        var escapes = try (0..<escapeCount).map { _ in try little(w) }[...]
        let states = try (0..<(flags & 16 != 0 ? 64 : 32)).map { _ in Int(try little(4)) }
        let lowStart = position
        position += lowCount
        let words = try (0..<wordCount).map { _ in Int(try little(2)) }
        let rest = stream[position...]
        var coder = Coder(states: states, words: words)
        let rowCount = flags & 1 != 0 ? (n + c - 1) / c : 0
        let rows = try (0..<rowCount).map { try coder.symbol($0, models[groupCount]) }
        let columns =
            flags & 2 != 0 ? try (0..<c).map { try coder.symbol($0, models[groupCount + 1]) - 20 } : []
        let ones = w == 8 ? UInt64.max : (1 << UInt64(8 * w)) - 1
        let top = UInt64(1) << UInt64(8 * w - 1)
        func s(_ u: UInt64) -> UInt64 { u & top != 0 ? ones : 0 }
        func o(_ u: UInt64) -> UInt64 { u ^ s(u) >> 1 }
        var output: [UInt8] = []
        place = 0
        position = lowStart
        for i in 0..<n {
            var y: UInt64 = 0
            if let base { for index in 0..<w { y |= UInt64(base[i * w + index]) << UInt64(8 * index) } }
            var g = 0
            if flags & 1 != 0 {
                let row = rows[i / c]
                if row == 255 {
                    g = groupCount - 1
                } else {
                    var e = 0
                    if let mantissa = mantissas[type], base != nil { e = Int((y & ~top) >> UInt64(mantissa)) }
                    let column = columns.isEmpty ? 0 : columns[i % c]
                    let highest = groupCount - (flags & 8 != 0 ? 2 : 1)
                    g = max(0, min(2 * e - (row + least) - column + bias, highest))
                }
            }
            let symbol = try coder.symbol(i, models[g])
            var head = UInt64(symbol)
            if symbol == 255 {
                guard let next = escapes.popFirst() else { throw Refused.stream }
                head = next
            } else if let alphabet {
                guard symbol < alphabet.count else { throw Refused.stream }
                head = UInt64(alphabet[symbol])
            }
            let v = (head << UInt64(k[g]) | (try bits(k[g], at: &place))) & ones
            let d = v >> 1 ^ (0 &- (v & 1) & ones)
            let x: UInt64
            switch (mantissas[type] != nil, base != nil) {
            case (true, false): x = flags & 32 != 0 ? v : v >> 1 | (v & 1) << UInt64(8 * w - 1)
            case (false, false): x = d
            case (true, true): x = o((o(y) &+ (y & top != 0 ? 0 &- d : d)) & ones)
            case (false, true): x = (y &+ d) & ones
            }
            for index in 0..<w { output.append(UInt8(truncatingIfNeeded: x >> UInt64(8 * index))) }
        }
        guard escapes.isEmpty, coder.next == words.count, coder.states.allSatisfy({ $0 == 1 << 15 }),
            (place + 7) / 8 == lowCount,
            place % 8 == 0 || stream[position + place / 8] >> UInt8(place % 8) == 0,
            rest.count == rawLength - n * w
        else { throw Refused.stream }
        return output + rest
    }
}
