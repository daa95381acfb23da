package import FileIO
internal import Hashing

/// A store on a machine that has SSH but not this program: its files, by SFTP version 3 over two descriptors.
///
/// Nothing that is there is overwritten: a file gets its name by `hardlink@openssh.com`, or by a renaming that the server was seen to
/// refuse where there is a file. `posix-rename@openssh.com` is never used. What is durable there depends on the server
/// (``losesOnPowerCut``). Calls from several threads take turns; what a call is handed may call it again from the same thread.
package final class SFTPTransport: Transport {
    package let name: String
    private let root: FilePath
    private let lock = RecursiveLock()
    /// Only with the lock, as the next one.
    private nonisolated(unsafe) let connection: SFTPConnection
    private nonisolated(unsafe) let naming: SFTPNaming

    /// Bytes of memory for all names in a directory; more are not believed.
    private static let namesLimit = 256 << 20
    /// Requests that are on their way at once, where each has a small reply.
    private static let window = 256
    /// Bytes of a file that is made in one piece.
    private static let contentLimit = 4 << 20

    /// Opens a connection to whoever is at the other end.
    ///
    /// - Parameters:
    ///   - name: What errors call it.
    ///   - root: The directory that holds the store's `format`; from the login directory on if it is not absolute.
    ///   - input: Is read from; belongs to this from now on, as does the other.
    ///   - output: Is written to. If it is a pipe, ``FramedTransport/ignoreBrokenPipes()`` was called before.
    ///   - process: The program at the other end, which is waited for when this is closed.
    ///   - seconds: How long nothing may come while something is awaited.
    ///   - opening: The same for the server's first words; as long as for anything else without it.
    ///   - random: Hands out that many random bytes.
    package init(
        name: String, root: FilePath, input: FileDescriptor, output: FileDescriptor,
        process: ProcessPipe? = nil, timeLimit seconds: Int = 60, openingLimit opening: Int? = nil,
        random: @escaping @Sendable (Int) -> [UInt8]
    ) throws(TransportError) {
        (self.name, self.root) = (name, root.normalized)
        let stream = DuplexStream(packetsFrom: input.raw, to: output.raw)
        connection = try SFTPConnection(
            stream, process: process, seconds: seconds, opening: opening ?? seconds)
        naming = SFTPNaming(below: self.root, connection, random: random)
    }

    /// Starts a program that leads to an SFTP server, such as ``SSHCommand/subsystemWords()``.
    ///
    /// - Parameter opening: How long the server's first words may take: somebody may be asked for a passphrase before.
    package convenience init(
        name: String, root: FilePath, starting words: [[UInt8]], timeLimit seconds: Int = 60,
        openingLimit opening: Int = 180, random: @escaping @Sendable (Int) -> [UInt8]
    ) throws(TransportError) {
        let process = try ProcessPipe(words, errorOutput: .captured)
        try self.init(
            name: name, root: root, input: process.output, output: process.input, process: process,
            timeLimit: seconds, openingLimit: opening, random: random)
    }

    deinit { connection.close() }

    /// Ends the connection, and waits a moment for the program behind it; every later call fails.
    package func close() { lock.withLock { connection.close() } }

    /// How often the line's delay was waited for so far, the opening included.
    package var roundTrips: Int { lock.withLock { connection.roundTrips } }

    /// What a power cut there may take away that was said to be made, in words for people; there is always something.
    ///
    /// SFTP cannot make the names in a directory durable. Without `fsync@openssh.com`, neither can it files.
    package var losesOnPowerCut: String? {
        lock.withLock {
            connection.canSynchronize
                ? "the names of files that were made last" : "files that were made last, or what is in them"
        }
    }

    /// Makes the directory that is to hold a store; the one above it has to be there.
    package func makeRoot() throws(TransportError) {
        try lock.withLock { () throws(TransportError) in try naming.makeRoot() }
    }

    // MARK: Reading

    package func read(
        _ pieces: [FilePiece], _ body: (Int, PieceContent?) throws(TransportError) -> Void
    ) throws(TransportError) {
        try lock.withLock { () throws(TransportError) in
            var reading = SFTPReading(pieces, below: root, connection)
            defer { reading.abandon() }
            while let (position, content) = try reading.next() { try body(position, content) }
        }
    }

    package func properties(of paths: [FilePath]) throws(TransportError) -> [FileProperties?] {
        try lock.withLock { () throws(TransportError) in
            var found: [FileProperties?] = []
            try pipelining(paths, { .attributes($0) }) { (path, reply) throws(TransportError) in
                switch reply {
                case .attributes(let attributes):
                    guard attributes.isRegular else { return found.append(nil) }
                    let modified = Int64(attributes.modified ?? 0) * 1_000_000_000
                    found.append(FileProperties(length: try attributes.length(), modified: modified))
                case .status(let status) where status.isAbsent: found.append(nil)
                case .status(let status) where !status.isDone: throw status.error("ask for", path)
                default: throw connection.unexpected()
                }
            }
            return found
        }
    }

    package func names(in directory: FilePath) throws(TransportError) -> [[UInt8]] {
        try lock.withLock { () throws(TransportError) in
            let opening = try connection.send(.openDirectory(root.appending(directory.bytes)))
            switch try connection.reply(to: opening) {
            case .handle(let handle):
                defer { connection.sendAside(.close(handle)) }
                return try names(of: handle, directory)
            case .status(let status) where status.isAbsent: return []
            case .status(let status) where !status.isDone: throw status.error("list", directory)
            default: throw connection.unexpected()
            }
        }
    }

    private func names(of handle: [UInt8], _ directory: FilePath) throws(TransportError) -> [[UInt8]] {
        var (names, length) = ([[UInt8]](), 0)
        var asked: [UInt32] = []
        defer { connection.forget(asked) }
        // Most directories are small; of a large one, more and more is asked for at once.
        var (width, empty) = (2, 0)
        while true {
            while asked.count < width { asked.append(try connection.send(.names(handle))) }
            let reply = try connection.reply(to: asked[0])
            asked.removeFirst()
            switch reply {
            case .names(let entries):
                let some = entries.map(\.name).filter { $0 != [0x2e] && $0 != [0x2e, 0x2e] }
                names += some
                // The end has a reply of its own.
                empty += entries.isEmpty ? 1 : 0
                guard empty <= 16 else { throw connection.unexpected() }
                // With what each takes in memory; no reply is for nothing, so that they end.
                length += some.reduce(64) { $0 + $1.count + 48 }
                guard length <= Self.namesLimit else { throw connection.unexpected() }
                width = min(width * 2, 32)
            case .status(let status) where status.code == .endOfFile: return names
            case .status(let status) where !status.isDone: throw status.error("list", directory)
            default: throw connection.unexpected()
            }
        }
    }

    // MARK: Writing

    package func create(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError) -> Bool {
        guard bytes.count <= Self.contentLimit else {
            throw TransportError(.unsupported, "\(path) has \(bytes.count) bytes, too many for one piece")
        }
        return try lock.withLock { () throws(TransportError) in
            try naming.prepare()
            let temporary = naming.temporary("create")
            let handle = try naming.open(temporary, .new, permissions: 0o444)
            do throws(TransportError) {
                try write(bytes, to: temporary, handle)
                return try naming.give(temporary, path)
            } catch {
                connection.sendAside(.remove(root.appending(temporary.bytes)))
                throw error
            }
        }
    }

    /// Writes and closes a file, and makes it durable where that can be.
    private func write(_ bytes: [UInt8], to path: FilePath, _ handle: [UInt8]) throws(TransportError) {
        var asked: [UInt32] = []
        defer {
            connection.forget(asked)
            connection.sendAside(.close(handle))
        }
        for start in stride(from: 0, to: bytes.count, by: connection.limits.writing) {
            let part = bytes[start..<min(bytes.count, start + connection.limits.writing)]
            asked.append(try connection.send(.write(handle, offset: start, part)))
        }
        if connection.canSynchronize { asked.append(try connection.send(.synchronize(handle))) }
        while let number = asked.first {
            let status = try connection.status(of: number, within: SFTPNaming.patience)
            asked.removeFirst()
            guard status.isDone else { throw status.error("write", path) }
        }
    }

    /// Makes a file of any size under a name that is free, with the directories above it, and makes it durable where the server can.
    ///
    /// What an earlier call for the same upload left unfinished is gone on with. The server cannot compute the digest: what was gone on
    /// with is read back and hashed before it gets its name. What was sent from its first byte on is not: its digest is that of
    /// what was read here, and that it arrived is what the server said of every piece. Uploads of one owner to one path have the
    /// same bytes; two of them at the same moment then do no harm.
    package func upload(_ upload: Upload, progress: (Int) -> Void) throws(TransportError) -> Bool {
        try lock.withLock { () throws(TransportError) in
            try SFTPUploading(upload, below: root, naming, connection).run(progress: progress)
        }
    }

    package func remove(_ paths: [FilePath]) throws(TransportError) {
        try lock.withLock { () throws(TransportError) in
            try pipelining(paths, { .remove($0) }) { (path, reply) throws(TransportError) in
                guard case .status(let status) = reply else { throw connection.unexpected() }
                guard status.isDone || status.isAbsent else { throw status.error("remove", path) }
            }
        }
    }

    /// Asks about paths without waiting for one reply before the next request.
    private func pipelining(
        _ paths: [FilePath], _ request: (FilePath) -> SFTPRequest,
        _ body: (FilePath, SFTPReply) throws(TransportError) -> Void
    ) throws(TransportError) {
        var asked: [(number: UInt32, path: FilePath)] = []
        defer { connection.forget(asked.map(\.number)) }
        var rest = paths[...]
        while !rest.isEmpty || !asked.isEmpty {
            while asked.count < Self.window, let path = rest.popFirst() {
                asked.append((try connection.send(request(root.appending(path.bytes))), path))
            }
            let first = asked[0]
            let reply = try connection.reply(to: first.number)
            asked.removeFirst()
            try body(first.path, reply)
        }
    }
}
