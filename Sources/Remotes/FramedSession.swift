internal import FileIO
internal import Hashing
internal import ObjectModel

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// What the server of the framed protocol does for one connection: each request is answered before the next one is looked at.
struct FramedSession {
    /// A partial file that is being sent: one at a time.
    private struct OpenUpload {
        let number: UInt32
        let file: PartialFile
        let partial: FilePath
        let path: FilePath
    }

    /// Replies that wait before they are sent together.
    private static let gathered = 1 << 20
    /// Bytes of names in one frame.
    private static let namesLength = 1 << 20

    private let directory: DirectoryTransport
    private let paths: ServedPath
    private let isReadOnly: Bool
    private let gate: (any ServedGate)?
    private let pulse: Int
    private let patience: Int
    private var upload: OpenUpload?

    /// - Parameters:
    ///   - paths: Which may be asked for.
    ///   - pulse: Milliseconds after which the other side is told that a request is still worked on.
    ///   - patience: Seconds that it may leave what it is sent unread.
    init(
        _ directory: DirectoryTransport, paths: ServedPath, isReadOnly: Bool, gate: (any ServedGate)? = nil,
        pulse: Int, patience: Int
    ) {
        self.gate = gate
        (self.directory, self.paths, self.isReadOnly) = (directory, paths, isReadOnly)
        (self.pulse, self.patience) = (pulse, patience)
    }

    /// Answers a request; only what ends the connection is thrown.
    mutating func answer(_ message: FramedMessage, _ stream: DuplexStream) throws(TransportError) {
        var replies: [FramedReply]
        do throws(TransportError) {
            let request = try FramedRequest(message)
            if isReadOnly, request.isWriting {
                throw TransportError(.denied, "the store is served for reading only")
            }
            replies = try perform(request, message.number, stream)
        } catch {
            if stream.isRefused { return }
            replies = [.failure(directory.outside(error))]
        }
        for reply in replies { stream.enqueue(reply.kind, number: message.number, reply.payload) }
        if stream.unsent > Self.gathered { try stream.flush(within: patience) }
    }

    private mutating func perform(
        _ request: FramedRequest, _ number: UInt32, _ stream: DuplexStream
    ) throws(TransportError) -> [FramedReply] {
        switch request {
        case .read(let piece): return [.content(try read(piece))]
        case .properties(let asked):
            for path in asked { try paths.checkReading(path) }
            return [.properties(try directory.properties(of: asked))]
        case .names(let path):
            try paths.checkReading(path)
            return Self.batches(try directory.names(in: path))
        case .create(let path, let bytes):
            try paths.checkCreating(path)
            guard bytes.count <= FramedMessage.contentLimit else {
                throw TransportError(.unsupported, "\(bytes.count) bytes are too many for one piece")
            }
            let (directory, content, gate) = (directory, Array(bytes), gate)
            return [
                .done(
                    try working(number, stream) { () throws(TransportError) in
                        try gate?.checkCreating(path, content)
                        let isNew = try directory.create(path, content)
                        if isNew { gate?.hasCreated(path) }
                        return isNew
                    })
            ]
        case .uploadBegin(let partial, let path):
            upload = nil
            try paths.checkUpload(partial, path)
            try gate?.checkUploading(path)
            if try directory.properties(of: [path]).contains(where: { $0 != nil }) { return [.taken] }
            let file = try directory.partialFile(partial)
            upload = OpenUpload(number: number, file: file, partial: partial, path: path)
            return [.length(file.length)]
        case .uploadData(let upload, let offset, let bytes):
            return [.length(try append(bytes, at: offset, to: upload))]
        case .uploadFinish(let upload, let path, let length, let digest):
            try paths.checkUploadTarget(path)
            try gate?.checkFinishing(path, digest)
            let open = try openUpload(upload)
            self.upload = nil
            guard open.path == path else {
                throw TransportError(.denied, "this upload was begun for another path")
            }
            // Only the other thread has the file until it is done, which is waited for.
            nonisolated(unsafe) let file = open.file
            let directory = directory
            let isNew = try working(number, stream) { () throws(TransportError) in
                try directory.finish(file, as: path, length: length, digest: digest)
            }
            return [isNew.map { .done($0) } ?? .wrongBytes]
        case .remove(let asked):
            for path in asked {
                try paths.checkRemoving(path)
                try gate?.checkRemoving(path)
            }
            try directory.remove(asked)
            return [.done(true)]
        }
    }

