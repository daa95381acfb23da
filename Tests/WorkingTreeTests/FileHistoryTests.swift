import ObjectModel
import Testing
@testable import WorkingTree

@Suite struct FileHistoryTests {
    private static func names(_ texts: [String]) throws -> [EntryName] {
        try texts.map { try EntryName(Array($0.utf8)) }
    }

    @Test func `names are in the order in which people number them`() {
        let ordered = [
            "ckpt", "ckpt-1", "ckpt-02", "ckpt-2", "ckpt-10", "ckpt-10.5", "ckpt-10.40",
            "ckpt-99999999999999999999998",
            "ckpt-99999999999999999999999", "step",
        ].map { NumberedName(Array($0.utf8)) }
        for (index, name) in ordered.enumerated() {
            for (other, later) in ordered.enumerated() {
                #expect((name < later) == (index < other) || name.words != later.words, "\(index), \(other)")
            }
        }
        #expect(NumberedName(Array("a.b12.safetensors".utf8)).ending.elementsEqual(".safetensors".utf8))
        #expect(NumberedName(Array("a".utf8)).ending.isEmpty)
    }

    @Test func `the nearest checkpoint comes first, then others with the same ending`() throws {
        let names = try Self.names([
            "c-1.st", "c-2.st", "c-9.st", "c-11.st", "c-30.st", "c-10.bf16.st", "other.st", "c-10.json",
            "zzz",
        ])
        let own = try EntryName(Array("c-10.st".utf8))
        let found = NeighbouringNames(names + [own]).nearest(to: own, limit: 6)
        #expect(
            found.map { "\($0)" } == ["c-9.st", "c-11.st", "c-2.st", "c-30.st", "c-1.st", "c-10.bf16.st"])
        #expect(NeighbouringNames(names).nearest(to: own, limit: 1).map { "\($0)" } == ["c-9.st"])
        #expect(NeighbouringNames([own]).nearest(to: own, limit: 3) == [])
        let first = try EntryName(Array("c-0.st".utf8))
        #expect(
            NeighbouringNames(names).nearest(to: first, limit: 2).map { "\($0)" } == [
                "c-1.st", "c-2.st",
            ])
    }
}
