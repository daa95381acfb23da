internal import FileIO
internal import Synchronization

/// Bytes that are kept in memory as long as they are few, and in a temporary file beyond that.
///
/// They grow at their end. May be used from any thread.
final class SpilledBytes: Sendable {
    private let path: FilePath
    private let files: any FileSystem
    /// So many are kept in memory.
    private let limit: Int
    private let state = Mutex(State())

    private struct State {
        var memory: [UInt8] = []
        /// From its beginning on; nothing as long as there is room in memory.
        var file: FileDescriptor?
        var length = 0
    }

    /// - Parameters:
    ///   - path: Of the file, if there comes to be one: a name that is free, in a directory that is there.
    ///   - limit: So many bytes are kept in memory.
    init(_ path: FilePath, files: any FileSystem, limit: Int) {
        (self.path, self.files, self.limit) = (path, files, limit)
    }

    deinit {
        state.withLock { state in
            guard let file = state.file else { return }
            files.close(file)
            try? files.removeIfPresent(path)
        }
    }

    /// - Returns: Where they begin.
    func append(_ bytes: [UInt8]) throws(FileError) -> Int {
        let result = state.withLock { state -> Result<Int, FileError> in
            do throws(FileError) {
                if state.file == nil, state.memory.count + bytes.count > limit {
                    let file = try TemporaryFiles.making(path) { () throws(FileError) in
                        try files.create(path, permissions: 0o600)
                    }
                    state.file = file
                    try files.write(file, state.memory)
                    state.memory = []
                }
                if let file = state.file { try files.write(file, bytes) } else { state.memory += bytes }
            } catch { return .failure(FileError(error.operation, path, code: error.code)) }
            defer { state.length += bytes.count }
            return .success(state.length)
        }
        return try result.get()
    }

    /// Fills memory with bytes from an offset on, all of which were appended.
    func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(FileError) {
        let file = state.withLock { state -> FileDescriptor? in
            if state.file == nil {
                buffer.copyBytes(from: state.memory[offset..<offset + buffer.count])
            }
            return state.file
        }
        guard file != nil else { return }
        // What is written is written to a descriptor that reads nothing.
        let reading = try files.open(path)
        defer { files.close(reading) }
        guard try files.fill(buffer, from: reading, at: offset) == buffer.count else {
            throw .failed("read", path)
        }
    }
}
