import FileIO
import ObjectModel
import Storage
import TestSupport
import Testing

@Suite struct OperationLogTests {
    /// RFC 9162, section 2.1.1, applied as it is written, without a frontier.
    static func root(_ leaves: ArraySlice<[UInt8]>) -> ObjectID {
        guard leaves.count > 1 else {
            return leaves.first.map { MerkleLog.leaf($0) } ?? ObjectID(of: .blob, payload: [])
        }
        var split = 1
        while split * 2 < leaves.count { split *= 2 }
        let middle = leaves.startIndex + split
        return MerkleLog.node(root(leaves[..<middle]), root(leaves[middle...]))
    }

    @Test func `a frontier has the root that RFC 9162 defines, at every size`() {
        var frontier = MerkleFrontier()
        var leaves: [[UInt8]] = []
        for size in 0..<140 {
            #expect(frontier.root == Self.root(leaves[...]), "size \(size)")
            #expect(frontier.subtrees.count == size.nonzeroBitCount)
            leaves.append(Array("\(size)".utf8))
            frontier.append(MerkleLog.leaf(leaves[size]))
        }
    }

    @Test func `of two writers one loses, repairs, and is next`() throws {
        let disk = try Fixture.disk()
        let ada = try Fixture.create(on: disk, random: Randomness(seed: 1))
        let bob = try ObjectStore.open(Fixture.root, files: disk)
        let (of, by) = (Array("ada's".utf8), Array("bob's".utf8))
        let first = try Fixture.prepare(1, blobs: [of], in: ada, random: Randomness(seed: 2))
        let second = try Fixture.prepare(2, blobs: [by], in: bob, random: Randomness(seed: 3))
        let base = bob.current
        #expect(try ada.append(first.operation, on: ada.current, nonce: "00") == .committed)
        #expect(try bob.append(second.operation, on: base, nonce: "01") == .lost)
        #expect(bob.current == ada.current, "who loses knows what came")
        #expect(try bob.blob(of) == of)
        #expect(try bob.blob(by) == nil)
        #expect(try bob.append(second.operation, on: bob.current, nonce: "02") == .committed)
        #expect(try ada.refresh() == bob.current)
        #expect(try ada.blob(by) == by)
        #expect(try disk.names(in: ada.layout.temporary).isEmpty)
    }

    @Test func `many writers all get in, each in one entry`() throws {
        let disk = try Fixture.disk()
        _ = try Fixture.create(on: disk, random: Randomness(seed: 1))
        let stores = try (0..<6).map { _ in try ObjectStore.open(Fixture.root, files: disk) }
        var waiting = try stores.enumerated().map { index, store in
            let prepared = try Fixture.prepare(
                index + 1, blobs: [[UInt8(index)]], in: store, random: Randomness(seed: UInt64(index + 2)))
            return (store: store, operation: prepared.operation, base: store.current)
        }
        var rounds = 0
        while !waiting.isEmpty {
            var losers: [(store: ObjectStore, operation: StoreOperation, base: StoreState)] = []
            for (index, writer) in waiting.enumerated() {
                let outcome = try writer.store.append(
                    writer.operation, on: writer.base, nonce: "\(rounds)-\(index)")
                #expect((outcome == .committed) == (index == 0))
                if outcome == .lost { losers.append((writer.store, writer.operation, writer.store.current)) }
            }
            waiting = losers
            // All refresh before anyone goes on.
            for index in waiting.indices { waiting[index].base = try waiting[index].store.refresh() }
            rounds += 1
        }
        let store = try ObjectStore.open(Fixture.root, files: disk)
        #expect(store.current.number == 6)
        for index in 0..<6 { #expect(try store.blob([UInt8(index)]) == [UInt8(index)]) }
    }

    @Test func `a reply that was lost is not an operation that was lost`() throws {
        let disk = try Fixture.disk()
        let store = try Fixture.create(on: disk, random: Randomness(seed: 1))
        let files = RecordingFileSystem(
            disk,
            judge: { call in
                call.operation == .link && call.path.name.starts(with: Array("entry-".utf8))
                    ? .failAfterwards(5) : .proceed
            })
        let writer = try ObjectStore.open(Fixture.root, files: files)
        let (operation, _) = try Fixture.prepare(1, blobs: [], in: writer, random: Randomness(seed: 2))
        #expect(try writer.append(operation, on: writer.current, nonce: "00") == .committed)
        #expect(try store.refresh().number == 1)
    }

    @Test(arguments: [32, 33, 100]) func `packs beyond thirty-two are named in a list`(count: Int) throws {
        let disk = try Fixture.disk()
        let store = try Fixture.create(on: disk, random: Randomness(seed: 1))
        var added: [PackName] = []
        for index in 0..<count {
            let prepared = try Fixture.prepare(
                1, blobs: [[1, UInt8(index)]], in: store, random: Randomness(seed: UInt64(index)))
            added += prepared.operation.packs.added
        }
        let operation = StoreOperation(
            event: ObjectID(of: .event, payload: try Fixture.event(1).payload), refs: store.current.refs,
            packs: PackChanges(added: added), time: 7)
        #expect(try store.append(operation, on: store.current, nonce: "00") == .committed)
        let lists = try disk.names(in: store.layout.lists)
        #expect(lists.count == (count > 32 ? 1 : 0))
        try disk.remove(store.layout.cache / "state")
        let opened = try ObjectStore.open(Fixture.root, files: disk)
        #expect(opened.current.live.isSuperset(of: added) && opened.current.live.count == count + 1)
        for index in 0..<count { #expect(try opened.blob([1, UInt8(index)]) == [1, UInt8(index)]) }
        guard let list = lists.first else { return }
        try disk.remove(store.layout.cache / "state")
        try disk.damage(store.layout.lists.appending(list), at: 5) { $0 ^ 1 }
        #expect { try ObjectStore.open(Fixture.root, files: disk) } throws: {
            if case StoreError.damaged? = $0 as? StoreError { true } else { false }
        }
    }

    @Test func `a feature that this version does not know is refused by name`() throws {
        let disk = try Fixture.disk()
        let store = try Fixture.create(on: disk, random: Randomness(seed: 1))
        var log = try HandmadeLog(store, on: disk)
        try log.append(features: ["warp"])
        #expect(throws: StoreError.feature("warp", entry: 1)) {
            try ObjectStore.open(Fixture.root, files: disk)
        }
        #expect(throws: StoreError.feature("warp", entry: 1)) { try store.refresh() }
    }

