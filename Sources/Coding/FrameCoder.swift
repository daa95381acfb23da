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

    /// Decodes into all of `output`.
    ///
    /// - Parameter base: The payload of the base, if the codec has one.
    package func decode(
        _ codec: Codec, _ stored: UnsafeRawBufferPointer, base: [UInt8]?,
        into output: UnsafeMutableRawBufferPointer
    ) throws(CodingError) {
        switch codec {
        case .raw:
            guard stored.count == output.count else { throw .length(.raw, expected: output.count) }
            output.copyMemory(from: stored)
        case .zlib: try ZlibCoder.decode(stored, into: output)
        case .zstd: try zstd.decode(stored, into: output)
        case .zlibWithBase: try ZlibCoder.decode(stored, base: base ?? [], into: output)
        }
    }

    /// Whether pieces from the start, the middle and the end get smaller by at least a fiftieth.
    private func shrinks(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var (raw, stored) = (0, 0)
        for start in [0, (bytes.count - Self.sampleSize) / 2, bytes.count - Self.sampleSize] {
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<start + Self.sampleSize])
            raw += piece.count
            stored += zstd.encode(piece, level: 1)?.count ?? piece.count
        }
        return stored * 50 < raw * 49
    }
}
