import FileIO
import MLRepo
import ObjectModel
import Storage
import TestSupport
import Testing

@Suite struct CollectionTests {
    private static let day: Int64 = 86_400_000_000_000

    @Test func `what no name leads to goes in two phases, and its record stays`() throws {
        let bench = try Workbench.fresh(seed: 41)
        let main = try bench.first()
        try bench.open().makeRef("branches", "try", at: main)
        _ = try bench.open().checkout(main, branch: "try")
        var random = SplitMix64(seed: 41)
        let big = random.bytes(60_000)
        try bench.write("big", big)
        let tried = try bench.commit("tried")
        _ = try bench.open().checkout(main, branch: "main")
        try bench.open().removeRef("branches", "try")

        #expect(
            try bench.open().collection(of: nil, immediately: false).plan().isEmpty,
            "undo can still bring it back")
        bench.disk.pass(91 * Self.day)
        let plan = try bench.open().collection(of: nil, immediately: false).plan()
        #expect(plan.emptied == [tried])
        #expect(plan.unneeded[.blob]?.bytes == 60_000)
        _ = try bench.open().collection(of: nil, immediately: false).perform()
        #expect(
            try bench.open().collection(of: nil, immediately: false).plan().waiting > 0,
            "it waits out its grace")
        #expect(try bench.problems() == [])
        let files = try bench.packFiles
        bench.disk.pass(15 * Self.day)
        #expect(try bench.open().collection(of: nil, immediately: false).perform().freedBytes > 60_000)
        #expect(try bench.packFiles < files)
        #expect(try bench.problems() == [])
        #expect(try bench.open().store.commit(tried).message == "tried")
        #expect(try bench.content("a", of: main) == [1])
        #expect(throws: RepositoryError.collected(tried)) { try bench.open().makeRef("tags", "t", at: tried) }
        #expect(throws: RepositoryError.collected(tried)) { try bench.open().checkout(tried, branch: nil) }
    }

    /// A store in which two working copies committed the same file at the same time, so that it lies in two packs.
    private func twofold(_ content: [UInt8]) throws -> (bench: Workbench, packs: [FilePath]) {
        /// Two working copies, each with the file.
        func apart() throws -> Workbench {
            let bench = try Workbench.fresh(seed: 48)
            let first = try bench.first()
            try bench.open().makeRef("branches", "side", at: first)
            _ = try bench.open().addWorktree("/other", at: first, branch: "side")
            try bench.write("same", content)
            let copy = try bench.disk.create("/other/data/same", permissions: 0o644)
            try bench.disk.write(copy, content)
            bench.disk.close(copy)
            return bench
        }
        let counting = RecordingFileSystem(try apart().disk)
        try Workbench(SimulatedDisk(), files: counting, seed: 49, at: "/other").commit("other")
        // Somewhere behind its looking the file up, and before its entry in the log.
        let count = counting.calls.count
        for number in count / 2..<count {
            let bench = try apart()
            let between = RecordingFileSystem(
                bench.disk,
                judge: { call in
                    if call.number == number { _ = try? bench.commit("one") }
                    return .proceed
                })
            try Workbench(bench.disk, files: between, seed: 49, at: "/other").commit("other")
            let store = try bench.open().store
            let blob = ObjectReference(.blob, ObjectID(of: .blob, payload: content))
            let holders = store.packs.filter { $0.index.find(blob) != nil }
            if holders.count == 2 { return (bench, holders.map { store.layout.pack($0.name) }) }
        }
        throw Unlikely()
    }

    private struct Unlikely: Error {}

    @Test func `of several copies of a file a collection keeps one that can be read`() throws {
        var random = SplitMix64(seed: 48)
        // A small file, which lies in a frame with others, and one that is cut, so that its recipe is there twice as well.
        for content in [random.bytes(3_000), random.bytes(700_000)] {
            for victim in 0..<2 {
                let (bench, packs) = try twofold(content)
                let bytes = try bench.disk.contents(packs[victim], limit: 1 << 24)
                // Random bytes are stored as they are.
                let beginning = Array(content[1_000..<1_016])
                let place = try #require(
                    bytes.indices.dropLast(16).first { Array(bytes[$0..<$0 + 16]) == beginning })
                try bench.disk.damage(packs[victim], at: place) { $0 ^ 1 }
                let tip = try #require(try bench.open().tip(of: "main"))
                #expect(try bench.content("same", of: tip) == content, "a reader takes the sound one")
                _ = try bench.open().collection(of: nil, immediately: true).perform()
                #expect(try bench.content("same", of: tip) == content, "damage in pack \(victim)")
                #expect(try bench.open().export(.commit(tip), to: "/copy").files == 2)
            }
        }
    }

    @Test func `a large file is read by the list of another pack where one is damaged`() throws {
        var random = SplitMix64(seed: 50)
        let content = random.bytes(700_000)
        let blob = ObjectReference(.blob, ObjectID(of: .blob, payload: content))
        for victims in [[0], [1], [0, 1]] {
            let (bench, packs) = try twofold(content)
            for pack in victims.map({ packs[$0] }) {
                let bytes = try bench.disk.contents(pack, limit: 1 << 24)
                let (mark, metadata) = (Array("MLF1".utf8), UInt8(1))
                // Every frame of metadata, behind its head.
                for place in bytes.indices.dropLast(64)
                where Array(bytes[place..<place + 4]) == mark && bytes[place + 5] == metadata {
                    try bench.disk.damage(pack, at: place + 40) { $0 ^ 1 }
                }
            }
            let store = try ObjectStore.open(Workbench.home / ".mlrepo", files: bench.disk)
            if victims.count == 1 {
                #expect(try store.recipe(of: blob.id)?.length == content.count)
                #expect(try store.payload(of: blob) == content)
            } else {
                #expect(throws: ReadError.self) { try store.payload(of: blob) }
            }
        }
    }

    /// A store in which a collection has something to rewrite, something to drop and something to delete.
    private func collectable() throws -> Workbench {
        let bench = try Workbench.fresh(seed: 47)
        var random = SplitMix64(seed: 47)
        try bench.write("kept", random.bytes(3_000))
        try bench.first()
        for number in 0..<3 {
            try bench.write("big", random.bytes(20_000))
            try bench.commit("big \(number)")
            let operation = try #require(try bench.open().undoable())
            try bench.open().undo(operation)
        }
        return bench
    }

    @Test func `wherever another collection and a commit come between, nothing that a version needs goes`()
        throws
    {
        let counting = try collectable()
        let recorder = RecordingFileSystem(counting.disk)
        let alone = Workbench(counting.disk, files: recorder, seed: 48)
        _ = try alone.open().collection(of: nil, immediately: true).perform()
        var (visited, finished) = (0, 0)
        for number in 0..<recorder.calls.count {
            let bench = try collectable()
            let between = RecordingFileSystem(
                bench.disk,
                judge: { call in
                    guard call.number == number else { return .proceed }
                    // On the disk below, as another process does it.
                    _ = try? bench.open().collection(of: nil, immediately: true).perform()
                    try? bench.write("mine", [1, 2, 3])
                    _ = try? bench.commit("my work")
                    return .proceed
                })
            let late = Workbench(bench.disk, files: between, seed: 49)
            do {
                _ = try late.open().collection(of: nil, immediately: true).perform()
                finished += 1
            } catch RepositoryError.store(.busy) {}
            visited += between.calls.count > number ? 1 : 0
            let problems = try bench.problems()
            #expect(problems == [], "call \(number)")
            let tip = try #require(try bench.open().tip(of: "main"))
            #expect(try bench.content("mine", of: tip) == [1, 2, 3], "call \(number)")
            #expect(try bench.content("kept", of: tip)?.count == 3_000, "call \(number)")
            guard problems == [] else { return }
        }
        #expect(visited == recorder.calls.count)
        #expect(finished > 0)
        print("collections beside others: \(visited) calls visited, \(finished) finished")
    }

    @Test func `an undo that would name what was collected is refused`() throws {
        let bench = try Workbench.fresh(seed: 42)
        let main = try bench.first()
        try bench.open().makeRef("branches", "try", at: main)
        _ = try bench.open().checkout(main, branch: "try")
        var random = SplitMix64(seed: 42)
        try bench.write("b", random.bytes(20_000))
        let tried = try bench.commit("tried")
        _ = try bench.open().checkout(main, branch: "main")
        try bench.open().removeRef("branches", "try")
        _ = try bench.open().collection(of: nil, immediately: true).perform()
        let operation = try #require(try bench.open().undoable())
        #expect(throws: RepositoryError.collected(tried)) { try bench.open().undo(operation) }
        #expect(try bench.problems() == [])
    }

    @Test func `files that no entry names go when they are old, and what is needed must be readable`() throws
    {
        let bench = try Workbench.fresh(seed: 43)
        _ = try bench.first()
        let store = try bench.open().store
        // A writer that stopped behind its pack.
        let writer = ObjectWriter(store, random: bench.environment.random)
        try writer.add(.run, Array("left".utf8))
        let orphan = try #require(try writer.finish().packs.first).name
        _ = try bench.open().collection(of: nil, immediately: true).perform()
        #expect(try bench.disk.status(store.layout.pack(orphan)) != nil, "it may be at work right now")
        bench.disk.pass(15 * Self.day)
        _ = try bench.open().collection(of: nil, immediately: false).perform()
        #expect(try bench.disk.status(store.layout.pack(orphan)) == nil)
        #expect(try bench.problems() == [])
        let pack = try #require(try bench.open().store.packs.first).name
        try bench.disk.damage(store.layout.pack(pack), at: 40) { $0 ^ 1 }
        #expect(throws: RepositoryError.self) {
            try bench.open().collection(of: nil, immediately: true).perform()
        }
        #expect(try bench.disk.status(store.layout.pack(pack)) != nil)
    }

    @Test func `a writer that relied on what a collection dropped begins again`() throws {
        let bench = try Workbench.fresh(seed: 44)
        let main = try bench.first()
        try bench.open().makeRef("branches", "try", at: main)
        _ = try bench.open().checkout(main, branch: "try")
        try bench.write("shared", [UInt8](repeating: 7, count: 5000))
        try bench.commit("tried")
        _ = try bench.open().checkout(main, branch: "main")
        try bench.open().removeRef("branches", "try")
        let store = try bench.open().store
        let writer = ObjectWriter(store, random: bench.environment.random)
        let blob = ObjectID(of: .blob, payload: [UInt8](repeating: 7, count: 5000))
        #expect(!writer.claim(ObjectReference(.blob, blob)), "the store has it")
        _ = try bench.open().collection(of: nil, immediately: true).perform()
        try store.refresh()
        #expect(!writer.stillStands())
    }

    @Test(arguments: [45 as UInt64, 46, 47])
    func `after any history and any collections, every version that has a name is whole`(
        seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var files: [String: [UInt8]] = ["a": [0]]
        try bench.write("a", [0])
        var tagged: [String: (commit: ObjectID, files: [String: [UInt8]])] = [:]
        for step in 0..<60 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let name = "f\(Int.random(in: 0..<6, using: &random))"
                files[name] = random.bytes(Int.random(in: 1..<4000, using: &random))
                try bench.write(name, files[name] ?? [])
                let commit = try bench.commit("\(step)")
                if Bool.random(using: &random) {
                    try bench.open().makeRef("tags", "t\(step)", at: commit)
                    tagged["t\(step)"] = (commit, files)
                }
            case 5:
                guard let (name, version) = tagged.randomElement(using: &random) else { continue }
                _ = name
                _ = try bench.open().checkout(version.commit, branch: nil)
                files = version.files
            case 6, 7:
                guard let name = tagged.keys.randomElement(using: &random) else { continue }
                try bench.open().removeRef("tags", name)
                tagged[name] = nil
            case 8: bench.disk.pass(Int64.random(in: 0..<60, using: &random) * Self.day)
            default:
                _ = try bench.open().collection(of: nil, immediately: Bool.random(using: &random)).perform()
            }
        }
        bench.disk.pass(100 * Self.day)
        _ = try bench.open().collection(of: nil, immediately: false).perform()
        bench.disk.pass(20 * Self.day)
        _ = try bench.open().collection(of: nil, immediately: false).perform()
        #expect(try bench.problems() == [], "seed \(seed)")
        for (name, version) in tagged {
            for (file, bytes) in version.files {
                #expect(try bench.content(file, of: version.commit) == bytes, "\(name) \(file), seed \(seed)")
            }
        }
        let plan = try bench.open().collection(of: nil, immediately: false).plan()
        #expect(plan.isEmpty && plan.waiting == 0, "seed \(seed)")
    }
}
