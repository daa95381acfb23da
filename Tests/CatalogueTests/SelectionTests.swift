import Catalogue
import ObjectModel
import TestSupport
import Testing

/// Whether a catalogue says what is true without it.
@Suite struct SelectionTests {
    @Test(arguments: 0..<60) func `random questions find the same items in memory and in a catalogue`(
        seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        let items = RandomItems(Int.random(in: 0...40, using: &random), &random)
        let catalogue = try Catalogue(at: nil)
        // Some come in several updates, some were there with other facts before.
        let older = RandomItems(20, &random).items.filter { _ in Bool.random(using: &random) }
        try catalogue.update(removing: [], adding: older, mark: "1")
        let half = items.items.count / 2
        try catalogue.update(
            removing: older.map(\.id), adding: Array(items.items[..<half]), mark: "2")
        try catalogue.update(removing: [], adding: Array(items.items[half...]), mark: "3")
        for _ in 0..<100 {
            let query = RandomItems.query(Int.random(in: 0...3, using: &random), &random)
            let (ids, questions) = try items.selected(query, catalogue)
            #expect(ids == items.found(query), "seed \(seed), \(query)")
            if case .compare = query {
                #expect(Set(questions).count == questions.count, "seed \(seed), \(query)")
            }
        }
    }

    /// Every comparison of every value with every other.
    @Test(arguments: Query.Comparison.allCases) func `every spelling compares as in memory`(
        comparison: Query.Comparison
    ) throws {
        let catalogue = try Catalogue(at: nil)
        let values = RandomItems.values
        try catalogue.update(
            removing: [], adding: values.enumerated().map { item($0, ("metrics.a", $1)) }, mark: "")
        for text in values {
            let query = Query.compare("a", comparison, text)
            let wanted = values.indices.filter { comparison.holds(values[$0], text) }.map { id($0) }
            #expect(try catalogue.select(query) { _, _, _, _ in false } == wanted, "\(text)")
        }
    }

    @Test func `directories are asked about once each, and only where there are some`() throws {
        let catalogue = try Catalogue(at: nil)
        let (one, other) = (id(100), id(101))
        try catalogue.update(
            removing: [],
            adding: [
                Catalogue.Item(id: id(1), facts: [("input", "x")], trees: [("output", one)]),
                Catalogue.Item(id: id(2), facts: [], trees: [("input", one), ("input", other)]),
                Catalogue.Item(id: id(3), facts: [], trees: [("input", other)]),
            ], mark: "")
        var asked: [ObjectID] = []
        let found = try catalogue.select(try Query("input = x")) { name, root, comparison, value in
            #expect(name == "input" && comparison == .equal && value == "x")
            asked.append(root)
            return root == other
        }
        #expect(found == [id(1), id(2), id(3)])
        #expect(asked.count == 2 && Set(asked) == [one, other])
        let without = try catalogue.select(try Query("not input")) { _, root, comparison, _ in
            #expect(comparison == nil)
            return root == one
        }
        #expect(without == [id(3)])
        // Nothing is left that has a directory of this name.
        try catalogue.update(removing: [id(2), id(3)], adding: [], mark: "")
        let left = try catalogue.select(try Query("input")) { _, _, _, _ in
            Issue.record("asked")
            return true
        }
        #expect(left == [id(1)])
        struct Unreadable: Error {}
        #expect(throws: Unreadable.self) {
            try catalogue.select(try Query("output")) { _, _, _, _ in throw Unreadable() }
        }
        #expect(try catalogue.find("input = x") == [id(1)])
    }
}
