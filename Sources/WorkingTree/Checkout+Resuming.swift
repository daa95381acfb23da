internal import FileIO
internal import ObjectModel
internal import Storage

/// Goes on with files that an interrupted command has begun.
extension Checkout {
    /// Where what was begun of a file lies: an executable one is another, since it is made with other permissions.
    func begunPlace(of entry: TreeEntry, in directory: RepositoryPath) -> FilePath {
        let name = entry.mode == .executable ? entry.id.hex.suffix(16) : entry.id.hex.prefix(16)
        return place(directory).appending(EntryName.temporaryPrefix + name.utf8)
    }

    /// Writes a file, going on with what is there of it, and leaves what it has if the store cannot be read any more.
    ///
    /// - Returns: Nothing if somebody else is at it.
    func goOn(
        with step: CheckoutStep, in directory: RepositoryPath, _ entry: TreeEntry, _ blob: BlobStream,
        synchronizing: Bool
    ) throws(WorkingTreeError) -> StatCacheEntry.Seen? {
        let place = begunPlace(of: entry, in: directory)
        var isCheckedByPiece = false
        while true {
            let begun = try working { () throws(FileError) in
                try BegunFile(place, permissions: entry.mode == .executable ? 0o777 : 0o666, files)
            }
            guard let begun else { return nil }
            defer { begun.close() }
            do throws(WorkingTreeError) {
                try complete(begun, entry, blob, checking: isCheckedByPiece)
                if synchronizing { try working { () throws(FileError) in try begun.synchronize() } }
                try name(place, for: step)
                return try working { () throws(FileError) in StatCacheEntry.Seen(try begun.status()) }
            } catch {
                // The line: the next command goes on.
                if case .object(.unreadable) = error { throw error }
                try? files.removeIfPresent(place)
                guard case .object(.damaged) = error, !begun.isNew || !isCheckedByPiece else { throw error }
                // What was begun was another, or a piece is to be had elsewhere.
                isCheckedByPiece = isCheckedByPiece || begun.isNew
            }
        }
    }

    /// Puts what a file lacks behind what it has.
    private func complete(
        _ begun: BegunFile, _ entry: TreeEntry, _ blob: BlobStream, checking: Bool
    ) throws(WorkingTreeError) {
        let other = WorkingTreeError.object(
            .damaged(ObjectReference(.blob, entry.id), problem: "what was begun of it is other bytes"))
        guard begun.length <= entry.size else { throw other }
        let beginning = begun.isNew ? BlobBeginning() : try blob.beginning(in: begun.file, files)
        onStep(.bytes(beginning.length))
        var offset = beginning.length
        try blob.forEachPiece(checking: checking, behind: beginning) { (piece) throws(WorkingTreeError) in
            // Of the piece at which it was interrupted some is there.
            let count = max(0, min(piece.count, begun.length - offset))
            let isSame = try working { () throws(FileError) in try begun.has(piece.prefix(count), at: offset)
            }
            guard isSame else { throw other }
            try working { () throws(FileError) in try begun.append(piece.dropFirst(count)) }
            offset += piece.count
            onStep(.bytes(piece.count))
        }
    }
}

/// A file of which some is there, which nobody else goes on with meanwhile.
private struct BegunFile {
    /// Also for reading.
    let file: FileDescriptor
    /// Bytes that were there.
    let length: Int
    private let place: FilePath
    private let end: FileDescriptor
    private let files: any FileSystem

    /// Whether nothing was there.
    var isNew: Bool { length == 0 }

    /// - Parameter permissions: That it is made with, less what the process does not give.
    /// - Returns: Nothing if another process has it, or something else is there.
    init?(_ place: FilePath, permissions: UInt16, _ files: any FileSystem) throws(FileError) {
        (self.place, self.files) = (place, files)
        if let status = try files.status(place), status.kind != .file || status.permissions & 0o600 != 0o600 {
            guard [.file, .link].contains(status.kind) else { return nil }
            try files.remove(place)
        }
        do throws(FileError) { files.close(try files.create(place, permissions: permissions)) } catch {
            guard error.isExists else { throw error }
        }
        guard let file = try files.occupy(place) else { return nil }
        self.file = file
        do throws(FileError) {
            // Whoever had it may have given it its name meanwhile.
            guard let status = try files.status(place), try files.status(of: file).inode == status.inode,
                status.kind == .file
            else {
                files.close(file)
                return nil
            }
            length = status.size
            end = try files.extend(place)
        } catch {
            files.close(file)
            throw error
        }
    }

    func close() {
        files.close(end)
        files.close(file)
    }

    func status() throws(FileError) -> FileStatus { try files.status(of: end) }
    func synchronize() throws(FileError) { try files.synchronize(end) }
    func append(_ bytes: ArraySlice<UInt8>) throws(FileError) {
        if bytes.isEmpty { return }
        do throws(FileError) { try files.write(end, bytes) } catch {
            // Of an open file the system knows no name.
            throw FileError(error.operation, place, code: error.code)
        }
    }

    /// Whether these bytes are there.
    func has(_ bytes: ArraySlice<UInt8>, at offset: Int) throws(FileError) -> Bool {
        if bytes.isEmpty { return true }
        var found = [UInt8](repeating: 0, count: bytes.count)
        return try files.read(file, filling: &found, at: offset) == bytes.count && found[...] == bytes
    }
}
