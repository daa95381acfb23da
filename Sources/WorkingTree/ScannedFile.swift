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

    private struct Place {
        var directory: UInt32
        /// Where the name lies: number of the block, then offset in it.
        var name: UInt32
        /// One more than the number of what the base version has; 0 for nothing.
        var base: UInt32
        var permissions: UInt16
        var device: UInt16
        var nameLength: UInt8
        /// Nothing for what is gone.
        var kind: FileKind?
    }

    private var statuses = SegmentedArray<Status>()
    private var places = SegmentedArray<Place>()
    private var bases = SegmentedArray<ScannedFile.Base>()
    private var directories = SegmentedArray<RepositoryPath>()
    private var devices: [UInt64] = []
    private var names: [[UInt8]] = []
    /// The numbers of the files in their order; nothing if that is the one in which they were appended.
    private var order: [UInt32]?

    private static let nameBlock = 1 << 16

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
        precondition(order == nil && count < UInt32.max, "files are appended first, then sorted")
        if directories.last?.bytes != directory.bytes { directories.append(directory) }
        if let base { bases.append(base) }
        let device = status?.device ?? 0
        var number = devices.firstIndex(of: device)
        if number == nil {
            devices.append(device)
            number = devices.count - 1
        }
        if names.last.map({ $0.count + name.count > Self.nameBlock }) ?? true {
            names.append([])
            if names.count > 1 { names[names.count - 1].reserveCapacity(Self.nameBlock) }
        }
        let (block, offset) = (names.count - 1, names[names.count - 1].count)
        precondition(block < 1 << 16 && devices.count < 1 << 16, "4 GiB of names are enough")
        names[block].append(contentsOf: name)
        statuses.append(
            Status(
                size: status?.size ?? 0, modified: status?.modified ?? 0, changed: status?.changed ?? 0,
                inode: status?.inode ?? 0))
        places.append(
            Place(
                directory: UInt32(directories.count - 1), name: UInt32(block << 16 | offset),
                base: base == nil ? 0 : UInt32(bases.count), permissions: status?.permissions ?? 0,
                device: UInt16(number ?? 0), nameLength: UInt8(name.count), kind: status?.kind))
    }

    mutating func append(contentsOf others: ScannedFiles) {
        for index in others.indices {
            let number = others.number(index)
            let place = others.places[number]
            others.withName(place) {
                append(
                    others.directories[Int(place.directory)], $0, others.base(place),
                    others.status(number, place))
            }
        }
    }

    mutating func removeAll() {
        statuses.removeAll()
        places.removeAll()
        bases.removeAll()
        directories.removeAll()
        names = []
        order = nil
    }

    package func filter(_ isIncluded: (ScannedFile) -> Bool) -> ScannedFiles {
        ScannedFiles(lazy.filter(isIncluded))
    }

    // MARK: Order

    /// Brings the files into the order of ``DirectoryTree/walkOrder(_:_:)``.
    package mutating func sort() {
        let numbers = (0..<UInt32(count)).sorted { isInOrder(Int($0), Int($1)) }
        order = numbers
    }

    private func isInOrder(_ a: Int, _ b: Int) -> Bool {
        let (x, y) = (places[a], places[b])
        return withName(x) { name in
            withName(y) { other in
                if x.directory == y.directory { return compareNames(name, other) < 0 }
                let (above, below) = (
                    directories[Int(x.directory)].bytes, directories[Int(y.directory)].bytes
                )
                return Self.isInOrder(above, name, below, other)
            }
        }
    }

    /// Compares two paths that are in two parts each.
    private static func isInOrder(
        _ directory: [UInt8], _ name: UnsafeRawBufferPointer,
        _ otherDirectory: [UInt8], _ otherName: UnsafeRawBufferPointer
    ) -> Bool {
        func byte(_ directory: [UInt8], _ name: UnsafeRawBufferPointer, _ index: Int) -> UInt8? {
            if index < directory.count { return directory[index] }
            // The root's names have nothing before them.
            let start = directory.isEmpty ? 0 : directory.count + 1
            if index < start { return 0x2f }
            return index - start < name.count ? name[index - start] : nil
        }
        var index = 0
        while true {
            guard let x = byte(directory, name, index) else {
                return byte(otherDirectory, otherName, index) != nil
            }
            guard let y = byte(otherDirectory, otherName, index) else { return false }
            if x != y {
                // A path's end and the separator come before every other byte.
                return x == 0x2f || (y != 0x2f && x < y)
            }
            index += 1
        }
    }

    // MARK: Parts of a file

    private func number(_ index: Int) -> Int { order.map { Int($0[index]) } ?? index }

    private func withName<Result>(_ place: Place, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        names[Int(place.name >> 16)].withUnsafeBytes { bytes in
            let start = Int(place.name & 0xffff)
            return body(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Int(place.nameLength)]))
        }
    }

    private func base(_ place: Place) -> ScannedFile.Base? {
        place.base == 0 ? nil : bases[Int(place.base) - 1]
    }

    private func status(_ number: Int, _ place: Place) -> FileStatus? {
        guard let kind = place.kind else { return nil }
        let status = statuses[number]
        return FileStatus(
            kind: kind, permissions: place.permissions, size: status.size, modified: status.modified,
            changed: status.changed, inode: status.inode, device: devices[Int(place.device)])
    }

    /// A file's size on disk, in bytes.
    func size(_ index: Int) -> Int { statuses[number(index)].size }

    func base(_ index: Int) -> ScannedFile.Base? { base(places[number(index)]) }

    func status(_ index: Int) -> FileStatus? {
        let number = number(index)
        return status(number, places[number])
    }

    /// Whether nothing is on disk that could be tracked.
    package func isGone(_ index: Int) -> Bool { places[number(index)].kind == nil }

    package func path(_ index: Int) -> RepositoryPath {
        let place = places[number(index)]
        return withName(place) { directories[Int(place.directory)].rejoining($0) }
    }

    /// Lends the bytes of a file's name.
    func withName<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withName(places[number(index)], body)
    }
}

extension ScannedFiles: RandomAccessCollection {
    package var startIndex: Int { 0 }
    package var endIndex: Int { places.count }

    package subscript(index: Int) -> ScannedFile {
        ScannedFile(path: path(index), base: base(index), status: status(index))
    }
}
