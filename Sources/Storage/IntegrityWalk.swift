internal import FileIO
internal import Hashing
internal import ObjectModel
internal import Synchronization

/// Goes from refs to everything that they need, and says what is missing or wrong on the way.
///
/// Holds a set of what was reached, about 60 bytes an object, but for blobs that lie there whole.
struct IntegrityWalk {
    let objects: SalvagedObjects
    /// The recipes of each blob, the good ones first.
    let recipes: [ObjectID: [ObjectReference]]

    private(set) var problems: [(problem: IntegrityProblem, references: [ObjectReference])] = []
    private(set) var reached: Set<ObjectReference> = []
    private(set) var missing: Set<ObjectReference> = []
    private var trees: MerkleShape<TreeEntry>
    private var maps: MerkleShape<RecipeEntry>
    private var refs: MerkleShape<RefEntry>
    private var chunks: MerkleShape<ChunkEntry>
    private var shaped: Set<ObjectReference> = []

    init(objects: SalvagedObjects, recipes: [ObjectID: [ObjectReference]]) {
        self.objects = objects
        self.recipes = recipes
        trees = MerkleShape(reader: objects)
        maps = MerkleShape(reader: objects)
        refs = MerkleShape(reader: objects)
        chunks = MerkleShape(reader: objects)
    }

    /// What an object needs; a blob that is not there whole needs its recipe.
    func edges(of reference: ObjectReference) -> [ObjectEdge] {
        if reference.kind == .blob {
            guard objects.places[reference] == nil, let recipe = recipes[reference.id]?.first else {
                return []
            }
            return [ObjectEdge(target: recipe, step: .recipe)]
        }
        guard let payload = try? objects.payload(of: reference),
            let edges = try? ObjectEdge.edges(of: reference, payload)
        else { return [] }
        return edges
    }

    /// Whether an object is there, or can be put together.
    func isPresent(_ reference: ObjectReference) -> Bool {
        objects.places[reference] != nil || ObjectEdge.isEmptyTree(reference)
            || (reference.kind == .blob && recipes[reference.id] != nil)
    }

    /// Visits everything beneath a root that was not visited yet.
    mutating func visit(_ root: ObjectReference) {
        checkShape(root)
        var stack = [root]
        while let reference = stack.popLast() {
            guard reached.insert(reference).inserted else { continue }
            guard isPresent(reference) else {
                missing.insert(reference)
                continue
            }
            // What does not decode was reported when its frame was read.
            for edge in edges(of: reference) {
                check(edge, from: reference)
                // Beneath what lies there whole is nothing: most objects need no place in the set.
                if edge.target.kind == .blob, objects.places[edge.target] != nil { continue }
                if !reached.contains(edge.target) { stack.append(edge.target) }
            }
        }
    }

    private mutating func check(_ edge: ObjectEdge, from parent: ObjectReference) {
        switch edge.step {
        case .node, .parent, .ref, .run, .patch, .text: return
        case .tree, .inputs, .outputs, .sources, .recipes, .recipe: checkShape(edge.target)
        case .chunk(let length):
            if objects.places[edge.target] == nil, recipes[edge.target.id] != nil {
                report(.shape, "its chunk \(edge.target.id) is there by a recipe only", parent)
            }
            if let place = objects.places[edge.target], Int(place.length) != length {
                report(
                    .shape, "it gives chunk \(edge.target.id) \(length) bytes, not \(place.length)", parent)
            }
        case .entry(let entry):
            checkShape(edge.target)
            if let problem = sizeProblem(entry) ?? linkProblem(entry) {
                report(.shape, "the entry '\(entry.name)' \(problem)", parent)
            }
        }
    }

