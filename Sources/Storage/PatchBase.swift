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
    /// Positions in ``chunks``.
    private let numbers: [ObjectID: Int]

    /// Of all chunks, in bytes.
    var length: Int { chunks.last?.end ?? 0 }

    /// - Parameter version: The chunks of the version.
    /// - Returns: Nothing if there are none that can be read.
    package init?(_ version: [ChunkEntry], in store: ObjectStore) {
        var gathering = Gathering(store: store)
        for chunk in version { gathering.add(ObjectReference(.blob, chunk.id)) }
        gathering.addBases()
        guard !gathering.chunks.isEmpty else { return nil }
        (chunks, numbers) = (gathering.chunks, gathering.numbers)
    }

    /// Puts chunks in the order of the version that they are of.
    private struct Gathering {
        let store: ObjectStore
        var chunks: [Chunk] = []
        var numbers: [ObjectID: Int] = [:]
        /// Of the frame whose chunks are passed, the bases that were not come by yet: chunks of the version between these are among them.
        private var bases: ArraySlice<ObjectReference> = []
        private var frame: FrameCache.Key?

        init(store: ObjectStore) { self.store = store }

        /// Adds the next chunk of a version, or what it was told by.
        mutating func add(_ reference: ObjectReference) {
            guard let found = store.find(reference), !found.place.isRecipe else { return }
            guard found.pack.index.hasBase(found.place.frame) else {
                if let index = bases.firstIndex(of: reference) { addBases(upTo: index) }
                return append(reference, found)
            }
            let key = FrameCache.Key(pack: found.pack.name, frame: found.place.frame)
            guard key != frame, found.pack.index.isDifference(found.place.frame),
                let place = try? found.pack.index.frame(found.place.frame)
            else { return }
            addBases()
            (frame, bases) = (key, place.bases[...])
        }

        /// Adds the bases that are left.
        mutating func addBases() { addBases(upTo: bases.endIndex) }

        private mutating func addBases(upTo end: Int) {
            for base in bases[..<end] {
                if let found = store.plainCopies(of: base).first { append(base, found) }
            }
            bases = bases[end...]
        }

        private mutating func append(_ reference: ObjectReference, _ found: ObjectStore.Found) {
            guard found.place.length > 0, numbers[reference.id] == nil else { return }
            numbers[reference.id] = chunks.count
            chunks.append(
                Chunk(
                    reference: reference, start: chunks.last?.end ?? 0, length: found.place.length,
                    frame: FrameCache.Key(pack: found.pack.name, frame: found.place.frame),
                    frameLength: (try? found.pack.index.frame(found.place.frame))?.length ?? 0))
        }
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

    /// Where a chunk stands.
    func chunk(_ id: ObjectID) -> Chunk? { numbers[id].map { chunks[$0] } }

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
