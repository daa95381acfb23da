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
    func replace(_ path: FilePath, with bytes: [UInt8]?) throws(StoreError) {
        try filing { () throws(FileError) in
            let status = try files.status(path)
            if let status { try keep(path, isMoved: bytes == nil || status.kind != .file) }
            if let bytes {
                try files.makeDirectories(
                    layout.temporary, permissions: layout.directoryPermissions, below: layout.root)
                let temporary = layout.temporary / "mended-\(nonce)"
                try write(bytes, to: temporary)
                try files.rename(temporary, to: path)
            }
            try files.synchronizeDirectory(path.parent)
        }
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
