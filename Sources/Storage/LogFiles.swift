package import FileIO

/// The files of an operation log, wherever the store lies: on a disk here, or with somebody else.
///
/// Paths are those of the store's layout.
package protocol LogFiles: Sendable {
    /// The content of a file; nothing if it is not there. A longer one than `limit` is an error.
    func contents(of path: FilePath, limit: Int) throws(StoreError) -> [UInt8]?

    /// The names in a directory, in any order; none where there is no directory.
    func names(in directory: FilePath) throws(StoreError) -> [[UInt8]]

    /// Makes a file under a name that is free, all or nothing.
    ///
    /// What is in its directory is durable before the new name is, so that a power cut can leave no gap; when this returns, so is the
    /// file.
    /// - Parameter nonce: Random, for the names of temporary files.
    /// - Returns: Whether the name has these bytes by now; not, if somebody else was faster.
    func create(_ path: FilePath, _ bytes: [UInt8], nonce: String) throws(StoreError) -> Bool

    /// Removes a file; it need not be there.
    func remove(_ path: FilePath) throws(StoreError)
}

/// The files of a log on a disk of this machine.
struct DiskLogFiles: LogFiles {
    let layout: StoreLayout
    let files: any FileSystem

    func contents(of path: FilePath, limit: Int) throws(StoreError) -> [UInt8]? {
        try filing { () throws(FileError) in try files.contentsIfPresent(path, limit: limit) }
    }

    func names(in directory: FilePath) throws(StoreError) -> [[UInt8]] {
        try filing { () throws(FileError) in
            do throws(FileError) { return try files.names(in: directory) } catch {
                // That of entries came with the store.
                guard error.isNotFound, directory != layout.newEntries else { throw error }
                return []
            }
        }
    }

    func remove(_ path: FilePath) throws(StoreError) {
        try filing { () throws(FileError) in try files.removeIfPresent(path) }
    }

    func create(_ path: FilePath, _ bytes: [UInt8], nonce: String) throws(StoreError) -> Bool {
        let directory = path.parent
        let temporary = layout.temporary / "\(directory == layout.newEntries ? "entry" : "list")-\(nonce)"
        return try filing { () throws(FileError) in
            // That of entries came with the store.
            if directory != layout.newEntries {
                try files.makeDirectories(
                    directory, permissions: layout.directoryPermissions, below: layout.root)
            } else {
                try files.synchronizeDirectory(directory)
            }
            try write(bytes, to: temporary)
            defer { try? files.removeIfPresent(temporary) }
            do throws(FileError) { try files.link(temporary, to: path) } catch {
                // The name tells what happened, also where only the reply got lost.
                guard let found = try files.status(path) else {
                    guard error.isExists else { throw error }
                    return false
                }
                guard found.size == bytes.count, try files.contents(path, limit: bytes.count) == bytes else {
                    return false
                }
            }
            try files.synchronizeDirectory(directory)
            return true
        }
    }

    private func write(_ bytes: [UInt8], to path: FilePath) throws(FileError) {
        let file = try layout.createTemporary(path, permissions: 0o444, files)
        defer { files.close(file) }
        try files.write(file, bytes)
        try files.synchronize(file)
    }
}
