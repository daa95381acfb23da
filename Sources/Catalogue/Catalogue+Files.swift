#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

extension Catalogue {
    /// Removes the file of a catalogue and what lies beside it; what is not there is no error.
    package static func remove(at path: [UInt8]) throws(CatalogueError) {
        // The database first: a journal without one is thrown away, a database without its journal would be believed.
        for end in ["", "-journal", "-wal", "-shm"] {
            let code = withCPath(path + end.utf8) { unlink($0) == 0 ? 0 : errno }
            guard code == 0 || code == ENOENT else {
                throw code == EISDIR ? .directory : .unremovable(errno: code)
            }
        }
    }

    /// Removes what SQLite must not be let near.
    ///
    /// The database itself is not opened here: closing it again would end all locks of this process on it.
    static func prepare(_ path: [UInt8]) throws(CatalogueError) {
        guard !path.isEmpty, !path.contains(0) else { throw .unwritable(words: "the path is no path") }
        let parent = path.lastIndex(of: UInt8(ascii: "/")).map { Array(path[...$0]) } ?? Array(".".utf8)
        guard isWritable(parent) else {
            throw .unwritable(words: "the directory cannot be written")
        }
        let kind = kind(path)
        if kind == S_IFDIR { throw .directory }
        let journal = path + "-journal".utf8
        // A link would lead SQLite elsewhere, a pipe would make it wait. We write no write-ahead log, and what one holds would hide
        // the file's own pages.
        guard kind == nil || kind == S_IFREG, Self.kind(journal).map({ $0 == S_IFREG }) ?? true,
            Self.kind(path + "-wal".utf8) == nil, !namesAnotherFile(journal)
        else { return try remove(at: path) }
    }

    /// Whether a journal names one that stands above it, which SQLite would delete when it has rolled back.
    ///
    /// Ours never do, since a catalogue is one file. Such a journal ends with the eight bytes that every journal begins with (`sqlite.org/fileformat2.html`,
    /// "The Rollback Journal", and `readSuperJournal` of its pager).
    private static func namesAnotherFile(_ journal: [UInt8]) -> Bool {
        let file = withCPath(journal) { open($0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) }
        guard file >= 0 else { return false }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 8)
        let end = lseek(file, 0, SEEK_END)
        guard end >= 8, pread(file, &bytes, 8, end - 8) == 8 else { return false }
        return bytes == [0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7]
    }

    static func isWritable(_ path: [UInt8]) -> Bool { withCPath(path) { access($0, W_OK) } == 0 }

    /// What lies at a path, links not followed; nil if nothing does.
    private static func kind(_ path: [UInt8]) -> mode_t? {
        var status = stat()
        return withCPath(path) { lstat($0, &status) } == 0 ? status.st_mode & S_IFMT : nil
    }

    private static func withCPath<Result>(_ path: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result
    {
        (path + [0]).withUnsafeBufferPointer { bytes in
            // Not empty, as it ends with NUL.
            bytes.withMemoryRebound(to: CChar.self) { body($0.baseAddress.unsafelyUnwrapped) }
        }
    }
}
