internal import Chunking
internal import Coding
package import FileIO
internal import Hashing
package import ObjectModel
package import Storage
internal import Synchronization

/// Reads files, names them by their content, and writes what the store does not have.
///
/// Files of up to one chunk are read in batches, each a frame, on all processors; of a larger file one thread reads and
/// hashes what another one encodes. Memory is at most width x (two frames + chunk), about 6 MiB a thread, and about 40 MiB a thread
/// where there are tensors.
package struct Snapshot: Sendable {
    /// Times younger than this (in nanoseconds) say nothing: a file may change again without a new time.
    static let racyMargin: Int64 = 50_000_000
    /// The same where a file system keeps whole seconds only.
    static let coarseRacyMargin: Int64 = 2_000_000_000
    /// No single write takes longer than this, in nanoseconds.
    private static let writingTime: Int64 = 600_000_000_000
    /// How often a file is read again that changes meanwhile.
    private static let attempts = 3

    private let root: FilePath
    private let files: any FileSystem
    private let writer: ObjectWriter?
    private let tensors: TensorWriter?
    private let history: FileHistory?
    /// The file system's time when the walk began, in nanoseconds since 1970.
    private let clock: Int64
    private let chunker: Chunker
    private let onStep: @Sendable (WorkStep) -> Void
    private let onContent: @Sendable (RepositoryPath, [ChunkEntry]) -> Void

    /// - Parameters:
    ///   - writer: Takes what is new; without one, files are only named.
    ///   - history: Knows what the tensors of a file may be later versions of.
    ///   - onContent: Told of each file in which pieces it was read.
    package init(
        root: FilePath, files: any FileSystem, writer: ObjectWriter?, history: FileHistory? = nil,
        clock: Int64,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in },
        onContent: @escaping @Sendable (RepositoryPath, [ChunkEntry]) -> Void = { _, _ in }
    ) {
        self.root = root
        self.files = files
        self.writer = writer
        self.onContent = onContent
        tensors = writer.map { TensorWriter($0) }
        self.history = history
        self.clock = clock
        self.onStep = onStep
        chunker = Chunker(gear: Self.gear)
    }

    /// The gear table of cut rule 1 (`Documentation/Formats/merkle-tree.md`).
    private static let gear: [UInt64] = (0..<256).map { byte in
        SHA256.digest(of: Array("mlrepo-1:".utf8) + [UInt8(byte)]).words.0
    }

    private struct Work: Sendable {
        var next = 0
        /// How many threads read a batch.
        var reading = 0
        /// Parts of large files that wait for somebody who encodes and writes them.
        var parts: [Part] = []
        /// Of each batch, how many pieces of tensors were read and are not written yet.
        var tensorsUnderway: [Int: Int] = [:]
        var files: SnapshotFiles
        var recipes: [RecipeEntry] = []
        var failure: WorkingTreeError?
    }

    private enum Task: Sendable {
        case batch(Int)
        case part(Part)
    }

    /// What is encoded by itself.
    private enum Part: Sendable {
        case frame(FrameBuilder, patch: Patching?)
        case tensor(TensorWriter.Piece, batch: Int)
    }

    /// What tells the chunks of a large file by an earlier version of it.
    private struct Patching {
        let writer: PatchWriter
        var runs: PatchWriter.Runs
    }

    /// Where a thread puts what it reads.
    private struct Output {
        var builder = FrameBuilder(.data)
        /// Nothing where the file that is read has no earlier version.
        var patching: Patching?
        /// The number of the batch that is read.
        let batch: Int
        let work: Monitor<Work>
        /// How many parts may wait.
        let waiting: Int
    }

    /// What was read, in the order of the input, and the recipes of the large files among it.
    package struct Result: Sendable {
        package let files: SnapshotFiles
        package let recipes: [RecipeEntry]
    }

    /// Reads files and, with a writer, stores what is new.
    ///
    /// - Parameter width: How many threads read.
    /// - Throws: ``WorkingTreeError/unsteady(_:)`` if a file goes on changing while it is read.
    package func read(_ scanned: ScannedFiles, width: Int) throws(WorkingTreeError) -> Result {
        // Files with holes may add up to more than there are numbers for.
        let bytes = scanned.indices.reduce(0) { sum, index in
            let (more, isOver) = sum.addingReportingOverflow(scanned.size(index))
            return isOver ? .max : more
        }
        onStep(.planned(files: scanned.count, bytes: bytes))
        let order = SnapshotOrder(scanned) { index in
            writer == nil
                ? 0 : TensorFile.elementWidth(in: root.appending(scanned.path(index).bytes), files)
        }
        let work = Monitor(Work(files: SnapshotFiles(scanned)))
        // One file can keep two threads busy: one reads and hashes it, another one encodes it.
        let hasLarge = writer != nil && scanned.indices.contains { scanned.size($0) > Chunker.wholeLimit }
        let threads = max(1, hasLarge ? width : min(width, order.batchCount))
        onThreads(threads) {
            while let task = Self.nextTask(work, batchCount: order.batchCount) {
                do throws(WorkingTreeError) {
                    switch task {
                    case .batch(let number):
                        var output = Output(batch: number, work: work, waiting: threads - 1)
                        let batch = order.batch(number)
                        let (found, recipes) = try read(batch.lazy.map { scanned[Int($0)] }, &output)
                        work.withLock { work in
                            for (index, found) in zip(batch, found) { work.files.set(Int(index), found) }
                            work.recipes += recipes
                            work.reading -= 1
                        }
                    case .part(let part): try write(part, work)
                    }
                } catch {
                    work.withLock { work in work.failure = work.failure ?? error }
                }
            }
        }
        let end = work.withLock { $0 }
        if let failure = end.failure { throw failure }
        return Result(files: end.files, recipes: end.recipes)
    }

    /// What a thread is to do next; nothing if all is done, or something went wrong.
    private static func nextTask(_ work: Monitor<Work>, batchCount: Int) -> Task? {
        work.wait { work -> Task?? in
            if work.failure != nil { return .some(nil) }
            // What waits takes room.
            if let part = work.parts.popLast() { return .part(part) }
            if work.next < batchCount {
                defer { work.next += 1 }
                work.reading += 1
                return .batch(work.next)
            }
            return work.reading == 0 ? .some(nil) : nil
        }
    }

    private func read(
        _ batch: some Sequence<ScannedFile>, _ output: inout Output
    ) throws(WorkingTreeError) -> ([SnapshotFiles.Found?], [RecipeEntry]) {
        var found: [SnapshotFiles.Found?] = []
        var recipes: [RecipeEntry] = []
        for file in batch {
            found.append(try read(file, &output, &recipes))
            onStep(.file)
        }
        try flush(&output)
        return (found, recipes)
    }

    /// Writes what was read, or leaves it to a thread that has nothing else to do.
    private func flush(_ output: inout Output) throws(WorkingTreeError) {
        guard output.builder.isQuick, !output.builder.isEmpty else {
            return try write(&output.builder, nil)
        }
        var patching = output.patching
        if let runs = output.patching?.runs.take() { patching?.runs = runs }
        let (full, limit, patch) = (output.builder, output.waiting, patching)
        let isTaken = output.work.withLock { work -> Bool in
            guard work.parts.count < limit else { return false }
            work.parts.append(.frame(full, patch: patch))
            return true
        }
        guard isTaken else { return try write(&output.builder, patching) }
        output.builder = FrameBuilder(.data)
        output.builder.isQuick = true
    }

    /// Writes a piece of a tensor, or leaves it to a thread that has nothing else to do.
    private func write(
        _ piece: TensorWriter.Piece, _ output: inout Output
    ) throws(WorkingTreeError) {
        let (limit, batch) = (output.waiting, output.batch)
        let isTaken = output.work.withLock { work -> Bool in
            work.tensorsUnderway[batch, default: 0] += 1
            guard work.parts.count < limit else { return false }
            work.parts.append(.tensor(piece, batch: batch))
            return true
        }
        if !isTaken { try write(.tensor(piece, batch: batch), output.work) }
    }

    /// Waits until every piece of a tensor that this batch has read is written, and helps with whatever waits: the next file may be
    /// told by it.
    ///
    /// Does not wait where something went wrong: then nobody takes what waits.
    private func finishTensors(_ output: Output) throws(WorkingTreeError) {
        let batch = output.batch
        while true {
            let part = output.work.wait { work -> Part?? in
                if work.failure != nil || work.tensorsUnderway[batch, default: 0] == 0 { return .some(nil) }
                return work.parts.popLast().map { .some($0) }
            }
            guard let part else { return }
            try write(part, output.work)
        }
    }

    private func write(_ part: Part, _ work: Monitor<Work>) throws(WorkingTreeError) {
        switch part {
        case .frame(var frame, let patching): try write(&frame, patching)
        case .tensor(let piece, let batch):
            defer { work.withLock { $0.tensorsUnderway[batch, default: 0] -= 1 } }
            do throws(StoreError) { try tensors?.append(piece) } catch { throw .store(error) }
        }
    }

    private func write(_ builder: inout FrameBuilder, _ patching: Patching?) throws(WorkingTreeError) {
        guard let writer, !builder.isEmpty else { return }
        do throws(StoreError) {
            if let patching {
                try patching.writer.append(&builder, patching.runs)
            } else {
                try writer.append(&builder)
            }
        } catch { throw .store(error) }
    }

    /// Reads one file or link; nothing if it has gone.
    private func read(
        _ file: ScannedFile, _ output: inout Output, _ recipes: inout [RecipeEntry]
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
            try keep(content, &output, &recipes)
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
        Self.isOld(status, at: clock) ? StatCacheEntry.Seen(status) : nil
    }

    /// Whether something is so old that it cannot change again without a new time.
    ///
    /// - Parameter clock: The file system's time, in nanoseconds since 1970.
    static func isOld(_ status: FileStatus, at clock: Int64) -> Bool {
        isOld(status.modified, status.changed, at: clock)
    }

    static func isOld(_ modified: Int64, _ changed: Int64, at clock: Int64) -> Bool {
        let margin = modified % 1_000_000_000 == 0 ? coarseRacyMargin : racyMargin
        return max(modified, changed) < clock - margin
    }

    private func readLink(
        _ path: RepositoryPath, _ status: FileStatus, _ output: inout Output
    ) throws(WorkingTreeError) -> SnapshotFiles.Found? {
        let target: [UInt8]
        do throws(FileError) { target = try files.readLink(root.appending(path.bytes)) } catch {
            if error.isNotFound { return nil }
            throw .unreadable(path, error)
        }
        guard !target.isEmpty, target.count <= 4095 else { throw .badLink(path) }
        let content = Content(id: ObjectID(of: .blob, payload: target), bytes: target)
        var none: [RecipeEntry] = []
        try keep(content, &output, &none)
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

    /// What is read of a large file at a time, at least.
    private static let readSize = 4 << 20

    /// Cuts a large file and writes its chunks as they come; nothing if it has another size by now.
    private func readLarge(
        _ file: FileDescriptor, _ size: Int, _ path: RepositoryPath, _ output: inout Output
    ) throws(WorkingTreeError) -> Content? {
        try flush(&output)
        output.builder.isQuick = true
        defer { output.builder.isQuick = false }
        let tensors = writer == nil ? nil : TensorFile(reading: file, size, files)
        var (candidates, sources): ([[ObjectID]]?, [[CastSource]]?)
        if let tensors, let history {
            try finishTensors(output)
            candidates = history.candidates(for: tensors, at: path)
            sources = history.sources(for: tensors, at: path)
        }
        if tensors == nil, let writer, let base = history?.ancestor(of: path, head: { head(of: file) }) {
            let patch = PatchWriter(writer, base: base)
            output.patching = Patching(writer: patch, runs: PatchWriter.Runs(patch))
        }
        defer { output.patching = nil }
        var digest = DualDigest()
        var chunks: [ChunkEntry] = []
        let longest = tensors == nil ? Chunker.maximum : TensorCutter.maximum
        // What was read and not yet cut lies from `start` to `end`. One byte more than expected tells a file that grows.
        var window = [UInt8](repeating: 0, count: min(size + 1, longest + Self.readSize))
        var (start, end, offset, total) = (0, 0, 0, 0)
        var only: [UInt8]?
        while true {
            let piece = tensors.flatMap { chunks.count < $0.pieces.count ? $0.pieces[chunks.count] : nil }
            if end - start < piece?.length ?? Chunker.maximum, offset <= size {
                window.withUnsafeMutableBytes { bytes in
                    let left = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                    bytes.copyMemory(from: left)
                }
                (start, end) = (0, end - start)
                let more: Int
                do throws(FileError) {
                    more = try files.read(file, filling: &window, from: end, at: offset)
                } catch { throw .unreadable(path, error) }
                end += more
                offset += more
                onStep(.bytes(more))
            }
            guard start < end else { break }
            // It is longer or shorter than it was.
            if tensors != nil, piece.map({ $0.length > end - start }) ?? true { return nil }
            let chunk = window.withUnsafeBytes { bytes -> (id: ObjectID, length: Int) in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                let length = piece?.length ?? chunker.firstCut(in: rest)
                digest.update(UnsafeRawBufferPointer(rebasing: rest[..<length]))
                return (ObjectID(digest.finishPart()), length)
            }
            // A file that is one chunk after all is kept whole.
            if chunks.isEmpty, chunk.length == size { only = Array(window[start..<start + chunk.length]) }
            let bytes = window[start..<start + chunk.length]
            if let piece, let layout = tensors?.layout(of: piece) {
                let number = chunks.count
                try keep(chunk.id, &output) {
                    TensorWriter.Piece(
                        id: chunk.id, bytes: Array(bytes), layout: layout,
                        candidates: candidates.map { $0[number] } ?? [],
                        sources: sources.map { $0[number] } ?? [])
                }
            } else {
                try keep(ChunkEntry(id: chunk.id, length: chunk.length), bytes, at: total, &output)
            }
            chunks.append(ChunkEntry(id: chunk.id, length: chunk.length))
            start += chunk.length
            total += chunk.length
        }
        guard total == size else { return nil }
        // What follows is of another file.
        if output.patching != nil { try flush(&output) }
        let id = ObjectID(digest.finish())
        if let only { return Content(id: id, bytes: only) }
        return Content(id: id, bytes: nil, length: size, chunks: chunks, tensors: tensors)
    }

    /// So many bytes of a file tell what it may be a later version of.
    private static let headLength = 262_144

    /// The first bytes of a large file, as many as can be read.
    private func head(of file: FileDescriptor) -> [UInt8] {
        var head = [UInt8](repeating: 0, count: Self.headLength)
        let count = (try? files.read(file, filling: &head, from: 0, at: 0)) ?? 0
        return Array(head.prefix(count))
    }

    private func keep(
        _ content: Content, _ output: inout Output, _ recipes: inout [RecipeEntry]
    ) throws(WorkingTreeError) {
        if let bytes = content.bytes {
            return try keep(ChunkEntry(id: content.id, length: bytes.count), bytes[...], at: 0, &output)
        }
        guard let writer else { return }
        let blob = ObjectReference(.blob, content.id)
        if let found = writer.store.find(blob), !found.place.isRecipe {
            // It lies in the store whole, and needs no recipe.
            _ = writer.claim(blob)
            return
        }
        let (recipe, nodes) = Recipe.make(
            blob: content.id, length: content.length,
            cutRule: content.tensors?.cutRule ?? Chunker.rule, chunks: content.chunks)
        let payload = recipe.payload
        let id = ObjectID(of: .chunks, payload: payload)
        recipes.append(RecipeEntry(blob: content.id, recipe: id))
        do throws(StoreError) {
            // Also those that are there: each is relied upon.
            for node in nodes { try writer.add(ObjectReference(.chunks, node.id), node.payload) }
            try writer.add(ObjectReference(.chunks, id), payload, recipeOf: content.id)
        } catch { throw .store(error) }
    }

    private func keep(
        _ chunk: ChunkEntry, _ bytes: ArraySlice<UInt8>, at offset: Int, _ output: inout Output
    ) throws(WorkingTreeError) {
        guard let writer else { return }
        let reference = ObjectReference(.blob, chunk.id)
        guard writer.claim(reference) else {
            output.patching?.runs.pass(chunk, at: offset)
            return
        }
        if !output.builder.hasRoom(for: bytes.count) || output.builder.isFull { try flush(&output) }
        output.patching?.runs.add(chunk, at: offset, start: output.builder.rawLength)
        bytes.withUnsafeBytes { output.builder.add(reference, $0) }
    }

    private func keep(
        _ id: ObjectID, _ output: inout Output, _ piece: () -> TensorWriter.Piece
    ) throws(WorkingTreeError) {
        guard let writer, writer.claim(ObjectReference(.blob, id)) else { return }
        try write(piece(), &output)
    }
}
