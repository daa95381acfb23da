package import ObjectModel

extension Catalogue {
    /// The objects of which a question is true, in the order in which they were added.
    ///
    /// Each comparison is one look into the index with parameters bound to it, which gives a set of items; `and`, `or` and `not` are
    /// done with these sets, so that no question is too deep for SQLite. All is read at one moment.
    ///
    /// - Parameter trees: Whether a comparison is true of what lies in a directory, of which only the root is known here. It is asked only for
    ///   names under which items have directories, once for each root and comparison, and after the file has been let go; a comparison of nil
    ///   asks whether there is anything of this name. What it says is in addition to facts of the name.
    /// - Throws: ``CatalogueError``, or what `trees` throws.
    package func select(
        _ query: Query,
        trees: (_ name: String, _ root: ObjectID, _ comparison: Query.Comparison?, _ value: String) throws ->
            Bool
    ) throws -> [ObjectID] {
        let (plan, all) = try database.transaction("BEGIN") {
            () throws(CatalogueError) -> (Plan, [(number: Int64, id: ObjectID)]) in
            let plan = try self.plan(query)
            // Without directories all is known already; with them, closures are not waited for in a transaction.
            if !plan.needsAll, !plan.hasTrees, let found = try? plan.items(ItemSet(), { _, _, _, _ in false })
            {
                return (.items(found), try objects(of: found))
            }
            return (plan, try objects())
        }
        let found = try plan.items(ItemSet(all.map(\.number)), trees)
        var rest = found.numbers[...]
        return all.compactMap { (number, id) in
            // Items of which only facts are left have no object.
            while let first = rest.first, first < number { rest.removeFirst() }
            return rest.first == number ? id : nil
        }
    }

    /// A question with the sets that its names stand for.
    fileprivate indirect enum Plan {
        case all
        case items(ItemSet)
        /// The first of these places that an item has is meant.
        case places([Place], Query.Comparison?, String)
        case not(Plan)
        case and(Plan, Plan)
        case or(Plan, Plan)
    }

    /// What is known of one full name.
    fileprivate struct Place {
        let name: String
        /// Of whose facts the comparison is true.
        let matching: ItemSet
        /// Those that have facts of this name; not looked for in the last place.
        let having: ItemSet
        /// Roots, and the items that have them, also those that were removed.
        let trees: [(root: ObjectID, items: [Int64])]
    }
}

// MARK: Reading

extension Catalogue {
    private func plan(_ query: Query) throws(CatalogueError) -> Plan {
        switch query {
        case .any: .all
        case .has(let name): try plan(name, nil, "")
        case .compare(let name, let comparison, let text): try plan(name, comparison, text)
        case .not(let query): .not(try plan(query))
        case .and(let one, let other): .and(try plan(one), try plan(other))
        case .or(let one, let other): .or(try plan(one), try plan(other))
        }
    }

    private func plan(
        _ name: String, _ comparison: Query.Comparison?, _ text: String
    ) throws(CatalogueError) -> Plan {
        var known: [(name: String, number: Int64)] = []
        for place in Query.places(of: name) {
            let statement = try database.prepare("SELECT number FROM name WHERE text = ?")
            try statement.bind(1, place)
            if try statement.step() { known.append((place, statement.integer(0))) }
        }
        var places: [Place] = []
        for (index, place) in known.enumerated() {
            let needsHaving = comparison == nil || index < known.count - 1
            let having = needsHaving ? try items("", place.number) { _ throws(CatalogueError) in } : ItemSet()
            var matching = having
            if let comparison { matching = try items(place.number, comparison, text) }
            places.append(
                Place(
                    name: place.name, matching: matching, having: having, trees: try trees(place.number)))
        }
        return .places(places, comparison, text)
    }

    /// The items with facts of a name of which a comparison is true, as ``Query/Comparison/holds(_:_:)`` says.
    private func items(
        _ name: Int64, _ comparison: Query.Comparison, _ text: String
    ) throws(CatalogueError) -> ItemSet {
        let (kind, number) = FactKind.of(text)
        let sign =
            switch comparison {
            case .equal, .same: "="
            case .notEqual: "<>"
            case .less: "<"
            case .greater: ">"
            case .atMost: "<="
            case .atLeast: ">="
            case .contains:
                "contains"
            }
        let bindText = { (statement: borrowing Statement) throws(CatalogueError) in
            try statement.bind(2, text)
        }
        if comparison == .contains { return try items("AND instr(text, ?) > 0", name, bindText) }
        let texts = try items("AND kind = 0 AND number = 0 AND text \(sign) ?", name, bindText)
        let numbers: ItemSet
        switch kind {
        case .text:
            // Numbers as they are spelled, none of which is spelled like this.
            if sign == "=" { return texts }
            numbers = try items("AND kind > 0 AND text \(sign) ?", name, bindText)
        case .number:
            numbers = try items("AND kind = 1 AND number \(sign) ?", name) {
                (statement: borrowing Statement) throws(CatalogueError) in try statement.bind(2, number)
            }
        case .nan: numbers = ItemSet()
        }
        guard comparison == .notEqual, kind != .text else { return texts.union(numbers) }
        // Not a number differs from every number, and each number from it.
        let least = kind == .nan ? FactKind.number : .nan
        let others = try items("AND kind >= ?", name) {
            (statement: borrowing Statement) throws(CatalogueError) in try statement.bind(2, least.rawValue)
        }
        return texts.union(numbers).union(others)
    }

