import FileIO
import MLRepo
import ObjectModel
import Storage
import TestSupport
import Testing

@Suite struct UpkeepTests {
    private static let hour: Int64 = 3_600_000_000_000

    /// Commits changes of twenty files, one at a time.
    private static func history(_ bench: Workbench, commits: Int, seed: UInt64) throws -> [ObjectID: [String:
        [UInt8]]]
    {
        var random = SplitMix64(seed: seed)
        var files: [String: [UInt8]] = [:]
        for number in 0..<20 { files["f\(number)"] = random.bytes(300) }
        for (name, bytes) in files { try bench.write(name, bytes) }
        var versions: [ObjectID: [String: [UInt8]]] = [:]
        for number in 0..<commits {
            let name = "f\(Int.random(in: 0..<20, using: &random))"
            files[name] = (files[name] ?? []) + [UInt8(truncatingIfNeeded: number)]
            try bench.write(name, files[name] ?? [])
            versions[try bench.commit("c\(number)")] = files
        }
        return versions
    }

    @Test(arguments: [31 as UInt64]) func `many commits make few packs, and lose nothing`(seed: UInt64) throws
    {
        let bench = try Workbench.fresh(seed: seed)
        let versions = try Self.history(bench, commits: 150, seed: seed)
        let store = try bench.open().store
        #expect(store.packs.count <= 14, "two tiers of at most seven packs, seed \(seed)")
        #expect(try bench.packFiles > 100, "what was merged stays for readers of older entries")
        #expect(try bench.problems() == [])
        let names = (0..<20).map { "f\($0)" }
        for (commit, files) in versions {
            for name in names { #expect(try bench.content(name, of: commit) == files[name], "seed \(seed)") }
        }
        let statistics = try StoreStatistics(store)
        #expect((statistics.codecs["zlib-base"]?.count ?? 0) > 0, "codec 7 is in use")
    }

    @Test func `packs that merges replaced go after an hour`() throws {
        let bench = try Workbench.fresh(seed: 32)
        _ = try Self.history(bench, commits: 64, seed: 32)
        let before = try bench.packFiles
        bench.disk.pass(2 * Self.hour)
        _ = try Self.history(bench, commits: 33, seed: 33)
        #expect(try bench.packFiles < before)
        #expect(try bench.problems() == [])
    }

    @Test func `a small pack that is damaged stops no commit`() throws {
        let bench = try Workbench.fresh(seed: 34)
        _ = try Self.history(bench, commits: 5, seed: 34)
        let store = try bench.open().store
        let victim = try #require(store.packs.last)
        try bench.disk.damage(store.layout.pack(victim.name), at: 40) { $0 ^ 1 }
        for number in 0..<20 {
            try bench.write("g\(number)", [UInt8(number)])
            try bench.commit("g\(number)")
        }
        #expect(try bench.open().store.current.isLive(victim.name))
        #expect(try !bench.problems().isEmpty)
    }

    @Test func `full tiles are sealed, and names of sealed entries go a day later`() throws {
        let bench = try Workbench.fresh(seed: 35)
        for number in 0..<600 {
            try bench.open().makeRef("tags", "t\(number)", at: number == 0 ? bench.first() : bench.first())
        }
        let layout = try bench.open().store.layout
        #expect(try bench.disk.status(layout.tile("entries", 1)) != nil)
        #expect(try bench.disk.status(layout.tile("0", 1)) != nil)
        #expect(try bench.problems() == [])
        let state = try bench.open().store.current
        let before = try StoreStatistics(bench.open().store)
        #expect(before.sealedBytes > 512 * 500, "the names of two tiles' entries are there still")
        try bench.disk.remove(layout.cache / "state")
        #expect(try bench.open().store.current == state, "the whole log says what was remembered")
        bench.disk.pass(25 * Self.hour)
        _ = try bench.open().collection(of: nil, immediately: false).perform()
        let names = try bench.disk.names(in: layout.newEntries).count
        #expect(names < 120, "\(names) names are left")
        let after = try StoreStatistics(bench.open().store)
        #expect(after.sealedBytes == 0)
        // What collecting wrote is there now: an entry, and a list of the packs that it doomed.
        #expect(after.logBytes >= before.logBytes, "what is gone was not counted")
        #expect(after.logBytes < before.logBytes + 65_536)
        try bench.disk.removeIfPresent(layout.cache / "state")
        #expect(try bench.open().store.current.number >= state.number)
        #expect(try bench.problems() == [])
        try bench.open().makeRef("tags", "later", at: bench.first())
        var count = 0
        try bench.open().operations { _ in
            count += 1
            return true
        }
        #expect(try count == bench.open().store.current.number + 1)
        #expect(try bench.problems() == [])
    }
}

extension Workbench {
    /// The first commit, made if it is not there.
    @discardableResult func first() throws -> ObjectID {
        if let id = try open().copy.head().commit { return id }
        try write("a", [1])
        return try commit("first")
    }
}
