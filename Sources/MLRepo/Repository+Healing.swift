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
        var wanted: [RepositoryPath: ObjectID] = [:]
        var scanned = ScannedFiles()
        // What lies in a directory whose own record is lost is not known.
        var lost: [Leaf] = []
        try? tree(base).forEachFile { (path, entry) throws(ReadError) in
            if entry.mode.kind == .blob, !isWhole(entry.id) { lost.append((path, entry)) }
        }
        for (path, entry) in lost {
            guard let status = try status(of: path), status.kind == (entry.mode == .link ? .link : .file),
                status.size == entry.size
            else { continue }
            scanned.append(ScannedFile(path: path, status: status))
            wanted[path] = entry.id
        }
        guard !wanted.isEmpty else { return [] }
        scanned.sort()
        // Nothing is written for a file that is another one by now.
        let named = try snapshot(scanned, nil)
        let good = Set(named.files.filter { $0.entry?.id == wanted[$0.path] }.map(\.path))
        guard !good.isEmpty else { return [] }
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        _ = try snapshot(scanned.filter { good.contains($0.path) }, writer)
        _ = try transact(StoreRepair.verb, reason: nil, actor: actor, head, writer) { [] }
        return good.sorted()
    }

    private func snapshot(
        _ scanned: ScannedFiles, _ writer: ObjectWriter?
    ) throws(RepositoryError) -> Snapshot.Result {
        try working { () throws(WorkingTreeError) in
            try Snapshot(root: copy.root, files: environment.files, writer: writer, clock: 0)
                .read(scanned, width: environment.width)
        }
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
