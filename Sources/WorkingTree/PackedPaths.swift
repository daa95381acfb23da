internal import ObjectModel

/// Paths of files, packed: nine bytes each and the name, and a directory's path once where its files stand together.
struct PackedPaths: Sendable {
    private struct Place {
        var directory: UInt32
        /// Where the name lies: number of the block, then offset in it.
        var name: UInt32
    }

    private var places = SegmentedArray<Place>()
    private var directories = SegmentedArray<RepositoryPath>()
    /// Each name behind a byte that says how long it is.
    private var names: [[UInt8]] = []

    private static let nameBlock = 1 << 16

    var count: Int { places.count }

    mutating func append(_ directory: RepositoryPath, _ name: UnsafeRawBufferPointer) {
        precondition(count < UInt32.max && name.count <= UInt8.max, "names have at most 255 bytes")
        if directories.last?.bytes != directory.bytes { directories.append(directory) }
        if names.last.map({ $0.count + 1 + name.count > Self.nameBlock }) ?? true {
            names.append([])
            // The first one is small most of the time.
            if names.count > 1 { names[names.count - 1].reserveCapacity(Self.nameBlock) }
        }
        let (block, offset) = (names.count - 1, names[names.count - 1].count)
        precondition(block < 1 << 16, "4 GiB of names are enough")
        names[block].append(UInt8(name.count))
        names[block].append(contentsOf: name)
        places.append(Place(directory: UInt32(directories.count - 1), name: UInt32(block << 16 | offset)))
    }

    mutating func removeAll() {
        places.removeAll()
        directories.removeAll()
        names = []
    }

    func directory(_ index: Int) -> RepositoryPath { directories[Int(places[index].directory)] }

    /// Lends the bytes of a path's name.
    func withName<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withName(places[index], body)
    }

    private func withName<Result>(_ place: Place, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        names[Int(place.name >> 16)].withUnsafeBytes { bytes in
            let start = Int(place.name & 0xffff)
            let length = Int(bytes[start])
            return body(UnsafeRawBufferPointer(rebasing: bytes[start + 1..<start + 1 + length]))
        }
    }

    subscript(index: Int) -> RepositoryPath {
        let place = places[index]
        return withName(place) { directories[Int(place.directory)].rejoining($0) }
    }

    // MARK: Order

    /// Whether one path comes before another one in the order of ``DirectoryTree/walkOrder(_:_:)``.
    func isInOrder(_ a: Int, _ b: Int) -> Bool {
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

    /// Whether a path is another one, or lies beneath it.
    func isInside(_ index: Int, _ above: Int) -> Bool {
        let (place, other) = (places[index], places[above])
        if place.directory == other.directory {
            return withName(place) { name in withName(other) { compareNames(name, $0) == 0 } }
        }
        return directories[Int(place.directory)].isInside(self[above]) || self[index] == self[above]
    }
}
