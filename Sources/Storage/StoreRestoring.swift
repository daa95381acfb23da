package import ObjectModel
internal import Hashing

extension StoreRepair {
    /// What a store took from another one.
    package struct Restored: Hashable, Sendable {
        package fileprivate(set) var objects = 0
        /// Of the payloads.
        package fileprivate(set) var bytes = 0
        /// What the other store does not have either, sorted.
        package fileprivate(set) var missing: [ObjectReference] = []

        package init() {}
    }

    /// Takes from another store what this one has lost, with everything that it needs and that is not here either.
    ///
    /// Every object has the id that is looked for, and of a large file that is put together the whole is hashed before its recipe
    /// counts. Damaged packs stay as they are: that is for a repair behind this.
    /// - Parameters:
    ///   - report: Of a check of this store as it is now.
    ///   - other: A store that may have it.
    ///   - event: Makes the log entry's event, as for a repair. If nothing comes there is no entry.
    package func restore(
        _ report: IntegrityReport, from other: ObjectStore, event: Event,
        random: @escaping @Sendable (Int) -> [UInt8]
    ) throws(StoreError) -> Restored {
        guard !report.lost.isEmpty else { return Restored() }
        let store = try openWithout(report)
        let writer = ObjectWriter(store, random: random)
        defer { writer.abandon() }
        let (restored, blobs) = try copy(report.lost, from: other, to: writer)
        guard restored.objects > 0 else { return restored }
        var rest = blobs
        try writer.append(&rest)
        let id = try writer.add(.event, event.payload)
        let added = try writer.finish().packs.map(\.name)
        try replace([], by: added, event: id, time: event.time, writer, random)
        return restored
    }

    /// - Returns: What was written, and the blobs that are left to be.
    func copy(
        _ lost: [ObjectReference], from other: ObjectStore, to writer: ObjectWriter
    ) throws(StoreError) -> (Restored, FrameBuilder) {
        let both = EitherStore(first: writer.store, second: other)
        var (restored, blobs) = (Restored(), FrameBuilder(.data))
        var (due, seen): ([ObjectReference], Set<ObjectReference>) = (lost, [])
        while let reference = due.popLast() {
            guard seen.insert(reference).inserted else { continue }
            if reference.kind == .blob {
                if writer.store.containsWithBase(reference) { continue }
                if let recipe = both.recipe(of: reference.id) {
                    due.append(recipe)
                    continue
                }
            }
            let isHere = reference.kind != .blob && writer.store.contains(reference)
            guard let payload = try? (isHere ? writer.store : other).required(reference.kind, reference.id)
            else {
                if !ObjectEdge.isEmptyTree(reference) { restored.missing.append(reference) }
                continue
            }
            if !isHere {
                if reference.kind == .chunks, !both.makes(payload) {
                    restored.missing.append(reference)
                    continue
                }
                if try save(reference, payload, &blobs, writer) {
                    restored.objects += 1
                    restored.bytes += payload.count
                }
            }
            // What is needed by what came may be lost here without anybody knowing.
            due += ((try? ObjectEdge.edges(of: reference, payload)) ?? []).map(\.target)
        }
        restored.missing.sort()
        return (restored, blobs)
    }
}

/// Two stores: what the first one lacks is looked for in the second one.
private struct EitherStore: ObjectReader {
    let first: ObjectStore
    let second: ObjectStore

    func payload(of reference: ObjectReference) throws(ReadError) -> [UInt8]? {
        if let own = try? first.payload(of: reference) { return own }
        return try second.payload(of: reference)
    }

    /// The recipe by which a blob is to be had where it lies nowhere whole.
    func recipe(of blob: ObjectID) -> ObjectReference? {
        let reference = ObjectReference(.blob, blob)
        if let found = second.find(reference), !found.place.isRecipe { return nil }
        let recipe = ((try? first.recipe(of: blob)) ?? nil) ?? ((try? second.recipe(of: blob)) ?? nil)
        return recipe.map { ObjectReference(.chunks, ObjectID(of: .chunks, payload: $0.payload)) }
    }

    /// Whether the chunks of a recipe make what it says; so does a node of a long list of chunks, which says nothing of a whole.
    func makes(_ payload: [UInt8]) -> Bool {
        guard let recipe = try? Recipe(payload: payload) else { return true }
        var digest = SHA256()
        do throws(ReadError) {
            try recipe.forEachChunk(in: self) { (chunk) throws(ReadError) in
                digest.update(try required(.blob, chunk.id))
            }
        } catch { return false }
        return ObjectID(digest.finish()) == recipe.blob
    }
}
