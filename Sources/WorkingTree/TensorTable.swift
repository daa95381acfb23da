internal import Chunking
internal import Coding
internal import Formats
internal import ObjectModel
internal import Storage

/// Which chunk holds which piece of a file of tensors that the store has.
struct TensorTable: Sendable {
    private let file: TensorFile
    private let chunks: [ObjectID]
    /// Where each piece begins in the file.
    private let starts: [Int]
    /// By the names of tensors, and of groups by that of their first one: the number of the first piece.
    private var named: [[UInt8]: Int] = [:]
    /// The same by what they look like, in the order of the file.
    private var alike: [Look: [Int]] = [:]

    /// The types from which others may be rounded.
    private let sourceTypes: Set<ElementType>
    /// Then the numbers of all tensors by their names.
    private var tensors: [[UInt8]: Int] = [:]

    var tensorCount: Int { file.tensors.count }

    /// Whether others may be rounded from what is here.
    var hasSources: Bool { !sourceTypes.isEmpty }

    /// Whether tensors of one of these types may be.
    func hasSources(of types: Set<ElementType>) -> Bool {
        sourceTypes.contains { source in types.contains { TensorCast(from: source, to: $0) != nil } }
    }

    /// What makes tensors alike whose names differ.
    private struct Look: Hashable {
        let type: String
        /// Of a group its length and the number of its tensors.
        let shape: [Int]
        let isGroup: Bool
    }

    /// - Parameter chunks: One for each piece.
    init(_ file: TensorFile, _ chunks: [ObjectID]) {
        self.file = file
        self.chunks = chunks
        var (starts, start): ([Int], Int) = ([], 0)
        for piece in file.pieces {
            starts.append(start)
            start += piece.length
        }
        self.starts = starts
        sourceTypes = file.types.filter(TensorCast.isSource)
        var last: Int?
        for (number, piece) in file.pieces.enumerated() {
            guard let tensor = piece.tensor, tensor != last else { continue }
            last = tensor
            named[file.tensors[tensor].name] = number
            alike[Self.look(piece, in: file), default: []].append(number)
        }
        guard !sourceTypes.isEmpty else { return }
        for (number, tensor) in file.tensors.enumerated() { tensors[tensor.name] = number }
    }

    private static func look(_ piece: TensorCutter.Piece, in file: TensorFile) -> Look {
        guard let number = piece.tensor else { return Look(type: "", shape: [], isGroup: false) }
        let tensor = file.tensors[number]
        return piece.tensorCount > 0
            ? Look(type: tensor.type, shape: [piece.length, piece.tensorCount], isGroup: true)
            : Look(type: tensor.type, shape: tensor.shape, isGroup: false)
    }

    /// The chunks that are the most like the pieces of another file, as far as their places tell.
    ///
    /// A tensor is found by its name; where this file has none of that name, the first one of a shape is taken for the other
    /// file's first one, and so on: files whose tensors were renamed keep their order.
    func counterparts(of other: TensorFile) -> [ObjectID?] {
        var ordinals: [Look: Int] = [:]
        var found: [ObjectID?] = []
        var (last, start, first): (Int?, Int?, Int) = (nil, nil, 0)
        for (number, piece) in other.pieces.enumerated() {
            guard let tensor = piece.tensor else {
                found.append(nil)
                continue
            }
            if tensor != last {
                (last, first) = (tensor, number)
                let look = Self.look(piece, in: other)
                let ordinal = ordinals[look, default: 0]
                ordinals[look] = ordinal + 1
                if let place = named[other.tensors[tensor].name] {
                    start = isCutAlike(place, other.tensors[tensor], piece) ? place : nil
                } else {
                    start = alike[look].flatMap { ordinal < $0.count ? $0[ordinal] : nil }
                }
            }
            found.append(start.flatMap { chunk($0 + number - first, ofPieceAt: $0) })
        }
        return found
    }

    /// Whether what begins at a piece of this file has the same rows as a tensor, or the same group.
    private func isCutAlike(
        _ place: Int, _ tensor: TensorEntry, _ piece: TensorCutter.Piece
    ) -> Bool {
        let own = file.pieces[place]
        guard let number = own.tensor, file.tensors[number].type == tensor.type else { return false }
        if piece.tensorCount > 0 || own.tensorCount > 0 {
            return own.tensorCount == piece.tensorCount && own.length == piece.length
        }
        return file.tensors[number].rowLength == tensor.rowLength
    }

    private func chunk(_ number: Int, ofPieceAt start: Int) -> ObjectID? {
        guard number < chunks.count, file.pieces[number].tensor == file.pieces[start].tensor else {
            return nil
        }
        return chunks[number]
    }

    // MARK: Casts

    /// For each piece of another file what this one has in its place of a wider type, where its elements may be rounded from that.
    ///
    /// Tensors are found by their names. Those of a piece must stand in the same order here.
    ///
    /// - Parameter read: Reads this file, if it lies in the working tree.
    func sources(of other: TensorFile, read: CastSource.Reader?) -> [CastSource?] {
        var (offset, last): (Int, Int?) = (0, nil)
        return other.pieces.map { piece in
            guard let tensor = piece.tensor else { return nil }
            if tensor != last { (last, offset) = (tensor, 0) }
            defer { offset += piece.length }
            return source(
                of: other.tensors[tensor..<tensor + max(1, piece.tensorCount)], offset, piece.length, read)
        }
    }

    /// - Parameters:
    ///   - others: Tensors that follow each other.
    ///   - offset: Where the piece begins in the first one's bytes.
    private func source(
        of others: ArraySlice<TensorEntry>, _ offset: Int, _ length: Int,
        _ read: CastSource.Reader?
    ) -> CastSource? {
        guard let first = others.first, let narrow = TensorFile.elementType(first.type),
            let place = tensors[first.name],
            let type = TensorFile.elementType(file.tensors[place].type),
            TensorCast(from: type, to: narrow) != nil, place + others.count <= file.tensors.count,
            zip(others, file.tensors[place...]).allSatisfy({ other, own in
                own.name == other.name && own.shape == other.shape && own.type == file.tensors[place].type
            })
        else { return nil }
        let start = file.tensors[place].range.lowerBound + offset / narrow.width * type.width
        let end = start + length / narrow.width * type.width
        guard start < end else { return nil }
        let piece = starts.piece(at: start)
        var held: [ChunkEntry] = []
        var number = piece
        while number < chunks.count, starts[number] < end {
            held.append(ChunkEntry(id: chunks[number], length: file.pieces[number].length))
            number += 1
        }
        let skipped = start - starts[piece]
        guard skipped % type.width == 0 else { return nil }
        return CastSource(
            type: type, chunks: held, first: skipped / type.width, file: read.map { (starts[piece], $0) })
    }
}
