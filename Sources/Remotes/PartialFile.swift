internal import FileIO
internal import Hashing

/// A file that comes piece by piece, perhaps over several attempts.
///
/// One thread at a time.
final class PartialFile {
    let path: FilePath
    /// How much of it is there.
    private(set) var length: Int
    private let files: any FileSystem
    private let file: FileDescriptor
    /// Of what came here, from the beginning on; nothing if something was there before.
    private var hash: SHA256?

    /// Goes on with the file, or begins it.
    init(_ path: FilePath, files: any FileSystem) throws(FileError) {
        (self.path, self.files) = (path, files)
        // One that nobody may write has its name already, and its last name here was not removed any more.
        if let there = try files.status(path), there.permissions & 0o200 == 0 {
            try files.removeIfPresent(path)
        }
        do throws(FileError) { file = try files.create(path, permissions: 0o644) } catch {
            guard error.isExists else { throw error }
            file = try files.extend(path)
        }
        do throws(FileError) { length = try files.status(of: file).size } catch {
            files.close(file)
            throw error
        }
        hash = length == 0 ? SHA256() : nil
    }

    deinit { files.close(file) }

    func append(_ bytes: ArraySlice<UInt8>) throws(FileError) {
        // Somebody else may have gone on with it, and given it its name.
        guard try files.status(of: file).size == length else { throw .exists(path) }
        do throws(FileError) { try files.write(file, bytes) } catch {
            // Of an open file the system knows no name.
            throw FileError(error.operation, path, code: error.code)
        }
        length += bytes.count
        bytes.withUnsafeBytes { hash?.update($0) }
    }

    func synchronize() throws(FileError) { try files.synchronize(file) }

    /// SHA-256 of the whole file.
    ///
    /// What was there before is read again: nobody knows what became of it, or who else writes.
    func digest() throws(FileError) -> Digest {
        if let hash, try files.status(of: file).size == length { return hash.finish() }
        let reading = try files.open(path)
        defer { files.close(reading) }
        var (hash, offset, buffer) = (SHA256(), 0, [UInt8](repeating: 0, count: 1 << 20))
        while true {
            let count = try files.read(reading, filling: &buffer, at: offset)
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            offset += count
            if count < buffer.count { return hash.finish() }
        }
    }
}
