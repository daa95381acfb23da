internal import FileIO

/// One upload over a connection: what the other side lacks of a file is sent without waiting for each reply.
struct Uploading {
    /// Bytes of one request.
    private static let pieceLength = 256 << 10
    /// Requests that are on their way at once.
    private static let window = 32
    /// Bytes that wait to be sent: more would only be in the way of what comes after a failure.
    private static let unsentLimit = 1 << 20

    private let upload: Upload
    private let connection: FramedConnection

    init(_ upload: Upload, _ connection: FramedConnection) {
        (self.upload, self.connection) = (upload, connection)
    }

    /// - Returns: Whether the file got its name by this; not, if that was taken.
    func run(progress: (Int) -> Void) throws(TransportError) -> Bool {
        var reported = 0
        // What an earlier attempt left may have other bytes; a second time it begins anew.
        for _ in 0..<2 {
            let number = try connection.send(.uploadBegin(partial: upload.partial, upload.path))
            let start: Int
            switch try connection.reply(to: number) {
            case .taken: return false
            case .length(let length): start = length
            default: throw connection.unexpected()
            }
            progress(start - reported)
            reported = start
            let finishing = try send(from: start, to: number) { count in
                progress(count)
                reported += count
            }
            switch try connection.reply(to: finishing) {
            case .done(let isNew): return isNew
            case .wrongBytes: continue
            default: throw connection.unexpected()
            }
        }
        throw TransportError(.failed, "\(upload.content.label) changed while it was read")
    }

    /// Sends what lies behind a start, and that this was all, and waits until all of it has arrived.
    ///
    /// - Returns: The request that ends the upload, whose reply is still to come.
    private func send(
        from start: Int, to number: UInt32, progress: (Int) -> Void
    ) throws(TransportError) -> UInt32 {
        var asked: [(number: UInt32, end: Int)] = []
        var (offset, arrived, isOver) = (start, start, start >= upload.length)
        var finishing: UInt32?
        var hasArrived = false
        defer {
            // After a failure, nothing of what is on its way is waited for.
            connection.forget(asked.map(\.number))
            if !hasArrived, let finishing { connection.forget([finishing]) }
        }
        while true {
            while !isOver, asked.count < Self.window, connection.unsent < Self.unsentLimit {
                var bytes = [UInt8](repeating: 0, count: min(Self.pieceLength, upload.length - offset))
                let count: Int
                do throws(FileError) { count = try upload.content.read(filling: &bytes, at: offset) } catch {
                    // What was sent before arrives, and is told of, so that another attempt goes on behind it.
                    while let first = asked.first {
                        guard case .length(first.end) = try connection.reply(to: first.number) else {
                            throw connection.unexpected()
                        }
                        asked.removeFirst()
                        progress(first.end - arrived)
                        arrived = first.end
                    }
                    throw TransportError(error)
                }
                let request = FramedRequest.uploadData(upload: number, offset: offset, bytes[..<count])
                // A file that is shorter than it was is found by its digest.
                isOver = count < Self.pieceLength || offset + count == upload.length
                guard count > 0 else { break }
                offset += count
                asked.append((try connection.send(request), offset))
            }
            if isOver, finishing == nil {
                // It comes behind the bytes, so it need not wait for the replies to them.
                finishing = try connection.send(
                    .uploadFinish(upload: number, upload.path, length: upload.length, upload.digest))
            }
            guard let first = asked.first else {
                guard let finishing else { throw connection.unexpected() }
                hasArrived = true
                return finishing
            }
            if !isOver, asked.count < Self.window, !connection.hasReply(to: first.number) {
                try connection.advance()
                continue
            }
            guard case .length(first.end) = try connection.reply(to: first.number) else {
                throw connection.unexpected()
            }
            asked.removeFirst()
            progress(first.end - arrived)
            arrived = first.end
        }
    }
}