    /// - Parameter condition: A text of ours with one parameter, or empty.
    private func items(
        _ condition: String, _ name: Int64,
        _ bind: (borrowing Statement) throws(CatalogueError) -> Void
    ) throws(CatalogueError) -> ItemSet {
        let statement = try database.prepare("SELECT item FROM fact WHERE name = ? \(condition)")
        try statement.bind(1, name)
        try bind(statement)
        var numbers: [Int64] = []
        while try statement.step() { numbers.append(statement.integer(0)) }
        return ItemSet(numbers)
    }

    private func trees(_ name: Int64) throws(CatalogueError) -> [(root: ObjectID, items: [Int64])] {
        let statement = try database.prepare("SELECT root, item FROM tree WHERE name = ? ORDER BY root, item")
        try statement.bind(1, name)
        var trees: [(root: ObjectID, items: [Int64])] = []
        while try statement.step() {
            let (root, item) = (try statement.id(0), statement.integer(1))
            if trees.last?.root != root { trees.append((root, [])) }
            trees[trees.count - 1].items.append(item)
        }
        return trees
    }

    /// All items with their numbers, in order.
    func objects() throws(CatalogueError) -> [(number: Int64, id: ObjectID)] {
        let statement = try database.prepare("SELECT number, id FROM item ORDER BY number")
        var objects: [(number: Int64, id: ObjectID)] = []
        while try statement.step() { objects.append((statement.integer(0), try statement.id(1))) }
        return objects
    }

    private func objects(of items: ItemSet) throws(CatalogueError) -> [(number: Int64, id: ObjectID)] {
        // Reading all is faster than looking for many.
        guard items.numbers.count < 5000 else { return try objects() }
        let statement = try database.prepare("SELECT id FROM item WHERE number = ?")
        var objects: [(number: Int64, id: ObjectID)] = []
        for number in items.numbers {
            try statement.bind(1, number)
            if try statement.step() { objects.append((number, try statement.id(0))) }
            statement.reset()
        }
        return objects
    }
}

// MARK: Answering

extension Catalogue.Plan {
    fileprivate typealias Trees = (String, ObjectID, Query.Comparison?, String) throws -> Bool

    /// Whether it takes all items to say which are not meant.
    fileprivate var needsAll: Bool {
        switch self {
        case .all, .not: true
        case .items, .places: false
        case .and(let one, let other), .or(let one, let other): one.needsAll || other.needsAll
        }
    }

    fileprivate var hasTrees: Bool {
        switch self {
        case .all, .items: false
        case .places(let places, _, _): places.contains { !$0.trees.isEmpty }
        case .not(let plan): plan.hasTrees
        case .and(let one, let other), .or(let one, let other): one.hasTrees || other.hasTrees
        }
    }

    fileprivate func items(_ all: ItemSet, _ trees: Trees) throws -> ItemSet {
        switch self {
        case .all: return all
        case .items(let items): return items
        case .not(let plan): return all.subtracting(try plan.items(all, trees))
        case .and(let one, let other):
            let items = try one.items(all, trees)
            return items.numbers.isEmpty ? items : items.intersection(try other.items(all, trees))
        case .or(let one, let other): return try one.items(all, trees).union(try other.items(all, trees))
        case .places(let places, let comparison, let text):
            var (found, taken) = (ItemSet(), ItemSet())
            for (index, place) in places.enumerated() {
                let matching = place.matching.union(try place.items(comparison, text, of: all, trees))
                found = found.union(matching.subtracting(taken))
                // Whoever has an earlier name is not asked for a later one.
                guard comparison != nil, index < places.count - 1 else { continue }
                taken = taken.union(place.having).union(try place.items(nil, "", of: all, trees))
            }
            return found
        }
    }
}

extension Catalogue.Place {
    /// The items of whose directories a comparison is true.
    fileprivate func items(
        _ comparison: Query.Comparison?, _ text: String, of all: ItemSet, _ answer: Catalogue.Plan.Trees
    ) throws -> ItemSet {
        var found: [Int64] = []
        for (root, items) in trees {
            // What only removed items have may be there no more.
            let items = items.filter(all.contains)
            if !items.isEmpty, try answer(name, root, comparison, text) { found += items }
        }
        return ItemSet(found)
    }
}