    private mutating func sizeProblem(_ entry: TreeEntry) -> String? {
        if entry.mode == .directory {
            guard let summary = try? trees.summary(of: entry.id) else { return nil }
            return summary.files == entry.files && summary.bytes == entry.size
                ? nil
                : "has other numbers than its directory: \(summary.files) files of \(summary.bytes) bytes"
        }
        let blob = ObjectReference(.blob, entry.id)
        var size = objects.places[blob].map { Int($0.length) }
        if size == nil, let recipe = recipes[entry.id]?.first, let payload = try? objects.payload(of: recipe)
        {
            size = (try? Recipe(payload: payload))?.length
        }
        return size.map { $0 == entry.size } ?? true
            ? nil : "has \(entry.size) bytes, but its blob \(size ?? 0)"
    }

    private func linkProblem(_ entry: TreeEntry) -> String? {
        guard entry.mode == .link, let target = try? objects.payload(of: entry.reference), target.contains(0)
        else { return nil }
        return "is a link to a name with NUL"
    }

    /// Checks a whole tree, once for each root.
    private mutating func checkShape(_ root: ObjectReference) {
        guard [.tree, .recipes, .refs, .chunks].contains(root.kind), objects.places[root] != nil,
            shaped.insert(root).inserted
        else { return }
        do throws(ReadError) {
            let problem: String?
            switch root.kind {
            case .tree: problem = try trees.problem(of: root.id)
            case .recipes: problem = try maps.problem(of: root.id)
            case .refs: problem = try refs.problem(of: root.id)
            case .chunks:
                guard let payload = try objects.payload(of: root), let recipe = try? Recipe(payload: payload)
                else { return }
                problem = try chunks.problem(ofRootNode: recipe.root)
            default: return
            }
            if let problem { report(.shape, problem, root) }
        } catch {
            switch error {
            // The walk finds it, or its frame was reported.
            case .missing: return
            case .damaged(let node, let problem): report(.shape, "beneath \(root): \(problem)", node)
            case .unreadable(let node, let problem): report(.unreadable, problem, node)
            }
        }
    }

    private mutating func report(
        _ kind: IntegrityProblem.Kind, _ message: String, _ reference: ObjectReference
    ) {
        problems.append((IntegrityProblem(kind, message, reference: reference), [reference]))
    }

    // MARK: Recipes

    /// Checks of recipes whether their chunks make their blobs, several at a time.
    ///
    /// - Returns: For each that is wrong or incomplete what is the matter; incomplete ones are no problem by themselves.
    static func check(
        recipes: [ObjectReference], in objects: SalvagedObjects, threads: Int
    ) -> [ObjectReference: (problem: String, isIncomplete: Bool)] {
        let found = Mutex([ObjectReference: (problem: String, isIncomplete: Bool)]())
        let indices = WorkIndices(recipes.count)
        onThreads(max(1, min(threads, recipes.count))) {
            while let index = indices.next() {
                guard let problem = check(recipes[index], in: objects) else { continue }
                found.withLock { $0[recipes[index]] = problem }
            }
        }
        return found.withLock { $0 }
    }

    private static func check(
        _ reference: ObjectReference, in objects: SalvagedObjects
    ) -> (problem: String, isIncomplete: Bool)? {
        do throws(ReadError) {
            guard let payload = try objects.payload(of: reference), let recipe = try? Recipe(payload: payload)
            else {
                return ("it is not a recipe", false)
            }
            var digest = SHA256()
            try recipe.forEachChunk(in: objects) { (chunk) throws(ReadError) in
                let bytes = try objects.required(.blob, chunk.id)
                guard bytes.count == chunk.length else {
                    throw .damaged(
                        reference, problem: "chunk \(chunk.id) has \(bytes.count) bytes, not \(chunk.length)")
                }
                digest.update(bytes)
            }
            let whole = digest
            return ObjectID(whole.finish()) == recipe.blob
                ? nil : ("its chunks do not make the blob \(recipe.blob)", false)
        } catch {
            if case .missing = error { return ("\(error)", true) }
            return ("\(error)", false)
        }
    }
}
