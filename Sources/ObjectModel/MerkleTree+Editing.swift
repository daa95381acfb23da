/// A change of a map: a new element for a key, or none any more.
package struct MerkleEdit<Leaf: MerkleLeaf>: Sendable {
    package let key: [UInt8]
    package let leaf: Leaf?

    package init(setting leaf: Leaf) {
        key = leaf.key
        self.leaf = leaf
    }

    package init(removing key: [UInt8]) {
        self.key = key
        leaf = nil
    }
}

extension MerkleTree {
    /// The map after some changes.
    ///
    /// Reads and makes the nodes on the paths that change, and no others.
    ///
    /// - Parameter edits: In order of keys, each once.
    package func editing(_ edits: [MerkleEdit<Leaf>]) throws(ReadError) -> BuiltTree<Leaf> {
        precondition(Leaf.isMap, "a sequence is built, not edited")
        var editor = MerkleEditor(tree: self)
        return try editor.apply(edits)
    }
}

/// Rewrites a map level by level: the runs that an edit touches are cut anew, and the nodes that come and go are
/// the edits of the level above.
private struct MerkleEditor<Leaf: MerkleLeaf> {
    typealias Element = MerkleElement<Leaf>

    let tree: MerkleTree<Leaf>
    private var fresh: [ObjectID: EncodedNode<Leaf>] = [:]

    init(tree: MerkleTree<Leaf>) { self.tree = tree }

    mutating func apply(_ edits: [MerkleEdit<Leaf>]) throws(ReadError) -> BuiltTree<Leaf> {
        let rootNode = try tree.rootNode()
        var changes: [(key: [UInt8], element: Element?)] = edits.map { ($0.key, $0.leaf.map { .leaf($0) }) }
        for level in 0...rootNode.level {
            if changes.isEmpty { return finish(try encoded(rootNode)) }
            changes = try rewrite(level: level, changes, below: rootNode)
        }
        return try finish(above: changes.compactMap(\.element), level: rootNode.level + 1)
    }

