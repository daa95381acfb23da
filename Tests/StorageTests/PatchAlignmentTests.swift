import Coding
import ObjectModel
@testable import Storage
import TestSupport
import Testing

/// Where a version stands in its base, by the commands of patches that no encoder of ours would write so.
@Suite struct PatchAlignmentTests {
    private static func reference(_ blob: [UInt8]) -> ObjectReference {
        ObjectReference(.blob, ObjectID(of: .blob, payload: blob))
    }

    @Test func `an empty blob between two bases has no place, and those around it have theirs`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        let random = Randomness(seed: seed)
        let store = try Fixture.create(on: Fixture.disk(), random: random)
        let bases = [random.bytes(400), random.bytes(400)]
        // One copy goes through all of them, and the empty one is where the second base begins.
        let blobs = [[bases[0][0] &+ 1] + bases[0][1...], [], bases[1][..<399] + [bases[1][399] &+ 1]]
        let writer = ObjectWriter(store) { random.bytes($0) }
        var plain = FrameBuilder(.data)
        for base in bases {
            #expect(writer.claim(Self.reference(base)))
            plain.add(Self.reference(base), base)
        }
        try writer.append(store.encode(&plain))
        var patched = FrameBuilder(.data)
        for blob in blobs {
            #expect(writer.claim(Self.reference(blob)))
            patched.add(Self.reference(blob), blob)
        }
        let (raw, joined, coder) = (blobs.flatMap { $0 }, bases.flatMap { $0 }, try FrameCoder())
        let stored = raw.withUnsafeBytes {
            coder.encodePatch($0, base: joined, coder.matchPatch($0, base: joined, [(0, 0)]))
        }
        try writer.append(
            patched.finish(patched: try #require(stored), upon: bases.map(Self.reference)))
        let event = try Fixture.event(1)
        let operation = StoreOperation(
            event: try writer.add(.event, event.payload), refs: store.current.refs,
            packs: PackChanges(added: try writer.finish().packs.map(\.name)), time: event.time)
        #expect(try store.append(operation, on: store.current, nonce: random.nonce) == .committed)
        _ = try store.refresh()
        let version = blobs.map { ChunkEntry(id: Self.reference($0).id, length: $0.count) }
        let base = try #require(PatchBase(version, in: store), "seed \(seed)")
        #expect(base.chunks.map(\.reference) == bases.map(Self.reference), "seed \(seed)")
        #expect(
            version.map { base.place(of: $0.id) } == [0..<400, nil, 400..<800], "seed \(seed)")
    }
}
