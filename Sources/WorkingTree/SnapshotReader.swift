internal import Chunking
internal import Coding
internal import FileIO
internal import Hashing
internal import ObjectModel
internal import Storage

/// Reads one file after another, names it by its content, and hands on what it is made of.
struct SnapshotReader: Sendable {
    /// No single write takes longer than this, in nanoseconds.
    private static let writingTime: Int64 = 600_000_000_000
    /// How often a file is read again that changes meanwhile.
    private static let attempts = 3

    let root: FilePath
    let files: any FileSystem
    let history: FileHistory?
    /// The file system's time when the walk began, in nanoseconds since 1970.
    let clock: Int64
    let onStep: @Sendable (WorkStep) -> Void
    let onContent: @Sendable (RepositoryPath, [ChunkEntry]) -> Void

    private static let chunker = Chunker(gear: gear)

    /// The gear table of cut rule 1 (`Documentation/Formats/merkle-tree.md`).
    private static let gear: [UInt64] = (0..<256).map { byte in
        SHA256.digest(of: Array("mlrepo-1:".utf8) + [UInt8(byte)]).words.0
    }

    /// Bytes of an element of a file's first tensor, 0 where its type is not known; nothing if it is no file of tensors.
    func elementWidth(of path: RepositoryPath) -> Int? {
        TensorFile.elementWidth(in: root.appending(path.bytes), files)
    }

    /// Reads one file or link, and hands on what the store may not have; nothing if it has gone.
    ///
    /// - Throws: ``WorkingTreeError/unsteady(_:)`` if it goes on changing.
    func read(
        _ file: ScannedFile, into output: inout SnapshotOutput
    ) throws(WorkingTreeError) -> SnapshotFiles.Found? {
        guard let status = file.status else { return nil }
        if status.kind == .link { return try readLink(file.path, status, &output) }
        let path = root.appending(file.path.bytes)
        for _ in 0..<Self.attempts {
            let descriptor: FileDescriptor
            do throws(FileError) { descriptor = try files.open(path) } catch {
                if error.isNotFound { return nil }
                throw .unreadable(file.path, error)
            }
            defer { files.close(descriptor) }
            let before = try self.status(of: descriptor, file.path)
            guard before.size < 1 << 53 else { throw .tooLarge(file.path, before.size) }
            // A write that began before the file was opened may go on without a new time.
            let isYoung = max(before.modified, before.changed) > clock - Self.writingTime
            let isSettled = !isYoung || !files.hasWriter(descriptor)
            let content: Content?
            if before.size <= Chunker.wholeLimit {
                content = try readSmall(descriptor, before.size, file.path)
            } else {
                content = try readLarge(descriptor, before.size, file.path, &output)
            }
            let after = try self.status(of: descriptor, file.path)
            guard let content, before.size == after.size, before.modified == after.modified,
                before.changed == after.changed
            else {
                continue
            }
            try keep(content, &output)
            onContent(file.path, content.pieces)
            if let tensors = content.tensors {
                let table = TensorTable(tensors, content.chunks.map(\.id))
                history?.note(table, at: file.path) { [files] offset, count in
                    try? files.bytes(of: path, at: offset, count: count)
                }
            }
            return SnapshotFiles.Found(
                mode: after.isExecutable ? .executable : .file, id: content.id, size: after.size,
                seen: isSettled ? seen(after) : nil)
        }
        throw .unsteady(file.path)
    }

    /// What a file holds: its bytes, or the chunks that are on their way into the store.
    private struct Content {
        let id: ObjectID
        var bytes: [UInt8]?
        var length = 0
        var chunks: [ChunkEntry] = []
        /// Nothing if it was cut like any other file.
        var tensors: TensorFile?

        /// The chunks, or what is kept whole as one.
        var pieces: [ChunkEntry] {
            bytes.map { [ChunkEntry(id: id, length: $0.count)] } ?? chunks
        }
    }

    private func status(of file: FileDescriptor, _ path: RepositoryPath) throws(WorkingTreeError)
        -> FileStatus
    {
        do throws(FileError) { return try files.status(of: file) } catch { throw .unreadable(path, error) }
    }

