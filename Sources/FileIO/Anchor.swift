internal import CShims

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A directory to start from and a path below it that is short enough for one call: the system takes at most
/// `PATH_MAX` bytes at a time, while paths may grow to any length.
struct Anchor: ~Copyable {
    let directory: Int32
    let name: FilePath
    private let isOwned: Bool

    /// - Parameter bound: A path that begins with it ends in it: whatever becomes a link meanwhile is not followed.
    init(_ path: FilePath, _ operation: String, _ bound: Bound?) throws(FileError) {
        if let (above, last, isNew) = bound?.split(path) {
            guard above >= 0 else { throw FileError(operation, path, code: errno) }
            (directory, name, isOwned) = (above, last, isNew)
            return
        }
        guard path.bytes.count >= Int(PATH_MAX) else {
            (directory, name, isOwned) = (AT_FDCWD, path, false)
            return
        }
        var at = AT_FDCWD
        var rest = path.bytes[...]
        while rest.count >= Int(PATH_MAX) {
            let piece = rest.prefix(Int(PATH_MAX) - 1)
            guard let slash = piece.lastIndex(of: UInt8(ascii: "/")), slash > rest.startIndex else {
                if at != AT_FDCWD { _ = closeRaw(at) }
                throw FileError(operation, path, code: ENAMETOOLONG)
            }
            let next = FilePath(Array(rest[rest.startIndex..<slash])).withCString {
                mlrepo_openat(at, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
            }
            let code = errno
            if at != AT_FDCWD { _ = closeRaw(at) }
            guard next >= 0 else { throw FileError(operation, path, code: code) }
            at = next
            rest = rest[(slash + 1)...].drop { $0 == UInt8(ascii: "/") }
        }
        (directory, name, isOwned) = (at, FilePath(Array(rest)), at != AT_FDCWD)
    }

    deinit { if isOwned { _ = closeRaw(directory) } }
}

/// A directory, held open, whose paths are resolved beneath it and through no link: a checkout must not write where somebody
/// who puts a link in a directory's place wants it to.
final class Bound: Sendable {
    private let root: Int32
    private let prefix: [UInt8]

    /// - Parameter outer: What the way to the directory is bound by itself.
    /// - Returns: Nothing where the system cannot do that, or the directory cannot be opened.
    init?(_ path: FilePath, within outer: Bound?) {
        #if os(Linux)
            let raw: Int32
            if let beneath = outer?.open(path, Self.flags, 0) {
                guard beneath >= 0 else { return nil }
                raw = beneath
            } else {
                raw = path.withCString { mlrepo_open($0, Self.flags, 0) }
                guard raw >= 0 else { return nil }
                let probe = mlrepo_open_beneath(raw, ".", Self.flags, 0)
                guard probe >= 0 else {
                    _ = closeRaw(raw)
                    return nil
                }
                _ = closeRaw(probe)
            }
            root = raw
            prefix = path.bytes.last == UInt8(ascii: "/") ? path.bytes : path.bytes + [UInt8(ascii: "/")]
        #else
            return nil
        #endif
    }

    #if os(Linux)
        private static let flags = MLREPO_O_PATH | O_DIRECTORY | O_CLOEXEC
    #endif

    deinit { _ = closeRaw(root) }

    /// What a path is below the directory; nothing if it is not.
    private func below(_ path: FilePath) -> FilePath? {
        guard path.bytes.count > prefix.count, path.bytes.starts(with: prefix) else { return nil }
        return FilePath(Array(path.bytes[prefix.count...]))
    }

    #if os(Linux)
        /// Opens or makes what a path below the directory names, however long it is.
        private func open(below path: FilePath, _ flags: Int32, _ permissions: UInt16) -> Int32 {
            guard path.bytes.count >= Int(PATH_MAX) else {
                return path.withCString { again(mlrepo_open_beneath(root, $0, flags, mode_t(permissions))) }
            }
            var (at, rest) = (root, path.bytes[...])
            while rest.count >= Int(PATH_MAX) {
                let piece = rest.prefix(Int(PATH_MAX) - 1)
                guard let slash = piece.lastIndex(of: UInt8(ascii: "/")), slash > rest.startIndex else {
                    if at != root { _ = closeRaw(at) }
                    errno = ENAMETOOLONG
                    return -1
                }
                let next = FilePath(Array(rest[rest.startIndex..<slash])).withCString { name in
                    again(mlrepo_open_beneath(at, name, Self.flags, 0))
                }
                let code = errno
                if at != root { _ = closeRaw(at) }
                guard next >= 0 else {
                    errno = code
                    return -1
                }
                (at, rest) = (next, rest[(slash + 1)...])
            }
            let result = FilePath(Array(rest)).withCString { name in
                again(mlrepo_open_beneath(at, name, flags, mode_t(permissions)))
            }
            let code = errno
            if at != root { _ = closeRaw(at) }
            errno = code
            return result
        }
    #endif

    /// Opens or makes a file.
    ///
    /// - Returns: A descriptor, or a negative number with `errno`; nothing for what is not beneath the directory.
    func open(_ path: FilePath, _ flags: Int32, _ permissions: UInt16) -> Int32? {
        #if os(Linux)
            guard let below = below(path) else { return nil }
            return open(below: below, flags, permissions)
        #else
            return nil
        #endif
    }

    /// The directory that a path's last name lies in, opened, and that name.
    ///
    /// - Returns: The directory's descriptor, or a negative number with `errno`, and whether the caller is to close it; nothing
    ///   for what is not beneath the directory.
    func split(_ path: FilePath) -> (directory: Int32, name: FilePath, isNew: Bool)? {
        #if os(Linux)
            guard let below = below(path) else { return nil }
            guard below.bytes.contains(UInt8(ascii: "/")) else { return (root, below, false) }
            let (above, name) = (below.parent, FilePath(below.name))
            return (open(below: above, Self.flags, 0), name, true)
        #else
            return nil
        #endif
    }

    /// A call that a signal, or somebody who renames just now, interrupted is made again, a few times.
    private func again(_ call: @autoclosure () -> Int32) -> Int32 {
        for _ in 0..<100 {
            let result = call()
            if result >= 0 || (errno != EINTR && errno != EAGAIN) { return result }
        }
        return -1
    }
}
