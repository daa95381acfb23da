/// A file system in which a group may do with new files and directories what their owner may, whatever the umask says.
///
/// New directories hand their group on (the set-group-ID bit).
package struct SharedFileSystem: FileSystem {
    private let base: any FileSystem

    package init(_ base: any FileSystem) { self.base = base }

    package func create(_ path: FilePath, permissions: UInt16) throws(FileError) -> FileDescriptor {
        let file = try base.create(path, permissions: permissions)
        do throws(FileError) {
            let given = try base.status(of: file).permissions
            try base.setPermissions(path, given | (permissions & 0o700) >> 3)
            return file
        } catch {
            base.close(file)
            throw error
        }
    }

    package func makeDirectory(_ path: FilePath, permissions: UInt16) throws(FileError) {
        try base.makeDirectory(path, permissions: permissions)
        try open(path, toGroup: nil)
    }

    /// Lets a group work in a directory that is there.
    ///
    /// - Parameter group: Nothing for the one that it belongs to.
    package func open(_ directory: FilePath, toGroup group: UInt32?) throws(FileError) {
        if let group { try base.setGroup(directory, group) }
        let given = try base.status(directory)?.permissions ?? 0
        try base.setPermissions(directory, given | 0o2070)
    }

    package func open(_ path: FilePath) throws(FileError) -> FileDescriptor { try base.open(path) }
    package func extend(_ path: FilePath) throws(FileError) -> FileDescriptor { try base.extend(path) }
    package func read(
        _ file: FileDescriptor, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(FileError) -> Int { try base.read(file, into: buffer, at: offset) }
    package func write(_ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer) throws(FileError) {
        try base.write(file, bytes)
    }
    package func synchronize(_ file: FileDescriptor) throws(FileError) { try base.synchronize(file) }
    package func close(_ file: FileDescriptor) { base.close(file) }
    package func status(of file: FileDescriptor) throws(FileError) -> FileStatus { try base.status(of: file) }
    package func hasWriter(_ file: FileDescriptor) -> Bool { base.hasWriter(file) }
    package func status(_ path: FilePath) throws(FileError) -> FileStatus? { try base.status(path) }
    package func list(_ directory: FilePath, into listing: inout DirectoryListing) throws(FileError) {
        try base.list(directory, into: &listing)
    }
    package func list(
        _ directory: FilePath, into listing: inout DirectoryListing, unless isExpected: (FileStatus) -> Bool
    ) throws(FileError) -> (status: FileStatus, isExpected: Bool) {
        try base.list(directory, into: &listing, unless: isExpected)
    }
    package func tellsOfNames(below directory: FilePath) -> Bool { base.tellsOfNames(below: directory) }
    package func readLink(_ path: FilePath) throws(FileError) -> [UInt8] { try base.readLink(path) }
    package func makeLink(_ path: FilePath, target: [UInt8]) throws(FileError) {
        try base.makeLink(path, target: target)
    }
    package func link(_ path: FilePath, to other: FilePath) throws(FileError) {
        try base.link(path, to: other)
    }
    package func exchange(_ path: FilePath, with other: FilePath) throws(FileError) {
        try base.exchange(path, with: other)
    }
    package func rename(_ path: FilePath, to other: FilePath) throws(FileError) {
        try base.rename(path, to: other)
    }
    package func move(_ path: FilePath, to other: FilePath) throws(FileError) {
        try base.move(path, to: other)
    }
    package func remove(_ path: FilePath) throws(FileError) { try base.remove(path) }
    package func removeDirectory(_ path: FilePath) throws(FileError) { try base.removeDirectory(path) }
    package func setPermissions(_ path: FilePath, _ permissions: UInt16) throws(FileError) {
        try base.setPermissions(path, permissions)
    }
    package func setGroup(_ path: FilePath, _ group: UInt32) throws(FileError) {
        try base.setGroup(path, group)
    }
    package func synchronizeDirectory(_ path: FilePath) throws(FileError) {
        try base.synchronizeDirectory(path)
    }
    package func synchronizeAll(below directory: FilePath) throws(FileError) {
        try base.synchronizeAll(below: directory)
    }
    package func map(_ path: FilePath) throws(FileError) -> MappedFile { try base.map(path) }
    package func occupy(_ path: FilePath) throws(FileError) -> FileDescriptor? {
        guard let file = try base.occupy(path) else { return nil }
        // Whoever made it lets the group have it in turn.
        if let given = try base.status(path)?.permissions, given & 0o060 != 0o060 {
            try? base.setPermissions(path, given | 0o060)
        }
        return file
    }
    package func freeSpace(_ path: FilePath) throws(FileError) -> Int { try base.freeSpace(path) }
}
