import Chunking
import TestSupport
import Testing

@Suite struct TensorCutterTests {
    private typealias Extent = TensorCutter.Extent
    private typealias Piece = TensorCutter.Piece

    @Test func aTensorIsCutBetweenRows() {
        // 4 MiB hold 1,365 rows of 3,072 bytes.
        let pieces = TensorCutter.pieces(
            headLength: 1000, [Extent(length: 3_072 * 3_000, rowLength: 3_072, type: 0)])
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
            let pieces = TensorCutter.pieces(
                headLength: 0, [Extent(length: 9 << 20, rowLength: row, type: 0)])
            #expect(pieces.map(\.length) == [4 << 20, 4 << 20, 1 << 20])
        }
    }

    @Test func smallTensorsOfOneTypeStandTogether() {
        let small = { Extent(length: $0, rowLength: nil, type: $1) }
        let pieces = TensorCutter.pieces(
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
        let many = TensorCutter.pieces(
            headLength: 3 << 20, (0..<100).map { _ in small(65_535, 0) })
        #expect(many.filter { $0.tensor == nil }.map(\.length) == [1 << 20, 1 << 20, 1 << 20])
        #expect(many.filter { $0.tensor != nil }.map(\.tensorCount) == [16, 16, 16, 16, 16, 16, 4])
    }

    /// Pieces are what the tensors are, none is empty or too long, and a tensor's are the same whatever stands beside it.
    @Test(arguments: [1, 2, 3] as [UInt64]) func piecesOfRandomFiles(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<300 {
            let tensors = (0..<Int.random(in: 0...20, using: &random)).map { _ in
                Extent(
                    length: Bool.random(using: &random)
                        ? Int.random(in: 1..<100_000, using: &random)
                        : Int.random(in: 1..<20_000_000, using: &random),
                    rowLength: Bool.random(using: &random)
                        ? nil : Int.random(in: 0..<10_000_000, using: &random),
                    type: Int.random(in: 0...2, using: &random))
            }
            let head = Int.random(in: 0..<3_000_000, using: &random)
            let pieces = TensorCutter.pieces(headLength: head, tensors)
            #expect(pieces.reduce(0) { $0 + $1.length } == head + tensors.reduce(0) { $0 + $1.length })
            #expect(pieces.allSatisfy { $0.length > 0 && $0.length <= TensorCutter.maximum })
            for (index, tensor) in tensors.enumerated() where tensor.length >= TensorCutter.leastAlone {
                let own = pieces.filter { $0.tensor == index }
                #expect(own.map(\.length) == TensorCutter.pieces(headLength: 0, [tensor]).map(\.length))
            }
        }
    }
}
