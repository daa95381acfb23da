internal import Coding
package import FileIO
package import ObjectModel

/// Finds what nothing needs any more and takes it out of the store, in two phases: packs are dropped by one entry of the log,
/// and doomed by another, after a grace in which readers and writers still find them (`Documentation/Formats/log.md`).
///
/// The log orders it with everything else: whoever comes second plans again.
package struct GarbageCollector: Sendable {
    /// The verb of its events.
    package static let verb = "gc"

    /// How long things stay that nothing needs.
    package struct Times: Sendable {
        /// Refs as they were in this time keep what they name, in nanoseconds: `undo` can bring them back.
        package var undoWindow: Int64
        /// From the drop of a pack to its deletion.
        package var grace: Int64
        /// The age at which a pack that no entry names is taken for the leavings of a writer that stopped.
        package var orphanAge: Int64
        /// The same for a file in `tmp/`, which changes as long as somebody writes it.
        package var temporaryAge: Int64
        /// A pack is made anew if this share of its raw bytes is not needed, in percent.
        package var worthwhile: Int

        /// 90 days to undo, two weeks of grace.
        package static let usual = Times(
            undoWindow: 90 * LogAges.day, grace: 14 * LogAges.day, orphanAge: 14 * LogAges.day,
            temporaryAge: LogAges.day, worthwhile: 20)
        /// No way back; a writer at work right now is spared all the same.
        package static let now = Times(
            undoWindow: 0, grace: 0, orphanAge: LogAges.hour, temporaryAge: LogAges.hour, worthwhile: 1)
    }

    /// What a collection would do.
    package struct Plan: Sendable {
        /// A pack that is to be dropped.
        package struct Pack: Sendable {
            package let name: PackName
            /// The length of its file.
            package let bytes: Int
            package let objects: Int
            /// Of its objects.
            package let needed: Int
        }

        /// Objects of live packs, and of these the needed ones.
        package var objects = 0
        package var needed = 0
        /// Objects that nothing needs, by their kind, with their raw bytes.
        package var unneeded: [ObjectKind: (count: Int, bytes: Int)] = [:]
        /// Metadata that is kept for ever, whether a ref names it or not, in raw bytes.
        package var permanentBytes = 0
        /// Commits that keep their own record and lose their files.
        package var emptied: [ObjectID] = []
        /// What of these packs is needed goes into new ones.
        package var dropped: [Pack] = []
        package var keptPacks = 0
        package var keptBytes = 0
        /// Packs whose grace is over, and files that no entry ever named.
        package var doomed: [PackName] = []
        package var doomedBytes = 0
        /// Dropped packs whose grace is not over.
        package var waiting = 0
        package var waitingBytes = 0
        /// Doomed packs whose files are still there.
        package var leftovers: [PackName] = []
        /// Old files in `tmp/`.
        package var temporaries: [FilePath] = []
        /// Bytes of files in `tmp/` that somebody may be writing.
        package var temporaryBytes = 0

        package var isEmpty: Bool {
            dropped.isEmpty && doomed.isEmpty && leftovers.isEmpty && temporaries.isEmpty
        }
    }

    /// What a collection did.
    package struct Outcome: Sendable {
        package let plan: Plan
        /// Length of the packs that were made of what is needed.
        package let writtenBytes: Int
        /// Length of the files that were deleted.
        package let freedBytes: Int
    }

    /// Times that others may be faster.
    private static let attempts = 8

    let store: ObjectStore
    let times: Times
    let random: @Sendable (Int) -> [UInt8]

    package init(_ store: ObjectStore, times: Times, random: @escaping @Sendable (Int) -> [UInt8]) {
        self.store = store
        self.times = times
        self.random = random
    }

    // MARK: Planning

    /// Says what would be done.
    ///
    /// - Throws: If anything that is needed cannot be read: then nothing may go.
    package func plan() throws(StoreError) -> Plan { try survey().plan }

    /// What was found in one state of the store.
    private struct Survey {
        let state: StoreState
        let plan: Plan
        let reachable: Reachability
    }

    /// Looks at the whole store while nobody changes it.
    ///
    /// Whoever reads goes on to a newer state where a pack is gone that somebody collected; what was marked in one state and
    /// counted in another would take what the newer one needs for unneeded.
    private func survey() throws(StoreError) -> Survey {
        for _ in 0..<Self.attempts {
            let state = try store.refresh()
            do throws(StoreError) {
                let (plan, reachable) = try look()
                if store.current == state { return Survey(state: state, plan: plan, reachable: reachable) }
            } catch {
                // What others took away meanwhile is no damage.
                guard try store.refresh() != state else { throw error }
            }
        }
        throw .busy(seconds: 0)
    }

    private func look() throws(StoreError) -> (plan: Plan, reachable: Reachability) {
        let history = try PackHistory(store, times, clock: try store.fileClock(nonce: Hex.text(random(8))))
        var (reachable, plan) = (Reachability(store, readingCopies: true), Plan())
        do throws(ReadError) {
            try markRefs(history, &reachable)
            plan.emptied = try markPermanent(history, &reachable)
        } catch { throw .object(error) }
        count(reachable, &plan)
        (plan.doomed, plan.leftovers, plan.waiting) = (history.due, history.leftovers, history.waiting.count)
        plan.doomedBytes = try length(of: history.due + history.leftovers)
        plan.waitingBytes = try length(of: history.waiting)
        (plan.temporaries, plan.temporaryBytes) = (history.temporaries, history.temporaryBytes)
        return (plan, reachable)
    }

    private func length(of packs: [PackName]) throws(StoreError) -> Int {
        var bytes = 0
        for pack in packs {
            bytes += try filing { () throws(FileError) in
                try store.files.status(store.layout.pack(pack))?.size ?? 0
            }
        }
        return bytes
    }

    /// Everything that refs name now, or named within the undo window.
    private func markRefs(_ history: PackHistory, _ reachable: inout Reachability) throws(ReadError) {
        var seen: Set<ObjectID> = []
        for (number, root) in history.refs where seen.insert(root).inserted {
            // What refs named before a collection without an undo window may be gone, and stays so.
            let isOlder = store.current.collected.map { number < $0 } ?? false
            try reachable.markAll(from: [ObjectReference(.refs, root)], requiring: !isOlder)
        }
    }

    /// Events, and commits and runs that a ref ever named, as records of their own: small, and what later proofs need.
    ///
    /// - Returns: The commits whose files nothing needs any more.
    private func markPermanent(
        _ history: PackHistory, _ reachable: inout Reachability
    ) throws(ReadError) -> [ObjectID] {
        var records: [ObjectReference] = []
        // What was lost, and what a repair could not save, is no reason to keep everything else for ever.
        for id in history.events where store.contains(ObjectReference(.event, id)) {
            try reachable.mark(ObjectReference(.event, id))
            for change in try store.event(id).refs {
                records += [change.before, change.after].compactMap { $0 }
            }
        }
        var emptied: [ObjectID] = []
        var stack = records
        while let reference = stack.popLast() {
            guard try reachable.mark(reference), reference.kind == .commit else { continue }
            let commit = try store.commit(reference.id)
            if store.contains(ObjectReference(.tree, commit.tree)) { emptied.append(reference.id) }
            for run in commit.runs { try reachable.mark(ObjectReference(.run, run)) }
            stack += commit.parents.map { ObjectReference(.commit, $0) }
        }
        return emptied
    }

    /// Adds up what is needed of each pack, and decides what becomes of it.
    private func count(_ reachable: Reachability, _ plan: inout Plan) {
        var kept: Set<PackName> = []
        var counted: [Plan.Pack] = []
        for pack in reachable.packs {
            let index = pack.index
            var (needed, objects, dead, raw) = (0, 0, 0, 0)
            for position in 0..<index.entryCount {
                guard let (reference, place) = index.entry(position) else { continue }
                objects += 1
                let isNeeded = reachable.isMarked(pack.name, position)
                if isNeeded { needed += 1 }
                if place.isRecipe { continue }
                raw += place.length
                switch reference.kind {
                case .event, .commit, .run, .statement: if isNeeded { plan.permanentBytes += place.length }
                default: break
                }
                guard !isNeeded else { continue }
                dead += place.length
                let old = plan.unneeded[reference.kind] ?? (0, 0)
                plan.unneeded[reference.kind] = (old.count + 1, old.bytes + place.length)
            }
            plan.objects += objects
            plan.needed += needed
            counted.append(
                Plan.Pack(name: pack.name, bytes: index.fileLength, objects: objects, needed: needed))
            if needed > 0 && (needed == objects || dead * 100 < raw * times.worthwhile) {
                kept.insert(pack.name)
            }
        }
        dropBaseless(reachable, &kept)
        plan.dropped = counted.filter { !kept.contains($0.name) }
        plan.keptPacks = kept.count
        plan.keptBytes = counted.reduce(0) { $0 + (kept.contains($1.name) ? $1.bytes : 0) }
    }

    /// Keeps no pack in which something that nobody needs would stay without its base: whoever stores the same again would rely
    /// on it.
    private func dropBaseless(_ reachable: Reachability, _ kept: inout Set<PackName>) {
        func stays(_ base: ObjectReference, below depth: Int) -> Bool {
            reachable.packs.contains { pack in
                guard let position = pack.index.position(of: base),
                    let (_, place) = pack.index.entry(position), !place.isRecipe,
                    pack.index.depth(place.frame) < depth
                else { return false }
                return kept.contains(pack.name) || reachable.isMarked(pack.name, position)
            }
        }
        // What stays for one pack may be gone with the next one.
        var before = -1
        while before != kept.count {
            before = kept.count
            for pack in reachable.packs where kept.contains(pack.name) {
                let isBaseless = (0..<pack.index.frameCount).contains { number in
                    guard pack.index.isDifference(number), let frame = try? pack.index.frame(number) else {
                        return false
                    }
                    let depth = pack.index.depth(number)
                    return !frame.bases.allSatisfy { stays($0, below: depth) }
                }
                if isBaseless { kept.remove(pack.name) }
            }
        }
    }

    // MARK: Collecting

    /// Does what a plan says that is made now.
    ///
    /// - Parameter event: Makes the event of an entry.
    package func collect(event: () -> Event) throws(StoreError) -> Outcome {
        try store.requireWholeLog()
        var (first, written): (Plan?, Int) = (nil, 0)
        for _ in 0..<Self.attempts {
            let survey = try survey()
            let plan = survey.plan
            if first == nil { first = plan }
            if plan.dropped.isEmpty, plan.doomed.isEmpty {
                return Outcome(plan: first ?? plan, writtenBytes: written, freedBytes: try clear(plan))
            }
            guard let bytes = try append(survey, event()) else { continue }
            written += bytes
            let doom = StoreDoom(store, random: random)
            var freed = try doom.delete(plan.doomed)
            // Without a grace, what was just dropped goes in the next round.
            if times.grace > 0 || plan.dropped.isEmpty {
                freed += try clear(plan)
            } else {
                let dropped = plan.dropped.map(\.name)
                guard try doom.append(dropped, event: event()) else { continue }
                freed += try doom.delete(dropped)
                freed += try clear(plan)
            }
            return Outcome(plan: first ?? plan, writtenBytes: written, freedBytes: freed)
        }
        throw .busy(seconds: 0)
    }

    /// Makes the entry that drops and dooms, with what is needed of the dropped packs in new ones.
    ///
    /// - Returns: The length of the new packs; nothing if somebody else was faster.
    private func append(_ survey: Survey, _ event: Event) throws(StoreError) -> Int? {
        let (base, plan, reachable) = (survey.state, survey.plan, survey.reachable)
        let writer = ObjectWriter(store, random: random)
        defer { writer.abandon() }
        do throws(StoreError) {
            for dropped in plan.dropped where dropped.needed > 0 {
                guard let pack = reachable.packs.first(where: { $0.name == dropped.name }) else { return nil }
                try PackRewrite(pack, of: store).forEachFrame { position in
                    reachable.isMarked(pack.name, position)
                } body: { (frame) throws(StoreError) in
                    try writer.append(frame.encoded)
                }
            }
        } catch {
            guard try store.refresh() != base else { throw error }
            return nil
        }
        let id = try writer.add(.event, event.payload)
        let result = try writer.finish()
        let changes = PackChanges(
            added: result.packs.map(\.name), dropped: plan.dropped.map(\.name), doomed: plan.doomed)
        let operation = StoreOperation(event: id, refs: base.refs, packs: changes, time: event.time)
        guard try store.append(operation, on: base, nonce: Hex.text(random(8))) == .committed else {
            return nil
        }
        return result.packs.reduce(0) { $0 + $1.length }
    }

    /// Deletes what was doomed before and what nobody writes to any more, and tidies the log.
    private func clear(_ plan: Plan) throws(StoreError) -> Int {
        let freed = try StoreDoom(store, random: random).delete(plan.leftovers)
        for file in plan.temporaries { try? store.files.removeIfPresent(file) }
        let nonce = Hex.text(random(8))
        let sealing = LogSealing(store.log, store.files, nonce: nonce)
        try sealing.seal(store.current)
        try sealing.removeNames(store.current, clock: try store.fileClock(nonce: nonce))
        return freed
    }
}

