import Coding
import FileIO
import MLRepo
import ObjectModel
@testable import Storage
import TestSupport
import Testing

/// Weights that a store has twice, as a training has them and rounded.
@Suite struct CastStorageTests {
    private typealias Files = [(name: String, bytes: [UInt8])]

    private struct Version {
        let commit: ObjectID
        let files: Files
    }

    private static func model(_ random: inout SplitMix64, layers: Int = 2) -> TrainedModel {
        TrainedModel(layers: layers, rows: 250, columns: 265, using: &random)
    }

    private func commit(_ files: Files, _ bench: Workbench) throws -> Version {
        for file in files { try bench.write(file.name, file.bytes) }
        return Version(commit: try bench.commit("version"), files: files)
    }

    private func casts(_ bench: Workbench) throws -> Int {
        try bench.open().statistics().codecs["cast"]?.count ?? 0
    }

    private func expect(_ versions: [Version], _ bench: Workbench, _ comment: Comment) throws {
        for version in versions {
            for file in version.files {
                #expect(try bench.content(file.name, of: version.commit) == file.bytes, comment)
            }
        }
        try bench.requireShallow()
        #expect(try bench.problems() == [], comment)
    }

    private static func pair(_ model: TrainedModel) -> Files {
        [("bf16.safetensors", model.file(.bfloat16)), ("fp32.safetensors", model.file(.float32))]
    }

