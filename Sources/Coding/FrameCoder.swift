/// Encodes and decodes the bytes of frames, choosing how from a sample.
///
/// One thread at a time.
package final class FrameCoder {
    /// Bytes of a frame that are tried before all of it is compressed.
    static let sampleSize = 32_768

    /// What is worth more.
    package enum Effort: Sendable {
        /// Time: gigabytes go by.
        case quick
        /// Bytes: there are few, and they stay.
        case thorough

        /// As Zstandard counts, 1 to 19.
        var level: Int32 { self == .quick ? 1 : 3 }
    }

    private let zstd: ZstdCoder
    private lazy var tensorEncoder = TensorEncoder()
    private lazy var tensorDecoder = TensorDecoder()
    private lazy var patchEncoder = PatchEncoder(zstd)

    package init() throws(CodingError) { zstd = try ZstdCoder() }

    /// Data by Zstandard, or raw where a sample says that it would not shrink.
    package func encodeData(
        _ bytes: UnsafeRawBufferPointer, _ effort: Effort = .thorough
    ) -> (codec: Codec, stored: [UInt8]?) {
        // In less, a sample takes as long as it saves.
        if bytes.count > 8 * Self.sampleSize, !shrinks(bytes) { return (.raw, nil) }
        guard let stored = zstd.encode(bytes, level: effort.level) else { return (.raw, nil) }
        return (.zstd, stored)
    }

    /// Metadata by zlib, which every language's standard library can read.
    ///
    /// - Parameter base: The payload of an object that is like what is encoded.
    package func encodeMetadata(
        _ bytes: UnsafeRawBufferPointer, base: [UInt8]? = nil
    ) throws(CodingError) -> (codec: Codec, stored: [UInt8]?) {
        if let base, !base.isEmpty {
            if let stored = try ZlibCoder.encode(bytes, base: base) { return (.zlibWithBase, stored) }
        } else if let stored = try ZlibCoder.encode(bytes) {
            return (.zlib, stored)
        }
        return (.raw, nil)
    }

    /// A tensor by its elements, by Zstandard where that is better, or raw.
    package func encodeTensor(
        _ bytes: UnsafeRawBufferPointer, _ layout: TensorLayout
    ) -> (codec: Codec, stored: [UInt8]?) {
        guard let stream = tensorEncoder.encode(bytes, base: nil, layout) else {
            return encodeData(bytes, .quick)
        }
        // What repeats itself, or is mostly nothing, is better told by where it came before.
        let sample = sampled(bytes)
        if sample.stored * bytes.count < stream.count * sample.raw,
            let stored = zstd.encode(bytes, level: Effort.thorough.level), stored.count < stream.count
        {
            return (.zstd, stored)
        }
        return (.tensor, stream)
    }

    /// A tensor beside another one; nothing if that does not make it smaller.
    ///
    /// - Parameter base: The bytes of the other one, not empty, of any length: what it lacks is taken for zeros.
    package func encodeTensor(
        _ bytes: UnsafeRawBufferPointer, base: [UInt8], _ layout: TensorLayout
    ) -> [UInt8]? {
        base.withUnsafeBytes { base in
            Self.withBase(base, of: bytes.count) { tensorEncoder.encode(bytes, base: $0, layout) }
        }
    }

    /// Bits, at most, that an element is away from what it is said to be rounded from, as ``TensorLayout/distance(_:_:)`` has it.
    package static let castDistance = 1.0

    /// A tensor beside one of a wider type whose elements, rounded to its own, it is like; nothing if it is not, or if that does not make it
    /// smaller.
    ///
    /// - Parameters:
    ///   - first: The number of the element of the base that the first one is beside.
    ///   - limit: Bits, at most, that an element is away from the rounded one, as ``TensorLayout/distance(_:_:)`` has it.
    package func encodeCast(
        _ bytes: UnsafeRawBufferPointer, base: BaseBytes, from first: Int, _ cast: TensorCast,
        _ layout: TensorLayout, within limit: Double = castDistance
    ) -> [UInt8]? {
        precondition(layout.type == cast.target)
        return cast.rounded(base, from: first, count: bytes.count) { rounded -> [UInt8]? in
            guard let distance = layout.distance(bytes, rounded), distance < limit,
                let stream = tensorEncoder.encode(bytes, base: rounded, layout)
            else { return nil }
            return cast.head(first) + stream
        }
    }

    /// Hands out as many bytes of a base as are needed, with zeros behind them where it is shorter.
    private static func withBase<Result>(
        _ base: UnsafeRawBufferPointer, of count: Int, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        if base.count < count {
            return (base + [UInt8](repeating: 0, count: count - base.count)).withUnsafeBytes(body)
        }
        return body(UnsafeRawBufferPointer(rebasing: base[..<count]))
    }

    /// How many bytes are looked at for each new one of a patch, at most, where nothing stands in order.
    package static let patchEffort = 4

    /// What some bytes have in order of others that they may be a later version of.
    ///
    /// - Parameters:
    ///   - base: The bytes of the others, not empty.
    ///   - starts: Parts of the bytes, in order from 0 on, each with the position in the base at which it is expected to begin.
    ///   - effort: How many bytes may be looked at for each new one, where nothing stands in order.
    package func matchPatch(
        _ bytes: UnsafeRawBufferPointer, base: [UInt8], _ starts: [(offset: Int, position: Int)],
        effort: Int = patchEffort
    ) -> PatchMatch {
        base.withUnsafeBytes { patchEncoder.match(bytes, base: $0, starts, effort: effort) }
    }

    /// Bytes as a later version of others: a stream of codec 5; nothing if that does not make them fewer.
    ///
    /// - Parameter match: What ``matchPatch(_:base:_:effort:)`` found in them.
    package func encodePatch(
        _ bytes: UnsafeRawBufferPointer, base: [UInt8], _ match: PatchMatch
    ) -> [UInt8]? {
        base.withUnsafeBytes { patchEncoder.encode(bytes, base: $0, match) }
    }

    /// What a stream of codec 5 copies of its base, as far as that is told without the base: a hint, and nothing where there is none.
    ///
    /// - Parameters:
    ///   - baseLength: Of all bases, in bytes.
    ///   - rawLength: Of what comes out, in bytes.
    package func patchCopies(
        _ stored: UnsafeRawBufferPointer, baseLength: Int, rawLength: Int
    ) -> [PatchCopy]? {
        PatchDecoder.copies(stored, baseLength: baseLength, rawLength: rawLength, zstd)
    }

    /// Decodes into all of `output`.
    ///
    /// - Parameter base: Empty if the codec has none.
    package func decode(
        _ codec: Codec, _ stored: UnsafeRawBufferPointer, base: BaseBytes,
        into output: UnsafeMutableRawBufferPointer
    ) throws(CodingError) {
        switch codec {
        case .raw:
            guard stored.count == output.count else { throw .length(.raw, expected: output.count) }
            output.copyMemory(from: stored)
        case .zlib: try ZlibCoder.decode(stored, into: output)
        case .zstd: try zstd.decode(stored, into: output)
        case .tensor: try decodeTensor(.tensor, stored, base: nil, into: output)
        case .tensorWithBase:
            guard !base.isEmpty else { throw .forbidden(.tensorWithBase, "an empty base") }
            try decodeTensor(.tensorWithBase, stored, base: base, into: output)
        case .zlibWithBase:
            let end = base.withJoined { Array($0.suffix(ZlibCoder.dictionaryLimit)) }
            try ZlibCoder.decode(stored, base: end, into: output)
        case .cast: try decodeCast(stored, base: base, into: output)
        case .patch:
            try PatchDecoder.decode(stored, base: base, into: output, zstd)
        }
    }

    private func decodeTensor(
        _ codec: Codec, _ stored: UnsafeRawBufferPointer, base: BaseBytes?,
        into output: UnsafeMutableRawBufferPointer
    ) throws(CodingError) {
        func isDecoded(_ base: UnsafeRawBufferPointer?) -> Bool {
            do throws(TensorStreamError) {
                try tensorDecoder.decode(stored, base: base, into: output)
                return true
            } catch { return false }
        }
        let isSound =
            if let base {
                base.withJoined { Self.withBase($0, of: output.count, isDecoded) }
            } else { isDecoded(nil) }
        guard isSound else { throw .corrupt(codec) }
    }

    private func decodeCast(
        _ stored: UnsafeRawBufferPointer, base: BaseBytes, into output: UnsafeMutableRawBufferPointer
    ) throws(CodingError) {
        guard let (cast, first, start) = TensorCast.head(of: stored), first < base.count / cast.source.width
        else { throw .corrupt(.cast) }
        let stream = UnsafeRawBufferPointer(rebasing: stored[start...])
        let isSound = cast.rounded(base, from: first, count: output.count) { rounded in
            do throws(TensorStreamError) {
                try tensorDecoder.decode(stream, base: rounded, into: output)
                return true
            } catch { return false }
        }
        guard isSound else { throw .corrupt(.cast) }
    }

    /// Whether a sample gets smaller by at least a fiftieth.
    private func shrinks(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let sample = sampled(bytes)
        return sample.stored * 50 < sample.raw * 49
    }

    /// What pieces from the start, the middle and the end are, and become by Zstandard.
    private func sampled(_ bytes: UnsafeRawBufferPointer) -> (raw: Int, stored: Int) {
        let size = min(bytes.count, Self.sampleSize)
        var (raw, stored) = (0, 0)
        for start in [0, (bytes.count - size) / 2, bytes.count - size] {
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<start + size])
            raw += piece.count
            stored += zstd.encode(piece, level: 1)?.count ?? piece.count
        }
        return (raw, stored)
    }
}
