internal import ObjectModel

/// Finds out which files of which refs need some objects, by walking from the refs.
///
/// First the ways back from the objects are found, then only those ways are walked from the refs, so the cost is that of
/// reading the metadata once. Holds all edges between metadata objects meanwhile, about 100 bytes each.
struct IntegrityNeeds {
    private let walk: IntegrityWalk
    private let wanted: Set<ObjectReference>
    /// Everything from which something wanted is reached.
    private var touched: Set<ObjectReference> = []
    private var found: [ObjectReference: Set<String>] = [:]

    /// Steps after which a walk gives up naming further paths.
    private static let stepLimit = 2_000_000

    init(walk: IntegrityWalk, wanted: Set<ObjectReference>, roots: [ObjectReference]) {
        self.walk = walk
        self.wanted = wanted
        touch(roots)
    }

    /// What needs an object, as ``IntegrityProblem/neededBy`` has it.
    func needs(of reference: ObjectReference) -> Set<String> { found[reference] ?? [] }

    private mutating func touch(_ roots: [ObjectReference]) {
        var parents: [ObjectReference: [ObjectReference]] = [:]
        var seen = Set(roots)
        var stack = roots
        while let reference = stack.popLast() {
            for edge in walk.edges(of: reference) {
                let isLeaf = edge.target.kind == .blob && walk.objects.places[edge.target] != nil
                if isLeaf, !wanted.contains(edge.target) { continue }
                parents[edge.target, default: []].append(reference)
                if seen.insert(edge.target).inserted { stack.append(edge.target) }
            }
        }
        touched = wanted
        stack = Array(wanted)
        while let reference = stack.popLast() {
            for parent in parents[reference] ?? [] where touched.insert(parent).inserted {
                stack.append(parent)
            }
        }
    }

    /// A place on a way from a ref.
    private struct Place {
        let reference: ObjectReference
        /// The ref, and the commit if it is not the ref's own.
        let prefix: String
        let ref: String
        /// What follows, up to here: a path, or words.
        let suffix: String
    }

    private struct Visit: Hashable {
        let reference: ObjectReference
        let ref: String
        let suffix: String
    }

    /// Walks all refs of a map, the nearest commits first; `origin` stands before every name.
    mutating func name(refs root: ObjectReference, origin: String) {
        var queue = [Place(reference: root, prefix: origin, ref: "", suffix: "refs")]
        var seen: Set<Visit> = []
        var next = 0
        while next < queue.count, next < Self.stepLimit {
            let place = queue[next]
            next += 1
            guard touched.contains(place.reference),
                seen.insert(Visit(reference: place.reference, ref: place.ref, suffix: place.suffix)).inserted
            else { continue }
            if wanted.contains(place.reference) { note(place.reference, place.prefix + place.suffix) }
            for edge in walk.edges(of: place.reference) where touched.contains(edge.target) {
                queue.append(step(edge, from: place, origin: origin))
            }
        }
    }

    mutating func note(_ reference: ObjectReference, _ need: String) {
        guard wanted.contains(reference), found[reference, default: []].count < IntegrityProblem.needLimit
        else { return }
        found[reference, default: []].insert(need)
    }

    private func step(_ edge: ObjectEdge, from place: Place, origin: String) -> Place {
        var (prefix, ref, suffix) = (place.prefix, place.ref, place.suffix)
        switch edge.step {
        case .node, .recipe, .chunk: break
        case .ref(let name): (prefix, ref, suffix) = (origin + name.text, name.text, "")
        case .parent: prefix = "\(origin)\(ref)~\(edge.target.id.hex.prefix(12))"
        case .tree: suffix += ":"
        case .recipes: suffix += " recipes"
        case .run: suffix += " run \(edge.target.id.hex.prefix(12))"
        case .inputs: suffix += " inputs:"
        case .outputs: suffix += " outputs:"
        case .patch: suffix += " patch"
        case .sources: suffix += " sources:"
        case .text: suffix += " text"
        case .entry(let entry): suffix += (suffix.hasSuffix(":") ? "" : "/") + "\(entry.name)"
        }
        return Place(reference: edge.target, prefix: prefix, ref: ref, suffix: suffix)
    }
}
