internal import FileIO
internal import ObjectModel

/// What the operation was whose log entry is lost: its event, and the packs that it added, are there, and no entry names them.
struct LostOperation {
    /// As it was before.
    private let store: ObjectStore
    private let files: any FileSystem
    /// Packs that entries behind it add.
    private let addedBehind: Set<PackName>
    /// Events that entries behind it name.
    private let eventsBehind: Set<ObjectID>
    /// Packs that it added, where somebody knows.
    private let added: [PackName]?
    /// Packs that it dropped, as far as somebody knows.
    private let dropped: [PackName]
    private let packs: WholePacks

    /// - Parameters:
    ///   - entries: Those behind it, as far as they can be read.
    ///   - remembered: What `cache/` knows of the log with it, or behind it.
    init(
        _ store: ObjectStore, _ files: any FileSystem, behind entries: [LogEntry],
        remembered: RememberedState?, _ packs: WholePacks = WholePacks()
    ) {
        (self.store, self.files, self.packs) = (store, files, packs)
        var (added, dropped): (Set<PackName>, Set<PackName>) = ([], [])
        for entry in entries {
            guard let packs = try? store.log.packChanges(entry) else { continue }
            added.formUnion(packs.added)
            dropped.formUnion(packs.dropped)
        }
        addedBehind = added
        eventsBehind = Set(entries.map(\.event))
        let live = store.current.live
        guard let remembered, remembered.number > store.current.number else {
            (self.added, self.dropped) = (nil, [])
            return
        }
        self.dropped = live.subtracting(remembered.live).subtracting(dropped).sorted()
        let isOfIt = remembered.number == store.current.number + 1
        self.added = isOfIt ? remembered.live.subtracting(live).sorted() : nil
    }

    /// The entries that may have been lost: of each event that fits the refs as they were, the one that comes last being the last.
    ///
    /// What it dropped stays live in such an entry, unless `cache/` knows of it.
    ///
    /// - Parameter isGuessing: Of each, with the packs dropped of which all lies in those that it added, as a merge does.
    func candidates(guessing isGuessing: Bool = false) throws(StoreError) -> [(LogEntryFile, Event)] {
        let (strays, events) = try strays()
        let all = try store.viewing(strays)
        var holders: [ObjectReference: PackReader] = [:]
        var eventless: [PackReader] = []
        for pack in strays {
            let held = (0..<pack.index.entryCount).compactMap { pack.index.entry($0)?.reference }.filter {
                $0.kind == .event
            }
            if held.isEmpty { eventless.append(pack) }
            for event in held {
                // A pack that was merged has the events of those before it as well.
                if let other = holders[event], other.index.entryCount <= pack.index.entryCount { continue }
                holders[event] = pack
            }
        }
        var found: [(LogEntryFile, Event)] = []
        // No event is named twice.
        for (reference, holder) in holders where !events.contains(reference.id) {
            guard let payload = try? all.payload(of: reference), let event = try? Event(payload: payload)
            else {
                continue
            }
            guard fits(event, in: all) else { continue }
            // Packs with events of others are of others.
            let own = eventless + [holder]
            let view = try store.viewing(own)
            guard let refs = refs(after: event, in: view),
                let packs = packs(of: [reference] + refs.needed, in: view, among: own)
            else { continue }
            let names = added ?? packs.map(\.name)
            let dropped = isGuessing ? merged(into: packs) : dropped
            let entry = LogEntry(
                number: store.current.number + 1, event: reference.id, refs: refs.root,
                packs: .listed(PackChanges(added: names, dropped: dropped)),
                features: features(of: strays.filter { names.contains($0.name) }), time: event.time)
            guard names.count + dropped.count <= LogEntry.packLimit else { continue }
            found.append(
                (
                    LogEntryFile(entry: entry, origin: store.format.origin, before: store.current.log),
                    event
                ))
        }
        return found.sorted { ($0.1.time, $0.0.entry.event) < ($1.1.time, $1.0.entry.event) }
    }

    /// Live packs that have nothing which these lack.
    private func merged(into packs: [PackReader]) -> [PackName] {
        store.current.live.sorted().filter { name in
            guard let pack = try? PackReader(name: name, path: store.layout.pack(name), files: files) else {
                return false
            }
            return (0..<pack.index.entryCount).allSatisfy { position in
                guard let (reference, _) = pack.index.entry(position) else { return false }
                return packs.contains { $0.index.position(of: reference) != nil }
            }
        }
    }

    private func features(of packs: [PackReader]) -> [String] {
        packs.reduce(into: Set(store.current.entry.features)) { $0.formUnion($1.features) }.sorted()
    }

    /// Packs whose files are there whole, and that no entry names; and the events that entries name.
    private func strays() throws(StoreError) -> (packs: [PackReader], events: Set<ObjectID>) {
        var (named, events) = (addedBehind, eventsBehind)
        try store.log.entries(endingWith: store.current.number) { (entry) throws(StoreError) in
            let packs = try store.log.packChanges(entry)
            named.formUnion(packs.added + packs.dropped + packs.doomed)
            events.insert(entry.event)
            return true
        }
        let left = store.layout.packNames(files).filter { !named.contains($0) }
        return (left.compactMap { packs.pack($0, store.layout, files) }, events)
    }

    /// Whether the refs are as they were before an event.
    private func fits(_ event: Event, in view: ObjectStore) -> Bool {
        event.refs.allSatisfy { change in
            guard let found = try? Optional(view.refs.lookup(Array(change.name.text.utf8))) else {
                return false
            }
            return found?.target == change.before
        }
    }

    /// The refs behind an event that fits; nothing if what it names is not there.
    private func refs(
        after event: Event, in view: ObjectStore
    ) -> (root: ObjectID, needed: [ObjectReference])? {
        let edits = event.refs.map { change in
            change.after.map { MerkleEdit(setting: RefEntry(name: change.name, target: $0)) }
                ?? MerkleEdit<RefEntry>(removing: Array(change.name.text.utf8))
        }
        guard let edited = try? view.refs.editing(edits) else { return nil }
        let nodes = edited.nodes.map { ObjectReference(.refs, $0.id) }
        let named = event.refs.compactMap(\.after)
        return (nodes + named).allSatisfy { view.contains($0) } ? (edited.root, nodes + named) : nil
    }

    /// The packs that have what some objects reach and the store lacks; nothing if something is nowhere.
    private func packs(
        of wanted: [ObjectReference], in view: ObjectStore, among strays: [PackReader]
    ) -> [PackReader]? {
        guard
            let selection = try? ObjectSelection(
                of: wanted, without: [], in: view, isThere: { _ in false }, hasBase: { _, _ in false })
        else { return nil }
        let touched = Set(selection.touched.map(\.name))
        return strays.filter { touched.contains($0.name) }.sorted { $0.name < $1.name }
    }
}

/// Packs that no entry names, each read once.
final class WholePacks {
    private var known: [PackName: PackReader?] = [:]

    /// A pack, if its file has the digest that its name says.
    func pack(_ name: PackName, _ layout: StoreLayout, _ files: any FileSystem) -> PackReader? {
        if let known = known[name] { return known }
        var pack: PackReader?
        if let bytes = try? PackBytes(layout.pack(name), files: files),
            (try? bytes.finish()) == name.digest?.digest
        {
            pack = try? PackReader(name: name, path: layout.pack(name), files: files)
        }
        known[name] = .some(pack)
        return pack
    }
}
