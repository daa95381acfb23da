internal import FileIO
internal import ObjectModel

/// The entry that made a store, whose file is lost: an event that changed no ref, and one pack, told for sure where the entry behind it
/// is there.
struct LostFirstEntry {
    let log: OperationLog
    let files: any FileSystem
    /// Entries behind it, as far as they can be read.
    let behind: [LogEntry]
    /// The log with it alone.
    let after: MerkleFrontier

    /// The entry as it was; nothing where it cannot be told.
    func entry() -> LogEntryFile? {
        let packs = WholePacks()
        let readers = log.layout.packNames(files).compactMap { packs.pack($0, log.layout, files) }
        guard let events = events(in: readers) else { return nil }
        // A pack that was merged is gone, and those that dropped it still name it.
        var names = Set(readers.map(\.name))
        for entry in behind {
            guard let changes = try? log.packChanges(entry) else { continue }
            names.formUnion(changes.dropped + changes.doomed)
        }
        for (id, event) in events where event.refs.isEmpty {
            for name in names.sorted() {
                let file = file(event: id, pack: name, time: event.time)
                if file.after == after { return file }
            }
        }
        return nil
    }

    private func file(event: ObjectID, pack: PackName, time: Int) -> LogEntryFile {
        let entry = LogEntry(
            number: 0, event: event, refs: BuiltTree<RefEntry>(leaves: []).root,
            packs: .listed(PackChanges(added: [pack])), features: [], time: time)
        return LogEntryFile(entry: entry, origin: log.origin, before: MerkleFrontier())
    }

    /// All events that packs hold, read through a store of one entry that somebody could have made.
    private func events(in packs: [PackReader]) -> [(ObjectID, Event)]? {
        guard let first = packs.first else { return nil }
        let layout = log.layout
        let made = file(event: ObjectID(of: .blob, payload: []), pack: first.name, time: 0)
        let alone = OperationLog(
            layout: layout, files: LogOfOneEntry(path: layout.entry(0), bytes: made.bytes), origin: log.origin
        )
        guard let state = (try? alone.newest()) ?? nil,
            let store = try? ObjectStore.open(layout, files: files, at: state, of: alone),
            let view = try? store.viewing(packs)
        else { return nil }
        var found: [(ObjectID, Event)] = []
        for pack in packs {
            for position in 0..<pack.index.entryCount {
                guard let reference = pack.index.entry(position)?.reference, reference.kind == .event,
                    let payload = (try? view.payload(of: reference)) ?? nil,
                    let event = try? Event(payload: payload)
                else { continue }
                found.append((reference.id, event))
            }
        }
        return found
    }
}

/// The files of a log of one entry, which lies nowhere.
private struct LogOfOneEntry: LogFiles {
    let path: FilePath
    let bytes: [UInt8]

    func contents(of path: FilePath, limit: Int) throws(StoreError) -> [UInt8]? {
        path == self.path ? bytes : nil
    }

    func names(in directory: FilePath) throws(StoreError) -> [[UInt8]] {
        directory == path.parent ? [path.name] : []
    }

    func create(_ path: FilePath, _ bytes: [UInt8], nonce: String) throws(StoreError) -> Bool { false }

    func remove(_ path: FilePath) throws(StoreError) {}
}
