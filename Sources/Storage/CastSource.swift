package import Coding
package import ObjectModel

/// A tensor of a wider type that a piece of another one may have been rounded from.
package struct CastSource: Sendable {
    /// Reads bytes of the file that the source lies in, from an offset on; nothing where they are not there any more.
    package typealias Reader = @Sendable (_ offset: Int, _ count: Int) -> [UInt8]?

    package let type: ElementType
    /// Chunks that hold its elements, one behind the other.
    package let chunks: [ChunkEntry]
    /// The number of the element in these that the piece's first one is beside.
    package let first: Int
    /// Where the chunks begin in the file, and who reads it; nothing if only the store has them.
    ///
    /// What is read there is held against the chunks' ids.
    package let file: (offset: Int, read: Reader)?

    package init(
        type: ElementType, chunks: [ChunkEntry], first: Int, file: (offset: Int, read: Reader)? = nil
    ) {
        (self.type, self.chunks, self.first, self.file) = (type, chunks, first, file)
    }

    /// Bytes of all chunks.
    var length: Int { chunks.reduce(0) { $0 + $1.length } }

    /// The bytes of all chunks as the file has them; nothing where it has others by now.
    var fileBytes: BaseBytes? {
        guard let file, let bytes = file.read(file.offset, length), bytes.count == length else { return nil }
        var start = 0
        for chunk in chunks {
            let isSame = bytes.withUnsafeBytes { all in
                ObjectID(
                    of: .blob, payload: UnsafeRawBufferPointer(rebasing: all[start..<start + chunk.length]))
                    == chunk.id
            }
            guard isSame else { return nil }
            start += chunk.length
        }
        return BaseBytes(bytes)
    }
}

extension CastSource {
    /// What a blob in the store is rounded from; nothing if it is no cast there.
    init?(of cast: ObjectReference, in store: ObjectStore) {
        guard let found = store.find(cast), !found.place.isRecipe,
            found.pack.index.codec(of: found.place.frame) == Codec.cast.rawValue,
            let raw = try? found.pack.rawFrame(found.place.frame),
            let head = raw.stored.withUnsafeBytes({ TensorCast.head(of: $0) })
        else { return nil }
        var chunks: [ChunkEntry] = []
        for base in raw.table.bases {
            guard let found = store.find(base), !found.place.isRecipe else { return nil }
            chunks.append(ChunkEntry(id: base.id, length: found.place.length))
        }
        self.init(type: head.cast.source, chunks: chunks, first: head.first)
    }

    /// The same, of chunks that lie in frames without a base: where one is a difference in the store, what it differs from.
    ///
    /// - Parameter isPlain: Whether a chunk lies in such a frame, or was written in one.
    /// - Returns: Nothing where that is not as long.
    func grounded(in store: ObjectStore, isPlain: (ObjectReference) -> Bool) -> CastSource? {
        var (others, isSame): ([ChunkEntry], Bool) = ([], true)
        for chunk in chunks {
            let reference = ObjectReference(.blob, chunk.id)
            if isPlain(reference) {
                others.append(chunk)
                continue
            }
            guard let found = store.find(reference), !found.place.isRecipe,
                found.pack.index.codec(of: found.place.frame) == Codec.tensorWithBase.rawValue,
                let base = (try? found.pack.index.frame(found.place.frame))?.bases.first,
                store.plainCopies(of: base).first?.place.length == chunk.length
            else { return nil }
            others.append(ChunkEntry(id: base.id, length: chunk.length))
            isSame = false
        }
        return isSame ? self : CastSource(type: type, chunks: others, first: first)
    }
}
