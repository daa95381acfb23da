package import ObjectModel

/// Checks of metadata that came from somebody else what its ids do not prove: that trees have the one shape that their elements give
/// them, and that entries say the sizes of what they name.
///
/// One thread at a time.
package struct ReceivedShapes {
    private let store: ObjectStore
    private var trees: MerkleShape<TreeEntry>
    private var maps: MerkleShape<RecipeEntry>
    private var chunks: MerkleShape<ChunkEntry>
    private var seen: Set<ObjectReference> = []
    /// Lengths of blobs by recipes that are not in the store yet.
    private let lengths: [ObjectID: Int]

    /// - Parameters:
    ///   - store: Has all that came, but for recipes.
    ///   - recipes: Those that came.
    package init(in store: ObjectStore, with recipes: [UnprovedRecipe]) {
        self.store = store
        lengths = Dictionary(recipes.map { ($0.blob, $0.length) }, uniquingKeysWith: { first, _ in first })
        trees = MerkleShape(reader: store)
        maps = MerkleShape(reader: store)
        chunks = MerkleShape(reader: store)
    }

    /// Checks an object, and what it says of others.
    ///
    /// - Throws: ``ReadError/damaged(_:problem:)`` with what is wrong.
    package mutating func check(_ reference: ObjectReference) throws(ReadError) {
        let payload = try store.required(reference.kind, reference.id)
        let edges: [ObjectEdge]
        do throws(MalformedObject) { edges = try ObjectEdge.edges(of: reference, payload) } catch {
            throw .damaged(reference, problem: "\(error)")
        }
        for edge in edges {
            switch edge.step {
            case .tree, .inputs, .outputs, .sources, .recipes: try checkShape(edge.target)
            case .entry(let entry):
                if entry.mode == .directory { try checkShape(edge.target) }
                try checkSize(entry, reference)
            case .chunk(let length):
                guard let found = store.find(edge.target), !found.place.isRecipe, found.place.length == length
                else {
                    throw .damaged(reference, problem: "its chunk \(edge.target.id) is not what it says")
                }
            case .node, .ref, .parent, .run, .patch, .text, .recipe: continue
            }
        }
    }

    private mutating func checkShape(_ root: ObjectReference) throws(ReadError) {
        guard seen.insert(root).inserted, !ObjectEdge.isEmptyTree(root) else { return }
        let problem: String?
        switch root.kind {
        case .tree: problem = try trees.problem(of: root.id)
        case .recipes: problem = try maps.problem(of: root.id)
        default: problem = nil
        }
        if let problem { throw .damaged(root, problem: problem) }
    }

    private mutating func checkSize(_ entry: TreeEntry, _ reference: ObjectReference) throws(ReadError) {
        if entry.mode == .directory {
            let summary = try trees.summary(of: entry.id)
            guard summary.files == entry.files, summary.bytes == entry.size else {
                throw .damaged(
                    reference, problem: "the entry '\(entry.name)' has other numbers than its directory")
            }
            return
        }
        var size = lengths[entry.id]
        if let found = store.find(ObjectReference(.blob, entry.id)) {
            size = found.place.isRecipe ? try store.recipe(of: entry.id)?.length : found.place.length
        }
        // No system takes such a name, so that no checkout could write it.
        if entry.mode == .link, try store.required(.blob, entry.id).contains(0) {
            throw .damaged(reference, problem: "the entry '\(entry.name)' is a link to a name with NUL")
        }
        guard size ?? entry.size == entry.size else {
            throw .damaged(
                reference,
                problem: "the entry '\(entry.name)' has \(entry.size) bytes, but its blob \(size ?? 0)")
        }
    }

    /// Checks the shape of a recipe's list of chunks.
    package mutating func check(_ recipe: UnprovedRecipe) throws(ReadError) {
        if let problem = try chunks.problem(ofRootNode: recipe.parsed().root) {
            throw .damaged(recipe.reference, problem: problem)
        }
    }
}
