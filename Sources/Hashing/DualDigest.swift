internal import COpenSSL
internal import CShims

/// Two SHA-256 computations over the same bytes in one pass: of all of them, and of the part since the last cut.
///
/// Where the processor lets two computations overlap, this is faster than one after the other.
package struct DualDigest {
    /// Who computes.
    enum Kernel: CaseIterable {
        /// libcrypto, one computation after the other; everywhere.
        case inTurn
        /// Our own for the SHA extensions of x86, both at a time.
        case inLockStep

        var runsHere: Bool { self == .inTurn || mlrepo_sha256_pair_runs_here() }
        /// The fastest one of this processor.
        static let best: Self = inLockStep.runsHere ? .inLockStep : .inTurn
    }

    private static let blockLength = 64

    private let kernel: Kernel
    /// Up to the first cut there is one computation only, `part`: the other would do the same.
    private var isCut = false
    private var whole = SHA256_CTX()
    private var part = SHA256_CTX()

    package init() { self.init(kernel: .best) }

    init(kernel: Kernel) {
        precondition(kernel.runsHere, "this processor lacks the instructions of \(kernel)")
        self.kernel = kernel
        SHA256_Init(&part)
    }

    /// Takes in the next bytes.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard isCut else { return Self.take(bytes, &part) }
        let (wholeHead, partHead) = (Self.gap(whole), Self.gap(part))
        let blocks = (bytes.count - max(wholeHead, partHead)) / Self.blockLength
        guard kernel == .inLockStep, blocks > 0, let start = bytes.baseAddress else {
            Self.take(bytes, &whole)
            Self.take(bytes, &part)
            return
        }
        // Each computation first fills the block that it has begun; from there on its blocks lie in `bytes`, at an
        // offset of its own, and both have `blocks` of them before the end. Between two blocks a context of libcrypto
        // is its state and a count.
        let length = blocks * Self.blockLength
        Self.take(UnsafeRawBufferPointer(rebasing: bytes[..<wholeHead]), &whole)
        Self.take(UnsafeRawBufferPointer(rebasing: bytes[..<partHead]), &part)
        mlrepo_sha256_pair(&whole.h, start + wholeHead, &part.h, start + partHead, blocks)
        Self.count(length, &whole)
        Self.count(length, &part)
        Self.take(UnsafeRawBufferPointer(rebasing: bytes[(wholeHead + length)...]), &whole)
        Self.take(UnsafeRawBufferPointer(rebasing: bytes[(partHead + length)...]), &part)
    }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    /// The digest of what was taken in since the last cut, or since the beginning; a new part begins.
    package mutating func finishPart() -> Digest {
        if !isCut { whole = part }
        isCut = true
        defer { SHA256_Init(&part) }
        return Self.finish(&part)
    }

    /// The digest of everything taken in; the computation is over.
    package consuming func finish() -> Digest {
        isCut ? Self.finish(&whole) : Self.finish(&part)
    }

    /// How many bytes the block lacks that a computation has begun.
    private static func gap(_ context: SHA256_CTX) -> Int {
        (blockLength - Int(context.num)) % blockLength
    }

    private static func take(_ bytes: UnsafeRawBufferPointer, _ context: inout SHA256_CTX) {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        SHA256_Update(&context, start, bytes.count)
    }

    /// Tells a computation of bytes that its state was advanced by: the padding has their number, in bits.
    private static func count(_ bytes: Int, _ context: inout SHA256_CTX) {
        let bits = (UInt64(context.Nh) << 32 | UInt64(context.Nl)) &+ UInt64(bytes) &* 8
        context.Nl = UInt32(truncatingIfNeeded: bits)
        context.Nh = UInt32(truncatingIfNeeded: bits >> 32)
    }

    private static func finish(_ context: inout SHA256_CTX) -> Digest {
        withUnsafeTemporaryAllocation(byteCount: Digest.byteCount, alignment: 8) { out in
            let start = out.baseAddress.unsafelyUnwrapped
            // 32 bytes are written into a buffer of 32.
            SHA256_Final(start.assumingMemoryBound(to: UInt8.self), &context)
            return Digest(loading: start)
        }
    }
}
