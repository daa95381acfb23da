import FileIO
import ObjectModel
import Storage
import TestSupport
import Testing

@Suite struct RepairTests {
    private func objects(_ sample: SampleStore, _ pack: PackName) throws -> (
        all: [ObjectReference: Int], gaps: [Range<Int>]
    ) {
        var found: [ObjectReference: Int] = [:]
        let gaps = try PackSalvage(sample.layout.pack(pack), files: sample.files).forEachObject {
            (reference, payload, frame) throws(StoreError) in
            #expect(ObjectID(of: reference.kind, payload: payload) == reference.id)
            found[reference] = frame
        }
        return (found, gaps.map(\.range))
    }

    @Test func `salvage gets back everything but the frame that was hit, at every byte`() throws {
        let sample = try SampleStore(seed: 30)
        let pack = sample.packs[1]
        let whole = try objects(sample, pack)
        #expect(whole.gaps.isEmpty)
        #expect(Set(whole.all.values).count == 2, "a frame of data and one of metadata")
        let bytes = try sample.read(sample.path(pack))
        let starts = Set(whole.all.values).sorted()
        for offset in bytes.indices {
            var damaged = bytes
            damaged[offset] ^= 0x10
            try sample.write(sample.path(pack), damaged)
            let found = try objects(sample, pack)
            let end = bytes[(bytes.count - 64)..<(bytes.count - 56)].reversed().reduce(0) {
                $0 << 8 | Int($1)
            }
            let hit = offset < end ? starts.last { $0 <= offset } : nil
            #expect(found.all == whole.all.filter { $0.value != hit }, "byte \(offset)")
        }
    }

