internal import Coding
package import ObjectModel
internal import Synchronization

extension ObjectStore {
    /// A coder that one thread has at a time: it leaves the list while it is used.
    struct CoderBox: @unchecked Sendable {
        let coder: FrameCoder
    }

    /// Where an object lies.
    package struct Found: Sendable {
        package let pack: PackReader
        package let place: ObjectPlace

        package init(pack: PackReader, place: ObjectPlace) {
            self.pack = pack
            self.place = place
        }
    }

    /// Where an object lies, or the recipe of a blob that was cut; nothing if no live pack has it.
    package func find(_ reference: ObjectReference) -> Found? {
        let packs = packs
        if reference.kind != .blob {
            let guess = likelyPack.load(ordering: .relaxed)
            if guess < packs.count, let place = packs[guess].index.find(reference) {
                return Found(pack: packs[guess], place: place)
            }
        }
        var (differences, recipe): ([Found], Found?) = ([], nil)
        for (number, pack) in packs.enumerated() {
            guard let place = pack.index.find(reference) else { continue }
            let found = Found(pack: pack, place: place)
            // A blob that lies somewhere whole need not be put together, and one that lies there by itself needs no base.
            if place.isRecipe {
                recipe = recipe ?? found
            } else if reference.kind != .blob {
                likelyPack.store(number, ordering: .relaxed)
                return found
            } else if pack.index.hasBase(place.frame) {
                differences.append(found)
            } else {
                return found
            }
        }
        if differences.count > 1 {
            // One that has not lost its base, and needs the fewest frames.
            func depth(_ found: Found) -> Int { found.pack.index.depth(found.place.frame) }
            let whole = differences.filter { hasBases($0) }
            return (whole.isEmpty ? differences : whole).min { depth($0) < depth($1) }
        }
        return differences.first ?? recipe
    }

    /// The same, and where it is a difference, what it differs from has not gone astray: what is to be relied upon.
    package func containsWithBase(_ reference: ObjectReference) -> Bool {
        guard let found = find(reference) else { return false }
        return reference.kind != .blob || found.place.isRecipe || hasBases(found)
    }

    /// Whether what the frame at a place differs from is there.
    private func hasBases(_ found: Found) -> Bool {
        guard found.pack.index.isDifference(found.place.frame),
            let frame = try? found.pack.index.frame(found.place.frame)
        else { return true }
        let depth = found.pack.index.depth(found.place.frame)
        return frame.bases.allSatisfy { hasCopy(of: $0, below: depth) }
    }

    /// Whether a live pack has an object so that others can rely on it as their base, if it is a blob.
    func containsPlain(_ reference: ObjectReference) -> Bool {
        guard let found = find(reference) else { return false }
        return reference.kind != .blob || found.place.isRecipe || !found.pack.index.hasBase(found.place.frame)
    }

    /// Whether a blob lies in a frame that can be a base's for one of some depth, and what that needs is there.
    package func hasCopy(of reference: ObjectReference, below depth: Int) -> Bool {
        packs.contains { pack in
            guard let place = pack.index.find(reference), !place.isRecipe else { return false }
            let own = pack.index.depth(place.frame)
            return own == 0 || own < depth && hasBases(Found(pack: pack, place: place))
        }
    }

    /// The places of a blob that can be a base's for a frame of some depth, those of the least depth first.
    func copies(of reference: ObjectReference, below depth: Int) -> [Found] {
        let found = packs.compactMap { pack -> (found: Found, depth: Int)? in
            guard let place = pack.index.find(reference), !place.isRecipe else { return nil }
            let own = pack.index.depth(place.frame)
            return own < depth ? (Found(pack: pack, place: place), own) : nil
        }
        return found.count > 1 ? found.sorted { $0.depth < $1.depth }.map(\.found) : found.map(\.found)
    }

    /// The places of a blob in frames without a base.
    func plainCopies(of reference: ObjectReference) -> [Found] { copies(of: reference, below: 1) }

    /// Whether a live pack has an object, or the recipe of a blob; its bytes are not looked at.
    package func contains(_ reference: ObjectReference) -> Bool { find(reference) != nil }

    /// The ids of all objects of a kind that begin with some hex digits.
    package func ids(of kind: ObjectKind, beginning digits: String) -> [ObjectID] {
        packs.flatMap { $0.index.ids(of: kind, beginning: digits) }
    }

    /// The payload of an object, checked against its id; nothing if it is not there.
    package func payload(of reference: ObjectReference) throws(ReadError) -> [UInt8]? {
        guard let found = find(reference) else { return nil }
        return try payload(of: reference, at: found)
    }

