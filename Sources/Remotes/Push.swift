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

    /// How long others may be faster, in seconds.
    private static let patience = 60

    /// - Parameters:
    ///   - owner: Who pushes, as a file name.
    ///   - packLimit: The length at which a pack is closed and the next one begun: so much room is needed on this side.
    ///   - isVerified: Whether the other side is asked for each object that its refs reach, and what was sent is read again, before
    ///     anything names it.
    ///   - assumed: What the other side has beyond what its refs say, with all that it reaches.
    ///   - key: What was made and not sent is found again by it, as a file name; the other store's origin without it.
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
        /// What was sent, in bytes.
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
            var packs = try send(
                wanted.compactMap(\.after), knowing: refs.map(\.target) + assumed, in: place, &outcome,
                progress: progress)
            // Until somebody collects there, all that its refs reached stays there; and what came may be added as long as nobody took
            // it for leavings.
            while remote.state.collected == collected, remote.doomed.isDisjoint(with: packs.packs.map(\.name))
            {
                let refs = try there { () throws(RemoteError) in try remote.refs(with: local) }
                let now = try changes(refs)
                outcome.refs = Self.named(refs)
                if now.isEmpty, packs.packs.isEmpty { return outcome }
                guard Set(now.compactMap(\.after)).isSubset(of: wanted.compactMap(\.after)) else { break }
                if try commit(now, event(now), packs) {
                    packs.clear()
                    outcome.changes = now
                    for change in now { outcome.refs[change.name] = change.after }
                    return outcome
                }
                guard self.now() < deadline else {
                    throw .there(RemoteError(remote.name, .busy(seconds: Self.patience)))
                }
                try there { () throws(RemoteError) in try remote.refresh() }
            }
            packs.clear()
        }
    }

    private static func named(_ refs: [RefEntry]) -> [RefName: ObjectReference] {
        Dictionary(refs.map { ($0.name, $0.target) }, uniquingKeysWith: { first, _ in first })
    }

    // MARK: Objects

    private func send(
        _ wanted: [ObjectReference], knowing known: [ObjectReference], in place: ScratchPlace,
        _ outcome: inout Outcome, progress: (Int, Int) -> Void
    ) throws(TransferError) -> PushScratch {
        let selection = try selection(of: wanted, knowing: known)
        var scratch = PushScratch(in: place, plan: selection.digest)
        outcome.objects = selection.count
        let total = selection.storedBytes
        var done = 0
        if try !resume(&scratch, &outcome, { progress(done + $0, total) }) { scratch.clear() }
        var skipped = scratch.packs.reduce(0) { $0 + $1.frames }
        done = scratch.packs.reduce(0) { $0 + $1.length }
        var (pack, frames): (PackWriter?, Int) = (nil, 0)
        defer { pack?.abandon() }
        var failure: TransferError?
        func close() throws(TransferError) {
            guard let finished = try here({ () throws(StoreError) in try pack?.finish() ?? nil }) else {
                return
            }
            pack = nil
            let noted = PushScratch.Pack(
                name: finished.name, frames: frames, length: finished.length,
                features: try here { () throws(StoreError) in try scratch.features(of: finished.name) })
            try here { () throws(StoreError) in try scratch.note(noted) }
            try upload(noted, scratch, &outcome) { progress(done + $0, total) }
            done += finished.length
            frames = 0
        }
        do throws(StoreError) {
            try selection.forEachFrame(trusting: true) { (frame) throws(StoreError) in
                if skipped > 0 {
                    skipped -= 1
                    return
                }
                let current: PackWriter
                if let pack {
                    current = pack
                } else {
                    current = try scratch.begin(nonce: random(PackName.nonceByteCount))
                    pack = current
                }
                guard try current.append(frame) else { throw .outdated }
                frames += 1
                guard current.length >= packLimit else { return }
                do throws(TransferError) { try close() } catch {
                    failure = error
                    throw .outdated
                }
            }
        } catch { throw failure ?? .here(error) }
        try close()
        return scratch
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

    /// Looks at what an earlier push made, and sends of it what the other side lacks.
    ///
    /// - Returns: Whether all of it is there now; else it has to be made anew.
    private func resume(
        _ scratch: inout PushScratch, _ outcome: inout Outcome, _ progress: (Int) -> Void
    ) throws(TransferError) -> Bool {
        guard !scratch.packs.isEmpty else { return true }
        let found = try there { () throws(RemoteError) in
            try remote.properties(of: scratch.packs.map(\.name))
        }
        for (pack, properties) in zip(scratch.packs, found) where properties?.length != pack.length {
            // What has neither its name nor a beginning may have had its name, and been doomed: that name is never used again.
            guard scratch.has(pack.name) else { return false }
            let isBegun = try there { () throws(RemoteError) in
                try remote.hasPartial(of: pack.name, owner: owner)
            }
            guard isBegun else { return false }
        }
        var done = 0
        for (pack, properties) in zip(scratch.packs, found) {
            if properties?.length == pack.length {
                outcome.alreadyThere += pack.length
                try there { () throws(RemoteError) in try remote.removePartial(of: pack.name, owner: owner) }
                if isVerified {
                    try there { () throws(RemoteError) in try remote.verify(pack.name, length: pack.length) }
                }
            } else {
                try upload(pack, scratch, &outcome) { progress(done + $0) }
            }
            done += pack.length
            progress(done)
        }
        return true
    }

    private func upload(
        _ pack: PushScratch.Pack, _ scratch: PushScratch, _ outcome: inout Outcome, _ progress: (Int) -> Void
    ) throws(TransferError) {
        guard let digest = pack.name.digest?.digest else { throw .here(.outdated) }
        let (path, files) = scratch.file(of: pack.name)
        var (there, first, sent) = (0, true, 0)
        _ = try self.there { () throws(RemoteError) in
            try remote.upload(
                pack.name, owner: owner, length: pack.length, digest: digest, source: path, files
            ) { more in
                // What is there already is told first.
                if first { outcome.alreadyThere += more } else { sent += more }
                first = false
                there += more
                progress(there)
            }
        }
        outcome.bytes += sent
        if isVerified {
            try self.there { () throws(RemoteError) in try remote.verify(pack.name, length: pack.length) }
        }
        scratch.drop(pack.name)
    }

    // MARK: Refs

    /// Makes the entry that moves refs, with the packs that came.
    ///
    /// - Returns: Whether it was made; not, if somebody else was faster.
    private func commit(
        _ changes: [RefChange], _ event: Event, _ packs: PushScratch
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
        let small = try here { () throws(StoreError) -> PushScratch.Pack? in
            var builder = FrameBuilder(.metadata)
            for node in refs.nodes { builder.add(ObjectReference(.refs, node.id), node.payload) }
            builder.add(ObjectReference(.event, id), event.payload)
            let writer = try packs.begin(nonce: random(PackName.nonceByteCount))
            defer { writer.abandon() }
            guard try writer.append(try local.encode(&builder)), let pack = try writer.finish() else {
                return nil
            }
            return PushScratch.Pack(name: pack.name, frames: 1, length: pack.length, features: [])
        }
        guard let small else { throw .here(.outdated) }
        var outcome = Outcome()
        try upload(small, packs, &outcome) { _ in }
        let added = packs.packs + [small]
        let operation = StoreOperation(
            event: id, refs: refs.root, packs: PackChanges(added: added.map(\.name)), time: event.time)
        let result = try there { () throws(RemoteError) in
            try remote.append(
                operation, features: Set(added.flatMap(\.features)), nonce: Hex.text(random(8)))
        }
        if result == .committed { return true }
        // No entry can have come to name it.
        try? remote.remove(small.name)
        return false
    }

    // MARK: Whose fault

    private func here<Result>(_ body: () throws(StoreError) -> Result) throws(TransferError) -> Result {
        do throws(StoreError) { return try body() } catch { throw .here(error) }
    }

    private func there<Result>(_ body: () throws(RemoteError) -> Result) throws(TransferError) -> Result {
        do throws(RemoteError) { return try body() } catch { throw .there(error) }
    }
}
