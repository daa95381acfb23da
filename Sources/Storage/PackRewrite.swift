internal import Coding
internal import ObjectModel

/// Takes some objects of a pack into new frames: frames of which all is wanted are copied, others are made anew.
///
/// Memory: a frame or two, at most 4 MiB each.
struct PackRewrite {
    private let pack: PackReader
    private let store: ObjectStore

    init(_ pack: PackReader, of store: ObjectStore) {
        self.pack = pack
        self.store = store
    }

    /// A frame of the new pack.
    struct Frame: Sendable {
        let encoded: EncodedFrame
        /// The raw bytes, where the frame was copied.
        let payload: [UInt8]?
    }

    /// Hands out the frames.
    ///
    /// - Parameters:
    ///   - isWanted: Asked for positions in the pack's index.
    ///   - isTrusted: Whether the index is believed where a frame is copied, so that the frame need not be decoded; its checksums are
    ///     compared all the same.
    ///   - holdsBack: Whether a wanted object of a frame that is made anew is not to be in it.
    /// - Throws: Also where the pack does not have what its index says: nobody may drop it then.
    func forEachFrame(
        where isWanted: (Int) -> Bool, trusting isTrusted: Bool = false,
        holdingBack holdsBack: (PackedObject) -> Bool = { _ in false },
        body: (Frame) throws(StoreError) -> Void
    ) throws(StoreError) {
        guard pack.index.verifyChecksum() else {
            throw .damaged(store.layout.pack(pack.name), problem: "the index' checksum is wrong")
        }
        var wanted: [Int: [ObjectReference: ObjectPlace]] = [:]
        for position in 0..<pack.index.entryCount {
            guard let (reference, place) = pack.index.entry(position), !place.isRecipe else { continue }
            if isWanted(position) { wanted[place.frame, default: [:]][reference] = place }
        }
        var builders: [FrameClass: FrameBuilder] = [
            .metadata: FrameBuilder(.metadata), .data: FrameBuilder(.data),
        ]
        for number in 0..<pack.index.frameCount {
            guard let places = wanted.removeValue(forKey: number), let about = places.keys.first else {
                continue
            }
            let raw: PackReader.RawFrame
            do throws(PackReader.FrameProblem) { raw = try pack.rawFrame(number) } catch {
                if error.isUnreadable { throw .object(.unreadable(about, problem: error.problem)) }
                throw .object(
                    .damaged(about, problem: "frame \(number) of pack \(pack.name): \(error.problem)"))
            }
            if isTrusted, let copy = Self.copy(raw, places) {
                try body(Frame(encoded: copy, payload: nil))
                continue
            }
            let bytes: [UInt8]
            do throws(ReadError) { bytes = try store.decode(raw, number, of: pack, for: about) } catch {
                throw .object(error)
            }
            let objects = Self.objects(raw.table, bytes)
            let references = Set(places.keys)
            if let lost = references.subtracting(objects.map(\.reference)).first {
                throw .object(
                    .damaged(lost, problem: "frame \(number) of pack \(pack.name) does not hold it"))
            }
            let isWhole = objects.allSatisfy { references.contains($0.reference) }
            if isWhole, Self.canBeCopied(raw) {
                var start = 0
                let placed = objects.map { object -> EncodedFrame.Object in
                    defer { start += object.payload.count }
                    return (object.reference, start, object.payload.count, nil)
                }
                try body(Frame(encoded: EncodedFrame(copying: raw, objects: placed), payload: bytes))
                continue
            }
            // Taken out while it grows: a copy of all for each object would take longer than the work.
            guard var builder = builders.removeValue(forKey: raw.frameClass) else { continue }
            for object in objects where references.contains(object.reference) && !holdsBack(object) {
                if !builder.hasRoom(for: object.payload.count) || builder.isFull {
                    try body(Frame(encoded: try store.encode(&builder), payload: nil))
                }
                builder.add(object.reference, object.payload, recipeOf: object.recipeOf)
            }
            builders[raw.frameClass] = builder
        }
        if let lost = wanted.values.first?.keys.first {
            throw .object(.damaged(lost, problem: "pack \(pack.name) has no frame for it"))
        }
        for frameClass in [FrameClass.data, .metadata] {
            if var builder = builders[frameClass], !builder.isEmpty {
                try body(Frame(encoded: try store.encode(&builder), payload: nil))
            }
        }
    }

    /// Whether a frame can stand in another pack as it is: what its base is need not lie beside it, and the index tells nothing of it
    /// that its table does not, as it does of recipes.
    private static func canBeCopied(_ raw: PackReader.RawFrame) -> Bool {
        (raw.table.bases.isEmpty || raw.codec.isDifference)
            && (raw.frameClass == .data || !raw.table.objects.contains { $0.kind == .chunks })
    }

    /// A frame as it is, if all of its objects are wanted and lie where the index says.
    private static func copy(
        _ raw: PackReader.RawFrame, _ places: [ObjectReference: ObjectPlace]
    ) -> EncodedFrame? {
        guard canBeCopied(raw), places.count == raw.table.objects.count else { return nil }
        let objects = places.sorted { $0.value.offset < $1.value.offset }
        var start = 0
        for (object, held) in zip(objects, raw.table.objects) {
            guard object.value.offset == start, object.value.length == held.length,
                object.key.kind == held.kind
            else { return nil }
            start += held.length
        }
        return EncodedFrame(
            copying: raw, objects: objects.map { ($0.key, $0.value.offset, $0.value.length, nil) })
    }

    /// The objects of a frame's raw bytes, each hashed.
    static func objects(_ table: FrameTable, _ bytes: [UInt8]) -> [PackedObject] {
        var start = 0
        return table.objects.map { object in
            let payload = Array(bytes[start..<start + object.length])
            start += object.length
            let reference = ObjectReference(object.kind, ObjectID(of: object.kind, payload: payload))
            let recipe = object.kind == .chunks && payload.first == 1 ? try? Recipe(payload: payload) : nil
            return PackedObject(reference: reference, payload: payload, recipeOf: recipe?.blob)
        }
    }
}