    @Test func `salvage finds frames behind bytes that were put in or taken out`() throws {
        let sample = try SampleStore(seed: 31)
        let pack = sample.packs[1]
        let whole = try objects(sample, pack)
        let bytes = try sample.read(sample.path(pack))
        let second = try #require(whole.all.values.max())
        for shift in [-7, 5] {
            var damaged = bytes
            if shift < 0 {
                damaged.removeSubrange(30..<30 - shift)
            } else {
                damaged.insert(contentsOf: [0x4d, 0x4c, 0x46, 0x31, 0], at: 30)
            }
            try sample.write(sample.path(pack), damaged)
            let found = try objects(sample, pack)
            #expect(
                Set(found.all.keys) == Set(whole.all.filter { $0.value == second }.keys), "shift \(shift)")
        }
    }

    /// Damages one thing, repairs, and checks again.
    private func repaired(_ sample: SampleStore) throws -> (
        outcome: StoreRepair.Outcome, after: IntegrityReport
    ) {
        let random = SeededBytes(seed: 99)
        let report = try sample.check()
        let repair = StoreRepair(sample.root, files: sample.files)
        let before = try sample.names(below: "log")
        let plan = try repair.plan(report)
        #expect(try sample.names(below: "log") == before, "a plan changes nothing")
        let event = try SampleStore.event("repair", time: 1_763_889_000, random)
        let outcome = try repair.perform(report, event: event) { random.bytes($0) }
        #expect(outcome.plan == plan)
        return (outcome, try sample.check())
    }

    @Test(arguments: [-1, -70]) func `a pack with a damaged trailer or index is replaced without loss`(
        place: Int
    ) throws {
        let sample = try SampleStore(seed: 32)
        let pack = sample.packs[2]
        var bytes = try sample.read(sample.path(pack))
        bytes[bytes.count + place] ^= 4
        try sample.write(sample.path(pack), bytes)
        let (outcome, after) = try repaired(sample)
        #expect(after.problems == [])
        #expect(outcome.plan.lost.isEmpty)
        #expect(outcome.plan.replaced.map(\.pack) == [pack])
        #expect(outcome.added.count == 1)
        #expect(try sample.read(sample.path(pack)) == bytes, "the damaged file is kept")
        let store = try ObjectStore.open(sample.root, files: sample.files)
        #expect(try store.event(store.current.entry.event).verb == "repair")
        let tree = DirectoryTree(root: try store.commit(sample.commits[1]).tree, reader: store)
        let weights = try #require(try tree.entry(at: RepositoryPath("model/weights.bin")))
        #expect(try store.required(.blob, weights.id).count == weights.size)
    }

    @Test func `the list of refs is made anew from what events say, to the byte or not at all`() throws {
        for isEventThere in [true, false] {
            let sample = try SampleStore(seed: 40)
            let random = SeededBytes(seed: 41)
            let store = try ObjectStore.open(sample.root, files: sample.files)
            var (lists, events): ([PackName], [PackName]) = ([], [])
            // Several operations, the lists of which lie in packs of their own.
            for number in 0..<3 {
                let name = try RefName.tag("t\(number)")
                let target = ObjectReference(.commit, sample.commits[number])
                let change = RefChange(name: name, before: nil, after: target)
                let refs = try store.refs.editing([MerkleEdit(setting: RefEntry(name: name, target: target))])
                var packs: [PackName] = []
                let writer = ObjectWriter(store) { random.bytes($0) }
                for node in refs.nodes { try writer.add(.refs, node.payload) }
                packs += try writer.finish().packs.map(\.name)
                let other = ObjectWriter(store) { random.bytes($0) }
                let event = try other.add(
                    .event,
                    SampleStore.event("tag", time: 1_763_888_600 + number, refs: [change], random).payload)
                let with = try other.finish().packs.map(\.name)
                let operation = StoreOperation(
                    event: event, refs: refs.root, packs: PackChanges(added: packs + with),
                    time: 1_763_888_600 + number)
                #expect(
                    try store.append(operation, on: store.current, nonce: Hex.text(random.bytes(8)))
                        == .committed)
                (lists, events) = (lists + packs, events + with)
            }
            for pack in lists { try sample.files.remove(sample.root / sample.path(pack)) }
            if !isEventThere { try sample.files.remove(sample.root / sample.path(events[1])) }
            let (outcome, after) = try repaired(sample)
            #expect(outcome.hasNewRefs == isEventThere)
            #expect(after.lost.contains { $0.kind == .refs } != isEventThere)
            guard isEventThere else { continue }
            #expect(after.problems == [])
            let names = try ObjectStore.open(sample.root, files: sample.files).refs.leaves().map(\.name.text)
            #expect(names == ["branches/dev", "branches/main", "tags/t0", "tags/t1", "tags/t2"])
        }
    }

    @Test func `after a repair of a damaged frame only the listed losses remain`() throws {
        let sample = try SampleStore(seed: 33)
        let pack = sample.packs[2]
        var bytes = try sample.read(sample.path(pack))
        bytes[40] ^= 4
        try sample.write(sample.path(pack), bytes)
        let (outcome, after) = try repaired(sample)
        #expect(!outcome.plan.lost.isEmpty)
        #expect(Set(after.problems.map(\.kind)) == [.missingObject])
        #expect(after.problems.compactMap(\.reference).sorted() == outcome.plan.lost)
        #expect(after.problems.allSatisfy { !$0.neededBy.isEmpty })
    }

    @Test func `a store with a missing pack can be used again`() throws {
        let sample = try SampleStore(seed: 34)
        try sample.files.remove(sample.layout.pack(sample.packs[1]))
        #expect(throws: StoreError.missingPack(sample.packs[1])) {
            try ObjectStore.open(sample.root, files: sample.files)
        }
        let left = try ObjectStore.open(sample.root, files: sample.files, leavingOut: []).leftOut
        #expect(left == [sample.packs[1]])
        let (outcome, after) = try repaired(sample)
        #expect(after.problems.compactMap(\.reference).sorted() == outcome.plan.lost)
        #expect(Set(after.problems.map(\.kind)) == [.missingObject])
        _ = try ObjectStore.open(sample.root, files: sample.files)
    }

    @Test func `a damaged cache is removed, and nothing else is done`() throws {
        let sample = try SampleStore(seed: 35)
        try sample.write("cache/state", [0x7b])
        let (outcome, after) = try repaired(sample)
        #expect(outcome.plan.removed == ["cache/state"])
        #expect(outcome.added.isEmpty)
        #expect(after.isClean)
    }

    @Test func `packs are not replaced in a log that is damaged itself`() throws {
        let sample = try SampleStore(seed: 36)
        try sample.files.remove(sample.layout.pack(sample.packs[2]))
        try sample.files.remove(sample.layout.entry(1))
        let report = try sample.check()
        #expect(throws: StoreError.self) { try StoreRepair(sample.root, files: sample.files).plan(report) }
    }
}
