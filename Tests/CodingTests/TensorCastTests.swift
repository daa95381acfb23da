import FileIO
import TestSupport
import Testing

@testable import Coding

/// Codec 6: tensors as what others are when they are rounded.
@Suite struct TensorCastTests {
    private static let casts = ElementType.allCases.flatMap { source in
        ElementType.allCases.compactMap { TensorCast(from: source, to: $0) }
    }

    @Test func `there are three casts`() {
        #expect(
            Self.casts.map { [$0.source, $0.target] } == [
                [.float32, .bfloat16], [.float32, .float16], [.float64, .float32],
            ])
    }

    // MARK: Rounding

    /// Of the two numbers of a type around another one the nearer, or the even one: by their values, not by bits.
    private static func nearest(to value: Double, below bits: UInt64, _ number: (UInt64) -> Double) -> UInt64
    {
        let (low, high) = (number(bits), number(bits + 1))
        let (down, up) = (value - low, high - value)
        return down < up || (down == up && bits & 1 == 0) ? bits : bits + 1
    }

    /// What a bfloat16 says; the one behind the last stands for what would come there.
    private static func bfloat16(_ bits: UInt64) -> Double {
        bits == 0x7f80 ? 0x1p128 : Double(Float(bitPattern: UInt32(bits) << 16))
    }

    private static func float32(_ bits: UInt64) -> Double {
        bits == 0x7f80_0000 ? 0x1p128 : Double(Float(bitPattern: UInt32(bits)))
    }

    @Test func `float32 is rounded to the nearest bfloat16`() {
        var random = SplitMix64(seed: 6)
        var samples: [UInt32] = [
            0, 1, 0x7fff, 0x8000, 0x8001, 0x7f7f_7fff, 0x7f7f_8000, 0x7f7f_ffff, 0x7f80_0000,
        ]
        for _ in 0..<20_000 {
            let bits = UInt32(truncatingIfNeeded: random.next()) & 0x7fff_ffff
            // Half of them lie in the middle between two.
            samples.append(bits)
            samples.append(bits & 0xffff_0000 | 0x8000)
        }
        var wrong: [UInt32] = []
        for bits in samples where bits <= 0x7f80_0000 {
            let value = Float(bitPattern: bits)
            let expected =
                value.isInfinite
                ? 0x7f80 : Self.nearest(to: Double(value), below: UInt64(bits >> 16), Self.bfloat16)
            if UInt64(TensorCast.bfloat16(bits)) != expected { wrong.append(bits) }
            if UInt64(TensorCast.bfloat16(bits | 1 << 31)) != expected | 0x8000 { wrong.append(bits) }
        }
        #expect(wrong == [])
    }

    @Test func `float32 is rounded to the nearest float16`() {
        var random = SplitMix64(seed: 7)
        var samples: [UInt32] = [
            0, 1, 0x3300_0000, 0x3300_0001, 0x477f_efff, 0x477f_f000, 0x477f_ffff, 0x7f80_0000,
        ]
        for _ in 0..<20_000 {
            let bits = UInt32(truncatingIfNeeded: random.next()) & 0x7fff_ffff
            // Most floats are too large or too small: exponents around those of float16, and middles.
            let near = bits & 0x007f_ffff | UInt32.random(in: 100..<146, using: &random) << 23
            samples += [bits, near, near & 0xffff_e000 | 0x1000]
        }
        var wrong: [UInt32] = []
        for bits in samples where bits <= 0x7f80_0000 {
            for sign: UInt32 in [0, 1 << 31] {
                let expected = Float16(Float(bitPattern: bits | sign)).bitPattern
                if TensorCast.float16(bits | sign) != expected { wrong.append(bits | sign) }
            }
        }
        #expect(wrong == [])
    }

    @Test func `float64 is rounded to the nearest float32`() {
        var random = SplitMix64(seed: 8)
        var wrong: [Double] = []
        for _ in 0..<20_000 {
            // Floats, subnormal ones too, with some bits behind them: often just the middle.
            let float = Float(bitPattern: UInt32.random(in: 0..<0x7f80_0000, using: &random))
            let more = UInt64.random(in: 0..<4, using: &random) << 27
            guard float.isNormal else { continue }
            let value = Double(bitPattern: Double(float).bitPattern | more)
            let expected = Self.nearest(to: value, below: UInt64(float.bitPattern), Self.float32)
            if UInt64(TensorCast.float32(value.bitPattern)) != expected { wrong.append(value) }
            if UInt64(TensorCast.float32((-value).bitPattern)) != expected | 1 << 31 { wrong.append(-value) }
        }
        #expect(wrong == [])
        #expect(TensorCast.float32(Double(0x1.8p-149).bitPattern) == 2)
        #expect(TensorCast.float32(Double(0x1p-150).bitPattern) == 0)
        #expect(TensorCast.float32((-0x1p-160).bitPattern) == 1 << 31)
        #expect(TensorCast.float32(Double(0x1p128).bitPattern) == 0x7f80_0000)
    }

    @Test func `what is no number keeps its sign and the upper bits of its payload`() {
        #expect(TensorCast.bfloat16(0x7f80_0001) == 0x7fc0)
        #expect(TensorCast.bfloat16(0xffa5_1234) == 0xffe5)
        #expect(TensorCast.float16(0x7f80_0001) == 0x7e00)
        #expect(TensorCast.float16(0xffaa_b234) == 0xff55)
        #expect(TensorCast.float32(0x7ff0_0000_0000_0001) == 0x7fc0_0000)
        #expect(TensorCast.float32(0xfff5_5555_5555_5555) == 0xffea_aaaa)
    }

    // MARK: Streams

    private struct Sample {
        let cast: TensorCast
        let base: BaseBytes
        let first: Int
        let bytes: [UInt8]

        /// - Parameter change: Of so many elements one is something else; 0 for none.
        init(_ cast: TensorCast, count: Int, change: Int, using random: inout SplitMix64) {
            self.cast = cast
            first = [0, 1, 777].randomElement(using: &random) ?? 0
            var base: [UInt8] = []
            for _ in 0..<first + count {
                let weight = Float.random(in: -0.1...0.1, using: &random)
                let bits =
                    cast.source == .float32
                    ? UInt64(weight.bitPattern) : (Double(weight) * (1 + 1e-9)).bitPattern
                base += (0..<cast.source.width).map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) }
            }
            base += random.bytes(Int.random(in: 0..<cast.source.width, using: &random))
            // Bases end anywhere, in the middle of elements too.
            var (pieces, start) = (BaseBytes(), 0)
            while start < base.count {
                let end = min(base.count, start + Int.random(in: 1...max(1, base.count / 2), using: &random))
                pieces.append(base[start..<end])
                start = end
            }
            self.base = pieces
            var bytes = cast.rounded(pieces, from: first, count: count * cast.target.width) { Array($0) }
            if change > 0 {
                for _ in 0..<count / change { bytes[Int.random(in: bytes.indices, using: &random)] ^= 1 }
            }
            self.bytes = bytes + random.bytes(Int.random(in: 0..<cast.target.width, using: &random))
        }

        func encoded(_ coder: FrameCoder) -> [UInt8]? {
            bytes.withUnsafeBytes {
                coder.encodeCast(
                    $0, base: base, from: first, cast, TensorLayout(type: cast.target, rowLength: 64))
            }
        }
    }

    private static func decode(
        _ stream: [UInt8], _ base: BaseBytes, count: Int, _ coder: FrameCoder
    ) throws(CodingError) -> [UInt8] {
        var output = [UInt8](repeating: 0xa5, count: count)
        var failure: CodingError?
        output.withUnsafeMutableBytes { output in
            stream.withUnsafeBytes { stream in
                do throws(CodingError) { try coder.decode(.cast, stream, base: base, into: output) } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
        return output
    }

    @Test(arguments: casts, [0, 1000, 100])
    func `a rounded tensor takes next to nothing, with exceptions too, and comes back`(
        cast: TensorCast, change: Int
    ) throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let coder = try FrameCoder()
        for count in [300, 20_000] + (change == 0 ? [70_000] : []) {
            let sample = Sample(cast, count: count, change: change, using: &random)
            let stream = try #require(sample.encoded(coder), "seed \(seed)")
            // Flipped bits of exponents are escapes, with models for what they do to their groups.
            let limit = change == 0 ? 300 : 6000 + 40 * count / change
            #expect(stream.count < limit, "\(stream.count) of \(sample.bytes.count), seed \(seed)")
            #expect(
                try Self.decode(stream, sample.base, count: sample.bytes.count, coder) == sample.bytes,
                "seed \(seed)")
            // The rest of the stream is one of codec 4, with the rounded elements as its base.
            let head = try #require(stream.withUnsafeBytes { TensorCast.head(of: $0) })
            let rounded = cast.rounded(sample.base, from: sample.first, count: sample.bytes.count) {
                Array($0)
            }
            #expect(
                try SlowTensorDecoder.decode(
                    Array(stream[head.start...]), base: rounded, count: sample.bytes.count) == sample.bytes,
                "seed \(seed)")
        }
    }

    /// Streams that another program wrote from the document alone (`Tests/Reader/test_cast_streams.py`).
    @Test func `streams of another program are decoded`() throws {
        let path = FilePath(#filePath).parent.parent / "Vectors/casts.txt"
        let text = try POSIXFileSystem().contents(path, limit: 1 << 20)
        let coder = try FrameCoder()
        var count = 0
        for line in text.split(separator: 0x0a) {
            let words = line.split(separator: 0x20).map { TensorCodingTests.bytes(Array($0)) }
            let output = try Self.decode(words[2], BaseBytes(words[0]), count: words[1].count, coder)
            #expect(output == words[1], "line \(count + 1)")
            count += 1
        }
        #expect(count == 12)
    }

    @Test func `beside a shorter base there are zeros`() throws {
        var random = SplitMix64(seed: 9)
        let cast = try #require(TensorCast(from: .float32, to: .float16))
        let sample = Sample(cast, count: 2000, change: 0, using: &random)
        let coder = try FrameCoder()
        let longer = sample.bytes.prefix(4000) + [UInt8](repeating: 0, count: 500)
        let stream = Array(longer).withUnsafeBytes {
            coder.encodeCast($0, base: sample.base, from: sample.first, cast, TensorLayout(type: .float16))
        }
        #expect(try Self.decode(#require(stream), sample.base, count: 4500, coder) == Array(longer))
    }

    @Test func `what has nothing to do with the other is no cast`() throws {
        var random = SplitMix64(seed: 10)
        let coder = try FrameCoder()
        for cast in Self.casts {
            let (one, other) = (
                Sample(cast, count: 5000, change: 0, using: &random),
                Sample(cast, count: 5000, change: 0, using: &random)
            )
            let stream = one.bytes.withUnsafeBytes {
                coder.encodeCast(
                    $0, base: other.base, from: other.first, cast, TensorLayout(type: cast.target))
            }
            #expect(stream == nil)
        }
    }

    @Test func `streams that are none are refused`() throws {
        var random = SplitMix64(seed: 11)
        let cast = try #require(TensorCast(from: .float32, to: .bfloat16))
        let sample = Sample(cast, count: 400, change: 100, using: &random)
        let coder = try FrameCoder()
        let stream = try #require(sample.encoded(coder))
        let inner = try #require(stream.withUnsafeBytes { TensorCast.head(of: $0) }).start
        func isRefused(_ stream: [UInt8], _ base: BaseBytes) -> Bool {
            do throws(CodingError) {
                _ = try Self.decode(stream, base, count: sample.bytes.count, coder)
                return false
            } catch { return error == .corrupt(.cast) }
        }
        #expect(!isRefused(stream, sample.base))
        let rest = Array(stream[inner...])
        for head: [UInt8] in [
            [], [3], [3, 0x80], [1, 0], [4, 0], [7, 0], [16, 0], [200, 0], [3, 0x80, 0],
            [3, 0xff, 0xff, 0xff, 0xff, 0x0f], [3, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
        ] {
            #expect(isRefused(head + rest, sample.base), "\(head)")
        }
        #expect(isRefused(stream, BaseBytes()))
        #expect(isRefused(stream, BaseBytes([1, 2, 3])))
        #expect(isRefused([3, 0], sample.base))
        for length in stride(from: 0, to: stream.count, by: 11) {
            #expect(isRefused(Array(stream.prefix(length)), sample.base))
        }
    }
}
