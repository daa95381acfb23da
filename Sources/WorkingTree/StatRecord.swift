internal import FileIO
internal import Hashing
internal import ObjectModel

/// An entry of a stat cache as it lies in a file: 80 bytes, little-endian, without its name.
///
/// ```
/// 0   32  id            56  8  inode            76  2  length of the name
/// 32   8  modified      64  4  device           78  1  mode
/// 40   8  changed       68  4  block            79  1  1 if it was seen
/// 48   8  size          72  4  place of the name
/// ```
///
/// A directory was seen when its names on disk were those of its block; that is noted later than the rest, in place.
enum StatRecord {
    static let size = 80

    static func append(_ entry: StatCacheEntry, block: Int, nameOffset: Int, to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { buffer in
            // Each offset and size as above.
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

    /// - Parameter offset: Of a record that lies within `bytes`.
    static func entry(_ bytes: UnsafeRawBufferPointer, at offset: Int, name: [UInt8]) -> StatCacheEntry? {
        guard let mode = EntryMode(rawValue: bytes[offset + 78]) else { return nil }
        let seen = StatCacheEntry.Seen(
            modified: bytes.loadUnaligned(fromByteOffset: offset + 32, as: Int64.self),
            changed: bytes.loadUnaligned(fromByteOffset: offset + 40, as: Int64.self),
            inode: bytes.loadUnaligned(fromByteOffset: offset + 56, as: UInt64.self),
            device: bytes.loadUnaligned(fromByteOffset: offset + 64, as: UInt32.self))
        return StatCacheEntry(
            name: name, mode: mode,
            id: ObjectID(Digest(loading: bytes.baseAddress.unsafelyUnwrapped + offset)),
            size: Int(bytes.loadUnaligned(fromByteOffset: offset + 48, as: Int64.self)),
            seen: bytes[offset + 79] & 1 != 0 ? seen : nil,
            block: Int(bytes.loadUnaligned(fromByteOffset: offset + 68, as: UInt32.self)))
    }

    /// Moves the place of the name.
    ///
    /// - Parameter offset: Of a record that lies within `bytes`.
    static func moveName(by count: Int, in bytes: UnsafeMutableRawBufferPointer, at offset: Int) {
        let place = bytes.loadUnaligned(fromByteOffset: offset + 72, as: UInt32.self)
        bytes.storeBytes(of: place + UInt32(count), toByteOffset: offset + 72, as: UInt32.self)
    }

    /// Notes when a record's file or directory was seen.
    ///
    /// - Parameter offset: Of a record that lies within `bytes`.
    static func note(
        _ seen: StatCacheEntry.Seen, in bytes: UnsafeMutableRawBufferPointer, at offset: Int
    ) {
        bytes.storeBytes(of: seen.modified.littleEndian, toByteOffset: offset + 32, as: Int64.self)
        bytes.storeBytes(of: seen.changed.littleEndian, toByteOffset: offset + 40, as: Int64.self)
        bytes.storeBytes(of: seen.inode.littleEndian, toByteOffset: offset + 56, as: UInt64.self)
        bytes.storeBytes(of: seen.device.littleEndian, toByteOffset: offset + 64, as: UInt32.self)
        bytes[offset + 79] = 1
    }

    /// Whether a record says that a directory of this status has the names that are known.
    static func hasSameNames(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, _ status: FileStatus
    ) -> Bool {
        bytes[offset + 79] & 1 != 0 && bytes[offset + 78] == EntryMode.directory.rawValue
            && status.kind == .directory && isSeen(bytes, at: offset, status)
    }

    /// Whether a record says that a file of this status is unchanged, without taking the record apart.
    static func isUnchanged(_ bytes: UnsafeRawBufferPointer, at offset: Int, _ status: FileStatus) -> Bool {
        guard bytes[offset + 79] & 1 != 0, let mode = EntryMode(rawValue: bytes[offset + 78]),
            mode != .directory,
            mode.matches(status)
        else { return false }
        return bytes.loadUnaligned(fromByteOffset: offset + 48, as: Int64.self) == Int64(status.size)
            && isSeen(bytes, at: offset, status)
    }

    private static func isSeen(_ bytes: UnsafeRawBufferPointer, at offset: Int, _ status: FileStatus) -> Bool
    {
        bytes.loadUnaligned(fromByteOffset: offset + 32, as: Int64.self) == status.modified
            && bytes.loadUnaligned(fromByteOffset: offset + 40, as: Int64.self) == status.changed
            && bytes.loadUnaligned(fromByteOffset: offset + 56, as: UInt64.self) == status.inode
            && bytes.loadUnaligned(fromByteOffset: offset + 64, as: UInt32.self)
                == UInt32(truncatingIfNeeded: status.device)
    }

    /// The sum of all of some bytes.
    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var sum = StatChecksum()
        sum.update(bytes)
        return sum.value
    }
}

extension [UInt8] {
    mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