/// What the log and the directories say of packs that are not live, and of refs and events.
private struct PackHistory {
    /// Roots of the refs as they are and as they were within the undo window, the newest first.
    private(set) var refs: [(number: Int, root: ObjectID)] = []
    /// Of all entries.
    private(set) var events: [ObjectID] = []
    /// Packs whose grace is over.
    private(set) var due: [PackName] = []
    private(set) var waiting: [PackName] = []
    private(set) var leftovers: [PackName] = []
    private(set) var temporaries: [FilePath] = []
    private(set) var temporaryBytes = 0

    init(_ store: ObjectStore, _ times: GarbageCollector.Times, clock: Int64) throws(StoreError) {
        let ages = LogAges(store.log, store.files, clock: clock)
        // The clock may have been wrong for a while: what is younger in the log than one of the window's entries is in it, too.
        var windowCount = 0
        var (named, doomed): (Set<PackName>, Set<PackName>) = ([], [])
        var dropped: [PackName: LogEntry] = [:]
        try store.log.entries(endingWith: store.current.number) { (entry) throws(StoreError) in
            events.append(entry.event)
            refs.append((entry.number, entry.refs))
            if times.undoWindow > 0, try ages.age(entry.number) <= times.undoWindow {
                windowCount = refs.count
            }
            let changes = try store.log.packChanges(entry)
            named.formUnion(changes.added)
            doomed.formUnion(changes.doomed)
            // The newest drop counts.
            for pack in changes.dropped where dropped[pack] == nil { dropped[pack] = entry }
            return true
        }
        // The first entry beyond the window says what the refs were when it began.
        refs.removeLast(max(0, refs.count - windowCount - 1))
        for (pack, entry) in dropped where !store.current.isLive(pack) && !doomed.contains(pack) {
            // Of a lost event, the longest grace.
            var verb = StoreRepair.verb
            if store.contains(ObjectReference(.event, entry.event)) {
                do throws(ReadError) { verb = try store.event(entry.event).verb } catch {
                    throw .object(error)
                }
            }
            let grace =
                switch verb {
                case GarbageCollector.verb: times.grace
                // The one thing to try again with, whatever else there is no way back from.
                case StoreRepair.verb: max(times.grace, GarbageCollector.Times.usual.grace)
                default: min(times.grace, StoreUpkeep.mergeGrace)
                }
            if try ages.age(entry.number) >= grace { due.append(pack) } else { waiting.append(pack) }
        }
        try look(at: store, named, doomed, oldest: clock - times.orphanAge)
        try lookAtTemporaries(of: store, oldest: clock - times.temporaryAge)
        due.sort()
        waiting.sort()
    }

