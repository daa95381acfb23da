internal import FileIO

/// What is known of one piece while it is read: which bytes were asked for, and which have come.
struct SFTPPiece {
    /// Bytes that are asked for before it is known whether the file has as many.
    private static let guess = 1 << 20

    private let piece: FilePiece
    /// What is asked for next, and the end of what is asked for, as far as that is known.
    private var (next, end): (Int, Int?)
    private let start: Int
    private var fileLength: Int?
    private var isAbsent = false
    private var onTheirWay = 0
    private var parts: [(offset: Int, bytes: [UInt8])] = []
    /// Of the parts, in bytes.
    private(set) var held = 0

    init(_ piece: FilePiece) {
        self.piece = piece
        switch piece.part {
        case .range(let offset, let length):
            // No file has bytes before its first one.
            start = max(0, offset)
            end = offset < 0 ? start : start + min(max(0, length), Int.max - start)
        case .whole, .end: (start, end) = (0, nil)
        }
        next = start
    }

    var isComplete: Bool { isAbsent || (fileLength != nil && onTheirWay == 0 && !hasMoreToAsk) }

    /// Whether there are bytes that nobody asked for yet, as far as is known.
    var hasMoreToAsk: Bool { !isAbsent && (end.map { next < $0 } ?? true) }

    /// Nothing where there is no such file.
    var content: PieceContent? {
        guard !isAbsent, let fileLength else { return nil }
        var (bytes, reached) = ([UInt8](), begin ?? start)
        // A part that came short was gone on with after others had been asked for.
        for part in parts.sorted(by: { $0.offset < $1.offset }) where part.offset == reached {
            if parts.count == 1 { bytes = part.bytes } else { bytes += part.bytes }
            reached += part.bytes.count
        }
        if let end, reached > end { bytes.removeLast(min(bytes.count, reached - end)) }
        return PieceContent(bytes: bytes, fileLength: fileLength)
    }

    /// Where a piece begins whose place depends on the file's length.
    private var begin: Int?

    /// The part that can be asked for now, if there is one.
    func nextPart(limit: Int) -> (offset: Int, length: Int)? {
        guard hasMoreToAsk else { return nil }
        if fileLength == nil {
            guard next - start < Self.guess, start < 1 << 40 else { return nil }
            switch piece.part {
            case .whole(let most):
                // One part tells nothing of the others, but most files that are read whole have no more.
                guard next == 0, most > 0 else { return nil }
                return (0, min(most, limit))
            case .range: break
            case .end: return nil
            }
        }
        guard let end else { return nil }
        return (next, min(limit, end - next))
    }

    /// Notes that a part was asked for.
    mutating func ask(_ part: (offset: Int, length: Int)) {
        next = max(next, part.offset + part.length)
        onTheirWay += 1
    }

    mutating func setAbsent() { isAbsent = true }

    mutating func setFileLength(_ length: Int) throws(TransportError) {
        guard fileLength == nil else { return }
        switch piece.part {
        case .whole(let limit):
            guard length <= limit else { throw TransportError(.tooLarge(piece.path)) }
            end = length
        case .range: end = min(end ?? length, max(start, length))
        case .end(let wanted):
            next = length - min(max(0, wanted), length)
            (begin, end) = (next, length)
        }
        fileLength = length
    }

    /// Takes what came for a part.
    ///
    /// - Returns: The rest of the part, where it came short; to be asked for.
    mutating func take(
        _ bytes: [UInt8], for part: (offset: Int, length: Int)
    ) -> (offset: Int, length: Int)? {
        onTheirWay -= 1
        held += bytes.count
        parts.append((part.offset, bytes))
        let reached = part.offset + bytes.count
        let last = min(part.offset + part.length, end ?? .max)
        return reached < last ? (reached, last - reached) : nil
    }

    /// Notes that the file ends at this offset, or before, whatever its length was said to be.
    mutating func takeEnd(at offset: Int) {
        onTheirWay -= 1
        end = min(end ?? offset, offset)
    }
}
