internal import FileIO
package import ObjectModel

/// What a store needs now and then, done by whoever extends the log: full tiles are sealed, and packs that merges replaced
/// an hour ago or longer are doomed and deleted.
///
/// Nothing depends on it; what fails is tried again later.
package struct StoreUpkeep {
    /// The verb of its events.
    package static let verb = "merge-packs"

    /// So many entries lie between two upkeeps.
    private static let interval = 32
    /// How long the packs that a merge replaced stay for readers of older entries, in nanoseconds.
    static let mergeGrace = LogAges.hour

    private let store: ObjectStore
    private let random: @Sendable (Int) -> [UInt8]
    private var layout: StoreLayout { store.layout }
    private var files: any FileSystem { store.files }

    package init(_ store: ObjectStore, random: @escaping @Sendable (Int) -> [UInt8]) {
        self.store = store
        self.random = random
    }

    /// Whether the newest entry is one that upkeep follows.
    package var isDue: Bool { store.current.number % Self.interval == Self.interval - 1 }

    /// Does what is due.
    ///
    /// - Parameter event: Makes the event of an entry that dooms packs.
    package func run(event: () -> Event) throws(StoreError) {
        let nonce = Hex.text(random(8))
        let clock = try store.fileClock(nonce: nonce)
        let sealing = LogSealing(store.log, store.files, nonce: nonce)
        if try sealing.seal(store.current) > 0 { try sealing.removeNames(store.current, clock: clock) }
        let (packs, mark) = try replaced(LogAges(store.log, store.files, clock: clock))
        if !packs.isEmpty {
            let doom = StoreDoom(store, random: random)
            guard try doom.append(packs, event: event()) else { return }
            try doom.delete(packs)
        }
        try setMark(mark)
    }

    /// Packs that merges replaced long enough ago, and the entry up to which that is all.
    private func replaced(_ ages: LogAges) throws(StoreError) -> (packs: [PackName], mark: Int) {
        let start = mark()
        var (packs, last): ([PackName], Int) = ([], start)
        for number in (start + 1)..<max(start + 1, store.current.number) {
            guard try ages.age(number) > Self.mergeGrace else { break }
            last = number
            var entry: LogEntry?
            try store.log.entries(endingWith: number) { found in
                entry = found
                return false
            }
            guard let entry else { break }
            let changes = try store.log.packChanges(entry)
            // What a collection or a repair dropped has a longer grace, and is the collector's.
            guard !changes.dropped.isEmpty,
                try ![GarbageCollector.verb, StoreRepair.verb].contains(verb(of: entry))
            else { continue }
            packs += changes.dropped.filter { !store.current.isLive($0) }
        }
        return (packs, last)
    }

    private func verb(of entry: LogEntry) throws(StoreError) -> String {
        do throws(ReadError) { return try store.event(entry.event).verb } catch { throw .object(error) }
    }

    // MARK: How far it got

    private var markPath: FilePath { layout.cache / "doomed" }

    /// The number of an entry up to which nothing is left to be doomed.
    private func mark() -> Int {
        guard let bytes = try? files.contentsIfPresent(markPath, limit: 64),
            let number = Int(String(decoding: bytes, as: UTF8.self)), number <= store.current.number
        else { return 0 }
        return max(0, number)
    }

    private func setMark(_ number: Int) throws(StoreError) {
        try filing { () throws(FileError) in
            let temporary = layout.temporary / "doomed-\(Hex.text(random(8)))"
            let file = try layout.createTemporary(temporary, permissions: 0o666, files)
            defer { files.close(file) }
            try files.write(file, Array(String(number).utf8))
            try files.rename(temporary, to: markPath)
        }
    }
}

/// Dooms packs, and deletes their files: the one place where something of a store goes.
struct StoreDoom {
    private let store: ObjectStore
    private let random: @Sendable (Int) -> [UInt8]

    init(_ store: ObjectStore, random: @escaping @Sendable (Int) -> [UInt8]) {
        self.store = store
        self.random = random
    }

    /// Makes the entry by which packs are doomed.
    ///
    /// - Returns: Whether it was made; not, if somebody else was faster.
    func append(_ packs: [PackName], event: Event) throws(StoreError) -> Bool {
        let base = store.current
        let writer = ObjectWriter(store, random: random)
        defer { writer.abandon() }
        let id = try writer.add(.event, event.payload)
        let added = try writer.finish().packs.map(\.name)
        let operation = StoreOperation(
            event: id, refs: base.refs,
            packs: PackChanges(added: added, doomed: packs.filter { !base.isLive($0) }), time: event.time)
        return try store.append(operation, on: base, nonce: Hex.text(random(8))) == .committed
    }

    /// Deletes the files of doomed packs.
    ///
    /// - Returns: The bytes that became free.
    @discardableResult
    func delete(_ packs: [PackName]) throws(StoreError) -> Int {
        var bytes = 0
        for pack in packs {
            precondition(!store.current.isLive(pack), "a live pack is never deleted")
            let path = store.layout.pack(pack)
            bytes += try filing { () throws(FileError) in
                guard let status = try store.files.status(path) else { return 0 }
                try store.files.removeIfPresent(path)
                return status.size
            }
        }
        return bytes
    }
}
