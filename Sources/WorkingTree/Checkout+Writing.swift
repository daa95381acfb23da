internal import FileIO
internal import ObjectModel
internal import Storage

/// Writes one file or link.
extension Checkout {
    /// A directory that is held open, so that the way to it is gone once for all files that follow each other in it.
    struct HeldDirectory {
        let path: RepositoryPath
        let checkout: Checkout
    }

    /// Writes a file or link, in the place of another one if need be.
    func write(
        _ step: CheckoutStep, _ entry: TreeEntry, _ blob: BlobStream, synchronizing: Bool,
        _ held: inout HeldDirectory?
    ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
        guard let directory = step.path.split?.directory else { return nil }
        do throws(WorkingTreeError) {
            let here =
                if let held, held.path == directory { held } else {
                    HeldDirectory(path: directory, checkout: within(directory))
                }
            held = here
            return try here.checkout.write(
                step, in: directory, entry, blob, synchronizing: synchronizing)
        } catch {
            held = nil
            // What was there when somebody looked may be gone by now, and its directory, too.
            guard case .file(let reason) = error, reason.isNotFound, step.seen != nil else { throw error }
            var made: Set<RepositoryPath> = [.root]
            var progress = CheckoutProgress()
            try makeDirectory(directory, &made, &progress)
            return try within(directory).write(step, in: directory, entry, blob, synchronizing: synchronizing)
        }
    }

    /// The same, with a directory held open.
    private func within(_ directory: RepositoryPath) -> Checkout {
        guard isConfined, !directory.isRoot, let confined = files.confined(to: place(directory)) else {
            return self
        }
        var inner = self
        inner.files = confined
        return inner
    }

    private func write(
        _ step: CheckoutStep, in directory: RepositoryPath, _ entry: TreeEntry, _ blob: BlobStream,
        synchronizing: Bool
    ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
        let path = step.path
        func writeNew(
            _ place: FilePath, naming: () throws(WorkingTreeError) -> Void = {}
        ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
            guard entry.mode != .link else { return try linkNew(path, place, entry, naming: naming) }
            do throws(WorkingTreeError) {
                return try self.writeNew(
                    place, entry, blob, checking: false, synchronizing: synchronizing, naming: naming)
            } catch {
                // Piece by piece, what is damaged in one place may be had from another, or is named.
                guard case .object(.damaged) = error else { throw error }
                return try self.writeNew(
                    place, entry, blob, checking: true, synchronizing: synchronizing, naming: naming)
            }
        }
        let isKept = keepsFrom.map { entry.size >= $0 && entry.mode != .link } ?? false
        if isKept,
            let seen = try goOn(with: step, in: directory, entry, blob, synchronizing: synchronizing)
        {
            return seen
        }
        // Where a file was, one is likely to be.
        if !isKept, step.seen == nil, let seen = try writeNew(place(path)) { return seen }
        let temporary = place(directory).appending(EntryName.temporaryPrefix + Hex.text(random(8)).utf8)
        TemporaryFiles.note(temporary)
        defer { TemporaryFiles.forget(temporary) }
        do throws(WorkingTreeError) {
            let seen = try writeNew(temporary) { () throws(WorkingTreeError) in
                try name(temporary, for: step)
            }
            guard let seen else { throw .file(FileError.exists(temporary)) }
            return seen
        } catch {
            try? files.removeIfPresent(temporary)
            throw error
        }
    }

    /// Gives what is whole its own name.
    func name(_ temporary: FilePath, for step: CheckoutStep) throws(WorkingTreeError) {
        let kind = try requireKnown(step)
        try working { () throws(FileError) in
            // An empty directory makes room; one that is not empty stops this.
            if kind == .directory { try removeEmpty(place(step.path)) }
            try files.rename(temporary, to: place(step.path))
        }
    }

    /// Makes a link under a name that nothing has.
    ///
    /// - Parameter naming: Gives it its own name, if this was a temporary one.
    /// - Returns: Nothing if the name is taken.
    private func linkNew(
        _ path: RepositoryPath, _ place: FilePath, _ entry: TreeEntry,
        naming: () throws(WorkingTreeError) -> Void
    ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
        let target = try content(entry.id)
        guard !target.contains(0) else { throw .badLink(path) }
        do throws(FileError) { try files.makeLink(place, target: target) } catch {
            if error.isExists { return nil }
            throw .file(error)
        }
        try naming()
        // Of a link nothing is held open: by its own name, where somebody may have put another one by now, as young as this.
        let named = self.place(path)
        return try working { () throws(FileError) in try files.status(named).map { StatCacheEntry.Seen($0) } }
    }

    /// Writes a file under a name that nothing has.
    ///
    /// Where nothing is, nothing can be lost, and what is cut short is known by its beginning (``BlobStream/isTorn(_:_:)``); a
    /// file that cannot be finished goes again.
    /// - Parameters:
    ///   - checking: As in ``BlobStream/forEachPiece(checking:_:)``.
    ///   - naming: Gives it its own name, if this was a temporary one.
    /// - Returns: Nothing if the name is taken.
    private func writeNew(
        _ path: FilePath, _ entry: TreeEntry, _ blob: BlobStream, checking: Bool, synchronizing: Bool,
        naming: () throws(WorkingTreeError) -> Void
    ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
        let permissions: UInt16 = entry.mode == .executable ? 0o777 : 0o666
        let file: FileDescriptor
        do throws(FileError) { file = try files.create(path, permissions: permissions) } catch {
            if error.isExists { return nil }
            throw .file(error)
        }
        defer { files.close(file) }
        do throws(WorkingTreeError) {
            try blob.forEachPiece(checking: checking) { (piece) throws(WorkingTreeError) in
                do throws(FileError) { try files.write(file, piece) } catch {
                    // Of an open file the system knows no name.
                    throw .file(FileError(error.operation, path, code: error.code))
                }
                onStep(.bytes(piece.count))
            }
            if synchronizing { try working { () throws(FileError) in try files.synchronize(file) } }
            try naming()
            return try working { () throws(FileError) in StatCacheEntry.Seen(try files.status(of: file)) }
        } catch {
            try? files.removeIfPresent(path)
            throw error
        }
    }

    private func content(_ id: ObjectID) throws(WorkingTreeError) -> [UInt8] {
        do throws(ReadError) { return try store.required(.blob, id) } catch { throw .object(error) }
    }
}
