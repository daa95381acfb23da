#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A call to the system that failed.
package struct FileError: Error, Equatable, CustomStringConvertible {
    /// What was to be done, as a verb, such as "open" or "link".
    package let operation: String
    package let path: FilePath
    /// The system's `errno`.
    package let code: Int32

    package init(_ operation: String, _ path: FilePath, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// Something of another file system lies there.
    package static func mounted(_ path: FilePath) -> FileError { FileError("remove", path, code: EBUSY) }
    /// A name is taken that should be free.
    package static func exists(_ path: FilePath) -> FileError { FileError("create", path, code: EEXIST) }

    /// A file is larger than it may be.
    package static func tooLarge(_ path: FilePath) -> FileError { FileError("read", path, code: EFBIG) }

    /// There is nothing there.
    package static func notFound(_ operation: String, _ path: FilePath) -> FileError {
        FileError(operation, path, code: ENOENT)
    }

    /// It may not be done.
    package static func denied(_ operation: String, _ path: FilePath) -> FileError {
        FileError(operation, path, code: EACCES)
    }

    /// There is no room.
    package static func full(_ operation: String, _ path: FilePath) -> FileError {
        FileError(operation, path, code: ENOSPC)
    }

    /// What the files lie on failed.
    package static func failed(_ operation: String, _ path: FilePath) -> FileError {
        FileError(operation, path, code: EIO)
    }

    /// A file system that is none of this machine's does not have that.
    package static func unsupported(_ operation: String, _ path: FilePath) -> FileError {
        FileError(operation, path, code: ENOTSUP)
    }

    /// What a kernel or a file system answers that cannot exchange two names.
    static func noExchange(_ path: FilePath) -> FileError { FileError("exchange", path, code: ENOSYS) }

    package var isUnsupported: Bool { code == ENOTSUP }
    /// Two names cannot be exchanged here.
    package var isNoExchange: Bool { code == ENOSYS || code == EINVAL || code == ENOTSUP }
    package var isNotFound: Bool { code == ENOENT || code == ENOTDIR }
    package var isExists: Bool { code == EEXIST }
    /// Something that was to be a directory is a link or a file.
    package var isNoDirectory: Bool { code == ELOOP || code == ENOTDIR }
    package var isFull: Bool { code == ENOSPC || code == EDQUOT }
    /// Something is there that is no file: a directory, a link, a pipe.
    package var isNoFile: Bool { code == EINVAL || code == ELOOP || code == EISDIR || code == ENXIO }
    package var isTooLarge: Bool { code == EFBIG }
    package var isDenied: Bool { code == EACCES || code == EPERM || code == EROFS }
    package var isBusy: Bool { code == EBUSY }
    package var isNotEmpty: Bool { code == ENOTEMPTY || code == EEXIST }
    package var isNoLink: Bool { code == EPERM || code == EOPNOTSUPP || code == ENOSYS || code == EMLINK }

    /// What the system says.
    package var reason: String { String(cString: strerror(code)) }

    package var description: String { "cannot \(operation) \(path): \(reason)" }
}
