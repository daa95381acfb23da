/// An open file, as the file system numbers it.
package struct FileDescriptor: Hashable, Sendable {
    package let raw: Int32
    package init(raw: Int32) { self.raw = raw }
}

/// The one way to files, and the one seam for injecting faults: everything that the store and the working tree do on a
/// disk is one of these calls.
///
/// May be called from any thread. Each call is one or a few system calls, restarted after signals; nothing is retried
/// otherwise. Paths are not normalized. Durability is as in POSIX: content is durable after ``synchronize(_:)`` of the file,
/// a name after ``synchronizeDirectory(_:)`` of the directory that holds it.
package protocol FileSystem: Sendable {
    /// Opens a regular file for reading. The last name is not followed if it is a link, and what is no
    /// regular file is refused (with `ELOOP` or `EINVAL`), so that a pipe cannot hang the caller.
    func open(_ path: FilePath) throws(FileError) -> FileDescriptor
    /// Makes a new file and opens it for writing; fails if the name exists.
    func create(_ path: FilePath, permissions: UInt16) throws(FileError) -> FileDescriptor
    /// Opens a file that was begun, for writing at its end. A link is not followed.
    func extend(_ path: FilePath) throws(FileError) -> FileDescriptor
    /// Reads up to the buffer's size at an offset; 0 at the end.
    func read(_ file: FileDescriptor, into buffer: UnsafeMutableRawBufferPointer, at offset: Int)
        throws(FileError) -> Int
    /// Appends all bytes.
    func write(_ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer) throws(FileError)
    func synchronize(_ file: FileDescriptor) throws(FileError)
    func close(_ file: FileDescriptor)
    func status(of file: FileDescriptor) throws(FileError) -> FileStatus
    /// Whether some process may be writing a file just now, as far as the system tells: a single long write sets the file's
    /// times when it begins, and no more.
    func hasWriter(_ file: FileDescriptor) -> Bool
    /// The status of a name, not following a link; nothing if there is none.
    func status(_ path: FilePath) throws(FileError) -> FileStatus?
    /// All entries of a directory but `.` and `..`, in any order; those that vanish meanwhile are left out. Of a directory
    /// among them only the kind may be told.
    func list(_ directory: FilePath, into listing: inout DirectoryListing) throws(FileError)
    /// The same for a directory whose names may be known from before: if its own status is as expected, they are those that
    /// the listing has already, and only the statuses of what is no directory are asked for.
    ///
    /// - Parameter isExpected: Gets the directory's own status, as it is before anything is read.
    /// - Returns: That status, and whether it was as expected.
    func list(
        _ directory: FilePath, into listing: inout DirectoryListing, unless isExpected: (FileStatus) -> Bool
    ) throws(FileError) -> (status: FileStatus, isExpected: Bool)
    /// Whether the status of each directory tells when a name came or went, as on the usual local file systems; not where
    /// that is not known.
    func tellsOfNames(below directory: FilePath) -> Bool
    func readLink(_ path: FilePath) throws(FileError) -> [UInt8]
    func makeDirectory(_ path: FilePath, permissions: UInt16) throws(FileError)
    func makeLink(_ path: FilePath, target: [UInt8]) throws(FileError)
    /// Gives a file a second name; fails if that exists.
    func link(_ path: FilePath, to other: FilePath) throws(FileError)
    /// Renames, replacing what has the other name.
    func rename(_ path: FilePath, to other: FilePath) throws(FileError)
    /// The same file system, whose paths that begin with a directory end in it: links on the way are refused (`ELOOP`), also
    /// those that come meanwhile. Nothing where the system cannot do that.
    ///
    /// The directory is held open: calls on names that lie right in it look at no other directory again.
    func confined(to root: FilePath) -> (any FileSystem)?
    /// Renames; fails if something has the other name.
    func move(_ path: FilePath, to other: FilePath) throws(FileError)
    /// Gives each of two things the name of the other, in one step; fails where the system cannot (``FileError/isNoExchange``).
    func exchange(_ path: FilePath, with other: FilePath) throws(FileError)
    func remove(_ path: FilePath) throws(FileError)
    func removeDirectory(_ path: FilePath) throws(FileError)
    func setPermissions(_ path: FilePath, _ permissions: UInt16) throws(FileError)
    /// Gives a file or directory to a group.
    func setGroup(_ path: FilePath, _ group: UInt32) throws(FileError)
    func synchronizeDirectory(_ path: FilePath) throws(FileError)
    /// Makes everything durable that was written to the file system that a directory lies on.
    func synchronizeAll(below directory: FilePath) throws(FileError)
    /// The same files, for what need not outlast a power cut: nothing is waited for until it is on the disk.
    func withoutDurability() -> any FileSystem
    /// Whether somebody gave a file or directory attributes beyond its mode: access control lists, or what users set.
    func hasAttributes(_ path: FilePath) throws(FileError) -> Bool
    /// Lends a whole file as memory. What is written to the file later may or may not be seen.
    func map(_ path: FilePath) throws(FileError) -> MappedFile
    /// Bytes that can still be written below a directory.
    func freeSpace(_ path: FilePath) throws(FileError) -> Int
    /// Has a file alone, which is made if it is missing, until it is closed or the process ends, however it ends.
    ///
    /// It keeps off only those who ask in the same way. Where a file system has no such locks, everybody gets the file.
    /// - Returns: Nothing if another process has it.
    func occupy(_ path: FilePath) throws(FileError) -> FileDescriptor?
}

