import FileIO
import Hashing
import MLRepo
import ObjectModel
import Storage
import TestSupport
import Testing

@Suite struct LargeFileTests {
    /// Both are above the limit up to which a file is one chunk by its size; zeros are one all the same, up to 1 MiB.
    @Test(arguments: [(300_000, false), (2_500_001, true)])
    func `a large file and its chunks are named by their SHA-256`(length: Int, isCut: Bool) throws {
        let seed: UInt64 = 1
        var generator = SplitMix64(seed: seed)
        let bytes = isCut ? generator.bytes(length) : [UInt8](repeating: 0, count: length)
        let bench = try Workbench.fresh(seed: seed)
        try bench.write("weights", bytes)
        let commit = try bench.commit("A large file")

        let repository = try bench.open()
        let version = try repository.store.commit(commit)
        let entry = try #require(
            try repository.tree(version).entry(at: RepositoryPath("data/weights")), "seed \(seed)")
        #expect(entry.id == ObjectID(SHA256.digest(of: bytes)))
        #expect(entry.size == length)
        #expect(try bench.content("weights", of: commit) == bytes)
        // Reads every chunk and compares its bytes with its name.
        #expect(try bench.problems().isEmpty)
        #expect((try repository.store.recipe(of: entry.id) != nil) == isCut)
    }

    @Test func `several threads make of large and small files the version that one makes`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var trees: Set<ObjectID> = []
        for width in [1, 2, 5] {
            var generator = SplitMix64(seed: seed)
            let bench = try Workbench.fresh(seed: seed, width: width)
            for number in 0..<6 {
                // More frames than may wait.
                let length = number % 2 == 0 ? 2_500_000 : Int.random(in: 0..<2_000, using: &generator)
                try bench.write("file\(number)", generator.bytes(length))
            }
            let commit = try bench.commit("Large and small")
            let repository = try bench.open()
            trees.insert(try repository.store.commit(commit).tree)
            #expect(try bench.problems().isEmpty, "seed \(seed), \(width) threads")
            #expect(try bench.open().status().changes.isEmpty, "seed \(seed), \(width) threads")
        }
        #expect(trees.count == 1, "seed \(seed)")
    }
}
