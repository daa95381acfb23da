/// Cuts files of tensors so that a tensor's chunks are the same in whatever file it lies: cut rules 16 and 17
/// (`Documentation/Formats/merkle-tree.md`, "Cut rules").
package struct TensorCutter: Sendable {
    /// The rules' numbers in recipes: of files that are a header and tensors without gaps, and of all others.
    package static let (rule, gapRule) = (16, 17)
    /// The most bytes of a piece, and so what a caller has to have at hand.
    package static let maximum = 4 << 20
    /// A tensor of fewer bytes lies in a piece with its neighbours.
    package static let leastAlone = 65_536
    /// The most bytes of a piece of small tensors, and of what is no tensor.
    package static let groupLimit = 1 << 20
    /// Where there are gaps, small tensors of fewer bytes lie in a piece with these.
    package static let leastGroup = 16_384

    /// One tensor of a file, or anything else that lies there as one.
    package struct Extent: Sendable {
        /// Where it begins in the file.
        package let start: Int
        /// In bytes.
        package let length: Int
        /// Bytes of a row; nothing where there are no rows.
        package let rowLength: Int?
        /// Whatever tells types apart: small tensors of one type are neighbours.
        package let type: Int

        var end: Int { start + length }

        package init(start: Int, length: Int, rowLength: Int?, type: Int) {
            (self.start, self.length, self.rowLength, self.type) = (start, length, rowLength, type)
        }
    }

    /// Bytes that become a chunk.
    package struct Piece: Equatable, Sendable {
        package let length: Int
        /// The tensor that it belongs to, or the first one of a group; nothing for what lies between tensors.
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
    ///   - length: Of the file, in bytes.
    ///   - tensors: In the order of the file. They do not overlap.
    package static func pieces(length: Int, _ tensors: [Extent], rule: Int) -> [Piece] {
        let leastGroup = rule == gapRule ? leastGroup : 1
        var pieces: [Piece] = []
        // Whatever was not cut yet begins here.
        var start = 0
        func rest(to end: Int) {
            cut(end - start, at: groupLimit) { pieces.append(Piece(length: $0, tensor: nil, tensorCount: 0)) }
        }
        var index = 0
        while index < tensors.count {
            let tensor = tensors[index]
            if tensor.length >= leastAlone {
                rest(to: tensor.start)
                cut(tensor.length, at: step(tensor)) {
                    pieces.append(Piece(length: $0, tensor: index, tensorCount: 0))
                }
                start = tensor.end
                index += 1
                continue
            }
            let group = group(tensors[index...])
            let end = tensors[group.upperBound - 1].end
            if end - tensor.start >= leastGroup {
                rest(to: tensor.start)
                pieces.append(Piece(length: end - tensor.start, tensor: index, tensorCount: group.count))
                start = end
            }
            index = group.upperBound
        }
        rest(to: length)
        return pieces
    }

    /// The small tensors that lie together with the first one: those of its type that follow it without gaps.
    private static func group(_ tensors: ArraySlice<Extent>) -> Range<Int> {
        var last = tensors.startIndex
        var length = 0
        while last < tensors.endIndex, tensors[last].length < leastAlone,
            tensors[last].type == tensors[tensors.startIndex].type,
            last == tensors.startIndex || tensors[last].start == tensors[last - 1].end,
            length + tensors[last].length <= groupLimit
        {
            length += tensors[last].length
            last += 1
        }
        return tensors.startIndex..<last
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
