import Catalogue
import CSQLite
import ObjectModel
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Files that are not what a catalogue wrote: made anew or refused, and right when they are filled again.
@Suite struct DamageTests {
    /// Items with enough facts for some pages of every table.
    static let sample: RandomItems = {
        var random = SplitMix64(seed: 1)
        return RandomItems(120, &random)
    }()

    static let questions: [Query] = {
        var random = SplitMix64(seed: 2)
        return [.any] + (0..<12).map { _ in RandomItems.query(2, &random) }
    }()

    /// What an owner does: whatever it meets, in the end there is a catalogue that holds everything.
    static func fill(_ place: Place, _ comment: Comment) throws {
        for attempt in 0..<2 {
            do {
                let catalogue = try Catalogue(at: place.bytes)
                // Nothing of this may crash, whatever it says.
                _ = try? catalogue.mark
                for query in questions { _ = try? sample.selected(query, catalogue) }
                try catalogue.update(removing: Array(try catalogue.ids()), adding: sample.items, mark: "m")
                #expect(try catalogue.mark == "m", comment)
                #expect(try catalogue.ids() == Set(sample.items.map(\.id)), comment)
                for query in questions {
                    #expect(try sample.selected(query, catalogue).ids == sample.found(query), comment)
                }
                return
            } catch CatalogueError.damaged where attempt == 0 {
                try Catalogue.remove(at: place.bytes)
            }
        }
    }

    /// The bytes of a whole one.
    static let whole: [UInt8] = {
        let place = Place()
        if let catalogue = try? Catalogue(at: place.bytes) {
            try? catalogue.update(removing: [], adding: sample.items, mark: "m")
        }
        return place.read()
    }()

    @Test(arguments: 0..<8) func `a byte that is not what it was`(part: Int) throws {
        try #require(Self.whole.count > 20_000)
        var random = SplitMix64(seed: UInt64(part))
        // The header and the tables' text one by one, the rest at random.
        var offsets = Array(stride(from: part, to: 100, by: 8))
        for _ in 0..<60 { offsets.append(Int.random(in: 100..<Self.whole.count, using: &random)) }
        for offset in offsets {
            var bytes = Self.whole
            bytes[offset] ^= UInt8.random(in: 1...255, using: &random)
            let place = Place()
            place.write(bytes)
            try Self.fill(place, "seed \(part), offset \(offset), byte \(bytes[offset])")
        }
    }

    @Test func `a file that ends too early`() throws {
        let whole = Self.whole
        for count in [
            0, 1, 15, 16, 99, 100, 512, 4095, 4096, 4097, 8192, whole.count / 2, whole.count - 4096,
            whole.count - 1,
        ] {
            let place = Place()
            place.write(Array(whole.prefix(count)))
            try Self.fill(place, "\(count) bytes")
        }
    }

    @Test func `a file of other things is made anew`() throws {
        for bytes in [
            Array("not a database, but text of some length\n".utf8), [UInt8](repeating: 0, count: 10_000),
            Array("SQLite format 3\0".utf8) + [UInt8](repeating: 0xFF, count: 5000),
        ] {
            let place = Place()
            place.write(bytes)
            let catalogue = try Catalogue(at: place.bytes)
            #expect(try catalogue.ids().isEmpty)
        }
    }

    @Test(arguments: [
        "CREATE TABLE other(x); INSERT INTO other VALUES(1)",
        "PRAGMA user_version = 2", "PRAGMA application_id = 7", "PRAGMA journal_mode = WAL",
        "CREATE TRIGGER t AFTER INSERT ON item BEGIN DELETE FROM fact; END",
        "CREATE VIEW v AS SELECT randomblob(1000000000)",
        "DROP TABLE tree; CREATE VIEW tree AS SELECT number AS name, id AS root, number AS item FROM item",
        "CREATE INDEX i ON fact(text)", "DROP TABLE tree", "DELETE FROM state",
        "INSERT INTO state VALUES(NULL, 1, 0)", "ALTER TABLE item ADD COLUMN more",
        "CREATE VIRTUAL TABLE f USING fts5(x)", "ANALYZE",
    ])
    func `a database that has other tables, a trigger or a view is made anew`(statements: String) throws {
        let place = Place()
        place.write(Self.whole)
        try Self.execute(statements, place.file)
        let catalogue = try Catalogue(at: place.bytes)
        #expect(try catalogue.ids().isEmpty)
        #expect(place.names == [""])
        try catalogue.update(removing: Array(try catalogue.ids()), adding: Self.sample.items, mark: "m")
        for query in Self.questions {
            #expect(try Self.sample.selected(query, catalogue).ids == Self.sample.found(query))
        }
    }