    @Test func `an entry that does not follow from the one before is damage`() throws {
        let disk = try Fixture.disk()
        let store = try Fixture.create(on: disk, random: Randomness(seed: 1))
        var log = try HandmadeLog(store, on: disk)
        try log.append()
        log.frontier = try Fixture.required(MerkleFrontier(size: 2, subtrees: [store.current.refs]))
        try log.append()
        #expect { try ObjectStore.open(Fixture.root, files: disk) } throws: {
            if case StoreError.damaged(store.layout.entry(2), _)? = $0 as? StoreError { true } else { false }
        }
    }

    // MARK: Sealing

    /// 260 entries, of which the first 256 are sealed and their names gone; somebody still knows the 100th.
    struct Sealed {
        let disk: SimulatedDisk
        let early: ObjectStore
        let log: HandmadeLog

        init(entries: Int = 260, keeping: Int = 256) throws {
            disk = try Fixture.disk()
            let store = try Fixture.create(on: disk, random: Randomness(seed: 1))
            var log = try HandmadeLog(store, on: disk)
            for _ in 1..<100 { try log.append() }
            early = try ObjectStore.open(Fixture.root, files: disk)
            for _ in 100..<entries { try log.append() }
            try log.seal(0)
            for number in 0..<keeping { try disk.remove(store.layout.entry(number)) }
            try disk.removeIfPresent(store.layout.cache / "state")
            self.log = log
        }
    }

    @Test(arguments: [(256, 255), (257, 256), (260, 256), (260, 3)])
    func `the log reads across a sealed tile`(entries: Int, removed: Int) throws {
        let sealed = try Sealed(entries: entries, keeping: removed)
        #expect(sealed.early.current.number == 99)
        let store = try ObjectStore.open(Fixture.root, files: sealed.disk)
        #expect(store.current.number == entries - 1)
        #expect(store.current.log == sealed.log.frontier)
        #expect(try sealed.early.refresh() == store.current)
        let (operation, _) = try Fixture.prepare(1, blobs: [[5]], in: store, random: Randomness(seed: 9))
        #expect(try store.append(operation, on: store.current, nonce: "00") == .committed)
        #expect(try ObjectStore.open(Fixture.root, files: sealed.disk).current.number == entries)
    }

    @Test(arguments: [0, 100, 101, 255]) func `a ghost below a sealed number is ignored`(number: Int) throws {
        let sealed = try Sealed()
        // What a writer that slept since it read entry `number` - 1 creates under the name that was removed.
        try sealed.log.entries.withGhost(number, sealed, features: [])
        let store = try ObjectStore.open(Fixture.root, files: sealed.disk)
        #expect(store.current.number == 259 && store.current.log == sealed.log.frontier)
        #expect(try sealed.early.refresh() == store.current)
    }

    @Test func `a ghost that cannot be understood is ignored as well`() throws {
        let sealed = try Sealed()
        try sealed.log.entries.withGhost(100, sealed, features: ["warp"])
        #expect(try ObjectStore.open(Fixture.root, files: sealed.disk).current.number == 259)
        #expect(try sealed.early.refresh().number == 259)
    }

    @Test func `a writer that slept while its number was sealed has lost, and leaves no ghost`() throws {
        let sealed = try Sealed()
        let (operation, _) = try Fixture.prepare(
            1, blobs: [[5]], in: sealed.early, random: Randomness(seed: 9))
        let base = sealed.early.current
        #expect(try sealed.early.append(operation, on: base, nonce: "00") == .lost)
        #expect(sealed.early.current.number == 259)
        #expect(try sealed.disk.status(sealed.early.layout.entry(100)) == nil)
        #expect(try sealed.early.append(operation, on: sealed.early.current, nonce: "01") == .committed)
    }

    @Test func `a tile that is cut short or has a strange entry is damage`() throws {
        let sealed = try Sealed()
        let path = sealed.early.layout.tile("entries", 0)
        let whole = try sealed.disk.contents(path, limit: 1 << 20)
        for bytes in [Array(whole.dropLast()), Array(whole.dropFirst(3)), whole + [0], whole + whole, []] {
            try sealed.disk.remove(path)
            try HandmadeLog.write(bytes, to: path, on: sealed.disk)
            #expect("\(bytes.count) of \(whole.count) bytes") {
                try ObjectStore.open(Fixture.root, files: sealed.disk)
            } throws: {
                if case StoreError.damaged? = $0 as? StoreError { true } else { false }
            }
        }
    }

    @Test(arguments: [(0, "000"), (67, "067"), (1067, "x001/067"), (1_234_067, "x001/x234/067")])
    func `a tile lies where the format says`(number: Int, path: String) {
        #expect(StoreLayout(root: "/s").tile("entries", number) == FilePath("/s/log/tile/entries/\(path)"))
    }
}

