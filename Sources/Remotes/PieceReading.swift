internal import FileIO

/// Reads pieces of files over a connection: many requests on their way, and pieces handed out in their order.
///
/// What is asked for and not handed out yet is bounded, whatever the pieces are; only a single piece that is larger is held whole.
struct PieceReading {
    /// Bytes that were asked for, or have come and wait for a piece before them.
    private static let window = 8 << 20
    /// Requests on their way, however small.
    private static let requestLimit = 1024

    private struct Request {
        let number: UInt32
        let position: Int
        /// In the file; nothing for its end.
        let offset: Int?
        let length: Int
    }

    private let pieces: [FilePiece]
    private let connection: FramedConnection
    private var states: [Int: PieceState] = [:]
    /// The first that was not begun, and the one that is handed out next.
    private var (begun, handedOut) = (0, 0)
    /// Those that were begun and have parts that nobody asked for yet, in order.
    private var open: [Int] = []
    private var requests: [Request] = []
    private var held = 0

    init(_ pieces: [FilePiece], _ connection: FramedConnection) {
        (self.pieces, self.connection) = (pieces, connection)
    }

    /// Of the requests on their way.
    var numbers: [UInt32] { requests.map(\.number) }

    /// The next piece; nothing when all were handed out.
    mutating func next() throws(TransportError) -> (Int, PieceContent?)? {
        while handedOut < pieces.count {
            if let state = states[handedOut], state.isComplete {
                states[handedOut] = nil
                held -= state.length
                defer { handedOut += 1 }
                return (handedOut, state.content)
            }
            try ask()
            try takeReply()
        }
        return nil
    }

    private mutating func ask() throws(TransportError) {
        while requests.count < Self.requestLimit {
            let position: Int
            var state: PieceState
            if let first = open.first, let opened = states[first] {
                (position, state) = (first, opened)
            } else if begun < pieces.count {
                (position, state) = (begun, PieceState(pieces[begun].part))
            } else {
                return
            }
            guard let part = state.nextPart(limit: FramedMessage.pieceLimit) else { return }
            let (offset, length) =
                switch part {
                case .range(let offset, let length): (Int?.some(offset), length)
                case .end(let length), .whole(let length): (nil, length)
                }
            // With nothing on its way, the piece that all wait for goes on, whatever is held.
            guard requests.isEmpty || held + length <= Self.window else { return }
            let request = FramedRequest.read(FilePiece(pieces[position].path, part))
            let number = try connection.send(request, limit: length + 64)
            requests.append(Request(number: number, position: position, offset: offset, length: length))
            held += length
            if position == begun {
                begun += 1
                if state.hasMoreToAsk { open.append(position) }
            } else if !state.hasMoreToAsk {
                open.removeAll { $0 == position }
            }
            states[position] = state
        }
    }

    private mutating func takeReply() throws(TransportError) {
        guard let request = requests.first else { throw connection.unexpected() }
        let reply = try connection.reply(to: request.number)
        requests.removeFirst()
        held -= request.length
        guard case .content(let content) = reply else { throw connection.unexpected() }
        guard var state = states[request.position] else { return }
        let before = state.length
        if let content, content.bytes.count > request.length { throw connection.unexpected() }
        try state.take(content, at: request.offset, length: request.length, of: pieces[request.position])
        held += state.length - before
        states[request.position] = state
        let isOpen = open.contains(request.position)
        if state.hasMoreToAsk, !isOpen {
            open.insert(request.position, at: open.firstIndex { $0 > request.position } ?? open.count)
        } else if !state.hasMoreToAsk, isOpen {
            open.removeAll { $0 == request.position }
        }
    }
}

/// What is known of one piece while it is read, in parts that one frame holds.
private struct PieceState {
    private let part: FilePiece.Part
    /// What is asked for next, and the end of what is asked for, as far as that is known.
    private var (next, end): (Int, Int?)
    private var isBegun = false
    private var isAbsent = false
    private var onTheirWay = 0
    private var fileLength: Int?
    private var bytes: [UInt8] = []
    /// Where in the file the bytes end.
    private var reached: Int
    /// What came of the file's end, if that was asked for first.
    private var tail: [UInt8] = []

    init(_ part: FilePiece.Part) {
        self.part = part
        switch part {
        case .range(let offset, let length):
            next = max(0, offset)
            end = offset < 0 ? next : next + min(max(0, length), Int.max - next)
        case .whole, .end: (next, end) = (0, nil)
        }
        reached = next
    }

    var length: Int { bytes.count + tail.count }

    /// Whether there is a part that can be asked for now.
    var hasMoreToAsk: Bool {
        guard isBegun else { return true }
        return end.map { next < $0 } ?? false
    }

    var isComplete: Bool { isBegun && onTheirWay == 0 && !hasMoreToAsk }

    var content: PieceContent? {
        guard !isAbsent, let fileLength else { return nil }
        return PieceContent(bytes: tail.isEmpty ? bytes : bytes + tail, fileLength: fileLength)
    }

    /// A part that is asked for now.
    mutating func nextPart(limit: Int) -> FilePiece.Part? {
        guard hasMoreToAsk else { return nil }
        defer {
            isBegun = true
            onTheirWay += 1
        }
        if !isBegun, case .end(let length) = part { return .end(length: min(max(0, length), limit)) }
        var length = limit
        if let end { length = min(limit, end - next) }
        // The length of a file is not known before; what is longer than it may be is not wanted.
        if !isBegun, case .whole(let most) = part { length = min(max(0, most), limit) }
        defer { next += length }
        return .range(offset: next, length: length)
    }

    /// - Parameters:
    ///   - offset: Where it was asked for; nothing for the file's end.
    ///   - length: How much was asked for.
    mutating func take(
        _ content: PieceContent?, at offset: Int?, length: Int, of piece: FilePiece
    ) throws(TransportError) {
        onTheirWay -= 1
        guard !isAbsent else { return }
        guard let content else {
            (isAbsent, bytes, tail, end) = (true, [], [], next)
            return
        }
        let isFirst = fileLength == nil
        if isFirst {
            fileLength = content.fileLength
            try begin(content, piece)
            guard offset != nil else { return }
        }
        guard offset == reached else { return }
        bytes += content.bytes
        reached += content.bytes.count
        // Behind a part that came short there is nothing, whatever the length was said to be.
        if content.bytes.count < length { end = min(end ?? reached, reached) }
    }

    /// Takes the length of the file, which the first part tells.
    private mutating func begin(_ content: PieceContent, _ piece: FilePiece) throws(TransportError) {
        switch part {
        case .whole(let limit):
            guard content.fileLength <= limit else { throw TransportError(.tooLarge(piece.path)) }
            end = content.fileLength
        case .range: end = min(end ?? 0, content.fileLength)
        case .end(let length):
            tail = content.bytes
            next = content.fileLength - min(max(0, length), content.fileLength)
            reached = next
            end = max(next, content.fileLength - tail.count)
        }
    }
}
