internal import FileIO
internal import Hashing
internal import ObjectModel

/// The files of one version with their status, one block a directory: mapped and read in place.
///
/// Local to a working copy and of no lasting format. Shape: a header of 56 bytes (magic, 4 zero bytes, identity, base), then
/// blocks (records, then names), then the table of blocks, then a trailer of 32 (number of blocks, 4 zero bytes, place of
/// their table, number of entries, checksum); all little-endian.
final class StatTable: Sendable {
    private static let magic: [UInt8] = Array("MLI5".utf8)
    private static let headerSize = 56
    private static let trailerSize = 32
    private static let rowSize = 12
    /// Bytes of a table's own name.
    static let identitySize = 16

    private let file: MappedFile
    private let table: Int
    let blockCount: Int
    /// Random, so that ``StatChanges`` know whether they are of this table.
    let identity: [UInt8]
    /// The commit whose files these are; nothing before the first.
    let base: ObjectID?
    let entryCount: Int

    /// - Returns: Nothing if the bytes are not a table of this version; then it is as if there were none.
    init?(_ file: MappedFile) {
        self.file = file
        let count = file.count
        let header = file.withBytes { bytes -> (Int, Int, Int, [UInt8], ObjectID?)? in
            guard count >= Self.headerSize + Self.trailerSize, bytes.prefix(4).elementsEqual(Self.magic)
            else { return nil }
            let trailer = count - Self.trailerSize
            let blocks = Int(bytes.loadUnaligned(fromByteOffset: trailer, as: UInt32.self))
            let table = Int(clamping: bytes.loadUnaligned(fromByteOffset: trailer + 8, as: UInt64.self))
            let entries = Int(clamping: bytes.loadUnaligned(fromByteOffset: trailer + 16, as: UInt64.self))
            guard table >= Self.headerSize, table < count, blocks < count,
                table + blocks * Self.rowSize == trailer
            else { return nil }
            let sum = bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
            // A flipped bit in a name or a block would make a file vanish from the next version.
            guard sum == StatRecord.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<(count - 8)])) else {
                return nil
            }
            guard Self.isTree(bytes, table: table, blocks: blocks, entries: entries) else { return nil }
            var reader = ByteReader(Array(bytes[24..<Self.headerSize]))
            guard let id = try? reader.id("the base") else { return nil }
            return (blocks, table, entries, Array(bytes[8..<24]), id == Self.noBase ? nil : id)
        }
        guard let header else { return nil }
        (blockCount, table, entryCount, identity, base) = header
    }

    /// Whether the blocks are a tree as they are written: one behind the other, each but the first that of one directory
    /// before it.
    ///
    /// So whoever walks them comes to an end, having seen no more entries than the file has room for.
    private static func isTree(
        _ bytes: UnsafeRawBufferPointer, table: Int, blocks: Int, entries: Int
    ) -> Bool {
        var depths = [UInt16](repeating: 0, count: blocks)
        var (next, end, sum) = (1, headerSize, 0)
        for number in 0..<blocks {
            // Rows lie between the table's start and the checksum, as the caller has checked; records before the table.
            let row = table + number * rowSize
            let start = Int(clamping: bytes.loadUnaligned(fromByteOffset: row, as: UInt64.self))
            let count = Int(bytes.loadUnaligned(fromByteOffset: row + 8, as: UInt32.self))
            guard start >= end, start <= table, count <= (table - start) / StatRecord.size else {
                return false
            }
            end = start + count * StatRecord.size
            sum += count
            for record in stride(from: start, to: end, by: StatRecord.size) {
                let block = Int(bytes.loadUnaligned(fromByteOffset: record + 68, as: UInt32.self))
                if block == 0 { continue }
                guard block == next, block < blocks, depths[number] < depthLimit,
                    bytes[record + 78] == EntryMode.directory.rawValue
                else { return false }
                depths[block] = depths[number] + 1
                next += 1
            }
        }
        return blocks > 0 && next == blocks && sum == entries
    }

    /// Directories within each other: as many names as a path can have.
    private static let depthLimit = UInt16(RepositoryPath.byteLimit / 2)

    /// Stands for no commit.
    private static let noBase = ObjectID(of: .commit, payload: [])

    /// Hands out the bytes of a table piece by piece, one block after the other.
    struct Writer {
        private let sink: ([UInt8]) -> Void
        private var piece: [UInt8] = []
        private var written = 0
        private var sum = StatChecksum()
        private var blocks: [(start: Int, count: Int)] = []
        private var entries = 0
        /// The names of the block that is being written.
        private var names: [UInt8] = []
        /// Where the block's records begin in the piece.
        private var records = 0

        /// Bytes that are handed out at once, or more where a block has more.
        private static let pieceSize = 1 << 18

        /// - Parameter identity: ``identitySize`` random bytes.
        init(base: ObjectID?, identity: [UInt8], sink: @escaping ([UInt8]) -> Void) {
            precondition(identity.count == identitySize, "a table's name has \(identitySize) bytes")
            self.sink = sink
            piece += magic + [0, 0, 0, 0] + identity + (base ?? noBase).digest.bytes
        }

        mutating func beginBlock() {
            records = piece.count
            blocks.append((written + records, 0))
        }

        mutating func append(_ entry: StatCacheEntry, block: Int) {
            StatRecord.append(entry, block: block, nameOffset: names.count, to: &piece)
            names += entry.name
            blocks[blocks.count - 1].count += 1
        }

        mutating func endBlock() {
            guard let count = blocks.last?.count else { return }
            let start = records
            piece.withUnsafeMutableBytes { buffer in
                // Names come behind the records, which begin at `start` and are all there.
                for index in 0..<count {
                    StatRecord.moveName(
                        by: count * StatRecord.size, in: buffer, at: start + index * StatRecord.size)
                }
            }
            piece += names
            names.removeAll(keepingCapacity: true)
            entries += count
            if piece.count >= Self.pieceSize { flush() }
        }

        private mutating func flush() {
            piece.withUnsafeBytes { sum.update($0) }
            written += piece.count
            sink(piece)
            piece.removeAll(keepingCapacity: true)
        }

        mutating func finish() {
            let table = written + piece.count
            for block in blocks {
                piece.appendLittleEndian(UInt64(block.start))
                piece.appendLittleEndian(UInt32(block.count))
            }
            piece.appendLittleEndian(UInt64(blocks.count))
            piece.appendLittleEndian(UInt64(table))
            piece.appendLittleEndian(UInt64(entries))
            flush()
            piece.appendLittleEndian(sum.value)
            sink(piece)
        }
    }

    /// The same table, knowing when some directories were seen; its name is the same, so that ``StatChanges`` of the one are
    /// those of the other.
    func noting(_ directories: [StatDirectory.Sighting]) -> StatTable? {
        var bytes = self.bytes
        let end = bytes.count - 8
        bytes.withUnsafeMutableBytes { buffer in
            // Places are those of records of this table, and all records lie before the table of blocks.
            for directory in directories where directory.place + StatRecord.size <= table {
                StatRecord.note(directory.seen, in: buffer, at: directory.place)
            }
            let sum = StatRecord.checksum(UnsafeRawBufferPointer(rebasing: buffer[..<end]))
            buffer.storeBytes(of: sum.littleEndian, toByteOffset: end, as: UInt64.self)
        }
        return StatTable(MappedFile(holding: bytes))
    }

    /// All of the table.
    var bytes: [UInt8] { file.bytes }

    /// The entries of a directory, in order of names.
    func block(_ number: Int) -> Block? {
        guard number >= 0, number < blockCount else { return nil }
        return file.withBytes { bytes in
            let at = table + number * Self.rowSize
            let start = Int(clamping: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            let count = Int(bytes.loadUnaligned(fromByteOffset: at + 8, as: UInt32.self))
            guard start + count * StatRecord.size <= table else { return nil }
            return Block(table: self, start: start, count: count)
        }
    }

    /// One directory's entries, read in place.
    struct Block: Sendable {
        private let owner: StatTable
        private let start: Int
        let count: Int
        /// The place of the directory's own record; nothing for the root.
        fileprivate(set) var record: Int?

        fileprivate init(table: StatTable, start: Int, count: Int) {
            (owner, self.start, self.count) = (table, start, count)
        }

        // All offsets are below the table of blocks: the block's records were checked when it was made, names are here.
        private func place(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> (offset: Int, length: Int) {
            let at = start + index * StatRecord.size
            let offset = start + Int(bytes.loadUnaligned(fromByteOffset: at + 72, as: UInt32.self))
            let length = Int(bytes.loadUnaligned(fromByteOffset: at + 76, as: UInt16.self))
            return offset + length <= owner.table ? (offset, length) : (at, 0)
        }

        func name(_ index: Int) -> [UInt8] {
            owner.file.withBytes { bytes in
                let (offset, length) = place(bytes, index)
                return Array(bytes[offset..<offset + length])
            }
        }

        /// Compares an entry's name with another: negative if it comes first, 0 if they are equal.
        func compareName(_ index: Int, to other: UnsafeRawBufferPointer) -> Int {
            owner.file.withBytes { bytes in
                let (offset, length) = place(bytes, index)
                return compareNames(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]), other)
            }
        }

        /// The position of a name.
        func position(of name: [UInt8]) -> Int? {
            name.withUnsafeBytes { name in
                var (low, high) = (0, count)
                while low < high {
                    let middle = (low + high) / 2
                    let order = compareName(middle, to: name)
                    if order == 0 { return middle }
                    if order < 0 { low = middle + 1 } else { high = middle }
                }
                return nil
            }
        }

        func isUnchanged(_ index: Int, _ status: FileStatus) -> Bool {
            owner.file.withBytes { StatRecord.isUnchanged($0, at: start + index * StatRecord.size, status) }
        }

        func isDirectory(_ index: Int) -> Bool {
            owner.file.withBytes { $0[start + index * StatRecord.size + 78] == EntryMode.directory.rawValue }
        }

        /// The block of a directory's own entries.
        func child(_ index: Int) -> Block? {
            let place = start + index * StatRecord.size
            let number = owner.file.withBytes {
                $0.loadUnaligned(fromByteOffset: place + 68, as: UInt32.self)
            }
            guard number != 0, var block = owner.block(Int(number)) else { return nil }
            block.record = place
            return block
        }

        /// Whether a directory of this status has on disk the names that it has here.
        func hasSameNames(_ status: FileStatus) -> Bool {
            guard let record else { return false }
            return owner.file.withBytes { StatRecord.hasSameNames($0, at: record, status) }
        }

        /// The entries of a listing of this block's names that are directories, or not as they were last seen; and how many
        /// the others are.
        func differing(from listing: DirectoryListing) -> (indices: [Int], unchanged: Int) {
            owner.file.withBytes { bytes in
                var indices: [Int] = []
                for index in 0..<min(count, listing.count) {
                    let at = start + index * StatRecord.size
                    if !StatRecord.isUnchanged(bytes, at: at, listing.status(index)) { indices.append(index) }
                }
                return (indices, min(count, listing.count) - indices.count)
            }
        }

        /// Makes a listing of the names, with no status but for directories.
        func fill(_ listing: inout DirectoryListing) {
            listing.removeAll()
            owner.file.withBytes { bytes in
                for index in 0..<count {
                    let (offset, length) = place(bytes, index)
                    let isDirectory =
                        bytes[start + index * StatRecord.size + 78] == EntryMode.directory.rawValue
                    listing.append(
                        name: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]),
                        status: isDirectory ? .directory : .unknown)
                }
            }
        }

        func entry(_ index: Int) -> StatCacheEntry? {
            let name = name(index)
            return owner.file.withBytes {
                StatRecord.entry($0, at: start + index * StatRecord.size, name: name)
            }
        }
    }
}

/// Order of names as bytes: negative, zero or positive.
func compareNames(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    guard let x = a.baseAddress, let y = b.baseAddress else { return a.count - b.count }
    // Both have at least so many bytes.
    let order = compareBytes(x, y, min(a.count, b.count))
    return order == 0 ? a.count - b.count : Int(order)
}
