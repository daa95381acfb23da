import Chunking
import TestSupport
import Testing

@Suite struct TensorCutterTests {
    private typealias Extent = TensorCutter.Extent
    private typealias Piece = TensorCutter.Piece
    /// A tensor without a place.
    private typealias Tensor = (length: Int, rowLength: Int?, type: Int)

    /// The pieces of a file that is a header and tensors one behind the other.
    private static func pieces(headLength: Int, _ tensors: [Tensor]) -> [Piece] {
        var start = headLength
        let extents = tensors.map { tensor in
            defer { start += tensor.length }
            return Extent(start: start, length: tensor.length, rowLength: tensor.rowLength, type: tensor.type)
        }
        return TensorCutter.pieces(length: start, extents, rule: TensorCutter.rule)
    }

    @Test func aTensorIsCutBetweenRows() {
        // 4 MiB hold 1,365 rows of 3,072 bytes.
        let pieces = Self.pieces(headLength: 1000, [(3_072 * 3_000, 3_072, 0)])
        #expect(
            pieces == [
                Piece(length: 1000, tensor: nil, tensorCount: 0),
                Piece(length: 1365 * 3_072, tensor: 0, tensorCount: 0),
                Piece(length: 1365 * 3_072, tensor: 0, tensorCount: 0),
                Piece(length: 270 * 3_072, tensor: 0, tensorCount: 0),
            ])
    }

    @Test func rowsThatAreTooLongAreCutAnywhere() {
        for row in [nil, TensorCutter.maximum + 1] {
            let pieces = Self.pieces(headLength: 0, [(9 << 20, row, 0)])
            #expect(pieces.map(\.length) == [4 << 20, 4 << 20, 1 << 20])
        }
    }

    @Test func smallTensorsOfOneTypeStandTogether() {
        let small = { (length: Int, type: Int) -> Tensor in (length, nil, type) }
        let pieces = Self.pieces(
            headLength: 0,
            [
                small(100, 1), small(200, 1), small(300, 2), small(65_536, 2), small(400, 2),
            ])
        #expect(
            pieces == [
                Piece(length: 300, tensor: 0, tensorCount: 2), Piece(length: 300, tensor: 2, tensorCount: 1),
                Piece(length: 65_536, tensor: 3, tensorCount: 0),
                Piece(length: 400, tensor: 4, tensorCount: 1),
            ])
        let many = Self.pieces(
            headLength: 3 << 20, (0..<100).map { _ in small(65_535, 0) })
        #expect(many.filter { $0.tensor == nil }.map(\.length) == [1 << 20, 1 << 20, 1 << 20])
        #expect(many.filter { $0.tensor != nil }.map(\.tensorCount) == [16, 16, 16, 16, 16, 16, 4])
    }

    /// Pieces are what the tensors are, none is empty or too long, and a tensor's are the same whatever stands beside it.
    @Test(arguments: [1, 2, 3] as [UInt64]) func piecesOfRandomFiles(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<300 {
            let tensors = (0..<Int.random(in: 0...20, using: &random)).map { _ -> Tensor in
                (
                    length: Bool.random(using: &random)
                        ? Int.random(in: 1..<100_000, using: &random)
                        : Int.random(in: 1..<20_000_000, using: &random),
                    rowLength: Bool.random(using: &random)
                        ? nil : Int.random(in: 0..<10_000_000, using: &random),
                    type: Int.random(in: 0...2, using: &random)
                )
            }
            let head = Int.random(in: 0..<3_000_000, using: &random)
            let pieces = Self.pieces(headLength: head, tensors)
            #expect(pieces.reduce(0) { $0 + $1.length } == head + tensors.reduce(0) { $0 + $1.length })
            #expect(pieces.allSatisfy { $0.length > 0 && $0.length <= TensorCutter.maximum })
            for (index, tensor) in tensors.enumerated() where tensor.length >= TensorCutter.leastAlone {
                let own = pieces.filter { $0.tensor == index }
                #expect(own.map(\.length) == Self.pieces(headLength: 0, [tensor]).map(\.length))
            }
        }
    }

    @Test func `between tensors lies what is none, with the small ones`() {
        let extent = { Extent(start: $0, length: $1, rowLength: nil, type: $2) }
        let pieces = TensorCutter.pieces(
            length: 2_000_000,
            [
                extent(100, 500, 1), extent(700, 65_536, 1),
                // Three that follow each other are worth a piece, and one is not.
                extent(66_300, 6000, 1), extent(72_300, 6000, 1), extent(78_300, 6000, 1),
                extent(84_364, 16_383, 1), extent(101_000, 16_384, 2), extent(117_384, 65_535, 1),
            ], rule: TensorCutter.gapRule)
        #expect(
            pieces == [
                Piece(length: 700, tensor: nil, tensorCount: 0),
                Piece(length: 65_536, tensor: 1, tensorCount: 0),
                Piece(length: 64, tensor: nil, tensorCount: 0),
                Piece(length: 18_000, tensor: 2, tensorCount: 3),
                Piece(length: 16_700, tensor: nil, tensorCount: 0),
                Piece(length: 16_384, tensor: 6, tensorCount: 1),
                Piece(length: 65_535, tensor: 7, tensorCount: 1),
                Piece(length: 1_048_576, tensor: nil, tensorCount: 0),
                Piece(length: 2_000_000 - 182_919 - 1_048_576, tensor: nil, tensorCount: 0),
            ])
        #expect(pieces.reduce(0) { $0 + $1.length } == 2_000_000)
    }
}