    @Test(arguments: [1, 3]) func `a rounded model takes next to nothing beside the one it was rounded from`(
        width: Int
    ) throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed, width: width)
        let model = Self.model(&random)
        // Before it by its name, and after it; and in another directory.
        let version = try commit(
            Self.pair(model) + [
                ("z-half.safetensors", model.file(.float16)),
                ("half/fp32.safetensors", model.file(.float16)),
                ("double/fp32.safetensors", model.file(.float64)),
            ], bench)
        // The fp32 is rounded from the fp64, and so no base; of it, nothing is a cast.
        #expect(try casts(bench) == 2, "seed \(seed)")
        let other = try Workbench.fresh(seed: seed, width: width)
        let plain = try commit([Self.pair(model)[1]], other)
        let before = try other.storedBytes()
        let both = try commit(Self.pair(model) + [("half/fp32.safetensors", model.file(.float16))], other)
        #expect(try other.storedBytes() - before < 8000, "seed \(seed)")
        #expect(try casts(other) == 4, "seed \(seed)")
        #expect(try other.open().store.current.entry.features == ["casts", "tensors"])
        try expect([version], bench, "seed \(seed)")
        try expect([plain, both], other, "seed \(seed)")
    }

    @Test func `a rounded model is known by its weights, not by a counter before them`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        model.batches = 1_000
        let version = try commit(Self.pair(model), bench)
        #expect(try casts(bench) == 2, "seed \(seed)")
        try expect([version], bench, "seed \(seed)")
    }

    @Test func `what a rounded model becomes is told by what that was rounded from`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        let first = try commit([("bf16.safetensors", model.file(.bfloat16))], bench)
        let alone = try bench.storedBytes()
        var versions = [first]
        // The fp32 is by itself at first, then a difference.
        for name in ["a", "b"] {
            model = Self.model(&random)
            versions.append(
                try commit(
                    [
                        ("\(name)/bf16.safetensors", model.file(.bfloat16)),
                        ("\(name)/fp32.safetensors", model.file(.float32)),
                    ], bench))
            model.train(by: 0.002, using: &random)
            versions.append(
                try commit(
                    [
                        ("\(name)/bf16.safetensors", model.file(.bfloat16)),
                        ("\(name)/fp32.safetensors", model.file(.float32)),
                    ], bench))
            for step in 0..<2 {
                model.train(by: 0.002, using: &random)
                let before = try bench.storedBytes()
                let casts = try casts(bench)
                versions.append(
                    try commit([("\(name)/later-\(step).safetensors", model.file(.bfloat16))], bench))
                #expect(try bench.storedBytes() - before < alone / 2, "\(name), \(step), seed \(seed)")
                #expect(try self.casts(bench) == casts + 2, "\(name), \(step), seed \(seed)")
            }
        }
        // One that moved far stands by itself, and is the base of the next one.
        for _ in 0..<200 { model.train(by: 0.05, using: &random) }
        let casts = try casts(bench)
        versions.append(try commit([("b/far.safetensors", model.file(.bfloat16))], bench))
        #expect(try self.casts(bench) == casts, "seed \(seed)")
        try expect(versions, bench, "seed \(seed)")
        _ = try bench.open().collection(of: nil, immediately: true).perform()
        try expect(versions, bench, "seed \(seed)")
    }

    @Test func `rounded checkpoints rest on differences, through merges and collections`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed, width: 2)
        var model = Self.model(&random)
        var versions: [Version] = []
        for _ in 0..<9 {
            versions.append(try commit(Self.pair(model), bench))
            model.train(using: &random)
        }
        #expect(try bench.open().store.packs.count < 9, "seed \(seed)")
        #expect(try casts(bench) == 18, "seed \(seed)")
        #expect(try (bench.open().statistics().codecs["tensor-base"]?.count ?? 0) > 8, "seed \(seed)")
        try expect(versions, bench, "seed \(seed)")
        // The newest and one in the middle stay.
        let middle = versions[4].commit
        try bench.open().makeRef("tags", "kept", at: middle)
        _ = try bench.open().collection(of: nil, immediately: true).perform()
        try expect(versions, bench, "seed \(seed)")
    }

    @Test func `what a rounded model rests on stays as long as it does`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        try bench.write("other", [1])
        let root = try bench.commit("root")
        try bench.open().makeRef("branches", "base", at: root)
        _ = try bench.open().checkout(root, branch: "base")
        var model = Self.model(&random)
        _ = try commit([("model.safetensors", model.file(.float32))], bench)
        model.train(using: &random)
        // The fp32 is a difference, and the bf16 is rounded from that.
        let second = try commit(
            [
                ("model.safetensors", model.file(.float32)),
                ("model-bf16.safetensors", model.file(.bfloat16)),
            ], bench)
        #expect(try casts(bench) == 2, "seed \(seed)")
        let rounded = try #require(try bench.read("model-bf16.safetensors"))
        #expect(rounded == second.files[1].bytes)
        _ = try bench.open().checkout(root, branch: "main")
        let kept = try commit([("model-bf16.safetensors", rounded)], bench)
        try bench.open().removeRef("branches", "base")
        let outcome = try bench.open().collection(of: nil, immediately: true).perform()
        #expect(outcome.plan.emptied.contains(second.commit), "seed \(seed)")
        #expect(try casts(bench) == 2, "seed \(seed)")
        try expect([kept], bench, "seed \(seed)")
    }

    @Test func `a model that is rounded later finds what it was rounded from`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        let model = Self.model(&random, layers: 3)
        let first = try commit([("model.safetensors", model.file(.float32))], bench)
        let before = try bench.storedBytes()
        // A part of it, in another order, and the small tensors are in other places.
        var part = model
        part.tensors = Array(model.tensors[2...].reversed())
        part.metadata = "exported"
        let second = try commit([("model.bf16.safetensors", part.file(.bfloat16))], bench)
        #expect(try bench.storedBytes() - before < 10_000, "seed \(seed)")
        #expect(try casts(bench) > 0, "seed \(seed)")
        try expect([first, second], bench, "seed \(seed)")
    }

    @Test func `exceptions stay what they are`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        let specials: [Float] = [
            .nan, .signalingNaN, -.nan, .infinity, -.infinity, 0, -0.0, .leastNonzeroMagnitude,
            .greatestFiniteMagnitude, Float(bitPattern: 0xffff_ffff), Float(bitPattern: 0x7f80_0001),
        ]
        for _ in 0..<40 {
            model.tensors[0].weights[Int.random(in: 0..<66_000, using: &random)] =
                specials.randomElement(using: &random) ?? 0
        }
        let wide = model.file(.float32)
        // Some rounded weights were edited afterwards.
        for _ in 0..<20 { model.tensors[2].weights[Int.random(in: 0..<66_000, using: &random)] = 0.5 }
        let version = try commit(
            [
                ("a.safetensors", model.file(.bfloat16)), ("b.safetensors", wide),
                ("c.safetensors", model.file(.float16)),
            ],
            bench)
        #expect(try casts(bench) == 4, "seed \(seed)")
        try expect([version], bench, "seed \(seed)")
    }

    /// Damages the frames of a codec in every pack.
    private func damage(_ codec: UInt8, _ bench: Workbench) throws {
        let store = try bench.open().store
        for pack in store.packs {
            for number in 0..<pack.index.frameCount where pack.index.codec(of: number) == codec {
                let place = try pack.index.frame(number)
                try bench.disk.damage(store.layout.pack(pack.name), at: place.offset + place.length - 5) {
                    $0 ^ 1
                }
            }
        }
    }

    @Test(arguments: [3, 4] as [UInt8])
    func `what lost its base is named, stored again where it can be, and read again when the base is back`(
        codec: UInt8
    ) throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        let first = try commit(Self.pair(model), bench)
        model.train(using: &random)
        let second = try commit(Self.pair(model), bench)
        #expect(try casts(bench) == 4, "seed \(seed)")
        try damage(codec, bench)
        #expect(try bench.problems().contains { $0.kind == .base && $0.message.contains("its base, ") })
        do {
            _ = try bench.content("bf16.safetensors", of: second.commit)
            Issue.record("a file without its base was read, seed \(seed)")
        } catch { #expect("\(error)".contains("its base, "), "\(error)") }
        if codec == 4 {
            #expect(try bench.content("bf16.safetensors", of: first.commit) == first.files[0].bytes)
        }
        for file in second.files { try bench.disk.removeIfPresent(Workbench.home / "data" / file.name) }
        try bench.repair()
        // Somebody still had the rounded ones only: they must not rest on what is lost.
        let rounded = try commit([first.files[0], ("again.safetensors", second.files[0].bytes)], bench)
        for file in rounded.files {
            #expect(try bench.content(file.name, of: rounded.commit) == file.bytes, "seed \(seed)")
        }
        // And then the others came back.
        _ = try commit([first.files[1]], bench)
        _ = try commit([second.files[1]], bench)
        try expect([first, second, rounded], bench, "seed \(seed)")
    }

    @Test func `nothing new is told by what is damaged, even if the files have it`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        let pair = Self.pair(Self.model(&random))
        _ = try commit([pair[1]], bench)
        // Both tensors.
        try damage(Codec.tensor.rawValue, bench)
        // The fp32 is read once more, and lies beside.
        try bench.write("copy.safetensors", pair[1].bytes)
        let second = try commit([pair[0]], bench)
        #expect(try casts(bench) == 0, "seed \(seed)")
        #expect(try bench.content(pair[0].name, of: second.commit) == pair[0].bytes, "seed \(seed)")
    }

    @Test func `a repair saves what rests upon frames in other damaged packs`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        var versions: [Version] = []
        for _ in 0..<3 {
            versions.append(try commit([Self.pair(model)[1]], bench))
            versions.append(try commit(Self.pair(model), bench))
            model.train(using: &random)
        }
        #expect(try casts(bench) == 6, "seed \(seed)")
        let store = try bench.open().store
        // The trailers of all packs: every frame is sound.
        for pack in store.packs {
            try bench.disk.damage(store.layout.pack(pack.name), at: pack.index.fileLength - 5) { $0 ^ 1 }
        }
        #expect(try bench.repair().plan.lost == [], "seed \(seed)")
        try expect(versions, bench, "seed \(seed)")
    }

    @Test(arguments: 0..<2) func `a full disk ends a commit of a pair, and nothing is lost`(round: Int) throws
    {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed, width: 2)
        var model = Self.model(&random)
        let first = try commit(Self.pair(model), bench)
        model.train(using: &random)
        for file in Self.pair(model) { try bench.write(file.name, file.bytes) }
        bench.disk.faults.bytesLeft = 3000 + round * 200_000
        #expect(throws: RepositoryError.self, "seed \(seed)") { try bench.commit("too much") }
        bench.disk.faults.bytesLeft = nil
        try expect([first, try commit(Self.pair(model), bench)], bench, "seed \(seed)")
    }
}
