/// A path inside a repository: valid names joined by `/`, none at the ends; the empty path is the root.
///
/// Shape: at most 4,096 bytes, compared as bytes of the whole path.
package struct RepositoryPath: Hashable, Comparable, Sendable {
    package static let byteLimit = 4096
    package static let root = RepositoryPath(unchecked: [])

    package let bytes: [UInt8]

    private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    package init(_ bytes: some Collection<UInt8>) throws(InvalidName) {
        let bytes = Array(bytes)
        guard bytes.count <= Self.byteLimit else {
            throw InvalidName(bytes: bytes, problem: .tooLong(bytes.count))
        }
        if !bytes.isEmpty {
            for name in bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
                _ = try EntryName(name)
            }
        }
        self.bytes = bytes
    }

    package init(_ text: String) throws(InvalidName) { try self.init(Array(text.utf8)) }

    package init(_ names: [EntryName]) throws(InvalidName) {
        bytes = Array(names.map(\.bytes).joined(separator: [UInt8(ascii: "/")]))
        guard bytes.count <= Self.byteLimit else {
            throw InvalidName(bytes: bytes, problem: .tooLong(bytes.count))
        }
    }

    package var isRoot: Bool { bytes.isEmpty }

    /// The names from the root down.
    package var names: [EntryName] {
        bytes.split(separator: UInt8(ascii: "/")).map { EntryName(partOf: $0) }
    }

    package func appending(_ name: EntryName) throws(InvalidName) -> RepositoryPath {
        let joined = isRoot ? name.bytes : bytes + [UInt8(ascii: "/")] + name.bytes
        guard joined.count <= Self.byteLimit else {
            throw InvalidName(bytes: joined, problem: .tooLong(joined.count))
        }
        return RepositoryPath(unchecked: joined)
    }

    /// How many bytes two paths have in common at their beginning and at their end.
    package func likeness(_ other: RepositoryPath) -> Int {
        let before = zip(bytes, other.bytes).prefix { $0 == $1 }.count
        let rest = min(bytes.count, other.bytes.count) - before
        return before + zip(bytes.reversed(), other.bytes.reversed()).prefix(rest).prefix { $0 == $1 }.count
    }

    /// A path that was taken apart before: `name` was its last one, and this its directory.
    ///
    /// Nothing is checked again.
    package func rejoining(_ name: UnsafeRawBufferPointer) -> RepositoryPath {
        let length = isRoot ? name.count : bytes.count + 1 + name.count
        return RepositoryPath(
            unchecked: [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
                // Room for the directory, the separator and the name.
                let place = UnsafeMutableRawBufferPointer(buffer)
                if !isRoot {
                    place.copyBytes(from: bytes)
                    place[bytes.count] = 0x2f
                }
                UnsafeMutableRawBufferPointer(rebasing: place[(length - name.count)...]).copyMemory(
                    from: name)
                count = length
            })
    }

    /// The directory that holds this path, and its name in it; nothing for the root.
    package var split: (directory: RepositoryPath, name: EntryName)? {
        guard !isRoot else { return nil }
        let name = EntryName(partOf: bytes[((bytes.lastIndex(of: 0x2f) ?? -1) + 1)...])
        return (RepositoryPath(unchecked: Array(bytes.dropLast(name.bytes.count + 1))), name)
    }

    /// Whether this is `directory` itself or lies somewhere beneath it.
    package func isInside(_ directory: RepositoryPath) -> Bool {
        if directory.isRoot || self == directory { return true }
        return bytes.count > directory.bytes.count && bytes[directory.bytes.count] == 0x2f
            && bytes.starts(with: directory.bytes)
    }

    package static func < (a: Self, b: Self) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }
}

extension RepositoryPath: CustomStringConvertible {
    package var description: String { isRoot ? "." : escapedText(bytes) }
}