    /// The status to be remembered, unless the file is so young that it may change without a new time.
    private func seen(_ status: FileStatus) -> StatCacheEntry.Seen? {
        Snapshot.isOld(status, at: clock) ? StatCacheEntry.Seen(status) : nil
    }

    private func readLink(
        _ path: RepositoryPath, _ status: FileStatus, _ output: inout SnapshotOutput
    ) throws(WorkingTreeError) -> SnapshotFiles.Found? {
        let target: [UInt8]
        do throws(FileError) { target = try files.readLink(root.appending(path.bytes)) } catch {
            if error.isNotFound { return nil }
            throw .unreadable(path, error)
        }
        guard !target.isEmpty, target.count <= 4095 else { throw .badLink(path) }
        let content = Content(id: ObjectID(of: .blob, payload: target), bytes: target)
        try keep(content, &output)
        onContent(path, content.pieces)
        return SnapshotFiles.Found(
            mode: .link, id: content.id, size: target.count, seen: seen(status))
    }

    /// All bytes of a small file; nothing if it has another size by now.
    private func readSmall(
        _ file: FileDescriptor, _ size: Int, _ path: RepositoryPath
    ) throws(WorkingTreeError) -> Content? {
        var failure: FileError?
        // One byte more than expected tells a file that grows.
        let bytes = [UInt8](unsafeUninitializedCapacity: size + 1) { buffer, filled in
            do throws(FileError) {
                while filled <= size {
                    let rest = UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...size])
                    let more = try files.read(file, into: rest, at: filled)
                    if more == 0 { break }
                    filled += more
                }
            } catch { failure = error }
        }
        if let failure { throw .unreadable(path, failure) }
        guard bytes.count == size else { return nil }
        onStep(.bytes(size))
        return Content(id: ObjectID(of: .blob, payload: bytes), bytes: bytes)
    }

    // MARK: Large files

    /// Cuts a large file and hands on its chunks as they come; nothing if it has another size by now.
    private func readLarge(
        _ file: FileDescriptor, _ size: Int, _ path: RepositoryPath, _ output: inout SnapshotOutput
    ) throws(WorkingTreeError) -> Content? {
        try output.beginLarge()
        let content: Content?
        if output.writer != nil, let tensors = TensorFile(reading: file, size, files) {
            content = try readTensors(tensors, file, size, path, &output)
        } else {
            if output.writer != nil, let announced = TensorFile.contradictedLength(of: file, size, files) {
                onStep(.contradiction(path, announced: announced, length: size))
            }
            if output.writer != nil, let base = history?.ancestor(of: path, head: { head(of: file) }) {
                output.patch(upon: base)
            }
            content = try readChunks(file, size, path, &output)
        }
        try output.endLarge()
        return content
    }

    /// Cuts a file by its content.
    private func readChunks(
        _ file: FileDescriptor, _ size: Int, _ path: RepositoryPath, _ output: inout SnapshotOutput
    ) throws(WorkingTreeError) -> Content? {
        let chunker = Self.chunker
        var digest = DualDigest()
        var chunks: [ChunkEntry] = []
        var window = FileWindow(size: size, longest: Chunker.maximum)
        var total = 0
        var only: [UInt8]?
        while true {
            try fill(&window, to: Chunker.maximum, file, path)
            guard !window.content.isEmpty else { break }
            let chunk = window.withContent { bytes in
                let length = chunker.firstCut(in: bytes)
                digest.update(UnsafeRawBufferPointer(rebasing: bytes[..<length]))
                return ChunkEntry(id: ObjectID(digest.finishPart()), length: length)
            }
            let bytes = window.content.prefix(chunk.length)
            // A file that is one chunk after all is kept whole.
            if chunks.isEmpty, chunk.length == size { only = Array(bytes) }
            try output.keep(chunk, bytes, at: total)
            chunks.append(chunk)
            window.drop(chunk.length)
            total += chunk.length
        }
        guard total == size else { return nil }
        let id = ObjectID(digest.finish())
        if let only { return Content(id: id, bytes: only) }
        return Content(id: id, bytes: nil, length: size, chunks: chunks)
    }

    /// Cuts a file by its tensors.
    private func readTensors(
        _ tensors: TensorFile, _ file: FileDescriptor, _ size: Int, _ path: RepositoryPath,
        _ output: inout SnapshotOutput
    ) throws(WorkingTreeError) -> Content? {
        var (candidates, sources): ([[ObjectID]]?, [[CastSource]]?)
        let guessFor = history?.isNew(path) ?? false ? path : nil
        if let history {
            try output.finishTensors()
            candidates = history.candidates(for: tensors, at: path)
            sources = history.sources(for: tensors, at: path)
        }
        var digest = DualDigest()
        var chunks: [ChunkEntry] = []
        var window = FileWindow(size: size, longest: TensorCutter.maximum)
        var total = 0
        var only: [UInt8]?
        for (number, piece) in tensors.pieces.enumerated() {
            let id: ObjectID
            if let layout = tensors.layout(of: piece) {
                let bytes = try take(piece.length, from: &window, file, path)
                // It is shorter than it was.
                guard bytes.count == piece.length else { return nil }
                id = bytes.withUnsafeBytes { bytes in
                    digest.update(bytes)
                    return ObjectID(digest.finishPart())
                }
                if piece.length == size { only = bytes }
                try output.keep(id) {
                    TensorWriter.Piece(
                        id: id, bytes: bytes, layout: layout, candidates: candidates?[number] ?? [],
                        guessFor: guessFor,
                        sources: sources?[number] ?? [])
                }
            } else {
                try fill(&window, to: piece.length, most: Self.betweenTensors, file, path)
                guard window.content.count >= piece.length else { return nil }
                id = window.withContent { bytes in
                    digest.update(UnsafeRawBufferPointer(rebasing: bytes[..<piece.length]))
                    return ObjectID(digest.finishPart())
                }
                let bytes = window.content.prefix(piece.length)
                if piece.length == size { only = Array(bytes) }
                try output.keep(ChunkEntry(id: id, length: piece.length), bytes, at: total)
                window.drop(piece.length)
            }
            chunks.append(ChunkEntry(id: id, length: piece.length))
            total += piece.length
        }
        // It is longer than it was.
        try fill(&window, to: 1, file, path)
        guard total == size, window.content.isEmpty else { return nil }
        let id = ObjectID(digest.finish())
        if let only { return Content(id: id, bytes: only) }
        return Content(id: id, bytes: nil, length: size, chunks: chunks, tensors: tensors)
    }

    /// So much is read at a time of what lies between tensors, which are read to where they stay.
    private static let betweenTensors = 64 << 10

    private func fill(
        _ window: inout FileWindow, to wanted: Int, most: Int = .max, _ file: FileDescriptor,
        _ path: RepositoryPath
    ) throws(WorkingTreeError) {
        let more: Int
        do throws(FileError) { more = try window.fill(to: wanted, most: most, from: file, files) } catch {
            throw .unreadable(path, error)
        }
        if more > 0 { onStep(.bytes(more)) }
    }

    private func take(
        _ count: Int, from window: inout FileWindow, _ file: FileDescriptor, _ path: RepositoryPath
    ) throws(WorkingTreeError) -> [UInt8] {
        do throws(FileError) {
            let (bytes, more) = try window.take(count, from: file, files)
            if more > 0 { onStep(.bytes(more)) }
            return bytes
        } catch { throw .unreadable(path, error) }
    }

    /// So many bytes of a file tell what it may be a later version of.
    private static let headLength = 262_144

    /// The first bytes of a large file, as many as can be read.
    private func head(of file: FileDescriptor) -> [UInt8] {
        var head = [UInt8](repeating: 0, count: Self.headLength)
        let count = (try? files.read(file, filling: &head, from: 0, at: 0)) ?? 0
        return Array(head.prefix(count))
    }

    private func keep(_ content: Content, _ output: inout SnapshotOutput) throws(WorkingTreeError) {
        if let bytes = content.bytes {
            return try output.keep(ChunkEntry(id: content.id, length: bytes.count), bytes[...], at: 0)
        }
        try output.keepRecipe(
            of: content.id, length: content.length, cutRule: content.tensors?.cutRule ?? Chunker.rule,
            content.chunks)
    }
}
