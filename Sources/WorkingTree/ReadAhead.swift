internal import FileIO
internal import ObjectModel
internal import Storage

/// Lets threads that have nothing to write decode what others are about to: one large file keeps all processors busy.
///
/// What is decoded waits in the store's cache of frames, so little of it may be ahead at a time.
final class ReadAhead: Sendable {
    /// A file that is being written.
    private struct File {
        let chunks: [ChunkEntry]
        /// The chunks before it were decoded, or given to somebody.
        var next = 0
        /// The chunks before it were written.
        var written = 0
        /// Bytes of the chunks from ``written`` to ``next``.
        var ahead = 0
    }

    private struct State {
        var files: [Int: File] = [:]
        var count = 0
        /// Threads that write.
        var writers = 0
        /// Bytes of all files.
        var ahead: Int { files.values.reduce(0) { $0 + $1.ahead } }
    }

    /// Bytes that may be ahead in all files together: a quarter of the cache, since chunks may have bases there.
    private static let limit = 12 << 20

    private let store: ObjectStore
    private let state = Monitor(State())

    init(_ store: ObjectStore) { self.store = store }

    // MARK: Those who write

    /// Says that one thread more writes files.
    func enter() { state.withLock { $0.writers += 1 } }

    /// Says that a thread has nothing more to write, and lets it help those who have.
    func leave() {
        state.withLock { $0.writers -= 1 }
        while true {
            let chunk = state.wait { state -> ChunkEntry?? in
                if let chunk = Self.take(&state) { return chunk }
                return state.writers == 0 ? .some(nil) : nil
            }
            guard let chunk else { return }
            store.prepare(chunk)
        }
    }

    /// Begins a file.
    ///
    /// - Returns: Its number here.
    func begin(_ chunks: [ChunkEntry]) -> Int {
        state.withLock { state in
            state.count += 1
            state.files[state.count] = File(chunks: chunks)
            return state.count
        }
    }

    func end(_ file: Int) { state.withLock { $0.files[file] = nil } }

    /// Waits for a chunk that somebody else decodes, and helps meanwhile.
    ///
    /// - Parameter index: The chunk that is to be written next.
    func await(_ chunk: ChunkEntry, _ index: Int, of file: Int) {
        advance(file, to: index)
        while store.isUnderway(chunk), let other = state.withLock({ Self.take(&$0) }) { store.prepare(other) }
    }

    /// Says that all chunks before one are written, and that one is being taken.
    private func advance(_ number: Int, to index: Int) {
        state.withLock { state in
            guard var file = state.files[number] else { return }
            while file.written < index {
                if file.written < file.next { file.ahead -= file.chunks[file.written].length }
                file.written += 1
            }
            if file.next <= index {
                // Who writes decodes it.
                (file.next, file.ahead) = (index + 1, file.chunks[index].length)
            }
            state.files[number] = file
        }
    }

    /// The chunk that is worth being decoded next: of the file that is the least ahead.
    private static func take(_ state: inout State) -> ChunkEntry? {
        let open = state.files.filter { $0.value.next < $0.value.chunks.count }
        guard let (number, file) = open.min(by: { ($0.value.ahead, $0.key) < ($1.value.ahead, $1.key) }),
            file.ahead == 0 || state.ahead + file.chunks[file.next].length <= limit
        else { return nil }
        let chunk = file.chunks[file.next]
        state.files[number]?.next += 1
        state.files[number]?.ahead += chunk.length
        return chunk
    }
}
