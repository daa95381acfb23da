import FileIO
import Hashing
import Remotes
import Synchronization

/// Files in memory, as the docstrings of ``Transport`` have them: what other transports are compared with.
///
/// Directories are there as long as something is in them.
final class MemoryTransport: Transport {
    let name: String
    private let state = Mutex(State())

    private struct State {
        var files: [FilePath: File] = [:]
        var clock: Int64 = 1_763_888_400_000_000_000
    }

    private struct File {
        var bytes: [UInt8]
        var modified: Int64
    }

    init(name: String = "memory") { self.name = name }

    /// What new files get as their time, in nanoseconds since 1970-01-01T00:00:00Z.
    var clock: Int64 {
        get { state.withLock { $0.clock } }
        set { state.withLock { $0.clock = newValue } }
    }

    func read(
        _ pieces: [FilePiece], _ body: (Int, PieceContent?) throws(TransportError) -> Void
    ) throws(TransportError) {
        for (position, piece) in pieces.enumerated() {
            guard let bytes = state.withLock({ $0.files[piece.path]?.bytes }) else {
                try body(position, nil)
                continue
            }
            guard !piece.part.isNegative else { throw TransportError(.failed, "\(name): \(piece.part)") }
            let range: Range<Int>
            switch piece.part {
            case .whole(let limit):
                guard bytes.count <= limit else {
                    throw TransportError(
                        .failed, "\(name): \(piece.path) has \(bytes.count) bytes, more than \(limit)")
                }
                range = 0..<bytes.count
            case .range(let offset, let length):
                let start = min(offset, bytes.count)
                range = start..<start + min(length, bytes.count - start)
            case .end(let length): range = bytes.count - min(length, bytes.count)..<bytes.count
            }
            try body(position, PieceContent(bytes: Array(bytes[range]), fileLength: bytes.count))
        }
    }

    func properties(of paths: [FilePath]) throws(TransportError) -> [FileProperties?] {
        state.withLock { state in
            paths.map { path in
                state.files[path].map { FileProperties(length: $0.bytes.count, modified: $0.modified) }
            }
        }
    }

    func names(in directory: FilePath) throws(TransportError) -> [[UInt8]] {
        let paths = state.withLock { Array($0.files.keys) }
        let below = paths.compactMap { $0.relative(to: directory) }
        return Array(Set(below.map { Array($0.prefix { $0 != UInt8(ascii: "/") }) }.filter { !$0.isEmpty }))
    }

    func create(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError) -> Bool {
        state.withLock { state in
            guard state.files[path] == nil else { return false }
            state.files[path] = File(bytes: bytes, modified: state.clock)
            return true
        }
    }

    func upload(_ upload: Upload, progress: (Int) -> Void) throws(TransportError) -> Bool {
        if try properties(of: [upload.path]).first.flatMap({ $0 }) != nil { return false }
        let partial = upload.partial
        var reported = 0
        for _ in 0..<2 {
            do throws(FileError) { try send(upload, &reported, progress) } catch {
                throw TransportError(error)
            }
            let isNew = state.withLock { state -> Bool? in
                let bytes = state.files.removeValue(forKey: partial)?.bytes ?? []
                guard bytes.count == upload.length, SHA256.digest(of: bytes) == upload.digest else {
                    return nil
                }
                guard state.files[upload.path] == nil else { return false }
                state.files[upload.path] = File(bytes: bytes, modified: state.clock)
                return true
            }
            if let isNew { return isNew }
        }
        throw TransportError(.failed, "\(name): \(upload.content.label) is not what it is said to be")
    }

    /// Makes the partial file as long as it should be, as far as the source goes.
    private func send(_ upload: Upload, _ reported: inout Int, _ progress: (Int) -> Void) throws(FileError) {
        let partial = upload.partial
        var there = state.withLock { $0.files[partial]?.bytes.count ?? 0 }
        progress(there - reported)
        reported = there
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while there < upload.length {
            let count = try upload.content.read(filling: &buffer, at: there)
            guard count > 0 else { return }
            let bytes = buffer[..<count]
            state.withLock { state in
                state.files[partial, default: File(bytes: [], modified: state.clock)].bytes += bytes
            }
            there += count
            progress(count)
            reported = there
        }
    }

    func remove(_ paths: [FilePath]) throws(TransportError) {
        state.withLock { state in for path in paths { state.files[path] = nil } }
    }
}

extension FilePiece.Part {
    /// Whether it asks for bytes that no file can have.
    fileprivate var isNegative: Bool {
        switch self {
        case .whole: false
        case .range(let offset, let length): offset < 0 || length < 0
        case .end(let length): length < 0
        }
    }
}
