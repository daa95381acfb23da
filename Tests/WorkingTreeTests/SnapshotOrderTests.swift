import FileIO
import ObjectModel
import Synchronization
import TestSupport
import Testing
@testable import WorkingTree

/// In which order files are read and stored.
@Suite struct SnapshotOrderTests {
    private static let (shard, large) = (40 << 20, 1 << 20)

    /// The names of a batch after another, where every file with a width is one of tensors.
    private func batches(
        _ files: [(name: String, size: Int)], inputs: [String] = [], width: (String) -> Int? = { _ in 2 }
    ) throws -> [[String]] {
        let scanned = ScannedFiles(
            try files.map { file in
                ScannedFile(
                    path: try RepositoryPath(file.name),
                    status: FileStatus(
                        kind: .file, permissions: 0o644, size: file.size, modified: 1, changed: 1, inode: 1,
                        device: 1))
            })
        let inputs = try inputs.map { try RepositoryPath($0) }
        let order = SnapshotOrder(scanned, inputs: inputs) { width("\(scanned.path($0))") }
        return (0..<order.batchCount).map { order.batch($0).map { "\(scanned.path(Int($0)))" } }
    }

    @Test func `checkpoints of a directory are read one after the other, as people count`() throws {
        let files = [10, 9, 1, 100].map { (name: "c/step-\($0).safetensors", size: Self.large) }
        #expect(
            try batches(files + [("other.csv", Self.large)]) == [
                [1, 9, 10, 100].map { "c/step-\($0).safetensors" }, ["other.csv"],
            ])
    }

    @Test func `what a run read comes before what it made of that, wherever it lies`() throws {
        let files = ["a/tuned-1.pt", "a/tuned-2.pt", "half.gguf", "zoo/model.bin"].map {
            (name: $0, size: Self.large)
        }
        let width = { (name: String) in name == "half.gguf" ? 1 : 2 }
        let ordered = [["zoo/model.bin", "a/tuned-1.pt", "a/tuned-2.pt", "half.gguf"]]
        #expect(try batches(files, inputs: ["zoo"], width: width) == ordered)
        #expect(try batches(files, inputs: ["zoo/model.bin", "data"], width: width) == ordered)
        #expect(try batches(files, inputs: ["data"], width: width).count > 1)
    }

    @Test func `wider elements come before those that may be rounded from them, also in other directories`()
        throws
    {
        let files = ["half/a.safetensors", "full/a.safetensors", "full/z.bin"].map {
            (name: $0, size: Self.large)
        }
        let order = try batches(files) { $0 == "half/a.safetensors" ? 2 : 4 }
        #expect(order == [["full/a.safetensors", "full/z.bin", "half/a.safetensors"]])
    }

    @Test func `checkpoints in directories of their own are read one after the other, as people count`()
        throws
    {
        let files = [1000, 200, 30].flatMap { step in
            [
                (name: "out/checkpoint-\(step)/model.safetensors", size: Self.large),
                (name: "out/checkpoint-\(step)/optimizer.pt", size: Self.large),
            ]
        }
        let ordered = [30, 200, 1000].flatMap { step in
            ["out/checkpoint-\(step)/model.safetensors", "out/checkpoint-\(step)/optimizer.pt"]
        }
        let other = (name: "other/model.safetensors", size: Self.large)
        #expect(try batches(files + [other]) == [["other/model.safetensors"], ordered])
        // So many are a data set.
        let samples = (0..<200).map { (name: "\($0)/sample.npz", size: Self.large) }
        #expect(try batches(samples).count == 200)
    }

    @Test func `a data set is read by all threads, a model of many shards is not`() throws {
        let small = (0..<200).map { (name: "set/\($0).npz", size: Self.large) }
        #expect(try batches(small).count == 200)
        let shards = (0..<200).map { (name: "model/m-\($0).safetensors", size: Self.shard) }
        #expect(try batches(shards).count == 1)
        // Beside each other: what ends otherwise does not count, and is not looked at.
        let asked = Mutex<Set<String>>([])
        let both = try batches(small.map { ("model/" + $0.name.dropFirst(4), $0.size) } + shards) { name in
            asked.withLock { _ = $0.insert(name) }
            return 2
        }
        #expect(both.count == 201 && both[0].count == 200)
        #expect(asked.withLock { $0.allSatisfy { $0.hasSuffix(".safetensors") } })
        let many = (0..<5_000).map { (name: "many/\($0).bin", size: Self.shard) }
        #expect(try batches(many).count == 5_000)
        // Sizes that add up to more than there are numbers for.
        _ = try batches((0..<200).map { (name: "holes/\($0).bin", size: .max) })
    }

    @Test func `files that only end like models are like any others`() throws {
        let files = (0..<3).map { (name: "\($0).bin", size: Self.large) }
        #expect(try batches(files) { _ in nil }.count == 3)
    }
}
