package import FileIO
package import ObjectModel

/// A store that another program reaches, by the framed protocol over two descriptors: mostly one on another machine, over ssh.
///
/// Calls from several threads take turns. What a call is handed may call it again from the same thread.
package final class FramedTransport: Transport {
    package let name: String
    private let lock = RecursiveLock()
    /// Only with the lock.
    private nonisolated(unsafe) let connection: FramedConnection

    /// Paths of one request, so that it and its reply are small.
    private static let pathsOfRequest = 256
    /// Requests that are on their way at once, where each has a small reply.
    private static let window = 64
    /// Bytes of memory for all names in a directory; more are not believed.
    private static let namesLimit = 256 << 20

    /// Waits for the greeting of whoever is at the other end.
    ///
    /// - Parameters:
    ///   - name: What errors call it.
    ///   - input: Is read from; belongs to this from now on, as does the other.
    ///   - output: Is written to. If it is a pipe, ``ignoreBrokenPipes()`` was called before.
    ///   - process: The program at the other end, which is waited for when this is closed.
    ///   - seconds: How long nothing may come while something is awaited.
    ///   - opening: The same for the greeting; as long as for anything else without it.
    package init(
        name: String, input: FileDescriptor, output: FileDescriptor, process: ProcessPipe? = nil,
        timeLimit seconds: Int = 60, openingLimit opening: Int? = nil
    ) throws(TransportError) {
        self.name = name
        let stream = DuplexStream(framesFrom: input.raw, to: output.raw)
        connection = try FramedConnection(
            stream, process: process, seconds: seconds, opening: opening ?? seconds)
    }

    /// Starts a program that serves a store, or leads to one that does.
    ///
    /// - Parameter opening: How long the greeting may take: somebody may be asked for a passphrase before.
    package convenience init(
        name: String, starting words: [[UInt8]], timeLimit seconds: Int = 60,
        openingLimit opening: Int = 180
    ) throws(TransportError) {
        let process = try ProcessPipe(words, errorOutput: .captured)
        try self.init(
            name: name, input: process.output, output: process.input, process: process, timeLimit: seconds,
            openingLimit: opening)
    }

    deinit { connection.close() }

    /// Ends the connection, and waits a moment for the program behind it; every later call fails.
    package func close() { lock.withLock { connection.close() } }

    /// Lets a write to a pipe that nobody reads fail instead of ending the process.
    ///
    /// The whole process is concerned, so whoever owns it calls this, once, before the first pipe; on sockets it is not needed.
    package static func ignoreBrokenPipes() { DuplexStream.ignoreBrokenPipes() }

    /// How often the line's delay was waited for so far, the opening included.
    package var roundTrips: Int { lock.withLock { connection.roundTrips } }

    /// Whether the other side has said that it refuses every change.
    package var isReadOnly: Bool { lock.withLock { connection.isReadOnly } }

    /// How this side came, as the other one says.
    package var session: Event.Session? { lock.withLock { connection.session } }

    // MARK: Reading

    package func read(
        _ pieces: [FilePiece], _ body: (Int, PieceContent?) throws(TransportError) -> Void
    ) throws(TransportError) {
        try lock.withLock { () throws(TransportError) in
            var reading = PieceReading(pieces, connection)
            defer { connection.forget(reading.numbers) }
            while let (position, content) = try reading.next() { try body(position, content) }
        }
    }

    package func properties(of paths: [FilePath]) throws(TransportError) -> [FileProperties?] {
        try lock.withLock { () throws(TransportError) in
            var found: [FileProperties?] = []
            try inBatches(paths, limit: 64 << 10, { .properties($0) }) {
                (batch, reply) throws(TransportError) in
                guard case .properties(let more) = reply, more.count == batch.count else {
                    throw connection.unexpected()
                }
                found += more
            }
            return found
        }
    }

    package func names(in directory: FilePath) throws(TransportError) -> [[UInt8]] {
        try lock.withLock { () throws(TransportError) in
            let number = try connection.send(.names(directory), limit: FramedMessage.payloadLimit)
            defer { connection.forget([number]) }
            var (names, length, goesOn) = ([[UInt8]](), 0, true)
            while goesOn {
                // One with nothing in it has nothing behind it.
                guard case .names(let some, let more) = try connection.reply(to: number),
                    !some.isEmpty || !more
                else {
                    throw connection.unexpected()
                }
                names += some
                // With what each takes in memory; no reply is for nothing, so that they end.
                length += some.reduce(64) { $0 + $1.count + 48 }
                guard length <= Self.namesLimit else { throw connection.unexpected() }
                goesOn = more
            }
            return names
        }
    }

    // MARK: Writing

    package func create(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError) -> Bool {
        guard bytes.count <= FramedMessage.contentLimit else {
            throw TransportError(.unsupported, "\(path) has \(bytes.count) bytes, too many for one piece")
        }
        return try lock.withLock { () throws(TransportError) in
            let number = try connection.send(.create(path, bytes[...]))
            guard case .done(let isNew) = try connection.reply(to: number) else {
                throw connection.unexpected()
            }
            return isNew
        }
    }

    package func upload(_ upload: Upload, progress: (Int) -> Void) throws(TransportError) -> Bool {
        try lock.withLock { () throws(TransportError) in
            try Uploading(upload, connection).run(progress: progress)
        }
    }

    package func remove(_ paths: [FilePath]) throws(TransportError) {
        try lock.withLock { () throws(TransportError) in
            try inBatches(paths, limit: 0, { .remove($0) }) { (_, reply) throws(TransportError) in
                guard case .done = reply else { throw connection.unexpected() }
            }
        }
    }

    /// Asks about paths, many at a time and without waiting for one reply before the next request.
    private func inBatches(
        _ paths: [FilePath], limit: Int, _ request: ([FilePath]) -> FramedRequest,
        _ body: ([FilePath], FramedReply) throws(TransportError) -> Void
    ) throws(TransportError) {
        var asked: [(number: UInt32, batch: [FilePath])] = []
        defer { connection.forget(asked.map(\.number)) }
        var rest = paths[...]
        while !rest.isEmpty || !asked.isEmpty {
            while !rest.isEmpty, asked.count < Self.window {
                let batch = Array(rest.prefix(Self.pathsOfRequest))
                rest = rest.dropFirst(batch.count)
                asked.append((try connection.send(request(batch), limit: limit), batch))
            }
            let first = asked[0]
            let reply = try connection.reply(to: first.number)
            asked.removeFirst()
            try body(first.batch, reply)
        }
    }
}
