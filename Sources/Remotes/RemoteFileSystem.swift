package import FileIO
internal import Hashing
internal import Storage
internal import Synchronization

/// The files of another store as a file system, so that whatever checks, mends or collects a store on a disk does so there as well.
///
/// Only what lies in a store can be asked for. Files that are being made (`tmp/`) and what is derived (`cache/`) lie on this side; with
/// the name that makes it part of the store, a file goes there, durably. What was read of packs and of the log is kept for a while: it
/// never changes. After a failed call every other one fails too: nobody takes a lost line for a damaged store.
package final class RemoteFileSystem: FileSystem {
    let transport: any Transport
    let root: FilePath
    private let place: ScratchPlace
    var own: any FileSystem { place.files }
    private var scratch: FilePath { place.layout.root }
    let owner: String
    let state = Mutex(State())

    struct State {
        var handles: [FileDescriptor: Handle] = [:]
        var nextHandle: Int32 = 1 << 30
        /// Packs that were opened, by their relative paths.
        var packs: [FilePath: RemoteFileReader] = [:]
        /// Entries of the log that came with others, by their relative paths.
        var ahead: [FilePath: PieceContent] = [:]
        var failure: TransportError?
    }

    enum Handle {
        case here(FileDescriptor)
        case there(RemoteFileReader)
        /// A file that tells the other side's time.
        case clock(FileProperties)
    }

    /// Entries that are asked for with the one that is needed.
    private static let entriesAhead = 64
    /// Of those that came, at least so many are kept.
    private static let entriesHeld = 1024
    private static let packsAtOnce = 256
    /// No file is longer, in bytes.
    private static let lengthLimit = 1 << 48
    /// Files of the log, and `format`, are not longer, in bytes.
    static let smallLimit = 64 << 20

    /// - Parameters:
    ///   - root: Where the store lies: paths that begin with it mean files of the other side.
    ///   - owner: Who uploads, as a file name.
    ///   - place: Where files are made on this side.
    package init(_ transport: any Transport, at root: FilePath, owner: String, in place: ScratchPlace) {
        (self.transport, self.root, self.owner, self.place) = (transport, root, owner, place)
    }

    /// Why a call failed, if one did.
    package var failure: TransportError? { state.withLock { $0.failure } }

    // MARK: Which side

    enum Place {
        case here(FilePath)
        /// Relative to the store.
        case there(FilePath)
    }

    func place(_ path: FilePath) throws(FileError) -> Place {
        if path == root { return .there(FilePath(".")) }
        guard let relative = path.relative(to: root) else { throw .unsupported("reach", path) }
        let isHere = ["tmp/", "cache/"].contains { relative.starts(with: $0.utf8) }
        if isHere || relative.elementsEqual("cache".utf8) { return .here(scratch.appending(relative)) }
        return .there(FilePath(relative))
    }

    func file(here path: FilePath) throws(FileError) -> FilePath {
        guard case .here(let file) = try place(path) else { throw .unsupported("change", path) }
        return file
    }

    /// Whether the layout has a directory there.
    private func isDirectory(_ relative: FilePath) -> Bool {
        let names = relative.bytes.split(separator: UInt8(ascii: "/")).map {
            String(decoding: $0, as: UTF8.self)
        }
        switch names.first {
        case ".", "tmp": return names.count == 1
        case "packs": return names.count < 3
        case "log":
            if names.count < 3 { return true }
            return names[1] == "tile" && (names.count == 3 || names[names.count - 1].hasPrefix("x"))
        default: return false
        }
    }

    func calling<Result>(
        _ operation: String, _ path: FilePath, _ body: () throws(TransportError) -> Result
    ) throws(FileError) -> Result {
        if failure != nil { throw FileError(operation, path, .failed) }
        do throws(TransportError) { return try body() } catch {
            if ![.absent, .denied].contains(error.kind) {
                state.withLock { $0.failure = $0.failure ?? error }
            }
            throw FileError(operation, path, error.kind)
        }
    }

    /// What the other side says of files, as far as it can be.
    func properties(of paths: [FilePath]) throws(TransportError) -> [FileProperties?] {
        let found = try transport.properties(of: paths)
        // Whoever adds up lengths, or asks how old something is, need not think of such.
        for case let file? in found
        where !(0...Self.lengthLimit).contains(file.length) || file.modified.magnitude >= 1 << 62 {
            throw TransportError(.malformed, "it says of a file what cannot be: \(file.length) bytes")
        }
        return found
    }

    // MARK: Reading

    package func open(_ path: FilePath) throws(FileError) -> FileDescriptor {
        switch try place(path) {
        case .here(let file): return try note(.here(own.open(file)))
        case .there(let relative):
            if relative.bytes.starts(with: "packs/".utf8) { return note(.there(try pack(relative, path))) }
            let content = try small(relative, path)
            return note(.there(RemoteFileReader(transport, relative, holding: content)))
        }
    }

    func note(_ handle: Handle) -> FileDescriptor {
        state.withLock { state in
            let file = FileDescriptor(raw: state.nextHandle)
            state.nextHandle += 1
            state.handles[file] = handle
            return file
        }
    }

    private func pack(_ relative: FilePath, _ path: FilePath) throws(FileError) -> RemoteFileReader {
        if let known = state.withLock({ $0.packs[relative] }) { return known }
        let properties = try calling("open", path) { () throws(TransportError) in
            try self.properties(of: [relative])
        }
        guard let found = properties.first.flatMap({ $0 }) else { throw FileError("open", path, .absent) }
        let reader = RemoteFileReader(transport, relative, found)
        state.withLock { $0.packs[relative] = reader }
        return reader
    }

    /// Announces packs that will be opened: what is known of them, and their ends, come with few requests.
    package func expect(_ packs: [FilePath]) throws(FileError) {
        var rest = packs.compactMap { $0.relative(to: root).map { FilePath($0) } }[...]
        while !rest.isEmpty {
            let some = Array(rest.prefix(Self.packsAtOnce))
            rest = rest.dropFirst(some.count)
            try calling("open", root) { () throws(TransportError) in
                let found = try properties(of: some)
                var readers: [RemoteFileReader] = []
                for (path, properties) in zip(some, found) {
                    if let properties { readers.append(RemoteFileReader(transport, path, properties)) }
                }
                try transport.read(readers.map { FilePiece($0.path, .end(length: PackReader.endLength)) }) {
                    if let end = $1 { readers[$0].take(end) }
                }
                state.withLock { state in for reader in readers { state.packs[reader.path] = reader } }
            }
        }
    }

    private func small(_ relative: FilePath, _ path: FilePath) throws(FileError) -> PieceContent {
        if let known = state.withLock({ $0.ahead[relative] }) { return known }
        let paths = [relative] + following(relative)
        var found: [FilePath: PieceContent] = [:]
        try calling("read", path) { () throws(TransportError) in
            let pieces = paths.map { FilePiece($0, .whole(limit: Self.smallLimit)) }
            try transport.read(pieces) { if let content = $1 { found[paths[$0]] = content } }
        }
        guard let content = found.removeValue(forKey: relative) else {
            throw FileError("open", path, .absent)
        }
        // What is there stays as it is; what is not may come.
        state.withLock { state in
            if state.ahead.count > Self.entriesHeld { state.ahead = [:] }
            state.ahead.merge(found) { _, new in new }
        }
        return content
    }

    /// The entries of the log behind one.
    private func following(_ relative: FilePath) -> [FilePath] {
        let text = String(decoding: relative.name, as: UTF8.self)
        guard relative.parent == FilePath("log/new"), let number = Int(text) else { return [] }
        return (1...Self.entriesAhead).map { step in
            let digits = String(number + step)
            return relative.parent
                / (String(repeating: "0", count: max(0, text.utf8.count - digits.utf8.count)) + digits)
        }
    }

    package func read(
        _ file: FileDescriptor, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(FileError) -> Int {
        switch state.withLock({ $0.handles[file] }) {
        case .here(let own): return try self.own.read(own, into: buffer, at: offset)
        case .there(let reader):
            let bytes = try calling("read", root.appending(reader.path.bytes)) { () throws(TransportError) in
                try reader.bytes(at: offset, count: buffer.count)
            }
            bytes.withUnsafeBytes { buffer.copyMemory(from: $0) }
            return bytes.count
        case .clock, nil: return 0
        }
    }

    package func status(of file: FileDescriptor) throws(FileError) -> FileStatus {
        switch state.withLock({ $0.handles[file] }) {
        case .here(let own): try self.own.status(of: own)
        case .there(let reader): FileStatus(reader.properties)
        case .clock(let properties): FileStatus(properties)
        case nil: throw .unsupported("look at", root)
        }
    }

    package func close(_ file: FileDescriptor) {
        switch state.withLock({ $0.handles.removeValue(forKey: file) }) {
        case .here(let own): self.own.close(own)
        case .there(let reader): reader.forget()
        case .clock, nil: return
        }
    }

    package func status(_ path: FilePath) throws(FileError) -> FileStatus? {
        switch try place(path) {
        case .here(let file):
            if let found = try own.status(file) { return found }
            guard path.parent == root / "tmp", let relative = path.relative(to: root) else { return nil }
            return try status(FilePath(relative), path)
        case .there(let relative): return isDirectory(relative) ? .directory : try status(relative, path)
        }
    }

    private func status(_ relative: FilePath, _ path: FilePath) throws(FileError) -> FileStatus? {
        if let known = state.withLock({ $0.packs[relative] }) { return FileStatus(known.properties) }
        let found = try calling("look at", path) { () throws(TransportError) in
            try self.properties(of: [relative])
        }
        return found.first.flatMap { $0 }.map { FileStatus($0) }
    }

    package func list(_ directory: FilePath, into listing: inout DirectoryListing) throws(FileError) {
        listing.removeAll()
        guard case .there(let relative) = try place(directory) else {
            return try own.list(try file(here: directory), into: &listing)
        }
        let (names, found) = try calling("list", directory) {
            () throws(TransportError) -> ([[UInt8]], [FileProperties?]) in
            let names = try transport.names(in: relative)
            let files = names.filter { !isDirectory(relative.appending($0)) }
            return (
                names, try files.isEmpty ? [] : properties(of: files.map { relative.appending($0) })
            )
        }
        var statuses = found.makeIterator()
        for name in names {
            let isDirectory = isDirectory(relative.appending(name))
            guard let status = isDirectory ? .directory : (statuses.next() ?? nil).map({ FileStatus($0) })
            else {
                continue
            }
            name.withUnsafeBytes { listing.append(name: $0, status: status) }
        }
    }

    /// Memory is lent of no file: whoever needs the end of one reads that.
    package func map(_ path: FilePath) throws(FileError) -> MappedFile { throw .unsupported("map", path) }

    package func readLink(_ path: FilePath) throws(FileError) -> [UInt8] {
        throw .unsupported("follow", path)
    }

    /// How much room there is on the other side is not known.
    package func freeSpace(_ path: FilePath) throws(FileError) -> Int { .max / 2 }
}

extension FileStatus {
    /// What another machine says of a file.
    fileprivate init(_ properties: FileProperties) {
        self.init(
            kind: .file, permissions: 0o444, size: properties.length, modified: properties.modified,
            changed: properties.modified, inode: 0, device: 0)
    }
}

extension FileError {
    /// The error by which a file system says what a transport says.
    init(_ operation: String, _ path: FilePath, _ kind: TransportError.Kind) {
        switch kind {
        case .absent: self = .notFound(operation, path)
        case .denied: self = .denied(operation, path)
        case .full: self = .full(operation, path)
        default: self = .failed(operation, path)
        }
    }
}
