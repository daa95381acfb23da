import CShims
import FileIO
import TestSupport
import Testing

@testable import Coding

@Suite struct TensorCodingTests {
    /// Encodes, or gives nothing where that would not be shorter.
    static func encode(_ tensor: RandomTensor, _ encoder: TensorEncoder = TensorEncoder()) -> [UInt8]? {
        tensor.bytes.withUnsafeBytes { bytes in
            guard let base = tensor.base else { return encoder.encode(bytes, base: nil, tensor.layout) }
            return base.withUnsafeBytes { encoder.encode(bytes, base: $0, tensor.layout) }
        }
    }

    static func decode(
        _ stream: [UInt8], base: [UInt8]?, count: Int, _ decoder: TensorDecoder = TensorDecoder()
    ) throws -> [UInt8] {
        var output = [UInt8](repeating: 0xa5, count: count)
        try output.withUnsafeMutableBytes { output in
            try stream.withUnsafeBytes { stream in
                guard let base else { return try decoder.decode(stream, base: nil, into: output) }
                try base.withUnsafeBytes { try decoder.decode(stream, base: $0, into: output) }
            }
        }
        return output
    }

    @Test(arguments: ElementType.allCases, 0..<40)
    func `what is encoded comes back, as the document says`(type: ElementType, seed: UInt64) throws {
        let tensor = RandomTensor(seed: seed, type: type)
        guard let stream = Self.encode(tensor) else { return }
        #expect(stream.count < tensor.bytes.count)
        #expect(
            try Self.decode(stream, base: tensor.base, count: tensor.bytes.count) == tensor.bytes,
            "seed \(seed)")
        #expect(
            try SlowTensorDecoder.decode(stream, base: tensor.base, count: tensor.bytes.count)
                == tensor.bytes,
            "seed \(seed)")
    }

    @Test func `most tensors that are no noise get smaller`() {
        let count = (0..<40).count { Self.encode(RandomTensor(seed: UInt64($0), type: .float32)) != nil }
        #expect(count > 20)
    }

    @Test func `an encoder and a decoder are used again`() throws {
        let (encoder, decoder) = (TensorEncoder(), TensorDecoder())
        for seed in 0..<60 as Range<UInt64> {
            let type = ElementType.allCases[Int(seed) % ElementType.allCases.count]
            let tensor = RandomTensor(seed: seed, type: type)
            let stream = Self.encode(tensor, encoder)
            #expect(stream == Self.encode(tensor), "seed \(seed)")
            guard let stream else { continue }
            let output = try Self.decode(stream, base: tensor.base, count: tensor.bytes.count, decoder)
            #expect(output == tensor.bytes, "seed \(seed)")
        }
    }

    /// What lies at odd addresses is read and written all the same.
    @Test(arguments: ElementType.allCases) func `elements may begin at any byte`(type: ElementType) throws {
        for seed in 100..<110 as Range<UInt64> {
            let tensor = RandomTensor(seed: seed, type: type)
            guard let stream = Self.encode(tensor) else { continue }
            let (bytes, base) = ([7] + tensor.bytes, tensor.base.map { [7] + $0 })
            var output = [UInt8](repeating: 0xa5, count: bytes.count)
            try bytes.withUnsafeBytes { bytes in
                try ([7] + stream).withUnsafeBytes { stream in
                    try output.withUnsafeMutableBytes { output in
                        let (encoder, decoder) = (TensorEncoder(), TensorDecoder())
                        func check(_ base: UnsafeRawBufferPointer?) throws {
                            let again = encoder.encode(Self.behindFirst(bytes), base: base, tensor.layout)
                            #expect(again.map { [7] + $0 } == Array(stream))
                            try decoder.decode(
                                Self.behindFirst(stream), base: base,
                                into: UnsafeMutableRawBufferPointer(rebasing: output[1...]))
                        }
                        guard let base else { return try check(nil) }
                        try base.withUnsafeBytes { try check(Self.behindFirst($0)) }
                    }
                }
            }
            #expect(output[1...] == tensor.bytes[...], "seed \(seed)")
            #expect(output[0] == 0xa5)
        }
    }

    private static func behindFirst(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[1...])
    }

    /// A stream is refused or gives bytes, whatever it is; which ones, a digest tells.
    @Test(arguments: 0..<60) func `changed streams do no harm`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let type = ElementType.allCases.randomElement(using: &random) ?? .float32
        let tensor = RandomTensor(seed: seed, type: type)
        guard let stream = Self.encode(tensor) else { return }
        let decoder = TensorDecoder()
        for _ in 0..<60 {
            var changed = stream
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                // The head and the models more often than the rest.
                let end = Bool.random(using: &random) ? changed.count : min(changed.count, 120)
                changed[Int.random(in: 0..<end, using: &random)] = random.bytes(1)[0]
            }
            if Int.random(in: 0..<5, using: &random) == 0 {
                changed.removeLast(Int.random(in: 0...min(changed.count, 300), using: &random))
            }
            let count = tensor.bytes.count
            guard let output = try? Self.decode(changed, base: tensor.base, count: count, decoder) else {
                continue
            }
            #expect(
                try SlowTensorDecoder.decode(changed, base: tensor.base, count: count) == output,
                "seed \(seed)")
        }
    }

    /// Streams that another program wrote from the document alone (`Tests/Reader/test_tensor_streams.py`).
    @Test func `streams of another program are decoded`() throws {
        let path = FilePath(#filePath).parent.parent / "Vectors/tensors.txt"
        let text = try POSIXFileSystem().contents(path, limit: 1 << 20)
        var count = 0
        for line in text.split(separator: 0x0a) {
            let words = line.split(separator: 0x20).map { Array($0) }
            let base = words[0] == [UInt8(ascii: "-")] ? nil : Self.bytes(words[0])
            let (raw, stream) = (Self.bytes(words[1]), Self.bytes(words[2]))
            #expect(try Self.decode(stream, base: base, count: raw.count) == raw, "line \(count + 1)")
            count += 1
        }
        #expect(count == 60)
    }

    static func bytes(_ hex: [UInt8]) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).map { index in
            hex[index...index + 1].reduce(0) { $0 << 4 | ($1 < 0x3a ? $1 - 0x30 : $1 - 0x57) }
        }
    }

    @Test func `an element more or less is refused`() throws {
        let tensor = RandomTensor(seed: 5, type: .bfloat16)
        let stream = try #require(Self.encode(tensor))
        for count in [0, 1, 2, tensor.bytes.count - 2, tensor.bytes.count + 2] {
            let base = tensor.base.map { Array(($0 + $0).prefix(count)) }
            #expect(throws: TensorStreamError.self) { try Self.decode(stream, base: base, count: count) }
        }
    }

    /// Type, flags, groups, low bits of the one group; then what follows, an empty model, and 32 states.
    private static func stream(_ head: [UInt8], _ tail: [UInt8] = [0, 0], state: UInt32) -> [UInt8] {
        head + tail
            + (0..<32).flatMap { _ in (0..<4).map { UInt8(truncatingIfNeeded: state >> UInt32(8 * $0)) } }
    }

    @Test func `symbols of an empty model are refused`() {
        // Each of 32 states has one symbol, which takes twelve bits and leaves 2^15.
        let stream = Self.stream([16, 0, 1, 0, 0, 0, 0], state: 1 << 27)
        #expect(throws: TensorStreamError.model) { try Self.decode(stream, base: nil, count: 32) }
    }

    @Test func `rows of fewer than 16 elements are refused, but for a tensor of one row`() {
        let head: [UInt8] = [16, 1, 1, 0, 15, 0x80, 0x40, 0x80, 0x40, 0, 0, 0]
        #expect(throws: TensorStreamError.head) {
            try Self.decode(Self.stream(head, [0, 0, 0, 0, 0, 0], state: 1 << 15), base: nil, count: 32)
        }
        // Here it is the models that are refused.
        #expect(throws: TensorStreamError.model) {
            try Self.decode(Self.stream(head, [0, 0, 0, 0], state: 1 << 15), base: nil, count: 15)
        }
    }

    @Test func `what is left of the last byte of low bits is zero`() throws {
        var changed = 0
        for seed in 0..<80 as Range<UInt64> {
            let tensor = RandomTensor(seed: seed, type: .float32)
            let count = tensor.bytes.count / 4
            guard let stream = Self.encode(tensor) else { continue }
            let head = try stream.withUnsafeBytes { bytes in
                var offset = 0
                return try TensorStreamHead(bytes, &offset, elementCount: count)
            }
            let bits = head.lowBits.count == 1 ? Int(head.lowBits[0]) * count : 0
            guard bits % 8 != 0 else { continue }
            var bad = stream
            bad[stream.count - tensor.bytes.count % 4 - 2 * head.wordCount - 1] |= 0x80
            #expect(throws: TensorStreamError.end) {
                try Self.decode(bad, base: tensor.base, count: tensor.bytes.count)
            }
            changed += 1
        }
        #expect(changed > 0)
    }

    // MARK: The parts

    @Test(arguments: 0..<20) func `range coding with and without the kernel is the same`(seed: UInt64) throws
    {
        var random = SplitMix64(seed: seed)
        let (modelCount, count) = (
            Int.random(in: 1...64, using: &random), Int.random(in: 1...5000, using: &random)
        )
        let groups = (0..<count).map { _ in UInt8.random(in: 0..<UInt8(modelCount), using: &random) }
        let most = UInt8.random(in: 0...255, using: &random)
        let stateCount = seed % 2 == 0 ? RangeCoder.fewStates : RangeCoder.manyStates
        let symbols = (0..<count).map { _ in
            min(UInt8.random(in: 0...most, using: &random), UInt8.random(in: 0...most, using: &random))
        }
        var counts = [UInt32](repeating: 0, count: modelCount * 256)
        for (group, symbol) in zip(groups, symbols) { counts[Int(group) << 8 | Int(symbol)] += 1 }
        let models = counts.withUnsafeBufferPointer { counts in
            (0..<modelCount).map {
                SymbolModel(counts: UnsafeBufferPointer(rebasing: counts[$0 << 8..<($0 + 1) << 8]))
            }
        }
        func encoded(_ kernel: mlrepo_kernel) -> (words: [UInt16], states: [UInt32]) {
            let encoder = RangeEncoder(models, stateCount: stateCount, kernel: kernel)
            var room = [UInt16](repeating: 0, count: count)
            let length = room.withUnsafeMutableBufferPointer { room in
                let end = room.baseAddress.unsafelyUnwrapped + count
                return end - encoder.encode(symbols, by: groups, count: count, before: end)
            }
            return (Array(room.suffix(length)), encoder.finalStates)
        }
        let slow = encoded(mlrepo_no_kernel)
        for kernel in RangeCoder.kernels {
            let fast = encoded(kernel)
            #expect(fast.words == slow.words && fast.states == slow.states, "seed \(seed)")
            var output = [UInt8](repeating: 0, count: count)
            let isAtEnd = try slow.words.withUnsafeBufferPointer { words in
                var decoder = RangeDecoder(models, states: slow.states, words: words, kernel: kernel)
                try output.withUnsafeMutableBufferPointer {
                    try decoder.decode(into: $0.baseAddress.unsafelyUnwrapped, by: groups, count: count)
                }
                return decoder.isAtEnd
            }
            #expect(output == symbols && isAtEnd, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<200) func `low bits with and without the kernels are the same`(seed: UInt64) throws {
        try checkLowBits(UInt16.self, seed)
        try checkLowBits(UInt32.self, seed)
        try checkLowBits(UInt64.self, seed)
    }

    private func checkLowBits<Word: TensorWord>(_: Word.Type, _ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let count = Int.random(in: 1...700, using: &random)
        let most = UInt8(min(56, Word.bitWidth - 1))
        var widths = (0..<Int.random(in: 1...64, using: &random)).map { _ in
            UInt8.random(in: 0...most, using: &random)
        }
        // As many for each, as of a tensor without a base.
        if Bool.random(using: &random) { widths = widths.map { _ in widths[0] } }
        let groups = (0..<count).map { _ in UInt8.random(in: 0..<UInt8(widths.count), using: &random) }
        let values = (0..<count).map { _ in Word(truncatingIfNeeded: random.next()) }
        let marked = (0..<widths.count).map { _ in Int.random(in: 0..<16, using: &random) == 0 }
        for kernel in LowBits.kernels {
            #expect(
                GroupMarks(marked, kernel: kernel).haveAny(groups, count)
                    == groups.contains { marked[Int($0)] }, "seed \(seed)")
        }
        func split(_ kernel: mlrepo_kernel) -> (symbols: [UInt8], low: [UInt8]) {
            var symbols = [UInt8](repeating: 0, count: count)
            var low = [UInt8](repeating: 0xa5, count: count * Word.bitWidth / 8 + LowBits.margin)
            let length = LowBits.split(
                values, groups, count: count, widths: widths, into: &symbols, &low, kernel: kernel)
            return (symbols, Array(low.prefix(length)))
        }
        let slow = split(mlrepo_no_kernel)
        for kernel in LowBits.kernels {
            let fast = split(kernel)
            #expect(fast.symbols == slow.symbols && fast.low == slow.low, "seed \(seed)")
            var output = zip(values, groups).map { $0 &>> Word(truncatingIfNeeded: widths[Int($1)]) }
            let isAtEnd = try slow.low.withUnsafeBytes { low in
                var reader = LowBitsReader(low, widths: widths, kernel: kernel)
                try reader.join(&output, groups, count: count)
                return reader.isAtEnd
            }
            #expect(output == values && isAtEnd, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<40) func `models come back from their bits`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var counts = [UInt32](repeating: 0, count: 256)
        for _ in 0..<Int.random(in: 0...300, using: &random) {
            counts[Int.random(in: 0..<256, using: &random)] = UInt32.random(in: 0...2_000_000, using: &random)
        }
        let model = counts.withUnsafeBufferPointer { SymbolModel(counts: $0) }
        let isEmpty = counts.allSatisfy { $0 == 0 }
        #expect(model.frequencies.reduce(0) { $0 + Int($1) } == (isEmpty ? 0 : SymbolModel.scale))
        for symbol in 0..<256 { #expect((model.frequencies[symbol] > 0) == (counts[symbol] > 0)) }
        var writer = BitWriter()
        model.write(to: &writer)
        writer.finish()
        let (again, length) = try writer.bytes.withUnsafeBytes { bytes in
            var reader = BitReader(bytes, from: 0)
            return (try SymbolModel(from: &reader), reader.offset)
        }
        #expect(again == model && length == writer.bytes.count, "seed \(seed)")
    }

    @Test func `logarithms are good to a hundredth`() {
        #expect(BinaryLogarithm.of(1) == 0)
        for (value, logarithm) in [(2, 1), (0.5, -1), (1.41421356, 0.5), (3, 1.5849625), (1e-6, -19.931569)]
            as [(Float, Float)]
        {
            #expect(abs(BinaryLogarithm.of(value) - logarithm) < 0.011)
        }
    }
}
