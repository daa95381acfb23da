import FileIO
import MLRepo
import ObjectModel
@testable import Storage
import Synchronization
import TestSupport
import Testing

/// `maintenance`: versions of tensors that are told by others than before, and what becomes of the store meanwhile.
@Suite struct RebasingTests {
    private static let name = "model.safetensors"
    private static let hour: Int64 = 3_600_000_000_000

    /// A file of some version.
    private struct Kept {
        let commit: ObjectID
        let name: String
        let bytes: [UInt8]
    }

    /// Whether a call gives a new log entry its name.
    private static func isEntry(_ call: FileCall) -> Bool {
        call.operation == .link && "\(call)".contains("/log/new/")
    }

    private func expect(_ all: [Kept], _ bench: Workbench, _ comment: Comment) throws {
        for kept in all { #expect(try bench.content(kept.name, of: kept.commit) == kept.bytes, comment) }
        try bench.requireShallow()
        #expect(try bench.problems() == [], comment)
    }

    /// What was begun and not finished has left no packs; what was replaced waits for an hour.
    private func expectNoLeavings(_ bench: Workbench, _ comment: Comment) throws {
        for _ in 0..<3 {
            bench.disk.pass(2 * Self.hour)
            _ = try bench.open().maintain()
        }
        let live = try bench.open().store.packs.count
        #expect(try bench.packFiles == live, comment)
    }

    /// Versions of a model, each some way from the one before.
    private func series(
        _ count: Int, _ bench: Workbench, _ random: inout SplitMix64, layers: Int = 1
    ) throws -> [Kept] {
        var model = TrainedModel(layers: layers, rows: 300, columns: 480, using: &random)
        return try (0..<count).map { step in
            defer { model.train(by: 0.01, using: &random) }
            try bench.write(Self.name, model.file)
            return Kept(commit: try bench.commit("step \(step)"), name: Self.name, bytes: model.file)
        }
    }

    @Test(arguments: [1, 3]) func `a long training takes less, and all of it comes back`(width: Int) throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed, width: width)
        let versions = try series(9, bench, &random)
        let before = try bench.storedBytes()
        let plan = try bench.open().maintenancePlan()
        #expect(plan.tensors == 9 && plan.changed > 1 && plan.saving > 0, "\(plan), seed \(seed)")
        #expect(try bench.storedBytes() == before, "a plan changes nothing")
        let outcome = try bench.open().maintain()
        #expect(outcome.writtenBytes > 0 && outcome.writtenBytes < outcome.replacedBytes, "seed \(seed)")
        let after = try bench.storedBytes()
        #expect(Double(after) < Double(before) * 0.98, "\(before) became \(after), seed \(seed)")
        // What was expected of samples is about what came of it.
        #expect(abs(before - after - plan.saving) < before / 20, "\(plan), \(before - after), seed \(seed)")
        try expect(versions, bench, "seed \(seed)")
        #expect(try bench.open().maintain().writtenBytes == 0, "what is well stays, seed \(seed)")
        let files = try bench.packFiles
        bench.disk.pass(2 * Self.hour)
        _ = try bench.open().maintain()
        #expect(try bench.packFiles < files, "what was replaced goes after an hour")
        try expect(versions, bench, "seed \(seed)")
        // What comes later is told by what is there now.
        let more = try series(1, bench, &random)
        try bench.write(Self.name, versions[4].bytes)
        let again = Kept(commit: try bench.commit("again"), name: Self.name, bytes: versions[4].bytes)
        try expect(versions + more + [again], bench, "seed \(seed)")
    }

    @Test func `copies in other directories are found by what they are like`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        var model = TrainedModel(layers: 2, rows: 300, columns: 300, using: &random)
        try bench.write("a/model.safetensors", model.file)
        var kept = [Kept(commit: try bench.commit("a"), name: "a/model.safetensors", bytes: model.file)]
        model.train(using: &random)
        // Also by other names.
        for index in model.tensors.indices { model.tensors[index].name += ".other" }
        try bench.write("b/other.safetensors", model.file)
        kept.append(Kept(commit: try bench.commit("b"), name: "b/other.safetensors", bytes: model.file))
        #expect(try bench.open().statistics().codecs["tensor-base"] == nil, "nothing told the commit")
        let before = try bench.storedBytes()
        let outcome = try bench.open().maintain()
        #expect(outcome.writtenBytes > 0, "seed \(seed)")
        #expect(try bench.open().statistics().codecs["tensor-base"]?.count == 2, "seed \(seed)")
        #expect(try Double(bench.storedBytes()) < Double(before) * 0.9, "seed \(seed)")
        try expect(kept, bench, "seed \(seed)")
    }

    @Test func `histories of all kinds stay whole`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        for round in 0..<2 {
            let bench = try Workbench.fresh(seed: seed, width: 2)
            var models = (0..<2).map { _ in
                TrainedModel(layers: 2, rows: 180, columns: 400, using: &random)
            }
            var kept: [Kept] = []
            for step in 0..<7 {
                let which = Int.random(in: 0..<2, using: &random)
                models[which].train(
                    by: [0.001, 0.02, 0.2].randomElement(using: &random) ?? 0, using: &random)
                var files: [(String, [UInt8])] = []
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    // Both, one rounded from the other.
                    files.append(("\(which)/bf16.safetensors", models[which].file(.bfloat16)))
                    files.append(("\(which)/fp32.safetensors", models[which].file(.float32)))
                case 1: files.append(("\(which)/model.gguf", models[which].gguf))
                case 2: files.append(("checkpoints/\(which)-\(step).safetensors", models[which].file))
                default: files.append(("\(which)/model.safetensors", models[which].file))
                }
                for (name, bytes) in files { try bench.write(name, bytes) }
                let commit = try bench.commit("\(step)")
                kept += files.map { Kept(commit: commit, name: $0.0, bytes: $0.1) }
                if Int.random(in: 0..<3, using: &random) == 0 { _ = try bench.open().maintain() }
            }
            let before = try bench.storedBytes()
            _ = try bench.open().maintain()
            #expect(try bench.storedBytes() <= before, "seed \(seed), round \(round)")
            try expect(kept, bench, "seed \(seed), round \(round)")
            _ = try bench.open().collection(of: nil, immediately: true).perform()
            try expect(kept, bench, "collected, seed \(seed), round \(round)")
        }
    }

    @Test func `a commit in between loses nothing, whoever comes first`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let start = try Workbench.fresh(seed: seed)
        let versions = try series(5, start, &random)
        let next = TrainedModel(layers: 1, rows: 300, columns: 480, using: &random).file
        try start.write(Self.name, next)
        let counting = RecordingFileSystem(start.disk.copy())
        _ = try Workbench(SimulatedDisk(), files: counting, seed: seed + 1).open().maintain()
        let count = counting.calls.count
        // Maintenance, with a commit at some of its steps.
        for number in [count / 8, count / 2, count - 12, count - 6, count - 2] {
            let bench = Workbench(start.disk.copy(), seed: seed + 2)
            let commit = Mutex<ObjectID?>(nil)
            let between = RecordingFileSystem(
                bench.disk,
                judge: { call in
                    if call.number == number { commit.withLock { $0 = try? bench.commit("between") } }
                    return .proceed
                })
            let outcome = try Workbench(bench.disk, files: between, seed: seed + 1).open().maintain()
            let id = try #require(commit.withLock { $0 }, "step \(number) of \(count), seed \(seed)")
            #expect(outcome.writtenBytes > 0, "step \(number) of \(count), seed \(seed)")
            try expect(
                versions + [Kept(commit: id, name: Self.name, bytes: next)], bench,
                "step \(number) of \(count), seed \(seed)")
        }
    }

    @Test func `a commit that relies on what is about to be a difference makes it begin anew`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let start = try Workbench.fresh(seed: seed)
        var model = TrainedModel(layers: 1, rows: 300, columns: 480, using: &random)
        let versions = try (0..<9).map { step in
            defer { model.train(by: 0.01, using: &random) }
            try start.write(Self.name, model.file)
            return Kept(commit: try start.commit("step \(step)"), name: Self.name, bytes: model.file)
        }
        // Told by one of those before, which maintenance would tell by another.
        try start.write(Self.name, model.file)
        let recorder = RecordingFileSystem(start.disk.copy())
        _ = try Workbench(SimulatedDisk(), files: recorder, seed: seed + 1).open().maintain()
        let number = try #require(recorder.calls.first(where: Self.isEntry)?.number)
        let bench = Workbench(start.disk.copy(), seed: seed + 2)
        let commit = Mutex<ObjectID?>(nil)
        let between = RecordingFileSystem(
            bench.disk,
            judge: { call in
                if call.number == number { commit.withLock { $0 = try? bench.commit("between") } }
                return .proceed
            })
        let outcome = try Workbench(bench.disk, files: between, seed: seed + 1).open().maintain()
        let kept = Kept(
            commit: try #require(commit.withLock { $0 }, "seed \(seed)"), name: Self.name, bytes: model.file)
        #expect(outcome.plan.tensors == 10 && outcome.writtenBytes > 0, "begun anew with it, seed \(seed)")
        try expect(versions + [kept], bench, "seed \(seed)")
        try expectNoLeavings(bench, "seed \(seed)")
    }

    @Test func `a commit beside it begins anew where its base is a difference by then`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let start = try Workbench.fresh(seed: seed)
        var model = TrainedModel(layers: 1, rows: 300, columns: 480, using: &random)
        let versions = try (0..<9).map { step in
            defer { model.train(by: 0.01, using: &random) }
            try start.write(Self.name, model.file)
            return Kept(commit: try start.commit("step \(step)"), name: Self.name, bytes: model.file)
        }
        try start.write(Self.name, model.file)
        let recorder = RecordingFileSystem(start.disk.copy())
        _ = try Workbench(SimulatedDisk(), files: recorder, seed: seed + 1).commit("next")
        let count = recorder.calls.count
        var begunAnew = 0
        for number in stride(from: 0, to: count, by: max(1, count / 12)) {
            let bench = Workbench(start.disk.copy(), seed: seed + 2)
            let between = RecordingFileSystem(
                bench.disk,
                judge: { call in
                    if call.number == number { _ = try? bench.open().maintain() }
                    return .proceed
                })
            let id = try Workbench(bench.disk, files: between, seed: seed + 1).commit("next")
            if between.calls.count > count * 3 / 2 { begunAnew += 1 }
            try expect(
                versions + [Kept(commit: id, name: Self.name, bytes: model.file)], bench,
                "call \(number) of \(count), seed \(seed)")
            try expectNoLeavings(bench, "call \(number) of \(count), seed \(seed)")
        }
        #expect(begunAnew > 0, "seed \(seed)")
    }

    @Test func `too little room ends it before anything is written`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        let versions = try series(9, bench, &random)
        let plan = try bench.open().maintenancePlan()
        let needed = plan.packBytes - plan.saving
        let before = try bench.packFiles
        bench.disk.faults.bytesLeft = needed - 1
        #expect(throws: RepositoryError.store(.noSpace(needed: needed, free: needed - 1)), "seed \(seed)") {
            try bench.open().maintain()
        }
        #expect(try bench.packFiles == before, "seed \(seed)")
        bench.disk.faults.bytesLeft = nil
        #expect(try bench.open().maintain().writtenBytes > 0, "seed \(seed)")
        try expect(versions, bench, "seed \(seed)")
    }

    @Test func `what is damaged stays where it is, and nothing else changes`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        let versions = try series(6, bench, &random)
        let store = try bench.open().store
        let victim = try #require(
            store.packs.max { $0.index.fileLength < $1.index.fileLength }, "the first version's")
        try bench.disk.damage(store.layout.pack(victim.name), at: victim.index.fileLength / 2) { $0 ^ 1 }
        let before = try bench.open().store.current
        // The base of all others cannot be read, so that there is nothing to choose among.
        let outcome = try bench.open().maintain()
        #expect(outcome.writtenBytes == 0 && outcome.plan.unreadable > 0, "seed \(seed)")
        #expect(try bench.open().store.current == before, "seed \(seed)")
        try bench.disk.damage(store.layout.pack(victim.name), at: victim.index.fileLength / 2) { $0 ^ 1 }
        try expect(versions, bench, "seed \(seed)")
    }

    @Test func `an index that is damaged stops it, as nobody knows what needs what`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        let versions = try series(6, bench, &random)
        let store = try bench.open().store
        for pack in store.packs {
            // The base in the table of a frame, or what names it.
            let place = pack.index.fileLength - PackTrailer.byteCount - pack.index.indexLength / 2
            try bench.disk.damage(store.layout.pack(pack.name), at: place) { $0 ^ 1 }
            let before = try bench.open().store.current
            #expect(throws: RepositoryError.self, "seed \(seed)") { try bench.open().maintain() }
            #expect(try bench.open().store.current == before, "seed \(seed)")
            try bench.disk.damage(store.layout.pack(pack.name), at: place) { $0 ^ 1 }
        }
        #expect(try bench.open().maintain().changed > 1, "seed \(seed)")
        try expect(versions, bench, "seed \(seed)")
    }

    @Test func `stopped anywhere, by a full disk or a power cut, it loses nothing`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        let bench = try Workbench.fresh(seed: seed)
        let versions = try series(4, bench, &random)
        bench.disk.synchronizeAll()
        let counting = RecordingFileSystem(bench.disk.copy())
        let whole = try Workbench(SimulatedDisk(), files: counting, seed: seed + 1).open().maintain()
        #expect(whole.writtenBytes > 0, "seed \(seed)")
        let changes = counting.calls.filter(\.operation.isChange).map(\.number)
        for (round, number) in changes.enumerated() where round % 4 == 0 || round > changes.count - 8 {
            let isFull = round % 3 == 0
            let disk = bench.disk.copy()
            let stopping = RecordingFileSystem(
                disk,
                judge: { call in
                    if isFull {
                        return call.number >= number && call.operation == .write ? .fail(28) : .proceed
                    }
                    return call.number < number ? .proceed : .fail(5)
                })
            _ = try? Workbench(disk, files: stopping, seed: seed + 1).open().maintain()
            let failed = stopping.calls.first { $0.number >= number && $0.operation == .write }
            if isFull, let failed, !stopping.calls.contains(where: Self.isEntry),
                !"\(failed)".contains("/entry-")
            {
                let left = try Workbench(disk, seed: seed + 2).packFiles
                #expect(
                    try left == bench.packFiles, "a full disk needs its room, call \(number), seed \(seed)")
            }
            let after = Workbench(isFull ? disk : disk.crash(keeping: .nothing), seed: seed + 2)
            try expect(versions, after, "call \(number), full: \(isFull), seed \(seed)")
            guard round % 8 == 0 else { continue }
            _ = try after.open().maintain()
            try expect(versions, after, "again after call \(number), full: \(isFull), seed \(seed)")
        }
    }
}
