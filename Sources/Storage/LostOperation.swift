internal import FileIO
internal import ObjectModel

/// What the operation was whose log entry is lost: its event, and the packs that it added, are there, and no entry names them.
struct LostOperation {
    /// As it was before.
    private let store: ObjectStore
    private let files: any FileSystem

    init(_ store: ObjectStore, _ files: any FileSystem) { (self.store, self.files) = (store, files) }

    /// The entries that may have been lost: of each event that fits the refs as they were, the one that comes last being the last.
    ///
    /// Of what an operation dropped or doomed nothing is left: what it dropped stays live in such an entry.
    func candidates() throws(StoreError) -> [(LogEntryFile, Event)] {
        let strays = try strays()
        let view = try store.viewing(strays)
        var found: [(LogEntryFile, Event)] = []
        for pack in strays {
            for position in 0..<pack.index.entryCount {
                guard let (reference, _) = pack.index.entry(position), reference.kind == .event,
                    let payload = try? view.payload(of: reference), let event = try? Event(payload: payload),
                    !found.contains(where: { $0.0.entry.event == reference.id }),
                    let refs = refs(after: event, in: view),
                    let packs = packs(of: [reference] + refs.needed, in: view, among: strays)
                else { continue }
                let entry = LogEntry(
                    number: store.current.number + 1, event: reference.id, refs: refs.root,
                    packs: .listed(PackChanges(added: packs.map(\.name))),
                    features: packs.reduce(into: Set(store.current.entry.features)) {
                        $0.formUnion($1.features)
                    }
                    .sorted(), time: event.time)
                guard packs.count <= LogEntry.packLimit else { continue }
                found.append(
                    (
                        LogEntryFile(entry: entry, origin: store.format.origin, before: store.current.log),
                        event
                    ))
            }
        }
        return found.sorted { ($0.1.time, $0.0.entry.event) < ($1.1.time, $1.0.entry.event) }
    }

    /// Packs whose files are there whole, and that no entry has named yet.
    private func strays() throws(StoreError) -> [PackReader] {
        var named: Set<PackName> = []
        var failure: StoreError?
        do throws(StoreError) {
            try store.log.entries(endingWith: store.current.number) { (entry) throws(StoreError) in
                let packs = try store.log.packChanges(entry)
                named.formUnion(packs.added + packs.dropped + packs.doomed)
                return true
            }
        } catch { failure = error }
        if let failure { throw failure }
        return store.layout.packNames(files).filter { !named.contains($0) }.compactMap { name in
            guard let bytes = try? PackBytes(store.layout.pack(name), files: files),
                (try? bytes.finish()) == name.digest?.digest
            else { return nil }
            return try? PackReader(name: name, path: store.layout.pack(name), files: files)
        }
    }

    /// The refs behind an event; nothing if it does not fit those before it, or what it names is not there.
    private func refs(
        after event: Event, in view: ObjectStore
    ) -> (root: ObjectID, needed: [ObjectReference])? {
        for change in event.refs {
            let key = Array(change.name.text.utf8)
            guard let found = try? Optional(store.refs.lookup(key)), found?.target == change.before else {
                return nil
            }
        }
        let edits = event.refs.map { change in
            change.after.map { MerkleEdit(setting: RefEntry(name: change.name, target: $0)) }
                ?? MerkleEdit<RefEntry>(removing: Array(change.name.text.utf8))
        }
        guard let edited = try? store.refs.editing(edits) else { return nil }
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
