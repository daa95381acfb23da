internal import Coding
internal import FileIO
package import ObjectModel
internal import Synchronization

/// The new objects of one operation, on their way into packs.
///
/// May be used from any thread.
///
/// What the store has already is not written again; it is remembered as relied upon, because it may be collected
/// before the operation is in the log.
package final class ObjectWriter: Sendable {
    /// The length at which a pack is closed and the next one begun.
    private let packLimit: Int

    package let store: ObjectStore
    /// What rests upon bases, in the store and here.
    let differences: DifferenceTally
    private let keepsNodes: Bool
    private let ledger: WriteLedger?
    private let random: @Sendable (Int) -> [UInt8]
    /// The number of the log entry that was the newest one when objects began to be looked up.
    private let start: Int
    private let state: Mutex<State>

    private struct State {
        var pack: PackWriter?
        var finished: [FinishedPack] = []
        /// The same, to find what is in them.
        var written: [PackReader] = []
        var merged: [PackReader] = []
        /// What was written before older packs were merged in.
        var ownBytes = 0
        var metadata = FrameBuilder(.metadata)
        /// What somebody took and did not append yet.
        var inFlight: Set<ObjectReference> = []
        /// Commits that were taken.
        var commits: Set<ObjectReference> = []
        var reliedOn: Set<ObjectReference> = []
        /// The bases of what was written, as far as the store had them, and the depth below which each is needed.
        var bases: [ObjectReference: Int] = [:]
        var sources: [Source] = []
        var objects = 0
        var rawBytes = 0
        /// Nodes of directories that were written, if they are kept.
        var nodes: [ObjectReference: [UInt8]] = [:]

        func isOwn(_ reference: ObjectReference) -> Bool {
            inFlight.contains(reference) || pack?.contains(reference) ?? false
                || written.contains { $0.index.find(reference) != nil }
        }
    }

    /// - Parameters:
    ///   - keepsNodes: Whether directories that are written can be asked for; a million files have 60 MB of them.
    ///   - ledger: Notes how everything is stored.
    ///   - packLimit: The length at which a pack is closed and the next one begun.
    ///   - random: Hands out that many random bytes.
    package init(
        _ store: ObjectStore, keepsNodes: Bool = false, ledger: WriteLedger? = nil, packLimit: Int = 1 << 30,
        random: @escaping @Sendable (Int) -> [UInt8]
    ) {
        self.store = store
        differences = DifferenceTally(store)
        self.packLimit = packLimit
        self.keepsNodes = keepsNodes
        self.ledger = ledger
        self.random = random
        start = store.current.number
        state = Mutex(State())
    }

    /// Takes an object for writing: false if the store has it or somebody took it before.
    ///
    /// - Parameter evenIfThere: The store's own one is not enough.
    package func claim(_ reference: ObjectReference, evenIfThere: Bool = false) -> Bool {
        if state.withLock({ $0.isOwn(reference) || (!evenIfThere && $0.reliedOn.contains(reference)) }) {
            return false
        }
        let isThere = !evenIfThere && store.containsWithBase(reference)
        return state.withLock { state in
            if isThere {
                state.reliedOn.insert(reference)
                return false
            }
            guard !state.isOwn(reference) else { return false }
            state.inFlight.insert(reference)
            if reference.kind == .commit { state.commits.insert(reference) }
            return true
        }
    }

    /// Something with all that it reaches that is named without being looked up object by object.
    package struct Source: Sendable {
        /// A commit that has it.
        package let commit: ObjectID
        package let content: ObjectReference
    }

    /// Remembers that the operation needs everything that an object of some commit reaches.
    package func rely(on content: ObjectReference, of commit: ObjectID) {
        state.withLock { $0.sources.append(Source(commit: commit, content: content)) }
    }

    /// Remembers that something written here cannot be read without an object that the store has in a frame of less than some depth,
    /// unless it was written here as well.
    func rely(onBase base: ObjectReference, below depth: Int) {
        state.withLock { state in
            if !state.isOwn(base) { state.bases[base] = min(depth, state.bases[base] ?? depth) }
        }
    }

    /// What was named by ``rely(on:of:)``.
    package var sources: [Source] { state.withLock { $0.sources } }

    /// Whether a commit was taken for writing here.
    package func isNewCommit(_ reference: ObjectReference) -> Bool {
        state.withLock { $0.commits.contains(reference) }
    }

    /// Writes a metadata object, unless it is there.
    @discardableResult
    package func add(_ kind: ObjectKind, _ payload: [UInt8]) throws(StoreError) -> ObjectID {
        let id = ObjectID(of: kind, payload: payload)
        try add(ObjectReference(kind, id), payload)
        return id
    }

    /// Writes a metadata object whose id is known.
    ///
    /// - Parameter recipeOf: The blob, if the object is its recipe.
    package func add(_ reference: ObjectReference, _ payload: [UInt8], recipeOf: ObjectID? = nil)
        throws(StoreError)
    {
        guard payload.count <= reference.kind.payloadLimit else {
            throw .tooLarge(reference.kind, payload.count, limit: reference.kind.payloadLimit)
        }
        guard claim(reference) else { return }
        let full = state.withLock { state -> FrameBuilder? in
            var full: FrameBuilder?
            if !state.metadata.hasRoom(for: payload.count) || state.metadata.rawLength >= Self.metadataFrame {
                full = state.metadata
                state.metadata = FrameBuilder(.metadata)
            }
            state.metadata.add(reference, payload, recipeOf: recipeOf)
            if keepsNodes, reference.kind == .tree { state.nodes[reference] = payload }
            return full
        }
        if var full { try append(&full) }
    }

    /// A directory's node that was written here, if they are kept.
    package func pending(_ reference: ObjectReference) -> [UInt8]? { state.withLock { $0.nodes[reference] } }

    /// Raw bytes of a frame of metadata.
    private static let metadataFrame = 256 << 10

    /// Encodes and writes the objects of a frame, which were claimed.
    package func append(_ builder: inout FrameBuilder) throws(StoreError) {
        guard !builder.isEmpty else { return }
        try append(try store.encode(&builder))
    }

    /// Writes a frame of objects that were claimed.
    package func append(_ frame: EncodedFrame) throws(StoreError) {
        try put(frame)
        ledger?.note(frame)
        state.withLock { state in
            state.objects += frame.objects.count
            state.rawBytes += frame.rawLength
            for object in frame.objects { state.inFlight.remove(object.reference) }
        }
    }

    /// Writes a frame into the current pack, whichever that is: another thread may finish the one that was chosen.
    private func put(_ frame: EncodedFrame) throws(StoreError) {
        while try !currentPack().append(frame) {}
    }

    /// Whether an object was written here, so that nobody can have damaged it yet.
    func hasWritten(_ reference: ObjectReference) -> Bool {
        let (pack, written) = state.withLock { ($0.pack, $0.written) }
        return pack?.contains(reference) ?? false || written.contains { $0.index.find(reference) != nil }
    }

    /// Whether a blob lies, as it was written here or as the store has it, in a frame that can be a base's for one of some depth.
    func canBeBase(_ reference: ObjectReference, below depth: Int) -> Bool {
        let (pack, written) = state.withLock { ($0.pack, $0.written) }
        if let own = pack?.depth(of: reference) { return own < depth }
        for reader in written {
            guard let place = reader.index.find(reference), !place.isRecipe else { continue }
            return reader.index.depth(place.frame) < depth
        }
        return store.hasCopy(of: reference, below: depth)
    }

    /// The bytes of a blob that can be the base of a frame of some depth: as it was written here, or as the store has it, checked against
    /// its id.
    ///
    /// Nothing if it is nowhere, or cannot be read.
    func basePayload(of reference: ObjectReference, below depth: Int) -> ArraySlice<UInt8>? {
        if let payload = try? writtenPayload(of: reference, below: depth) { return payload[...] }
        for found in store.copies(of: reference, below: depth) {
            if let payload = try? store.verifiedSlice(of: reference, at: found) { return payload }
        }
        return nil
    }

    /// The bytes of a blob that was written here, in a frame of less than some depth.
    private func writtenPayload(
        of reference: ObjectReference, below depth: Int
    ) throws(StoreError) -> [UInt8]? {
        let (pack, written) = state.withLock { ($0.pack, $0.written) }
        var found: (raw: PackReader.RawFrame, offset: Int, length: Int)?
        if let pack { found = try pack.frame(of: reference) }
        if found == nil {
            for reader in written {
                guard let place = reader.index.find(reference), !place.isRecipe,
                    let raw = try? reader.rawFrame(place.frame)
                else { continue }
                found = (raw, place.offset, place.length)
                break
            }
        }
        guard let found, found.raw.codec.depth < depth else { return nil }
        var bases = BaseBytes()
        for base in found.raw.table.bases {
            guard let payload = basePayload(of: base, below: found.raw.codec.depth) else { return nil }
            bases.append(payload)
        }
        do throws(CodingError) {
            let bytes = try store.withCoder { (coder) throws(CodingError) in
                try PackReader.decode(found.raw, base: bases, coder)
            }
            return found.length == bytes.count
                ? bytes : Array(bytes[found.offset..<found.offset + found.length])
        } catch { throw .damaged(store.layout.temporary, problem: "\(error)") }
    }

    private func currentPack() throws(StoreError) -> PackWriter {
        let (pack, full) = state.withLock { state -> (PackWriter?, PackWriter?) in
            guard let pack = state.pack else { return (nil, nil) }
            if pack.length < packLimit { return (pack, nil) }
            state.pack = nil
            return (nil, pack)
        }
        if let pack { return pack }
        if let full, let finished = try full.finish() { note(finished) }
        let new = try PackWriter(
            layout: store.layout, files: store.files, nonce: random(PackName.nonceByteCount))
        let chosen = state.withLock { state -> PackWriter in
            if let other = state.pack { return other }
            state.pack = new
            return new
        }
        if chosen !== new { new.abandon() }
        return chosen
    }

    private func note(_ pack: FinishedPack) {
        // What cannot be found in it is written twice, which does no harm.
        let reader = try? PackReader(name: pack.name, layout: store.layout, files: store.files)
        state.withLock { state in
            state.finished.append(pack)
            if let reader { state.written.append(reader) }
        }
    }

    /// What the operation brought, once every pack is durable.
    package struct Result: Sendable {
        package let packs: [FinishedPack]
        /// Packs whose objects are in the new ones too, so that they can be dropped.
        package let merged: [PackName]
        package let objects: Int
        /// Of the new objects.
        package let rawBytes: Int
        /// What the new objects take: headers, index and all, before a merge with older ones makes it less.
        package let storedBytes: Int
    }

    /// Makes everything durable that was written.
    ///
    /// More can be written afterwards, into further packs.
    ///
    /// - Parameter base: Small packs of this state are merged into the new one, when there are many.
    package func finish(merging base: StoreState? = nil) throws(StoreError) -> Result {
        try store.requireNothingLost()
        var metadata = state.withLock { state -> FrameBuilder in
            defer { state.metadata = FrameBuilder(.metadata) }
            return state.metadata
        }
        var merged: [PackReader] = []
        // An operation that begins again has merged already.
        if let base, state.withLock({ $0.merged.isEmpty }) { merged = try merge(base, &metadata) }
        try append(&metadata)
        let pack = state.withLock { $0.pack.take() }
        if let finished = try pack?.finish() { note(finished) }
        return state.withLock { state in
            state.merged += merged
            let written = state.merged.isEmpty ? state.finished.reduce(0) { $0 + $1.length } : state.ownBytes
            return Result(
                packs: state.finished, merged: state.merged.map(\.name), objects: state.objects,
                rawBytes: state.rawBytes, storedBytes: written)
        }
    }

    /// Puts small packs into the one that is being written, together with what waits in `metadata`.
    ///
    /// - Returns: The packs; none where there are few, or where one of them cannot be read (`fsck` says why).
    private func merge(_ base: StoreState, _ metadata: inout FrameBuilder) throws(StoreError) -> [PackReader]
    {
        let candidates = store.packs.filter { base.isLive($0.name) }.sorted {
            (base.added[$0.name] ?? 0, $0.name) < (base.added[$1.name] ?? 0, $1.name)
        }
        let written = state.withLock { $0.pack?.rawLength ?? 0 } + metadata.rawLength
        let chosen = PackMerge.choose(among: candidates.map(\.index.rawLength), rawLength: written)
            .sorted().map { candidates[$0] }
        guard !chosen.isEmpty,
            let frames = try? PackMerge(chosen, of: store).frames(adding: metadata.contents)
        else { return [] }
        let pack = try currentPack()
        var alone = metadata
        let own = pack.length + (alone.isEmpty ? 0 : try store.encode(&alone).storedLength)
        for frame in frames { try put(frame) }
        state.withLock { state in
            state.ownBytes =
                own + PackTrailer.byteCount
                + (state.objects + metadata.contents.count) * PackTrailer.entrySize
            state.objects += metadata.contents.count
            state.rawBytes += metadata.rawLength
        }
        metadata = FrameBuilder(.metadata)
        return chosen
    }

    /// Whether everything that was found in the store is still in a live pack, and nobody took the packs that were
    /// written for leavings.
    package func stillStands() -> Bool {
        let (reliedOn, bases, packs) = state.withLock { ($0.reliedOn, $0.bases, $0.finished.map(\.name)) }
        return reliedOn.allSatisfy { store.containsWithBase($0) }
            && bases.allSatisfy { store.hasCopy(of: $0.key, below: $0.value) }
            && !packs.contains { store.isDoomed($0) }
    }

    /// The same for a state that an operation is to be made on: nothing can have changed if it is the one that was looked at.
    package func stands(in state: StoreState) -> Bool { state.number == start || stillStands() }

    /// Gives up: what was not finished leaves no file.
    package func abandon() { state.withLock { $0.pack.take() }?.abandon() }

    /// Gives up, and removes finished packs as well: where no log entry can have come to name them.
    package func discard() {
        abandon()
        // What cannot be removed now is collected later.
        for pack in state.withLock({ $0.finished }) {
            try? store.files.removeIfPresent(store.layout.pack(pack.name))
        }
    }
}
