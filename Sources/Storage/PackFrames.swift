internal import Coding
internal import Hashing
internal import ObjectModel

/// What the index of a pack that is being made says of its frames, in order (`Documentation/Formats/pack.md`, "Index").
struct PackFrames {
    private struct Row {
        var offset: Int
        var base: UInt32
        /// How many follow that base.
        var moreBases: UInt16
        var codec: UInt8
        var frameClass: UInt8
    }

    private var rows: [Row] = []
    private var bases = BaseTable()
    /// Raw bytes of all frames.
    private(set) var rawLength = 0

    var count: Int { rows.count }
    var isEmpty: Bool { rows.isEmpty }

    /// Where a frame begins.
    func offset(of frame: Int) -> Int { rows[frame].offset }

    func codec(of frame: Int) -> Codec? { Codec(rawValue: rows[frame].codec) }

    /// What a reader must know for them.
    var features: Set<String> {
        let codecs = Set(rows.map(\.codec)).compactMap { Codec(rawValue: $0) }
        return Set(codecs.compactMap { StoreState.feature(of: $0) })
    }

    /// Notes the next frame, which begins at an offset, and its objects.
    mutating func append(_ frame: EncodedFrame, at offset: Int, noting entries: inout PackEntries) {
        let number = UInt32(rows.count)
        rows.append(
            Row(
                offset: offset, base: bases.place(of: frame.bases),
                moreBases: UInt16(max(0, frame.bases.count - 1)), codec: frame.codec.rawValue,
                frameClass: frame.frameClass.rawValue))
        rawLength += frame.rawLength
        for object in frame.objects {
            let (start, length) = (UInt32(object.offset), UInt32(object.length))
            entries.append(
                PackEntries.Row(
                    reference: object.reference, isRecipe: false,
                    order: frame.frameClass == .data ? frame.codec.order : 0, frame: number,
                    offset: start, length: length))
            guard let blob = object.recipeOf else { continue }
            entries.append(
                PackEntries.Row(
                    reference: ObjectReference(.blob, blob), isRecipe: true, order: 0, frame: number,
                    offset: start, length: length))
        }
    }

    /// Hands out index and trailer, in pieces of up to 64 KiB.
    ///
    /// - Parameter start: Where the index begins, which is where the last frame ends.
    func forEachPiece<Failure: Error>(
        of entries: PackEntries, at start: Int, _ body: ([UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        var checksum: UInt32 = 0
        var piece: [UInt8] = []
        func write() throws(Failure) {
            checksum = piece.withUnsafeBytes { CRC32.of($0, continuing: checksum) }
            try body(piece)
            piece.removeAll(keepingCapacity: true)
        }
        for row in rows {
            piece.appendLittleEndian(UInt64(row.offset))
            piece.appendLittleEndian(row.base)
            piece += [row.codec, row.frameClass]
            piece.appendLittleEndian(row.moreBases)
            if piece.count >= Self.pieceSize { try write() }
        }
        for base in bases.rows {
            piece += base.id.digest.bytes + [base.kind.rawValue, 0, 0, 0]
            if piece.count >= Self.pieceSize { try write() }
        }
        var count = 0
        try entries.forEachSorted { (entry) throws(Failure) in
            count += 1
            piece += entry.reference.id.digest.bytes
            piece += [entry.reference.kind.rawValue, entry.isRecipe ? 1 : 0, 0, 0]
            piece.appendLittleEndian(entry.frame)
            piece.appendLittleEndian(entry.offset)
            piece.appendLittleEndian(entry.length)
            if piece.count >= Self.pieceSize { try write() }
        }
        try write()
        var trailer: [UInt8] = []
        trailer.appendLittleEndian(UInt64(start))
        trailer.appendLittleEndian(UInt32(rows.count))
        trailer.appendLittleEndian(UInt32(bases.rows.count))
        trailer.appendLittleEndian(UInt64(count))
        trailer.appendLittleEndian(UInt64(rawLength))
        trailer += [UInt8](repeating: 0, count: 16)
        trailer.appendLittleEndian(UInt32(1))
        trailer.appendLittleEndian(checksum)
        trailer.appendLittleEndian(CRC32.of(trailer))
        try body(trailer + PackIndex.trailerMagic)
    }

    private static let pieceSize = 64 << 10
}
