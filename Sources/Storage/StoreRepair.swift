package import FileIO
package import ObjectModel

/// Puts a store in order as far as its undamaged bytes allow.
///
/// Live packs that are damaged or missing are replaced by one with what is undamaged in them, by a log entry of the verb
/// `repair`; their files stay where they are until a collection that comes two weeks later. Derived files go. Damage of `format` or of the log is not repaired here
/// (``LogRepair``): who writes to a log that does not hold together makes it worse.
package struct StoreRepair: Sendable {
    /// What would be done.
    package struct Plan: Hashable, Sendable {
        /// Derived files that would be removed, below the store's directory.
        package let removed: [String]
        /// Live packs that would be dropped, and of each the objects that are nowhere else and would be written anew.
        package let replaced: [Replacement]
        /// Objects that are lost for good, sorted.
        package let lost: [ObjectReference]
        /// What a repair leaves as it is.
        package let remaining: [IntegrityProblem]

        package var isEmpty: Bool { removed.isEmpty && replaced.isEmpty }
    }

    /// A damaged pack, and what of it goes into a new one.
    package struct Replacement: Hashable, Sendable {
        package let pack: PackName
        package let saved: Int
        /// Of the saved payloads.
        package let bytes: Int
    }

    /// What was done.
    package struct Outcome: Sendable {
        package let plan: Plan
        /// Packs that the log entry added; empty if none was needed.
        package let added: [PackName]
        /// Objects that were lost and that packs have which were dropped before.
        package let regained: Int
        /// Whether the list of all refs was made anew from what events say.
        package let hasNewRefs: Bool
    }

    /// The verb of its events.
    package static let verb = "repair"

    private let layout: StoreLayout
    private let files: any FileSystem

    private let signer: EntrySigner?
    private let governance: StoreGovernance?

    /// - Parameters:
    ///   - signer: Signs each entry that is made, if they are to be signed.
    ///   - governance: Takes its place where the store has a policy.
    package init(
        _ root: FilePath, files: any FileSystem, signing signer: EntrySigner? = nil,
        governed governance: StoreGovernance? = nil
    ) {
        layout = StoreLayout(root: root)
        (self.files, self.signer, self.governance) = (files, signer, governance)
    }

    /// What would be done about the problems that a check has found; removes `cache/state` at most.
    ///
    /// - Throws: ``StoreError/damaged(_:problem:)`` where packs would have to be replaced in a log that is damaged itself.
    package func plan(_ report: IntegrityReport) throws(StoreError) -> Plan {
        var replaced: [Replacement] = []
        if !report.damagedPacks.isEmpty {
            let store = try openWithout(report)
            let bases = try bases(of: report.damagedPacks, besides: store)
            var seen: Set<ObjectReference> = []
            for pack in report.damagedPacks {
                var (saved, bytes) = (0, 0)
                try salvage(pack, bases) { (reference, payload) throws(StoreError) in
                    guard !store.containsPlain(reference), seen.insert(reference).inserted else { return }
                    (saved, bytes) = (saved + 1, bytes + payload.count)
                }
                replaced.append(Replacement(pack: pack, saved: saved, bytes: bytes))
            }
        }
        return plan(report, replaced)
    }

    private func plan(_ report: IntegrityReport, _ replaced: [Replacement]) -> Plan {
        let packs = Set(report.damagedPacks)
        let remaining = report.problems.filter { problem in
            if problem.kind == .cache || problem.kind == .missingObject { return false }
            return problem.pack.map { !packs.contains($0) } ?? true
        }
        let removed = report.problems.filter { $0.kind == .cache }.compactMap(\.file)
        return Plan(removed: removed, replaced: replaced, lost: report.lost, remaining: remaining)
    }

    /// Repairs what a check has found.
    ///
    /// - Parameters:
    ///   - report: Of a check of the store as it is now.
    ///   - event: Makes the log entry's event: who, when, and a nonce; its verb is `repair` and its refs are empty.
    ///   - random: Hands out that many random bytes.
    /// - Returns: What was done.
    /// - Throws: ``StoreError/busy(seconds:)`` if others kept writing; then nothing has happened.
    package func perform(
        _ report: IntegrityReport, event: Event, random: @escaping @Sendable (Int) -> [UInt8]
    ) throws(StoreError) -> Outcome {
        let derived = plan(report, [])
        try filing { () throws(FileError) in
            for file in derived.removed { try files.removeIfPresent(layout.root / file) }
        }
        guard !report.damagedPacks.isEmpty || !report.lost.isEmpty else {
            return Outcome(plan: derived, added: [], regained: 0, hasNewRefs: false)
        }
        let store = try openWithout(report)
        let writer = ObjectWriter(store, random: random)
        do throws(StoreError) {
            let bases = try bases(of: report.damagedPacks, besides: store)
            var blobs = FrameBuilder(.data)
            var replaced: [Replacement] = []
            for pack in report.damagedPacks {
                var (saved, bytes) = (0, 0)
                try salvage(pack, bases) { (reference, payload) throws(StoreError) in
                    guard try save(reference, payload, &blobs, writer) else { return }
                    (saved, bytes) = (saved + 1, bytes + payload.count)
                }
                replaced.append(Replacement(pack: pack, saved: saved, bytes: bytes))
            }
            try writer.append(&blobs)
            let regained = try regain(report, writer)
            let hasNewRefs = try remakeRefs(report, writer)
            guard !report.damagedPacks.isEmpty || regained > 0 || hasNewRefs else {
                writer.abandon()
                return Outcome(plan: derived, added: [], regained: 0, hasNewRefs: false)
            }
            let id = try writer.add(.event, event.payload)
            let added = try writer.finish().packs.map(\.name)
            try replace(report.damagedPacks, by: added, event: id, time: event.time, writer, random)
            return Outcome(
                plan: plan(report, replaced), added: added, regained: regained, hasNewRefs: hasNewRefs)
        } catch {
            writer.abandon()
            throw error
        }
    }

    /// Saves what packs that were replaced have in undamaged frames, and could not be decoded before what it is told by was there again.
    ///
    /// - Returns: How many objects; with none, no entry is made.
    package func regain(
        _ packs: [PackName], event: Event, random: @escaping @Sendable (Int) -> [UInt8]
    ) throws(StoreError) -> Int {
        let store = try ObjectStore.open(layout.root, files: files, signing: signer, governed: governance)
        let writer = ObjectWriter(store, random: random)
        defer { writer.abandon() }
        let bases = try bases(of: packs, besides: store)
        var blobs = FrameBuilder(.data)
        var saved = 0
        for pack in packs {
            try salvage(pack, bases) { (reference, payload) throws(StoreError) in
                guard !store.containsWithBase(reference) else { return }
                if try save(reference, payload, &blobs, writer) { saved += 1 }
            }
        }
        guard saved > 0 else { return 0 }
        try writer.append(&blobs)
        let id = try writer.add(.event, event.payload)
        try replace(
            [], by: try writer.finish().packs.map(\.name), event: id, time: event.time, writer, random)
        return saved
    }

    /// Takes what is lost, and what that needs, from packs that were dropped before and whose files are still there.
    ///
    /// - Returns: How many objects.
    private func regain(_ report: IntegrityReport, _ writer: ObjectWriter) throws(StoreError) -> Int {
        guard !report.lost.isEmpty else { return 0 }
        let damaged = Set(report.damagedPacks)
        let left = layout.packNames(files).filter {
            !writer.store.current.isLive($0) && !damaged.contains($0)
        }
        let readers = left.compactMap { try? PackReader(name: $0, path: layout.pack($0), files: files) }
        guard !readers.isEmpty else { return 0 }
        var (regained, blobs) = try copy(
            report.lost, from: try writer.store.viewing(readers), to: writer)
        try writer.append(&blobs)
        return regained.objects
    }

    /// Whether the list of all refs, if it is lost, can be made anew from what events say.
    package func canRemakeRefs(_ report: IntegrityReport) throws(StoreError) -> Bool {
        RefsOfEvents(try openWithout(report)) != nil
    }

    /// Makes the list of all refs anew, where it is lost and events say what it was.
    ///
    /// - Returns: Whether it was.
    private func remakeRefs(_ report: IntegrityReport, _ writer: ObjectWriter) throws(StoreError) -> Bool {
        guard report.lost.contains(where: { $0.kind == .refs }), let refs = RefsOfEvents(writer.store) else {
            return false
        }
        var isNew = false
        for (reference, payload) in refs.nodes where !writer.store.contains(reference) {
            try writer.add(reference, payload)
            isNew = true
        }
        return isNew
    }

    /// Attempts to extend the log before giving up.
    private static let attempts = 60

    func replace(
        _ damaged: [PackName], by added: [PackName], event: ObjectID, time: Int, _ writer: ObjectWriter,
        _ random: @Sendable (Int) -> [UInt8]
    ) throws(StoreError) {
        let store = writer.store
        for _ in 0..<Self.attempts {
            let base = try store.refresh()
            let dropped = damaged.filter { base.isLive($0) }
            // Somebody else repaired it, or collected what was to be kept: the check has to be made again.
            guard dropped.count == damaged.count, writer.stillStands() else { throw .outdated }
            let operation = StoreOperation(
                event: event, refs: base.refs, packs: PackChanges(added: added, dropped: dropped), time: time)
            if try store.append(operation, on: base, nonce: Hex.text(random(8))) == .committed { return }
        }
        throw .busy(seconds: Self.attempts)
    }

    /// Opens the store without the packs that are to be replaced, from its log and not from what is remembered of it.
    func openWithout(_ report: IntegrityReport) throws(StoreError) -> ObjectStore {
        guard report.isLogSound else {
            throw .damaged(layout.log, problem: "packs cannot be replaced while the log itself is damaged")
        }
        try filing { () throws(FileError) in try files.removeIfPresent(layout.cache / "state") }
        return try ObjectStore.open(
            layout.root, files: files, leavingOut: Set(report.damagedPacks), signing: signer,
            governed: governance)
    }

    /// What damaged packs have of the bases of their own frames, and behind it the rest of the store.
    private func bases(
        of packs: [PackName], besides store: ObjectStore
    ) throws(StoreError) -> SalvagedObjects {
        try SalvagedObjects(basesOf: packs, layout: layout, files: files) { base in
            (try? store.payload(of: base)) ?? nil
        }
    }

    /// Hands out what is undamaged in a pack; nothing if its file is gone.
    private func salvage(
        _ pack: PackName, _ bases: SalvagedObjects,
        _ body: (ObjectReference, [UInt8]) throws(StoreError) -> Void
    ) throws(StoreError) {
        do throws(StoreError) {
            _ = try PackSalvage(layout.pack(pack), files: files).forEachObject(base: bases.base) {
                (reference, payload, _) throws(StoreError) in try body(reference, payload)
            }
        } catch {
            if case .file(let failure) = error, failure.isNotFound || failure.isNoFile { return }
            throw error
        }
    }

    /// Writes an object, unless a sound pack has it without a base: it may be one itself.
    func save(
        _ reference: ObjectReference, _ payload: [UInt8], _ blobs: inout FrameBuilder, _ writer: ObjectWriter
    ) throws(StoreError) -> Bool {
        guard reference.kind == .blob else {
            guard !writer.store.contains(reference) else {
                // Relied upon: a collection may drop the other copy meanwhile.
                _ = writer.claim(reference)
                return false
            }
            let recipe = reference.kind == .chunks ? try? Recipe(payload: payload) : nil
            try writer.add(reference, payload, recipeOf: recipe?.blob)
            return true
        }
        guard !writer.store.containsPlain(reference), writer.claim(reference, evenIfThere: true) else {
            // Relied upon: a collection may drop the other copy meanwhile.
            _ = writer.claim(reference)
            return false
        }
        if !blobs.hasRoom(for: payload.count) || blobs.isFull { try writer.append(&blobs) }
        blobs.add(reference, payload)
        return true
    }
}
