package import Coding
package import ObjectModel
internal import Synchronization

/// Writes tensors, each by itself or as its difference from an earlier version of it, whichever keeps the store smaller.
///
/// A base is never a difference itself, so that no tensor costs more to read than twice what it would by itself.
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

        package init(id: ObjectID, bytes: [UInt8], layout: TensorLayout, candidates: [ObjectID]) {
            (self.id, self.bytes, self.layout, self.candidates) = (id, bytes, layout, candidates)
        }
    }

    /// Something without a base that a difference can be put upon.
    private struct Base {
        let reference: ObjectReference
        /// Bytes in packs for each raw one.
        let ratio: Double
        let isOwn: Bool
    }

    /// How a piece was written here.
    private enum Written {
        case alone(ratio: Double)
        case upon(ObjectReference)
    }

    private struct State {
        var written: [ObjectReference: Written] = [:]
    }

    private let writer: ObjectWriter
    private let state = Mutex(State())

    package init(_ writer: ObjectWriter) { self.writer = writer }

    /// Encodes and writes a piece.
    package func append(_ piece: Piece) throws(StoreError) {
        let reference = ObjectReference(.blob, piece.id)
        if !writer.differences.isBase(reference), let (frame, base) = try difference(piece) {
            if !base.isOwn { writer.rely(onBase: base.reference) }
            try writer.append(frame)
            writer.differences.add(frame)
            state.withLock { $0.written[reference] = .upon(base.reference) }
            return
        }
        let encoded = try coding { (coder) throws(CodingError) in
            piece.bytes.withUnsafeBytes { coder.encodeTensor($0, piece.layout) }
        }
        let frame = Self.frame(piece, encoded.codec, base: nil, encoded.stored ?? piece.bytes)
        try writer.append(frame)
        let ratio = Double(frame.storedLength) / Double(piece.bytes.count)
        state.withLock { $0.written[reference] = .alone(ratio: ratio) }
    }

    private static func frame(
        _ piece: Piece, _ codec: Codec, base: ObjectReference?, _ stored: [UInt8]
    ) -> EncodedFrame {
        let bases = base.map { [$0] } ?? []
        let table = FrameTable(codec: codec, bases: bases, objects: [(.blob, piece.bytes.count)])
        return EncodedFrame(
            codec: codec, frameClass: .data, bases: bases, table: table.bytes, stored: stored,
            rawLength: piece.bytes.count,
            objects: [(ObjectReference(.blob, piece.id), 0, piece.bytes.count, nil)])
    }

    private func coding<Result>(
        _ body: (FrameCoder) throws(CodingError) -> Result
    ) throws(StoreError) -> Result {
        do throws(CodingError) { return try writer.store.withCoder(body) } catch {
            throw .damaged(writer.store.layout.temporary, problem: "\(error)")
        }
    }

    // MARK: Differences

    /// Where the nearest candidate is this near, in parts of what the piece takes by itself, no other one is looked at.
    private static let near = 0.7

    /// The piece as a difference, if that is worth it.
    private func difference(_ piece: Piece) throws(StoreError) -> (EncodedFrame, Base)? {
        guard let (base, payload) = nearest(piece) else { return nil }
        let stream = try coding { (coder) throws(CodingError) in
            piece.bytes.withUnsafeBytes { coder.encodeTensor($0, base: payload, piece.layout) }
        }
        guard let stream else { return nil }
        let frame = Self.frame(piece, .tensorWithBase, base: base.reference, stream)
        let alone = base.ratio * Double(piece.bytes.count)
        guard writer.differences.isWorth(frame.storedLength, upon: base.reference, alone: alone) else {
            return nil
        }
        return (frame, base)
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
        case .alone(let ratio): return Base(reference: candidate, ratio: ratio, isOwn: true)
        case .upon(let base):
            if case .alone(let ratio) = state.withLock({ $0.written[base] }) {
                return Base(reference: base, ratio: ratio, isOwn: true)
            }
            return stored(base)
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
            return Base(reference: reference, ratio: min(1, ratio), isOwn: false)
        }
        return nil
    }

    private func payload(of base: Base) -> [UInt8]? {
        let payload =
            base.isOwn
            ? try? writer.writtenPayload(of: base.reference)
            : (try? writer.store.payload(of: base.reference)) ?? nil
        return payload.flatMap { $0.isEmpty ? nil : $0 }
    }
}
