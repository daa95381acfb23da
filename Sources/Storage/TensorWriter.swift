package import Coding
package import ObjectModel
internal import Synchronization

/// Writes tensors: as what another one is when it is rounded, or each by itself or as its difference from an earlier version of it, or from what that is
/// rounded from, whichever keeps the store smaller.
///
/// The base of a difference is never a difference itself, so that no tensor costs more to read than twice what it would by itself. What a
/// cast is rounded from may be a difference: most who read the one read the other.
///
/// May be used from any thread. Memory: about five times a piece of 4 MiB for each.
package final class TensorWriter: Sendable {
    /// A piece of a tensor that was taken for writing.
    package struct Piece: Sendable {
        package let id: ObjectID
        package let bytes: [UInt8]
        package let layout: TensorLayout
        /// Earlier versions of it, or what else may be like it: the likeliest first.
        package let candidates: [ObjectID]
        /// The file that it is a piece of, where the candidates are known by nothing but names.
        package let guessFor: RepositoryPath?
        /// What it may be rounded from, the likeliest first.
        package let sources: [CastSource]

        package init(
            id: ObjectID, bytes: [UInt8], layout: TensorLayout, candidates: [ObjectID],
            guessFor: RepositoryPath? = nil, sources: [CastSource] = []
        ) {
            (self.id, self.bytes, self.layout) = (id, bytes, layout)
            (self.candidates, self.guessFor, self.sources) = (candidates, guessFor, sources)
        }
    }

    /// Something without a base that a difference can be put upon.
    private struct Base {
        let reference: ObjectReference
        /// Bytes in packs for each raw one.
        let ratio: Double
    }

    /// How a piece was written here.
    private enum Written {
        case alone(ratio: Double)
        case upon(ObjectReference)
        case cast
    }

    private struct State {
        var written: [ObjectReference: Written] = [:]
        var guesses = WrongGuesses()
    }

    private let writer: ObjectWriter
    private let state = Mutex(State())

    package init(_ writer: ObjectWriter) { self.writer = writer }

    /// Encodes and writes a piece.
    package func append(_ piece: Piece) throws(StoreError) {
        let reference = ObjectReference(.blob, piece.id)
        let isBase = writer.differences.isBase(reference)
        if !isBase, let frame = try cast(piece) { return try append(frame, reference, .cast) }
        let isTried = !isBase && isTried(piece)
        if isTried, let (frame, base) = try difference(piece) {
            return try append(frame, reference, .upon(base.reference))
        }
        let encoded = try writer.store.coding { (coder) throws(CodingError) in
            piece.bytes.withUnsafeBytes { coder.encodeTensor($0, piece.layout) }
        }
        if isTried, let frame = try akin(piece, alone: encoded.stored?.count ?? piece.bytes.count) {
            return try append(frame, reference, .cast)
        }
        let frame = Self.frame(
            piece.id, piece.bytes.count, encoded.codec, bases: [], encoded.stored ?? piece.bytes)
        try writer.append(frame)
        let ratio = Double(frame.storedLength) / Double(piece.bytes.count)
        state.withLock { $0.written[reference] = .alone(ratio: ratio) }
    }

    private func append(
        _ frame: EncodedFrame, _ reference: ObjectReference, _ written: Written
    ) throws(StoreError) {
        for base in frame.bases { writer.rely(onBase: base, below: frame.codec.depth) }
        try writer.append(frame)
        writer.differences.add(frame)
        state.withLock { $0.written[reference] = written }
    }

    /// The frame of one piece.
    ///
    /// - Parameter length: Of the piece, in bytes.
    static func frame(
        _ id: ObjectID, _ length: Int, _ codec: Codec, bases: [ObjectReference], _ stored: [UInt8]
    ) -> EncodedFrame {
        let table = FrameTable(codec: codec, bases: bases, objects: [(.blob, length)])
        return EncodedFrame(
            codec: codec, frameClass: .data, bases: bases, table: table.bytes, stored: stored,
            rawLength: length, objects: [(ObjectReference(.blob, id), 0, length, nil)])
    }

    // MARK: Casts

    /// Of a piece's bytes, what a cast takes at most; what takes more is not rounded from its source, but akin to it at best.
    private static let castShare = 1.0 / 16

    /// The piece by what it is rounded from, if it is.
    private func cast(_ piece: Piece) throws(StoreError) -> EncodedFrame? {
        for source in piece.sources {
            guard let cast = TensorCast(from: source.type, to: piece.layout.type),
                let base = bytes(of: source)
            else { continue }
            let stream = try writer.store.coding { (coder) throws(CodingError) in
                piece.bytes.withUnsafeBytes {
                    coder.encodeCast($0, base: base, from: source.first, cast, piece.layout)
                }
            }
            guard let stream, Double(stream.count) <= Double(piece.bytes.count) * Self.castShare else {
                continue
            }
            return Self.frame(piece, upon: source, stream)
        }
        return nil
    }

    private static func frame(_ piece: Piece, upon source: CastSource, _ stream: [UInt8]) -> EncodedFrame {
        let bases = source.chunks.map { ObjectReference(.blob, $0.id) }
        return frame(piece.id, piece.bytes.count, .cast, bases: bases, stream)
    }

    /// Of what a piece takes by itself, what its difference from a rounded source takes at most.
    ///
    /// One that takes more is a better base for the next one.
    private static let akinShare = 0.5

    /// The piece by its difference from what an earlier version of it is rounded from: as a cast, that version can be no base itself.
    ///
    /// - Parameter alone: Bytes that it takes by itself.
    private func akin(_ piece: Piece, alone: Int) throws(StoreError) -> EncodedFrame? {
        var sources = piece.candidates.compactMap {
            CastSource(of: ObjectReference(.blob, $0), in: writer.store)
        }
        sources += piece.sources
        let bits = Double(8 * piece.layout.type.width)
        let limit = bits * Double(alone) / Double(max(1, piece.bytes.count)) * Self.near
        for source in sources.prefix(Self.akinLimit) {
            guard
                let source = source.grounded(
                    in: writer.store, isPlain: { writer.canBeBase($0, below: Codec.tensorWithBase.depth) }),
                let cast = TensorCast(from: source.type, to: piece.layout.type),
                let base = bytes(of: source)
            else { continue }
            let stream = try writer.store.coding { (coder) throws(CodingError) in
                piece.bytes.withUnsafeBytes {
                    coder.encodeCast($0, base: base, from: source.first, cast, piece.layout, within: limit)
                }
            }
            guard let stream, Double(stream.count) <= Double(alone) * Self.akinShare else { continue }
            if let file = piece.guessFor { state.withLock { $0.guesses.wasRight(file) } }
            return Self.frame(piece, upon: source, stream)
        }
        return nil
    }

    /// So many sources are tried for one piece.
    private static let akinLimit = 3

    /// The bytes of a source; nothing if it is too long, or not all of it is here.
    private func bytes(of source: CastSource) -> BaseBytes? {
        guard Codec.cast.baseCounts.contains(source.chunks.count),
            source.length <= Codec.cast.baseByteLimit,
            source.chunks.allSatisfy({
                writer.canBeBase(ObjectReference(.blob, $0.id), below: Codec.cast.depth)
            })
        else { return nil }
        // To read a file costs less than to decode what was written of it. What the store had before may be damaged, which the file does not say.
        if source.chunks.allSatisfy({ writer.hasWritten(ObjectReference(.blob, $0.id)) }),
            let bytes = source.fileBytes
        {
            return bytes
        }
        var bytes = BaseBytes()
        for chunk in source.chunks {
            let reference = ObjectReference(.blob, chunk.id)
            guard let payload = writer.basePayload(of: reference, below: Codec.cast.depth),
                payload.count == chunk.length
            else { return nil }
            bytes.append(payload)
        }
        return bytes
    }

    // MARK: Differences

    /// Where the nearest candidate is this near, in parts of what the piece takes by itself, no other one is looked at.
    private static let near = 0.7

    /// The piece as a difference, if that is worth it.
    private func difference(_ piece: Piece) throws(StoreError) -> (EncodedFrame, Base)? {
        guard let (base, payload) = nearest(piece) else { return nil }
        if let file = piece.guessFor { state.withLock { $0.guesses.wasRight(file) } }
        let stream = try writer.store.coding { (coder) throws(CodingError) in
            piece.bytes.withUnsafeBytes { coder.encodeTensor($0, base: payload, piece.layout) }
        }
        guard let stream else { return nil }
        let frame = Self.frame(
            piece.id, piece.bytes.count, .tensorWithBase, bases: [base.reference], stream)
        let alone = base.ratio * Double(piece.bytes.count)
        guard writer.differences.isWorth(frame.storedLength, upon: base.reference, alone: alone) else {
            return nil
        }
        return (frame, base)
    }

    /// Whether there is something to try, and guesses were not wrong too often; counts this one as wrong until it is right.
    private func isTried(_ piece: Piece) -> Bool {
        guard let file = piece.guessFor, !piece.candidates.isEmpty else {
            return !piece.candidates.isEmpty || !piece.sources.isEmpty
        }
        return state.withLock { $0.guesses.isTried(file) }
    }

    /// The candidate that is the most like a piece, if any is; those that cannot be read are none.
    private func nearest(_ piece: Piece) -> (base: Base, payload: [UInt8])? {
        var best: (base: Base, payload: [UInt8], distance: Double)?
        var seen: Set<ObjectReference> = []
        for candidate in piece.candidates {
            guard let base = base(of: ObjectReference(.blob, candidate)),
                seen.insert(base.reference).inserted,
                let payload = payload(of: base),
                let distance = piece.bytes.withUnsafeBytes({ bytes in
                    payload.withUnsafeBytes { piece.layout.distance(bytes, $0) }
                })
            else { continue }
            let alone = base.ratio * Double(8 * piece.layout.type.width)
            guard distance < alone, distance < best?.distance ?? .infinity else { continue }
            best = (base, payload, distance)
            if distance < alone * Self.near { break }
        }
        return best.map { ($0.base, $0.payload) }
    }

    /// What a difference from a candidate can be put upon: the candidate, or its own base.
    private func base(of candidate: ObjectReference) -> Base? {
        switch state.withLock({ $0.written[candidate] }) {
        case .alone(let ratio): return Base(reference: candidate, ratio: ratio)
        case .upon(let base):
            if case .alone(let ratio) = state.withLock({ $0.written[base] }) {
                return Base(reference: base, ratio: ratio)
            }
            return stored(base)
        case .cast: return nil
        case nil:
            if let base = stored(candidate) { return base }
            guard let found = writer.store.find(candidate), !found.place.isRecipe,
                found.pack.index.codec(of: found.place.frame) == Codec.tensorWithBase.rawValue,
                let base = (try? found.pack.index.frame(found.place.frame))?.bases.first
            else { return nil }
            return stored(base)
        }
    }

    /// A base that the store has.
    private func stored(_ reference: ObjectReference) -> Base? {
        for found in writer.store.plainCopies(of: reference) where found.place.length > 0 {
            guard let header = try? found.pack.header(of: found.place.frame), header.rawLength > 0 else {
                continue
            }
            let ratio = Double(header.totalLength) / Double(header.rawLength)
            return Base(reference: reference, ratio: min(1, ratio))
        }
        return nil
    }

    private func payload(of base: Base) -> [UInt8]? {
        let payload = writer.basePayload(of: base.reference, below: Codec.tensorWithBase.depth)
        return payload.flatMap { $0.isEmpty ? nil : Array($0) }
    }
}
