internal import Chunking
internal import Coding
internal import ObjectModel
internal import Storage

/// Where a thread puts what it reads of one batch: small files together in frames; what a large one is made of is left to whoever has nothing else
/// to do.
struct SnapshotOutput {
    /// Nothing where files are only named.
    let writer: SnapshotWriter?
    private let queue: SnapshotQueue
    private let batch: Int
    private var builder = FrameBuilder(.data)
    /// Nothing where the file that is read has no earlier version.
    private var patching: SnapshotPatching?
    private(set) var recipes: [RecipeEntry] = []

    init(_ writer: SnapshotWriter?, _ queue: SnapshotQueue, batch: Int) {
        (self.writer, self.queue, self.batch) = (writer, queue, batch)
    }

    // MARK: Large files

    /// Begins a large file: its frames hold nothing else, and are coded quickly.
    mutating func beginLarge() throws(WorkingTreeError) {
        try flush()
        builder.isQuick = true
    }

    /// Takes the chunks that follow for a later version of something.
    mutating func patch(upon base: PatchBase) { patching = writer?.patch(upon: base) }

    /// Ends a large file, also one that was given up.
    mutating func endLarge() throws(WorkingTreeError) {
        defer { (patching, builder.isQuick) = (nil, false) }
        // What follows is of another file.
        if patching != nil { try flush() }
    }

    /// Waits until every piece of a tensor that this batch has read is written, and helps with whatever waits: the next file may be
    /// told by it.
    func finishTensors() throws(WorkingTreeError) {
        while let part = queue.helpFinishTensors(of: batch) { try write(part) }
    }

    // MARK: Bytes

    /// Keeps bytes that the store does not have.
    ///
    /// - Parameter offset: Where they lie in their file.
    mutating func keep(
        _ chunk: ChunkEntry, _ bytes: ArraySlice<UInt8>, at offset: Int
    ) throws(WorkingTreeError) {
        guard let writer else { return }
        guard writer.claim(chunk.id) else {
            patching?.runs.pass(chunk, at: offset)
            return
        }
        if !builder.hasRoom(for: bytes.count) || builder.isFull { try flush() }
        patching?.runs.add(chunk, at: offset, start: builder.rawLength)
        bytes.withUnsafeBytes { builder.add(ObjectReference(.blob, chunk.id), $0) }
    }

    /// Keeps a piece of a tensor that the store does not have.
    mutating func keep(_ id: ObjectID, _ piece: () -> TensorWriter.Piece) throws(WorkingTreeError) {
        guard let writer, writer.claim(id) else { return }
        let part = SnapshotPart.tensor(piece(), batch: batch)
        if !queue.offer(part) { try write(part) }
    }

    /// Keeps of which chunks a file is made.
    mutating func keepRecipe(
        of blob: ObjectID, length: Int, cutRule: Int, _ chunks: [ChunkEntry]
    ) throws(WorkingTreeError) {
        if let entry = try writer?.writeRecipe(of: blob, length: length, cutRule: cutRule, chunks) {
            recipes.append(entry)
        }
    }

    /// Writes what was read, or leaves it to a thread that has nothing else to do.
    mutating func flush() throws(WorkingTreeError) {
        guard !builder.isEmpty, let writer else { return }
        guard builder.isQuick else { return try writer.write(&builder, nil) }
        var patch = patching
        if let runs = patching?.runs.take() { patch?.runs = runs }
        guard queue.offer(.frame(builder, patch: patch)) else { return try writer.write(&builder, patch) }
        builder = FrameBuilder(.data)
        builder.isQuick = true
    }

    private func write(_ part: SnapshotPart) throws(WorkingTreeError) {
        defer { queue.finish(part) }
        try writer?.write(part)
    }
}
