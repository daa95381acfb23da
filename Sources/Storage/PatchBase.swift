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
        /// Bytes in packs for each raw one.
        let ratio: Double

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
        var found: [(reference: ObjectReference, length: Int, frame: FrameCache.Key)] = []
        var numbers: [ObjectID: Int] = [:]
        // Of frames without a base what they take, and how much of them belongs to the file.
        var frames: [FrameCache.Key: (stored: Int, raw: Int)] = [:]
        var last: FrameCache.Key?
        func add(
            _ reference: ObjectReference, _ found: ObjectStore.Found,
            to list: inout [(ObjectReference, Int, FrameCache.Key)]
        ) {
            let (place, key) = (found.place, FrameCache.Key(pack: found.pack.name, frame: found.place.frame))
            guard place.length > 0, numbers[reference.id] == nil else { return }
            numbers[reference.id] = list.count
            list.append((reference, place.length, key))
            let stored = frames[key]?.stored ?? (try? found.pack.index.frame(place.frame))?.length ?? 0
            frames[key] = (stored, (frames[key]?.raw ?? 0) + place.length)
        }
        var list: [(ObjectReference, Int, FrameCache.Key)] = []
        for chunk in version {
            let reference = ObjectReference(.blob, chunk.id)
            guard let place = store.find(reference), !place.place.isRecipe else { continue }
            guard place.pack.index.hasBase(place.place.frame) else {
                add(reference, place, to: &list)
                continue
            }
            let key = FrameCache.Key(pack: place.pack.name, frame: place.place.frame)
            guard key != last, place.pack.index.isDifference(place.place.frame),
                let frame = try? place.pack.index.frame(place.place.frame)
            else { continue }
            last = key
            for base in frame.bases {
                if let place = store.plainCopies(of: base).first { add(base, place, to: &list) }
            }
        }
        found = list.map { (reference: $0.0, length: $0.1, frame: $0.2) }
        guard !found.isEmpty else { return nil }
        var (chunks, start): ([Chunk], Int) = ([], 0)
        for (reference, length, key) in found {
            let frame = frames[key] ?? (0, 1)
            chunks.append(
                Chunk(
                    reference: reference, start: start, length: length,
                    ratio: min(1, Double(frame.stored) / Double(max(1, frame.raw)))))
            start += length
        }
        (self.chunks, self.numbers) = (chunks, numbers)
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
