internal import Coding
package import FileIO
internal import Hashing
internal import ObjectModel
internal import Synchronization

/// A pack that is durable under its name, but not yet in the log.
package struct FinishedPack: Sendable {
    package let name: PackName
    /// The length of its file.
    package let length: Int
    package let objects: Int
}

/// Writes one pack: frames as they come, from any thread, then the index.
///
/// The file stays in `tmp/` until ``finish()`` gives it its name. A writer that is abandoned leaves a temporary file
/// that is swept later.
package final class PackWriter: Sendable {
    private let layout: StoreLayout
    private let files: any FileSystem
    private let nonce: [UInt8]
    private let path: FilePath
    private let state: Mutex<State>
    /// Apart from the rest: whoever asks for an object does not wait for a disk.
    private let entries = Mutex(PackEntries())

    private struct State {
        var file: FileDescriptor?
        var digest = SHA256()
        var written = 0
        /// Why a write failed: the file may end inside a buffer, so no pack can be made of it any more.
        var failure: StoreError?
        var buffer: [UInt8] = []
        var frames = PackFrames()
    }

    /// Bytes that are gathered before they go to the system.
    private static let bufferSize = 1 << 20
    /// Bytes of a frame that go to the system by themselves.
    private static let directSize = 256 << 10

    /// - Parameter nonce: ``PackName/nonceByteCount`` random bytes.
    package init(layout: StoreLayout, files: any FileSystem, nonce: [UInt8]) throws(StoreError) {
        self.layout = layout
        self.files = files
        self.nonce = nonce
        path = layout.temporary / "pack-\(Hex.text(nonce))"
        var state = State()
        state.file = try filing { [path] () throws(FileError) in
            try TemporaryFiles.making(path) { () throws(FileError) in
                try layout.createTemporary(path, permissions: 0o444, files)
            }
        }
        self.state = Mutex(state)
    }

    /// Bytes of frames so far.
    package var length: Int { state.withLock { $0.written + $0.buffer.count } }
    /// Raw bytes of frames so far.
    package var rawLength: Int { state.withLock { $0.frames.rawLength } }
    /// Whether an object was appended.
    func contains(_ reference: ObjectReference) -> Bool { entries.withLock { $0.contains(reference) } }

    /// The depth of the frame in which a blob was appended; nothing if it is not in this pack.
    func depth(of reference: ObjectReference) -> Int? {
        guard let row = entries.withLock({ $0.find(reference) }) else { return nil }
        return state.withLock { $0.frames.codec(of: Int(row.frame))?.depth }
    }

    package var isEmpty: Bool { state.withLock { $0.frames.isEmpty } }

    /// Writes a frame behind those before; may be called from several threads.
    ///
    /// - Returns: Whether it is in this pack: not if the pack was finished or given up before, perhaps by another thread.
    package func append(_ frame: EncodedFrame) throws(StoreError) -> Bool {
        let result = state.withLock { state -> Result<Bool, StoreError> in
            guard state.file != nil else { return state.failure.map { .failure($0) } ?? .success(false) }
            do throws(StoreError) {
                try append(frame, &state)
                return .success(true)
            } catch { return .failure(error) }
        }
        return try result.get()
    }

    private func append(_ frame: EncodedFrame, _ state: inout State) throws(StoreError) {
        if let failure = state.failure { throw failure }
        let offset = state.written + state.buffer.count
        entries.withLock { state.frames.append(frame, at: offset, noting: &$0) }
        state.buffer += frame.header(at: offset)
        if frame.stored.count >= Self.directSize {
            try flush(&state)
            try write(frame.stored, &state)
        } else {
            state.buffer += frame.stored
            if state.buffer.count >= Self.bufferSize { try flush(&state) }
        }
    }

    /// The frame of an object that was appended, read back, and the object's place in its raw bytes; nothing if it is not in this pack.
    func frame(
        of reference: ObjectReference
    ) throws(StoreError) -> (raw: PackReader.RawFrame, offset: Int, length: Int)? {
        guard let row = entries.withLock({ $0.find(reference) }) else { return nil }
        let place = state.withLock { state -> Result<Range<Int>?, StoreError> in
            guard state.file != nil else { return .success(nil) }
            // What could not be written is nowhere.
            if let failure = state.failure { return .failure(failure) }
            let (number, end) = (Int(row.frame), state.written + state.buffer.count)
            let start = state.frames.offset(of: number)
            let next = number + 1 < state.frames.count ? state.frames.offset(of: number + 1) : end
            do throws(StoreError) {
                if next > state.written { try flush(&state) }
                return .success(start..<next)
            } catch { return .failure(error) }
        }
        guard let range = try place.get() else { return nil }
        var bytes = [UInt8](repeating: 0, count: range.count)
        let count = try filing { () throws(FileError) in
            let file = try files.open(path)
            defer { files.close(file) }
            return try files.read(file, filling: &bytes, from: 0, at: range.lowerBound)
        }
        guard count == bytes.count, let parsed = try? PackReader.parse(bytes[...]) else {
            throw .damaged(path, problem: "what was written cannot be read back")
        }
        return (parsed.raw, Int(row.offset), Int(row.length))
    }

    private func flush(_ state: inout State) throws(StoreError) {
        // Taken out while it is written, so that its memory stays.
        var buffer: [UInt8] = []
        swap(&buffer, &state.buffer)
        try write(buffer, &state)
        buffer.removeAll(keepingCapacity: true)
        swap(&buffer, &state.buffer)
    }

    private func write(_ bytes: [UInt8], _ state: inout State) throws(StoreError) {
        if let failure = state.failure { throw failure }
        guard let file = state.file, !bytes.isEmpty else { return }
        state.digest.update(bytes)
        do throws(StoreError) { try filing { () throws(FileError) in try files.write(file, bytes) } } catch {
            state.failure = error
            throw error
        }
        state.written += bytes.count
    }

    /// Writes index and trailer, and makes the pack durable under its name.
    ///
    /// - Returns: Nothing if no frame was appended; then no file is left.
    package func finish() throws(StoreError) -> FinishedPack? {
        let result = state.withLock { state -> Result<FinishedPack?, StoreError> in
            do throws(StoreError) { return .success(try finish(&state)) } catch {
                // For a full disk above all, which needs the room.
                abandon(&state)
                try? files.removeIfPresent(path)
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func finish(_ state: inout State) throws(StoreError) -> FinishedPack? {
        guard let file = state.file else { return nil }
        guard !state.frames.isEmpty else {
            abandon(&state)
            return nil
        }
        try writeIndex(&state)
        try flush(&state)
        let name = PackName(digest: ObjectID(state.digest.finish()), nonce: nonce)
        let directory = layout.packs / name.directory
        try filing { () throws(FileError) in
            try files.synchronize(file)
            files.close(file)
            state.file = nil
            // Also where the directory was there: who made it may not have come to make its name durable.
            try files.makeDirectories(
                directory, permissions: layout.directoryPermissions, below: layout.root)
            try files.synchronizeDirectory(layout.packs)
            try publish(path, as: directory / name.fileName)
            try files.synchronizeDirectory(directory)
            try files.removeIfPresent(path)
        }
        return FinishedPack(name: name, length: state.written, objects: entries.withLock { $0.count })
    }

    /// Gives a finished file its name.
    ///
    /// Where the file system has no hard links, a rename does: the name is random, so nothing can be in its
    /// place.
    private func publish(_ path: FilePath, as name: FilePath) throws(FileError) {
        do throws(FileError) { try files.link(path, to: name) } catch {
            guard error.isNoLink, try files.status(name) == nil else { throw error }
            try files.rename(path, to: name)
        }
    }

    private func writeIndex(_ state: inout State) throws(StoreError) {
        // Nothing is appended any more.
        let (entries, frames) = (entries.withLock { $0 }, state.frames)
        let start = state.written + state.buffer.count
        try frames.forEachPiece(of: entries, at: start) { (piece) throws(StoreError) in
            state.buffer += piece
            if state.buffer.count >= Self.bufferSize { try flush(&state) }
        }
    }

    /// Gives up: closes and removes the temporary file.
    package func abandon() { state.withLock { abandon(&$0) } }

    private func abandon(_ state: inout State) {
        guard let file = state.file else { return }
        files.close(file)
        state.file = nil
        // What cannot be removed now is swept later.
        try? files.removeIfPresent(path)
    }
}
