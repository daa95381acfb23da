package import ObjectModel

/// Which objects of a store are needed: one bit for each entry of each pack's index.
///
/// Of an object that lies in several packs one place counts, the others are not needed: the one that a reader would find,
/// a blob's where it lies whole and without a base before all others, and
/// where what nobody needs is to go, the first of them that can be read.
struct Reachability {
    let store: ObjectStore
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

    /// Whether there are bits for packs that are here, as they are.
    func has(_ bits: [PackName: [UInt64]]) -> Bool {
        bits.allSatisfy { name, words in numbers[name].map { self.bits[$0].count == words.count } ?? false }
    }

    /// Takes entries of some packs for marked, with all that they need.
    mutating func take(_ bits: [PackName: [UInt64]]) {
        for (name, words) in bits {
            guard let number = numbers[name] else { continue }
            self.bits[number] = zip(self.bits[number], words).map { $0 | $1 }
        }
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
        if let place = place(of: reference) { return mark(place) }
        // Empty directories and maps are known without being stored.
        if ObjectEdge.isEmptyTree(reference) { return false }
        throw .missing(reference)
    }

    private mutating func mark(_ place: (pack: Int, position: Int)) -> Bool {
        let bit: UInt64 = 1 << (place.position % 64)
        defer { bits[place.pack][place.position / 64] |= bit }
        return bits[place.pack][place.position / 64] & bit == 0
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

    /// What a blob needs where the place that counts has it: its recipe, which is read to be named, or the bases of its frame.
    ///
    /// Bases may lie in any pack, and what they are the bases of needs them.
    private func needs(
        of blob: ObjectReference, at place: (pack: Int, position: Int)
    ) throws(ReadError) -> [ObjectReference] {
        let pack = packs[place.pack]
        guard let (_, found) = pack.index.entry(place.position) else { return [] }
        guard found.isRecipe else {
            return pack.index.hasBase(found.frame) ? (try? pack.index.frame(found.frame))?.bases ?? [] : []
        }
        let recipe: Recipe?
        do throws(ReadError) {
            recipe = try store.soundRecipe(of: blob.id, at: ObjectStore.Found(pack: pack, place: found))
        } catch {
            // Its pack may have been merged away meanwhile.
            guard case .unreadable = error else { throw error }
            recipe = try store.recipe(of: blob.id)
        }
        return recipe.map { [ObjectReference(.chunks, ObjectID(of: .chunks, payload: $0.payload))] } ?? []
    }

    /// Marks an object and everything that it reaches (`Documentation/Formats/objects.md`, "What each field keeps alive").
    ///
    /// - Parameter isRequired: Whether what is missing is an error; else it is passed over.
    mutating func markAll(from roots: [ObjectReference], requiring isRequired: Bool = true) throws(ReadError)
    {
        var stack = roots
        while let reference = stack.popLast() {
            guard let place = place(of: reference) else {
                // Empty directories and maps are known without being stored.
                if !isRequired || ObjectEdge.isEmptyTree(reference) { continue }
                throw .missing(reference)
            }
            guard mark(place) else { continue }
            if reference.kind == .blob {
                stack += try needs(of: reference, at: place)
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
