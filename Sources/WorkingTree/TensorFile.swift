internal import Chunking
internal import Coding
internal import Formats
internal import ObjectModel

/// A file of tensors: where it is cut, and what each piece is.
struct TensorFile: Sendable {
    let tensors: [SafetensorsHeader.Tensor]
    /// Bytes before the first tensor.
    let headLength: Int
    let pieces: [TensorCutter.Piece]

    /// Pieces of fewer bytes are coded like any other bytes.
    private static let leastPiece = 4096

    init(_ header: SafetensorsHeader) {
        tensors = header.tensors
        headLength = header.length
        var types: [String: Int] = [:]
        let extents = header.tensors.map { tensor in
            let type = types[tensor.type] ?? types.count
            types[tensor.type] = type
            let row = tensor.rowLength.flatMap { row in tensor.elementWidth.map { row * $0 } }
            return TensorCutter.Extent(length: tensor.range.count, rowLength: row, type: type)
        }
        pieces = TensorCutter.pieces(headLength: headLength, extents)
    }

    /// How the bytes of a piece are numbers; nothing where that is not known, or does not matter.
    func layout(of piece: TensorCutter.Piece) -> TensorLayout? {
        guard piece.length >= Self.leastPiece, let number = piece.tensor,
            let type = Self.elementType(tensors[number].type)
        else { return nil }
        return TensorLayout(type: type, rowLength: piece.tensorCount > 0 ? nil : tensors[number].rowLength)
    }

    private static func elementType(_ name: String) -> ElementType? {
        switch name {
        case "BF16": .bfloat16
        case "F16": .float16
        case "F32": .float32
        case "F64": .float64
        case "F8_E4M3": .float8E4M3
        case "F8_E5M2": .float8E5M2
        case "BOOL", "U8", "I8": .integer8
        case "U16", "I16": .integer16
        case "U32", "I32": .integer32
        case "U64", "I64": .integer64
        default: nil
        }
    }
}

/// Which chunk holds which piece of a file of tensors that the store has.
struct TensorTable: Sendable {
    private let file: TensorFile
    private let chunks: [ObjectID]
    /// By the names of tensors, and of groups by that of their first one: the number of the first piece.
    private var named: [[UInt8]: Int] = [:]
    /// The same by what they look like, in the order of the file.
    private var alike: [Look: [Int]] = [:]

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
        var last: Int?
        for (number, piece) in file.pieces.enumerated() {
            guard let tensor = piece.tensor, tensor != last else { continue }
            last = tensor
            named[file.tensors[tensor].name] = number
            alike[Self.look(piece, in: file), default: []].append(number)
        }
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
        _ place: Int, _ tensor: SafetensorsHeader.Tensor, _ piece: TensorCutter.Piece
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
}