extension FileSystem {
    package func list(
        _ directory: FilePath, into listing: inout DirectoryListing, unless isExpected: (FileStatus) -> Bool
    ) throws(FileError) -> (status: FileStatus, isExpected: Bool) {
        try list(directory, into: &listing)
        return (.directory, false)
    }

    package func tellsOfNames(below directory: FilePath) -> Bool { false }

    package func move(_ path: FilePath, to other: FilePath) throws(FileError) {
        guard try status(other) == nil else { throw .exists(other) }
        try rename(path, to: other)
    }

    package func exchange(_ path: FilePath, with other: FilePath) throws(FileError) {
        throw .noExchange(other)
    }

    package func confined(to root: FilePath) -> (any FileSystem)? { nil }

    package func hasAttributes(_ path: FilePath) throws(FileError) -> Bool { false }

    package func withoutDurability() -> any FileSystem { self }

    package func hasWriter(_ file: FileDescriptor) -> Bool { false }

    /// Where no other process is, nobody has to be kept off.
    package func occupy(_ path: FilePath) throws(FileError) -> FileDescriptor? { FileDescriptor(raw: -1) }

    /// The whole content of a file.
    ///
    /// - Parameter limit: A larger file is an error (`EFBIG`), before anything is allocated.
    package func contents(_ path: FilePath, limit: Int) throws(FileError) -> [UInt8] {
        let file = try open(path)
        defer { close(file) }
        let size = try status(of: file).size
        guard size <= limit else { throw FileError("read", path, code: tooLargeCode) }
        var bytes = [UInt8](repeating: 0, count: size)
        let filled = try read(file, filling: &bytes, at: 0)
        bytes.removeLast(size - filled)
        return bytes
    }

    /// Fills an array, or what of it lies behind a start, with a file's bytes from an offset on.
    ///
    /// - Returns: How much came before the file's end.
    package func read(
        _ file: FileDescriptor, filling bytes: inout [UInt8], from start: Int = 0, at offset: Int
    ) throws(FileError) -> Int {
        let result = bytes.withUnsafeMutableBytes { buffer -> Result<Int, FileError> in
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer[start...])
            do throws(FileError) { return .success(try fill(room, from: file, at: offset)) } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Fills memory with a file's bytes from an offset on.
    ///
    /// - Returns: How much came before the file's end.
    package func fill(
        _ buffer: UnsafeMutableRawBufferPointer, from file: FileDescriptor, at offset: Int
    ) throws(FileError) -> Int {
        var filled = 0
        while filled < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
            let count = try read(file, into: rest, at: offset + filled)
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    /// So many bytes of a file from an offset on; fewer where it ends.
    package func bytes(of path: FilePath, at offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let file = try open(path)
        defer { close(file) }
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(FileError) {
                filled = try fill(UnsafeMutableRawBufferPointer(buffer), from: file, at: offset)
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    package func contentsIfPresent(_ path: FilePath, limit: Int) throws(FileError) -> [UInt8]? {
        do { return try contents(path, limit: limit) } catch  where error.isNotFound { return nil }
    }

    package func write(_ file: FileDescriptor, _ bytes: [UInt8]) throws(FileError) {
        try write(file, bytes[...])
    }

    package func write(_ file: FileDescriptor, _ bytes: ArraySlice<UInt8>) throws(FileError) {
        let result = bytes.withUnsafeBytes { buffer -> Result<Void, FileError> in
            do throws(FileError) { return .success(try write(file, buffer)) } catch { return .failure(error) }
        }
        try result.get()
    }

    /// Makes a directory and those above it that are missing.
    ///
    /// - Parameter root: A directory above that has to be there: what is gone as a whole, such as a store that was
    ///   moved away, is not made anew. Without one, everything that is missing comes.
    /// - Returns: The directories that came, outermost first.
    @discardableResult
    package func makeDirectories(
        _ path: FilePath, permissions: UInt16, below root: FilePath? = nil
    ) throws(FileError) -> [FilePath] {
        if try status(path) != nil { return [] }
        let above = path.parent
        var made: [FilePath] = []
        if above != path, above != root {
            made = try makeDirectories(above, permissions: permissions, below: root)
        }
        do throws(FileError) {
            try makeDirectory(path, permissions: permissions)
            made.append(path)
        } catch {
            guard error.isExists else { throw error }
        }
        return made
    }

    package func names(in directory: FilePath) throws(FileError) -> [[UInt8]] {
        var listing = DirectoryListing()
        try list(directory, into: &listing)
        return (0..<listing.count).map { Array(listing.name($0)) }
    }

    /// Removes a directory with all that is below it, as far as that can be done; links are not followed.
    package func removeAll(_ directory: FilePath) {
        for name in (try? names(in: directory)) ?? [] {
            let path = directory.appending(name)
            if ((try? status(path)) ?? nil)?.kind == .directory {
                removeAll(path)
            } else {
                try? removeIfPresent(path)
            }
        }
        try? removeDirectory(directory)
    }

    package func removeIfPresent(_ path: FilePath) throws(FileError) {
        do throws(FileError) { try remove(path) } catch { guard error.isNotFound else { throw error } }
    }
}
