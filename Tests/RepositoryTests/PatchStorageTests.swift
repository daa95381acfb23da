import FileIO
import MLRepo
import ObjectModel
@testable import Storage
import TestSupport
import Testing

/// Tables in a store: how later versions are told by earlier ones, and what becomes of that.
@Suite struct PatchStorageTests {
    private static let name = "table.jsonl"

    private static func table(_ random: inout SplitMix64, rows: Int = 12_000) -> RandomTable {
        var table = RandomTable(rows: 0, using: &random)
        for number in 0..<rows { table.lines.append(table.line(number, using: &random)) }
        return table
    }

    private func patches(_ bench: Workbench) throws -> Int {
        try bench.open().statistics().codecs["patch"]?.count ?? 0
    }

    private struct Version {
        let commit: ObjectID
        let file: [UInt8]
    }

    private func commit(_ file: [UInt8], _ bench: Workbench, _ name: String = name) throws -> Version {
        try bench.write(name, file)
        return Version(commit: try bench.commit("a version"), file: file)
    }

    private func expect(_ versions: [Version], _ bench: Workbench, _ note: String) throws {
        for version in versions {
            #expect(try bench.content(Self.name, of: version.commit) == version.file, "\(note)")
        }
        try bench.requireShallow()
        #expect(try bench.problems() == [], "\(note)")
    }

