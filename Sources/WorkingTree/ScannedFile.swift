package import FileIO
package import ObjectModel

/// A file that may differ from the base version.
package struct ScannedFile: Sendable {
    package let path: RepositoryPath
    /// What the base version has there, if it has a file or link there.
    package let base: Base?
    /// What is on disk, if there is something to be tracked.
    package let status: FileStatus?

    /// A file or link of the base version.
    package struct Base: Hashable, Sendable {
        package let mode: EntryMode
        package let id: ObjectID
        /// In bytes.
        package let size: Int

        init(_ entry: StatCacheEntry) { (mode, id, size) = (entry.mode, entry.id, entry.size) }
    }

    init(path: RepositoryPath, base: Base?, status: FileStatus?) {
        self.path = path
        self.base = base
        self.status = status
    }

    /// A file that is to be read as it is, whatever the base version has.
    package init(path: RepositoryPath, status: FileStatus) {
        self.init(path: path, base: nil, status: status)
    }
}

/// Files that may differ from the base version, packed: some 60 bytes each and the name, so that a million of them has room.
package struct ScannedFiles: Sendable {
    /// Times in nanoseconds since 1970.
    private struct Status {
        var size: Int
        var modified: Int64
        var changed: Int64
        var inode: UInt64
    }

    private struct Mark {
        /// One more than the number of what the base version has; 0 for nothing.
        var base: UInt32
        var permissions: UInt16
        var device: UInt16
        /// Nothing for what is gone.
        var kind: FileKind?
    }

    private var paths = PackedPaths()
    private var statuses = SegmentedArray<Status>()
    private var marks = SegmentedArray<Mark>()
    private var bases = SegmentedArray<ScannedFile.Base>()
    private var devices: [UInt64] = []
    /// The numbers of the files in their order; nothing if that is the one in which they were appended.
    private var order: [UInt32]?

    package init() {}

    package init(_ files: some Sequence<ScannedFile>) { for file in files { append(file) } }

    package mutating func append(_ file: ScannedFile) {
        // The root is a directory, and no file.
        guard let (directory, name) = file.path.split else { return }
        name.bytes.withUnsafeBytes { append(directory, $0, file.base, file.status) }
    }

    mutating func append(
        _ directory: RepositoryPath, _ name: UnsafeRawBufferPointer, _ base: ScannedFile.Base?,
        _ status: FileStatus?
    ) {
        precondition(order == nil, "files are appended first, then sorted")
        paths.append(directory, name)
        if let base { bases.append(base) }
        let device = status?.device ?? 0
        var number = devices.firstIndex(of: device)
        if number == nil {
            precondition(devices.count < 1 << 16, "65,536 file systems are enough")
            devices.append(device)
            number = devices.count - 1
        }
        statuses.append(
            Status(
                size: status?.size ?? 0, modified: status?.modified ?? 0, changed: status?.changed ?? 0,
                inode: status?.inode ?? 0))
        marks.append(
            Mark(
                base: base == nil ? 0 : UInt32(bases.count), permissions: status?.permissions ?? 0,
                device: UInt16(number ?? 0), kind: status?.kind))
    }

    mutating func append(contentsOf others: ScannedFiles) {
        for index in others.indices {
            let number = others.number(index)
            let mark = others.marks[number]
            others.paths.withName(number) {
                append(others.paths.directory(number), $0, others.base(mark), others.status(number, mark))
            }
        }
    }

    mutating func removeAll() {
        paths.removeAll()
        statuses.removeAll()
        marks.removeAll()
        bases.removeAll()
        order = nil
    }

    package func filter(_ isIncluded: (ScannedFile) -> Bool) -> ScannedFiles {
        ScannedFiles(lazy.filter(isIncluded))
    }

    // MARK: Order

    /// Brings the files into the order of ``DirectoryTree/walkOrder(_:_:)``.
    package mutating func sort() {
        let numbers = (0..<UInt32(count)).sorted { paths.isInOrder(Int($0), Int($1)) }
        order = numbers
    }

    // MARK: Parts of a file

    private func number(_ index: Int) -> Int { order.map { Int($0[index]) } ?? index }

    private func base(_ mark: Mark) -> ScannedFile.Base? {
        mark.base == 0 ? nil : bases[Int(mark.base) - 1]
    }

    private func status(_ number: Int, _ mark: Mark) -> FileStatus? {
        guard let kind = mark.kind else { return nil }
        let status = statuses[number]
        return FileStatus(
            kind: kind, permissions: mark.permissions, size: status.size, modified: status.modified,
            changed: status.changed, inode: status.inode, device: devices[Int(mark.device)])
    }

    /// A file's size on disk, in bytes.
    func size(_ index: Int) -> Int { statuses[number(index)].size }

    func base(_ index: Int) -> ScannedFile.Base? { base(marks[number(index)]) }

    func status(_ index: Int) -> FileStatus? {
        let number = number(index)
        return status(number, marks[number])
    }

    /// Whether nothing is on disk that could be tracked.
    package func isGone(_ index: Int) -> Bool { marks[number(index)].kind == nil }

    package func path(_ index: Int) -> RepositoryPath { paths[number(index)] }

    /// Lends the bytes of a file's name.
    func withName<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        paths.withName(number(index), body)
    }
}

extension ScannedFiles: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { marks.count }

    package subscript(index: Int) -> ScannedFile {
        ScannedFile(path: path(index), base: base(index), status: status(index))
    }
}
