import Coding
import FileIO
import Hashing
import ObjectModel
@testable import Storage
import TestSupport
import Testing

@Suite struct ComposedPackTests {
    /// A store with a pack of many frames, and frames that are copied out of it, in turn with new ones.
    private struct Source {
        let disk: SimulatedDisk
        let store: ObjectStore
        var frames: [EncodedFrame] = []

        init(seed: UInt64, newLength: Int) throws {
            disk = try Fixture.disk()
            let random = Randomness(seed: seed)
            var choice = SplitMix64(seed: seed)
            let created = try Fixture.create(on: disk, random: random)
            let blobs = (0..<40).map { _ in random.bytes(Int.random(in: 1..<400_000, using: &choice)) }
            let (operation, _) = try Fixture.prepare(1, blobs: blobs, in: created, random: random)
            #expect(
                try created.append(operation, on: created.current, nonce: random.nonce) == .committed)
            store = try ObjectStore.open(Fixture.root, files: disk)
            var copied: [EncodedFrame] = []
            for pack in store.packs {
                try PackRewrite(pack, of: store).forEachFrame(where: { _ in true }, trusting: true) {
                    copied.append($0.encoded)
                }
            }
            #expect(copied.count { $0.origin != nil } > 3)
            for frame in copied {
                var builder = FrameBuilder(.data)
                let blob = random.bytes(newLength)
                builder.add(PackTests.reference(blob), blob)
                frames += [frame, try builder.finish(FrameCoder())]
            }
        }

        func composed(spill: FilePath = "/home/.mlrepo/tmp/spill") throws -> ComposedPack {
            var composer = PackComposer(of: store, spillingTo: spill, disk)
            for frame in frames { try composer.append(frame) }
            return try composer.finish { _ in [0, 1, 2, 3, 4, 5, 6, 7] }
        }
    }

    private static func read(_ pack: ComposedPack, _ range: Range<Int>) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xaa, count: range.count)
        let count = try bytes.withUnsafeMutableBytes { try pack.read(into: $0, at: range.lowerBound) }
        return Array(bytes.prefix(count))
    }

    @Test(arguments: [(1 as UInt64, 100), (2, 5000), (3, 1_500_000)])
    func `what is composed has the bytes of what is written`(seed: UInt64, newLength: Int) throws {
        let source = try Source(seed: seed, newLength: newLength)
        let written = try PackTests.pack(source.frames, on: source.disk)
        let bytes = try source.disk.contents(
            StoreLayout(root: Fixture.root).pack(written.name), limit: 1 << 30)
        let pack = try source.composed()
        #expect(pack.name == written.name)
        #expect(pack.length == bytes.count)
        #expect(pack.frameCount == source.frames.count)
        #expect(Set(pack.features) == written.features)
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            let start = Int.random(in: 0...bytes.count, using: &random)
            let end = start + Int.random(in: 0..<300_000, using: &random)
            let expected = Array(bytes[start..<min(end, bytes.count)])
            #expect(try Self.read(pack, start..<end) == expected, "\(start)..<\(end), seed \(seed)")
        }
        #expect(try Self.read(pack, 0..<bytes.count) == bytes)
        #expect(try Self.read(pack, bytes.count + 5..<bytes.count + 9).isEmpty)
    }

    @Test func `little that is new is in no file, and much in one that goes with the pack`() throws {
        for (newLength, isSpilled) in [(100, false), (1_500_000, true)] {
            let source = try Source(seed: 4, newLength: newLength)
            let spill: FilePath = "/home/.mlrepo/tmp/spill"
            var pack: ComposedPack? = try source.composed(spill: spill)
            #expect(try (source.disk.status(spill) != nil) == isSpilled)
            #expect(pack != nil)
            pack = nil
            #expect(try source.disk.status(spill) == nil)
        }
    }

    @Test func `a pack that is collected meanwhile, or cut short, is an error`() throws {
        let source = try Source(seed: 5, newLength: 10)
        let pack = try source.composed()
        let origin = try Fixture.required(source.frames.compactMap(\.origin).first)
        let path = StoreLayout(root: Fixture.root).pack(origin.pack)
        let bytes = try source.disk.contents(path, limit: 1 << 30)
        try source.disk.remove(path)
        #expect(throws: FileError.self) { try Self.read(pack, 0..<pack.length) }
        let file = try source.disk.create(path, permissions: 0o444)
        try source.disk.write(file, Array(bytes.prefix(bytes.count / 2)))
        source.disk.close(file)
        #expect(throws: FileError.self) { try Self.read(pack, 0..<pack.length) }
    }
}
