internal import CShims

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

let tooLargeCode = EFBIG

/// Compares so many bytes at two places: memcmp(3).
package func compareBytes(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Int32 {
    memcmp(a, b, count)
}

/// The file system of the machine.
package struct POSIXFileSystem: FileSystem {
    /// The directory in which all paths are to end that begin with it; nothing for no such bound.
    private let bound: Bound?
    /// Whether what is to be durable is waited for.
    private let isDurable: Bool

    package init() { (bound, isDurable) = (nil, true) }

    private init(bound: Bound?, isDurable: Bool) { (self.bound, self.isDurable) = (bound, isDurable) }

    package func confined(to root: FilePath) -> (any FileSystem)? {
        Bound(root, within: bound).map { POSIXFileSystem(bound: $0, isDurable: isDurable) }
    }

    package func withoutDurability() -> any FileSystem { POSIXFileSystem(bound: bound, isDurable: false) }

    package func open(_ path: FilePath) throws(FileError) -> FileDescriptor {
        // O_NONBLOCK keeps the open of a pipe without a writer from waiting; it means nothing for regular files.
        let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        let raw = try call("open", path) { mlrepo_openat($0, $1, flags, 0) }
        let file = FileDescriptor(raw: raw)
        do throws(FileError) {
            guard try status(of: file).kind == .file else { throw FileError("open", path, code: EINVAL) }
        } catch {
            close(file)
            throw FileError("open", path, code: error.code)
        }
        return file
    }

    package func create(_ path: FilePath, permissions: UInt16) throws(FileError) -> FileDescriptor {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        if let made = bound?.open(path, flags, permissions) {
            guard made >= 0 else { throw FileError("create", path, code: errno) }
            return FileDescriptor(raw: made)
        }
        return FileDescriptor(
            raw: try call("create", path) { mlrepo_openat($0, $1, flags, mode_t(permissions)) })
    }

    package func extend(_ path: FilePath) throws(FileError) -> FileDescriptor {
        let flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let file = FileDescriptor(raw: try call("open", path) { mlrepo_openat($0, $1, flags, 0) })
        guard try status(of: file).kind == .file else {
            close(file)
            throw FileError("open", path, code: EINVAL)
        }
        return file
    }

    package func read(
        _ file: FileDescriptor, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(FileError) -> Int {
        guard let start = buffer.baseAddress, !buffer.isEmpty else { return 0 }
        while true {
            let count = pread(file.raw, start, buffer.count, off_t(offset))
            if count >= 0 { return count }
            guard errno == EINTR else { throw FileError("read", file.path, code: errno) }
        }
    }

    package func write(_ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer) throws(FileError) {
        var rest = bytes
        while let start = rest.baseAddress, !rest.isEmpty {
            let count = Self.write(file.raw, start, rest.count)
            if count >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } else if errno != EINTR {
                throw FileError("write", file.path, code: errno)
            }
        }
    }

    private static func write(_ raw: Int32, _ start: UnsafeRawPointer, _ count: Int) -> Int {
        #if canImport(Glibc)
            Glibc.write(raw, start, count)
        #else
            Darwin.write(raw, start, count)
        #endif
    }

    package func synchronize(_ file: FileDescriptor) throws(FileError) {
        guard isDurable else { return }
        while fsync(file.raw) != 0 {
            guard errno == EINTR else { throw FileError("fsync", file.path, code: errno) }
        }
    }

    package func close(_ file: FileDescriptor) {
        #if canImport(Glibc)
            _ = Glibc.close(file.raw)
        #else
            _ = Darwin.close(file.raw)
        #endif
    }

    package func status(of file: FileDescriptor) throws(FileError) -> FileStatus {
        var raw = stat()
        guard fstat(file.raw, &raw) == 0 else { throw FileError("stat", file.path, code: errno) }
        return FileStatus(raw)
    }

    #if os(Linux)
        package func hasWriter(_ file: FileDescriptor) -> Bool {
            _ = Self.ignoringLeaseSignals
            return mlrepo_has_writer(file.raw) != 0
        }

        /// The signal would end the process.
        private static let ignoringLeaseSignals: Void = { signal(SIGIO, SIG_IGN) }()
    #endif

    package func status(_ path: FilePath) throws(FileError) -> FileStatus? {
        var raw = stat()
        do throws(FileError) {
            try call("stat", path) { fstatat($0, $1, &raw, AT_SYMLINK_NOFOLLOW) }
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
        return FileStatus(raw)
    }

    private func openDirectory(_ directory: FilePath) throws(FileError) -> Int32 {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        return try call("list", directory) { mlrepo_openat($0, $1, flags, 0) }
    }

    package func list(_ directory: FilePath, into listing: inout DirectoryListing) throws(FileError) {
        listing.removeAll()
        let raw = try openDirectory(directory)
        #if os(Linux)
            defer { close(FileDescriptor(raw: raw)) }
            try read(raw, directory, into: &listing)
        #else
            guard let stream = fdopendir(raw) else {
                close(FileDescriptor(raw: raw))
                throw FileError("list", directory, code: errno)
            }
            defer { closedir(stream) }
            while true {
                errno = 0
                guard let entry = readdir(stream) else {
                    guard errno == 0 else { throw FileError("list", directory, code: errno) }
                    return
                }
                // The name ends with NUL inside the entry, as readdir(3) says.
                guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { return }
                try add(UnsafeRawPointer(entry) + offset, type: DT_UNKNOWN, of: raw, directory, to: &listing)
            }
        #endif
    }

    #if os(Linux)
        package func list(
            _ directory: FilePath, into listing: inout DirectoryListing,
            unless isExpected: (FileStatus) -> Bool
        ) throws(FileError) -> (status: FileStatus, isExpected: Bool) {
            let raw = try openDirectory(directory)
            defer { close(FileDescriptor(raw: raw)) }
            let own = try status(of: FileDescriptor(raw: raw))
            if isExpected(own) {
                do throws(FileError) {
                    try listing.refresh { (name) throws(FileError) in
                        var status = stat()
                        guard fstatat(raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                            throw FileError("stat", directory, code: errno)
                        }
                        return FileStatus(status)
                    }
                    return (own, true)
                } catch {
                    // Somebody takes files away just now.
                    guard error.isNotFound else { throw error }
                }
            }
            listing.removeAll()
            try read(raw, directory, into: &listing)
            return (own, false)
        }

        package func tellsOfNames(below directory: FilePath) -> Bool {
            Self.kindsThatTellOfNames.contains(directory.withCString { mlrepo_file_system_number($0) })
        }

        /// The numbers of ext2 to ext4, XFS, Btrfs, ZFS, F2FS and tmpfs, as statfs(2) has them.
        ///
        /// Not overlayfs: what comes into its lower layer changes no status that is seen.
        private static let kindsThatTellOfNames: Set<Int> = [
            0xEF53, 0x5846_5342, 0x9123_683E, 0x2FC1_2FC1, 0xF2F5_2010, 0x0102_1994,
        ]

        /// Reads a directory with getdents64(2): records of inode, offset (8 bytes each), length (2), type (1) and name.
        private func read(
            _ raw: Int32, _ directory: FilePath, into listing: inout DirectoryListing
        ) throws(FileError) {
            let result = withUnsafeTemporaryAllocation(byteCount: 32_768, alignment: 8) { buffer in
                do throws(FileError) {
                    while true {
                        let start = buffer.baseAddress.unsafelyUnwrapped
                        let count = mlrepo_getdents(raw, start, buffer.count)
                        if count == 0 { return Result<Void, FileError>.success(()) }
                        guard count > 0 else {
                            if errno == EINTR { continue }
                            throw FileError("list", directory, code: errno)
                        }
                        // The system fills `count` bytes with whole records, each with its length.
                        var offset = 0
                        while offset < count {
                            let record = UnsafeRawPointer(start + offset)
                            let length = record.loadUnaligned(fromByteOffset: 16, as: UInt16.self)
                            let type = record.load(fromByteOffset: 18, as: UInt8.self)
                            try add(record + 19, type: Int(type), of: raw, directory, to: &listing)
                            offset += Int(length)
                        }
                    }
                } catch { return .failure(error) }
            }
            try result.get()
        }
    #endif

    /// Adds an entry of a directory with its status.
    ///
    /// Of a directory only its kind is told, which saves a call for each.
    /// - Parameter name: Ends with NUL.
    private func add(
        _ name: UnsafeRawPointer, type: Int, of raw: Int32, _ directory: FilePath,
        to listing: inout DirectoryListing
    ) throws(FileError) {
        let text = name.assumingMemoryBound(to: CChar.self)
        let bytes = UnsafeRawBufferPointer(start: name, count: strlen(text))
        if text[0] == 0x2e, bytes.count == 1 || (bytes.count == 2 && text[1] == 0x2e) { return }
        if type == Int(DT_DIR) { return listing.append(name: bytes, status: .directory) }
        var status = stat()
        if fstatat(raw, text, &status, AT_SYMLINK_NOFOLLOW) != 0 {
            if errno == ENOENT { return }
            throw FileError("stat", directory.appending(bytes), code: errno)
        }
        listing.append(name: bytes, status: FileStatus(status))
    }

    package func readLink(_ path: FilePath) throws(FileError) -> [UInt8] {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = try call("read the link", path) { directory, name in
            target.withUnsafeMutableBufferPointer { buffer in
                buffer.withMemoryRebound(to: CChar.self) {
                    Int32(readlinkat(directory, name, $0.baseAddress.unsafelyUnwrapped, $0.count))
                }
            }
        }
        return Array(target.prefix(Int(count)))
    }

    package func makeDirectory(_ path: FilePath, permissions: UInt16) throws(FileError) {
        try call("make the directory", path) { mkdirat($0, $1, mode_t(permissions)) }
    }

    package func makeLink(_ path: FilePath, target: [UInt8]) throws(FileError) {
        let target = FilePath(target)
        try call("make the link", path) { directory, name in
            target.withCString { symlinkat($0, directory, name) }
        }
    }

    package func link(_ path: FilePath, to other: FilePath) throws(FileError) {
        let source = try Anchor(path, "link", bound)
        try call("link", other) { directory, name in
            source.name.withCString { linkat(source.directory, $0, directory, name, 0) }
        }
    }

    package func rename(_ path: FilePath, to other: FilePath) throws(FileError) {
        let source = try Anchor(path, "rename", bound)
        try call("rename", other) { directory, name in
            source.name.withCString { renameat(source.directory, $0, directory, name) }
        }
    }

    package func move(_ path: FilePath, to other: FilePath) throws(FileError) {
        let source = try Anchor(path, "rename", bound)
        #if os(Linux)
            do throws(FileError) {
                try call("rename", other) { directory, name in
                    source.name.withCString {
                        mlrepo_rename_exclusively(source.directory, $0, directory, name)
                    }
                }
                return
            } catch {
                // Old kernels and some file systems cannot.
                guard error.code == ENOSYS || error.code == EINVAL else { throw error }
            }
        #else
            do throws(FileError) {
                try call("rename", other) { directory, name in
                    source.name.withCString {
                        renameatx_np(source.directory, $0, directory, name, UInt32(RENAME_EXCL))
                    }
                }
                return
            } catch { guard error.code == ENOTSUP else { throw error } }
        #endif
        guard try status(other) == nil else { throw FileError("rename", other, code: EEXIST) }
        try rename(path, to: other)
    }

    package func exchange(_ path: FilePath, with other: FilePath) throws(FileError) {
        let source = try Anchor(path, "exchange", bound)
        try call("exchange", other) { directory, name in
            source.name.withCString {
                #if os(Linux)
                    mlrepo_exchange(source.directory, $0, directory, name)
                #else
                    renameatx_np(source.directory, $0, directory, name, UInt32(RENAME_SWAP))
                #endif
            }
        }
    }

    package func remove(_ path: FilePath) throws(FileError) {
        try call("remove", path) { unlinkat($0, $1, 0) }
    }

    package func removeDirectory(_ path: FilePath) throws(FileError) {
        try call("remove", path) { unlinkat($0, $1, AT_REMOVEDIR) }
    }

    package func setPermissions(_ path: FilePath, _ permissions: UInt16) throws(FileError) {
        try call("change the mode of", path) { fchmodat($0, $1, mode_t(permissions), 0) }
    }

    package func setGroup(_ path: FilePath, _ group: UInt32) throws(FileError) {
        try call("change the group of", path) {
            fchownat($0, $1, uid_t.max, gid_t(group), AT_SYMLINK_NOFOLLOW)
        }
    }

    package func hasAttributes(_ path: FilePath) throws(FileError) -> Bool {
        var names = [CChar](repeating: 0, count: 1 << 16)
        #if os(Linux)
            let count = path.withCString { mlrepo_list_attributes($0, &names, names.count) }
        #else
            let count = path.withCString { listxattr($0, &names, names.count, XATTR_NOFOLLOW) }
        #endif
        guard count >= 0 else {
            // Too many to be listed are some.
            if errno == ERANGE || errno == E2BIG { return true }
            guard errno == ENOTSUP || errno == ENOSYS else {
                throw FileError("look at", path, code: errno)
            }
            return false
        }
        // What the system keeps for itself, such as security labels, everything has.
        return names[..<count].split(separator: 0).contains { name in
            let name = name.map { UInt8(bitPattern: $0) }
            return name.starts(with: "user.".utf8) || name.starts(with: "system.posix_acl".utf8)
        }
    }

    package func synchronizeDirectory(_ path: FilePath) throws(FileError) {
        guard isDurable else { return }
        let raw = try call("open", path) { mlrepo_openat($0, $1, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        let directory = FileDescriptor(raw: raw)
        defer { close(directory) }
        do throws(FileError) { try synchronize(directory) } catch {
            // Some network file systems cannot do this, and make names durable by themselves.
            guard error.code == EINVAL || error.code == ENOTSUP else {
                throw FileError("fsync", path, code: error.code)
            }
        }
    }

    package func synchronizeAll(below directory: FilePath) throws(FileError) {
        guard isDurable else { return }
        #if os(Linux)
            let raw = try call("open", directory) {
                mlrepo_openat($0, $1, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
            }
            defer { close(FileDescriptor(raw: raw)) }
            guard mlrepo_syncfs(raw) == 0 else { throw FileError("sync", directory, code: errno) }
        #else
            sync()
        #endif
    }

    package func map(_ path: FilePath) throws(FileError) -> MappedFile {
        let file = try open(path)
        defer { close(file) }
        let count = try status(of: file).size
        do throws(MappedFile.MappingFailure) {
            return try MappedFile(descriptor: file.raw, count: count)
        } catch {
            throw FileError("map", path, code: error.code)
        }
    }

    package func occupy(_ path: FilePath) throws(FileError) -> FileDescriptor? {
        // For writing: over NFS, Linux locks no other file in this way.
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        // Who can open it can lock it, so nobody else shall.
        let raw = try call("lock", path) { mlrepo_openat($0, $1, flags, 0o600) }
        while flock(raw, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            guard errno == EWOULDBLOCK else { break }
            close(FileDescriptor(raw: raw))
            return nil
        }
        return FileDescriptor(raw: raw)
    }

    package func freeSpace(_ path: FilePath) throws(FileError) -> Int {
        var raw = statvfs()
        guard path.withCString({ statvfs($0, &raw) }) == 0 else {
            throw FileError("look at", path, code: errno)
        }
        return Int(
            clamping: UInt64(raw.f_bavail).multipliedReportingOverflow(by: UInt64(raw.f_frsize)).partialValue)
    }

    /// Calls the system with a directory and a name in it, again after a signal.
    @discardableResult
    private func call(
        _ operation: String, _ path: FilePath,
        _ body: (_ directory: Int32, _ name: UnsafePointer<CChar>) -> Int32
    ) throws(FileError) -> Int32 {
        let anchor = try Anchor(path, operation, bound)
        while true {
            let result = anchor.name.withCString { body(anchor.directory, $0) }
            if result >= 0 { return result }
            guard errno == EINTR else { throw FileError(operation, path, code: errno) }
        }
    }
}

func closeRaw(_ descriptor: Int32) -> Int32 {
    #if canImport(Glibc)
        Glibc.close(descriptor)
    #else
        Darwin.close(descriptor)
    #endif
}

extension FileDescriptor {
    /// A name for messages about a file whose path is not at hand.
    fileprivate var path: FilePath { FilePath("(open file \(raw))") }
}
