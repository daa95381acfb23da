package import FileIO
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// One call of a file system, as a ``RecordingFileSystem`` saw it.
package struct FileCall: Hashable, Sendable, CustomStringConvertible {
    package enum Operation: String, Sendable {
        case open, create, read, write, synchronize, status, list, readLink, makeDirectory, makeLink, link,
            rename
        case remove, removeDirectory, setPermissions, setGroup, synchronizeDirectory, synchronizeAll, map,
            freeSpace

        /// Whether it changes the disk, or what is durable on it.
        package var isChange: Bool {
            switch self {
            case .create, .write, .synchronize, .makeDirectory, .makeLink, .link, .rename, .remove,
                .removeDirectory,
                .setPermissions, .setGroup, .synchronizeDirectory, .synchronizeAll:
                true
            case .open, .read, .status, .list, .readLink, .map, .freeSpace: false
            }
        }
    }

    /// Counted from 0.
    package let number: Int
    package let operation: Operation
    /// Of an open file: the path that it was opened by.
    ///
    /// Of a link or renaming: the source.
    package let path: FilePath
    /// The new name of a link or renaming.
    package let target: FilePath?

    package var description: String {
        "#\(number) \(operation.rawValue) \(path)" + (target.map { " to \($0)" } ?? "")
    }
}

