package import FileIO
internal import Hashing
package import ObjectModel

/// What is known of a file of the base version, and when it was last seen to be that.
package struct StatCacheEntry: Sendable {
    package var name: [UInt8]
    package var mode: EntryMode
    package var id: ObjectID
    /// The size in bytes of the base version's file.
    package var size: Int
    /// When the file on disk was last seen to have this content; nothing if it was not yet.
    package var seen: Seen?
    /// The block of a directory's own entries; 0 for others.
    package var block: Int

    /// The status that a file had while it had the content.
    package struct Seen: Hashable, Sendable {
        package let modified: Int64
        package let changed: Int64
        package let inode: UInt64
        package let device: UInt32

        package init(_ status: FileStatus) {
            modified = status.modified
            changed = status.changed
            inode = status.inode
            device = UInt32(truncatingIfNeeded: status.device)
        }

        fileprivate init(modified: Int64, changed: Int64, inode: UInt64, device: UInt32) {
            self.modified = modified
            self.changed = changed
            self.inode = inode
            self.device = device
        }
    }
}

/// The base version's files with their status, one block a directory: mapped, read in place, written anew as a whole.
///
/// Local to a working copy and of no lasting format. Shape: a header, then blocks, then the block table, all little-endian.
package struct StatCache: Sendable {
    static let magic: [UInt8] = Array("MLI3".utf8)
    private static let headerSize = 16
    private static let entrySize = 80

    private let file: MappedFile
    private let table: Int
    package let blockCount: Int

    /// - Returns: Nothing if the bytes are not a cache of this version; then it is as if there were none.
    package init?(_ file: MappedFile) {
        self.file = file
        let count = file.count
        guard count >= Self.headerSize,
            let (table, blocks) = file.withBytes({ bytes -> (Int, Int)? in
                guard bytes.prefix(4).elementsEqual(Self.magic) else { return nil }
                let table = Int(clamping: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                let blocks = Int(bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
                guard table >= Self.headerSize, table < count, blocks < count,
                    table + blocks * 12 + Digest.byteCount == count
                else { return nil }
                let end = count - Digest.byteCount
                // A flipped bit in a name or a block would make a file vanish from the next version.
                let digest = SHA256.digest(of: UnsafeRawBufferPointer(rebasing: bytes[..<end]))
                guard digest == Digest(loading: bytes.baseAddress.unsafelyUnwrapped + end) else { return nil }
                return (table, blocks)
            })
        else { return nil }
        (self.table, blockCount) = (table, blocks)
    }

    /// The entries of a directory, in order of names.
    package func block(_ number: Int) -> Block? {
        guard number >= 0, number < blockCount else { return nil }
        return file.withBytes { bytes in
            let at = table + number * 12
            let start = Int(clamping: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            let count = Int(bytes.loadUnaligned(fromByteOffset: at + 8, as: UInt32.self))
            guard start + count * Self.entrySize <= table else { return nil }
            return Block(file: file, start: start, count: count, limit: table)
        }
    }

    /// One directory's entries, read in place.
    package struct Block: Sendable {
        fileprivate let file: MappedFile
        fileprivate let start: Int
        package let count: Int
        fileprivate let limit: Int

        // All offsets are below `limit`: the block's entries were checked when it was made, names are checked here.
        package func name(_ index: Int) -> [UInt8] {
            file.withBytes { bytes in
                let (offset, length) = place(bytes, index)
                return Array(bytes[offset..<offset + length])
            }
        }

        private func place(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> (offset: Int, length: Int) {
            let at = start + index * StatCache.entrySize
            let offset = start + Int(bytes.loadUnaligned(fromByteOffset: at + 72, as: UInt32.self))
            let length = Int(bytes.loadUnaligned(fromByteOffset: at + 76, as: UInt16.self))
            return offset + length <= limit ? (offset, length) : (at, 0)
        }

        /// Compares an entry's name with another: negative if it comes first, 0 if they are equal.
        package func compareName(_ index: Int, to other: ArraySlice<UInt8>) -> Int {
            file.withBytes { bytes in
                let (offset, length) = place(bytes, index)
                return other.withUnsafeBytes { other in
                    let order = compare(
                        UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]), other)
                    return order
                }
            }
        }

        /// Whether a status is the one the entry was last seen with.
        package func isUnchanged(_ index: Int, _ status: FileStatus) -> Bool {
            file.withBytes { bytes in
                let at = start + index * StatCache.entrySize
                let flags = bytes[at + 79]
                guard flags & 1 != 0, let mode = EntryMode(rawValue: bytes[at + 78]), mode.matches(status)
                else { return false }
                return bytes.loadUnaligned(fromByteOffset: at + 32, as: Int64.self) == status.modified
                    && bytes.loadUnaligned(fromByteOffset: at + 40, as: Int64.self) == status.changed
                    && bytes.loadUnaligned(fromByteOffset: at + 48, as: Int64.self) == Int64(status.size)
                    && bytes.loadUnaligned(fromByteOffset: at + 56, as: UInt64.self) == status.inode
                    && bytes.loadUnaligned(fromByteOffset: at + 64, as: UInt32.self)
                        == UInt32(truncatingIfNeeded: status.device)
            }
        }

        package func childBlock(_ index: Int) -> Int {
            file.withBytes {
                Int(
                    $0.loadUnaligned(
                        fromByteOffset: start + index * StatCache.entrySize + 68, as: UInt32.self))
            }
        }

        package func isDirectory(_ index: Int) -> Bool {
            file.withBytes { $0[start + index * StatCache.entrySize + 78] == EntryMode.directory.rawValue }
        }

        package func entry(_ index: Int) -> StatCacheEntry? {
            file.withBytes { bytes in
                let at = start + index * StatCache.entrySize
                guard let mode = EntryMode(rawValue: bytes[at + 78]) else { return nil }
                let (offset, length) = place(bytes, index)
                let seen = StatCacheEntry.Seen(
                    modified: bytes.loadUnaligned(fromByteOffset: at + 32, as: Int64.self),
                    changed: bytes.loadUnaligned(fromByteOffset: at + 40, as: Int64.self),
                    inode: bytes.loadUnaligned(fromByteOffset: at + 56, as: UInt64.self),
                    device: bytes.loadUnaligned(fromByteOffset: at + 64, as: UInt32.self))
                return StatCacheEntry(
                    name: Array(bytes[offset..<offset + length]), mode: mode,
                    id: ObjectID(Digest(loading: bytes.baseAddress.unsafelyUnwrapped + at)),
                    size: Int(bytes.loadUnaligned(fromByteOffset: at + 48, as: Int64.self)),
                    seen: bytes[at + 79] & 1 != 0 ? seen : nil,
                    block: Int(bytes.loadUnaligned(fromByteOffset: at + 68, as: UInt32.self)))
            }
        }
    }
}

extension EntryMode {
    /// Whether a file on disk is of this mode.
    package func matches(_ status: FileStatus) -> Bool {
        switch self {
        case .file: status.kind == .file && !status.isExecutable
        case .executable: status.kind == .file && status.isExecutable
        case .link: status.kind == .link
        case .directory: status.kind == .directory
        }
    }
}

/// Order of bytes: negative, zero or positive.
func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    for (x, y) in zip(a, b) where x != y { return x < y ? -1 : 1 }
    return a.count - b.count
}

/// Writes a ``StatCache``.
package struct StatCacheBuilder {
    /// A directory that is being put together.
    package final class Directory {
        package var entries: [StatCacheEntry] = []
        package var children: [[UInt8]: Directory] = [:]

        package init() {}
    }

    /// The bytes of a cache.
    ///
    /// - Parameter root: The directories, each with its entries in any order; ``StatCacheEntry/block`` is set here.
    package static func bytes(_ root: Directory) -> [UInt8] {
        var bytes = StatCache.magic + [UInt8](repeating: 0, count: 12)
        var blocks: [(start: Int, count: Int)] = []
        // Breadth first: a directory's number is known before its parent's entries are written.
        var queue: [Directory] = [root]
        var next = 0
        while next < queue.count {
            let directory = queue[next]
            next += 1
            directory.entries.sort { $0.name.lexicographicallyPrecedes($1.name) }
            let start = bytes.count
            var names: [UInt8] = []
            let namesStart = directory.entries.count * 80
            for entry in directory.entries {
                var block = 0
                if entry.mode == .directory, let child = directory.children[entry.name] {
                    block = queue.count
                    queue.append(child)
                }
                append(entry, block: block, nameOffset: namesStart + names.count, to: &bytes)
                names += entry.name
            }
            bytes += names
            blocks.append((start, directory.entries.count))
        }
        let table = bytes.count
        for block in blocks {
            appendLittleEndian(UInt64(block.start), to: &bytes)
            appendLittleEndian(UInt32(block.count), to: &bytes)
        }
        bytes.withUnsafeMutableBytes { buffer in
            buffer.storeBytes(of: UInt32(blocks.count).littleEndian, toByteOffset: 4, as: UInt32.self)
            buffer.storeBytes(of: UInt64(table).littleEndian, toByteOffset: 8, as: UInt64.self)
        }
        bytes += SHA256.digest(of: bytes).bytes
        return bytes
    }

    private static func append(_ entry: StatCacheEntry, block: Int, nameOffset: Int, to bytes: inout [UInt8])
    {
        withUnsafeTemporaryAllocation(byteCount: 80, alignment: 8) { buffer in
            // 80 bytes, each offset below as in `StatCache.Block`.
            let at = buffer.baseAddress.unsafelyUnwrapped
            entry.id.digest.store(to: at)
            at.storeBytes(of: entry.seen?.modified ?? 0, toByteOffset: 32, as: Int64.self)
            at.storeBytes(of: entry.seen?.changed ?? 0, toByteOffset: 40, as: Int64.self)
            at.storeBytes(of: Int64(entry.size), toByteOffset: 48, as: Int64.self)
            at.storeBytes(of: entry.seen?.inode ?? 0, toByteOffset: 56, as: UInt64.self)
            at.storeBytes(of: entry.seen?.device ?? 0, toByteOffset: 64, as: UInt32.self)
            at.storeBytes(of: UInt32(block), toByteOffset: 68, as: UInt32.self)
            at.storeBytes(of: UInt32(nameOffset), toByteOffset: 72, as: UInt32.self)
            at.storeBytes(of: UInt16(entry.name.count), toByteOffset: 76, as: UInt16.self)
            at.storeBytes(of: entry.mode.rawValue, toByteOffset: 78, as: UInt8.self)
            at.storeBytes(of: entry.seen == nil ? 0 : 1, toByteOffset: 79, as: UInt8.self)
            bytes.append(contentsOf: buffer)
        }
    }

    private static func appendLittleEndian(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
