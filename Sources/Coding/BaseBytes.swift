/// The payloads of a frame's bases, which are read as one behind the other.
///
/// Holds what they are parts of, and copies nothing.
package struct BaseBytes: Sendable {
    private var pieces: [ArraySlice<UInt8>] = []
    /// Where each begins.
    private var starts: [Int] = []
    package private(set) var count = 0

    package init() {}

    /// One base.
    package init(_ bytes: [UInt8]) {
        if !bytes.isEmpty { append(bytes[...]) }
    }

    package mutating func append(_ piece: ArraySlice<UInt8>) {
        pieces.append(piece)
        starts.append(count)
        count += piece.count
    }

    package var isEmpty: Bool { count == 0 }

    /// Hands out all bytes in one place; they are copied only if there are several bases.
    func withJoined<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        if pieces.count == 1 { return pieces[0].withUnsafeBytes(body) }
        return pieces.reduce(into: []) { $0 += $1 }.withUnsafeBytes(body)
    }

    /// Copies a part of the bytes.
    ///
    /// - Parameter range: Within ``count``.
    func copy(_ range: Range<Int>, into output: UnsafeMutableRawBufferPointer) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count && output.count == range.count)
        guard !range.isEmpty else { return }
        var (low, high) = (0, pieces.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= range.lowerBound { low = middle } else { high = middle }
        }
        var written = 0
        while written < output.count {
            let piece = pieces[low]
            let skipped = max(0, range.lowerBound - starts[low])
            let length = min(piece.count - skipped, output.count - written)
            piece.withUnsafeBytes { bytes in
                UnsafeMutableRawBufferPointer(rebasing: output[written..<written + length])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[skipped..<skipped + length]))
            }
            written += length
            low += 1
        }
    }
}