    @Test(arguments: [
        "UPDATE item SET id = 1 WHERE number = 1", "UPDATE item SET id = x'00' WHERE number = 1",
        "UPDATE state SET next = 9223372036854775807", "UPDATE state SET next = -1",
        "UPDATE state SET next = 1",
        "UPDATE state SET dead = -9223372036854775808, mark = 7", "UPDATE OR IGNORE tree SET root = 'x'",
        "UPDATE name SET text = randomblob(5)", "UPDATE OR IGNORE fact SET number = 'x'",
        "UPDATE OR IGNORE fact SET item = 9223372036854775807", "UPDATE fact SET text = NULL WHERE 0",
        "UPDATE item SET number = -number",
    ])
    func `rows that nobody wrote so`(statements: String) throws {
        let place = Place()
        place.write(Self.whole)
        try Self.execute(statements, place.file)
        try Self.fill(place, "\(statements)")
    }

    static func execute(_ statements: String, _ file: String) throws {
        var handle: OpaquePointer?
        try #require(sqlite3_open_v2(file, &handle, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK)
        defer { sqlite3_close_v2(handle) }
        try #require(sqlite3_exec(handle, statements, nil, nil, nil) == SQLITE_OK)
    }

    @Test func `a directory in its place is refused and stays`() throws {
        let place = Place()
        try #require(mkdir(place.file, 0o755) == 0)
        do throws(CatalogueError) {
            _ = try Catalogue(at: place.bytes)
            Issue.record("opened")
        } catch {
            #expect(error == .directory)
        }
        #expect(place.names == [""])
    }

    @Test func `a place where no file can be made is refused`() {
        let place = Place()
        for path in [place.file + "/none/catalogue", "/proc/catalogue", "", "a\0b"] {
            do throws(CatalogueError) {
                _ = try Catalogue(at: Array(path.utf8))
                Issue.record("opened \(path)")
            } catch {
                guard case .unwritable = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
    }

    @Test func `a link or a pipe in its place is removed, not followed`() throws {
        let place = Place()
        let other = place.path + "/other"
        place.write([])
        try #require(rename(place.file, other) == 0)
        try #require(symlink(other, place.file) == 0)
        do { _ = try Catalogue(at: place.bytes) }
        var status = stat()
        try #require(lstat(place.file, &status) == 0)
        #expect(status.st_mode & S_IFMT == S_IFREG)
        try #require(stat(other, &status) == 0)
        #expect(status.st_size == 0)
        try Catalogue.remove(at: place.bytes)
        try #require(mkfifo(place.file, 0o644) == 0)
        do { _ = try Catalogue(at: place.bytes) }
        try #require(lstat(place.file, &status) == 0)
        #expect(status.st_mode & S_IFMT == S_IFREG)
    }

    @Test(arguments: ["-journal", "-wal", "-shm"]) func `what lies beside it is not believed`(end: String)
        throws
    {
        var random = SplitMix64(seed: 3)
        // Of a journal: its magic, then anything.
        let magic: [UInt8] = [0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7]
        for bytes in [
            [], random.bytes(100), magic + random.bytes(5000), magic + [0, 0, 0, 1] + random.bytes(9000),
            random.bytes(100_000),
        ] {
            let place = Place()
            place.write(Self.whole)
            place.write(bytes, end)
            try Self.fill(place, "\(end) of \(bytes.count) bytes")
        }
    }

    /// SQLite deletes the file that a journal names as standing above several, when it has rolled back.
    @Test func `a journal that names another file does not remove it`() throws {
        let place = Place()
        place.write(Self.whole)
        let other = place.path + "/other"
        place.write(Array("precious".utf8), "-wal")
        try #require(rename(place.file + "-wal", other) == 0)
        let name = Array(other.utf8)
        func number(_ value: Int) -> [UInt8] {
            (0..<4).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        let magic: [UInt8] = [0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7]
        // A header of one sector without pages, then the lock page's number, the name, its length and sum.
        var journal =
            magic + number(0) + number(0) + number(Self.whole.count / 4096) + number(512) + number(4096)
        journal += [UInt8](repeating: 0, count: 512 - journal.count)
        journal += number((1 << 30) / 4096 + 1) + name + number(name.count)
        journal += number(name.reduce(0) { $0 + Int($1) }) + magic
        place.write(journal, "-journal")
        do { _ = try Catalogue(at: place.bytes) }
        #expect(access(other, F_OK) == 0)
        // Without the guard it would be gone: the journal is as SQLite wants it.
        place.write(Self.whole)
        place.write(journal, "-journal")
        try Self.execute("SELECT * FROM item", place.file)
        #expect(access(other, F_OK) != 0)
    }

    @Test func `a file that was made anew by another process is told`() throws {
        let place = Place()
        let catalogue = try Catalogue(at: place.bytes)
        try catalogue.update(removing: [], adding: [item(1)], mark: "1")
        try Catalogue.remove(at: place.bytes)
        let other = try Catalogue(at: place.bytes)
        do throws(CatalogueError) {
            try catalogue.update(removing: [], adding: [item(2)], mark: "2")
            Issue.record("written")
        } catch {
            #expect(error == .replaced)
        }
        #expect(try other.ids().isEmpty)
    }
}
