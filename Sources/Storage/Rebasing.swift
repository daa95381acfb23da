internal import Coding
internal import FileIO
package import ObjectModel
internal import Synchronization

/// Has the versions of a tensor told by those of them that are nearest to most.
///
/// A commit knows the versions before it only: whichever came first is stored by itself. Here all are there, and the ones that stand by
/// themselves are chosen so that all of them take the least; each is then read from one frame or two, as before.
///
/// What is coded anew is decoded and compared before what it replaces goes, which takes the way of packs that merges replace: a reader of
/// an older state finds them for an hour.
package struct Rebasing: Sendable {
    /// The verb of its events.
    package static let verb = "maintenance"

    /// What is to be coded otherwise.
    package struct Plan: Sendable {
        /// How a tensor is to be stored.
        fileprivate enum Form: Sendable {
            case alone
            case upon(ObjectReference)
        }

        /// A tensor that is to be stored otherwise.
        fileprivate struct Change: Sendable {
            let form: Form
            let layout: TensorLayout
            /// Its base until now.
            let before: ObjectReference?
        }

        fileprivate var changes: [ObjectReference: Change] = [:]
        /// Packs that have such a tensor, the oldest first.
        fileprivate var packs: [PackReader] = []
        /// Tensors of which there are several versions, and what all of these take.
        package fileprivate(set) var tensors = 0
        package fileprivate(set) var bytes = 0
        /// Tensors that could not be read, and stay as they are.
        package fileprivate(set) var unreadable = 0
        /// What is expected to be saved of that.
        package fileprivate(set) var saving = 0

        /// Tensors that are to be coded anew.
        package var changed: Int { changes.count }
        /// Length of the packs that are made anew.
        package var packBytes: Int { packs.reduce(0) { $0 + $1.index.fileLength } }
    }

    /// How far it has come.
    package enum Step: Sendable {
        /// Tensors were looked at: how many, and what they and all that are to be looked at take, in bytes.
        case looked(tensors: Int, bytes: Int, all: Int)
        /// Packs were made anew: how many, and what they and all of them had, in bytes.
        case coded(packs: Int, bytes: Int, all: Int)
    }

    /// What was done.
    package struct Outcome: Sendable {
        package let plan: Plan
        /// Tensors that were coded anew.
        package let changed: Int
        /// Length of the packs that were made, 0 if nothing was worth it.
        package let writtenBytes: Int
        /// Length of the packs that these replace.
        package let replacedBytes: Int
    }

    /// Versions that are looked at together.
    private static let familyLimit = 256
    /// Of what a family takes, and of the packs that have to be made anew, what has to be saved.
    private static let worthwhile = 0.02
    /// Times that others may be faster.
    private static let attempts = 8

    private let store: ObjectStore
    private let random: @Sendable (Int) -> [UInt8]
    private let threads: Int

    package init(_ store: ObjectStore, threads: Int, random: @escaping @Sendable (Int) -> [UInt8]) {
        (self.store, self.threads, self.random) = (store, threads, random)
    }

    // MARK: Planning

    /// Says what would be done; tensors that cannot be read stay as they are.
    ///
    /// - Parameter watch: Is told how far it is, by any thread.
    /// - Throws: Also where the index of a pack is damaged: then nobody knows what needs what.
    package func plan(watch: @Sendable (Step) -> Void) throws(StoreError) -> Plan {
        try survey(watch).plan
    }

    private func survey(_ watch: @Sendable (Step) -> Void) throws(StoreError) -> (
        state: StoreState, plan: Plan
    ) {
        for _ in 0..<Self.attempts {
            let state = try store.refresh()
            let plan: Plan
            do throws(StoreError) {
                try requireIndexes(store.packs)
                plan = look(watch)
            } catch {
                // What others took away meanwhile is no damage.
                guard try store.refresh() != state else { throw error }
                continue
            }
            // Who reads goes on to a newer state where a pack is gone.
            if store.current == state { return (state, plan) }
        }
        throw .busy(seconds: 0)
    }

    private func requireIndexes(_ packs: [PackReader]) throws(StoreError) {
        for pack in packs where !pack.index.verifyChecksum() {
            throw .damaged(store.layout.pack(pack.name), problem: "the index' checksum is wrong")
        }
    }

    private func look(_ watch: @Sendable (Step) -> Void) -> Plan {
        var plan = Plan()
        let kin = TensorKin(store, threads: threads)
        let dependants = dependants()
        let groups = kin.members()
        let all = groups.joined().reduce(0) { $0 + $1.storedLength }
        let seen = Mutex((tensors: 0, bytes: 0))
        for members in groups {
            let sampled = kin.sampled(members) { member in
                let now = seen.withLock { seen in
                    seen = (seen.tensors + 1, seen.bytes + member.storedLength)
                    return seen
                }
                watch(.looked(tensors: now.tensors, bytes: now.bytes, all: all))
            }
            plan.unreadable += members.count - sampled.count
            for family in kin.families(sampled) {
                for start in stride(from: 0, to: family.count, by: Self.familyLimit) {
                    let part = family[start..<min(family.count, start + Self.familyLimit)]
                    choose(Array(part), dependants, &plan)
                }
            }
        }
        let names = Set(plan.packs.map(\.name))
        plan.packs = store.packs.filter { names.contains($0.name) }
        plan.packs.sort {
            (store.current.added[$0.name] ?? 0, $0.name) < (store.current.added[$1.name] ?? 0, $1.name)
        }
        guard Double(plan.saving) >= Double(plan.packBytes) * Self.worthwhile else {
            (plan.changes, plan.packs, plan.saving) = ([:], [], 0)
            return plan
        }
        return plan
    }

    /// How many frames need an object by itself.
    private func dependants() -> [ObjectReference: Int] {
        var counts: [ObjectReference: Int] = [:]
        for pack in store.packs {
            for number in 0..<pack.index.frameCount
            where pack.index.isDifference(number) && pack.index.depth(number) == 1 {
                for base in (try? pack.index.frame(number).bases) ?? [] { counts[base, default: 0] += 1 }
            }
        }
        return counts
    }

    /// Chooses the bases of a family.
    private func choose(
        _ family: [TensorKin.Sampled], _ dependants: [ObjectReference: Int], _ plan: inout Plan
    ) {
        // What is told by something else stays so.
        let own = Set(family.filter { $0.member.base == nil }.map(\.member.reference))
        let tensors = family.filter { $0.member.base.map(own.contains) ?? true }
        let plain = tensors.filter { $0.member.base == nil }.map { Double($0.member.storedLength) }
        guard tensors.count > 1, !plain.isEmpty else { return }
        let alone = plain.reduce(0, +) / Double(plain.count)
        let bytes = tensors.reduce(0) { $0 + $1.member.storedLength }
        plan.tensors += tensors.count
        plan.bytes += bytes
        let bases = choice(tensors, alone: alone, dependants)
        let (best, cost) = bases.best(from: tensors.map { $0.member.base == nil })
        let saving = Double(bytes) - cost
        guard saving >= Double(bytes) * Self.worthwhile else { return }
        plan.saving += Int(saving)
        let rowLength = tensors.compactMap(\.sample.layout.rowLength).first
        for (tensor, base) in zip(tensors, best) {
            let reference = base.map { tensors[$0].member.reference }
            guard reference != tensor.member.base else { continue }
            let layout = TensorLayout(
                type: tensor.sample.layout.type, rowLength: tensor.sample.layout.rowLength ?? rowLength)
            plan.changes[tensor.member.reference] = Plan.Change(
                form: reference.map { .upon($0) } ?? .alone, layout: layout, before: tensor.member.base)
            plan.packs.append(tensor.member.pack)
        }
    }

    /// What each takes by itself, and as its difference from each other one: as it is stored now, else as samples let expect.
    private func choice(
        _ tensors: [TensorKin.Sampled], alone: Double, _ dependants: [ObjectReference: Int]
    ) -> BaseChoice {
        let count = tensors.count
        var places: [ObjectReference: Int] = [:]
        for (index, tensor) in tensors.enumerated() { places[tensor.member.reference] = index }
        var differences = [Double](repeating: .infinity, count: count * count)
        for one in 0..<count {
            for other in 0..<count where one != other {
                let elements = Double(tensors[one].member.rawLength / tensors[one].sample.layout.type.width)
                let bits = tensors[one].sample.distance(to: tensors[other].sample)
                differences[one * count + other] = bits * elements / 8
            }
        }
        // Samples tell which of two is nearer, and what that takes but roughly.
        var (stored, expected, inside) = (0.0, 0.0, [Int](repeating: 0, count: count))
        for (index, tensor) in tensors.enumerated() {
            guard let place = tensor.member.base.flatMap({ places[$0] }) else { continue }
            stored += Double(tensor.member.storedLength)
            expected += differences[index * count + place]
            inside[place] += 1
        }
        let factor = expected > 0 && expected.isFinite ? stored / expected : 1
        for index in differences.indices {
            let bytes = differences[index] * factor
            differences[index] = bytes < alone * DifferenceTally.worthwhile ? bytes : .infinity
        }
        for (index, tensor) in tensors.enumerated() {
            guard let place = tensor.member.base.flatMap({ places[$0] }) else { continue }
            differences[index * count + place] = Double(tensor.member.storedLength)
        }
        return BaseChoice(
            alone: tensors.map { $0.member.base == nil ? Double($0.member.storedLength) : alone },
            differences: differences,
            // Others need these as they are.
            pinned: tensors.indices.map { (dependants[tensors[$0].member.reference] ?? 0) > inside[$0] })
    }

    // MARK: Doing

    /// Does what a plan says.
    ///
    /// - Parameters:
    ///   - watch: Is told how far it is, by any thread.
    ///   - event: Makes the event of the entry that replaces the packs.
    package func perform(
        watch: @Sendable (Step) -> Void, event: () -> Event
    ) throws(StoreError) -> Outcome {
        for _ in 0..<Self.attempts {
            let (state, plan) = try survey(watch)
            guard !plan.packs.isEmpty else {
                return Outcome(plan: plan, changed: 0, writtenBytes: 0, replacedBytes: 0)
            }
            if let outcome = try replace(plan, in: state, watch, event()) { return outcome }
        }
        throw .busy(seconds: 0)
    }

    /// - Returns: Nothing if somebody else was faster.
    private func replace(
        _ plan: Plan, in state: StoreState, _ watch: (Step) -> Void, _ event: Event
    ) throws(StoreError) -> Outcome? {
        try requireSpace(plan)
        let writer = ObjectWriter(store, random: random)
        // Until an entry may name them, the new packs are of use to nobody.
        var mayBeNamed = false
        defer { mayBeNamed ? writer.abandon() : writer.discard() }
        var (written, done, changed) = (0, 0, 0)
        do throws(StoreError) {
            for (number, pack) in plan.packs.enumerated() {
                try rewrite(pack, plan, writer) { (old, new, count) in
                    written += new
                    changed += count
                    done += old
                    watch(.coded(packs: number, bytes: done, all: plan.packBytes))
                }
            }
        } catch {
            // What others took away meanwhile is no damage; a full disk is one.
            if case .file = error { throw error }
            guard try store.refresh() != state else { throw error }
            return nil
        }
        // Samples may have promised too much.
        guard Double(written) <= Double(plan.packBytes) * (1 - Self.worthwhile / 2) else {
            return Outcome(plan: plan, changed: 0, writtenBytes: 0, replacedBytes: 0)
        }
        let id = try writer.add(.event, event.payload)
        let packs = try writer.finish().packs
        let changes = PackChanges(added: packs.map(\.name), dropped: plan.packs.map(\.name))
        // What others do meanwhile does no harm, mostly, and all of this took long.
        var state = state
        for _ in 0..<Self.attempts {
            guard try fits(changes, state) else { return nil }
            let operation = StoreOperation(event: id, refs: state.refs, packs: changes, time: event.time)
            mayBeNamed = true
            if try store.append(operation, on: state, nonce: Hex.text(random(8))) == .committed {
                return Outcome(
                    plan: plan, changed: changed, writtenBytes: packs.reduce(0) { $0 + $1.length },
                    replacedBytes: plan.packBytes)
            }
            mayBeNamed = false
            state = try store.refresh()
        }
        return nil
    }

    private func requireSpace(_ plan: Plan) throws(StoreError) {
        let needed = plan.packBytes - plan.saving
        guard let free = try? store.files.freeSpace(store.layout.root), free < needed else { return }
        throw .noSpace(needed: needed, free: free)
    }

    /// Frames that are coded at a time.
    private var batchCount: Int { 4 * threads }

    /// Writes all that a pack has.
    ///
    /// - Parameter step: Is told of what frames took, what they take now, and how many are others than before.
    private func rewrite(
        _ pack: PackReader, _ plan: Plan, _ writer: ObjectWriter,
        step: (_ old: Int, _ new: Int, _ changed: Int) -> Void
    ) throws(StoreError) {
        var batch: [PackRewrite.Frame] = []
        func flush() throws(StoreError) {
            let frames = try recoded(batch, plan)
            for frame in frames { try writer.append(frame) }
            let changed = zip(batch, frames).count { old, new in
                old.encoded.codec != new.codec || old.encoded.bases != new.bases
            }
            step(
                batch.reduce(0) { $0 + $1.encoded.storedLength }, frames.reduce(0) { $0 + $1.storedLength },
                changed)
            batch = []
        }
        try PackRewrite(pack, of: store).forEachFrame(where: { _ in true }) { (frame) throws(StoreError) in
            batch.append(frame)
            if batch.count >= batchCount { try flush() }
        }
        try flush()
    }

    private func recoded(_ batch: [PackRewrite.Frame], _ plan: Plan) throws(StoreError) -> [EncodedFrame] {
        let results = Mutex([Int: Swift.Result<EncodedFrame, StoreError>]())
        let indices = WorkIndices(batch.count)
        onThreads(max(1, min(threads, batch.count))) {
            while let index = indices.next() {
                let result: Swift.Result<EncodedFrame, StoreError>
                do throws(StoreError) { result = .success(try recoded(batch[index], plan)) } catch {
                    result = .failure(error)
                }
                results.withLock { $0[index] = result }
            }
        }
        let found = results.withLock { $0 }
        var frames: [EncodedFrame] = []
        for index in batch.indices {
            if let result = found[index] { frames.append(try result.get()) }
        }
        return frames
    }

    /// A frame as it is to be stored.
    private func recoded(_ frame: PackRewrite.Frame, _ plan: Plan) throws(StoreError) -> EncodedFrame {
        guard let payload = frame.payload, let object = frame.encoded.objects.first,
            frame.encoded.objects.count == 1, let change = plan.changes[object.reference]
        else { return frame.encoded }
        // It may stay as it is if its base does.
        let stays = change.before.map { base in
            if case .upon = plan.changes[base]?.form { return false }
            return true
        }
        if case .upon(let base) = change.form,
            let new = try encoded(object.reference, payload, upon: base, change.layout)
        {
            let limit = stays == false ? .max : frame.encoded.storedLength
            if new.storedLength < limit { return new }
        }
        if case .upon = change.form, stays ?? true { return frame.encoded }
        return try encoded(object.reference, payload, change.layout)
    }

    private func encoded(
        _ reference: ObjectReference, _ payload: [UInt8], upon base: ObjectReference, _ layout: TensorLayout
    ) throws(StoreError) -> EncodedFrame? {
        let bytes: [UInt8]?
        do throws(ReadError) { bytes = try store.payload(of: base) } catch { throw .object(error) }
        guard let bytes, !bytes.isEmpty else { throw .object(.missing(base)) }
        let stream = try store.coding { (coder) throws(CodingError) in
            let stream = payload.withUnsafeBytes { coder.encodeTensor($0, base: bytes, layout) }
            try stream.map { (stream) throws(CodingError) in
                try Self.require(payload, of: .tensorWithBase, stream, BaseBytes(bytes), coder)
            }
            return stream
        }
        return stream.map {
            TensorWriter.frame(reference.id, payload.count, .tensorWithBase, bases: [base], $0)
        }
    }

    private func encoded(
        _ reference: ObjectReference, _ payload: [UInt8], _ layout: TensorLayout
    ) throws(StoreError) -> EncodedFrame {
        let (codec, stored) = try store.coding {
            (coder) throws(CodingError) -> (Codec, [UInt8]) in
            let encoded = payload.withUnsafeBytes { coder.encodeTensor($0, layout) }
            let stored = encoded.stored ?? payload
            try Self.require(payload, of: encoded.codec, stored, BaseBytes(), coder)
            return (encoded.codec, stored)
        }
        return TensorWriter.frame(reference.id, payload.count, codec, bases: [], stored)
    }

    /// Makes sure that what was coded is read as what it was.
    private static func require(
        _ payload: [UInt8], of codec: Codec, _ stored: [UInt8], _ base: BaseBytes, _ coder: FrameCoder
    ) throws(CodingError) {
        let table = FrameTable(codec: codec, bases: [], objects: [(.blob, payload.count)])
        let raw = PackReader.RawFrame(
            codec: codec, frameClass: .data, table: table, rawLength: payload.count, stored: stored[...])
        let decoded = try PackReader.decode(raw, base: base, coder)
        precondition(decoded == payload, "a tensor is decoded as what was coded")
    }

    /// Whether packs can be replaced in a state: they are all there, nobody took the new ones for leavings, and nothing loses its base.
    private func fits(_ changes: PackChanges, _ state: StoreState) throws(StoreError) -> Bool {
        guard store.current == state, changes.dropped.allSatisfy({ state.isLive($0) }),
            !changes.added.contains(where: { store.isDoomed($0) })
        else { return false }
        let dropped = Set(changes.dropped)
        var packs = store.packs.filter { !dropped.contains($0.name) }
        for name in changes.added {
            packs.append(try PackReader(name: name, layout: store.layout, files: store.files))
        }
        try requireIndexes(packs)
        for pack in packs {
            for number in 0..<pack.index.frameCount where pack.index.isDifference(number) {
                guard let frame = try? pack.index.frame(number) else { continue }
                let depth = pack.index.depth(number)
                for base in frame.bases where store.hasCopy(of: base, below: depth) {
                    let isThere = packs.contains { pack in
                        pack.index.find(base).map { !$0.isRecipe && pack.index.depth($0.frame) < depth }
                            ?? false
                    }
                    if !isThere { return false }
                }
            }
        }
        return true
    }
}