    /// Applies changes to one level and returns those of the level above, both in order of keys; for the root's level
    /// all nodes that it has now.
    private mutating func rewrite(
        level: Int, _ changes: [(key: [UInt8], element: Element?)], below root: MerkleNode<Leaf>
    ) throws(ReadError) -> [(key: [UInt8], element: Element?)] {
        var above: [[UInt8]: Element?] = [:]
        var old: [[UInt8]: ObjectID] = [:]
        var cursor = MerkleCursor(tree: tree, root: root, level: level)
        var next = 0
        while next < changes.count {
            try cursor.seek(changes[next].key)
            while let last = try cursor.previous()?.elements.last, !isEnd(last, level) {
                try cursor.moveBack()
            }
            var run: [Element] = []
            while true {
                let node = cursor.node
                let isLast = cursor.isLast
                if let last = node.elements.last {
                    above.updateValue(nil, forKey: last.key)
                    old[last.key] = cursor.id
                }
                for element in node.elements {
                    while next < changes.count, changes[next].key.lexicographicallyPrecedes(element.key) {
                        if let added = changes[next].element { run.append(added) }
                        next += 1
                    }
                    if next < changes.count, changes[next].key == element.key {
                        if let replacement = changes[next].element { run.append(replacement) }
                        next += 1
                    } else {
                        run.append(element)
                    }
                }
                if isLast {
                    run += changes[next...].compactMap(\.element)
                    next = changes.count
                    break
                }
                // The run is over where both the old nodes and the new ones end by themselves: further on, nothing
                // of what was read here is looked at again.
                let oldEnd = node.elements.last.map { isEnd($0, level) } ?? true
                if oldEnd, run.last.map({ isEnd($0, level) }) ?? true { break }
                try cursor.moveForward()
            }
            for node in try nodes(level, run) {
                let key = node.element.key
                let isOld = old[key] == node.id
                if !isOld { fresh[node.id] = node }
                // On the root's level the result is all nodes, not the ones that differ.
                if isOld, level < root.level {
                    above.removeValue(forKey: key)
                } else {
                    above[key] = node.element
                }
            }
        }
        return above.map { ($0.key, $0.value) }.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    /// The nodes of elements, unless what a hostile tree claims leaves no room for them.
    private func nodes(_ level: Int, _ elements: [Element]) throws(ReadError) -> [EncodedNode<Leaf>] {
        guard let nodes = MerkleLevel(level: level, elements: elements).nodes() else { throw tooLarge }
        return nodes
    }

    private func encoded(_ node: MerkleNode<Leaf>) throws(ReadError) -> EncodedNode<Leaf> {
        guard let encoded = EncodedNode(node) else { throw tooLarge }
        return encoded
    }

    private var tooLarge: ReadError {
        .damaged(
            ObjectReference(Leaf.kind, tree.root),
            problem: "with what is added, its levels or sizes do not fit any more")
    }

    private func isEnd(_ element: Element, _ level: Int) -> Bool {
        MerkleCuts.isEnd(element.cutNumber, level: level, inMap: true)
    }

    /// Builds the levels above the old root, or takes away those that are not needed any more.
    private mutating func finish(above elements: [Element], level: Int) throws(ReadError) -> BuiltTree<Leaf> {
        var (elements, level) = (elements, level)
        while elements.count > 1 {
            let nodes = try nodes(level, elements)
            for node in nodes { fresh[node.id] = node }
            elements = nodes.map(\.element)
            level += 1
        }
        guard case .child(_, var id, _)? = elements.first else { return finish(.empty) }
        while true {
            let root = if let made = fresh[id] { made } else { try encoded(try tree.node(id)) }
            guard root.node.level > 0, root.node.elements.count == 1,
                case .child(_, let only, _) = root.node.elements[0]
            else { return finish(root) }
            id = only
        }
    }

    /// Collects the new nodes that the root needs, children first.
    private func finish(_ root: EncodedNode<Leaf>) -> BuiltTree<Leaf> {
        var nodes: [(id: ObjectID, payload: [UInt8])] = []
        var seen: Set<ObjectID> = []
        func collect(_ node: EncodedNode<Leaf>) {
            guard seen.insert(node.id).inserted else { return }
            for case .child(_, let id, _) in node.node.elements {
                if let child = fresh[id] { collect(child) }
            }
            if node.id != tree.root { nodes.append((node.id, node.payload)) }
        }
        collect(root)
        return BuiltTree(rootNode: root.node, root: root.id, summary: root.summary, nodes: nodes)
    }
}

/// A place on one level of a map: a node, and the nodes above it.
private struct MerkleCursor<Leaf: MerkleLeaf> {
    let tree: MerkleTree<Leaf>
    let level: Int
    private let root: MerkleNode<Leaf>
    // From the root down, each with the position of the child that was taken.
    private var path: [(node: MerkleNode<Leaf>, index: Int)] = []
    private(set) var node: MerkleNode<Leaf>
    private(set) var id: ObjectID

    init(tree: MerkleTree<Leaf>, root: MerkleNode<Leaf>, level: Int) {
        self.tree = tree
        self.root = root
        self.level = level
        node = root
        id = tree.root
    }

    /// Goes to the node whose keys embrace a key, or to the last one.
    mutating func seek(_ key: [UInt8]) throws(ReadError) {
        path = []
        (node, id) = (root, tree.root)
        while node.level > level {
            let index =
                node.elements.firstIndex { !$0.key.lexicographicallyPrecedes(key) } ?? node.elements.count - 1
            try descend(to: index)
        }
    }

    var isLast: Bool { path.allSatisfy { $0.index == $0.node.elements.count - 1 } }

    mutating func moveForward() throws(ReadError) {
        while let last = path.last, last.index == last.node.elements.count - 1 { path.removeLast() }
        guard let (parent, index) = path.popLast() else { return }
        node = parent
        try descend(to: index + 1)
        while node.level > level { try descend(to: 0) }
    }

    mutating func moveBack() throws(ReadError) {
        while let last = path.last, last.index == 0 { path.removeLast() }
        guard let (parent, index) = path.popLast() else { return }
        node = parent
        try descend(to: index - 1)
        while node.level > level { try descend(to: node.elements.count - 1) }
    }

    /// The node before this one, if there is one.
    func previous() throws(ReadError) -> MerkleNode<Leaf>? {
        guard path.contains(where: { $0.index > 0 }) else { return nil }
        var copy = self
        try copy.moveBack()
        return copy.node
    }

    private mutating func descend(to index: Int) throws(ReadError) {
        let element = node.elements[index]
        path.append((node, index))
        node = try tree.child(of: node, element)
        if case .child(_, let child, _) = element { id = child }
    }
}
