import Catalogue
import ObjectModel
import TestSupport
import Testing

/// A catalogue as its owner sees it.
@Suite struct CatalogueTests {
    @Test func `a new one is empty and has no mark`() throws {
        let place = Place()
        for path in [nil, place.bytes] {
            let catalogue = try Catalogue(at: path)
            #expect(try catalogue.mark == nil)
            #expect(try catalogue.ids().isEmpty)
            #expect(try catalogue.find("").isEmpty)
        }
    }

    @Test func `what was added is there when it is opened again`() throws {
        let place = Place()
        do {
            let catalogue = try Catalogue(at: place.bytes)
            try catalogue.update(
                removing: [], adding: [item(1, ("metrics.f1", "0.9")), item(2, ("author", "Ada <ada@x>"))],
                mark: "read to \0 7 é")
        }
        #expect(place.names == [""])
        let catalogue = try Catalogue(at: place.bytes)
        #expect(try catalogue.mark == "read to \0 7 é")
        #expect(try catalogue.ids() == [id(1), id(2)])
        #expect(try catalogue.find("f1 > 0.8") == [id(1)])
        #expect(try catalogue.find("author ~ Ada") == [id(2)])
    }

    @Test func `an item that is added again takes the earlier one's place, as the latest`() throws {
        let catalogue = try Catalogue(at: nil)
        try catalogue.update(removing: [], adding: [item(1, ("a", "1")), item(2, ("a", "1"))], mark: "1")
        #expect(try catalogue.find("a = 1") == [id(1), id(2)])
        try catalogue.update(
            removing: [], adding: [item(1, ("a", "2")), item(3), item(1, ("a", "1"), ("a", "1"))], mark: "2")
        #expect(try catalogue.find("a = 1") == [id(2), id(1)])
        #expect(try catalogue.find("a = 2").isEmpty)
        #expect(try catalogue.find("") == [id(2), id(3), id(1)])
        try catalogue.update(removing: [id(2), id(9)], adding: [], mark: "3")
        #expect(try catalogue.ids() == [id(1), id(3)])
        #expect(try catalogue.find("not a") == [id(3)])
        try catalogue.update(removing: [id(1), id(3)], adding: [item(4, ("b", "1"))], mark: "4")
        #expect(try catalogue.find("a or b") == [id(4)])
    }

    @Test func `removed items leave nothing behind, however often they come and go`() throws {
        let place = Place()
        let catalogue = try Catalogue(at: place.bytes)
        var sizes: [Int] = []
        for round in 0..<12 {
            let items = (0..<300).map { item($0, ("a", "\(round)"), ("b", "\($0)")) }
            try catalogue.update(removing: [], adding: items + [item(1000 + round % 2)], mark: "\(round)")
            #expect(try catalogue.find("a = \(round)").count == 300)
            #expect(try catalogue.find("a < \(round)").isEmpty)
            #expect(try catalogue.find("b = 17") == [id(17)])
            sizes.append(place.read().count)
        }
        #expect(sizes[11] <= sizes[5] * 2)
    }

    @Test func `two of them share a file`() throws {
        let place = Place()
        let one = try Catalogue(at: place.bytes)
        let other = try Catalogue(at: place.bytes)
        for round in 0..<20 {
            try one.update(removing: [], adding: [item(round, ("a", "\(round)"))], mark: "one \(round)")
            #expect(try other.mark == "one \(round)")
            try other.update(
                removing: [id(round - 1)], adding: [item(100 + round, ("a", "\(round)"))],
                mark: "other \(round)")
            #expect(try one.mark == "other \(round)")
            #expect(try one.find("a = \(round)") == [id(round), id(100 + round)])
            #expect(try one.find("") == other.find(""))
        }
        #expect(try one.ids().count == 21)
    }

    @Test func `many of them at once lose nothing`() async throws {
        let place = Place()
        let path = place.bytes
        try await withThrowingTaskGroup { group in
            for task in 0..<4 {
                group.addTask {
                    for round in 0..<10 {
                        let catalogue = try Catalogue(at: path)
                        try catalogue.update(
                            removing: [], adding: [item(task * 100 + round, ("task", "\(task)"))], mark: "")
                        #expect(try catalogue.find("task = \(task)").count == round + 1)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try Catalogue(at: path).ids().count == 40)
    }

    @Test func `removing the file is no error, twice neither`() throws {
        let place = Place()
        do { _ = try Catalogue(at: place.bytes) }
        try Catalogue.remove(at: place.bytes)
        try Catalogue.remove(at: place.bytes)
        #expect(place.names.isEmpty)
    }
}
