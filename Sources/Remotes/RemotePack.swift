internal import FileIO
package import Storage
internal import Synchronization

/// The bytes of a pack of another store: what was announced comes with few requests.
package final class RemotePack: PackSource {
    private let transport: any Transport
    private let path: FilePath
    private let files: RemoteFiles
    /// What came with the index: the end of the file, or all of it.
    private let end: (offset: Int, bytes: [UInt8])
    private let state = Mutex(State())

    private struct State {
        /// What will be asked for, in order of offsets.
        var expected: [Range<Int>] = []
        /// By offsets.
        var held: [Int: [UInt8]] = [:]
        var heldLength = 0
    }

    /// So many bytes are asked for at a time.
    private static let window = 8 << 20
    /// So many bytes that were announced and not asked for yet are kept.
    private static let limit = 32 << 20

    init(
        _ transport: any Transport, _ path: FilePath, _ files: RemoteFiles, end: (offset: Int, bytes: [UInt8])
    ) {
        (self.transport, self.path, self.files, self.end) = (transport, path, files, end)
    }

    /// Announces what will be read.
    func expect(_ ranges: [Range<Int>]) {
        state.withLock {
            $0 = State(expected: ranges.sorted { $0.lowerBound < $1.lowerBound })
        }
    }

    package func read(at offset: Int, length: Int) throws(StoreError) -> [UInt8] {
        if offset >= end.offset {
            let start = min(offset - end.offset, end.bytes.count)
            return Array(end.bytes[start..<min(end.bytes.count, start + length)])
        }
        let known = state.withLock { state -> [UInt8]? in
            guard let bytes = state.held[offset], bytes.count >= length else { return nil }
            // Who decodes a frame keeps it.
            state.held[offset] = nil
            state.heldLength -= bytes.count
            return bytes.count == length ? bytes : Array(bytes.prefix(length))
        }
        if let known { return known }
        let ranges = due(offset, length)
        var found: [[UInt8]] = []
        try files.calling { () throws(TransportError) in
            let pieces = ranges.map { FilePiece(path, .range(offset: $0.lowerBound, length: $0.count)) }
            try transport.read(pieces) { (_, content) throws(TransportError) in
                guard let content else { throw TransportError(.absent, "\(path) is not there") }
                found.append(content.bytes)
            }
        }
        guard found.count == ranges.count, let first = found.first else { return [] }
        state.withLock { state in
            for (range, bytes) in zip(ranges, found).dropFirst() where state.held[range.lowerBound] == nil {
                state.held[range.lowerBound] = bytes
                state.heldLength += bytes.count
            }
        }
        return first
    }

    /// What is asked for with one request: the range that is needed now, and what was announced behind it.
    private func due(_ offset: Int, _ length: Int) -> [Range<Int>] {
        state.withLock { state in
            var (due, sum) = ([offset..<offset + length], length)
            if state.heldLength > Self.limit { (state.held, state.heldLength) = ([:], 0) }
            guard let place = state.expected.firstIndex(where: { $0.lowerBound == offset }) else {
                return due
            }
            for range in state.expected[(place + 1)...] where state.held[range.lowerBound] == nil {
                guard sum + range.count <= Self.window else { break }
                due.append(range)
                sum += range.count
            }
            return due
        }
    }
}