    private func read(_ piece: FilePiece) throws(TransportError) -> PieceContent? {
        try paths.checkReading(piece.path)
        let length =
            switch piece.part {
            case .whole(let limit): limit
            case .range(_, let length), .end(let length): length
            }
        guard length <= FramedMessage.pieceLimit else {
            throw TransportError(.unsupported, "\(length) bytes are too many to be read at once")
        }
        var found: PieceContent?
        try directory.read([piece]) { (_, content) throws(TransportError) in found = content }
        return found
    }

    private static func batches(_ names: [[UInt8]]) -> [FramedReply] {
        var (replies, batch, length) = ([FramedReply](), [[UInt8]](), 0)
        for name in names {
            if length > namesLength {
                replies.append(.names(batch, more: true))
                (batch, length) = ([], 0)
            }
            batch.append(name)
            length += name.count + 2
        }
        return replies + [.names(batch, more: false)]
    }

    // MARK: Uploads

    private func openUpload(_ number: UInt32) throws(TransportError) -> OpenUpload {
        guard let upload, upload.number == number else {
            throw TransportError(.failed, "this upload is not open, or has failed")
        }
        return upload
    }

    /// - Returns: How much of the file is there now.
    private mutating func append(
        _ bytes: ArraySlice<UInt8>, at offset: Int, to number: UInt32
    ) throws(TransportError) -> Int {
        let open = try openUpload(number)
        let file = open.file
        do throws(TransportError) {
            guard offset == file.length else {
                throw TransportError(.malformed, "bytes for \(offset) came, where \(file.length) are there")
            }
            // A client whose line broke may go on over another one, and have the file finished there, while the rest of what it
            // sent over this one still comes: that must not be added to what has its name by now.
            let length = try directory.properties(of: [open.partial]).first.flatMap { $0?.length }
            guard length == file.length else {
                throw TransportError(.failed, "another connection goes on with this upload")
            }
            do throws(FileError) { try file.append(bytes) } catch { throw TransportError(error) }
        } catch {
            // A file that ends anywhere is not gone on with here; another attempt looks at its length again.
            upload = nil
            throw error
        }
        return file.length
    }

    // MARK: What takes its time

    /// Does something on another thread, and lets the other side know meanwhile that it is not forgotten.
    private func working<Result: Sendable>(
        _ number: UInt32, _ stream: DuplexStream,
        _ body: @escaping @Sendable () throws(TransportError) -> Result
    ) throws(TransportError) -> Result {
        let outcome = Monitor<Swift.Result<Result, TransportError>?>(nil)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return try body() }
        let (waiting, finished) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(waiting) }
        let thread = Thread {
            let result: Swift.Result<Result, TransportError>
            do throws(TransportError) { result = .success(try body()) } catch { result = .failure(error) }
            outcome.withLock { $0 = result }
            close(finished)
        }
        guard let thread else {
            close(finished)
            return try body()
        }
        var problem: TransportError?
        while true {
            var descriptors = [pollfd(fd: waiting, events: Int16(POLLIN), revents: 0)]
            let ready = poll(&descriptors, 1, problem == nil ? Int32(clamping: pulse) : -1)
            if ready > 0 { break }
            guard ready == 0 else { continue }
            // What was begun is brought to its end, also if nobody hears of it any more.
            do throws(TransportError) {
                stream.enqueue(FramedReply.working.kind, number: number, [])
                try stream.flush(within: patience)
            } catch { problem = error }
        }
        thread.join()
        return try outcome.wait { $0 }.get()
    }
}