extension [LogEntryFile] {
    func withGhost(_ number: Int, _ sealed: OperationLogTests.Sealed, features: [String]) throws {
        var entry = self[number].entry
        entry.time += 1_000_000
        entry.features = features
        let ghost = LogEntryFile(entry: entry, origin: self[number].origin, before: self[number].before)
        try HandmadeLog.write(ghost.bytes, to: sealed.early.layout.entry(number), on: sealed.disk)
    }
}

/// A log that is written by hand, by `Documentation/Formats/log.md` and not by the code under test.
struct HandmadeLog {
    let store: ObjectStore
    let disk: SimulatedDisk
    var frontier: MerkleFrontier
    var entries: [LogEntryFile]

    init(_ store: ObjectStore, on disk: SimulatedDisk) throws {
        (self.store, self.disk) = (store, disk)
        let first = try Fixture.required(try store.log.entryFile(0))
        (frontier, entries) = (first.after, [first])
    }

    mutating func append(features: [String] = []) throws {
        let number = entries.count
        let entry = LogEntry(
            number: number, event: entries[0].entry.event, refs: entries[0].entry.refs,
            packs: .listed(PackChanges()),
            features: features, time: number)
        let file = LogEntryFile(entry: entry, origin: Fixture.format.origin, before: frontier)
        entries.append(file)
        frontier.append(MerkleLog.leaf(entry.leaf))
        try Self.write(file.bytes, to: store.layout.entry(number), on: disk)
    }

    func seal(_ tile: Int) throws {
        var bytes: [UInt8] = []
        for file in entries[tile * 256..<tile * 256 + 256] {
            bytes += [UInt8(file.leaf.count >> 8), UInt8(file.leaf.count & 255)] + file.leaf
        }
        let path = store.layout.tile("entries", tile)
        try disk.makeDirectories(path.parent, permissions: 0o755)
        try Self.write(bytes, to: path, on: disk)
    }

    static func write(_ bytes: [UInt8], to path: FilePath, on disk: SimulatedDisk) throws {
        let file = try disk.create(path, permissions: 0o444)
        defer { disk.close(file) }
        try disk.write(file, bytes)
    }
}
