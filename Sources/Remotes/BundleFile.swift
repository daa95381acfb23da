package import FileIO
internal import Hashing
package import ObjectModel
internal import Synchronization

/// A store in one file, to be carried by hand: a tar archive of the store's files (`Documentation/Formats/bundle.md`).
///
/// It is read in place. One that is being made grows at its end; nothing that it has changes or goes.
package final class BundleFile: Transport {
    package let name: String
    private let path: FilePath
    private let files: any FileSystem
    private let file: FileDescriptor
    /// The same file for writing, in one that is being made.
    private let writing: FileDescriptor?
    /// When one that is being made is made, in seconds since 1970-01-01T00:00:00Z.
    private let time: Int
    /// Commits that whoever takes something out of it has to have, with all that they reach.
    package let needs: [ObjectID]
    private let state: Mutex<State>

    private struct State {
        var members: [FilePath: Member] = [:]
        /// Where the next member goes; nothing in one that is only read.
        var end: Int?
    }

    private struct Member {
        let offset: Int
        let properties: FileProperties
    }

    /// The member with the commits that are needed, one in hex on each line.
    private static let needsPath = FilePath("needs")
    /// So many members are looked at.
    private static let memberLimit = 100_000

    private init(
        _ name: String, _ path: FilePath, _ files: any FileSystem, _ file: FileDescriptor,
        writing: FileDescriptor?, _ needs: [ObjectID], _ time: Int, _ state: State
    ) {
        (self.name, self.path, self.files) = (name, path, files)
        (self.file, self.writing) = (file, writing)
        (self.needs, self.time) = (needs, time)
        self.state = Mutex(state)
    }

    deinit {
        files.close(file)
        if let writing { files.close(writing) }
    }

    // MARK: Opening

    /// Opens one that is there.
    ///
    /// - Throws: ``TransportError/Kind/absent`` if it is none, ``TransportError/Kind/malformed`` if it is cut short or damaged.
    package convenience init(
        name: String, opening path: FilePath, files: any FileSystem
    ) throws(TransportError) {
        let (file, length) = try Self.calling { () throws(FileError) in
            let file = try files.open(path)
            return (file, try files.status(of: file).size)
        }
        var state = State()
        var needs: [ObjectID] = []
        do throws(TransportError) {
            func bytes(_ offset: Int, _ count: Int) throws(TransportError) -> [UInt8] {
                var bytes = [UInt8](repeating: 0, count: count)
                let read = try Self.calling { () throws(FileError) in
                    try files.read(file, filling: &bytes, at: offset)
                }
                return Array(bytes.prefix(read))
            }
            var (offset, isEnded, count) = (0, false, 0)
            while !isEnded, count < Self.memberLimit {
                let found = try bytes(offset, TarHeader.byteCount)
                guard let block = TarHeader.block(found) else {
                    guard offset > 0 || TarHeader.isOne(found) else {
                        throw TransportError(.absent, "it is no bundle")
                    }
                    throw TransportError(
                        .malformed, "the bundle is cut short, or damaged at byte \(offset)")
                }
                guard case .member(let header) = block else {
                    isEnded = true
                    break
                }
                let start = offset + TarHeader.byteCount
                guard header.paddedSize <= length - start else {
                    throw TransportError(.malformed, "the bundle is cut short")
                }
                if let path = try Self.path(of: header) {
                    let properties = FileProperties(
                        length: header.size, modified: Self.nanoseconds(header.modified))
                    if path == Self.needsPath {
                        guard needs.isEmpty else {
                            throw TransportError(.malformed, "the bundle has \(path) twice")
                        }
                        needs = try Self.needs(try bytes(start, min(header.size, 1 << 20)))
                    } else if state.members.updateValue(
                        Member(offset: start, properties: properties), forKey: path) != nil
                    {
                        throw TransportError(.malformed, "the bundle has \(path) twice")
                    }
                }
                (offset, count) = (start + header.paddedSize, count + 1)
            }
            guard isEnded else { throw TransportError(.malformed, "the bundle has too many files") }
            for path in state.members.keys {
                var above = path.parent
                while above != above.parent {
                    guard state.members[above] == nil else {
                        throw TransportError(.malformed, "\(above) in the bundle is a file and a directory")
                    }
                    above = above.parent
                }
            }
        } catch {
            files.close(file)
            throw error
        }
        self.init(name, path, files, file, writing: nil, needs, 0, state)
    }

    /// Seconds as nanoseconds: of a time that no clock has, the latest one.
    private static func nanoseconds(_ seconds: Int) -> Int64 { Int64(min(seconds, 1 << 32)) * 1_000_000_000 }

    /// What a member is called in the store; nothing for one that is none of it.
    private static func path(of header: TarHeader) throws(TransportError) -> FilePath? {
        var path = header.path
        while path.starts(with: "./".utf8) { path.removeFirst(2) }
        let found = FilePath(path)
        guard header.kind != .other else {
            throw TransportError(.malformed, "\(found) in the bundle is no file")
        }
        // What `tar` makes of it is to be a store, and nothing beside it.
        guard path.first != UInt8(ascii: "/"),
            !path.split(separator: UInt8(ascii: "/")).contains(Array("..".utf8)[...])
        else { throw TransportError(.malformed, "\(found) in the bundle is no file of a store") }
        if header.kind == .directory || ["cache/", "tmp/"].contains(where: { path.starts(with: $0.utf8) }) {
            return nil
        }
        if found == needsPath { return found }
        do throws(TransportError) { try ServedPath.store.checkReading(found) } catch {
            throw TransportError(.malformed, "\(found) in the bundle is no file of a store")
        }
        return found
    }

    private static func needs(_ bytes: [UInt8]) throws(TransportError) -> [ObjectID] {
        var needs: [ObjectID] = []
        for line in bytes.split(separator: 0x0a) {
            guard let id = try? ObjectID(hex: String(decoding: line, as: UTF8.self)) else {
                throw TransportError(.malformed, "the bundle's list of what it goes on from is damaged")
            }
            needs.append(id)
        }
        return needs
    }

    /// How many packs are in it, whether its log names them or not.
    package var packCount: Int {
        state.withLock { state in
            state.members.keys.count {
                $0.bytes.starts(with: "packs/".utf8) && $0.name.suffix(5).elementsEqual(".pack".utf8)
            }
        }
    }

    // MARK: Making

    /// Begins one, in a file that is not there.
    ///
    /// - Parameter needs: Commits that whoever takes something out of it has to have.
    package convenience init(
        name: String, creating path: FilePath, files: any FileSystem, needs: [ObjectID], time: Int
    ) throws(TransportError) {
        let (writing, file) = try Self.calling { () throws(FileError) in
            let writing = try files.create(path, permissions: 0o666)
            do throws(FileError) { return (writing, try files.open(path)) } catch {
                files.close(writing)
                throw error
            }
        }
        self.init(name, path, files, file, writing: writing, needs, time, State(end: 0))
        guard !needs.isEmpty else { return }
        _ = try append(
            Self.needsPath, length: needs.count * 65,
            content: { (write) throws(TransportError) in
                try write(needs.flatMap { Array($0.hex.utf8) + [0x0a] }[...])
            })
        // It is no file of the store.
        state.withLock { $0.members[Self.needsPath] = nil }
    }

    /// Adds a member.
    ///
    /// - Returns: Whether it was; not, if one has that name.
    private func append(
        _ path: FilePath, length: Int,
        content: ((ArraySlice<UInt8>) throws(TransportError) -> Void) throws(TransportError) -> Void
    ) throws(TransportError) -> Bool {
        let header = TarHeader(path: path.bytes, size: length, modified: time)
        let (isFree, end) = state.withLock { ($0.members[path] == nil, $0.end) }
        guard let end, let writing else {
            throw TransportError(.unsupported, "a bundle that is done takes nothing more")
        }
        guard isFree else { return false }
        guard let bytes = header.bytes else {
            throw TransportError(.unsupported, "\(path) is too large for a bundle")
        }
        var written = 0
        func write(_ bytes: ArraySlice<UInt8>) throws(TransportError) {
            try Self.calling { () throws(FileError) in try files.write(writing, bytes) }
            written += bytes.count
        }
        try write(bytes[...])
        try content(write)
        guard written == TarHeader.byteCount + length else {
            throw TransportError(.failed, "\(path) changed while it was read")
        }
        try write([UInt8](repeating: 0, count: header.paddedSize - length)[...])
        let properties = FileProperties(length: length, modified: Self.nanoseconds(time))
        state.withLock { state in
            state.members[path] = Member(offset: end + TarHeader.byteCount, properties: properties)
            state.end = end + TarHeader.byteCount + header.paddedSize
        }
        return true
    }

    /// Ends one that was made: it is all there, and durable, under a name that is free.
    ///
    /// - Returns: Its length, in bytes.
    package func finish(as path: FilePath) throws(TransportError) -> Int {
        let end = state.withLock { state -> Int? in
            defer { state.end = nil }
            return state.end
        }
        guard let end, let writing else {
            throw TransportError(.unsupported, "a bundle that is done takes nothing more")
        }
        try Self.calling { () throws(FileError) in
            try files.write(writing, [UInt8](repeating: 0, count: 2 * TarHeader.byteCount))
            try files.synchronize(writing)
            try files.move(self.path, to: path)
            try files.synchronizeDirectory(path.parent)
        }
        return end + 2 * TarHeader.byteCount
    }

    // MARK: The store in it

    package func read(
        _ pieces: [FilePiece], _ body: (Int, PieceContent?) throws(TransportError) -> Void
    ) throws(TransportError) {
        for (position, piece) in pieces.enumerated() {
            guard let member = state.withLock({ $0.members[piece.path] }) else {
                try body(position, nil)
                continue
            }
            let length = member.properties.length
            guard let range = piece.part.range(ofLength: length) else {
                throw TransportError(.failed, "\(piece.path) is too large")
            }
            var bytes = [UInt8](repeating: 0, count: range.count)
            let count = try Self.calling { () throws(FileError) in
                try files.read(file, filling: &bytes, at: member.offset + range.lowerBound)
            }
            bytes.removeLast(bytes.count - count)
            try body(position, PieceContent(bytes: bytes, fileLength: length))
        }
    }

    package func properties(of paths: [FilePath]) throws(TransportError) -> [FileProperties?] {
        state.withLock { state in paths.map { state.members[$0]?.properties } }
    }

    package func names(in directory: FilePath) throws(TransportError) -> [[UInt8]] {
        let paths = state.withLock { Array($0.members.keys) }
        let isRoot = directory == FilePath(".")
        var names: Set<[UInt8]> = []
        for path in paths {
            guard let tail = isRoot ? path.bytes[...] : path.relative(to: directory).map({ $0[...] }) else {
                continue
            }
            let name = Array(tail.prefix { $0 != UInt8(ascii: "/") })
            if !name.isEmpty { names.insert(name) }
        }
        return Array(names)
    }

    package func create(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError) -> Bool {
        try append(path, length: bytes.count) { (write) throws(TransportError) in try write(bytes[...]) }
    }

    package func upload(_ upload: Upload, progress: (Int) -> Void) throws(TransportError) -> Bool {
        progress(0)
        return try append(upload.path, length: upload.length) { (write) throws(TransportError) in
            var (hash, offset) = (SHA256(), 0)
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while offset < upload.length {
                let count = try Self.calling { () throws(FileError) in
                    try upload.content.read(filling: &buffer, at: offset)
                }
                if count == 0 { break }
                buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
                try write(buffer[..<count])
                offset += count
                progress(count)
            }
            guard hash.finish() == upload.digest else {
                throw TransportError(.failed, "\(upload.content.label) changed while it was read")
            }
        }
    }

    package func remove(_ paths: [FilePath]) throws(TransportError) {
        let isThere = state.withLock { state in paths.contains { state.members[$0] != nil } }
        if isThere { throw TransportError(.unsupported, "nothing is taken out of a bundle") }
    }

    private static func calling<Result>(
        _ body: () throws(FileError) -> Result
    ) throws(TransportError) -> Result {
        do throws(FileError) { return try body() } catch { throw TransportError(error) }
    }
}
