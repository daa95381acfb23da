package import ObjectModel

extension Catalogue {
    /// So many facts are sorted at once, in about 150 MB of memory; the more, the fewer pages are visited again.
    private static let batch = 1 << 21

    /// Removes some items and adds others, all at once.
    ///
    /// - Parameter removing: Ids; those it does not know are passed over.
    /// - Parameter adding: An item whose id is there, or comes again, takes the place of the earlier one, and is the latest.
    /// - Parameter mark: What ``mark`` is from then on.
    /// - Throws: Nothing is changed then.
    package func update(removing: [ObjectID], adding: [Item], mark: String) throws(CatalogueError) {
        try database.transaction("BEGIN IMMEDIATE") { () throws(CatalogueError) in
            try remove(Set(removing).union(adding.lazy.map(\.id)))
            try add(adding)
            let statement = try database.prepare("UPDATE state SET mark = ?")
            try statement.bind(1, mark)
            _ = try statement.step()
        }
    }

    /// Removes the items of some ids.
    private func remove(_ ids: Set<ObjectID>) throws(CatalogueError) {
        var (numbers, count): ([Int64], Int64) = ([], 0)
        // All are read: an index of ids would be slower to keep, and one that is damaged would hide items for good.
        for (number, id) in try objects() {
            if ids.contains(id) { numbers.append(number) } else { count += 1 }
        }
        let statement = try database.prepare("DELETE FROM item WHERE number = ?")
        for number in numbers {
            try statement.bind(1, number)
            _ = try statement.step()
        }
        guard let dead = try database.number("SELECT dead FROM state") else { throw .damaged }
        try set("dead", try sweep(dead &+ Int64(numbers.count), count))
    }

    /// Takes the facts of removed items away when they are more than those of the others.
    ///
    /// - Parameter dead: How many items were removed since the last time.
    /// - Parameter count: How many are left.
    /// - Returns: How many are removed then.
    private func sweep(_ dead: Int64, _ count: Int64) throws(CatalogueError) -> Int64 {
        if count == 0 {
            // Without a condition SQLite drops whole tables without reading them, damaged ones too.
            for table in ["fact", "tree", "name", "item"] { try database.run("DELETE FROM \(table)") }
            return 0
        }
        guard dead > 1000, dead > count else { return dead }
        for table in ["fact", "tree"] {
            try database.run("DELETE FROM \(table) WHERE item NOT IN (SELECT number FROM item)")
        }
        return 0
    }

    private func set(_ column: String, _ value: Int64) throws(CatalogueError) {
        let statement = try database.prepare("UPDATE state SET \(column) = ?")
        try statement.bind(1, value)
        _ = try statement.step()
    }

    private func add(_ items: [Item]) throws(CatalogueError) {
        guard !items.isEmpty else { return }
        guard var next = try database.number("SELECT next FROM state"), next > 0, next < 1 << 53 else {
            throw .damaged
        }
        // Of the same id the last one counts.
        let last = Dictionary(items.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { $1 })
        var names = Names()
        let insert = try database.prepare("INSERT INTO item VALUES(?, ?)")
        let tree = try database.prepare("INSERT OR IGNORE INTO tree VALUES(?, ?, ?)")
        var rows: [Row] = []
        for (position, item) in items.enumerated() where last[item.id] == position {
            try insert.bind(1, next)
            try insert.bind(2, item.id)
            _ = try insert.step()
            for (name, root) in item.trees {
                try tree.bind(1, try names.number(name, database))
                try tree.bind(2, root)
                try tree.bind(3, next)
                _ = try tree.step()
            }
            for (name, value) in item.facts {
                let (kind, number) = FactKind.of(value)
                rows.append(
                    Row(
                        name: try names.number(name, database), kind: kind, number: number, text: value,
                        item: next))
            }
            if rows.count >= Self.batch { try write(&rows) }
            next += 1
        }
        try write(&rows)
        try set("next", next)
    }

    private struct Row {
        let name: Int64
        let kind: FactKind
        let number: Double
        let text: String
        let item: Int64

        /// What orders rows as the index does, but for texts whose first eight bytes are the same.
        var key: (Int64, UInt64) {
            let group = name << 2 | kind.rawValue
            guard kind == .number else {
                let start = text.utf8.prefix(8)
                let bytes = start.reduce(0) { $0 << 8 | UInt64($1) }
                return (group, start.isEmpty ? 0 : bytes << (64 - 8 * UInt64(start.count)))
            }
            // Numbers below zero have the first bit, and grow downwards.
            let bits = number.bitPattern
            return (group, bits >> 63 == 1 ? ~bits : bits | 1 << 63)
        }
    }

    /// Where rows come in the order of the index; of no importance but for speed.
    ///
    /// Sorted are small values without texts, which are looked at only where they decide.
    private func order(_ rows: [Row]) -> [Int] {
        var keys = rows.indices.map { (key: rows[$0].key, row: $0) }
        keys.sort { (one, other) in
            if one.key != other.key { return one.key < other.key }
            guard rows[one.row].kind != .number else { return one.row < other.row }
            return rows[one.row].text < rows[other.row].text
        }
        return keys.map(\.row)
    }

    /// Writes facts in the order of the index, so that each of its pages is visited once, and forgets them.
    private func write(_ rows: inout [Row]) throws(CatalogueError) {
        // A fact that an item has twice is one.
        let statement = try database.prepare("INSERT OR IGNORE INTO fact VALUES(?, ?, ?, ?, ?)")
        for index in order(rows) {
            let row = rows[index]
            try statement.bind(1, row.name)
            try statement.bind(2, row.kind.rawValue)
            try statement.bind(3, row.number)
            try statement.bind(4, row.text)
            try statement.bind(5, row.item)
            _ = try statement.step()
        }
        rows.removeAll(keepingCapacity: true)
    }
}

/// The numbers of names, looked up once each.
private struct Names {
    /// Text whose bytes are compared: Swift takes other spellings of a character for the same.
    private struct Key: Hashable {
        let text: String

        static func == (one: Key, other: Key) -> Bool { one.text.utf8.elementsEqual(other.text.utf8) }

        func hash(into hasher: inout Hasher) {
            var text = text
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }

    private var known: [Key: Int64] = [:]

    /// The number of a name, which is given one if it has none.
    mutating func number(_ name: String, _ database: borrowing Database) throws(CatalogueError) -> Int64 {
        let key = Key(text: name)
        if let number = known[key] { return number }
        let insert = try database.prepare("INSERT OR IGNORE INTO name(text) VALUES(?)")
        try insert.bind(1, name)
        _ = try insert.step()
        let statement = try database.prepare("SELECT number FROM name WHERE text = ?")
        try statement.bind(1, name)
        guard try statement.step() else { throw .damaged }
        let number = statement.integer(0)
        known[key] = number
        return number
    }
}
