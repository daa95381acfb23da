extension Catalogue {
    /// "mlrc", in the header of the file.
    private static let application: Int64 = 0x6D6C_7263
    /// To be raised by who changes ``schema`` or what its rows mean.
    private static let version: Int64 = 1

    /// The tables, exactly as SQLite keeps their text.
    ///
    /// Items are numbered in the order in which they are added, and no number is given twice: an item is removed by its row in `item`
    /// alone, and its facts mean nothing from then on (``sweep()`` takes them away). So one index, in which facts are stored, is enough: names,
    /// then kinds (``FactKind``), then numbers (0 if the kind has none), then texts.
    static let schema: [(name: String, text: String)] = [
        ("state", "CREATE TABLE state(mark BLOB, next INTEGER NOT NULL, dead INTEGER NOT NULL)"),
        ("name", "CREATE TABLE name(number INTEGER PRIMARY KEY, text BLOB NOT NULL UNIQUE)"),
        ("item", "CREATE TABLE item(number INTEGER PRIMARY KEY, id BLOB NOT NULL)"),
        (
            "fact",
            "CREATE TABLE fact(name INTEGER, kind INTEGER, number REAL, text BLOB, item INTEGER, PRIMARY KEY(name, kind, number, text, item)) WITHOUT ROWID"
        ),
        (
            "tree",
            "CREATE TABLE tree(name INTEGER, root BLOB, item INTEGER, PRIMARY KEY(name, root, item)) WITHOUT ROWID"
        ),
    ]

    /// Finds the tables as they have to be, or makes them in an empty file.
    ///
    /// - Throws: ``CatalogueError/damaged`` if something else is there.
    static func makeSchema(in database: borrowing Database) throws(CatalogueError) {
        if try database.transaction("BEGIN", { () throws(CatalogueError) in try hasSchema(database) }) {
            return
        }
        try database.transaction("BEGIN IMMEDIATE") { () throws(CatalogueError) in
            // Another process may have made them in between.
            if try hasSchema(database) { return }
            for (_, text) in schema { try database.run(text) }
            try database.run("INSERT INTO state VALUES(NULL, 1, 0)")
            try database.run("PRAGMA application_id = \(application)")
            try database.run("PRAGMA user_version = \(version)")
        }
    }

    /// Whether the tables are there; false only if nothing is.
    private static func hasSchema(_ database: borrowing Database) throws(CatalogueError) -> Bool {
        var found: [[String]] = []
        let statement = try database.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema")
        while try statement.step() {
            found.append((0..<4).map { statement.isNull($0) ? "" : statement.text($0) })
        }
        let application = try database.number("PRAGMA application_id")
        let version = try database.number("PRAGMA user_version")
        if found.isEmpty, application == 0, version == 0 { return false }
        var wanted: [[String]] = schema.map { ["table", $0.name, $0.name, $0.text] }
        // What UNIQUE makes of itself.
        wanted.append(["index", "sqlite_autoindex_name_1", "name", ""])
        let order = { (one: [String], other: [String]) in one.lexicographicallyPrecedes(other) }
        guard application == Self.application, version == Self.version,
            found.sorted(by: order) == wanted.sorted(by: order),
            try database.number("SELECT count(*) FROM state WHERE typeof(next) = 'integer'") == 1
        else { throw .damaged }
        let mode = try database.prepare("PRAGMA journal_mode")
        // A write-ahead log is not what we made, and shares memory with whoever has it open.
        guard try mode.step(), mode.text(0) != "wal" else { throw .damaged }
        return true
    }
}

/// How a fact's text is compared with numbers; the raw values are part of the schema.
enum FactKind: Int64 {
    /// Not at all.
    case text = 0
    case number = 1
    /// A number that SQLite has none for.
    case nan = 2

    /// What Swift's reader of numbers says of a text, with the number to store.
    static func of(_ text: String) -> (kind: FactKind, number: Double) {
        guard let number = Double(text) else { return (.text, 0) }
        return number.isNaN ? (.nan, 0) : (.number, number)
    }
}