/// Any file system, with every call counted and named, and with calls that fail, or only pretend to happen.
///
/// ``close(_:)`` is neither counted nor stopped: it cannot fail, and changes nothing on a disk.
package final class RecordingFileSystem: FileSystem {
    /// What becomes of a call.
    package enum Verdict: Sendable {
        case proceed
        /// Reports success and does nothing; only for calls that return nothing.
        case skip
        /// Fails without effect.
        case fail(Int32)
        /// Takes effect, and then fails: the reply was lost.
        case failAfterwards(Int32)
    }

    /// The end of the world at one call; none after it has an effect.
    package struct Stop: Hashable, Sendable {
        package let call: Int
        /// Whether the call itself still takes effect.
        package let takesEffect: Bool
        /// The calls after it work again: an error, not an end.
        package let isPassing: Bool

        package init(at call: Int, takesEffect: Bool, isPassing: Bool = false) {
            self.call = call
            self.takesEffect = takesEffect
            self.isPassing = isPassing
        }
    }

    private struct State {
        var calls: [FileCall] = []
        var paths: [FileDescriptor: FilePath] = [:]
    }

    private let base: any FileSystem
    private let judge: @Sendable (FileCall) -> Verdict
    private let afterwards: @Sendable (FileCall, any FileSystem) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - afterwards: Is told of every call that took effect or was skipped, with the file system below.
    package init(
        _ base: any FileSystem,
        afterwards: @escaping @Sendable (FileCall, any FileSystem) -> Void = { _, _ in },
        judge: @escaping @Sendable (FileCall) -> Verdict = { _ in .proceed }
    ) {
        self.base = base
        self.judge = judge
        self.afterwards = afterwards
    }

    package convenience init(_ base: any FileSystem, stop: Stop?) {
        self.init(
            base,
            judge: { call in
                guard let stop, call.number >= stop.call else { return .proceed }
                if call.number > stop.call { return stop.isPassing ? .proceed : .fail(EIO) }
                return stop.takesEffect ? .failAfterwards(EIO) : .fail(EIO)
            })
    }

    /// The calls so far, in order.
    package var calls: [FileCall] { state.withLock { $0.calls } }

    private func perform<Result>(
        _ operation: FileCall.Operation, _ path: FilePath, to target: FilePath? = nil, skipped: Result? = nil,
        _ body: () throws(FileError) -> Result
    ) throws(FileError) -> Result {
        let call = state.withLock { state in
            let call = FileCall(number: state.calls.count, operation: operation, path: path, target: target)
            state.calls.append(call)
            return call
        }
        switch judge(call) {
        case .proceed: break
        case .skip:
            if let skipped {
                afterwards(call, base)
                return skipped
            }
        case .fail(let code): throw FileError(operation.rawValue, path, code: code)
        case .failAfterwards(let code):
            let result = try body()
            if let file = result as? FileDescriptor { base.close(file) }
            afterwards(call, base)
            throw FileError(operation.rawValue, path, code: code)
        }
        let result = try body()
        afterwards(call, base)
        return result
    }

    private func path(_ file: FileDescriptor) -> FilePath {
        state.withLock { $0.paths[file] } ?? FilePath("?")
    }

    private func remember(_ file: FileDescriptor, _ path: FilePath) -> FileDescriptor {
        state.withLock { $0.paths[file] = path }
        return file
    }

    package func open(_ path: FilePath) throws(FileError) -> FileDescriptor {
        remember(try perform(.open, path) { () throws(FileError) in try base.open(path) }, path)
    }

    package func create(_ path: FilePath, permissions: UInt16) throws(FileError) -> FileDescriptor {
        remember(
            try perform(.create, path) { () throws(FileError) in
                try base.create(path, permissions: permissions)
            }, path)
    }

    package func extend(_ path: FilePath) throws(FileError) -> FileDescriptor {
        remember(
            try perform(.open, path) { () throws(FileError) in try base.extend(path) }, path)
    }

    package func read(
        _ file: FileDescriptor, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(FileError) -> Int {
        try perform(.read, path(file)) { () throws(FileError) in try base.read(file, into: buffer, at: offset)
        }
    }

    package func write(_ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer) throws(FileError) {
        try perform(.write, path(file), skipped: ()) { () throws(FileError) in try base.write(file, bytes) }
    }

    package func synchronize(_ file: FileDescriptor) throws(FileError) {
        try perform(.synchronize, path(file), skipped: ()) { () throws(FileError) in
            try base.synchronize(file)
        }
    }

    package func close(_ file: FileDescriptor) {
        state.withLock { state in _ = state.paths.removeValue(forKey: file) }
        base.close(file)
    }

    package func status(of file: FileDescriptor) throws(FileError) -> FileStatus {
        try perform(.status, path(file)) { () throws(FileError) in try base.status(of: file) }
    }

    package func status(_ path: FilePath) throws(FileError) -> FileStatus? {
        try perform(.status, path) { () throws(FileError) in try base.status(path) }
    }

    package func list(_ directory: FilePath, into listing: inout DirectoryListing) throws(FileError) {
        try perform(.list, directory) { () throws(FileError) in try base.list(directory, into: &listing) }
    }

    package func readLink(_ path: FilePath) throws(FileError) -> [UInt8] {
        try perform(.readLink, path) { () throws(FileError) in try base.readLink(path) }
    }

    package func makeDirectory(_ path: FilePath, permissions: UInt16) throws(FileError) {
        try perform(.makeDirectory, path, skipped: ()) { () throws(FileError) in
            try base.makeDirectory(path, permissions: permissions)
        }
    }

    package func makeLink(_ path: FilePath, target: [UInt8]) throws(FileError) {
        try perform(.makeLink, path, skipped: ()) { () throws(FileError) in
            try base.makeLink(path, target: target)
        }
    }

    package func link(_ path: FilePath, to other: FilePath) throws(FileError) {
        try perform(.link, path, to: other, skipped: ()) { () throws(FileError) in
            try base.link(path, to: other)
        }
    }

    package func rename(_ path: FilePath, to other: FilePath) throws(FileError) {
        try perform(.rename, path, to: other, skipped: ()) { () throws(FileError) in
            try base.rename(path, to: other)
        }
    }

    package func remove(_ path: FilePath) throws(FileError) {
        try perform(.remove, path, skipped: ()) { () throws(FileError) in try base.remove(path) }
    }

    package func removeDirectory(_ path: FilePath) throws(FileError) {
        try perform(.removeDirectory, path, skipped: ()) { () throws(FileError) in
            try base.removeDirectory(path)
        }
    }

    package func setPermissions(_ path: FilePath, _ permissions: UInt16) throws(FileError) {
        try perform(.setPermissions, path, skipped: ()) { () throws(FileError) in
            try base.setPermissions(path, permissions)
        }
    }

    package func synchronizeDirectory(_ path: FilePath) throws(FileError) {
        try perform(.synchronizeDirectory, path, skipped: ()) { () throws(FileError) in
            try base.synchronizeDirectory(path)
        }
    }

    package func setGroup(_ path: FilePath, _ group: UInt32) throws(FileError) {
        try perform(.setGroup, path, skipped: ()) { () throws(FileError) in try base.setGroup(path, group) }
    }

    package func synchronizeAll(below directory: FilePath) throws(FileError) {
        try perform(.synchronizeAll, directory, skipped: ()) { () throws(FileError) in
            try base.synchronizeAll(below: directory)
        }
    }

    package func map(_ path: FilePath) throws(FileError) -> MappedFile {
        try perform(.map, path) { () throws(FileError) in try base.map(path) }
    }

    package func freeSpace(_ path: FilePath) throws(FileError) -> Int {
        try perform(.freeSpace, path) { () throws(FileError) in try base.freeSpace(path) }
    }
}
