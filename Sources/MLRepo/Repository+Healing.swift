internal import FileIO
package import ObjectModel
internal import Storage
internal import WorkingTree

extension Repository {
    /// Stores again what the store has lost and the working copy still has.
    ///
    /// A file counts if its content is that of the version that is stood on, whatever its times say.
    /// - Returns: The files, sorted.
    package func heal() throws(RepositoryError) -> [RepositoryPath] {
        guard !copy.isBare, let actor = person else { return [] }
        let (head, base) = try base()
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        var healed: [RepositoryPath] = []
        for (path, entry) in lost(in: base?.tree ?? DirectoryTree.emptyRoot, .root) {
            guard let status = try status(of: path), status.kind == (entry.mode == .link ? .link : .file),
                status.size == entry.size
            else { continue }
            let file = ScannedFiles([ScannedFile(path: path, status: status)])
            // Nothing is written for a file that is another one by now.
            guard try named(file, nil) == entry.id, try named(file, writer) == entry.id else { continue }
            healed.append(path)
        }
        guard !healed.isEmpty else { return [] }
        _ = try transact(StoreRepair.verb, reason: nil, actor: actor, head, writer) { [] }
        return healed.sorted()
    }

    /// Reads a file, and with a writer stores it.
    ///
    /// - Returns: Its id; nothing if it cannot be read, or changes meanwhile.
    private func named(_ file: ScannedFiles, _ writer: ObjectWriter?) throws(RepositoryError) -> ObjectID? {
        let snapshot = Snapshot(root: copy.root, files: environment.files, writer: writer, clock: 0)
        do throws(WorkingTreeError) {
            return try snapshot.read(file, width: environment.width).files.first?.entry?.id
        } catch {
            switch error {
            case .unreadable, .unsteady: return nil
            default: throw .tree(error)
            }
        }
    }

    /// The files of a directory that the store does not have whole; none of one whose own record is lost.
    private func lost(in root: ObjectID, _ directory: RepositoryPath) -> [Leaf] {
        guard let entries = try? DirectoryTree(root: root, reader: store).entries.leaves() else { return [] }
        var lost: [Leaf] = []
        for entry in entries {
            guard let path = try? directory.appending(entry.name) else { continue }
            if entry.mode == .directory {
                lost += self.lost(in: entry.id, path)
            } else if entry.mode.kind == .blob, !isWhole(entry.id) {
                lost.append((path, entry))
            }
        }
        return lost
    }

    /// Whether the store has a blob, or its recipe and all of its chunks.
    private func isWhole(_ id: ObjectID) -> Bool {
        guard let found = store.find(ObjectReference(.blob, id)) else { return false }
        guard found.place.isRecipe else { return true }
        do throws(ReadError) {
            guard let recipe = try store.recipe(of: id) else { return false }
            var isWhole = true
            try recipe.forEachChunk(in: store) { (chunk) throws(ReadError) in
                if !store.contains(ObjectReference(.blob, chunk.id)) { isWhole = false }
            }
            return isWhole
        } catch { return false }
    }
}
