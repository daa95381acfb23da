internal import Hashing

/// Where nodes end: decided by the elements alone, so that equal collections have equal trees
/// (`Documentation/Formats/merkle-tree.md`, "Where nodes end").
enum MerkleCuts {
    /// Zero bits that end a node, for each level: the mean node has 2^5 elements.
    static let bitsPerLevel = 5
    /// The most elements of a node.
    static let nodeLimit = 128

    static func isEnd(_ number: Digest, level: Int, inMap: Bool) -> Bool {
        number.trailingZeroBits >= bitsPerLevel * (inMap ? level + 1 : 1)
    }

    /// The bounds of the nodes that a level's elements make.
    ///
    /// - Parameter numbers: h(e) of every element, in order, from the start of a run on.
    static func nodes(of numbers: [Digest], level: Int, inMap: Bool) -> [Range<Int>] {
        var nodes: [Range<Int>] = []
        var start = 0
        for (index, number) in numbers.enumerated()
        where index == numbers.count - 1 || isEnd(number, level: level, inMap: inMap) {
            split(start..<index + 1, numbers, into: &nodes)
            start = index + 1
        }
        return nodes
    }

    private static func split(_ run: Range<Int>, _ numbers: [Digest], into nodes: inout [Range<Int>]) {
        guard run.count > nodeLimit else { return nodes.append(run) }
        let quarter = run.count / 4
        var greatest = run.lowerBound + quarter
        for index in run.lowerBound + quarter..<run.upperBound - quarter
        where numbers[index] > numbers[greatest] {
            greatest = index
        }
        split(run.lowerBound..<greatest + 1, numbers, into: &nodes)
        split(greatest + 1..<run.upperBound, numbers, into: &nodes)
    }
}

/// A tree that was just made: its root, what it holds, and the nodes to be stored.
package struct BuiltTree<Leaf: MerkleLeaf>: Sendable {
    package let rootNode: MerkleNode<Leaf>
    package let root: ObjectID
    package let summary: MerkleSummary
    /// The payloads of the nodes that are new, children before parents, the root last.
    package let nodes: [(id: ObjectID, payload: [UInt8])]
}

extension BuiltTree {
    /// Builds the tree of a whole collection.
    ///
    /// - Parameter leaves: In order; the keys of a map rise strictly.
    package init(leaves: [Leaf]) { self.init(elements: leaves.map { .leaf($0) }) }

    /// The same of leaves that are elements already: there may be 100,000 in one directory.
    init(elements: consuming [MerkleElement<Leaf>]) {
        var collected: [(id: ObjectID, payload: [UInt8])] = []
        var (level, top) = (0, EncodedNode<Leaf>.empty)
        while !elements.isEmpty {
            var above: [MerkleElement<Leaf>] = []
            let isWhole = MerkleLevel(level: level, elements: elements).forEachNode { node in
                above.append(node.element)
                collected.append((node.id, node.payload))
                top = node
            }
            // Keys that reach level 16 would need 2^80 hashes to find.
            guard isWhole else { preconditionFailure("a collection of level \(level), or of 2^63 bytes") }
            guard above.count > 1 else {
                collected.removeLast()
                break
            }
            (elements, level) = (above, level + 1)
        }
        collected.append((top.id, top.payload))
        self.init(rootNode: top.node, root: top.id, summary: top.summary, nodes: collected)
    }
}

/// A node with its payload, id and what lies beneath.
struct EncodedNode<Leaf: MerkleLeaf> {
    let node: MerkleNode<Leaf>
    let payload: [UInt8]
    let id: ObjectID
    let summary: MerkleSummary

    /// - Returns: Nothing if what lies beneath does not fit the numbers of a node: a hostile tree that was edited.
    init?(_ node: MerkleNode<Leaf>) {
        guard let sum = node.summary else { return nil }
        self.init(node, summary: sum)
    }

    private init(_ node: MerkleNode<Leaf>, summary: MerkleSummary) {
        self.node = node
        self.summary = summary
        payload = node.payload
        id = ObjectID(of: Leaf.kind, payload: payload)
    }

    static var empty: Self { Self(.empty, summary: MerkleSummary()) }

    /// This node as an element of the level above.
    var element: MerkleElement<Leaf> {
        .child(lastKey: node.elements.last?.key ?? [], id: id, summary: summary)
    }
}

/// The elements of a level, from the start of a run to the end of one.
struct MerkleLevel<Leaf: MerkleLeaf> {
    let level: Int
    let elements: [MerkleElement<Leaf>]

    /// - Returns: Nothing if the level or a node's numbers are above what the format has.
    func nodes() -> [EncodedNode<Leaf>]? {
        var nodes: [EncodedNode<Leaf>] = []
        return forEachNode { nodes.append($0) } ? nodes : nil
    }

    /// Hands out the nodes one by one.
    ///
    /// - Returns: False if the level or a node's numbers are above what the format has.
    func forEachNode(_ body: (EncodedNode<Leaf>) -> Void) -> Bool {
        guard level <= MerkleNode<Leaf>.levelLimit else { return false }
        let numbers = elements.map(\.cutNumber)
        for range in MerkleCuts.nodes(of: numbers, level: level, inMap: Leaf.isMap) {
            guard let node = EncodedNode(MerkleNode(level: level, elements: Array(elements[range]))) else {
                return false
            }
            body(node)
        }
        return true
    }
}
