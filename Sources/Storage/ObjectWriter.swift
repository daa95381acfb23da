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
    static let packLimit = 1 << 30

    package let store: ObjectStore
    private let random: @Sendable (Int) -> [UInt8]
    private let state: Mutex<State>

    private struct State {
        var pack: PackWriter?
        var finished: [FinishedPack] = []
        var metadata = FrameBuilder(.metadata)
        var claimed: Set<ObjectReference> = []
        var reliedOn: Set<ObjectReference> = []
        var objects = 0
        var rawBytes = 0
        /// Nodes of directories that were written, for those who go on from them.
        var nodes: [ObjectReference: [UInt8]] = [:]
    }

    /// - Parameter random: Hands out that many random bytes.
    package init(_ store: ObjectStore, random: @escaping @Sendable (Int) -> [UInt8]) {
        self.store = store
        self.random = random
        state = Mutex(State())
    }

    /// Takes an object for writing: false if the store has it or somebody took it before.
    package func claim(_ reference: ObjectReference) -> Bool {
        if state.withLock({ $0.claimed.contains(reference) || $0.reliedOn.contains(reference) }) {
            return false
        }
        let isThere = store.contains(reference)
        return state.withLock { state in
            if isThere {
                state.reliedOn.insert(reference)
                return false
            }
            return state.claimed.insert(reference).inserted
        }
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
        guard claim(reference) else { return }
        let full = state.withLock { state -> FrameBuilder? in
            var full: FrameBuilder?
            if !state.metadata.hasRoom(for: payload.count) || state.metadata.rawLength >= Self.metadataFrame {
                full = state.metadata
                state.metadata = FrameBuilder(.metadata)
            }
            state.metadata.add(reference, payload, recipeOf: recipeOf)
            if reference.kind == .tree { state.nodes[reference] = payload }
            return full
        }
        if var full { try append(&full) }
    }

    /// A directory's node that was written here.
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
        try currentPack().append(frame)
        state.withLock { state in
            state.objects += frame.objects.count
            state.rawBytes += frame.rawLength
        }
    }

    private func currentPack() throws(StoreError) -> PackWriter {
        let (pack, full) = state.withLock { state -> (PackWriter?, PackWriter?) in
            guard let pack = state.pack else { return (nil, nil) }
            if pack.length < Self.packLimit { return (pack, nil) }
            state.pack = nil
            return (nil, pack)
        }
        if let pack { return pack }
        if let full, let finished = try full.finish() { state.withLock { $0.finished.append(finished) } }
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

    /// What the operation brought, once every pack is durable.
    package struct Result: Sendable {
        package let packs: [FinishedPack]
        package let objects: Int
        /// Of the new objects.
        package let rawBytes: Int
        /// What the store grew by.
        package var storedBytes: Int { packs.reduce(0) { $0 + $1.length } }
    }

    /// Makes everything durable that was written.
    ///
    /// More can be written afterwards, into further packs.
    package func finish() throws(StoreError) -> Result {
        var metadata = state.withLock { state -> FrameBuilder in
            defer { state.metadata = FrameBuilder(.metadata) }
            return state.metadata
        }
        try append(&metadata)
        let pack = state.withLock { $0.pack.take() }
        if let finished = try pack?.finish() { state.withLock { $0.finished.append(finished) } }
        return state.withLock { Result(packs: $0.finished, objects: $0.objects, rawBytes: $0.rawBytes) }
    }

    /// Whether everything that was found in the store is still in a live pack.
    package func stillStands() -> Bool {
        state.withLock { $0.reliedOn }.allSatisfy { store.contains($0) }
    }

    /// Gives up: what was not finished leaves no file.
    package func abandon() { state.withLock { $0.pack.take() }?.abandon() }
}
