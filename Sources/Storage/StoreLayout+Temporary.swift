internal import FileIO

extension StoreLayout {
    /// Makes a file in `tmp/`, and that directory where it is not there: git and archives leave out what is empty.
    ///
    /// A store that has gone is not begun anew: its own directory has to be there.
    func createTemporary(
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
}
