internal import CZlib

/// The checksum that frames, indexes and trailers carry: it finds damage, not malice.
package enum CRC32 {
    package static func of(_ bytes: UnsafeRawBufferPointer, continuing checksum: UInt32 = 0) -> UInt32 {
        UInt32(
            truncatingIfNeeded: crc32_z(
                uLong(checksum), bytes.bindMemory(to: Bytef.self).baseAddress, bytes.count))
    }

    package static func of(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { of($0) } }
}
