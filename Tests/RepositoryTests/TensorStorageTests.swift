import FileIO
import MLRepo
import ObjectModel
@testable import Storage
import TestSupport
import Testing

/// Models in a store: how they are cut and coded, what they are told by, and what becomes of that.
@Suite struct TensorStorageTests {
    private static let name = "model.safetensors"

    private static func model(_ random: inout SplitMix64, layers: Int = 2) -> TrainedModel {
        TrainedModel(layers: layers, rows: 256, columns: 300, using: &random)
    }

    private func frames(_ bench: Workbench) throws -> (alone: Int, upon: Int) {
        let codecs = try bench.open().statistics().codecs
        return (codecs["tensor"]?.count ?? 0, codecs["tensor-base"]?.count ?? 0)
    }

    @Test(arguments: [1, 3]) func `versions of a model are told by their differences and come back`(
        width: Int
    ) throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed, width: width)
        var model = Self.model(&random)
        var versions: [(commit: ObjectID, file: [UInt8])] = []
        var sizes: [Int] = []
        for step in 0..<4 {
            model.metadata = "\(step)"
            try bench.write(Self.name, model.file)
            versions.append((try bench.commit("step \(step)"), model.file))
            sizes.append(try bench.storedBytes())
            model.train(using: &random)
        }
        for version in versions {
            #expect(try bench.content(Self.name, of: version.commit) == version.file, "seed \(seed)")
        }
        let (alone, upon) = try frames(bench)
        #expect(alone == 2 && upon == 6, "seed \(seed)")
        // A difference takes less than two thirds of what the first version does.
        #expect((sizes[1] - sizes[0]) * 3 < sizes[0] * 2, "\(sizes), seed \(seed)")
        try bench.requireShallow()
        #expect(try bench.problems() == [], "seed \(seed)")
        let entry = try #require(
            try bench.open().tree(bench.open().store.commit(versions[0].commit)).entry(
                at: RepositoryPath("data/\(Self.name)")))
        #expect(try bench.open().store.recipe(of: entry.id)?.cutRule == 16)
        #expect(try bench.open().store.current.entry.features == ["tensors"])
    }

    @Test func `versions of a file with gaps are told by their differences, and share tensors with others`()
        throws
    {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        let name = "model.gguf"
        var versions: [(commit: ObjectID, file: [UInt8])] = []
        var sizes: [Int] = []
        for step in 0..<3 {
            model.metadata = "\(step)"
            // What stands before the tensors has another length each time.
            model.metadata += String(repeating: "x", count: 100 * step)
            try bench.write(name, model.gguf)
            versions.append((try bench.commit("step \(step)"), model.gguf))
            sizes.append(try bench.storedBytes())
            if step < 2 { model.train(using: &random) }
        }
        #expect((sizes[2] - sizes[1]) * 3 < sizes[0] * 2, "\(sizes), seed \(seed)")
        let (alone, upon) = try frames(bench)
        #expect(alone == 2 && upon == 4, "seed \(seed)")
        try bench.write(Self.name, model.file)
        let commit = try bench.commit("the same as safetensors")
        // The biases lie with what is no tensor there.
        #expect(try bench.storedBytes() - sizes[2] < 8_000, "seed \(seed)")
        #expect(try bench.content(Self.name, of: commit) == model.file, "seed \(seed)")
        for version in versions {
            #expect(try bench.content(name, of: version.commit) == version.file, "seed \(seed)")
        }
        try bench.requireShallow()
        #expect(try bench.problems() == [], "seed \(seed)")
        let entry = try #require(
            try bench.open().tree(bench.open().store.commit(commit)).entry(at: RepositoryPath("data/\(name)"))
        )
        #expect(try bench.open().store.recipe(of: entry.id)?.cutRule == 17)
    }

    @Test func `the same model in other files takes headers only`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        let model = Self.model(&random, layers: 4)
        try bench.write(Self.name, model.file)
        try bench.commit("whole")
        let before = try bench.storedBytes()
        for (number, range) in [0..<4, 4..<8].enumerated() {
            var shard = model
            shard.tensors = Array(model.tensors[range].reversed())
            try bench.write("shard-\(number).safetensors", shard.file)
        }
        try bench.commit("sharded, in another order")
        #expect(try bench.storedBytes() - before < 8_000, "seed \(seed)")
        #expect(try bench.problems() == [])
    }

    @Test
    func `tensors find their base under another name, in another shard, beside them and longer than before`()
        throws
    {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        try bench.write("step-9.safetensors", model.file)
        try bench.commit("first")
        var sizes = [try bench.storedBytes()]
        func commit(_ name: String, _ model: TrainedModel) throws {
            let commit: ObjectID
            try bench.write(name, model.file)
            commit = try bench.commit(name)
            sizes.append(try bench.storedBytes())
            #expect(try bench.content(name, of: commit) == model.file, "seed \(seed)")
        }
        model.train(using: &random)
        try commit("step-10.safetensors", model)
        var renamed = model
        renamed.train(using: &random)
        for index in renamed.tensors.indices { renamed.tensors[index].name = "model.\(index)" }
        try commit("renamed.safetensors", renamed)
        var grown = model
        grown.train(using: &random)
        grown.tensors[0].shape[0] += 10
        grown.tensors[0].weights += [Float](repeating: 0.01, count: 10 * 300)
        try commit("grown.safetensors", grown)
        for (index, size) in sizes.dropFirst().enumerated() {
            #expect((size - sizes[index]) * 3 < sizes[0] * 2, "\(index): \(sizes), seed \(seed)")
        }
        #expect(try frames(bench).alone == 2, "seed \(seed)")
        #expect(try bench.problems() == [])
    }

    @Test(arguments: [1, 4], [false, true])
    func `checkpoints of one commit are told by each other, whoever writes them`(
        width: Int, haveDirectories: Bool
    ) throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed, width: width)
        var model = Self.model(&random)
        var files: [String: [UInt8]] = [:]
        for step in 8..<12 {
            files[Self.checkpoint(step, hasDirectory: haveDirectories)] = model.file
            model.train(using: &random)
        }
        for (name, file) in files { try bench.write(name, file) }
        let commit = try bench.commit("all")
        for (name, file) in files { #expect(try bench.content(name, of: commit) == file, "seed \(seed)") }
        let (alone, upon) = try frames(bench)
        #expect(alone == 2 && upon == 6, "seed \(seed)")
        try bench.requireShallow()
        #expect(try bench.problems() == [])
    }

    /// Where a checkpoint lies: beside others, or in a directory beside theirs.
    private static func checkpoint(_ step: Int, hasDirectory: Bool) -> String {
        hasDirectory ? "out/checkpoint-\(step)/model.safetensors" : "step-\(step).safetensors"
    }

    @Test func `a checkpoint in a directory of its own is told by that in the directory before`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        for step in [90, 100, 110] {
            let name = Self.checkpoint(step, hasDirectory: true)
            try bench.write(name, model.file)
            // Another one of that name, elsewhere.
            try bench.write("other/model.safetensors", Self.model(&random).file)
            let commit = try bench.commit("step \(step)")
            #expect(try bench.content(name, of: commit) == model.file, "seed \(seed)")
            model.train(using: &random)
        }
        let (alone, upon) = try frames(bench)
        #expect(alone == 2 + 3 * 2 && upon == 4, "\(alone) alone, \(upon) upon them, seed \(seed)")
        try bench.requireShallow()
        #expect(try bench.problems() == [])
    }

    @Test func `what has moved too far from its base becomes the next one`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        for step in 0..<9 {
            try bench.write(Self.name, model.file)
            try bench.commit("step \(step)")
            model.train(by: 0.02 * Float(step + 1), using: &random)
        }
        let (alone, upon) = try frames(bench)
        #expect(alone > 1 && upon > alone, "\(alone) alone, \(upon) upon them, seed \(seed)")
        try bench.requireShallow()
        #expect(try bench.problems() == [])
    }

    /// A commit like another one, with nothing behind it, on a branch of its own.
    private func orphan(_ id: ObjectID, in bench: Workbench) throws -> ObjectID {
        let repository = try bench.open()
        let old = try repository.store.commit(id)
        let writer = ObjectWriter(repository.store, random: bench.environment.random)
        let commit = Commit(
            author: old.author, committer: old.committer, authored: old.authored, committed: old.committed,
            message: "the same", parents: [], recipes: old.recipes, runs: old.runs, tracked: old.tracked,
            tree: old.tree)
        let new = try writer.add(.commit, commit.payload)
        let change = RefChange(
            name: try RefName.branch("kept"), before: nil, after: ObjectReference(.commit, new))
        _ = try repository.transact(
            "commit", reason: nil, actor: old.author, repository.copy.head(), writer
        ) { [change] }
        return new
    }

    @Test func `a base stays as long as something is told by it`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        try bench.write("other", [1])
        let root = try bench.commit("root")
        try bench.open().makeRef("branches", "base", at: root)
        _ = try bench.open().checkout(root, branch: "base")
        var model = Self.model(&random)
        try bench.write(Self.name, model.file)
        let first = try bench.commit("base")
        // A branch that goes on from the root, and not from the base.
        model.train(using: &random)
        try bench.write(Self.name, model.file)
        let second = try bench.commit("later")
        #expect(try frames(bench).upon == 2, "seed \(seed)")
        let kept = try orphan(second, in: bench)
        _ = try bench.open().checkout(root, branch: "main")
        try bench.open().removeRef("branches", "base")
        let outcome = try bench.open().collection(of: nil, immediately: true).perform()
        #expect(outcome.plan.emptied.contains(first), "seed \(seed)")
        #expect(try bench.content(Self.name, of: kept) == model.file, "seed \(seed)")
        #expect(try bench.problems() == [], "seed \(seed)")
        try bench.requireShallow()
    }

    @Test func `small packs with tensors merge, and every version stays`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        var versions: [(commit: ObjectID, file: [UInt8])] = []
        for step in 0..<13 {
            try bench.write(Self.name, model.file)
            versions.append((try bench.commit("step \(step)"), model.file))
            model.train(using: &random)
        }
        #expect(try bench.open().store.packs.count < 12, "seed \(seed)")
        #expect(try frames(bench).upon > 12, "seed \(seed)")
        for version in versions {
            #expect(try bench.content(Self.name, of: version.commit) == version.file, "seed \(seed)")
        }
        try bench.requireShallow()
        #expect(try bench.problems() == [], "seed \(seed)")
    }

    @Test func `a damaged base is named with everything that needs it, and repaired where a copy is`() throws
    {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        try bench.write("a.safetensors", model.file)
        let first = try bench.commit("base")
        model.train(using: &random)
        try bench.write("a.safetensors", model.file)
        let second = try bench.commit("later")
        let store = try bench.open().store
        var found: (pack: PackReader, frame: Int)?
        for pack in store.packs {
            for number in 0..<pack.index.frameCount where pack.index.codec(of: number) == 3 {
                found = (pack, number)
            }
        }
        let (pack, number) = try #require(found)
        let place = try pack.index.frame(number)
        try bench.disk.damage(store.layout.pack(pack.name), at: place.offset + place.length - 5) { $0 ^ 1 }
        let problems = try bench.problems()
        #expect(problems.contains { $0.message.contains("its base, ") }, "\(problems)")
        let needs = Set(problems.flatMap(\.neededBy))
        #expect(needs.contains { $0.hasSuffix("data/a.safetensors") && !$0.contains("~") }, "\(needs)")
        #expect(throws: ReadError.self) { try bench.content("a.safetensors", of: second) }
        do { _ = try bench.content("a.safetensors", of: second) } catch {
            #expect("\(error)".contains("its base, "), "\(error)")
        }
        #expect(throws: ReadError.self) { try bench.content("a.safetensors", of: first) }
    }

    @Test func `what is told by a base that was lost can be read again when the base is back`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        let base = model.file
        try bench.write(Self.name, base)
        try bench.commit("base")
        model.train(using: &random)
        try bench.write(Self.name, model.file)
        let later = try bench.commit("later")
        let store = try bench.open().store
        let first = try #require(
            store.packs.first { pack in pack.index.codec(of: 0) == 3 || pack.index.codec(of: 1) == 3 })
        for number in 0..<first.index.frameCount where first.index.codec(of: number) == 3 {
            let place = try first.index.frame(number)
            try bench.disk.damage(store.layout.pack(first.name), at: place.offset + place.length - 5) {
                $0 ^ 1
            }
        }
        #expect(try bench.problems().contains { $0.kind == .base }, "seed \(seed)")
        let outcome = try bench.repair()
        #expect(outcome.plan.replaced.map(\.pack) == [first.name], "seed \(seed)")
        #expect(throws: ReadError.self) { try bench.content(Self.name, of: later) }
        // Somebody still had the file.
        try bench.write("again.safetensors", base)
        try bench.commit("again")
        #expect(try bench.content(Self.name, of: later) == model.file, "seed \(seed)")
        #expect(try bench.problems() == [], "seed \(seed)")
    }

    @Test func `nothing stays without its base where a collection leaves a pack as it is`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        let root = try bench.first()
        try bench.open().makeRef("branches", "side", at: root)
        _ = try bench.open().checkout(root, branch: "side")
        var model = Self.model(&random)
        try bench.write(Self.name, model.file)
        try bench.commit("base")
        model.train(using: &random)
        try bench.write(Self.name, model.file)
        // So large that what nobody needs beside it is not worth a new pack.
        let big = random.bytes(15_000_000)
        try bench.write("big", big)
        try bench.commit("later, and something large")
        _ = try bench.open().checkout(root, branch: "main")
        try bench.write("big", big)
        let kept = try bench.commit("the large one only")
        try bench.open().removeRef("branches", "side")
        _ = try bench.open().collection(of: nil, immediately: true).perform()
        #expect(try bench.problems() == [], "seed \(seed)")
        try bench.write(Self.name, model.file)
        let again = try bench.commit("again")
        #expect(try bench.content(Self.name, of: again) == model.file, "seed \(seed)")
        #expect(try bench.content("big", of: kept) == big, "seed \(seed)")
        #expect(try bench.problems() == [], "seed \(seed)")
    }

    @Test(arguments: 0..<6)
    func `a full disk ends a commit of models, whichever thread meets it`(
        round: Int
    ) throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed, width: 2)
        try bench.first()
        for number in 0..<3 { try bench.write("small/\(number).safetensors", Self.model(&random).file) }
        try bench.write("large/0.safetensors", Self.model(&random, layers: 4).file)
        bench.disk.faults.bytesLeft = 20_000 + round * 110_000
        #expect(throws: RepositoryError.self, "seed \(seed)") { try bench.commit("too much") }
        bench.disk.faults.bytesLeft = nil
        let commit = try bench.commit("now there is room")
        #expect(
            try bench.content("small/1.safetensors", of: commit) == bench.read("small/1.safetensors"),
            "seed \(seed)")
        #expect(try bench.problems() == [], "seed \(seed)")
    }

    @Test func `a repair saves what is told by a base in another damaged pack`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = Self.model(&random)
        try bench.write("a.safetensors", model.file)
        let first = (try bench.commit("base"), model.file)
        model.train(using: &random)
        try bench.write("a.safetensors", model.file)
        let second = (try bench.commit("later"), model.file)
        let repository = try bench.open()
        // The trailers of all packs: every frame is sound.
        for pack in repository.store.packs {
            try bench.disk.damage(repository.store.layout.pack(pack.name), at: pack.index.fileLength - 5) {
                $0 ^ 1
            }
        }
        let outcome = try bench.repair()
        #expect(outcome.plan.lost == [], "seed \(seed)")
        for version in [first, second] {
            #expect(try bench.content("a.safetensors", of: version.0) == version.1, "seed \(seed)")
        }
        #expect(try bench.problems() == [], "seed \(seed)")
    }

    @Test func `a file that only looks like a model is stored like any other`() throws {
        var random = SplitMix64(seed: 1)
        let bench = try Workbench.fresh(seed: 1)
        var file = Self.model(&random).file
        // One byte more than the header knows of.
        file.append(7)
        try bench.write(Self.name, file)
        let commit = try bench.commit("a lie")
        #expect(try bench.content(Self.name, of: commit) == file)
        #expect(try frames(bench) == (0, 0))
        #expect(try bench.open().store.current.entry.features == [])
        #expect(try bench.problems() == [])
    }
}
