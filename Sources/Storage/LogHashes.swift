internal import FileIO
package import ObjectModel

/// Hashes of the parts of a log, for proofs about it (RFC 9162, section 2.1).
package struct LogHashes {
    private let log: OperationLog
    /// Of ranges of entries that were hashed before.
    private var known: [Range<Int>: ObjectID] = [:]
    /// Of the entries of a sealed tile; nothing for one that is not there.
    private var tiles: [Int: [ObjectID]?] = [:]

    package init(_ log: OperationLog) { self.log = log }

    /// The root hash that the log had when it was so long.
    package mutating func root(of size: Int) throws(StoreError) -> ObjectID {
        size == 0 ? MerkleFrontier().root : try hash(0..<size)
    }

    /// The hashes that prove of an entry that it is in the log of some size, the lowest first.
    package mutating func inclusion(of index: Int, in size: Int) throws(StoreError) -> [ObjectID] {
        try path(to: index, in: 0..<size)
    }

    /// The hashes that prove of a log of some size that it goes on from an older one.
    package mutating func consistency(from old: Int, to new: Int) throws(StoreError) -> [ObjectID] {
        old == 0 || old == new ? [] : try growth(from: old, in: 0..<new, isWhole: true)
    }

    private mutating func path(to index: Int, in range: Range<Int>) throws(StoreError) -> [ObjectID] {
        guard range.count > 1 else { return [] }
        let middle = range.lowerBound + MerkleLog.split(range.count)
        let (left, right) = (range.lowerBound..<middle, middle..<range.upperBound)
        if index < middle { return try path(to: index, in: left) + [try hash(right)] }
        return try path(to: index, in: right) + [try hash(left)]
    }

    /// - Parameter isWhole: Whether the old log is known to who checks this as a whole.
    private mutating func growth(
        from old: Int, in range: Range<Int>, isWhole: Bool
    ) throws(StoreError) -> [ObjectID] {
        if old == range.upperBound { return isWhole ? [] : [try hash(range)] }
        let middle = range.lowerBound + MerkleLog.split(range.count)
        let (left, right) = (range.lowerBound..<middle, middle..<range.upperBound)
        if old <= middle { return try growth(from: old, in: left, isWhole: isWhole) + [try hash(right)] }
        return try growth(from: old, in: right, isWhole: false) + [try hash(left)]
    }

    private mutating func hash(_ range: Range<Int>) throws(StoreError) -> ObjectID {
        if range.count == 1 { return try leaf(range.lowerBound) }
        if let found = known[range] { return found }
        let middle = range.lowerBound + MerkleLog.split(range.count)
        let left = try hash(range.lowerBound..<middle)
        let hash = MerkleLog.node(left, try hash(middle..<range.upperBound))
        known[range] = hash
        return hash
    }

    private mutating func leaf(_ number: Int) throws(StoreError) -> ObjectID {
        let tile = number / OperationLog.tileWidth
        let hashes: [ObjectID]?
        if let found = tiles[tile] {
            hashes = found
        } else {
            hashes = try log.tile(tile)?.map { MerkleLog.leaf($0) }
            tiles[tile] = .some(hashes)
        }
        if let hashes { return hashes[number % OperationLog.tileWidth] }
        guard let file = try log.entryFile(number) else {
            throw .damaged(log.layout.entry(number), problem: "it is missing")
        }
        return MerkleLog.leaf(file.leaf)
    }
}

extension OperationLog {
    /// A committed entry in its place.
    package struct Placed: Sendable {
        package let entry: LogEntry
        /// Its own bytes.
        package let leaf: [UInt8]
        /// The log before it.
        package let before: MerkleFrontier

        package init(entry: LogEntry, leaf: [UInt8], before: MerkleFrontier) {
            (self.entry, self.leaf, self.before) = (entry, leaf, before)
        }
    }

    /// The entry of a number that is committed.
    package func leaf(_ number: Int) throws(StoreError) -> [UInt8] {
        if let leaves = try tile(number / Self.tileWidth) { return leaves[number % Self.tileWidth] }
        guard let file = try entryFile(number) else {
            throw .damaged(layout.entry(number), problem: "it is missing")
        }
        return file.leaf
    }

