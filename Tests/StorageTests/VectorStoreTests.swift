import FileIO
import ObjectModel
import Storage
import Testing

/// The store in `Tests/Vectors/store-1`, which another program wrote from the documents alone.
@Suite struct VectorStoreTests {
    static let root = FilePath(#filePath).parent.parent / "Vectors/store-1"

    @Test func `every object of a store that another program wrote is read`() throws {
        let store = try ObjectStore.open(Self.root, files: ReadOnlyView())
        #expect(store.current.number == 2)
        var count = 0
        for pack in store.packs {
            for position in 0..<pack.index.entryCount {
                let (reference, _) = try #require(pack.index.entry(position))
                _ = try store.required(reference.kind, reference.id)
                count += 1
            }
        }
        // Three packs; 47 objects by kind and id, as expected.json says.
        #expect(count >= 47)
    }

    @Test func `its versions have the files that its writer put there`() throws {
        let store = try ObjectStore.open(Self.root, files: ReadOnlyView())
        let refs = try store.refs.leaves()
        let tip = try #require(refs.first { $0.name.text == "branches/main" })
        let commit = try store.commit(tip.target.id)
        var files = 0
        try DirectoryTree(root: commit.tree, reader: store).forEachFile { (_, _) throws(ReadError) in
            files += 1
        }
        #expect(try DirectoryTree(root: commit.tree, reader: store).entries.summary().files <= files)
    }
}

/// The machine's files, without any change to them: a store that cannot be written to is read all the same.
private struct ReadOnlyView: FileSystem {
    private let files = POSIXFileSystem()
    private let denied = FileError("write", FilePath("vectors"), code: 30)

    func open(_ path: FilePath) throws(FileError) -> FileDescriptor { try files.open(path) }
    func create(_ path: FilePath, permissions: UInt16) throws(FileError) -> FileDescriptor { throw denied }
    func extend(_ path: FilePath) throws(FileError) -> FileDescriptor { throw denied }
    func read(
        _ file: FileDescriptor, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(FileError) -> Int { try files.read(file, into: buffer, at: offset) }
    func write(_ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer) throws(FileError) { throw denied }
    func synchronize(_ file: FileDescriptor) throws(FileError) { throw denied }
    func close(_ file: FileDescriptor) { files.close(file) }
    func status(of file: FileDescriptor) throws(FileError) -> FileStatus { try files.status(of: file) }
    func status(_ path: FilePath) throws(FileError) -> FileStatus? { try files.status(path) }
    func list(_ directory: FilePath, into listing: inout DirectoryListing) throws(FileError) {
        try files.list(directory, into: &listing)
    }
    func readLink(_ path: FilePath) throws(FileError) -> [UInt8] { try files.readLink(path) }
    func makeDirectory(_ path: FilePath, permissions: UInt16) throws(FileError) { throw denied }
    func makeLink(_ path: FilePath, target: [UInt8]) throws(FileError) { throw denied }
    func link(_ path: FilePath, to other: FilePath) throws(FileError) { throw denied }
    func rename(_ path: FilePath, to other: FilePath) throws(FileError) { throw denied }
    func remove(_ path: FilePath) throws(FileError) { throw denied }
    func removeDirectory(_ path: FilePath) throws(FileError) { throw denied }
    func setPermissions(_ path: FilePath, _ permissions: UInt16) throws(FileError) { throw denied }
    func synchronizeDirectory(_ path: FilePath) throws(FileError) { throw denied }
    func map(_ path: FilePath) throws(FileError) -> MappedFile { try files.map(path) }
    func synchronizeAll(below directory: FilePath) throws(FileError) {}
    func setGroup(_ path: FilePath, _ group: UInt32) throws(FileError) {}
    func freeSpace(_ path: FilePath) throws(FileError) -> Int { try files.freeSpace(path) }
}
