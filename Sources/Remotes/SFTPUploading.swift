internal import FileIO
internal import Hashing

/// One upload over SFTP: what the other side lacks of a file is sent without waiting for each reply.
struct SFTPUploading {
    /// Bytes that are on their way at once.
    private static let window = 4 << 20
    /// Bytes that wait to be sent: more would only be in the way of what comes after a failure.
    private static let unsentLimit = 1 << 20

    private let upload: Upload
    private let root: FilePath
    private let naming: SFTPNaming
    private let connection: SFTPConnection

    /// - Parameter root: The directory that paths begin at.
    init(_ upload: Upload, below root: FilePath, _ naming: SFTPNaming, _ connection: SFTPConnection) {
        (self.upload, self.root, self.naming, self.connection) = (upload, root, naming, connection)
    }

    /// - Returns: Whether the file got its name by this; not, if that was taken.
    func run(progress: (Int) -> Void) throws(TransportError) -> Bool {
        guard let length = try lengthOfPartial() else { return false }
        try naming.prepare()
        var reported = 0
        func send(_ file: FilePath, from start: Int, _ mode: SFTPRequest.Mode) throws(TransportError) -> Bool?
        {
            progress(start - reported)
            reported = start
            return try self.send(file, from: start, mode) { count in
                progress(count)
                reported += count
            }
        }
        if length <= upload.length {
            if let isNew = try send(upload.partial, from: length, length > 0 ? [] : .create) { return isNew }
        } else {
            forget(upload.partial)
        }
        if length > 0 {
            // What an earlier attempt left had other bytes. A second one gets a name that nobody else knows: somebody who goes on
            // with the first, and finds it complete, must not find another one in its place.
            if let isNew = try send(naming.temporary("upload"), from: 0, .new) { return isNew }
        }
        throw TransportError(
            .failed,
            "what was written of \(upload.path) is not what was sent, or \(upload.content.label) changed")
    }

    /// Sends what a file lacks, and gives it its name.
    ///
    /// - Returns: Whether it got the name; not, if that was taken. Nothing if the file has other bytes than it should: then it is gone.
    private func send(
        _ file: FilePath, from start: Int, _ mode: SFTPRequest.Mode, progress: (Int) -> Void
    ) throws(TransportError) -> Bool? {
        let handle = try naming.open(file, mode, permissions: 0o644)
        defer { connection.sendAside(.close(handle)) }
        do throws(TransportError) {
            var found = try send(handle, from: start, progress: progress)
            if start > 0, found != nil { found = try digest(of: file) }
            guard found == upload.digest else {
                forget(file)
                return nil
            }
            let isNew = try naming.give(file, upload.path)
            // Only now: an unfinished file that could not be written any more could not be gone on with.
            if isNew { connection.sendAside(.setAttributes(handle, SFTPAttributes(mode: 0o444))) }
            return isNew
        } catch {
            // Under a name of its own, nobody goes on with it.
            if file != upload.partial { forget(file) }
            guard error.kind == .absent else { throw error }
            throw TransportError(.unreachable, "another upload of the same file is at work")
        }
    }

    private func forget(_ file: FilePath) { connection.sendAside(.remove(root.appending(file.bytes))) }

    // MARK: The file there

    /// How much is there, 0 if nothing is; nothing if the upload's own name is taken.
    private func lengthOfPartial() throws(TransportError) -> Int? {
        let asked = [
            try connection.send(.attributes(root.appending(upload.path.bytes))),
            try connection.send(.attributes(root.appending(upload.partial.bytes))),
        ]
        defer { connection.forget(asked) }
        if try attributes(asked[0], upload.path) != nil { return nil }
        guard let found = try attributes(asked[1], upload.partial), found.isRegular else { return 0 }
        return try found.length()
    }

    private func attributes(_ number: UInt32, _ path: FilePath) throws(TransportError) -> SFTPAttributes? {
        switch try connection.reply(to: number) {
        case .attributes(let attributes): return attributes
        case .status(let status) where status.isAbsent: return nil
        case .status(let status) where !status.isDone: throw status.error("ask for", path)
        default: throw connection.unexpected()
        }
    }