    @Test(arguments: [1, 3]) func `versions of a table are told by the first one and come back`(
        width: Int
    ) throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed, width: width)
        var table = Self.table(&random)
        var versions: [Version] = []
        var sizes: [Int] = []
        for _ in 0..<4 {
            versions.append(try commit(table.bytes, bench))
            sizes.append(try bench.storedBytes())
            table.edit(share: 0.005, using: &random)
        }
        #expect(try patches(bench) >= 3, "seed \(seed)")
        // The last version is three edits away from the first one.
        #expect((sizes[3] - sizes[2]) * 8 < sizes[0], "\(sizes), seed \(seed)")
        #expect((sizes[1] - sizes[0]) * 16 < sizes[0], "\(sizes), seed \(seed)")
        #expect(try bench.open().store.current.entry.features == ["patches"])
        try expect(versions, bench, "seed \(seed)")
    }

    @Test func `what stands elsewhere after a large insertion or deletion is found`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var table = Self.table(&random, rows: 24_000)
        var versions = [try commit(table.bytes, bench)]
        let size = try bench.storedBytes()
        // Edits everywhere, and rows of two megabytes or so behind the first ones.
        table.edit(share: 0.005, using: &random)
        var inserted = table
        let fresh = (0..<8000).map { table.line(100_000 + $0, using: &random) }
        inserted.lines.insert(contentsOf: fresh, at: 3000)
        versions.append(try commit(inserted.bytes, bench))
        let taken = try bench.storedBytes() - size
        // What is new, and less than as much again for the places where it was lost.
        #expect(taken < size * 2 / 3, "\(taken), \(size), seed \(seed)")
        table.edit(share: 0.005, using: &random)
        table.lines.removeSubrange(4000..<14_000)
        let before = try bench.storedBytes()
        versions.append(try commit(table.bytes, bench))
        #expect(try bench.storedBytes() - before < size / 10, "seed \(seed)")
        try expect(versions, bench, "seed \(seed)")
    }

    @Test func `a new file is told by the one beside it of which it is a later version`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var table = Self.table(&random)
        var versions = [try commit(table.bytes, bench, "table_v1.jsonl")]
        let size = try bench.storedBytes()
        table.edit(share: 0.005, using: &random)
        versions.append(try commit(table.bytes, bench, "table_v2.jsonl"))
        let taken = try bench.storedBytes() - size
        #expect(taken * 16 < size, "\(taken) of \(size), seed \(seed)")
        let count = try patches(bench)
        // What only is of the same kind is no base.
        versions.append(try commit(Self.table(&random).bytes, bench, "table_v3.jsonl"))
        #expect(try patches(bench) == count, "seed \(seed)")
        for (number, version) in versions.enumerated() {
            #expect(
                try bench.content("table_v\(number + 1).jsonl", of: version.commit) == version.file,
                "seed \(seed)")
        }
        #expect(try bench.problems() == [], "seed \(seed)")
    }

    /// The chunks of a version, in order.
    private func chunks(of version: Version, _ bench: Workbench) throws -> [ChunkEntry] {
        let store = try bench.open().store
        let recipe = try #require(try store.recipe(of: ObjectID(of: .blob, payload: version.file)))
        var chunks: [ChunkEntry] = []
        try recipe.forEachChunk(in: store) { chunks.append($0) }
        return chunks
    }

    @Test
    func
        `every version leads to the chunks of the first one, in their order and from where they are like its own`()
        throws
    {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var table = Self.table(&random, rows: 30_000)
        var versions = [try commit(table.bytes, bench)]
        let first = try chunks(of: versions[0], bench)
        let order = Dictionary(first.enumerated().map { ($1.id, $0) }) { old, _ in old }
        for step in 0..<5 {
            if step == 0 {
                // Here and there a few rows, so that frames hold chunks from both sides of unchanged ones.
                for place in stride(from: 500, to: 29_000, by: Int.random(in: 2000...6000, using: &random)) {
                    table.lines[place] = table.line(place, using: &random)
                }
            } else {
                table.edit(share: 0.003, using: &random)
            }
            versions.append(try commit(table.bytes, bench))
            #expect(try patches(bench) > 0, "seed \(seed)")
            try expectAligned(versions[step + 1], bench, order, "seed \(seed), step \(step)")
        }
        try expect(versions, bench, "seed \(seed)")
    }

    /// Expects that what a version can be told by stands in order, and that each of its chunks is said to stand where its lines do.
    private func expectAligned(
        _ version: Version, _ bench: Workbench, _ order: [ObjectID: Int], _ note: Comment
    ) throws {
        let store = try bench.open().store
        let chunks = try chunks(of: version, bench)
        let base = try #require(PatchBase(chunks, in: store), note)
        let places = base.chunks.compactMap { order[$0.reference.id] }
        #expect(places == places.sorted(), note)
        var bytes: [UInt8] = []
        for chunk in base.chunks { bytes += try #require(try store.payload(of: chunk.reference), note) }
        #expect(bytes.count == base.length, note)
        var lines: [ArraySlice<UInt8>: Int] = [:]
        for line in bytes.split(separator: 0x0a) {
            lines[line] = lines[line] == nil ? line.startIndex : -1
        }
        var (offset, checked) = (0, 0)
        for chunk in chunks {
            let range = offset..<offset + chunk.length
            offset += chunk.length
            guard let place = base.place(of: chunk.id) else { continue }
            // What begins or ends in another chunk is no whole line.
            for line in version.file[range].split(separator: 0x0a).dropFirst().dropLast() {
                guard let found = lines[line], found >= 0 else { continue }
                checked += 1
                #expect((place.lowerBound - 4096...place.upperBound + 4096).contains(found), note)
            }
        }
        #expect(checked > 20_000, note)
    }

    @Test func `a file that was replaced by another one is stored by itself`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        let versions = [
            try commit(random.bytes(3_000_000), bench), try commit(random.bytes(3_000_000), bench),
        ]
        #expect(try patches(bench) == 0)
        try expect(versions, bench, "seed \(seed)")
    }

    @Test func `a small change of noise takes a small patch, and many changes a new base in the end`() throws
    {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var bytes = random.bytes(1_500_000)
        var versions = [try commit(bytes, bench)]
        var sizes = [try bench.storedBytes()]
        for step in 0..<8 {
            let count = 4 + step * 40_000
            bytes.replaceSubrange(70_000..<70_000 + count, with: random.bytes(count))
            versions.append(try commit(bytes, bench))
            sizes.append(try bench.storedBytes())
        }
        #expect(sizes[1] - sizes[0] < 3000, "\(sizes), seed \(seed)")
        try expect(versions, bench, "seed \(seed)")
    }

    @Test func `a large file that is one chunk is told by the one before as well`() throws {
        var whole = 0
        for seed in 0..<6 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            let bench = try Workbench.fresh(seed: seed)
            let noise = random.bytes(300_000)
            let first = try commit(noise, bench)
            let recipe = try bench.open().store.recipe(of: ObjectID(of: .blob, payload: noise))
            whole += recipe == nil ? 1 : 0
            let second = try commit(Self.varied(noise, at: 5), bench)
            #expect(try patches(bench) > 0, "seed \(seed)")
            try expect([first, second], bench, "seed \(seed)")
        }
        #expect((1..<6).contains(whole), "\(whole) of them have no cut")
    }

    @Test func `small packs with patches merge, and every version stays`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var table = Self.table(&random, rows: 4000)
        var versions: [Version] = []
        for step in 0..<20 {
            versions.append(try commit(table.bytes, bench))
            table.edit(share: 0.002, using: &random)
            table.lines.append(table.line(10_000 + step, using: &random))
        }
        #expect(try bench.open().store.packs.count < 12, "seed \(seed)")
        #expect(try patches(bench) > 10, "seed \(seed)")
        try expect(versions, bench, "seed \(seed)")
    }

    @Test func `a base stays as long as something is told by it`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var table = Self.table(&random)
        try bench.write("other", [1])
        let root = try bench.commit("root")
        try bench.open().makeRef("branches", "side", at: root)
        _ = try bench.open().checkout(root, branch: "side")
        _ = try commit(table.bytes, bench)
        table.edit(share: 0.005, using: &random)
        let later = try commit(table.bytes, bench)
        #expect(try patches(bench) > 0, "seed \(seed)")
        // The later version alone, on a branch that goes on from the root.
        _ = try bench.open().checkout(root, branch: "main")
        let kept = try commit(table.bytes, bench)
        try bench.open().removeRef("branches", "side")
        let outcome = try bench.open().collection(of: nil, immediately: true).perform()
        #expect(outcome.plan.emptied.contains(later.commit), "seed \(seed)")
        #expect(try patches(bench) > 0, "seed \(seed)")
        try expect([kept], bench, "seed \(seed)")
    }

    /// Damages the frames of a codec.
    private func damage(_ codec: UInt8, of pack: PackReader, _ bench: Workbench) throws {
        let store = try bench.open().store
        for number in 0..<pack.index.frameCount where pack.index.codec(of: number) == codec {
            let place = try pack.index.frame(number)
            try bench.disk.damage(store.layout.pack(pack.name), at: place.offset + place.length - 5) {
                $0 ^ 1
            }
        }
    }

    /// Noise in which every so many bytes one is another.
    private static func varied(_ noise: [UInt8], at place: Int) -> [UInt8] {
        var noise = noise
        for index in stride(from: place, to: noise.count, by: 40_000) { noise[index] ^= 1 }
        return noise
    }

    /// A store in which the second version of a file has lost its base, with the first three.
    private func orphaned(_ bench: Workbench, _ random: inout SplitMix64) throws -> [Version] {
        let noise = random.bytes(400_000)
        var versions = [try commit(noise, bench)]
        versions.append(try commit(Self.varied(noise, at: 5), bench))
        #expect(try patches(bench) > 0)
        let pack = try #require(
            bench.open().store.packs.first { pack in
                (0..<pack.index.frameCount).contains { pack.index.codec(of: $0) == 0 }
            })
        try damage(0, of: pack, bench)
        try bench.disk.removeIfPresent(Workbench.home / "data" / Self.name)
        try bench.repair()
        // A third one, which has no ancestor.
        try bench.write("other", [1])
        try bench.commit("without it")
        versions.append(try commit(Self.varied(noise, at: 9), bench))
        return versions
    }

    @Test func `what was stored again hides behind nothing that lost its base, also after merges`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        let versions = try orphaned(bench, &random)
        let again = try commit(versions[1].file, bench)
        #expect(try bench.content(Self.name, of: again.commit) == again.file, "seed \(seed)")
        let size = try bench.storedBytes()
        try bench.write("other", [2])
        try bench.commit("something else")
        #expect(try bench.storedBytes() - size < 10_000, "nothing is written again, seed \(seed)")
        for step in 0..<12 {
            try bench.write("step-\(step)", random.bytes(100_000))
            try bench.commit("more")
        }
        #expect(try bench.open().store.packs.count < 12)
        for version in [again, versions[2]] {
            #expect(try bench.content(Self.name, of: version.commit) == version.file, "seed \(seed)")
        }
    }

    @Test func `a lost base that is stored again is there for what needs it`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        let versions = try orphaned(bench, &random)
        // It could be told by the third version.
        _ = try commit(versions[0].file, bench)
        for version in versions {
            #expect(try bench.content(Self.name, of: version.commit) == version.file, "seed \(seed)")
        }
        #expect(try bench.problems() == [], "seed \(seed)")
    }

    @Test func `a damaged base is named with what needs it, and all is well when the base is back`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var table = Self.table(&random)
        let first = try commit(table.bytes, bench)
        table.edit(share: 0.05, using: &random)
        let second = try commit(table.bytes, bench)
        let pack = try #require(
            bench.open().store.packs.first { pack in
                (0..<pack.index.frameCount).contains { pack.index.codec(of: $0) == 2 }
            })
        try damage(2, of: pack, bench)
        let problems = try bench.problems()
        #expect(problems.contains { $0.kind == .base && $0.message.contains("its base, ") }, "\(problems)")
        do {
            _ = try bench.content(Self.name, of: second.commit)
            Issue.record("a file without its base was read, seed \(seed)")
        } catch { #expect("\(error)".contains("its base, "), "\(error)") }
        try bench.repair()
        // Somebody still had the file.
        try bench.write("again.jsonl", first.file)
        try bench.commit("again")
        try expect([first, second], bench, "seed \(seed)")
    }

    @Test(arguments: 0..<4) func `a full disk ends a commit of a later version, and nothing is lost`(
        round: Int
    ) throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed, width: 2)
        var table = Self.table(&random)
        let first = try commit(table.bytes, bench)
        table.edit(share: 0.01, using: &random)
        try bench.write(Self.name, table.bytes)
        bench.disk.faults.bytesLeft = 300 + round * 800
        #expect(throws: RepositoryError.self, "seed \(seed)") { try bench.commit("too much") }
        bench.disk.faults.bytesLeft = nil
        try expect([first, try commit(table.bytes, bench)], bench, "seed \(seed)")
    }
}
