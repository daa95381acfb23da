import FileIO
import Synchronization

/// The files of an upload's source: it counts what is read, and can fail from some byte on.
///
/// Nothing is ever written through it.
final class CountingSource: FileSystem {
    private let base: any FileSystem
    /// Where reading fails: at this offset, and behind it.
    private let limit: Int
    private let state = Mutex((bytesRead: 0, hasFailed: false))

    /// `EIO`.
    static let failure: Int32 = 5

    init(_ base: any FileSystem, failingAt limit: Int = .max) { (self.base, self.limit) = (base, limit) }

    /// Bytes that were read so far.
    var bytesRead: Int { state.withLock { $0.bytesRead } }
    /// Whether something was asked for that fails.
    var hasFailed: Bool { state.withLock { $0.hasFailed } }

    func open(_ path: FilePath) throws(FileError) -> FileDescriptor { try base.open(path) }
    func close(_ file: FileDescriptor) { base.close(file) }
    func status(of file: FileDescriptor) throws(FileError) -> FileStatus { try base.status(of: file) }
    func status(_ path: FilePath) throws(FileError) -> FileStatus? { try base.status(path) }

    func read(
        _ file: FileDescriptor, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(FileError) -> Int {
        if buffer.isEmpty { return 0 }
        let room = min(buffer.count, limit - offset)
        guard room > 0 else {
            state.withLock { $0.hasFailed = true }
            throw FileError("read", "the source", code: Self.failure)
        }
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<room])
        let count = try base.read(file, into: part, at: offset)
        state.withLock { $0.bytesRead += count }
        return count
    }

    // MARK: What a source is not asked

    private func refused(_ path: FilePath) -> FileError { FileError("use", path, code: 38) }

    func create(_ path: FilePath, permissions: UInt16) throws(FileError) -> FileDescriptor {
        throw refused(path)
    }
    func extend(_ path: FilePath) throws(FileError) -> FileDescriptor { throw refused(path) }
    func write(_ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer) throws(FileError) {
        throw refused("the source")
    }
    func synchronize(_ file: FileDescriptor) throws(FileError) { throw refused("the source") }
    func list(_ directory: FilePath, into listing: inout DirectoryListing) throws(FileError) {
        throw refused(directory)
    }
    func readLink(_ path: FilePath) throws(FileError) -> [UInt8] { throw refused(path) }
    func makeDirectory(_ path: FilePath, permissions: UInt16) throws(FileError) { throw refused(path) }
    func makeLink(_ path: FilePath, target: [UInt8]) throws(FileError) { throw refused(path) }
    func link(_ path: FilePath, to other: FilePath) throws(FileError) { throw refused(path) }
    func rename(_ path: FilePath, to other: FilePath) throws(FileError) { throw refused(path) }
    func remove(_ path: FilePath) throws(FileError) { throw refused(path) }
    func removeDirectory(_ path: FilePath) throws(FileError) { throw refused(path) }
    func setPermissions(_ path: FilePath, _ permissions: UInt16) throws(FileError) { throw refused(path) }
    func setGroup(_ path: FilePath, _ group: UInt32) throws(FileError) { throw refused(path) }
    func synchronizeDirectory(_ path: FilePath) throws(FileError) { throw refused(path) }
    func synchronizeAll(below directory: FilePath) throws(FileError) { throw refused(directory) }
    func map(_ path: FilePath) throws(FileError) -> MappedFile { throw refused(path) }
    func freeSpace(_ path: FilePath) throws(FileError) -> Int { throw refused(path) }
}

extension FilePath: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) { self.init(text) }
}
