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
        var rawLength = 0
        var frames: [FrameRow] = []
        var bases = BaseTable()
    }

    private struct FrameRow {
        var offset: Int
        var base: UInt32
        /// How many follow that base.
        var moreBases: UInt16
        var codec: UInt8
        var frameClass: UInt8
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
            TemporaryFiles.note(path)
            return try layout.createTemporary(path, permissions: 0o444, files)
        }
        self.state = Mutex(state)
    }

    /// Bytes of frames so far.
    package var length: Int { state.withLock { $0.written + $0.buffer.count } }
    /// Raw bytes of frames so far.
    package var rawLength: Int { state.withLock { $0.rawLength } }
    /// Whether an object was appended.
    func contains(_ reference: ObjectReference) -> Bool { entries.withLock { $0.contains(reference) } }

    /// The depth of the frame in which a blob was appended; nothing if it is not in this pack.
    func depth(of reference: ObjectReference) -> Int? {
        guard let row = entries.withLock({ $0.find(reference) }) else { return nil }
        return state.withLock { Codec(rawValue: $0.frames[Int(row.frame)].codec)?.depth }
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
        let number = UInt32(state.frames.count)
        state.frames.append(
            FrameRow(
                offset: offset, base: state.bases.place(of: frame.bases),
                moreBases: UInt16(max(0, frame.bases.count - 1)), codec: frame.codec.rawValue,
                frameClass: frame.frameClass.rawValue))
        entries.withLock { entries in
            for object in frame.objects {
                let (start, length) = (UInt32(object.offset), UInt32(object.length))
                entries.append(
                    PackEntries.Row(
                        reference: object.reference, isRecipe: false,
                        order: frame.frameClass == .data ? frame.codec.order : 0, frame: number,
                        offset: start,
                        length: length))
                guard let blob = object.recipeOf else { continue }
                entries.append(
                    PackEntries.Row(
                        reference: ObjectReference(.blob, blob), isRecipe: true, order: 0, frame: number,
                        offset: start,
                        length: length))
            }
        }
        state.rawLength += frame.rawLength
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
            let start = state.frames[number].offset
            let next = number + 1 < state.frames.count ? state.frames[number + 1].offset : end
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

    /// Writes the index and the trailer piece by piece.
    private func writeIndex(_ state: inout State) throws(StoreError) {
        let start = state.written + state.buffer.count
        var checksum: UInt32 = 0
        var piece: [UInt8] = []
        func write(_ state: inout State) throws(StoreError) {
            checksum = piece.withUnsafeBytes { CRC32.of($0, continuing: checksum) }
            state.buffer += piece
            piece.removeAll(keepingCapacity: true)
            if state.buffer.count >= Self.bufferSize { try flush(&state) }
        }
        for frame in state.frames {
            piece.appendLittleEndian(UInt64(frame.offset))
            piece.appendLittleEndian(frame.base)
            piece += [frame.codec, frame.frameClass]
            piece.appendLittleEndian(frame.moreBases)
        }
        for base in state.bases.rows { piece += base.id.digest.bytes + [base.kind.rawValue, 0, 0, 0] }
        // Nothing is appended any more.
        let entries = entries.withLock { $0 }
        var count = 0
        try entries.forEachSorted { (entry) throws(StoreError) in
            count += 1
            piece += entry.reference.id.digest.bytes
            piece += [entry.reference.kind.rawValue, entry.isRecipe ? 1 : 0, 0, 0]
            piece.appendLittleEndian(entry.frame)
            piece.appendLittleEndian(entry.offset)
            piece.appendLittleEndian(entry.length)
            if piece.count >= Self.bufferSize / 16 { try write(&state) }
        }
        try write(&state)
        var trailer: [UInt8] = []
        trailer.appendLittleEndian(UInt64(start))
        trailer.appendLittleEndian(UInt32(state.frames.count))
        trailer.appendLittleEndian(UInt32(state.bases.rows.count))
        trailer.appendLittleEndian(UInt64(count))
        trailer.appendLittleEndian(UInt64(state.rawLength))
        trailer += [UInt8](repeating: 0, count: 16)
        trailer.appendLittleEndian(UInt32(1))
        trailer.appendLittleEndian(checksum)
        trailer.appendLittleEndian(CRC32.of(trailer))
        trailer += PackIndex.trailerMagic
        state.buffer += trailer
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
