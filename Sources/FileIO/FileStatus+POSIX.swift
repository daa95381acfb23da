#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

extension FileStatus {
    init(_ raw: stat) {
        let kind: FileKind =
            switch raw.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .link
            default: .other
            }
        #if canImport(Glibc)
            let (modified, changed) = (raw.st_mtim, raw.st_ctim)
        #else
            let (modified, changed) = (raw.st_mtimespec, raw.st_ctimespec)
        #endif
        self.init(
            kind: kind, permissions: UInt16(truncatingIfNeeded: raw.st_mode & 0o7777), size: Int(raw.st_size),
            modified: Self.nanoseconds(modified), changed: Self.nanoseconds(changed),
            inode: UInt64(raw.st_ino), device: UInt64(truncatingIfNeeded: raw.st_dev))
    }

    /// Nanoseconds since 1970, between the years 1843 and 2096: beyond these, which are no times of anybody's files, one is like
    /// another, and differences do not overflow.
    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(max(-4_000_000_000, min(4_000_000_000, time.tv_sec))) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
