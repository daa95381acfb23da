package import ObjectModel

/// Which objects of a store are needed: one bit for each entry of each pack's index.
///
/// Of an object that lies in several packs one place counts, the others are not needed: the one that a reader would find,
/// a blob's where it lies whole and without a base before all others, and
/// where what nobody needs is to go, the first of them that can be read.
struct Reachability {
    private let store: ObjectStore
    /// As they were when this was made.
    let packs: [PackReader]
    private let numbers: [PackName: Int]
    private(set) var bits: [[UInt64]]
    private let readsCopies: Bool
    /// Of objects that lie in several packs, the place that counts.
    private var chosen: [ObjectReference: (pack: Int, position: Int)] = [:]

    /// - Parameters:
    ///   - store: Its packs as they are now.
    ///   - readsCopies: Whether of several copies one is chosen that can be read.
    init(_ store: ObjectStore, readingCopies readsCopies: Bool = false) {
        self.store = store
        self.readsCopies = readsCopies
        packs = store.packs
        numbers = Dictionary(uniqueKeysWithValues: packs.enumerated().map { ($1.name, $0) })
        bits = packs.map { [UInt64](repeating: 0, count: ($0.index.entryCount + 63) / 64) }
    }

    /// Whether an entry of a pack's index is needed.
    func isMarked(_ pack: PackName, _ position: Int) -> Bool {
        guard let number = numbers[pack] else { return false }
        return bits[number][position / 64] & (1 << (position % 64)) != 0
    }

    /// Marks one object and nothing that it needs.
    ///
    /// - Returns: Whether it was not marked before.
    /// - Throws: ``ReadError/missing(_:)`` if it is not there.
    @discardableResult
    mutating func mark(_ reference: ObjectReference) throws(ReadError) -> Bool {
        if let (number, position) = place(of: reference) {
            let bit: UInt64 = 1 << (position % 64)
            defer { bits[number][position / 64] |= bit }
            return bits[number][position / 64] & bit == 0
        }
        // Empty directories and maps are known without being stored.
        if ObjectEdge.isEmptyTree(reference) { return false }
        throw .missing(reference)
    }

    /// The entry that counts.
    private mutating func place(of reference: ObjectReference) -> (pack: Int, position: Int)? {
        guard readsCopies else { return firstPlace(of: reference) }
        let holders = packs.indices.filter { packs[$0].index.position(of: reference) != nil }
        guard holders.count > 1 else { return firstPlace(of: reference) }
        if let known = chosen[reference] { return known }
        let places = places(of: reference, in: holders)
        let sound = places.first { (number, position) in
            guard let (_, place) = packs[number].index.entry(position) else { return false }
            return store.isSound(reference, at: ObjectStore.Found(pack: packs[number], place: place))
        }
        // Where none can be read, nothing is better than any other.
        let place = sound ?? places.first
        chosen[reference] = place
        return place
    }

    /// The entry that a reader would find, as in ``ObjectStore/find(_:)``: a blob's that lies there whole before one by recipe.
    private func firstPlace(of reference: ObjectReference) -> (pack: Int, position: Int)? {
        var (difference, least): ((pack: Int, position: Int)?, Int) = (nil, .max)
        var recipe: (pack: Int, position: Int)?
        for (number, pack) in packs.enumerated() {
            guard let position = pack.index.position(of: reference) else { continue }
            guard reference.kind == .blob, let (_, place) = pack.index.entry(position) else {
                return (number, position)
            }
            if place.isRecipe {
                recipe = recipe ?? (number, position)
            } else if pack.index.hasBase(place.frame) {
                let depth = pack.index.depth(place.frame)
                if difference == nil || depth < least { (difference, least) = ((number, position), depth) }
            } else {
                return (number, position)
            }
        }
        return difference ?? recipe
    }

    /// All entries, in the order in which a reader would take them.
    private func places(
        of reference: ObjectReference, in holders: [Int]
    ) -> [(pack: Int, position: Int)] {
        var whole: [(depth: Int, place: (pack: Int, position: Int))] = []
        var recipes: [(pack: Int, position: Int)] = []
        for number in holders {
            let index = packs[number].index
            guard let position = index.position(of: reference), let (_, place) = index.entry(position) else {
                continue
            }
            if place.isRecipe {
                recipes.append((number, position))
            } else {
                whole.append((index.depth(place.frame), (number, position)))
            }
        }
        return whole.sorted { ($0.depth, $0.place.pack) < ($1.depth, $1.place.pack) }.map(\.place) + recipes
    }

    /// The bases of a blob, where the place that counts has some.
    ///
    /// They may lie in any pack, and what they are the bases of needs them.
    private mutating func bases(of blob: ObjectReference) -> [ObjectReference] {
        guard let (number, position) = place(of: blob), let (_, place) = packs[number].index.entry(position)
        else { return [] }
        return (try? packs[number].index.frame(place.frame))?.bases ?? []
    }

    /// The recipe of a blob whose entry that counts is one by recipe.
    private mutating func recipe(of blob: ObjectReference) throws(ReadError) -> Recipe? {
        guard let (number, position) = place(of: blob),
            let (_, place) = packs[number].index.entry(position), place.isRecipe
        else { return nil }
        let found = ObjectStore.Found(pack: packs[number], place: place)
        do throws(ReadError) { return try store.soundRecipe(of: blob.id, at: found) } catch {
            // Its pack may have been merged away meanwhile.
            guard case .unreadable = error else { throw error }
            return try store.recipe(of: blob.id)
        }
    }

    /// Marks an object and everything that it reaches (`Documentation/Formats/objects.md`, "What each field keeps alive").
    ///
    /// - Parameter isRequired: Whether what is missing is an error; else it is passed over.
    mutating func markAll(from roots: [ObjectReference], requiring isRequired: Bool = true) throws(ReadError)
    {
        var stack = roots
        while let reference = stack.popLast() {
            if !isRequired, !store.contains(reference) { continue }
            guard try mark(reference) else { continue }
            if reference.kind == .blob {
                // A blob by recipe needs the recipe, which is read to be named.
                if let recipe = try recipe(of: reference) {
                    stack.append(ObjectReference(.chunks, ObjectID(of: .chunks, payload: recipe.payload)))
                } else {
                    stack += bases(of: reference)
                }
                continue
            }
            let payload = try store.required(reference.kind, reference.id)
            do throws(MalformedObject) {
                stack += try ObjectEdge.edges(of: reference, payload).map(\.target)
            } catch { throw .damaged(reference, problem: "\(error)") }
        }
    }
}

extension ObjectStore {
    /// Finds out whether everything that an object reaches is here, also what only it reaches.
    ///
    /// Reads all of its metadata. Contents are looked up, not read.
    ///
    /// - Throws: ``ReadError/missing(_:)`` with what is not here.
    package func requireAll(of reference: ObjectReference) throws(ReadError) {
        var reachable = Reachability(self)
        try reachable.markAll(from: [reference])
    }
}
