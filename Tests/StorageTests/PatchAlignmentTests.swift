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

    /// What a version of some blobs can be told by, which are stored as one patch upon bases; nothing if they are none.
    private static func base(
        of blobs: [[UInt8]], upon bases: [[UInt8]], _ random: Randomness
    ) throws -> PatchBase? {
        let store = try Fixture.create(on: Fixture.disk(), random: random)
        let writer = ObjectWriter(store) { random.bytes($0) }
        var plain = FrameBuilder(.data)
        for base in bases where writer.claim(reference(base)) { plain.add(reference(base), base) }
        try writer.append(store.encode(&plain))
        var patched = FrameBuilder(.data)
        var kept: [[UInt8]] = []
        for blob in blobs where writer.claim(reference(blob)) {
            patched.add(reference(blob), blob)
            kept.append(blob)
        }
        let (raw, joined, coder) = (kept.flatMap { $0 }, bases.flatMap { $0 }, try FrameCoder())
        let stored = raw.withUnsafeBytes {
            coder.encodePatch($0, base: joined, coder.matchPatch($0, base: joined, [(0, 0)]))
        }
        guard let stored else { return nil }
        try writer.append(patched.finish(patched: stored, upon: bases.map(reference)))
        let event = try Fixture.event(1)
        let operation = StoreOperation(
            event: try writer.add(.event, event.payload), refs: store.current.refs,
            packs: PackChanges(added: try writer.finish().packs.map(\.name)), time: event.time)
        guard try store.append(operation, on: store.current, nonce: random.nonce) == .committed else {
            return nil
        }
        _ = try store.refresh()
        return PatchBase(blobs.map { ChunkEntry(id: reference($0).id, length: $0.count) }, in: store)
    }

    @Test func `an empty blob between two bases has no place, and those around it have theirs`() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        let random = Randomness(seed: seed)
        let bases = [random.bytes(400), random.bytes(400)]
        // One copy goes through all of them, and the empty one is where the second base begins.
        let blobs = [[bases[0][0] &+ 1] + bases[0][1...], [], bases[1][..<399] + [bases[1][399] &+ 1]]
        let base = try #require(try Self.base(of: blobs, upon: bases, random), "seed \(seed)")
        #expect(base.chunks.map(\.reference) == bases.map(Self.reference), "seed \(seed)")
        #expect(
            blobs.map { base.place(of: Self.reference($0).id) } == [0..<400, nil, 400..<800], "seed \(seed)")
    }

    /// Objects of any length, with parts of the bases in any order, some of them twice, some of them empty.
    @Test func `whatever a patch copies, places lie in the base`() throws {
        let first = UInt64.random(in: 0..<1_000_000)
        var followed = 0
        for seed in first..<first + 150 {
            let random = Randomness(seed: seed)
            func number(_ limit: Int) -> Int { Int(random.bytes(1)[0]) % limit }
            let bases = (0..<1 + number(4)).map { _ in random.bytes(1 + number(3) * 200 + number(200)) }
            let joined = bases.flatMap { $0 }
            let blobs = (0..<1 + number(6)).map { _ -> [UInt8] in
                (0..<number(4)).flatMap { _ -> [UInt8] in
                    if number(3) == 0 { return random.bytes(number(60)) }
                    let start = joined.count * number(100) / 100
                    return Array(joined[start..<min(joined.count, start + 1 + number(250) * 3)])
                }
            }
            guard let base = try Self.base(of: blobs, upon: bases, random) else { continue }
            let chunks = base.chunks
            #expect(Set(chunks.map(\.reference)).count == chunks.count, "seed \(seed): a chunk twice")
            var end = 0
            for chunk in chunks {
                #expect(chunk.start == end && chunk.length > 0, "seed \(seed): chunks that do not follow")
                end = chunk.end
            }
            for blob in blobs {
                guard let place = base.place(of: Self.reference(blob).id) else { continue }
                followed += 1
                #expect(
                    place.lowerBound >= 0 && place.lowerBound <= end, "seed \(seed): begins behind the base")
                #expect(place.count <= end + 2 * blob.count, "seed \(seed): longer than both")
            }
        }
        #expect(followed > 50, "seeds from \(first)")
    }
}
