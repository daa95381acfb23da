/// Cuts files of tensors so that a tensor's chunks are the same in whatever file it lies: cut rule 16
/// (`Documentation/Formats/merkle-tree.md`, "Cut rules").
package struct TensorCutter: Sendable {
    /// The rule's number in recipes.
    package static let rule = 16
    /// The most bytes of a piece, and so what a caller has to have at hand.
    package static let maximum = 4 << 20
    /// A tensor of fewer bytes lies in a piece with its neighbours.
    package static let leastAlone = 65_536
    /// The most bytes of a piece of small tensors, and of the bytes before the first tensor.
    package static let groupLimit = 1 << 20

    /// One tensor of a file, or anything else that lies there as one.
    package struct Extent: Sendable {
        /// In bytes.
        package let length: Int
        /// Bytes of a row; nothing where there are no rows.
        package let rowLength: Int?
        /// Whatever tells types apart: small tensors of one type are neighbours.
        package let type: Int

        package init(length: Int, rowLength: Int?, type: Int) {
            (self.length, self.rowLength, self.type) = (length, rowLength, type)
        }
    }

    /// Bytes that become a chunk.
    package struct Piece: Equatable, Sendable {
        package let length: Int
        /// The tensor that it belongs to, or the first one of a group; nothing for what lies before the tensors.
        package let tensor: Int?
        /// How many tensors it holds, all whole; 0 for a part of one.
        package let tensorCount: Int

        package init(length: Int, tensor: Int?, tensorCount: Int) {
            (self.length, self.tensor, self.tensorCount) = (length, tensor, tensorCount)
        }
    }

    /// The pieces of a file, in order; none is empty.
    ///
    /// - Parameters:
    ///   - headLength: Bytes before the first tensor.
    ///   - tensors: In the order of the file, without gaps.
    package static func pieces(headLength: Int, _ tensors: [Extent]) -> [Piece] {
        var pieces: [Piece] = []
        cut(headLength, at: groupLimit) { pieces.append(Piece(length: $0, tensor: nil, tensorCount: 0)) }
        var index = 0
        while index < tensors.count {
            let tensor = tensors[index]
            if tensor.length >= leastAlone {
                cut(tensor.length, at: step(tensor)) {
                    pieces.append(Piece(length: $0, tensor: index, tensorCount: 0))
                }
                index += 1
                continue
            }
            var (last, length) = (index, 0)
            while last < tensors.count, tensors[last].length < leastAlone,
                tensors[last].type == tensor.type, length + tensors[last].length <= groupLimit
            {
                length += tensors[last].length
                last += 1
            }
            if length > 0 { pieces.append(Piece(length: length, tensor: index, tensorCount: last - index)) }
            index = last
        }
        return pieces
    }

    /// Whole rows, as many as there is room for.
    private static func step(_ tensor: Extent) -> Int {
        guard let row = tensor.rowLength, row > 0, row <= maximum else { return maximum }
        return maximum / row * row
    }

    private static func cut(_ length: Int, at step: Int, _ body: (Int) -> Void) {
        var start = 0
        while start < length {
            body(min(step, length - start))
            start += step
        }
    }
}