    /// The payload of an object that was found; as another pack has it where it is damaged there.
    package func payload(of reference: ObjectReference, at found: Found) throws(ReadError) -> [UInt8] {
        do throws(ReadError) { return try soundPayload(of: reference, at: found) } catch {
            guard hasMoved(found, error) else { throw error }
            guard let found = find(reference) else { throw .missing(reference) }
            return try soundPayload(of: reference, at: found)
        }
    }

    private func soundPayload(of reference: ObjectReference, at found: Found) throws(ReadError) -> [UInt8] {
        do throws(ReadError) { return try payloadNow(of: reference, at: found) } catch {
            guard case .damaged = error else { throw error }
            // Which one was found is chance, and another one may have been moved by a merge just now.
            repeat {
                for other in copies(of: reference) where other.pack.name != found.pack.name {
                    if let payload = try? payloadNow(of: reference, at: other) { return payload }
                }
            } while hasNews()
            throw error
        }
    }

    /// Whether the store has gone on since it was last looked at; it is looked at again.
    private func hasNews() -> Bool {
        let before = current
        return (try? refresh()) != nil && current != before
    }

    /// Every place of an object; those where a blob lies whole come first, and of these those of the least depth.
    private func copies(of reference: ObjectReference) -> [Found] {
        let recipes = packs.compactMap { pack in
            pack.index.find(reference).map { Found(pack: pack, place: $0) }
        }.filter(\.place.isRecipe)
        return copies(of: reference, below: .max) + recipes
    }

    /// Whether an object can be read at one place, of a blob by recipe that recipe.
    func isSound(_ reference: ObjectReference, at found: Found) -> Bool {
        if found.place.isRecipe { return (try? recipe(of: reference.id, at: found)) != nil }
        return (try? payloadNow(of: reference, at: found)) != nil
    }

    /// Whether an object could not be read for its pack's file being gone, which was merged or collected meanwhile: then the object
    /// lies elsewhere.
    private func hasMoved(_ found: Found, _ error: ReadError) -> Bool {
        guard case .unreadable = error, (try? refresh()) != nil else { return false }
        return !current.isLive(found.pack.name)
    }

    private func payloadNow(of reference: ObjectReference, at found: Found) throws(ReadError) -> [UInt8] {
        if found.place.isRecipe { return try assembled(try recipe(of: reference.id, at: found)) }
        let (frame, range) = try located(reference, at: found)
        try verify(frame[range], reference, at: found)
        // What fills its frame, as a tensor does, is not copied.
        return range.count == frame.count ? frame : Array(frame[range])
    }

    /// The bytes at a place where the object lies whole, checked against its id: a part of the frame, not copied.
    func verifiedSlice(
        of reference: ObjectReference, at found: Found
    ) throws(ReadError) -> ArraySlice<UInt8> {
        let payload = try slice(of: reference, at: found)
        try verify(payload, reference, at: found)
        return payload
    }

    private func verify(
        _ payload: ArraySlice<UInt8>, _ reference: ObjectReference, at found: Found
    ) throws(ReadError) {
        let id = payload.withUnsafeBytes { ObjectID(of: reference.kind, payload: $0) }
        guard id != reference.id else { return }
        let place = "frame \(found.place.frame) of pack \(found.pack.name)"
        throw .damaged(reference, problem: "its bytes in \(place) have another digest")
    }

    /// The most bytes of a large blob that are put together in memory.
    package static let assemblyLimit = 64 << 20

