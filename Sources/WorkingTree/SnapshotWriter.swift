internal import Chunking
internal import Coding
internal import ObjectModel
internal import Storage

/// What is encoded by itself.
enum SnapshotPart: Sendable {
    case frame(FrameBuilder, patch: SnapshotPatching?)
    case tensor(TensorWriter.Piece, batch: Int)
}

/// What tells the chunks of a large file by an earlier version of it.
struct SnapshotPatching: Sendable {
    let writer: PatchWriter
    var runs: PatchWriter.Runs
}

/// Encodes what was read and writes it, each part in the way that is best for it.
struct SnapshotWriter: Sendable {
    private let objects: ObjectWriter
    private let tensors: TensorWriter

    init(_ objects: ObjectWriter) {
        self.objects = objects
        tensors = TensorWriter(objects)
    }

    /// Whether the store lacks something, and nobody else writes it.
    func claim(_ id: ObjectID) -> Bool { objects.claim(ObjectReference(.blob, id)) }

    /// What writes chunks as a later version of others.
    func patch(upon base: PatchBase) -> SnapshotPatching {
        let writer = PatchWriter(objects, base: base)
        return SnapshotPatching(writer: writer, runs: PatchWriter.Runs(writer))
    }

    func write(_ part: SnapshotPart) throws(WorkingTreeError) {
        switch part {
        case .frame(var frame, let patch): try write(&frame, patch)
        case .tensor(let piece, _):
            do throws(StoreError) { try tensors.append(piece) } catch { throw .store(error) }
        }
    }

    /// Writes a frame and empties it.
    func write(_ frame: inout FrameBuilder, _ patch: SnapshotPatching?) throws(WorkingTreeError) {
        guard !frame.isEmpty else { return }
        do throws(StoreError) {
            if let patch {
                try patch.writer.append(&frame, patch.runs)
            } else {
                try objects.append(&frame)
            }
        } catch { throw .store(error) }
    }

    /// Writes of which chunks a file is made, unless it lies in the store whole.
    ///
    /// - Returns: Where its recipe is found.
    func writeRecipe(
        of blob: ObjectID, length: Int, cutRule: Int, _ chunks: [ChunkEntry]
    ) throws(WorkingTreeError) -> RecipeEntry? {
        let reference = ObjectReference(.blob, blob)
        if let found = objects.store.find(reference), !found.place.isRecipe {
            _ = objects.claim(reference)
            return nil
        }
        let (recipe, nodes) = Recipe.make(blob: blob, length: length, cutRule: cutRule, chunks: chunks)
        let payload = recipe.payload
        let id = ObjectID(of: .chunks, payload: payload)
        do throws(StoreError) {
            // Also those that are there: each is relied upon.
            for node in nodes { try objects.add(ObjectReference(.chunks, node.id), node.payload) }
            try objects.add(ObjectReference(.chunks, id), payload, recipeOf: blob)
        } catch { throw .store(error) }
        return RecipeEntry(blob: blob, recipe: id)
    }
}
