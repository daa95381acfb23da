internal import COpenSSL

/// A SHA-256 computation (FIPS 180-4) over bytes that come in pieces.
///
/// Uses libcrypto's low-level calls: they need no provider, which costs a process over a millisecond to start.
package struct SHA256 {
    private var context = SHA256_CTX()

    package init() { SHA256_Init(&context) }

    /// Takes in the next bytes.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        SHA256_Update(&context, start, bytes.count)
    }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The digest of everything taken in; the computation is over.
    package consuming func finish() -> Digest {
        withUnsafeTemporaryAllocation(byteCount: Digest.byteCount, alignment: 8) { out in
            let start = out.baseAddress.unsafelyUnwrapped
            // 32 bytes are written into a buffer of 32.
            SHA256_Final(start.assumingMemoryBound(to: UInt8.self), &context)
            return Digest(loading: start)
        }
    }

    /// The digest of one buffer.
    package static func digest(of bytes: UnsafeRawBufferPointer) -> Digest {
        var computation = SHA256()
        computation.update(bytes)
        return computation.finish()
    }

    package static func digest(of bytes: [UInt8]) -> Digest {
        bytes.withUnsafeBytes { digest(of: $0) }
    }
}
