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
    /// Where no file is there, but a directory or the like, it is moved first: there is a moment without one.
    /// - Throws: ``StoreError/outdated`` if nothing was there, and somebody else has made it meanwhile.
    func replace(_ path: FilePath, with bytes: [UInt8]?) throws(StoreError) {
        let isMade = try filing { () throws(FileError) in
            var isThere = false
            if let status = try files.status(path) {
                isThere = bytes != nil && status.kind == .file
                try keep(path, isMoved: !isThere)
            }
            if let bytes { guard try give(bytes, to: path, replacing: isThere) else { return false } }
            try files.synchronizeDirectory(path.parent)
            return true
        }
        guard isMade else { throw .outdated }
    }

    /// - Returns: Whether the name has these bytes; not, if it is taken and nothing was to be replaced.
    private func give(_ bytes: [UInt8], to path: FilePath, replacing isThere: Bool) throws(FileError) -> Bool
    {
        try files.makeDirectories(
            layout.temporary, permissions: layout.directoryPermissions, below: layout.root)
        let temporary = layout.temporary / "mended-\(nonce)"
        try write(bytes, to: temporary)
        if isThere {
            try files.rename(temporary, to: path)
            return true
        }
        defer { try? files.removeIfPresent(temporary) }
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

    private func keep(_ path: FilePath, isMoved: Bool) throws(FileError) {
        let kept = layout.log / "damaged"
        try files.makeDirectories(kept, permissions: layout.directoryPermissions, below: layout.root)
        // A link could lead anywhere.
        guard try files.status(kept)?.kind == .directory else { throw .exists(kept) }
        let copy = kept / "\(String(decoding: path.name, as: UTF8.self))-\(nonce)"
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
