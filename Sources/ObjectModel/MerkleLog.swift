internal import Hashing

/// Hashing of an append-only log (RFC 9162, section 2.1): leaves behind 00, inner nodes behind 01.
package enum MerkleLog {
    /// The hash of an entry: SHA-256 of a byte 0 and the entry.
    package static func leaf(_ entry: [UInt8]) -> ObjectID { ObjectID(SHA256.digest(of: [0] + entry)) }

    /// The hash of two subtrees: SHA-256 of a byte 1 and both hashes.
    package static func node(_ left: ObjectID, _ right: ObjectID) -> ObjectID {
        ObjectID(SHA256.digest(of: [1] + left.digest.bytes + right.digest.bytes))
    }

    /// Of so many leaves, at least 2, those in the left subtree: the largest power of two below their number.
    package static func split(_ count: Int) -> Int {
        1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount)
    }
}

/// A log of some size, as the root hashes of the full subtrees that make it up, largest first: one for each
/// bit of the size.
///
/// Enough to extend it, and to know its root.
package struct MerkleFrontier: Hashable, Sendable {
    package private(set) var size: Int
    package private(set) var subtrees: [ObjectID]

    package init() { (size, subtrees) = (0, []) }

    /// - Returns: Nothing if so many subtrees do not make a log of that size.
    package init?(size: Int, subtrees: [ObjectID]) {
        guard size >= 0, subtrees.count == size.nonzeroBitCount else { return nil }
        self.size = size
        self.subtrees = subtrees
    }

    /// Takes in the hash of the next entry.
    package mutating func append(_ leaf: ObjectID) {
        var node = leaf
        // Each low bit that is set is a full subtree as large as what was made so far.
        for _ in 0..<(~size).trailingZeroBitCount {
            node = MerkleLog.node(subtrees.removeLast(), node)
        }
        subtrees.append(node)
        size += 1
    }

    /// The root hash; of the empty log SHA-256 of nothing.
    package var root: ObjectID {
        guard var root = subtrees.last else { return ObjectID(of: .blob, payload: []) }
        for subtree in subtrees.dropLast().reversed() { root = MerkleLog.node(subtree, root) }
        return root
    }
}
