internal import Chunking
internal import Coding
internal import Formats

/// A file of tensors: where it is cut, and what each piece is.
struct TensorFile: Sendable {
    let tensors: [TensorEntry]
    let pieces: [TensorCutter.Piece]
    /// By which it is cut.
    let cutRule: Int

    /// Pieces of fewer bytes are coded like any other bytes.
    private static let leastPiece = 4096

    init(_ index: TensorIndex) {
        tensors = index.tensors
        cutRule = index.isSafetensors ? TensorCutter.rule : TensorCutter.gapRule
        var types: [String: Int] = [:]
        let extents = index.tensors.map { tensor in
            let type = types[tensor.type] ?? types.count
            types[tensor.type] = type
            let row = tensor.rowLength.flatMap { row in tensor.elementWidth.map { row * $0 } }
            return TensorCutter.Extent(
                start: tensor.range.lowerBound, length: tensor.range.count, rowLength: row, type: type)
        }
        pieces = TensorCutter.pieces(length: index.length, extents, rule: cutRule)
    }

    /// The types of its tensors, but for unknown ones.
    var types: Set<ElementType> { Set(Set(tensors.map(\.type)).compactMap { Self.elementType($0) }) }

    /// Bytes of the elements that take most bytes, 0 where no type is known; of two that take as many, the larger.
    var commonWidth: Int {
        var bytes: [Int: Int] = [:]
        for tensor in tensors { bytes[tensor.elementWidth ?? 0, default: 0] += tensor.range.count }
        return bytes.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key ?? 0
    }

    /// How the bytes of a piece are numbers; nothing where that is not known, or does not matter.
    func layout(of piece: TensorCutter.Piece) -> TensorLayout? {
        guard piece.length >= Self.leastPiece, let number = piece.tensor,
            let type = Self.elementType(tensors[number].type)
        else { return nil }
        return TensorLayout(type: type, rowLength: piece.tensorCount > 0 ? nil : tensors[number].rowLength)
    }

    /// How a type's elements are numbers, by the name that headers give it.
    static func elementType(_ name: String) -> ElementType? {
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
