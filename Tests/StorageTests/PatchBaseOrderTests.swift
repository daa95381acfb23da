import Coding
import ObjectModel
@testable import Storage
import TestSupport
import Testing

@Suite struct PatchBaseOrderTests {
    private static func reference(_ blob: [UInt8]) -> ObjectReference {
        ObjectReference(.blob, ObjectID(of: .blob, payload: blob))
    }

    /// Puts frames into the store, in a pack of their own.
    private func write(
        _ number: Int, _ frames: [(blobs: [[UInt8]], bases: [ObjectReference])], _ store: ObjectStore,
        _ random: Randomness
    ) throws {
        let writer = ObjectWriter(store) { random.bytes($0) }
        for (blobs, bases) in frames {
            var builder = FrameBuilder(.data)
            for blob in blobs {
                #expect(writer.claim(Self.reference(blob)))
                builder.add(Self.reference(blob), blob)
            }
            // Nobody decodes them here.
            try writer.append(
                bases.isEmpty ? store.encode(&builder) : builder.finish(patched: [0], upon: bases))
        }
        let event = try Fixture.event(number)
        let id = try writer.add(.event, event.payload)
        let packs = try writer.finish().packs.map(\.name)
        let operation = StoreOperation(
            event: id, refs: store.current.refs, packs: PackChanges(added: packs), time: event.time)
        #expect(try store.append(operation, on: store.current, nonce: random.nonce) == .committed)
        _ = try store.refresh()
    }

    @Test func `chunks stand as in the version that they are of, wherever frames have two places of it`()
        throws
    {
        let seed = UInt64.random(in: 0..<1_000_000)
        var random = SplitMix64(seed: seed)
        for round in 0..<20 {
            let bytes = Randomness(seed: seed + UInt64(round))
            let store = try Fixture.create(on: Fixture.disk(), random: bytes)
            // A first version in frames of some chunks each.
            let chunks = (0..<120).map { _ in bytes.bytes(20) }
            var frames: [(blobs: [[UInt8]], bases: [ObjectReference])] = []
            var rest = chunks[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...6, using: &random)
                frames.append((Array(rest.prefix(count)), []))
                rest = rest.dropFirst(count)
            }
            try write(1, frames, store, bytes)
            // In the next one some frames have the chunks of two places, with others between them that stayed.
            var version: [ObjectReference] = []
            frames = []
            var next = 0
            while next < chunks.count {
                let lengths = (0..<3).map { _ in Int.random(in: 1...4, using: &random) }
                let end = next + lengths.reduce(0, +)
                if end <= chunks.count, Bool.random(using: &random) {
                    let (one, other) = (bytes.bytes(20), bytes.bytes(20))
                    let (first, second) = (next + lengths[0], end - lengths[2])
                    let bases = Array(chunks[next..<first] + chunks[second..<end])
                    frames.append(([one, other], bases.map(Self.reference)))
                    version += [Self.reference(one)] + chunks[first..<second].map(Self.reference)
                    version.append(Self.reference(other))
                    next = end
                } else {
                    version.append(Self.reference(chunks[next]))
                    next += 1
                }
            }
            try write(2, frames, store, bytes)
            var order = PatchBaseOrder(store)
            for reference in version { order.add(reference) }
            let found = order.ordered.map { member in
                chunks.firstIndex { Self.reference($0) == member.reference }
            }
            #expect(found == Array(chunks.indices), "seed \(seed), round \(round)")
        }
    }
}
