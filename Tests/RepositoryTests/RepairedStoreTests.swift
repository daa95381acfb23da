import FileIO
import MLRepo
import ObjectModel
import Storage
import TestSupport
import Testing

/// What a repair does with packs as commits and merges make them.
@Suite struct RepairedStoreTests {
    private static let hour: Int64 = 3_600_000_000_000

    /// A store with a merged pack whose frames have bases.
    private func merged(seed: UInt64) throws -> (bench: Workbench, pack: PackReader) {
        let bench = try Workbench.fresh(seed: seed)
        var random = SplitMix64(seed: seed)
        for number in 0..<20 { try bench.write("f\(number)", random.bytes(300)) }
        for number in 0..<150 {
            try bench.write("f\(Int.random(in: 0..<20, using: &random))", random.bytes(310))
            try bench.commit("c\(number)")
        }
        let store = try bench.open().store
        #expect((try StoreStatistics(store).codecs["zlib-base"]?.count ?? 0) > 0, "seed \(seed)")
        return (bench, try #require(store.packs.first))
    }

    @Test func `frames that have a base are undamaged if both are`() throws {
        let (bench, pack) = try merged(seed: 51)
        // Of the trailer: every frame is sound.
        let path = try bench.open().store.layout.pack(pack.name)
        try bench.disk.damage(path, at: pack.index.fileLength - 5) { $0 ^ 1 }
        let outcome = try bench.repair()
        #expect(outcome.plan.lost == [])
        #expect(outcome.plan.replaced.map(\.pack) == [pack.name])
        #expect(try bench.problems() == [])
    }

    @Test func `what a repair replaced can be salvaged again for two weeks`() throws {
        let (bench, pack) = try merged(seed: 52)
        let path = try bench.open().store.layout.pack(pack.name)
        try bench.disk.damage(path, at: pack.index.fileLength - 5) { $0 ^ 1 }
        _ = try bench.repair()
        bench.disk.pass(13 * 24 * Self.hour)
        for number in 0..<40 {
            try bench.write("g", [UInt8(number)])
            try bench.commit("g\(number)")
        }
        _ = try bench.open().collection(of: nil, immediately: true).perform()
        #expect(try bench.disk.status(path) != nil)
        bench.disk.pass(2 * 24 * Self.hour)
        _ = try bench.open().collection(of: nil, immediately: true).perform()
        #expect(try bench.disk.status(path) == nil)
        #expect(try bench.problems() == [])
    }
}