    /// Looks for files that no entry names, and for those that should be gone.
    private mutating func look(
        at store: ObjectStore, _ named: Set<PackName>, _ doomed: Set<PackName>, oldest: Int64
    ) throws(StoreError) {
        var (directories, listing) = (DirectoryListing(), DirectoryListing())
        let layout = store.layout
        try filing { () throws(FileError) in
            try store.files.list(layout.packs, into: &directories)
            for index in 0..<directories.count where directories.status(index).kind == .directory {
                try store.files.list(layout.packs.appending(directories.name(index)), into: &listing)
                for position in 0..<listing.count {
                    let text = String(decoding: listing.name(position), as: UTF8.self)
                    guard text.hasSuffix(".pack"), let pack = PackName(String(text.dropLast(5))) else {
                        continue
                    }
                    if doomed.contains(pack) {
                        if !store.current.isLive(pack) { leftovers.append(pack) }
                    } else if !named.contains(pack), listing.status(position).modified < oldest {
                        due.append(pack)
                    }
                }
            }
        }
    }

    private mutating func lookAtTemporaries(of store: ObjectStore, oldest: Int64) throws(StoreError) {
        var listing = DirectoryListing()
        let directory = store.layout.temporary
        try filing { () throws(FileError) in
            guard try store.files.status(directory) != nil else { return }
            try store.files.list(directory, into: &listing)
        }
        for position in 0..<listing.count where listing.status(position).kind == .file {
            if listing.status(position).modified < oldest {
                temporaries.append(directory.appending(listing.name(position)))
            } else {
                temporaryBytes += listing.status(position).size
            }
        }
    }
}
