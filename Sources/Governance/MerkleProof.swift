package import ObjectModel

/// That an entry is in a log of some size (RFC 9162, section 2.1.3).
package struct InclusionProof: Hashable, Sendable {
    /// The entry's number, from 0.
    package let index: Int
    /// Entries of the log.
    package let size: Int
    /// The hashes beside the way from the entry to the root, the lowest first.
    package let hashes: [ObjectID]

    package init(index: Int, size: Int, hashes: [ObjectID]) {
        (self.index, self.size, self.hashes) = (index, size, hashes)
    }

    /// The log before the entry, which the hashes on the left of the way make up; nothing if these are not as many.
    package var before: MerkleFrontier? {
        var left: [ObjectID] = []
        var (place, last) = (index, size - 1)
        for hash in hashes {
            guard last > 0 else { return nil }
            if place & 1 == 1 || place == last {
                left.append(hash)
                while place & 1 == 0, place != 0 { (place, last) = (place >> 1, last >> 1) }
            }
            (place, last) = (place >> 1, last >> 1)
        }
        return MerkleFrontier(size: index, subtrees: left.reversed())
    }

    /// The root that follows from an entry's hash; nothing if there are more or fewer hashes than such a log has.
    package func root(of leaf: ObjectID) -> ObjectID? {
        guard (0..<max(0, size)).contains(index) else { return nil }
        var (place, last) = (index, size - 1)
        var root = leaf
        for hash in hashes {
            guard last > 0 else { return nil }
            if place & 1 == 1 || place == last {
                root = MerkleLog.node(hash, root)
                // What stands alone on its level goes up as it is.
                while place & 1 == 0, place != 0 { (place, last) = (place >> 1, last >> 1) }
            } else {
                root = MerkleLog.node(root, hash)
            }
            (place, last) = (place >> 1, last >> 1)
        }
        return last == 0 ? root : nil
    }
}

/// That a log begins with all that an older one had (RFC 9162, section 2.1.4).
package struct ConsistencyProof: Hashable, Sendable {
    /// Entries of the older log.
    package let old: Int
    /// Entries of the newer one.
    package let new: Int
    package let hashes: [ObjectID]

    package init(old: Int, new: Int, hashes: [ObjectID]) {
        (self.old, self.new, self.hashes) = (old, new, hashes)
    }

    /// Whether logs with these roots are one log at two times.
    package func holds(from oldRoot: ObjectID, to newRoot: ObjectID) -> Bool {
        guard old >= 0, old <= new else { return false }
        if old == new { return hashes.isEmpty && oldRoot == newRoot }
        if old == 0 { return hashes.isEmpty && oldRoot == MerkleFrontier().root }
        var path = hashes[...]
        // An old log that is one full subtree is no hash of its own proof.
        if old & (old - 1) == 0 { path = [oldRoot] + path }
        guard let first = path.popFirst() else { return false }
        var (place, last) = (old - 1, new - 1)
        while place & 1 == 1 { (place, last) = (place >> 1, last >> 1) }
        var (older, newer) = (first, first)
        for hash in path {
            guard last > 0 else { return false }
            if place & 1 == 1 || place == last {
                older = MerkleLog.node(hash, older)
                newer = MerkleLog.node(hash, newer)
                while place & 1 == 0, place != 0 { (place, last) = (place >> 1, last >> 1) }
            } else {
                newer = MerkleLog.node(newer, hash)
            }
            (place, last) = (place >> 1, last >> 1)
        }
        return last == 0 && older == oldRoot && newer == newRoot
    }
}
