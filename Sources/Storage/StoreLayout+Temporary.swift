package import FileIO

extension StoreLayout {
    /// Makes a file in `tmp/`, and that directory where it is not there: git and archives leave out what is empty.
    ///
    /// A store that has gone is not begun anew: its own directory has to be there.
    package func createTemporary(
        _ path: FilePath, permissions: UInt16, _ files: any FileSystem
    ) throws(FileError) -> FileDescriptor {
        do throws(FileError) { return try files.create(path, permissions: permissions) } catch {
            guard error.isNotFound, try files.status(temporary) == nil, try files.status(format) != nil else {
                throw error
            }
            try files.makeDirectories(temporary, permissions: directoryPermissions, below: root)
            return try files.create(path, permissions: permissions)
        }
    }

    /// The file system's own time, in nanoseconds since 1970: that of a file that is made for it, and goes again.
    func clock(_ files: any FileSystem, nonce: String) throws(FileError) -> Int64 {
        let path = temporary / "clock-\(nonce)"
        let file = try createTemporary(path, permissions: 0o600, files)
        defer {
            files.close(file)
            try? files.removeIfPresent(path)
        }
        return try files.status(of: file).modified
    }
}
