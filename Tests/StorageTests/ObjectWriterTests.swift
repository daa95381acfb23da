import Coding
import FileIO
import ObjectModel
import Storage
import Synchronization
import TestSupport
import Testing

@Suite struct ObjectWriterTests {
    private static func blob(_ number: Int) -> (reference: ObjectReference, bytes: [UInt8]) {
        let bytes = Array("blob \(number)".utf8)
        return (ObjectReference(.blob, ObjectID(of: .blob, payload: bytes)), bytes)
    }

    @Test(arguments: [1 as UInt64, 2, 3]) func `an object is taken once, wherever it is on its way`(
        seed: UInt64
    ) throws {
        let random = Randomness(seed: seed)
        var choice = SplitMix64(seed: seed)
        let store = try Fixture.create(on: Fixture.disk(), random: random)
        let writer = ObjectWriter(store) { random.bytes($0) }
        var builder = FrameBuilder(.data)
        var taken: Set<Int> = []
        for _ in 0..<6000 {
            let number = Int.random(in: 0..<2000, using: &choice)
            let (reference, bytes) = Self.blob(number)
            let isNew = taken.insert(number).inserted
            #expect(writer.claim(reference) == isNew, "blob \(number), seed \(seed)")
            if isNew { builder.add(reference, bytes) }
            switch Int.random(in: 0..<400, using: &choice) {
            case 0..<20: try writer.append(&builder)
            case 20: try writer.append(&builder); _ = try writer.finish()
            default: break
            }
        }
        try writer.append(&builder)
        let result = try writer.finish()
        #expect(result.packs.count > 1)
        // What was finished is still known.
        #expect(taken.allSatisfy { !writer.claim(Self.blob($0).reference) })
    }

    @Test func `nothing is lost where one thread finishes the pack that another one had chosen`() throws {
        let random = Randomness(seed: 7)
        let disk = try Fixture.disk()
        let store = try Fixture.create(on: disk, random: random)
        // A pack for every few frames, so that threads meet at each end.
        let writer = ObjectWriter(store, packLimit: 100) { random.bytes($0) }
        let (threads, blobs) = (4, 400)
        let next = Mutex(0)
        onThreads(threads) {
            let first = next.withLock { next in
                defer { next += blobs }
                return next
            }
            for number in first..<first + blobs {
                let (reference, bytes) = Self.blob(number)
                #expect(writer.claim(reference))
                var builder = FrameBuilder(.data)
                builder.add(reference, bytes)
                do throws(StoreError) { try writer.append(&builder) } catch { Issue.record(error) }
            }
        }
        let result = try writer.finish()
        #expect(result.objects == threads * blobs)
        #expect(result.packs.reduce(0) { $0 + $1.objects } == threads * blobs)
        #expect(result.packs.count > blobs / 2)
    }

    @Test func `a merge makes frames of as many objects as a frame may have`() throws {
        let random = Randomness(seed: 8)
        let store = try Fixture.create(on: Fixture.disk(), random: random)
        // Each of them is so small that the number of objects ends a frame, not their bytes.
        var tiny: [[UInt8]] = [[]]
        for first in UInt8.min...UInt8.max {
            tiny.append([first])
            for second in UInt8.min...UInt8.max { tiny.append([first, second]) }
        }
        #expect(tiny.count > 1 << 16)
        let (operation, _) = try Fixture.prepare(1, blobs: tiny, in: store, random: random)
        #expect(try store.append(operation, on: store.current, nonce: random.nonce) == .committed)
        var bytes = SplitMix64(seed: 8)
        for number in 2...9 {
            let writer = ObjectWriter(store) { random.bytes($0) }
            let blob = bytes.bytes(100_000)
            var builder = FrameBuilder(.data)
            let reference = ObjectReference(.blob, ObjectID(of: .blob, payload: blob))
            #expect(writer.claim(reference))
            builder.add(reference, blob)
            try writer.append(&builder)
            let event = try Fixture.event(number)
            let id = try writer.add(.event, event.payload)
            let state = store.current
            let result = try writer.finish(merging: state)
            let operation = StoreOperation(
                event: id, refs: state.refs,
                packs: PackChanges(added: result.packs.map(\.name), dropped: result.merged), time: event.time)
            #expect(try store.append(operation, on: state, nonce: random.nonce) == .committed)
        }
        #expect(store.current.added.count < 9, "some were merged")
        for blob in tiny.prefix(300) + tiny.suffix(300) { #expect(try store.blob(blob) == blob) }
    }
}
