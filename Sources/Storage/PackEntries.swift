internal import Hashing
internal import ObjectModel

/// The entries of a pack that is being written, each found by what it refers to; some 56 bytes each.
struct PackEntries: Sendable {
    struct Row: Sendable {
        let reference: ObjectReference
        let isRecipe: Bool
        /// ``Codec/order`` of the frame of a blob; 0 for other objects.
        let order: Int
        let frame: UInt32
        let offset: UInt32
        let length: UInt32
    }

    private var rows = SegmentedArray<Row>()
    /// One more than the number of a row; 0 is free.
    ///
    /// A power of two, at most three quarters of it taken.
    private var slots = [UInt32](repeating: 0, count: 64)
    /// Odd and random, so that nobody can choose files whose ids meet in one place.
    private let factor = UInt64.random(in: .min ... .max) | 1

    var count: Int { rows.count }

    mutating func append(_ row: Row) {
        precondition(rows.count < UInt32.max, "a pack has fewer than 2^32 entries")
        rows.append(row)
        // A recipe is found as what it is, not as the blob that it makes.
        guard !row.isRecipe else { return }
        if rows.count * 4 > slots.count * 3 { grow() }
        insert(rows.count - 1)
    }

    func contains(_ reference: ObjectReference) -> Bool { find(reference) != nil }

    func find(_ reference: ObjectReference) -> Row? {
        var slot = slot(of: reference)
        while slots[slot] != 0 {
            let row = rows[Int(slots[slot]) - 1]
            if row.reference == reference { return row }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private func slot(of reference: ObjectReference) -> Int {
        let product = (reference.id.digest.words.0 &+ UInt64(reference.kind.rawValue)) &* factor
        return Int(product >> UInt64(64 - slots.count.trailingZeroBitCount))
    }

    private mutating func insert(_ number: Int) {
        var slot = slot(of: rows[number].reference)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = UInt32(number + 1)
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for number in rows.indices.dropLast() where !rows[number].isRecipe { insert(number) }
    }

    private static func rank(_ row: Row) -> Int { row.isRecipe ? .max : row.order }

    /// Hands out the entries as an index has them: in order of what they refer to, each once.
    func forEachSorted<Failure: Error>(_ body: (Row) throws(Failure) -> Void) throws(Failure) {
        // Few ids share their first eight bytes, so rows are looked at only where they do.
        let keys = rows.indices.map { (rows[$0].reference.id.digest.words.0, UInt32($0)) }
        let order = keys.sorted { first, second in
            if first.0 != second.0 { return first.0 < second.0 }
            let (a, b) = (rows[Int(first.1)], rows[Int(second.1)])
            if a.reference != b.reference { return a.reference < b.reference }
            // A blob that lies here whole comes before its recipe, one of a lower order before others, then the first place.
            return (Self.rank(a), a.frame, a.offset) < (Self.rank(b), b.frame, b.offset)
        }
        var last: ObjectReference?
        for (_, number) in order {
            let row = rows[Int(number)]
            if row.reference == last { continue }
            last = row.reference
            try body(row)
        }
    }
}
