internal import FileIO
internal import Synchronization

/// A file of another store that is read from many places: in large pieces where it is read from its beginning to its end, else as asked.
final class RemoteFileReader: Sendable {
    /// Relative to the store.
    let path: FilePath
    let properties: FileProperties
    private let transport: any Transport
    private let state: Mutex<State>
    /// Whether all of it was there from the beginning.
    private let isHeld: Bool

    private struct State {
        /// What was read last, and before that: who looks at a header twice looks back.
        var windows: [(offset: Int, bytes: [UInt8])] = []
        /// Where somebody goes on who reads all of it.
        var next = 0
    }

    /// So many bytes are asked for at a time by who reads on.
    private static let window = 8 << 20
    /// So many bytes of these in one request.
    private static let piece = 1 << 20
    /// So many are kept of each file.
    private static let little = 8 << 10
    /// At least so many bytes are asked for.
    private static let least = 128 << 10

    init(_ transport: any Transport, _ path: FilePath, _ properties: FileProperties) {
        (self.transport, self.path, self.properties, isHeld) = (transport, path, properties, false)
        state = Mutex(State())
    }

    /// A small file that was read as a whole.
    init(_ transport: any Transport, _ path: FilePath, holding content: PieceContent) {
        (self.transport, self.path, isHeld) = (transport, path, true)
        properties = FileProperties(length: content.bytes.count, modified: 0)
        state = Mutex(State(windows: [(0, content.bytes)]))
    }

    /// Takes the end of the file, which somebody read.
    func take(_ end: PieceContent) {
        guard end.fileLength == properties.length else { return }
        state.withLock { $0.windows.append((end.fileLength - end.bytes.count, end.bytes)) }
    }

    /// Bytes from an offset on, at least one of as many as are asked for; none at the end.
    func bytes(at offset: Int, count: Int) throws(TransportError) -> ArraySlice<UInt8> {
        guard offset < properties.length, count > 0 else { return [] }
        let (known, isNext) = state.withLock { state in
            (Self.find(offset, count, state.windows), offset == state.next)
        }
        if let known { return known }
        let wanted = isNext ? max(count, Self.window) : max(count, Self.least)
        let end = min(properties.length, offset + wanted)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(end - offset)
        let pieces = stride(from: offset, to: end, by: Self.piece).map {
            FilePiece(path, .range(offset: $0, length: min(Self.piece, end - $0)))
        }
        try transport.read(pieces) { (_, content) throws(TransportError) in
            guard let content else { throw TransportError(.absent, "\(path) is not there") }
            bytes += content.bytes
        }
        state.withLock { state in
            state.windows = state.windows.suffix(1) + [(offset, bytes)]
            state.next = offset + bytes.count
        }
        return bytes.prefix(count)
    }

    private static func find(
        _ offset: Int, _ count: Int, _ windows: [(offset: Int, bytes: [UInt8])]
    ) -> ArraySlice<UInt8>? {
        for window in windows.reversed()
        where window.offset <= offset && offset < window.offset + window.bytes.count {
            return window.bytes.dropFirst(offset - window.offset).prefix(count)
        }
        return nil
    }

    /// Lets go of what was read, unless it is little, as nobody has it open.
    func forget() {
        if isHeld { return }
        state.withLock { state in
            state.next = 0
            state.windows.removeAll { $0.bytes.count > Self.little }
        }
    }
}
