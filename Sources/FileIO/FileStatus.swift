/// What a directory entry is, as far as a store tells them apart.
package enum FileKind: UInt8, Sendable {
    case file = 1
    case directory = 2
    case link = 3
    /// Sockets, pipes, devices.
    case other = 4
}

/// What the system knows of a file without opening it (`lstat`).
package struct FileStatus: Hashable, Sendable {
    package var kind: FileKind
    /// The lower twelve bits of the mode.
    package var permissions: UInt16
    /// In bytes.
    package var size: Int
    /// Last change of the content, in nanoseconds since 1970.
    package var modified: Int64
    /// Last change of content or attributes, in nanoseconds since 1970.
    package var changed: Int64
    package var inode: UInt64
    package var device: UInt64

    package init(
        kind: FileKind, permissions: UInt16, size: Int, modified: Int64, changed: Int64, inode: UInt64,
        device: UInt64
    ) {
        self.kind = kind
        self.permissions = permissions
        self.size = size
        self.modified = modified
        self.changed = changed
        self.inode = inode
        self.device = device
    }

    /// A directory of which nothing else is known.
    package static let directory = FileStatus(
        kind: .directory, permissions: 0, size: 0, modified: 0, changed: 0, inode: 0, device: 0)

    /// A file or link of which nothing is known yet.
    package static let unknown = FileStatus(
        kind: .other, permissions: 0, size: 0, modified: 0, changed: 0, inode: 0, device: 0)

    /// Whether the owner may execute it.
    package var isExecutable: Bool { permissions & 0o100 != 0 }
}

/// The entries of one directory with their status.
///
/// Reused from directory to directory, so that a walk does not allocate for each file.
package struct DirectoryListing: Sendable {
    private var names: [UInt8] = []
    private var items: [Item] = []

    private struct Item {
        var start: Int
        var count: Int
        var status: FileStatus
    }

    package init() {}

    package var count: Int { items.count }

    package mutating func removeAll() {
        names.removeAll(keepingCapacity: true)
        items.removeAll(keepingCapacity: true)
    }

    package mutating func append(name: UnsafeRawBufferPointer, status: FileStatus) {
        items.append(Item(start: names.count, count: name.count, status: status))
        names.append(contentsOf: name)
        names.append(0)
    }

    package func name(_ index: Int) -> ArraySlice<UInt8> {
        let item = items[index]
        return names[item.start..<item.start + item.count]
    }

    package func status(_ index: Int) -> FileStatus { items[index].status }

    /// The position of a name.
    package func position(of name: [UInt8]) -> Int? {
        items.firstIndex { item in
            item.count == name.count && names[item.start..<item.start + item.count].elementsEqual(name)
        }
    }

    /// Asks for the status of each name that is no directory's.
    ///
    /// - Parameter status: Gets a name that ends with NUL; what it throws ends this.
    mutating func refresh(_ status: (UnsafePointer<CChar>) throws(FileError) -> FileStatus) throws(FileError)
    {
        for index in items.indices where items[index].status.kind != .directory {
            let start = items[index].start
            let result = names.withUnsafeBytes { names -> Result<FileStatus, FileError> in
                // `append` put a NUL behind each name.
                let name = names.baseAddress.unsafelyUnwrapped + start
                do throws(FileError) {
                    return .success(try status(name.assumingMemoryBound(to: CChar.self)))
                } catch { return .failure(error) }
            }
            items[index].status = try result.get()
        }
    }

    /// Sorts by names as bytes.
    package mutating func sort() {
        names.withUnsafeBytes { names in
            items.sort { a, b in
                // Both ranges lie in `names`, where `append` put them.
                let (x, y) = (
                    names.baseAddress.unsafelyUnwrapped + a.start,
                    names.baseAddress.unsafelyUnwrapped + b.start
                )
                let order = compareBytes(x, y, min(a.count, b.count))
                return order == 0 ? a.count < b.count : order < 0
            }
        }
    }
}
