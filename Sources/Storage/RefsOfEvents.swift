internal import ObjectModel

/// All refs of a store, made anew from the record of what became of each.
struct RefsOfEvents {
    /// The nodes of the map; its root is the one that the newest entry names.
    let nodes: [(reference: ObjectReference, payload: [UInt8])]

    /// Goes back to the newest entry whose refs can be read, and takes in what the events behind it say.
    ///
    /// - Returns: Nothing if events are lost too: only the refs that were will do.
    init?(_ store: ObjectStore) {
        var (refs, events): ([RefName: ObjectReference]?, [ObjectID]) = (nil, [])
        var unreadable: ObjectID?
        let isRead: Void? = try? store.log.entries(endingWith: store.current.number) {
            (entry) throws(StoreError) in
            if entry.refs != unreadable {
                let leaves = try? MerkleTree<RefEntry>(root: entry.refs, reader: store).leaves()
                refs = leaves.map { leaves in
                    Dictionary(leaves.map { ($0.name, $0.target) }, uniquingKeysWith: { first, _ in first })
                }
                unreadable = entry.refs
            }
            if refs == nil { events.append(entry.event) }
            return refs == nil
        }
        guard isRead != nil, var refs else { return nil }
        for id in events.reversed() {
            guard let payload = try? store.payload(of: ObjectReference(.event, id)) ?? nil,
                let event = try? Event(payload: payload)
            else { return nil }
            for change in event.refs { refs[change.name] = change.after }
        }
        let built = BuiltTree<RefEntry>(
            leaves: refs.sorted { $0.key < $1.key }.map { RefEntry(name: $0.key, target: $0.value) })
        guard built.root == store.current.refs else { return nil }
        nodes = built.nodes.map { (ObjectReference(.refs, $0.id), $0.payload) }
    }
}
