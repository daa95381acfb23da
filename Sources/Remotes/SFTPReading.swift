internal import FileIO

/// Reads pieces of files over SFTP: many requests on their way, and pieces handed out in their order.
///
/// A file is opened once for all of its pieces that are near each other. What is asked for and not handed out yet is bounded, whatever
/// the pieces are; only a single piece that is larger is held whole.
struct SFTPReading {
    /// Bytes that were asked for, or have come and wait for a piece before them.
    private static let window = 8 << 20
    /// Requests on their way, however small.
    private static let requestLimit = 1024
    /// Pieces that were begun and not handed out.
    private static let pieceLimit = 4096

    private enum Subject {
        case opening(FilePath)
        case length(FilePath)
        case bytes(position: Int, offset: Int, length: Int)
    }

    private struct OpenFile {
        var handle: [UInt8]?
        var length: Int?
        var isAbsent = false
        /// Pieces of it that were begun and not handed out.
        var positions: [Int] = []
    }

    private let pieces: [FilePiece]
    private let root: FilePath
    private let connection: SFTPConnection
    private var states: [Int: SFTPPiece] = [:]
    private var files: [FilePath: OpenFile] = [:]
    /// How many pieces of each file were not handed out.
    private var wanted: [FilePath: Int] = [:]
    /// The first that was not begun, and the one that is handed out next.
    private var (begun, handedOut) = (0, 0)
    /// Those that were begun and have parts that nobody asked for yet, in order.
    private var unasked: [Int] = []
    private var requests: [(number: UInt32, subject: Subject)] = []
    private var held = 0

    /// - Parameter root: The directory that paths begin at.
    init(_ pieces: [FilePiece], below root: FilePath, _ connection: SFTPConnection) {
        (self.pieces, self.root, self.connection) = (pieces, root, connection)
        for piece in pieces { wanted[piece.path, default: 0] += 1 }
    }

    /// Ends what is on its way, and closes what is open.
    func abandon() {
        connection.forget(requests.map(\.number))
        for file in files.values { if let handle = file.handle { connection.sendAside(.close(handle)) } }
    }

    /// The next piece; nothing when all were handed out.
    mutating func next() throws(TransportError) -> (Int, PieceContent?)? {
        while handedOut < pieces.count {
            if let state = states[handedOut], state.isComplete {
                defer { handedOut += 1 }
                states[handedOut] = nil
                held -= state.held
                leave(pieces[handedOut].path)
                return (handedOut, state.content)
            }
            try begin()
            try ask()
            // What is known to be absent needs no request.
            if states[handedOut]?.isComplete == true { continue }
            try takeReply()
        }
        return nil
    }

    // MARK: Files

    private mutating func begin() throws(TransportError) {
        while begun < pieces.count, begun - handedOut < Self.pieceLimit, requests.count < Self.requestLimit {
            let path = pieces[begun].path
            if files[path] == nil {
                guard files.count < connection.limits.handles || closeIdle() else { return }
                files[path] = OpenFile()
                let number = try connection.send(
                    .open(root.appending(path.bytes), .read, SFTPAttributes()))
                requests.append((number, .opening(path)))
            }
            var state = SFTPPiece(pieces[begun])
            if let file = files[path] {
                if file.isAbsent { state.setAbsent() }
                if let length = file.length { try state.setFileLength(length) }
            }
            files[path]?.positions.append(begun)
            states[begun] = state
            if state.hasMoreToAsk { unasked.append(begun) }
            begun += 1
        }
    }

    /// Closes a file that no piece waits for now.
    private mutating func closeIdle() -> Bool {
        guard let (path, file) = files.first(where: { $0.value.positions.isEmpty }) else { return false }
        close(file)
        files[path] = nil
        return true
    }

    private func close(_ file: OpenFile) {
        if let handle = file.handle { connection.sendAside(.close(handle)) }
    }

    /// Notes that a piece was handed out: the last one of a file closes it.
    private mutating func leave(_ path: FilePath) {
        let left = (wanted[path] ?? 1) - 1
        wanted[path] = left
        guard var file = files[path] else { return }
        file.positions.removeAll { $0 == handedOut }
        files[path] = left > 0 ? file : nil
        if left == 0 { close(file) }
    }

    // MARK: Requests

    private mutating func ask() throws(TransportError) {
        var index = 0
        while index < unasked.count, requests.count < Self.requestLimit {
            let position = unasked[index]
            guard var state = states[position], state.hasMoreToAsk else {
                unasked.remove(at: index)
                continue
            }
            guard let handle = files[pieces[position].path]?.handle,
                let part = state.nextPart(limit: connection.limits.reading)
            else {
                index += 1
                continue
            }
            // With nothing on its way, the piece that all wait for goes on, whatever is held.
            guard requests.isEmpty || held + part.length <= Self.window else { return }
            try ask(part, position, handle)
            state.ask(part)
            states[position] = state
        }
    }

    private mutating func ask(
        _ part: (offset: Int, length: Int), _ position: Int, _ handle: [UInt8]
    ) throws(TransportError) {
        let number = try connection.send(.read(handle, offset: part.offset, length: part.length))
        requests.append((number, .bytes(position: position, offset: part.offset, length: part.length)))
        held += part.length
    }

    // MARK: Replies

    private mutating func takeReply() throws(TransportError) {
        guard let (number, subject) = requests.first else { throw connection.unexpected() }
        let reply = try connection.reply(to: number)
        requests.removeFirst()
        switch subject {
        case .opening(let path): try takeHandle(reply, of: path)
        case .length(let path): try takeLength(reply, of: path)
        case .bytes(let position, let offset, let length):
            held -= length
            try takeBytes(reply, position, (offset, length))
        }
    }

    private mutating func takeHandle(_ reply: SFTPReply, of path: FilePath) throws(TransportError) {
        guard var file = files[path] else { return }
        switch reply {
        case .handle(let handle):
            file.handle = handle
            files[path] = file
            requests.append((try connection.send(.attributesOfHandle(handle)), .length(path)))
        case .status(let status) where status.isAbsent:
            file.isAbsent = true
            files[path] = file
            for position in file.positions { states[position]?.setAbsent() }
        case .status(let status) where !status.isDone: throw status.error("open", path)
        default: throw connection.unexpected()
        }
    }

    private mutating func takeLength(_ reply: SFTPReply, of path: FilePath) throws(TransportError) {
        guard case .attributes(let attributes) = reply else {
            guard case .status(let status) = reply, !status.isDone else { throw connection.unexpected() }
            throw status.error("ask for", path)
        }
        guard attributes.isRegular else { throw TransportError(.failed, "\(path) is not a file") }
        let length = try attributes.length()
        guard var file = files[path] else { return }
        file.length = length
        files[path] = file
        for position in file.positions { try states[position]?.setFileLength(length) }
    }

    private mutating func takeBytes(
        _ reply: SFTPReply, _ position: Int, _ part: (offset: Int, length: Int)
    ) throws(TransportError) {
        guard var state = states[position] else { return }
        defer { states[position] = state }
        switch reply {
        case .data(let bytes):
            guard !bytes.isEmpty, bytes.count <= part.length else { throw connection.unexpected() }
            held += bytes.count
            guard let rest = state.take(bytes, for: part) else { return }
            guard let handle = files[pieces[position].path]?.handle else { throw connection.unexpected() }
            try ask(rest, position, handle)
            state.ask(rest)
        case .status(let status) where status.code == .endOfFile: state.takeEnd(at: part.offset)
        case .status(let status) where !status.isDone: throw status.error("read", pieces[position].path)
        default: throw connection.unexpected()
        }
    }
}
