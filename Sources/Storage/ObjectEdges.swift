internal import ObjectModel

/// From an object to one that it needs.
struct ObjectEdge {
    /// What the other object is to this one.
    enum Step {
        /// The next node of the same collection.
        case node
        case ref(RefName)
        case parent
        case tree
        case recipes
        case run
        case inputs
        case outputs
        case patch
        case sources
        /// What a run printed, and lists that belong to it.
        case text
        case entry(TreeEntry)
        /// The recipe of a large blob, from the map of recipes or from the blob.
        case recipe
        case chunk(length: Int)
    }

    let target: ObjectReference
    let step: Step

    /// What an object needs.
    static func edges(of reference: ObjectReference, _ payload: [UInt8]) throws(MalformedObject)
        -> [ObjectEdge]
    {
        switch reference.kind {
        case .blob, .event: return []
        case .statement:
            // It needs nothing, and is taken over only if it is one.
            _ = try Statement(payload: payload)
            return []
        case .refs:
            return edges(try MerkleNode<RefEntry>(payload: payload)) {
                [ObjectEdge(target: $0.target, step: .ref($0.name))]
            }
        case .tree:
            return edges(try MerkleNode<TreeEntry>(payload: payload)) {
                [ObjectEdge(target: $0.reference, step: .entry($0))]
            }
        case .recipes:
            return edges(try MerkleNode<RecipeEntry>(payload: payload)) {
                [ObjectEdge(target: ObjectReference(.chunks, $0.recipe), step: .recipe)]
            }
        case .chunks:
            let node =
                payload.first == 1
                ? try Recipe(payload: payload).root : try MerkleNode<ChunkEntry>(payload: payload)
            return edges(node) {
                [ObjectEdge(target: ObjectReference(.blob, $0.id), step: .chunk(length: $0.length))]
            }
        case .commit:
            let commit = try Commit(payload: payload)
            var edges = [ObjectEdge(target: ObjectReference(.tree, commit.tree), step: .tree)]
            if let recipes = commit.recipes {
                edges.append(ObjectEdge(target: ObjectReference(.recipes, recipes), step: .recipes))
            }
            edges += commit.runs.map { ObjectEdge(target: ObjectReference(.run, $0), step: .run) }
            return edges
                + commit.parents.map { ObjectEdge(target: ObjectReference(.commit, $0), step: .parent) }
        case .run:
            let run = try Run(payload: payload)
            var edges = [
                ObjectEdge(target: ObjectReference(.tree, run.inputs), step: .inputs),
                ObjectEdge(target: ObjectReference(.tree, run.outputs), step: .outputs),
            ]
            if let patch = run.code?.patch {
                edges.append(ObjectEdge(target: ObjectReference(.blob, patch), step: .patch))
            }
            if let sources = run.code?.sources {
                edges.append(ObjectEdge(target: ObjectReference(.tree, sources), step: .sources))
            }
            if let saved = run.saved {
                edges.append(ObjectEdge(target: ObjectReference(.tree, saved), step: .outputs))
            }
            let texts = [
                run.standardOutput, run.standardError, run.packages, run.external?.list, run.code?.files,
                run.lookups,
            ]
            edges += texts.compactMap { $0 }.map {
                ObjectEdge(target: ObjectReference(.blob, $0), step: .text)
            }
            return edges
        }
    }

    private static func edges<Leaf: MerkleLeaf>(
        _ node: MerkleNode<Leaf>, _ leafEdges: (Leaf) -> [ObjectEdge]
    ) -> [ObjectEdge] {
        node.elements.flatMap { element in
            switch element {
            case .leaf(let leaf): leafEdges(leaf)
            case .child(_, let id, _): [ObjectEdge(target: ObjectReference(Leaf.kind, id), step: .node)]
            }
        }
    }

    /// Whether the object is the empty tree of its kind, which is known without being stored.
    static func isEmptyTree(_ reference: ObjectReference) -> Bool {
        switch reference.kind {
        case .tree: reference.id == MerkleTree<TreeEntry>.emptyRoot
        case .refs: reference.id == MerkleTree<RefEntry>.emptyRoot
        case .recipes: reference.id == MerkleTree<RecipeEntry>.emptyRoot
        default: false
        }
    }
}