    /// Hands out entries up to a state, in order, each with the log before it; and sees to it that they hash to what the state is of.
    ///
    /// - Parameter known: The log before the first of them.
    package func forEachEntry(
        behind known: MerkleFrontier = MerkleFrontier(), until state: StoreState,
        _ body: (Placed) throws(StoreError) -> Void
    ) throws(StoreError) {
        var log = known
        while log.size <= state.number {
            let first = log.size
            var leaves: [[UInt8]]
            if first == known.size || first % Self.tileWidth == 0,
                let sealed = try tile(first / Self.tileWidth)
            {
                leaves = Array(sealed[(first % Self.tileWidth)...])
            } else {
                guard let file = try entryFile(first) else {
                    throw .damaged(layout.entry(first), problem: "it is missing")
                }
                leaves = [file.leaf]
            }
            for leaf in leaves where log.size <= state.number {
                let entry: LogEntry
                do throws(MalformedObject) { entry = try LogEntry(leaf: leaf) } catch {
                    throw .damaged(layout.entry(log.size), problem: "\(error)")
                }
                guard entry.number == log.size else {
                    throw .damaged(layout.entry(log.size), problem: "it has entry \(entry.number)")
                }
                try body(Placed(entry: entry, leaf: leaf, before: log))
                log.append(MerkleLog.leaf(leaf))
            }
        }
        guard log == state.log else {
            throw .damaged(layout.entry(state.number), problem: "the entries do not hash to the log's root")
        }
    }

    // MARK: Signed heads

    /// The most bytes of a file that holds a signed head.
    private static let headLimit = 64 << 10

    /// Signed heads of a log that are kept here, the largest first: also such as cannot be read.
    ///
    /// - Parameters:
    ///   - origin: Of the log: this one's, or that of another store to which this one is a witness.
    ///   - limit: At most so many, of those with the largest sizes.
    package func heads(
        of origin: String, limit: Int = .max
    ) throws(StoreError) -> [KeptHead] {
        let directory = layout.heads(of: origin)
        var found: [KeptHead] = []
        let names = try files.names(in: directory).compactMap { LogHeadName($0) }.sorted(by: >)
        for name in names.prefix(limit) {
            let path = directory.appending(Array(name.text.utf8))
            var bytes: [UInt8]?
            do throws(StoreError) { bytes = try files.contents(of: path, limit: Self.headLimit) } catch {
                if case .unreachable = error { throw error }
            }
            found.append(KeptHead(name: name, bytes: bytes))
        }
        return found
    }

    /// Keeps a signed head.
    ///
    /// - Parameter nonce: Random, for names of temporary files.
    package func keepHead(
        _ bytes: [UInt8], of origin: String, as name: LogHeadName, nonce: String
    ) throws(StoreError) {
        _ = try files.create(layout.heads(of: origin).appending(Array(name.text.utf8)), bytes, nonce: nonce)
    }
}

/// A file that keeps a signed head of a log.
package struct KeptHead: Sendable {
    package let name: LogHeadName
    /// Nothing if it cannot be read, or is too large.
    package let bytes: [UInt8]?
}

/// What the file of a signed head is called: how long the log was, when it was signed, and by which key.
package struct LogHeadName: Hashable, Comparable, Sendable {
    package let size: Int
    /// In seconds since 1970-01-01T00:00:00Z.
    package let time: Int
    /// Eight hex digits (C2SP signed-note).
    package let keyID: String

    package init(size: Int, time: Int, keyID: String) {
        (self.size, self.time, self.keyID) = (size, time, keyID)
    }

    init?(_ name: [UInt8]) {
        let parts = String(decoding: name, as: UTF8.self)
            .split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let size = Int(parts[0]), let time = Int(parts[1]), size >= 0, time >= 0,
            Hex.bytes(parts[2])?.count == 4
        else { return nil }
        self.init(size: size, time: time, keyID: parts[2])
        guard Array(text.utf8) == name else { return nil }
    }

    package var text: String {
        let digits = String(size)
        return "\(String(repeating: "0", count: max(0, 20 - digits.count)))\(digits)-\(time)-\(keyID)"
    }

    package static func < (left: LogHeadName, right: LogHeadName) -> Bool {
        (left.size, left.time, left.keyID) < (right.size, right.time, right.keyID)
    }
}