    // MARK: Bytes

    /// Sends what lies behind a start, and waits until all of it has arrived and is durable.
    ///
    /// - Returns: SHA-256 of what was sent; nothing if the file there has another length than it should.
    private func send(
        _ handle: [UInt8], from start: Int, progress: (Int) -> Void
    ) throws(TransportError) -> Digest? {
        let pieceLength = connection.limits.writing
        var hash = SHA256()
        var asked: [(number: UInt32, count: Int)] = []
        defer { connection.forget(asked.map(\.number)) }
        var (offset, onTheirWay, isOver) = (start, 0, start >= upload.length)
        while !isOver {
            while !isOver, onTheirWay < Self.window, connection.unsent < Self.unsentLimit {
                var bytes = [UInt8](repeating: 0, count: min(pieceLength, upload.length - offset))
                let count: Int
                do throws(FileError) { count = try upload.content.read(filling: &bytes, at: offset) } catch {
                    // What was sent before arrives, and is told of, so that another attempt goes on behind it.
                    try confirm(&asked, progress)
                    throw TransportError(.failed, "\(error)")
                }
                guard count > 0 else {
                    // A file that is shorter than it was is found by its digest.
                    isOver = true
                    break
                }
                bytes[..<count].withUnsafeBytes { hash.update($0) }
                asked.append((try connection.send(.write(handle, offset: offset, bytes[..<count])), count))
                offset += count
                onTheirWay += count
                isOver = offset >= upload.length
            }
            if isOver { break }
            let isWaiting = asked.first.map { !connection.hasReply(to: $0.number) } ?? true
            guard !isWaiting || onTheirWay >= Self.window, let first = asked.first else {
                try connection.advance()
                continue
            }
            onTheirWay -= first.count
            try confirmFirst(&asked, progress)
        }
        // It comes behind the bytes, so it need not wait for the replies to them.
        let synchronizing = connection.canSynchronize ? try connection.send(.synchronize(handle)) : nil
        let asking = try connection.send(.attributesOfHandle(handle))
        defer { connection.forget([synchronizing, asking].compactMap { $0 }) }
        try confirm(&asked, progress)
        if let synchronizing {
            let status = try connection.status(of: synchronizing, within: SFTPNaming.patience)
            guard status.isDone else { throw status.error("synchronize", upload.partial) }
        }
        guard let found = try attributes(asking, upload.partial) else { return nil }
        return try found.length() == upload.length ? hash.finish() : nil
    }

    private func confirm(
        _ asked: inout [(number: UInt32, count: Int)], _ progress: (Int) -> Void
    ) throws(TransportError) {
        while !asked.isEmpty { try confirmFirst(&asked, progress) }
    }

    private func confirmFirst(
        _ asked: inout [(number: UInt32, count: Int)], _ progress: (Int) -> Void
    ) throws(TransportError) {
        let (number, count) = asked[0]
        let status = try connection.status(of: number)
        asked.removeFirst()
        guard status.isDone else { throw status.error("write", upload.partial) }
        progress(count)
    }

    /// SHA-256 of what lies there, all of which is read back.
    ///
    /// What was there before is of nobody knows which bytes, and nobody there can compute it.
    private func digest(of file: FilePath) throws(TransportError) -> Digest? {
        var hash = SHA256()
        let step = 1 << 20
        let pieces = stride(from: 0, to: max(1, upload.length), by: step).map {
            FilePiece(file, .range(offset: $0, length: min(step, upload.length - $0)))
        }
        var length = 0
        var reading = SFTPReading(pieces, below: root, connection)
        defer { reading.abandon() }
        while let (_, content) = try reading.next() {
            guard let content, content.fileLength == upload.length else { return nil }
            content.bytes.withUnsafeBytes { hash.update($0) }
            length += content.bytes.count
        }
        return length == upload.length ? hash.finish() : nil
    }
}
