import FileIO
import Hashing
import ObjectModel
import Storage
import TestSupport
import Testing

@Suite struct SealedLogTests {
    /// Goes on from the sample's log to 258 entries, seals the first 256, and removes the names of all sealed ones but some.
    private func seal(_ sample: SampleStore, keeping kept: Set<Int>) throws {
        let origin = try ObjectStore.open(sample.root, files: sample.files).format.origin
        var leaves: [[UInt8]] = []
        var log = MerkleFrontier()
        var last: LogEntry?
        let (events, packs) = try sample.writeEvents(254, seed: 1)
        for number in 0..<258 {
            let name = "log/new/\(String(repeating: "0", count: 20 - "\(number)".count))\(number)"
            var file: LogEntryFile
            if number < 4 {
                file = try LogEntryFile(bytes: try sample.read(name), number: number, origin: origin)
            } else {
                var entry = try #require(last)
                entry.number = number
                entry.time += 1
                entry.event = events[number - 4]
                entry.packs = .listed(PackChanges(added: number == 4 ? packs : []))
                file = LogEntryFile(entry: entry, origin: origin, before: log)
                try sample.write(name, file.bytes)
            }
            log = file.after
            last = file.entry
            leaves.append(file.leaf)
            if number < 256, !kept.contains(number) { try sample.files.remove(sample.root / name) }
        }
        let sealed = leaves.prefix(256)
        try sample.write(
            "log/tile/entries/000", sealed.flatMap { [UInt8($0.count >> 8), UInt8($0.count & 255)] + $0 })
        try sample.write("log/tile/0/000", sealed.flatMap { MerkleLog.leaf($0).digest.bytes })
    }

    @Test func `a sealed log has no problems, whether names remain or not`() throws {
        let sample = try SampleStore(seed: 20)
        try seal(sample, keeping: [0, 3, 255])
        #expect(try sample.check().problems == [])
    }

    @Test(arguments: [true, false]) func `bytes that are flipped in a sealed log are found`(hasHashes: Bool)
        throws
    {
        let seed: UInt64 = 21
        let sample = try SampleStore(seed: seed)
        try seal(sample, keeping: [2])
        if !hasHashes { try sample.files.remove(sample.layout.tile("0", 0)) }
        var random = SplitMix64(seed: seed)
        for name in try sample.names(below: "log") {
            let bytes = try sample.read(name)
            // All of the first entry of a tile, and some of the others; all of what holds one entry is flipped elsewhere.
            var offsets = Array(0..<min(bytes.count, name.contains("entries") ? 40 : 8))
            offsets += (0..<20).map { _ in Int.random(in: bytes.indices, using: &random) }
            for offset in offsets {
                var damaged = bytes
                damaged[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                try sample.write(name, damaged)
                let problems = try sample.check().problems
                #expect(problems.contains { $0.file == name }, "byte \(offset), seed \(seed): \(problems)")
            }
            try sample.write(name, bytes)
        }
    }

    @Test func `a pack that is added again after it was doomed is reported`() throws {
        let sample = try SampleStore(seed: 22)
        let store = try ObjectStore.open(sample.root, files: sample.files)
        let orphan = try #require(
            PackName(String(repeating: "a", count: 64) + "-" + String(repeating: "b", count: 16)))
        var log = store.current.log
        var entry = store.current.entry
        let (events, packs) = try sample.writeEvents(3, seed: 2)
        let changes = [
            PackChanges(added: packs, doomed: [orphan]), PackChanges(added: [orphan]),
            PackChanges(dropped: [orphan]),
        ]
        for (event, changes) in zip(events, changes) {
            entry.number += 1
            entry.event = event
            entry.packs = .listed(changes)
            let file = LogEntryFile(entry: entry, origin: store.format.origin, before: log)
            try sample.write("log/new/0000000000000000000\(entry.number)", file.bytes)
            log = file.after
        }
        let problems = try sample.check().problems
        #expect(problems.map(\.kind) == [.logRule])
        #expect(problems.first?.pack == orphan)
    }

    @Test func `an event that two entries name is reported`() throws {
        let sample = try SampleStore(seed: 23)
        let store = try ObjectStore.open(sample.root, files: sample.files)
        var entry = store.current.entry
        entry.number += 1
        entry.packs = .listed(PackChanges())
        let file = LogEntryFile(entry: entry, origin: store.format.origin, before: store.current.log)
        try sample.write("log/new/0000000000000000000\(entry.number)", file.bytes)
        let problems = try sample.check().problems
        #expect(problems.map(\.kind) == [.logRule])
        #expect(problems.first?.message == "entry 4 names the event of entry 3")
    }
}
