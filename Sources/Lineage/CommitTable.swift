package import ObjectModel

/// What was found out about commits when they were read, so that walks through history need not read them again.
///
/// Derived, and local to a working copy (`Documentation/Formats/layout.md`): whoever removes it loses time only. Shape: magic, then
/// the counts of commits, of parents and of touched paths (each 32 bits, little-endian as all numbers here), then by columns, a row
/// for each commit: ids, trees, times (64 bits), how many parents the rows up to and with this one have (32 bits), how many touched
/// paths (32 bits, the highest one set where they are not known); then the parents' ids, and the hashes of the touched paths, sorted
/// in each row; at the end SHA-256 of all before.
package struct CommitTable: Sendable {
    private static let magic: [UInt8] = Array("MLC1".utf8)
    private static let headerSize = 16
    private static let unknown: UInt32 = 1 << 31
    /// No table is larger, in bytes: two million commits of a few paths each.
    package static let byteLimit = 256 << 20

    private let bytes: [UInt8]
    private let columns: Columns
    /// How many commits it has.
    package let count: Int
    /// By the hashes of their ids, with open addressing: 0 where nothing is, else one more than the row.
    private let slots: [UInt32]

    /// Where the columns lie.
    private struct Columns {
        let ids, trees, times, parentEnds, touchedEnds, parents, touched: Range<Int>

        init(rows: Int, parents parentCount: Int, touched touchedCount: Int) {
            var end = CommitTable.headerSize
            func next(_ size: Int) -> Range<Int> {
                defer { end += size }
                return end..<end + size
            }
            ids = next(rows * ObjectID.byteCount)
            trees = next(rows * ObjectID.byteCount)
            times = next(rows * 8)
            parentEnds = next(rows * 4)
            touchedEnds = next(rows * 4)
            parents = next(parentCount * ObjectID.byteCount)
            touched = next(touchedCount * 4)
        }

        var end: Int { touched.upperBound }
    }

    // MARK: Reading

    /// - Returns: Nothing if the bytes are not as they were written.
    package init?(bytes: [UInt8]) {
        guard bytes.count >= Self.headerSize + ObjectID.byteCount, bytes.count <= Self.byteLimit,
            bytes.starts(with: Self.magic)
        else { return nil }
        let counts = [4, 8, 12].map { Int(bytes.number($0, UInt32.self)) }
        let columns = Columns(rows: counts[0], parents: counts[1], touched: counts[2])
        guard columns.end + ObjectID.byteCount == bytes.count else { return nil }
        let sum = bytes.withUnsafeBytes { buffer in
            ObjectID(of: .blob, payload: UnsafeRawBufferPointer(rebasing: buffer[..<columns.end]))
        }
        guard sum == bytes.id(columns.end) else { return nil }
        var capacity = 16
        while capacity < 2 * counts[0] { capacity *= 2 }
        var slots = [UInt32](repeating: 0, count: capacity)
        var (lastParent, lastTouched): (UInt32, UInt32) = (0, 0)
        for row in 0..<counts[0] {
            let parentEnd = bytes.number(columns.parentEnds.lowerBound + row * 4, UInt32.self)
            let touchedEnd =
                bytes.number(columns.touchedEnds.lowerBound + row * 4, UInt32.self) & ~Self.unknown
            guard parentEnd >= lastParent, touchedEnd >= lastTouched else { return nil }
            (lastParent, lastTouched) = (parentEnd, touchedEnd)
            let id = bytes.id(columns.ids.lowerBound + row * ObjectID.byteCount)
            var slot = Self.slot(of: id, capacity)
            while slots[slot] != 0 { slot = (slot + 1) & (capacity - 1) }
            slots[slot] = UInt32(row + 1)
        }
        guard lastParent == counts[1], lastTouched == counts[2] else { return nil }
        (self.bytes, self.columns, count, self.slots) = (bytes, columns, counts[0], slots)
    }

    private static func slot(of id: ObjectID, _ capacity: Int) -> Int {
        // Seeded in every process: nobody can make ids that meet.
        id.hashValue & (capacity - 1)
    }

    private func id(_ column: Range<Int>, _ number: Int) -> ObjectID {
        bytes.id(column.lowerBound + number * ObjectID.byteCount)
    }

    private func word(_ column: Range<Int>, _ number: Int) -> UInt32 {
        bytes.number(column.lowerBound + number * 4, UInt32.self)
    }

    /// The parents of a row, by their places in the column of all.
    private func parents(of row: Int) -> Range<Int> {
        (row == 0 ? 0 : Int(word(columns.parentEnds, row - 1)))..<Int(word(columns.parentEnds, row))
    }

    /// The touched paths of a row in the same way; nothing where they are not known.
    private func touched(by row: Int) -> Range<Int>? {
        let end = word(columns.touchedEnds, row)
        guard end & Self.unknown == 0 else { return nil }
        let start = row == 0 ? 0 : word(columns.touchedEnds, row - 1) & ~Self.unknown
        return Int(start)..<Int(end)
    }

    private func row(of wanted: ObjectID) -> Int? {
        var slot = Self.slot(of: wanted, slots.count)
        while slots[slot] != 0 {
            let row = Int(slots[slot]) - 1
            if id(columns.ids, row) == wanted { return row }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// A commit; nothing if the table does not have it.
    package func outline(of id: ObjectID) -> CommitOutline? {
        guard let row = row(of: id) else { return nil }
        let time = bytes.number(columns.times.lowerBound + row * 8, UInt64.self)
        return CommitOutline(
            id: id, parents: parents(of: row).map { self.id(columns.parents, $0) },
            tree: self.id(columns.trees, row), committed: Int(Int64(bitPattern: time)), row: row)
    }

    /// Whether a path is one of those that a commit touches, or may be.
    func mayTouch(_ path: PathHash, in row: Int) -> Bool {
        guard var range = touched(by: row) else { return true }
        while range.count > 8 {
            let middle = range.lowerBound + range.count / 2
            let found = word(columns.touched, middle)
            if found == path.value { return true }
            range = found < path.value ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return range.contains { word(columns.touched, $0) == path.value }
    }

    // MARK: Writing

    /// A commit, and the paths that it touches, if they are known.
    package struct Row: Sendable {
        let outline: CommitOutline
        let touched: [PathHash]?

        /// - Parameter touched: As ``TouchedPaths/hashes(of:_:)`` has them.
        package init(_ outline: CommitOutline, touching touched: Set<PathHash>?) {
            self.outline = outline
            self.touched = touched?.sorted { $0.value < $1.value }
        }
    }

    /// A table with the commits of another one, if there is any, and some that it does not have.
    ///
    /// - Parameter rows: Each commit once.
    /// - Returns: Nothing if that would be too large.
    package static func bytes(of table: CommitTable?, and rows: [Row]) -> [UInt8]? {
        let rows = rows.filter { table?.row(of: $0.outline.id) == nil }
        let old = (parents: table?.columns.parents.count ?? 0, touched: table?.columns.touched.count ?? 0)
        var parentEnd = old.parents / ObjectID.byteCount
        var touchedEnd = old.touched / 4
        let columns = Columns(
            rows: (table?.count ?? 0) + rows.count,
            parents: rows.reduce(parentEnd) { $0 + $1.outline.parents.count },
            touched: rows.reduce(touchedEnd) { $0 + ($1.touched?.count ?? 0) })
        let size = columns.end + ObjectID.byteCount
        guard size <= byteLimit else { return nil }
        var writer = ByteWriter(reserving: size)
        func put(_ value: UInt32) { for shift in [0, 8, 16, 24] { writer.u8(UInt8(value >> shift & 0xff)) } }
        func copy(_ column: (Columns) -> Range<Int>) {
            if let table { writer.raw(table.bytes[column(table.columns)]) }
        }
        writer.raw(magic)
        put(UInt32((table?.count ?? 0) + rows.count))
        put(UInt32(columns.parents.count / ObjectID.byteCount))
        put(UInt32(columns.touched.count / 4))
        copy { $0.ids }
        for row in rows { writer.id(row.outline.id) }
        copy { $0.trees }
        for row in rows { writer.id(row.outline.tree) }
        copy { $0.times }
        for row in rows {
            let time = UInt64(bitPattern: Int64(row.outline.committed))
            put(UInt32(truncatingIfNeeded: time))
            put(UInt32(time >> 32))
        }
        copy { $0.parentEnds }
        for row in rows {
            parentEnd += row.outline.parents.count
            put(UInt32(parentEnd))
        }
        copy { $0.touchedEnds }
        for row in rows {
            touchedEnd += row.touched?.count ?? 0
            put(UInt32(touchedEnd) | (row.touched == nil ? unknown : 0))
        }
        copy { $0.parents }
        for row in rows { for parent in row.outline.parents { writer.id(parent) } }
        copy { $0.touched }
        for row in rows { for hash in row.touched ?? [] { put(hash.value) } }
        writer.id(ObjectID(of: .blob, payload: writer.bytes))
        return writer.bytes
    }
}

extension [UInt8] {
    /// A number at an offset, of which all bytes are in bounds.
    fileprivate func number<Number: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _: Number.Type)
        -> Number
    {
        withUnsafeBytes {
            Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self))
        }
    }

    /// An id in the same way.
    fileprivate func id(_ offset: Int) -> ObjectID {
        withUnsafeBytes { buffer in
            // In bounds by the caller's promise.
            ObjectID(loading: buffer.baseAddress.unsafelyUnwrapped + offset)
        }
    }
}