    private func assembled(_ recipe: Recipe) throws(ReadError) -> [UInt8] {
        let blob = recipe.blob
        guard recipe.length <= Self.assemblyLimit else {
            throw .unreadable(
                ObjectReference(.blob, blob),
                problem: "its \(recipe.length) bytes are to be read chunk by chunk")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(recipe.length)
        try recipe.forEachChunk(in: self) { (chunk) throws(ReadError) in
            bytes += try self.chunk(chunk)
        }
        guard ObjectID(of: .blob, payload: bytes) == blob else {
            throw .damaged(ObjectReference(.blob, blob), problem: "its chunks make other bytes")
        }
        return bytes
    }

    /// The bytes of a chunk of a large blob: a blob that lies here whole.
    ///
    /// One that is put together itself is none.
    package func chunk(_ chunk: ChunkEntry) throws(ReadError) -> [UInt8] {
        let reference = ObjectReference(.blob, chunk.id)
        if find(reference)?.place.isRecipe == true {
            throw .damaged(reference, problem: "it is a chunk, and there by a recipe only")
        }
        let bytes = try required(.blob, chunk.id)
        guard bytes.count == chunk.length else {
            throw .damaged(
                reference, problem: "it has \(bytes.count) bytes, and a recipe says \(chunk.length)")
        }
        return bytes
    }

    /// The bytes of a chunk that nobody compares with its id, a part of a frame and not copied: for those who check the whole.
    ///
    /// What cannot be read so is read as ``chunk(_:)`` does.
    package func uncheckedChunk(_ chunk: ChunkEntry) throws(ReadError) -> ArraySlice<UInt8> {
        let reference = ObjectReference(.blob, chunk.id)
        if let found = find(reference), !found.place.isRecipe, found.place.length == chunk.length,
            let bytes = try? slice(of: reference, at: found)
        {
            return bytes
        }
        return try self.chunk(chunk)[...]
    }

    /// How a large blob is put together; nothing if it lies here whole or not at all.
    package func recipe(of blob: ObjectID) throws(ReadError) -> Recipe? {
        let reference = ObjectReference(.blob, blob)
        guard let found = find(reference), found.place.isRecipe else { return nil }
        do throws(ReadError) { return try soundRecipe(of: blob, at: found) } catch {
            guard hasMoved(found, error) else { throw error }
            guard let found = find(reference) else { throw .missing(reference) }
            return found.place.isRecipe ? try soundRecipe(of: blob, at: found) : nil
        }
    }

    /// The recipe of a blob that was found, or as another pack has it where it is damaged there.
    func soundRecipe(of blob: ObjectID, at found: Found) throws(ReadError) -> Recipe {
        do throws(ReadError) { return try recipe(of: blob, at: found) } catch {
            guard case .damaged = error else { throw error }
            repeat {
                for other in copies(of: ObjectReference(.blob, blob))
                where other.place.isRecipe && other.pack.name != found.pack.name {
                    if let recipe = try? recipe(of: blob, at: other) { return recipe }
                }
            } while hasNews()
            throw error
        }
    }

    private func recipe(of blob: ObjectID, at found: Found) throws(ReadError) -> Recipe {
        let reference = ObjectReference(.blob, blob)
        let (pack, place) = (found.pack, found.place)
        let frame = try self.frame(place.frame, of: pack, for: reference)
        guard place.offset + place.length <= frame.count else {
            throw .damaged(
                reference,
                problem: "the index of pack \(pack.name) points behind the end of frame \(place.frame)")
        }
        do throws(MalformedObject) {
            let recipe = try Recipe(payload: Array(frame[place.offset..<place.offset + place.length]))
            guard recipe.blob == blob else { throw .node("a recipe of another blob") }
            return recipe
        } catch { throw .damaged(reference, problem: "its recipe \(error)") }
    }

    /// The raw bytes of a frame, decoded at most once while it is in memory.
    package func frame(_ number: Int, of pack: PackReader, for reference: ObjectReference) throws(ReadError)
        -> [UInt8]
    {
        // Who decodes a frame asks for others of less depth only, so that nobody waits for who waits for him.
        try cache.bytes(of: FrameCache.Key(pack: pack.name, frame: number)) { () throws(ReadError) in
            try decodeFrame(number, of: pack, for: reference)
        }
    }

    /// Whether a chunk's frame is being decoded just now, by another thread.
    package func isUnderway(_ chunk: ChunkEntry) -> Bool {
        guard let found = find(ObjectReference(.blob, chunk.id)) else { return false }
        return cache.isUnderway(FrameCache.Key(pack: found.pack.name, frame: found.place.frame))
    }

    /// Decodes a chunk's frame for somebody who will ask for it soon; what cannot be decoded, that one will be told.
    package func prepare(_ chunk: ChunkEntry) {
        let reference = ObjectReference(.blob, chunk.id)
        guard let found = find(reference), !found.place.isRecipe else { return }
        _ = try? frame(found.place.frame, of: found.pack, for: reference)
    }

    /// The raw bytes of a frame, not kept.
    package func decodeFrame(_ number: Int, of pack: PackReader, for reference: ObjectReference)
        throws(ReadError) -> [UInt8]
    {
        let raw: PackReader.RawFrame
        do throws(PackReader.FrameProblem) { raw = try pack.rawFrame(number) } catch {
            let place = "frame \(number) at offset \(error.offset) of pack \(pack.name)"
            if error.isUnreadable { throw .unreadable(reference, problem: "\(place): \(error.problem)") }
            throw .damaged(reference, problem: "\(place): \(error.problem)")
        }
        return try decode(raw, number, of: pack, for: reference)
    }

    /// Decodes a frame that was read.
    func decode(
        _ raw: PackReader.RawFrame, _ number: Int, of pack: PackReader, for reference: ObjectReference
    ) throws(ReadError) -> [UInt8] {
        let base = try raw.table.baseBytes { (name) throws(ReadError) in
            raw.codec.isDifference
                ? try basePayload(name, below: raw.codec.depth, for: reference)
                : try basePayload(name, in: pack, for: reference)
        }
        guard let base else {
            throw .damaged(
                reference, problem: "frame \(number) of pack \(pack.name) has \(raw.table.badBases)")
        }
        do throws(CodingError) {
            return try withCoder { (coder) throws(CodingError) in
                try PackReader.decode(raw, base: base, coder)
            }
        } catch { throw .damaged(reference, problem: "frame \(number) of pack \(pack.name): \(error)") }
    }

    /// The base of a difference lies whole in some pack, in a frame of less depth, so this ends.
    private func basePayload(
        _ base: ObjectReference, below depth: Int, for reference: ObjectReference
    ) throws(ReadError) -> ArraySlice<UInt8> {
        var failure: ReadError?
        repeat {
            for found in copies(of: base, below: depth) {
                do throws(ReadError) {
                    return try slice(of: base, at: found)
                } catch { failure = failure ?? error }
            }
            // Its pack may have been merged or collected meanwhile, and then it lies elsewhere.
        } while hasNews()
        let problem =
            switch failure {
            case nil: contains(base) ? "lies only in frames that cannot be a base's" : "is missing"
            case .damaged(_, let problem), .unreadable(_, let problem): "cannot be read: \(problem)"
            case .missing: "is missing"
            }
        throw .damaged(reference, problem: "its base, \(base), \(problem)")
    }

    /// The bytes at a place, which nobody compares with an id: a part of the frame, not copied.
    private func slice(of reference: ObjectReference, at found: Found) throws(ReadError) -> ArraySlice<UInt8>
    {
        let (frame, range) = try located(reference, at: found)
        return frame[range]
    }

    /// The raw bytes of the frame at a place, and which of them are the object's.
    private func located(
        _ reference: ObjectReference, at found: Found
    ) throws(ReadError) -> (frame: [UInt8], range: Range<Int>) {
        let (pack, place) = (found.pack, found.place)
        let frame = try self.frame(place.frame, of: pack, for: reference)
        guard place.offset + place.length <= frame.count else {
            throw .damaged(
                reference,
                problem: "the index of pack \(pack.name) points behind the end of frame \(place.frame)")
        }
        return (frame, place.offset..<place.offset + place.length)
    }

    /// A base of another codec lies whole in the same pack, in a frame that has none itself, so this ends.
    private func basePayload(
        _ base: ObjectReference, in pack: PackReader, for reference: ObjectReference
    ) throws(ReadError) -> ArraySlice<UInt8> {
        guard let place = pack.index.find(base), !place.isRecipe,
            let frame = try? pack.index.frame(place.frame)
        else {
            throw .damaged(reference, problem: "its base, \(base), is not in pack \(pack.name)")
        }
        guard frame.bases.isEmpty else {
            throw .damaged(reference, problem: "its base, \(base), has a base itself")
        }
        return try slice(of: base, at: Found(pack: pack, place: place))
    }

    /// Lends a coder to one thread.
    func withCoder<Result>(_ body: (FrameCoder) throws(CodingError) -> Result) throws(CodingError) -> Result {
        let taken = coders.withLock { $0.popLast() }
        let box = if let taken { taken } else { CoderBox(coder: try FrameCoder()) }
        defer { coders.withLock { $0.append(box) } }
        return try body(box.coder)
    }

    /// The same for who encodes; what goes wrong then is no fault of what lies in the store.
    func coding<Result>(_ body: (FrameCoder) throws(CodingError) -> Result) throws(StoreError) -> Result {
        do throws(CodingError) { return try withCoder(body) } catch {
            throw .damaged(layout.temporary, problem: "\(error)")
        }
    }

    /// Encodes the objects of a frame.
    ///
    /// - Parameter base: As in ``FrameBuilder/finish(_:base:)``.
    package func encode(
        _ builder: inout FrameBuilder, base: (reference: ObjectReference, payload: [UInt8])? = nil
    ) throws(StoreError) -> EncodedFrame {
        try coding { (coder) throws(CodingError) in try builder.finish(coder, base: base) }
    }
}
