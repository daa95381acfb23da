internal import Coding
internal import FileIO
internal import ObjectModel

/// Puts the objects of small packs into a new one, so that a store of many commits keeps few packs: a log-structured
/// merge (O'Neil, Cheng, Gawlick, O'Neil, 1996) in tiers of raw bytes, each eight times the one below.
///
/// Small objects are framed anew, versions of one thing side by side; frames of large ones are copied.
///
/// Memory: at most ``sumLimit`` of raw bytes, and as much again while they are sorted and encoded.
struct PackMerge {
    /// So many packs of a tier become one of the next.
    static let fanOut = 8
    /// Raw bytes below which a pack is in the lowest tier.
    static let lowestTier = 64 << 10
    /// Packs of more raw bytes stay as they are.
    static let rawLimit = 16 << 20
    /// Raw bytes of all packs that are merged at a time.
    static let sumLimit = 64 << 20
    /// Raw bytes of a frame that is made here.
    private static let metadataFrame = 64 << 10
    private static let dataFrame = 128 << 10
    /// Objects of a frame that are larger than this on average are worth a frame of their own.
    private static let largeObject = 32 << 10
    /// Frames that share a base, one after another.
    private static let baseRun = 8

    private let store: ObjectStore
    /// The oldest first.
    private let packs: [PackReader]

    init(_ packs: [PackReader], of store: ObjectStore) {
        self.packs = packs
        self.store = store
    }

    // MARK: Choosing

    static func tier(_ rawLength: Int) -> Int {
        var (tier, limit) = (0, lowestTier)
        while rawLength >= limit, tier < 16 { (tier, limit) = (tier + 1, limit * fanOut) }
        return tier
    }

    /// Which packs go into a new one, by their raw lengths.
    ///
    /// - Parameter rawLength: Of what the new pack holds by itself.
    /// - Returns: Positions in `lengths`.
    static func choose(among lengths: [Int], rawLength: Int) -> [Int] {
        var rest = lengths.indices.filter { lengths[$0] < rawLimit }
        var (chosen, sum): ([Int], Int) = ([], rawLength)
        while true {
            let tier = tier(sum)
            guard rest.count(where: { Self.tier(lengths[$0]) == tier }) >= fanOut - 1 else { return chosen }
            let taken = rest.filter { Self.tier(lengths[$0]) <= tier }
            let more = taken.reduce(0) { $0 + lengths[$1] }
            guard sum + more <= sumLimit else { return chosen }
            chosen += taken
            sum += more
            rest.removeAll { Self.tier(lengths[$0]) <= tier }
        }
    }

    // MARK: Merging

    /// The frames that hold the objects of all packs, and some that are in none yet.
    func frames(adding fresh: [PackedObject]) throws(StoreError) -> [EncodedFrame] {
        var frames: [EncodedFrame] = []
        var (metadata, data): ([PackedObject], [PackedObject]) = ([], [])
        var seen: Set<ObjectReference> = []
        // What needs a base comes last: of what is there without one as well, that copy stays, since it may be one itself.
        var deltas: [EncodedFrame] = []
        for pack in packs {
            let contents = PackContents(pack)
            for number in 0..<pack.index.frameCount {
                let raw: PackReader.RawFrame
                do throws(PackReader.FrameProblem) { raw = try pack.rawFrame(number) } catch {
                    throw Self.damage(pack, number, error.problem)
                }
                let isLarge = raw.rawLength / max(1, raw.table.objects.count) > Self.largeObject
                if raw.frameClass == .data,
                    raw.codec.isTensor || raw.codec.isDifference || (isLarge && raw.table.bases.isEmpty),
                    let objects = contents.objects(of: number, raw.table)
                {
                    guard raw.table.bases.isEmpty else {
                        deltas.append(EncodedFrame(copying: raw, objects: objects))
                        continue
                    }
                    let isNew = objects.map { seen.insert($0.reference).inserted }
                    if isNew.contains(true) { frames.append(EncodedFrame(copying: raw, objects: objects)) }
                    continue
                }
                for object in try decoded(number, raw, of: pack)
                where seen.insert(object.reference).inserted {
                    if raw.frameClass == .data { data.append(object) } else { metadata.append(object) }
                }
            }
        }
        for delta in sorted(deltas) {
            let isNew = delta.objects.map { seen.insert($0.reference).inserted }
            if isNew.contains(true) { frames.append(delta) }
        }
        metadata += fresh.filter { seen.insert($0.reference).inserted }
        let order = MergeOrder(metadata)
        frames += try framed(order.sorted(data), Self.dataFrame, .data)
        return frames + (try framed(order.sorted(metadata), Self.metadataFrame, .metadata))
    }

    /// Frames with a base in the order in which they are taken: those that need the fewest others first.
    ///
    /// What has lost its base comes last: it may be read again some day, but hides nothing that can be read now.
    private func sorted(_ deltas: [EncodedFrame]) -> [EncodedFrame] {
        let keys = deltas.map { delta -> Int in
            let depth = delta.codec.depth
            return delta.bases.allSatisfy { store.hasCopy(of: $0, below: depth) } ? depth : .max
        }
        return deltas.indices.sorted { (keys[$0], $0) < (keys[$1], $1) }.map { deltas[$0] }
    }

