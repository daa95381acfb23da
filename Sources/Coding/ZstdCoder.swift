internal import CZstd

/// Zstandard (RFC 8878) with a context that is used again from frame to frame.
///
/// One thread at a time.
package final class ZstdCoder {
    /// The largest window that a reader grants, as a power of two: 8 MiB, twice a frame.
    static let windowLog: Int32 = 23

    private let compressor: OpaquePointer
    private let decompressor: OpaquePointer

    package init() throws(CodingError) {
        guard let compressor = ZSTD_createCCtx() else { throw .memory(.zstd) }
        guard let decompressor = ZSTD_createDCtx() else {
            ZSTD_freeCCtx(compressor)
            throw .memory(.zstd)
        }
        self.compressor = compressor
        self.decompressor = decompressor
    }

    deinit {
        ZSTD_freeCCtx(compressor)
        ZSTD_freeDCtx(decompressor)
    }

    /// The compressed bytes, or nothing if they would not be fewer than the input.
    ///
    /// - Parameter level: 1 (fast) to 19 (small).
    package func encode(_ bytes: UnsafeRawBufferPointer, level: Int32) -> [UInt8]? {
        let output = encode(bytes, level: level, prefix: nil, limit: bytes.count)
        return output.flatMap { $0.count < bytes.count ? $0 : nil }
    }

    /// The compressed bytes, which may be more than the input.
    ///
    /// - Parameter prefix: What the bytes may repeat parts of, as if it stood before them.
    func encode(_ bytes: UnsafeRawBufferPointer, level: Int32, prefix: UnsafeRawBufferPointer) -> [UInt8]? {
        encode(bytes, level: level, prefix: prefix, limit: ZSTD_compressBound(bytes.count))
    }

    /// - Parameter limit: The most bytes that come out; nothing comes if that is not enough.
    private func encode(
        _ bytes: UnsafeRawBufferPointer, level: Int32, prefix: UnsafeRawBufferPointer?, limit: Int
    ) -> [UInt8]? {
        ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, level)
        // A frame of one segment can reach all of its prefix; a smaller window could not.
        ZSTD_CCtx_setParameter(compressor, ZSTD_c_windowLog, prefix == nil ? 0 : Self.windowLog)
        // It counts for the next frame only.
        if let prefix { ZSTD_CCtx_refPrefix(compressor, prefix.baseAddress, prefix.count) }
        var failed = false
        let output = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            // The library writes at most the buffer's size, and fails if that is not enough.
            let result = ZSTD_compress2(
                compressor, buffer.baseAddress, buffer.count, bytes.baseAddress, bytes.count)
            failed = ZSTD_isError(result) != 0
            count = failed ? 0 : result
        }
        return failed ? nil : output
    }

    /// How a frame of RFC 8878 begins.
    private static let magic: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]

    /// The window that a frame asks for (RFC 8878, section 3.1.1.1.2).
    private static func windowSize(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count > 5 else { return nil }
        // A frame of a single segment has its content as window, which is no larger than a frame of ours.
        guard bytes[4] & 0x20 == 0 else { return 0 }
        let base = 1 << (10 + Int(bytes[5] >> 3))
        return base + base / 8 * Int(bytes[5] & 7)
    }

    /// Decodes one frame that is all of `bytes` into all of `output`.
    ///
    /// - Parameter prefix: What it was encoded with.
    package func decode(
        _ bytes: UnsafeRawBufferPointer, prefix: UnsafeRawBufferPointer? = nil,
        into output: UnsafeMutableRawBufferPointer
    ) throws(CodingError) {
        // The library knows older formats and frames to be skipped, and bounds the window only where it streams.
        guard bytes.starts(with: Self.magic) else { throw .corrupt(.zstd) }
        // A frame that declares another size, or none, is refused before anything is decoded.
        let declared = ZSTD_getFrameContentSize(bytes.baseAddress, bytes.count)
        guard declared == UInt64(output.count) else { throw .length(.zstd, expected: output.count) }
        let frame = ZSTD_findFrameCompressedSize(bytes.baseAddress, bytes.count)
        guard ZSTD_isError(frame) == 0 else { throw .corrupt(.zstd) }
        guard frame == bytes.count else { throw .length(.zstd, expected: output.count) }
        guard ZSTD_getDictID_fromFrame(bytes.baseAddress, bytes.count) == 0 else {
            throw .forbidden(.zstd, "a dictionary")
        }
        guard prefix == nil || bytes[4] & 0x20 != 0 else {
            throw .forbidden(.zstd, "a window that may not reach its prefix")
        }
        guard let window = Self.windowSize(bytes), window <= 1 << Self.windowLog else {
            throw .forbidden(.zstd, "a window above 8 MiB")
        }
        if let prefix { ZSTD_DCtx_refPrefix(decompressor, prefix.baseAddress, prefix.count) }
        let result = ZSTD_decompressDCtx(
            decompressor, output.baseAddress, output.count, bytes.baseAddress, bytes.count)
        guard ZSTD_isError(result) == 0 else { throw .corrupt(.zstd) }
        guard result == output.count else { throw .length(.zstd, expected: output.count) }
    }
}
