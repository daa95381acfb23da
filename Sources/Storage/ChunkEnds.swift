/// The places of a base where its chunks end, by the bytes before them: what has the same bytes there was cut there as well.
struct ChunkEnds {
    /// How much of the base is looked at, before and behind some place.
    enum Reach {
        case near, far

        var before: Int { self == .near ? 3 << 20 : 64 << 20 }
        var behind: Int { self == .near ? 4 << 20 : 256 << 20 }
    }

    /// On so many bytes a cut depends, nearly.
    private static let length = 64

    /// The numbers of the chunks that were looked at.
    let range: Range<Int>
    private var positions: [[UInt8]: Int] = [:]

    init(
        of base: PatchBase, around number: Int, within reach: Reach,
        payload: (PatchBase.Chunk) -> ArraySlice<UInt8>?
    ) {
        let place = base.chunks[number].start
        range =
            base.number(at: max(0, place - reach.before))..<base.number(at: place + reach.behind) + 1
        for chunk in base.chunks[range] {
            guard let bytes = payload(chunk), bytes.count >= Self.length else { continue }
            let tail = Array(bytes.suffix(Self.length))
            // What is there twice tells nothing.
            positions[tail] = positions[tail] == nil ? chunk.end : -1
        }
    }

    /// Where the base has what stands before an end.
    func position(of bytes: UnsafeRawBufferPointer, end: Int) -> Int? {
        guard end >= Self.length, end <= bytes.count else { return nil }
        return positions[Array(bytes[end - Self.length..<end])].flatMap { $0 < 0 ? nil : $0 }
    }
}
