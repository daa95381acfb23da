internal import FileIO
package import ObjectModel
internal import Storage
internal import WorkingTree

/// What a repair took from a working copy, sorted.
package struct HealedPaths: Sendable {
    package fileprivate(set) var files: [RepositoryPath] = []
    /// Whose lists of names were lost, and those of what is below them.
    package fileprivate(set) var directories: [RepositoryPath] = []

    package init() {}
}

extension Repository {
    /// Stores again what the store has lost and the working copy still has.
    ///
    /// A file counts if its content is that of the version that is stood on, whatever its times say. Lists of names come from the
    /// stat cache.
    package func heal() throws(RepositoryError) -> HealedPaths {
        var healed = HealedPaths()
        guard !copy.isBare, let actor = person else { return healed }
        let (head, base) = try base()
        guard let base else { return healed }
        var losses = losses(of: base)
        if !losses.directories.isEmpty, try healDirectories(of: base, head, actor) {
            let lost = losses.directories
            losses = self.losses(of: base)
            healed.directories = lost.filter { !losses.directories.contains($0) }.sorted()
        }
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        for (path, entry) in losses.files {
            guard let status = try status(of: path), status.kind == (entry.mode == .link ? .link : .file),
                status.size == entry.size
            else { continue }
            let file = ScannedFiles([ScannedFile(path: path, status: status)])
            // Nothing is written for a file that is another one by now.
            guard try named(file, nil) == entry.id, try named(file, writer) == entry.id else { continue }
            healed.files.append(path)
        }
        if !healed.files.isEmpty {
            _ = try transact(StoreRepair.verb, reason: nil, actor: actor, head, writer) { [] }
        }
        healed.files.sort()
        return healed
    }

    /// Makes the records of a version's directories anew from the stat cache, which has the name and id of every file.
    ///
    /// - Returns: Whether what came out is that version.
    private func healDirectories(
        of base: Commit, _ head: WorkingCopy.Head, _ actor: Person
    ) throws(RepositoryError) -> Bool {
        guard let cache = copy.cache(), cache.base == head.commit else { return false }
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        guard try edited(directory(nil), cache.files, writer).root == base.tree else { return false }
        _ = try transact(StoreRepair.verb, reason: nil, actor: actor, head, writer) { [] }
        return true
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

    /// What the store does not have of a version.
    private struct Losses {
        /// Whose own list of names is lost; what was in them is not known.
        var directories: [RepositoryPath] = []
        /// Files that are not there whole.
        var files: [Leaf] = []
        /// Something is there and cannot be read.
        var isUnreadable = false
        /// Directories of which nothing is lost, each looked at once.
        var whole: Set<ObjectID> = []
    }

    private func losses(of version: Commit) -> Losses {
        var losses = Losses()
        look(for: &losses, in: version.tree, .root)
        return losses
    }

    private func look(for losses: inout Losses, in root: ObjectID, _ directory: RepositoryPath) {
        guard !losses.whole.contains(root) else { return }
        let entries: [TreeEntry]
        do throws(ReadError) {
            entries = try DirectoryTree(root: root, reader: store).entries.leaves()
        } catch {
            // What is there and cannot be read would not be written again.
            if case .missing = error {
                losses.directories.append(directory)
            } else {
                losses.isUnreadable = true
            }
            return
        }
        let before = losses.directories.count + losses.files.count
        // More than these are in no version that a checkout writes.
        guard before < Self.lossLimit else { return }
        for entry in entries {
            guard let path = try? directory.appending(entry.name) else { continue }
            if entry.mode == .directory {
                look(for: &losses, in: entry.id, path)
            } else if entry.mode.kind == .blob, !isWhole(entry.id) {
                losses.files.append((path, entry))
            }
        }
        if losses.directories.count + losses.files.count == before, !losses.isUnreadable {
            losses.whole.insert(root)
        }
    }

    /// So many losses are mended at a time.
    private static let lossLimit = 1_000_000

    /// Whether the store has a blob, or its recipe and all of its chunks, with all that these are told by.
    private func isWhole(_ id: ObjectID) -> Bool {
        guard let found = store.find(ObjectReference(.blob, id)) else { return false }
        guard found.place.isRecipe else { return store.containsWithBase(ObjectReference(.blob, id)) }
        do throws(ReadError) {
            guard let recipe = try store.recipe(of: id) else { return false }
            var isWhole = true
            try recipe.forEachChunk(in: store) { (chunk) throws(ReadError) in
                if !store.containsWithBase(ObjectReference(.blob, chunk.id)) { isWhole = false }
            }
            return isWhole
        } catch { return false }
    }
}
