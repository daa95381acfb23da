/// A collection in a store: looked up, walked and compared node by node, as far as needed.
package struct MerkleTree<Leaf: MerkleLeaf>: Sendable {
    package let root: ObjectID
    let reader: any ObjectReader
    /// What is said elsewhere of all elements together: files and bytes.
    private let claim: (files: Int, bytes: Int)?

    /// - Parameter claim: A root of which something else is true is damaged.
    package init(root: ObjectID, reader: any ObjectReader, claim: (files: Int, bytes: Int)? = nil) {
        self.root = root
        self.reader = reader
        self.claim = claim
    }

    /// The id of the tree without elements.
    package static var emptyRoot: ObjectID { emptyRoots[Int(Leaf.kind.rawValue)] }

    /// Reads a node; the empty tree is known without asking.
    func node(_ id: ObjectID) throws(ReadError) -> MerkleNode<Leaf> {
        if id == Self.emptyRoot { return .empty }
        let payload = try reader.required(Leaf.kind, id)
        do { return try MerkleNode(payload: payload) } catch {
            throw .damaged(ObjectReference(Leaf.kind, id), problem: "\(error)")
        }
    }

    /// Reads the root, which has a reason to be above leaves.
    func rootNode() throws(ReadError) -> MerkleNode<Leaf> {
        let node = try node(root)
        guard node.level == 0 || node.elements.count > 1 else {
            throw .damaged(
                ObjectReference(Leaf.kind, root),
                problem: "its root has level \(node.level) and one element only")
        }
        if let claim, let summary = node.summary, summary.files != claim.files || summary.bytes != claim.bytes
        {
            throw .damaged(
                ObjectReference(Leaf.kind, root),
                problem:
                    "it has \(summary.files) files of \(summary.bytes) bytes, and its entry says otherwise")
        }
        return node
    }

    /// Reads the node that an element refers to, and checks that it is what the element says.
    func child(of parent: MerkleNode<Leaf>, _ element: MerkleElement<Leaf>) throws(ReadError) -> MerkleNode<
        Leaf
    > {
        guard case .child(let lastKey, let id, let summary) = element else {
            preconditionFailure("a leaf element has no node below it")
        }
        let node = try node(id)
        guard node.level == parent.level - 1, node.elements.last?.key == lastKey || !Leaf.isMap,
            node.summary.map({ Leaf.visible($0) }) == Leaf.visible(summary)
        else {
            throw .damaged(ObjectReference(Leaf.kind, id), problem: "its parent node describes it otherwise")
        }
        return node
    }

    /// The element with a key, in a map.
    package func lookup(_ key: [UInt8]) throws(ReadError) -> Leaf? {
        var current = try rootNode()
        while true {
            guard let element = current.elements.first(where: { !$0.key.lexicographicallyPrecedes(key) })
            else {
                return nil
            }
            if case .leaf(let leaf) = element { return leaf.key == key ? leaf : nil }
            current = try child(of: current, element)
        }
    }

    /// Everything beneath the root.
    package func summary() throws(ReadError) -> MerkleSummary {
        guard let summary = try rootNode().summary else {
            throw .damaged(ObjectReference(Leaf.kind, root), problem: "sizes that do not fit")
        }
        return summary
    }

    /// All elements in order.
    package func leaves() throws(ReadError) -> [Leaf] {
        var leaves: [Leaf] = []
        try forEachLeaf { (leaf) throws(ReadError) in leaves.append(leaf) }
        return leaves
    }

    /// Hands out all elements in order.
    package func forEachLeaf(_ body: (Leaf) throws(ReadError) -> Void) throws(ReadError) {
        var passed: [UInt8]?
        try visit(try rootNode(), &passed, body)
    }

    /// - Parameter passed: The last key that was handed out.
    private func visit(
        _ node: MerkleNode<Leaf>, _ passed: inout [UInt8]?, _ body: (Leaf) throws(ReadError) -> Void
    ) throws(ReadError) {
        for element in node.elements {
            if case .leaf(let leaf) = element {
                try body(leaf)
            } else {
                let child = try child(of: node, element)
                try requireOrder(child, after: passed)
                try visit(child, &passed, body)
            }
        }
        if node.level == 0 { passed = node.elements.last?.key }
    }

    /// Hands out the elements of a map whose keys begin with a prefix, in order; only the nodes that hold them are read.
    package func forEachLeaf(
        beginning prefix: [UInt8], _ body: (Leaf) throws(ReadError) -> Void
    ) throws(ReadError) {
        var passed: [UInt8]?
        _ = try visit(try rootNode(), beginning: prefix, &passed, body)
    }

    /// - Returns: Whether more may follow behind the node.
    private func visit(
        _ node: MerkleNode<Leaf>, beginning prefix: [UInt8], _ passed: inout [UInt8]?,
        _ body: (Leaf) throws(ReadError) -> Void
    ) throws(ReadError) -> Bool {
        for element in node.elements where !element.key.lexicographicallyPrecedes(prefix) {
            if case .leaf(let leaf) = element {
                guard leaf.key.starts(with: prefix) else { return false }
                try body(leaf)
                passed = leaf.key
            } else {
                // A child that ends behind the prefix may begin in front of it.
                let child = try child(of: node, element)
                try requireOrder(child, after: passed)
                guard try visit(child, beginning: prefix, &passed, body) else { return false }
            }
        }
        return true
    }

    /// Makes sure that the keys of a map rise from node to node, as they do in each node: else two entries could have one name.
    func requireOrder(_ node: MerkleNode<Leaf>, after passed: [UInt8]?) throws(ReadError) {
        guard Leaf.isMap, let passed, let first = node.elements.first?.key else { return }
        guard passed.lexicographicallyPrecedes(first) else {
            throw .damaged(ObjectReference(Leaf.kind, root), problem: "its names are not in order")
        }
    }
}

/// The ids of the trees without elements, by the number of their kind: each node that is read is compared with one.
private let emptyRoots: [ObjectID] = (0...(ObjectKind.allCases.map(\.rawValue).max() ?? 0)).map { number in
    let kind = ObjectKind(rawValue: number) ?? .tree
    let empty = kind == .chunks ? MerkleNode<ChunkEntry>.empty.payload : MerkleNode<TreeEntry>.empty.payload
    return ObjectID(of: kind, payload: empty)
}

extension MerkleLeaf {
    /// The part of a summary that this kind's nodes hold.
    static func visible(_ summary: MerkleSummary) -> [UInt8] {
        var writer = ByteWriter()
        writeSummary(summary, to: &writer)
        return writer.bytes
    }
}
