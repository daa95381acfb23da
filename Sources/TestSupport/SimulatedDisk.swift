package import FileIO
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A disk in memory that loses what POSIX allows it to lose.
///
/// Content is durable after the file's fsync, a name after the fsync of the directory that holds it, and nothing else is:
/// not even what file systems in use give beyond that. ``crash(keeping:)`` is the power cut. Permissions and times are
/// always durable. Times come from a counter. Relative paths begin at the root.
package final class SimulatedDisk: FileSystem {
    /// What the disk refuses.
    package struct Faults: Sendable {
        /// Bytes that can still be written; then ENOSPC, after as many as fit.
        package var bytesLeft: Int?
        /// Every call that would change something fails with EROFS.
        package var isReadOnly = false
        /// This call, counted from 0, fails with a code and has no effect; those after it work.
        package var failingCall: (number: Int, code: Int32)?

        package init() {}
    }

    /// Which of the changes that are not durable survive a power cut.
    package enum Survivors: Hashable, Sendable, CustomStringConvertible {
        case nothing
        case everything
        /// A subset that the seed chooses; file contents may be lost, cut anywhere, or be zeros from somewhere on.
        case seed(UInt64)
        /// The change with this position (below ``SimulatedDisk/changesAtRisk``) alone.
        case only(Int)
        case allBut(Int)

        package var description: String {
            switch self {
            case .nothing: "nothing"
            case .everything: "everything"
            case .seed(let seed): "seed \(seed)"
            case .only(let index): "only change \(index)"
            case .allBut(let index): "all but change \(index)"
            }
        }
    }

    private let state: Mutex<DiskState>

    package init() { state = Mutex(DiskState()) }

    private init(_ other: DiskState) {
        var other = other
        other.descriptors = [:]
        other.faults = Faults()
        other.calls = 0
        state = Mutex(other)
    }

    // MARK: Power, processes, faults

    /// The disk after a power cut, without faults; this one stays as it is.
    package func crash(keeping survivors: Survivors) -> SimulatedDisk {
        SimulatedDisk(state.withLock { $0 }.crashed(survivors))
    }

    /// The disk as another process finds it: nothing is lost, and nothing is more durable than before.
    package func copy() -> SimulatedDisk { SimulatedDisk(state.withLock { $0 }) }

    /// Makes everything durable.
    package func synchronizeAll() { state.withLock { $0 = $0.crashed(.everything, closing: false) } }

    /// Lets time pass, in nanoseconds.
    package func pass(_ nanoseconds: Int64) { state.withLock { $0.clock += nanoseconds } }

    /// How many changes a power cut could take away now.
    package var changesAtRisk: Int { state.withLock { $0.pending.count + $0.dirty.count } }

    /// Counts whatever changed the disk or made something durable: equal numbers, equal disks.
    package var changeCount: Int { state.withLock { $0.changes } }

    /// Calls so far, ``close(_:)`` not counted.
    package var callCount: Int { state.withLock { $0.calls } }

    /// Bytes that were ever written.
    package var bytesWritten: Int { state.withLock { $0.bytesWritten } }

    package var faults: Faults {
        get { state.withLock { $0.faults } }
        set { state.withLock { $0.faults = newValue } }
    }

    /// Replaces a byte of a file behind everybody's back, durably.
    package func damage(_ path: FilePath, at offset: Int, _ change: (UInt8) -> UInt8) throws(FileError) {
        try state.withLock { (state) throws(FileError) in
            let node = try state.existing(path, "damage")
            let old = state.nodes[node]?.content[offset] ?? 0
            state.nodes[node]?.content[offset] = change(old)
        }
    }

    // MARK: FileSystem

    private func call<Result: Sendable>(
        _ operation: String, _ path: FilePath, changing: Bool = false,
        _ body: (inout DiskState) throws(FileError) -> Result
    ) throws(FileError) -> Result {
        try state.withLock { (state) throws(FileError) -> Result in
            defer { state.calls += 1 }
            if let (number, code) = state.faults.failingCall, number == state.calls {
                throw FileError(operation, path, code: code)
            }
            if changing {
                guard !state.faults.isReadOnly else { throw FileError(operation, path, code: EROFS) }
                state.changes += 1
                state.clock += 1_000_000
            }
            return try body(&state)
        }
    }

    private func path(_ file: FileDescriptor) -> FilePath { FilePath("(open file \(file.raw))") }

    package func open(_ path: FilePath) throws(FileError) -> FileDescriptor {
        try call("open", path) { (state) throws(FileError) in
            let node = try state.existing(path, "open")
            switch state.nodes[node]?.kind {
            case .file: return state.descriptor(node, isWritable: false)
            case .link: throw FileError("open", path, code: ELOOP)
            default: throw FileError("open", path, code: EINVAL)
            }
        }
    }

    package func create(_ path: FilePath, permissions: UInt16) throws(FileError) -> FileDescriptor {
        try call("create", path, changing: true) { (state) throws(FileError) in
            let place = try state.vacant(path, "create")
            let node = state.makeNode(.file, permissions)
            state.change([DiskState.Edit(directory: place.directory, name: place.name, node: node)])
            return state.descriptor(node, isWritable: true)
        }
    }

    package func extend(_ path: FilePath) throws(FileError) -> FileDescriptor {
        try call("open", path) { (state) throws(FileError) in
            let node = try state.existing(path, "open")
            guard state.nodes[node]?.kind == .file else { throw FileError("open", path, code: EINVAL) }
            return state.descriptor(node, isWritable: true)
        }
    }

    package func read(
        _ file: FileDescriptor, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(FileError) -> Int {
        let bytes = try call("read", path(file)) { (state) throws(FileError) -> ArraySlice<UInt8> in
            guard let open = state.descriptors[file], let node = state.nodes[open.node] else {
                throw FileError("read", path(file), code: EBADF)
            }
            return node.content.dropFirst(offset).prefix(buffer.count)
        }
        buffer.copyBytes(from: bytes)
        return bytes.count
    }

    package func write(_ file: FileDescriptor, _ bytes: UnsafeRawBufferPointer) throws(FileError) {
        let bytes = Array(bytes)
        try call("write", path(file), changing: true) { (state) throws(FileError) in
            guard let open = state.descriptors[file], open.isWritable else {
                throw FileError("write", path(file), code: EBADF)
            }
            let count = min(bytes.count, state.faults.bytesLeft ?? .max)
            state.nodes[open.node]?.content += bytes.prefix(count)
            state.nodes[open.node]?.modified = state.clock
            state.bytesWritten += count
            if state.faults.bytesLeft != nil { state.faults.bytesLeft? -= count }
            guard count == bytes.count else { throw FileError("write", path(file), code: ENOSPC) }
        }
    }

    package func synchronize(_ file: FileDescriptor) throws(FileError) {
        try call("fsync", path(file)) { (state) throws(FileError) in
            guard let open = state.descriptors[file], let node = state.nodes[open.node] else {
                throw FileError("fsync", path(file), code: EBADF)
            }
            state.nodes[open.node]?.durableCount = node.content.count
            state.changes += 1
        }
    }

    package func close(_ file: FileDescriptor) {
        state.withLock { state in _ = state.descriptors.removeValue(forKey: file) }
    }

    package func status(of file: FileDescriptor) throws(FileError) -> FileStatus {
        try call("stat", path(file)) { (state) throws(FileError) in
            guard let open = state.descriptors[file] else { throw FileError("stat", path(file), code: EBADF) }
            return state.status(open.node)
        }
    }

    package func status(_ path: FilePath) throws(FileError) -> FileStatus? {
        try call("stat", path) { (state) throws(FileError) in
            do throws(FileError) { return try state.locate(path, "stat").node.map { state.status($0) } } catch
            {
                if error.isNotFound { return nil }
                throw error
            }
        }
    }

    package func list(_ directory: FilePath, into listing: inout DirectoryListing) throws(FileError) {
        listing.removeAll()
        let found = try call("list", directory) { (state) throws(FileError) -> [([UInt8], FileStatus)] in
            let node = try state.directory(directory, "list")
            return (state.nodes[node]?.entries ?? [:]).map { ($0.key, state.status($0.value)) }
        }
        for (name, status) in found { name.withUnsafeBytes { listing.append(name: $0, status: status) } }
    }

    package func readLink(_ path: FilePath) throws(FileError) -> [UInt8] {
        try call("read the link", path) { (state) throws(FileError) in
            guard let node = state.nodes[try state.existing(path, "read the link")], node.kind == .link else {
                throw FileError("read the link", path, code: EINVAL)
            }
            return node.content
        }
    }

    package func makeDirectory(_ path: FilePath, permissions: UInt16) throws(FileError) {
        try call("make the directory", path, changing: true) { (state) throws(FileError) in
            let place = try state.vacant(path, "make the directory")
            let node = state.makeNode(.directory, permissions)
            state.change([DiskState.Edit(directory: place.directory, name: place.name, node: node)])
        }
    }

    package func makeLink(_ path: FilePath, target: [UInt8]) throws(FileError) {
        try call("make the link", path, changing: true) { (state) throws(FileError) in
            let place = try state.vacant(path, "make the link")
            let node = state.makeNode(.link, 0o777)
            state.nodes[node]?.content = target
            state.nodes[node]?.durableCount = target.count
            state.change([DiskState.Edit(directory: place.directory, name: place.name, node: node)])
        }
    }

    package func link(_ path: FilePath, to other: FilePath) throws(FileError) {
        try call("link", other, changing: true) { (state) throws(FileError) in
            let node = try state.existing(path, "link")
            let place = try state.vacant(other, "link")
            guard state.nodes[node]?.kind != .directory else { throw FileError("link", other, code: EPERM) }
            state.nodes[node]?.changed = state.clock
            state.change([DiskState.Edit(directory: place.directory, name: place.name, node: node)])
        }
    }

    package func rename(_ path: FilePath, to other: FilePath) throws(FileError) {
        try call("rename", other, changing: true) { (state) throws(FileError) in
            let source = try state.locate(path, "rename")
            guard let node = source.node else { throw FileError("rename", path, code: ENOENT) }
            let target = try state.locate(other, "rename")
            guard !source.name.isEmpty, !target.name.isEmpty else {
                throw FileError("rename", other, code: EBUSY)
            }
            if let old = target.node {
                if old == node { return }
                switch (state.nodes[node]?.kind == .directory, state.nodes[old]?.kind == .directory) {
                case (true, false): throw FileError("rename", other, code: ENOTDIR)
                case (false, true): throw FileError("rename", other, code: EISDIR)
                case (true, true):
                    guard state.nodes[old]?.entries.isEmpty == true else {
                        throw FileError("rename", other, code: ENOTEMPTY)
                    }
                case (false, false): break
                }
            }
            guard !state.holds(node, target.directory) else { throw FileError("rename", other, code: EINVAL) }
            // The new name comes before the old one goes, as in every file system with a journal.
            state.change([
                DiskState.Edit(directory: target.directory, name: target.name, node: node),
                DiskState.Edit(directory: source.directory, name: source.name, node: nil),
            ])
        }
    }

    package func remove(_ path: FilePath) throws(FileError) {
        try call("remove", path, changing: true) { (state) throws(FileError) in
            let node = try state.existing(path, "remove")
            guard state.nodes[node]?.kind != .directory else { throw FileError("remove", path, code: EISDIR) }
            let place = try state.locate(path, "remove")
            state.change([DiskState.Edit(directory: place.directory, name: place.name, node: nil)])
        }
    }

    package func removeDirectory(_ path: FilePath) throws(FileError) {
        try call("remove", path, changing: true) { (state) throws(FileError) in
            let node = try state.directory(path, "remove")
            guard state.nodes[node]?.entries.isEmpty == true else {
                throw FileError("remove", path, code: ENOTEMPTY)
            }
            let place = try state.locate(path, "remove")
            guard !place.name.isEmpty else { throw FileError("remove", path, code: EBUSY) }
            state.change([DiskState.Edit(directory: place.directory, name: place.name, node: nil)])
        }
    }

    package func setPermissions(_ path: FilePath, _ permissions: UInt16) throws(FileError) {
        try call("change the mode of", path, changing: true) { (state) throws(FileError) in
            let node = try state.existing(path, "change the mode of")
            state.nodes[node]?.permissions = permissions & 0o7777
            state.nodes[node]?.changed = state.clock
        }
    }

    package func setGroup(_ path: FilePath, _ group: UInt32) throws(FileError) {
        try call("change the group of", path, changing: true) { (state) throws(FileError) in
            _ = try state.existing(path, "change the group of")
        }
    }

    package func synchronizeDirectory(_ path: FilePath) throws(FileError) {
        try call("fsync", path) { (state) throws(FileError) in
            state.synchronize(directory: try state.directory(path, "fsync"))
            state.changes += 1
        }
    }

    package func synchronizeAll(below directory: FilePath) throws(FileError) {
        try call("sync", directory) { (state) throws(FileError) in
            _ = try state.directory(directory, "sync")
            state = state.crashed(.everything, closing: false)
            state.changes += 1
        }
    }

    package func map(_ path: FilePath) throws(FileError) -> MappedFile {
        let bytes = try call("map", path) { (state) throws(FileError) -> [UInt8] in
            guard let node = state.nodes[try state.existing(path, "map")], node.kind == .file else {
                throw FileError("map", path, code: EINVAL)
            }
            return node.content
        }
        return MappedFile(holding: bytes)
    }

    package func freeSpace(_ path: FilePath) throws(FileError) -> Int {
        try call("look at", path) { (state) throws(FileError) in
            _ = try state.existing(path, "look at")
            return state.faults.bytesLeft ?? 1 << 40
        }
    }
}
