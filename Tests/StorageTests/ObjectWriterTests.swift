import Coding
import FileIO
import ObjectModel
import Storage
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
}