    private static func damage(_ pack: PackReader, _ frame: Int, _ problem: String) -> StoreError {
        .object(
            .damaged(
                pack.index.entry(0)?.reference ?? ObjectReference(.blob, DirectoryTree.emptyRoot),
                problem: "frame \(frame) of pack \(pack.name): \(problem)"))
    }

    private func decoded(
        _ number: Int, _ raw: PackReader.RawFrame, of pack: PackReader
    ) throws(StoreError) -> [PackedObject] {
        let bytes: [UInt8]
        let about = pack.index.entry(0)?.reference ?? ObjectReference(.blob, DirectoryTree.emptyRoot)
        do throws(ReadError) { bytes = try store.decode(raw, number, of: pack, for: about) } catch {
            throw .object(error)
        }
        // Hashed anew: what a merge hands on is what it says it is.
        return PackRewrite.objects(raw.table, bytes)
    }

    private func framed(
        _ objects: [PackedObject], _ target: Int, _ frameClass: FrameClass
    ) throws(StoreError) -> [EncodedFrame] {
        var frames: [EncodedFrame] = []
        var builder = FrameBuilder(frameClass)
        var base: (reference: ObjectReference, payload: [UInt8])?
        var (based, last): (Int, PackedObject?) = (0, nil)
        for object in objects {
            let isWorth = builder.rawLength + object.payload.count > target
            if !builder.isEmpty, isWorth || !builder.hasRoom(for: object.payload.count) {
                let frame = try store.encode(&builder, base: base)
                frames.append(frame)
                based = frame.bases.isEmpty ? 0 : based + 1
                // The next frame goes on with what this one ended with, or with what this one's base is.
                if frame.bases.isEmpty {
                    base = last.flatMap { $0.payload.isEmpty ? nil : ($0.reference, $0.payload) }
                }
                if based >= Self.baseRun { base = nil }
            }
            builder.add(object.reference, object.payload, recipeOf: object.recipeOf)
            last = object
        }
        if !builder.isEmpty { frames.append(try store.encode(&builder, base: base)) }
        return frames
    }
}

/// Which objects lie in each frame of a pack, as its index says.
private struct PackContents {
    private var frames: [Int: [(reference: ObjectReference, offset: Int, length: Int)]] = [:]

    init(_ pack: PackReader) {
        // An index that is damaged tells nothing; frames are decoded then.
        guard pack.index.verifyChecksum() else { return }
        for position in 0..<pack.index.entryCount {
            guard let (reference, place) = pack.index.entry(position), !place.isRecipe else { continue }
            frames[place.frame, default: []].append((reference, place.offset, place.length))
        }
    }

    /// The objects of a frame in order; nothing if the index does not name all that the frame's table has.
    func objects(of frame: Int, _ table: FrameTable) -> [EncodedFrame.Object]? {
        guard let found = frames[frame]?.sorted(by: { $0.offset < $1.offset }),
            found.count == table.objects.count
        else { return nil }
        var (objects, start): ([EncodedFrame.Object], Int) = ([], 0)
        for (object, row) in zip(found, table.objects) {
            guard object.reference.kind == row.kind, object.length == row.length, object.offset == start
            else { return nil }
            objects.append((object.reference, start, row.length, nil))
            start += row.length
        }
        return objects
    }
}

/// Where objects stand in a merged pack: versions of one node or file side by side, the oldest first, so that one
/// can be told by what it has of the one before.
private struct MergeOrder {
    /// For a blob the node that first named it, and its name in it.
    private var names: [ObjectID: [UInt8]] = [:]

    init(_ metadata: [PackedObject]) {
        for object in metadata where object.reference.kind == .tree {
            guard let node = try? MerkleNode<TreeEntry>(payload: object.payload), node.level == 0 else {
                continue
            }
            let lineage = node.elements.last?.key ?? []
            for case .leaf(let entry) in node.elements
            where entry.mode != .directory && names[entry.id] == nil {
                names[entry.id] = lineage + [0x2f] + entry.name.bytes
            }
        }
    }

    /// - Parameter objects: The oldest first.
    func sorted(_ objects: [PackedObject]) -> [PackedObject] {
        let keys = objects.map { key(of: $0) }
        return objects.indices.sorted { a, b in
            if keys[a] == keys[b] { return a < b }
            return keys[a].lexicographicallyPrecedes(keys[b])
        }.map { objects[$0] }
    }

    /// What the versions of one thing have in common: the kind, and for a node its level and last key, which an edit of
    /// another element leaves as they are.
    private func key(of object: PackedObject) -> [UInt8] {
        let kind = [object.reference.kind.rawValue]
        switch object.reference.kind {
        case .blob: return names[object.reference.id] ?? []
        case .tree: return kind + Self.lineage(of: try? MerkleNode<TreeEntry>(payload: object.payload))
        case .refs: return kind + Self.lineage(of: try? MerkleNode<RefEntry>(payload: object.payload))
        case .recipes: return kind + Self.lineage(of: try? MerkleNode<RecipeEntry>(payload: object.payload))
        case .chunks, .commit, .run, .event, .statement: return kind
        }
    }

    private static func lineage<Leaf>(of node: MerkleNode<Leaf>?) -> [UInt8] {
        guard let node else { return [] }
        return [UInt8(node.level)] + (node.elements.last?.key ?? [])
    }
}
