internal import CShims
internal import CZlib

/// The checksum that frames, indexes and trailers carry: it finds damage, not malice.
package enum CRC32 {
    /// Whether this processor multiplies without carries, which makes sums ten times as fast as zlib's.
    private static let folds = mlrepo_crc32_fold_runs_here()

    package static func of(_ bytes: UnsafeRawBufferPointer, continuing checksum: UInt32 = 0) -> UInt32 {
        let folded = folds && bytes.count >= 64 ? bytes.count / 16 * 16 : 0
        let sum = folded > 0 ? mlrepo_crc32_fold(checksum, bytes.baseAddress, folded) : checksum
        let rest = UnsafeRawBufferPointer(rebasing: bytes[folded...])
        return rest.isEmpty ? sum : byZlib(rest, continuing: sum)
    }

    package static func of(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { of($0) } }

    /// The same sum by any processor.
    static func byZlib(_ bytes: UnsafeRawBufferPointer, continuing checksum: UInt32 = 0) -> UInt32 {
        UInt32(
            truncatingIfNeeded: crc32_z(
                uLong(checksum), bytes.bindMemory(to: Bytef.self).baseAddress, bytes.count))
    }
}
