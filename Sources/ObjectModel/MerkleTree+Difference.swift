/// One key whose element is not the same in two maps.
///
/// At least one side is there.
package struct MerkleChange<Leaf: MerkleLeaf>: Hashable, Sendable {
    package let before: Leaf?
    package let after: Leaf?
}

extension MerkleTree {
    /// What differs from another map, in order of keys.
    ///
    /// Reads only nodes that the two do not share.
    ///
    /// - Parameters:
    ///   - other: The later map; the result says what became of this one.
    ///   - limit: Whoever wants no more than so many gets one more, if there are any.
    package func changes(
        to other: MerkleTree, limit: Int = .max
    ) throws(ReadError) -> [MerkleChange<Leaf>] {
        if root == other.root { return [] }
        var changes: [MerkleChange<Leaf>] = []
        var (old, new) = (try Frontier(self), try Frontier(other))
        while changes.count <= limit {
            switch (old.head, new.head) {
            case (nil, nil): return changes
            case (.leaf(let leaf)?, nil):
                changes.append(MerkleChange(before: leaf, after: nil))
                old.drop()
            case (nil, .leaf(let leaf)?):
                changes.append(MerkleChange(before: nil, after: leaf))
                new.drop()
            case (.leaf(let before)?, .leaf(let after)?):
                if before.key.lexicographicallyPrecedes(after.key) {
                    changes.append(MerkleChange(before: before, after: nil))
                    old.drop()
                } else if before.key == after.key {
                    if before != after { changes.append(MerkleChange(before: before, after: after)) }
                    old.drop()
                    new.drop()
                } else {
                    changes.append(MerkleChange(before: nil, after: after))
                    new.drop()
                }
            case (.child(_, let a, _)?, .child(_, let b, _)?):
                if a == b {
                    old.drop()
                    new.drop()
                } else if old.level > new.level {
                    try old.expand()
                } else if old.level < new.level {
                    try new.expand()
                } else {
                    try old.expand()
                    try new.expand()
                }
            case (.child?, _): try old.expand()
            case (_, .child?): try new.expand()
            }
        }
        return changes
    }
}

/// What of a tree was not compared yet: subtrees and leaves from left to right.
private struct Frontier<Leaf: MerkleLeaf> {
    private let tree: MerkleTree<Leaf>
    // Innermost node last; each with the position of the element that comes next.
    private var path: [(node: MerkleNode<Leaf>, next: Int)]
    /// The last key that lies behind.
    private var passed: [UInt8]?

    init(_ tree: MerkleTree<Leaf>) throws(ReadError) {
        self.tree = tree
        path = [(try tree.rootNode(), 0)]
        settle()
    }

    var head: MerkleElement<Leaf>? { path.last.map { $0.node.elements[$0.next] } }
    var level: Int { path.last?.node.level ?? 0 }

    mutating func drop() {
        if Leaf.isMap { passed = head?.key }
        path[path.count - 1].next += 1
        settle()
    }

    mutating func expand() throws(ReadError) {
        let (node, next) = path[path.count - 1]
        let child = try tree.child(of: node, node.elements[next])
        try tree.requireOrder(child, after: passed)
        path[path.count - 1].next += 1
        path.append((child, 0))
    }

    private mutating func settle() {
        while let last = path.last, last.next == last.node.elements.count { path.removeLast() }
    }
}
