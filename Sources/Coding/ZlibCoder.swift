internal import CZlib

/// One RFC 1950 stream after another, with or without a preset dictionary.
package enum ZlibCoder {
    /// Bytes of a base that serve as dictionary: deflate looks no further back.
    package static let dictionaryLimit = 32_768

    /// The compressed bytes, or nothing if they would not be fewer than the input.
    ///
    /// - Parameter level: 1 (fast) to 9 (small).
    package static func encode(
        _ bytes: UnsafeRawBufferPointer, base: [UInt8]? = nil, level: Int32 = 6
    ) throws(CodingError) -> [UInt8]? {
        let codec: Codec = base == nil ? .zlib : .zlibWithBase
        var stream = z_stream()
        guard deflateInit_(&stream, level, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .memory(codec)
        }
        defer { deflateEnd(&stream) }
        if let base {
            let set = base.suffix(dictionaryLimit).withUnsafeBytes { dictionary in
                deflateSetDictionary(
                    &stream, dictionary.bindMemory(to: Bytef.self).baseAddress, uInt(dictionary.count))
            }
            guard set == Z_OK else { throw .memory(codec) }
        }
        var status = Z_OK
        let output = [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, count in
            // zlib reads `avail_in` bytes and writes at most `avail_out`, which are the sizes of the two buffers.
            stream.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: Bytef.self).baseAddress)
            stream.avail_in = uInt(bytes.count)
            stream.next_out = buffer.baseAddress
            stream.avail_out = uInt(buffer.count)
            status = deflate(&stream, Z_FINISH)
            count = buffer.count - Int(stream.avail_out)
        }
        return status == Z_STREAM_END && output.count < bytes.count ? output : nil
    }

    /// Decodes a stream that is all of `bytes` into all of `output`.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer, base: [UInt8]? = nil, into output: UnsafeMutableRawBufferPointer
    ) throws(CodingError) {
        let codec: Codec = base == nil ? .zlib : .zlibWithBase
        // FDICT says whether a dictionary is needed; a stream with a base that does not need it has another codec.
        guard bytes.count < 2 || (bytes[1] & 0x20 != 0) == (base != nil) else {
            throw .forbidden(codec, base == nil ? "a preset dictionary" : "no preset dictionary")
        }
        var stream = z_stream()
        // zlib wants a place to write even for nothing, and one byte more tells a stream that is too long.
        var spare: UInt8 = 0
        guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .memory(codec)
        }
        defer { inflateEnd(&stream) }
        stream.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: Bytef.self).baseAddress)
        stream.avail_in = uInt(bytes.count)
        stream.next_out = output.bindMemory(to: Bytef.self).baseAddress
        stream.avail_out = uInt(output.count)
        let status = withUnsafeMutablePointer(to: &spare) { spare in
            if output.isEmpty { stream.next_out = spare }
            var status = inflate(&stream, Z_FINISH)
            if status == Z_NEED_DICT, let base {
                let set = base.suffix(dictionaryLimit).withUnsafeBytes { dictionary in
                    inflateSetDictionary(
                        &stream, dictionary.bindMemory(to: Bytef.self).baseAddress, uInt(dictionary.count))
                }
                status = set == Z_OK ? inflate(&stream, Z_FINISH) : Z_DATA_ERROR
            }
            return status
        }
        switch status {
        case Z_STREAM_END:
            guard stream.avail_in == 0, stream.avail_out == 0 else {
                throw .length(codec, expected: output.count)
            }
        case Z_BUF_ERROR, Z_OK: throw .length(codec, expected: output.count)
        case Z_NEED_DICT: throw .forbidden(codec, "a preset dictionary")
        case Z_MEM_ERROR: throw .memory(codec)
        default: throw .corrupt(codec)
        }
    }
}
