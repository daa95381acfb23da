/// Checks that whole trees have the one shape that their elements give them
/// (`Documentation/Formats/merkle-tree.md`, "Where nodes end").
///
/// Versions of a collection share most nodes, so what was found about a node is kept: a tree costs a look at each of its
/// nodes, and hashing of keys only for nodes that are new or lie in a run of several. One thread at a time; memory grows by
/// about 200 bytes a node.
package struct MerkleShape<Leaf: MerkleLeaf> {
    private struct Facts {
        let level: Int
        let count: Int
        /// The last element ends the node by itself.
        let endsItself: Bool
        let summary: MerkleSummary
        let firstKey: [UInt8]
        let children: [ObjectID]
        /// What is wrong with the node whatever the tree it is in.
        let problem: String?
    }

    private var known: [ObjectID: Facts] = [:]
    private let reader: any ObjectReader

    package init(reader: any ObjectReader) { self.reader = reader }

    /// What is wrong with the shape of a tree, or with what its nodes say of each other; nothing if all is right.
    ///
    /// - Throws: What a node cannot be read for.
    package mutating func problem(of root: ObjectID) throws(ReadError) -> String? {
        try problem(try facts(root))
    }

    /// The same for a tree whose root lies in another object, as that of a recipe does.
    package mutating func problem(ofRootNode root: MerkleNode<Leaf>) throws(ReadError) -> String? {
        try problem(try examine(root))
    }

    /// What lies beneath a root.
    package mutating func summary(of root: ObjectID) throws(ReadError) -> MerkleSummary {
        try facts(root).summary
    }

    private mutating func problem(_ top: Facts) throws(ReadError) -> String? {
        if top.level > 0, top.count < 2 { return "its root has level \(top.level) and one element only" }
        var nodes: [(id: ObjectID?, facts: Facts)] = [(nil, top)]
        while true {
            var run: [(id: ObjectID?, facts: Facts)] = []
            for (position, node) in nodes.enumerated() {
                if let problem = node.facts.problem { return problem }
                if node.facts.count == 0, nodes.count > 1 { return "an empty node" }
                run.append(node)
                guard node.facts.endsItself || position == nodes.count - 1 else { continue }
                if run.count > 1, try !isCutRightly(run.compactMap(\.id), run.map(\.facts.count)) {
                    return "nodes of level \(node.facts.level) end where its elements say otherwise"
                }
                run.removeAll(keepingCapacity: true)
            }
            guard nodes.first.map({ $0.facts.level > 0 }) ?? false else { return nil }
            var below: [(id: ObjectID?, facts: Facts)] = []
            for node in nodes { for child in node.facts.children { below.append((child, try facts(child))) } }
            nodes = below
        }
    }

    /// Whether a run of several nodes is split as a run of all their elements would be.
    private func isCutRightly(_ run: [ObjectID], _ counts: [Int]) throws(ReadError) -> Bool {
        let tree = MerkleTree<Leaf>(root: MerkleTree<Leaf>.emptyRoot, reader: reader)
        var elements: [MerkleElement<Leaf>] = []
        var level = 0
        for id in run {
            let node = try tree.node(id)
            level = node.level
            elements += node.elements
        }
        let cuts = MerkleCuts.nodes(of: elements.map(\.cutNumber), level: level, inMap: Leaf.isMap)
        return cuts.map(\.count) == counts
    }

    private mutating func facts(_ id: ObjectID) throws(ReadError) -> Facts {
        if let facts = known[id] { return facts }
        let node = try MerkleTree<Leaf>(root: id, reader: reader).node(id)
        let facts = try examine(node)
        known[id] = facts
        return facts
    }

    /// Looks at a node and the edges to its children, no deeper than there are levels.
    private mutating func examine(_ node: MerkleNode<Leaf>) throws(ReadError) -> Facts {
        var problem: String?
        var children: [ObjectID] = []
        var firstKey = node.elements.first?.key ?? []
        var last: [UInt8]?
        let tree = MerkleTree<Leaf>(root: MerkleTree<Leaf>.emptyRoot, reader: reader)
        for element in node.elements {
            guard case .child(let key, let id, _) = element else { continue }
            // Throws where the child is not what the element says, its level included.
            _ = try tree.child(of: node, element)
            let below = try facts(id)
            if children.isEmpty { firstKey = below.firstKey }
            if Leaf.isMap, let last, !last.lexicographicallyPrecedes(below.firstKey) {
                problem = "keys that do not rise from node to node"
            }
            last = key
            children.append(id)
        }
        if node.elements.count > MerkleCuts.nodeLimit {
            problem = "a node of \(node.elements.count) elements"
        }
        let isEnd = { (element: MerkleElement<Leaf>) in
            MerkleCuts.isEnd(element.cutNumber, level: node.level, inMap: Leaf.isMap)
        }
        if node.elements.dropLast().contains(where: isEnd) {
            problem = "a node of level \(node.level) goes on behind an element that ends it"
        }
        return Facts(
            level: node.level, count: node.elements.count, endsItself: node.elements.last.map(isEnd) ?? false,
            summary: node.summary ?? MerkleSummary(), firstKey: firstKey,
            children: children, problem: problem)
    }
}
