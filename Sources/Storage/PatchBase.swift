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
        (chunks, numbers) = gathering.ordered()
        if chunks.isEmpty { return nil }
    }

    /// Puts chunks in the order of the version that they are of, as far as lists tell that have some of them in order: the chunks that
    /// are left of it, and the bases of each frame.
    ///
    /// What is in no place yet comes behind what precedes it in its list.
    private struct Gathering {
        private let store: ObjectStore
        private var found: [(reference: ObjectReference, place: ObjectStore.Found)] = []
        private var places: [ObjectID: Int] = [:]
        /// Of each chunk, and of the beginning, the one behind it.
        private var following: [Int: Int] = [:]
        private static let beginning = -1
        private var last = beginning
        private var frames: Set<FrameCache.Key> = []

        init(store: ObjectStore) { self.store = store }

        /// Adds the next chunk of a version, or what it was told by.
        mutating func add(_ reference: ObjectReference) {
            guard let found = store.find(reference), !found.place.isRecipe else { return }
            let index = found.pack.index
            guard index.hasBase(found.place.frame) else { return add(reference, found) }
            let key = FrameCache.Key(pack: found.pack.name, frame: found.place.frame)
            guard index.isDifference(found.place.frame), frames.insert(key).inserted,
                let frame = try? index.frame(found.place.frame)
            else { return }
            for base in frame.bases {
                if let found = store.plainCopies(of: base).first { add(base, found) }
            }
        }

        private mutating func add(_ reference: ObjectReference, _ place: ObjectStore.Found) {
            guard place.place.length > 0 else { return }
            if let known = places[reference.id] { return last = known }
            let number = found.count
            found.append((reference, place))
            places[reference.id] = number
            following[number] = following[last]
            following[last] = number
            last = number
        }

        /// The chunks in order, and where each stands.
        func ordered() -> ([Chunk], [ObjectID: Int]) {
            var (chunks, numbers): ([Chunk], [ObjectID: Int]) = ([], [:])
            chunks.reserveCapacity(found.count)
            var next = following[Self.beginning]
            while let number = next {
                let (reference, found) = found[number]
                numbers[reference.id] = chunks.count
                chunks.append(
                    Chunk(
                        reference: reference, start: chunks.last?.end ?? 0, length: found.place.length,
                        frame: FrameCache.Key(pack: found.pack.name, frame: found.place.frame),
                        frameLength: (try? found.pack.index.frame(found.place.frame))?.length ?? 0))
                next = following[number]
            }
            return (chunks, numbers)
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
