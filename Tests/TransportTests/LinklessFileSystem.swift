import FileIO

/// A file system in which no file has a second name, as on exFAT and some file servers.
struct LinklessFileSystem: FileSystem {
    private let base: any FileSystem

    init(_ base: any FileSystem) { self.base = base }

    func link(_ path: FilePath, to other: FilePath) throws(FileError) {
        // EPERM, whether the name is free or not.
        throw FileError("link", other, code: 1)
    }
    func move(_ path: FilePath, to other: FilePath) throws(FileError) { try base.move(path, to: other) }

    func open(_ path: FilePath) throws(FileError) -> FileDescriptor { try base.open(path) }
    func create(_ path: FilePath, permissions: UInt16) throws(FileError) -> FileDescriptor {
        try base.create(path, permissions: permissions)
    }
    func extend(_ path: FilePath) throws(FileError) -> FileDescriptor { try base.extend(path) }
    func read(
        _ file: FileDescriptor, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(FileError) -> Int { try base.read(file, into: buffer, at: offset) }
    func write(_ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer) throws(FileError) {
        try base.write(file, bytes)
    }
    func synchronize(_ file: FileDescriptor) throws(FileError) { try base.synchronize(file) }
    func close(_ file: FileDescriptor) { base.close(file) }
    func status(of file: FileDescriptor) throws(FileError) -> FileStatus { try base.status(of: file) }
    func status(_ path: FilePath) throws(FileError) -> FileStatus? { try base.status(path) }
    func list(_ directory: FilePath, into listing: inout DirectoryListing) throws(FileError) {
        try base.list(directory, into: &listing)
    }
    func readLink(_ path: FilePath) throws(FileError) -> [UInt8] { try base.readLink(path) }
    func makeDirectory(_ path: FilePath, permissions: UInt16) throws(FileError) {
        try base.makeDirectory(path, permissions: permissions)
    }
    func makeLink(_ path: FilePath, target: [UInt8]) throws(FileError) {
        try base.makeLink(path, target: target)
    }
    func rename(_ path: FilePath, to other: FilePath) throws(FileError) { try base.rename(path, to: other) }
    func remove(_ path: FilePath) throws(FileError) { try base.remove(path) }
    func removeDirectory(_ path: FilePath) throws(FileError) { try base.removeDirectory(path) }
    func setPermissions(_ path: FilePath, _ permissions: UInt16) throws(FileError) {
        try base.setPermissions(path, permissions)
    }
    func setGroup(_ path: FilePath, _ group: UInt32) throws(FileError) { try base.setGroup(path, group) }
    func synchronizeDirectory(_ path: FilePath) throws(FileError) { try base.synchronizeDirectory(path) }
    func synchronizeAll(below directory: FilePath) throws(FileError) {
        try base.synchronizeAll(below: directory)
    }
    func map(_ path: FilePath) throws(FileError) -> MappedFile { try base.map(path) }
    func freeSpace(_ path: FilePath) throws(FileError) -> Int { try base.freeSpace(path) }
}
