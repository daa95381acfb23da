internal import Hashing
package import ObjectModel

/// An earlier version of a file as what later ones can be told by: chunks that lie in frames without a base, in the order of that version.
///
/// Where the version was told by an older one itself, its chunks are those of the older one, as far as they were used.
package struct PatchBase: Sendable {
    /// A chunk, and where it stands among all.
    struct Chunk {
        let reference: ObjectReference
        let start: Int
        let length: Int
        /// The frame that it lies in, and what that takes.
        let frame: FrameCache.Key
        let frameLength: Int

        var end: Int { start + length }
    }

    let chunks: [Chunk]
    private let places: [ObjectID: Range<Int>]

    /// Of all chunks, in bytes.
    var length: Int { chunks.last?.end ?? 0 }

    /// - Parameter version: The chunks of the version.
    /// - Returns: Nothing if there are none that can be read.
    package init?(_ version: [ChunkEntry], in store: ObjectStore) {
        var alignment = PatchAlignment(store)
        for chunk in version { alignment.add(chunk.id) }
        (chunks, places) = (alignment.chunks, alignment.places)
        if chunks.isEmpty { return nil }
    }

    /// What some chunks take, in bytes: their shares of the frames that they lie in, as far as these are of this file.
    func stored(_ numbers: [Int]) -> Double {
        var (frames, sum): ([FrameCache.Key: Int], Double) = ([:], 0)
        let around = max(0, (numbers.first ?? 0) - 16)..<min(chunks.count, (numbers.last ?? -1) + 17)
        for chunk in chunks[around] { frames[chunk.frame, default: 0] += chunk.length }
        for chunk in numbers.map({ chunks[$0] }) {
            let share = Double(chunk.length) / Double(max(1, frames[chunk.frame] ?? chunk.length))
            sum += min(Double(chunk.length), Double(chunk.frameLength) * share)
        }
        return sum
    }

    /// From where to where a chunk of the version stands here, more or less.
    func place(of id: ObjectID) -> Range<Int>? { places[id] }

    /// The number of the chunk that has a position; that of the last one for positions behind all.
    func number(at position: Int) -> Int {
        var (low, high) = (0, chunks.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if chunks[middle].end <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
