internal import FileIO
internal import ObjectModel

/// Goes on with a log of which entries are lost that nobody can tell: one entry leads from what came before them to what the last one
/// behind them has left, so that the refs and the data of all of these stay.
///
/// What it stands for is set aside. Whoever has seen the log takes it for another one from then on.
package struct LogBridge: Sendable {
    /// Of the entry that stands for the others.
    package let number: Int
    /// The numbers of those that are set aside; the one that it stands for is the last.
    package let replaced: [Int]
    let origin: String
    private let state: StoreState
    private let last: LogEntry
    private let packs: PackChanges
    private let features: Set<String>

    /// - Parameters:
    ///   - state: In front of what is lost.
    ///   - log: Where the first lost entry is absent.
    ///   - names: The numbers that have a file behind that.
    ///   - remembered: What `cache/` knows of the log.
    /// - Returns: Nothing where no entry behind it has refs and an event of which all is there.
    init?(
        behind state: StoreState, _ log: OperationLog, _ files: any FileSystem, names: [Int],
        remembered: RememberedState?
    ) throws(StoreError) {
        let layout = log.layout
        (self.state, origin, number) = (state, log.origin, state.number + 1)
        var entries: [LogEntryFile] = []
        for name in names { if let file = (try? log.entryFile(name)) ?? nil { entries.append(file) } }
        // Packs that are there and that nobody is known to have dropped.
        var gone: Set<PackName> = []
        try log.entries(endingWith: state.number) { (entry) throws(StoreError) in
            let changes = try log.packChanges(entry)
            gone.formUnion(changes.dropped + changes.doomed)
            return true
        }
        gone.subtract(state.live)
        // Of those that an entry names also damaged ones stay: they are for a repair.
        var named = state.live
        for entry in entries {
            guard let changes = try? log.packChanges(entry.entry) else { continue }
            gone.subtract(changes.added)
            gone.formUnion(changes.dropped + changes.doomed)
            named.formUnion(changes.added)
        }
        let whole = WholePacks()
        let there = layout.packNames(files).filter { !gone.contains($0) }.compactMap {
            whole.pack($0, layout, files)
        }
        let view = try ObjectStore.open(layout, files: files, at: state, of: log).viewing(there)
        let found = entries.last { file in
            let event = ObjectReference(.event, file.entry.event)
            guard view.contains(event),
                let refs = try? MerkleTree<RefEntry>(root: file.entry.refs, reader: view).leaves()
            else { return false }
            return refs.allSatisfy { view.contains($0.target) }
        }
        guard let found else { return nil }
        last = found.entry
        replaced = names.filter { $0 != found.entry.number } + [found.entry.number]
        var live = Set(there.map(\.name)).union(named.subtracting(gone))
        if let remembered, remembered.number == last.number, remembered.log == found.after {
            live = remembered.live
        }
        live.formIntersection(layout.packNames(files))
        packs = PackChanges(
            added: Array(live.subtracting(state.live)), dropped: Array(state.live.subtracting(live)))
        features = there.filter { live.contains($0.name) }.reduce(into: Set(last.features)) {
            $0.formUnion($1.features)
        }
    }

    /// The entry that stands for the others; nothing if it is there already.
    func entry(of log: OperationLog, nonce: String) throws(StoreError) -> LogEntryFile? {
        guard state.entry.event != last.event else { return nil }
        return try log.proposal(
            after: state, event: last.event, refs: last.refs, packs: packs, features: features,
            time: last.time, nonce: nonce)
    }
}
