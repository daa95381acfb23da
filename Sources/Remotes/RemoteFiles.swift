internal import FileIO
internal import ObjectModel
internal import Storage
internal import Synchronization

/// The files of another store's log, read ahead: who asks for an entry gets those behind it with the same request.
final class RemoteFiles: LogFiles {
    private let transport: any Transport
    private let layout: StoreLayout
    private let state = Mutex(State())

    private struct State {
        /// What was read ahead, or was not there; each is handed out once.
        var ahead: [FilePath: [UInt8]?] = [:]
        /// How many entries are asked for at a time.
        var width = firstWidth
        var failure: TransportError?
    }

    private static let firstWidth = 8
    private static let mostWidth = 512

    init(_ transport: any Transport, _ layout: StoreLayout) {
        (self.transport, self.layout) = (transport, layout)
    }

    /// The last failure of the way there, which a ``StoreError`` only tells as text.
    var failure: TransportError? { state.withLock { $0.failure } }

    /// Runs calls, and notes how they fail.
    func calling<Result>(_ body: () throws(TransportError) -> Result) throws(StoreError) -> Result {
        do throws(TransportError) { return try body() } catch {
            state.withLock { $0.failure = error }
            throw .unreachable("\(error)")
        }
    }

    func contents(of path: FilePath, limit: Int) throws(StoreError) -> [UInt8]? {
        if let known = state.withLock({ $0.ahead.removeValue(forKey: path) }) { return known }
        var paths = [path]
        if let number = number(of: path) { paths = log(from: number) }
        try readAhead(paths, limit: limit)
        return state.withLock { $0.ahead.removeValue(forKey: path) } ?? nil
    }

    /// Reads files with one request, each of which is then handed out once.
    ///
    /// - Parameter number: Of the entry from which on the log is read, too.
    func readAhead(_ first: [FilePath] = [], from number: Int) throws(StoreError) {
        try readAhead(first + log(from: number), limit: 0)
    }

    /// An entry and those behind it, and the tile that would have sealed it: as the log is read.
    private func log(from number: Int) -> [FilePath] {
        let width = state.withLock { state in
            // Who asks again and again has far to go.
            defer { state.width = min(Self.mostWidth, state.width * 2) }
            return state.width
        }
        let tiles = Set((number...number + 1).map { $0 / OperationLog.tileWidth }).sorted()
        return (number..<number + width).map { layout.entry($0) } + tiles.map { layout.tile("entries", $0) }
    }

    private func readAhead(_ paths: [FilePath], limit: Int) throws(StoreError) {
        var found: [FilePath: [UInt8]?] = [:]
        try calling { () throws(TransportError) in
            var pieces: [FilePiece] = []
            for path in paths {
                pieces.append(FilePiece(try relative(path), .whole(limit: self.limit(of: path, limit))))
            }
            try transport.read(pieces) { position, content in found[paths[position]] = .some(content?.bytes) }
        }
        state.withLock { $0.ahead.merge(found) { _, new in new } }
    }

    private func limit(of path: FilePath, _ limit: Int) -> Int {
        if number(of: path) != nil { return LogEntryFile.byteLimit }
        return max(limit, OperationLog.tileWidth * (LogEntry.byteLimit + 2))
    }

    /// The number of an entry, if that is what a path is the path of.
    private func number(of path: FilePath) -> Int? {
        guard path.parent == layout.newEntries else { return nil }
        return Int(String(decoding: path.name, as: UTF8.self))
    }

    /// Forgets what was read ahead: it may have changed.
    func forget() {
        state.withLock { ($0.ahead, $0.width, $0.failure) = ([:], Self.firstWidth, nil) }
    }

    func properties(of paths: [FilePath]) throws(StoreError) -> [FileProperties?] {
        try calling { () throws(TransportError) in
            var places: [FilePath] = []
            for path in paths { places.append(try relative(path)) }
            return try transport.properties(of: places)
        }
    }

    func names(in directory: FilePath) throws(StoreError) -> [[UInt8]] {
        try calling { () throws(TransportError) in try transport.names(in: try relative(directory)) }
    }

    /// Whether packs are there that are more than the one that a store begins with.
    func havePacks() throws(StoreError) -> Bool {
        for directory in try names(in: layout.packs) {
            let above = layout.packs.appending(directory)
            let packs = try names(in: above).map { above.appending($0) }
            let found = packs.isEmpty ? [] : try properties(of: packs)
            if found.contains(where: { ($0?.length ?? 0) > Self.firstPackLimit }) { return true }
        }
        return false
    }

    /// That one is shorter, in bytes.
    private static let firstPackLimit = 4096

    func create(_ path: FilePath, _ bytes: [UInt8], nonce: String) throws(StoreError) -> Bool {
        forget()
        return try calling { () throws(TransportError) in
            let place = try relative(path)
            if try transport.create(place, bytes) { return true }
            // Who made it may be oneself, if only the reply got lost.
            var isOurs = false
            try transport.read([FilePiece(place, .range(offset: 0, length: bytes.count + 1))]) { _, found in
                isOurs = found?.bytes == bytes
            }
            return isOurs
        }
    }

    func remove(_ path: FilePath) throws(StoreError) {
        try calling { () throws(TransportError) in try transport.remove([try relative(path)]) }
    }

    /// A path of the layout as the transport knows it.
    func relative(_ path: FilePath) throws(TransportError) -> FilePath {
        guard let bytes = path.relative(to: layout.root) else {
            throw TransportError(.malformed, "\(path) is not in the store")
        }
        return FilePath(bytes)
    }
}
