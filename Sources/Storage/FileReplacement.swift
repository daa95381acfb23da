internal import FileIO

/// Puts other bytes in the place of a file that is written once and damaged; what was there is kept in `log/damaged`.
struct FileReplacement {
    private let layout: StoreLayout
    private let files: any FileSystem
    private let nonce: String

    /// - Parameter nonce: Random, for names of files.
    init(_ layout: StoreLayout, _ files: any FileSystem, nonce: String) {
        (self.layout, self.files, self.nonce) = (layout, files, nonce)
    }

    /// Gives the name to other bytes, durably and in one step, or to nothing.
    ///
    /// - Throws: ``StoreError/outdated`` if nothing was there, and somebody else has made it meanwhile.
    func replace(_ path: FilePath, with bytes: [UInt8]?) throws(StoreError) {
        let isMade = try filing { () throws(FileError) in
            let kind = try files.status(path)?.kind
            if let bytes {
                // What comes is on the disk before anything that was there goes.
                let temporary = layout.temporary / "mended-\(nonce)"
                defer { removeFile(temporary) }
                try make(temporary, bytes)
                guard try give(temporary, to: path, insteadOf: kind) else { return false }
            } else if kind != nil {
                try keep(path, as: path.name, isMoved: true)
            }
            try files.synchronizeDirectory(path.parent)
            return true
        }
        guard isMade else { throw .outdated }
    }

    /// What changed places with it is not ours to remove.
    private func removeFile(_ temporary: FilePath) {
        if ((try? files.status(temporary)) ?? nil)?.kind == .file { try? files.removeIfPresent(temporary) }
    }

    private func make(_ temporary: FilePath, _ bytes: [UInt8]) throws(FileError) {
        try files.makeDirectories(
            layout.temporary, permissions: layout.directoryPermissions, below: layout.root)
        try write(bytes, to: temporary)
    }

    /// - Returns: Whether the name has these bytes; not, if nothing was to be replaced, and it is taken.
    private func give(
        _ temporary: FilePath, to path: FilePath, insteadOf kind: FileKind?
    ) throws(FileError) -> Bool {
        guard let kind else { return try claim(path, for: temporary) }
        if kind == .file {
            try keep(path, as: path.name, isMoved: false)
            try files.rename(temporary, to: path)
            return true
        }
        // Nothing but a file can be renamed over; a directory or the like changes places with it.
        do throws(FileError) { try files.exchange(temporary, with: path) } catch {
            guard error.isNoExchange else { throw error }
            // There is a moment without either.
            try keep(path, as: path.name, isMoved: true)
            return try claim(path, for: temporary)
        }
        try files.synchronizeDirectory(path.parent)
        try keep(temporary, as: path.name, isMoved: true)
        return true
    }

    /// Gives a name that nothing has.
    private func claim(_ path: FilePath, for temporary: FilePath) throws(FileError) -> Bool {
        do throws(FileError) { try files.link(temporary, to: path) } catch {
            if error.isExists { return false }
            guard error.isNoLink else { throw error }
            do throws(FileError) { try files.move(temporary, to: path) } catch {
                guard error.isExists else { throw error }
                return false
            }
        }
        return true
    }

    private func keep(_ path: FilePath, as name: [UInt8], isMoved: Bool) throws(FileError) {
        let kept = layout.log / "damaged"
        try files.makeDirectories(kept, permissions: layout.directoryPermissions, below: layout.root)
        // A link could lead anywhere.
        guard try files.status(kept)?.kind == .directory else { throw .exists(kept) }
        let copy = kept / "\(String(decoding: name, as: UTF8.self))-\(nonce)"
        if isMoved {
            try files.rename(path, to: copy)
        } else {
            do throws(FileError) { try files.link(path, to: copy) } catch {
                guard error.isNoLink else { throw error }
                let content = (try? files.contents(path, limit: LogEntryFile.byteLimit)) ?? []
                try write(content, to: copy)
            }
        }
        try files.synchronizeDirectory(kept)
    }

    private func write(_ bytes: [UInt8], to path: FilePath) throws(FileError) {
        let file = try layout.createTemporary(path, permissions: 0o444, files)
        defer { files.close(file) }
        try files.write(file, bytes)
        try files.synchronize(file)
    }
}
