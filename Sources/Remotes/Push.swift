internal import FileIO
internal import Hashing
package import ObjectModel
package import Storage

/// Brings objects of this store to another one, and moves refs there by one entry of its log.
package struct Push {
    private let local: ObjectStore
    private let remote: RemoteStore
    private let owner: String
    private let random: @Sendable (Int) -> [UInt8]
    private let now: @Sendable () -> Int
    /// The length at which a pack is closed and sent.
    private let packLimit: Int
    /// Whether the other side is asked for each object that its refs reach, and what was sent is read again, before anything names it.
    private let isVerified: Bool
    /// What the other side has, although its refs do not say so.
    private let assumed: [ObjectReference]
    /// What is found again by this after an interruption.
    private let key: String

    /// Of what goes of one pack, so many bytes make a pack of their own: that comes out the same where something else goes as well, so that
    /// what was sent of it counts.
    private static let separateLength = 32 << 20

    /// How long others may be faster, in seconds.
    private static let patience = 60

    /// - Parameters:
    ///   - owner: Who pushes, as a file name.
    ///   - packLimit: The length at which a pack is closed and the next one begun.
    ///   - isVerified: Whether the other side is asked for each object that its refs reach, and what was sent is read again, before
    ///     anything names it.
    ///   - assumed: What the other side has beyond what its refs say, with all that it reaches.
    ///   - key: What was begun is found again by it, as a file name; the other store's origin without it.
    ///   - random: Hands out that many random bytes.
    ///   - now: Seconds since 1970-01-01T00:00:00Z.
    package init(
        from local: ObjectStore, to remote: RemoteStore, owner: String, packLimit: Int = 256 << 20,
        verifying isVerified: Bool = false, assuming assumed: [ObjectReference] = [],
        scratch key: String? = nil,
        random: @escaping @Sendable (Int) -> [UInt8], now: @escaping @Sendable () -> Int
    ) {
        (self.local, self.remote, self.owner, self.packLimit) = (local, remote, owner, packLimit)
        (self.isVerified, self.assumed, self.random, self.now) = (isVerified, assumed, random, now)
        self.key = key ?? remote.format.origin
    }

    /// What went.
    package struct Outcome: Sendable {
        /// What became of the other store's refs.
        package var changes: [RefChange] = []
        /// The other store's refs after it.
        package var refs: [RefName: ObjectReference] = [:]
        package var objects = 0
        /// What was sent, in bytes; of a plan, what is to be.
        package var bytes = 0
        /// What an earlier push had sent that was cut off, in bytes.
        package var alreadyThere = 0
    }

    /// Brings what refs are to name, and moves the refs.
    ///
    /// - Parameters:
    ///   - changes: Says what becomes of the other store's refs; asked again whenever somebody else was faster there.
    ///   - event: Makes the event of the log entry.
    ///   - progress: Takes how many bytes of how many are there.
    package func run(
        changes: ([RefEntry]) throws(TransferError) -> [RefChange], event: ([RefChange]) -> Event,
        progress: (Int, Int) -> Void
    ) throws(TransferError) -> Outcome {
        let deadline = now() + Self.patience
        let place = ScratchPlace(
            .push, in: local.layout, local.files, key: key, nonce: Hex.text(random(8)))
        var outcome = Outcome()
        while true {
            let refs = try there { () throws(RemoteError) in try remote.refs(with: local) }
            let wanted = try changes(refs)
            outcome.refs = Self.named(refs)
            if wanted.isEmpty, !isVerified { return outcome }
            let collected = remote.state.collected
            var sent = try send(
                wanted.compactMap(\.after), knowing: refs.map(\.target) + assumed, in: place, &outcome,
                progress: progress)
            // Until somebody collects there, all that its refs reached stays there; and what came may be added as long as nobody took
            // it for leavings.
            while remote.state.collected == collected, remote.doomed.isDisjoint(with: sent.packs.map(\.name))
            {
                let refs = try there { () throws(RemoteError) in try remote.refs(with: local) }
                let now = try changes(refs)
                outcome.refs = Self.named(refs)
                if now.isEmpty, sent.packs.isEmpty { return outcome }
                guard Set(now.compactMap(\.after)).isSubset(of: wanted.compactMap(\.after)) else { break }
                if try commit(now, event(now), &sent) {
                    finish(sent)
                    outcome.changes = now
                    for change in now { outcome.refs[change.name] = change.after }
                    return outcome
                }
                guard self.now() < deadline else {
                    throw .there(RemoteError(remote.name, .busy(seconds: Self.patience)))
                }
                try there { () throws(RemoteError) in try remote.refresh() }
            }
            sent.scratch.clear()
        }
    }

    /// What would be brought, and which refs moved, if nobody else were at work there.
    ///
    /// - Parameter changes: As for ``run(changes:event:progress:)``.
    package func plan(
        changes: ([RefEntry]) throws(TransferError) -> [RefChange]
    ) throws(TransferError) -> Outcome {
        let refs = try there { () throws(RemoteError) in try remote.refs(with: local) }
        var outcome = Outcome()
        outcome.changes = try changes(refs)
        outcome.refs = Self.named(refs)
        if outcome.changes.isEmpty, !isVerified { return outcome }
        let selection = try selection(
            of: outcome.changes.compactMap(\.after), knowing: refs.map(\.target) + assumed)
        (outcome.objects, outcome.bytes) = (selection.count, selection.storedBytes)
        return outcome
    }

    /// The same for a store that has nothing yet.
    package static func plan(
        ofFirst changes: [RefChange], from local: ObjectStore
    ) throws(ReadError) -> Outcome {
        let selection = try ObjectSelection(
            of: changes.compactMap(\.after), without: [], in: local, isThere: { _ in false },
            hasBase: { _, _ in false })
        return Outcome(changes: changes, objects: selection.count, bytes: selection.storedBytes)
    }

    private static func named(_ refs: [RefEntry]) -> [RefName: ObjectReference] {
        Dictionary(refs.map { ($0.name, $0.target) }, uniquingKeysWith: { first, _ in first })
    }

    // MARK: Objects

    /// Packs that are there, and what this side notes of them.
    private struct Sent {
        var scratch: PushScratch
        var packs: [ComposedPack] = []
    }

    private func send(
        _ wanted: [ObjectReference], knowing known: [ObjectReference], in place: ScratchPlace,
        _ outcome: inout Outcome, progress: (Int, Int) -> Void
    ) throws(TransferError) -> Sent {
        let selection = try selection(of: wanted, knowing: known)
        var sent = Sent(scratch: PushScratch(in: place))
        outcome.objects = selection.count
        let total = selection.storedBytes
        var done = 0
        let earlier = try begun(sent.scratch.notes)
        var failure: TransferError?
        func begin() throws(StoreError) -> PackComposer {
            try sent.scratch.begin(of: local, nonce: Hex.text(random(8)))
        }
        var composer: PackComposer?
        func close() throws(TransferError) {
            guard let made = composer.take() else { return }
            // One that was begun goes on under its name, if it came out the same.
            let pack = try here { () throws(StoreError) in
                try made.finish { earlier[$0]?.name.nonce ?? random(PackName.nonceByteCount) }
            }
            let begun = pack.name.digest.flatMap { earlier[$0] }
            try here { () throws(StoreError) in try sent.scratch.note(pack) }
            try upload(pack, isThere: begun?.isThere == true, &outcome) { progress(done + $0, total) }
            done += pack.length
            progress(done, total)
            sent.packs.append(pack)
        }
        for part in selection.parts(separating: Self.separateLength) {
            do throws(StoreError) {
                try selection.forEachFrame(of: part, trusting: true) { (frame) throws(StoreError) in
                    var current = if let made = composer.take() { made } else { try begin() }
                    try current.append(frame)
                    let isFull = current.length >= packLimit
                    composer = current
                    guard isFull else { return }
                    do throws(TransferError) { try close() } catch {
                        failure = error
                        throw .outdated
                    }
                }
            } catch { throw failure ?? .here(error) }
            try close()
        }
        return sent
    }

    /// Forgets how it was brought, and removes there what pushes before had begun and this one had no use for.
    private func finish(_ sent: Sent) {
        var sent = sent
        for note in sent.scratch.notes where !sent.scratch.isOfThis(note) {
            try? remote.removePartial(of: note.name, owner: owner)
        }
        sent.scratch.clear()
    }

    private func selection(
        of wanted: [ObjectReference], knowing known: [ObjectReference]
    ) throws(TransferError) -> ObjectSelection {
        // What this store does not have cannot be looked into.
        let common = known.filter { local.contains($0) }
        func select(
            _ memory: KnownReach?, isKept: ((ObjectReference) -> Bool)? = nil,
            _ hasBase: (ObjectReference, Int) -> Bool
        ) throws(TransferError) -> ObjectSelection {
            do throws(ReadError) {
                return try ObjectSelection(
                    of: wanted, without: common, in: local, remembering: memory,
                    isThere: { _ in false }, isKept: isKept, hasBase: hasBase)
            } catch { throw .here(.object(error)) }
        }
        func packs() throws(TransferError) -> [PackReader] {
            try there { () throws(RemoteError) in
                try remote.following { () throws(RemoteError) in
                    try remote.packs(remote.state.live.sorted())
                }
            }
        }
        if isVerified {
            // What a ref there reaches may have been lost there.
            let packs = try packs()
            return try select(nil, isKept: { has($0, packs) }) { base, depth in
                packs.contains { $0.index.holds(base, below: depth) }
            }
        }
        // What was assumed is not there.
        let memory =
            assumed.isEmpty
            ? KnownReach(
                remote.format.origin, in: local.layout, local.files, nonce: Hex.text(random(8))) : nil
        let selection = try select(memory) { _, _ in true }
        guard selection.hasDifferences else { return selection }
        // What goes as a difference can be read there only if its base lies there in such a form.
        if known.isEmpty { return try select(memory) { _, _ in false } }
        let packs = try packs()
        return try select(memory) { base, depth in packs.contains { $0.index.holds(base, below: depth) } }
    }

    /// Whether the indexes of some packs of the other side have an object, in a form that is whole there if what goes with it here is.
    private func has(_ reference: ObjectReference, _ packs: [PackReader]) -> Bool {
        // Which chunks a recipe there needs is only known where there is one here, too.
        let isRecipeHere = local.find(reference)?.place.isRecipe == true
        return packs.contains { $0.index.has(reference, orRecipe: isRecipeHere) }
    }

    /// A pack that an earlier push made and did not come to name.
    private struct Begun {
        let name: PackName
        /// Whether the other side has all of it.
        let isThere: Bool
    }

    /// What the other side has of packs that an earlier push made, by their digests: nothing of those whose names are not to be used again.
    private func begun(_ notes: [PushScratch.Note]) throws(TransferError) -> [ObjectID: Begun] {
        guard !notes.isEmpty else { return [:] }
        let found = try there { () throws(RemoteError) in try remote.properties(of: notes.map(\.name)) }
        var begun: [ObjectID: Begun] = [:]
        for (note, properties) in zip(notes, found) {
            let isThere = properties?.length == note.length
            // What has neither its name nor a beginning may have had its name, and been doomed: that name is never used again.
            let isUsable = try there { () throws(RemoteError) in
                if isThere { return true }
                return try remote.hasPartial(of: note.name, owner: owner)
            }
            guard isUsable, let digest = note.name.digest else { continue }
            begun[digest] = Begun(name: note.name, isThere: isThere)
        }
        return begun
    }

    private func upload(
        _ pack: ComposedPack, isThere: Bool = false, _ outcome: inout Outcome, _ progress: (Int) -> Void
    ) throws(TransferError) {
        if isThere {
            outcome.alreadyThere += pack.length
            try there { () throws(RemoteError) in try remote.removePartial(of: pack.name, owner: owner) }
        } else {
            var (come, kept, sent): (Int, Int?, Int) = (0, nil, 0)
            _ = try there { () throws(RemoteError) in
                try remote.upload(pack, owner: owner) { more in
                    come += more
                    progress(come)
                    guard let known = kept else {
                        // What is there already is told first.
                        kept = more
                        return
                    }
                    // It was of no use, where less is there than before.
                    if more < 0 { kept = max(0, known + more) } else { sent += more }
                }
            }
            outcome.alreadyThere += min(kept ?? 0, pack.length)
            outcome.bytes += sent
        }
        if isVerified {
            try there { () throws(RemoteError) in try remote.verify(pack.name, length: pack.length) }
        }
    }

    // MARK: Refs

    /// Makes the entry that moves refs, with the packs that came.
    ///
    /// - Returns: Whether it was made; not, if somebody else was faster.
    private func commit(
        _ changes: [RefChange], _ event: Event, _ sent: inout Sent
    ) throws(TransferError) -> Bool {
        let edits = changes.map { change in
            change.after.map { MerkleEdit(setting: RefEntry(name: change.name, target: $0)) }
                ?? MerkleEdit<RefEntry>(removing: Array(change.name.text.utf8))
        }
        let refs = try there { () throws(RemoteError) in
            try remote.viewing(with: local) { (view, _) throws(ReadError) in
                try MerkleTree<RefEntry>(root: remote.state.refs, reader: view).editing(edits)
            }
        }
        let id = ObjectID(of: .event, payload: event.payload)
        let small = try here { () throws(StoreError) in
            var builder = FrameBuilder(.metadata)
            for node in refs.nodes { builder.add(ObjectReference(.refs, node.id), node.payload) }
            builder.add(ObjectReference(.event, id), event.payload)
            var composer = try sent.scratch.begin(of: local, nonce: Hex.text(random(8)))
            try composer.append(try local.encode(&builder))
            return try composer.finish { _ in random(PackName.nonceByteCount) }
        }
        // One that is killed meanwhile leaves its beginning there: the next one knows of it.
        try here { () throws(StoreError) in try sent.scratch.note(small) }
        var outcome = Outcome()
        try upload(small, &outcome) { _ in }
        let added = sent.packs + [small]
        let operation = StoreOperation(
            event: id, refs: refs.root, packs: PackChanges(added: added.map(\.name)), time: event.time)
        let result = try there { () throws(RemoteError) in
            try remote.append(
                operation, features: Set(added.flatMap(\.features)).union(Self.features(changes)),
                nonce: Hex.text(random(8)))
        }
        if result == .committed { return true }
        // No entry can have come to name it.
        sent.scratch.forget(small)
        try? remote.remove(small.name)
        return false
    }

    private static func features(_ changes: [RefChange]) -> Set<String> {
        changes.contains { $0.name.policyVersion != nil } ? [StoreState.policy] : []
    }

    /// Adds an entry that moves nothing: that something happened.
    package func record(_ event: () -> Event) throws(TransferError) {
        let place = ScratchPlace(
            .push, in: local.layout, local.files, key: key, nonce: Hex.text(random(8)))
        let deadline = now() + Self.patience
        while true {
            var sent = Sent(scratch: PushScratch(in: place))
            defer { sent.scratch.clear() }
            if try commit([], event(), &sent) { return }
            guard now() < deadline else {
                throw .there(RemoteError(remote.name, .busy(seconds: Self.patience)))
            }
            try there { () throws(RemoteError) in try remote.refresh() }
        }
    }

    // MARK: Whose fault

    private func here<Result>(_ body: () throws(StoreError) -> Result) throws(TransferError) -> Result {
        do throws(StoreError) { return try body() } catch { throw .here(error) }
    }

    private func there<Result>(_ body: () throws(RemoteError) -> Result) throws(TransferError) -> Result {
        do throws(RemoteError) { return try body() } catch { throw .there(error) }
    }
}
