package import ObjectModel

/// Some objects of a store, by their places in its packs: what is to go to another store, with what it is told by.
package struct ObjectSelection {
    private let source: ObjectStore
    private let packs: [PackReader]
    /// A bit for each entry of each pack.
    private var bits: [[UInt64]]

    /// Everything that some objects reach, without what others reach.
    ///
    /// - Parameters:
    ///   - wanted: They and all that they reach have to be in `source`.
    ///   - known: What they reach is known on the other side, and so need not be here.
    ///   - source: Where all is read.
    ///   - memory: Knows what the same side's earlier roots reached. It is for a store by itself, not for a view of two.
    ///   - isThere: Whether an object need not go although nothing in `known` reaches it.
    ///   - isKept: Whether the other side still has what `known` reaches; what it has not goes as well. Nothing if that is believed.
    ///   - hasBase: Whether the other side has a blob in a frame of less than some depth, so that what differs from it can be read there.
    /// - Throws: ``ReadError/missing(_:)`` with what `source` lacks.
    package init(
        of wanted: [ObjectReference], without known: [ObjectReference], in source: ObjectStore,
        remembering memory: KnownReach? = nil, isThere: (ObjectReference) -> Bool,
        isKept: ((ObjectReference) -> Bool)? = nil,
        hasBase: (ObjectReference, _ below: Int) -> Bool
    ) throws(ReadError) {
        self.source = source
        var marks = Reachability(source)
        memory?.mark(&marks, reaching: known)
        try marks.markAll(from: known, requiring: false)
        let before = marks.bits
        try marks.markAll(from: wanted)
        // It counts once the other side names what goes, or what comes behind that.
        memory?.remember(marks, reaching: known + wanted)
        packs = marks.packs
        bits = zip(marks.bits, before).map { zip($0, $1).map { $0 & ~$1 } }
        for (number, pack) in packs.enumerated() {
            for position in 0..<pack.index.entryCount where contains(number, position) {
                guard let (reference, _) = pack.index.entry(position), isThere(reference) else { continue }
                bits[number][position / 64] &= ~(1 << UInt64(position % 64))
            }
        }
        if let isKept {
            for (number, pack) in packs.enumerated() where number < before.count {
                for position in 0..<pack.index.entryCount
                where before[number][position / 64] & (1 << UInt64(position % 64)) != 0 {
                    guard let (reference, _) = pack.index.entry(position), !isKept(reference) else {
                        continue
                    }
                    bits[number][position / 64] |= 1 << UInt64(position % 64)
                }
            }
        }
        try addBases(hasBase)
    }

    private func contains(_ pack: Int, _ position: Int) -> Bool {
        bits[pack][position / 64] & (1 << UInt64(position % 64)) != 0
    }

    // MARK: What others are told by

    /// Whether something goes that is told by how it differs from something else.
    package var hasDifferences: Bool {
        packs.indices.contains { number in
            let index = packs[number].index
            return (0..<index.frameCount).contains { index.isDifference($0) }
                && (0..<index.entryCount).contains { position in
                    guard contains(number, position), let (_, place) = index.entry(position) else {
                        return false
                    }
                    return !place.isRecipe && index.isDifference(place.frame)
                }
        }
    }

    /// Takes in what frames that go differ from, where the other side does not have it in such a form.
    private mutating func addBases(
        _ hasBase: (ObjectReference, _ below: Int) -> Bool
    ) throws(ReadError) {
        var due = differences(
            of: packs.indices.map { number in
                (number, (0..<packs[number].index.entryCount).filter { contains(number, $0) })
            })
        while let (base, depth) = due.popFirst() {
            if hasBase(base, depth) || holds(base, below: depth) { continue }
            guard let place = source.copies(of: base, below: depth).first,
                let number = packs.firstIndex(where: { $0.name == place.pack.name }),
                let position = packs[number].index.position(of: base)
            else { throw .missing(base) }
            bits[number][position / 64] |= 1 << UInt64(position % 64)
            due.merge(differences(of: [(number, [position])])) { min($0, $1) }
        }
    }

    /// What frames of some entries differ from, each with the depth below which it is needed.
    private func differences(of entries: [(pack: Int, positions: [Int])]) -> [ObjectReference: Int] {
        var bases: [ObjectReference: Int] = [:]
        for (number, positions) in entries {
            let index = packs[number].index
            var seen: Set<Int> = []
            for position in positions {
                guard let (_, place) = index.entry(position), !place.isRecipe,
                    index.isDifference(place.frame), seen.insert(place.frame).inserted,
                    let frame = try? index.frame(place.frame)
                else { continue }
                let depth = index.depth(place.frame)
                for base in frame.bases { bases[base] = min(depth, bases[base] ?? depth) }
            }
        }
        return bases
    }

    /// Whether an object goes in a frame of less than some depth.
    private func holds(_ base: ObjectReference, below depth: Int) -> Bool {
        packs.indices.contains { number in
            guard let position = packs[number].index.position(of: base), contains(number, position) else {
                return false
            }
            return packs[number].index.holds(base, below: depth)
        }
    }

    // MARK: What goes

    package var isEmpty: Bool { bits.allSatisfy { $0.allSatisfy { $0 == 0 } } }

    /// How many objects go.
    package var count: Int {
        bits.reduce(0) { $0 + $1.reduce(0) { $0 + $1.nonzeroBitCount } }
    }

    /// Some of the packs of which something goes.
    package struct Part: Sendable {
        fileprivate let packs: [Int]
    }

    /// All of it in parts: one for each pack of which much goes, and the rest, if there is any.
    ///
    /// What goes of a large pack stays the same where more goes later, or small packs were merged meanwhile.
    ///
    /// - Parameter length: So many bytes of frames are much.
    package func parts(separating length: Int) -> [Part] {
        var (parts, rest): ([Part], [Int]) = ([], [])
        for (number, pack) in packs.enumerated() where bits[number].contains(where: { $0 != 0 }) {
            if frames(of: pack.name).reduce(0, { $0 + $1.count }) >= length {
                parts.append(Part(packs: [number]))
            } else {
                rest.append(number)
            }
        }
        return rest.isEmpty ? parts : parts + [Part(packs: rest)]
    }

    /// The packs of which something goes.
    package var touched: [PackReader] {
        zip(packs, bits).filter { $0.1.contains { $0 != 0 } }.map(\.0)
    }

    /// What goes of metadata.
    package var metadata: [ObjectReference] {
        var found: [ObjectReference] = []
        for (number, pack) in packs.enumerated() {
            for position in 0..<pack.index.entryCount where contains(number, position) {
                if let (reference, _) = pack.index.entry(position), reference.kind != .blob {
                    found.append(reference)
                }
            }
        }
        return found
    }

    /// Length of the frames of which something goes, in bytes.
    package var storedBytes: Int {
        touched.reduce(0) { $0 + frames(of: $1.name).reduce(0) { $0 + $1.count } }
    }

    /// Where frames lie of which something goes, in a pack, in order.
    package func frames(of pack: PackName) -> [Range<Int>] {
        guard let number = packs.firstIndex(where: { $0.name == pack }) else { return [] }
        let index = packs[number].index
        var frames: Set<Int> = []
        for position in 0..<index.entryCount where contains(number, position) {
            if let (_, place) = index.entry(position) { frames.insert(place.frame) }
        }
        return frames.sorted().compactMap { number in
            (try? index.frame(number)).map { $0.offset..<$0.offset + $0.length }
        }
    }

    /// Hands out all of it, or of a part, in frames: those of which all goes as they are, others made anew.
    ///
    /// Memory: a frame or two for each thread, at most 4 MiB each.
    /// - Parameters:
    ///   - part: One of ``parts(separating:)``.
    ///   - threads: How many decode and hash at a time what is not trusted.
    ///   - isTrusted: Whether the indexes are believed, as one's own are; else every object is hashed.
    ///   - recipe: Takes recipes of large blobs, which are in no frame then: nobody knows yet whether they make what they say. Nothing to
    ///     have them in frames like everything else.
    package func forEachFrame(
        of part: Part? = nil, threads: Int = 1, trusting isTrusted: Bool,
        recipe: ((UnprovedRecipe) -> Void)? = nil,
        _ body: (EncodedFrame) throws(StoreError) -> Void
    ) throws(StoreError) {
        for number in part?.packs ?? Array(packs.indices) where bits[number].contains(where: { $0 != 0 }) {
            try PackRewrite(packs[number], of: source, threads: threads).forEachFrame(
                where: { contains(number, $0) }, trusting: isTrusted,
                holdingBack: { object in
                    guard let recipe, let blob = object.recipeOf else { return false }
                    recipe(UnprovedRecipe(blob: blob, reference: object.reference, payload: object.payload))
                    return true
                }
            ) { (frame) throws(StoreError) in try body(frame.encoded) }
        }
    }
}
