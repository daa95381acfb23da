package import Catalogue
internal import FileIO
package import ObjectModel
internal import Storage

/// What a question about all versions and runs finds.
package enum Found: Sendable {
    case version(ObjectID, Commit, runs: [(id: ObjectID, run: Run)])
    /// A run of which no version was made.
    case run(RecordedRun)

    /// Its facts.
    package var facts: RunFacts {
        switch self {
        case .version(let id, let commit, let runs): RunFacts(of: commit, id, runs: runs.map(\.run))
        case .run(let recorded): RunFacts(of: recorded.run, recorded.state)
        }
    }
}

extension Repository {
    /// All versions, and the runs of which none was made, of which something is true; versions before runs, the newest first.
    ///
    /// The answer comes from a catalogue that is brought up to date first, and that can be thrown away.
    ///
    /// - Throws: ``RepositoryError/catalogue(_:)`` if not even one in memory can be had.
    package func find(_ query: Query) throws(RepositoryError) -> [Found] {
        var items = Items()
        try history(of: commitTips()) { (id, commit) throws(RepositoryError) in
            items.add(id, commit)
            return true
        }
        for recorded in try recordedRuns().reversed() { items.add(recorded) }
        let found = try selected(query, items)
        var answer: [Found] = []
        for id in items.order where found.contains(id) {
            if let commit = items.commits[id] {
                answer.append(.version(id, commit, runs: try runs(of: commit).map { ($0.0, $0.1) }))
            } else if let recorded = items.runs[id] {
                answer.append(.run(recorded))
            }
        }
        for recorded in items.unfinished {
            let facts = RunFacts(of: recorded.run, recorded.state)
            if query.matches(facts.values) { answer.append(.run(recorded)) }
        }
        return answer
    }

    /// What can be found.
    private struct Items {
        var order: [ObjectID] = []
        var commits: [ObjectID: Commit] = [:]
        var runs: [ObjectID: RecordedRun] = [:]
        /// Runs whose records are not the last word.
        var unfinished: [RecordedRun] = []
        private var adopted: Set<ObjectID> = []

        mutating func add(_ id: ObjectID, _ commit: Commit) {
            commits[id] = commit
            order.append(id)
            adopted.formUnion(commit.runs)
        }

        mutating func add(_ recorded: RecordedRun) {
            if adopted.contains(recorded.id) { return }
            if recorded.run.ended == nil { return unfinished.append(recorded) }
            runs[recorded.id] = recorded
            order.append(recorded.id)
        }
    }

    /// Those of which a question is true.
    private func selected(_ query: Query, _ items: Items) throws(RepositoryError) -> Set<ObjectID> {
        // A working copy of its own directory: SQLite needs locks that a shared disk may not have.
        let place: [UInt8]? = copy.isBare ? nil : (copy.directory / Self.catalogueName).bytes
        if let place {
            do { return try select(query, items, in: place) } catch {
                if let error = error as? RepositoryError { throw error }
                // One that is damaged is made anew; one that cannot be had is done without.
                if error as? CatalogueError == .damaged { try? Catalogue.remove(at: place) }
            }
        }
        do { return try select(query, items, in: nil) } catch {
            if let error = error as? RepositoryError { throw error }
            throw .catalogue("\(error)")
        }
    }

    /// The form of the facts is part of the name: another one has a catalogue of its own.
    private static let catalogueName = "catalogue-3.sqlite"

    private func select(_ query: Query, _ items: Items, in place: [UInt8]?) throws -> Set<ObjectID> {
        let catalogue = try Catalogue(at: place)
        let (known, wanted) = (try catalogue.ids(), Set(items.order))
        let gone = known.subtracting(wanted)
        if !gone.isEmpty || known.count < wanted.count {
            var all: [ObjectID: Run] = [:]
            for (id, recorded) in items.runs { all[id] = recorded.run }
            for commit in items.commits.values {
                for (id, run) in try runs(of: commit) { all[id] = run }
            }
            var index = try EvaluationIndex(self, all)
            let again = try changed(items, known: known, gone: gone, &index)
            var added: [Catalogue.Item] = []
            for id in items.order.reversed() where !known.contains(id) || again.contains(id) {
                added.append(try item(id, items, &index))
            }
            try catalogue.update(removing: Array(gone), adding: added, mark: "")
        }
        let found = try catalogue.select(query) { name, root, comparison, text in
            try self.holds(root, comparison, text)
        }
        return Set(found)
    }

    /// Items that are known and have other facts by now: with their models something was measured since, or is no longer.
    private func changed(
        _ items: Items, known: Set<ObjectID>, gone: Set<ObjectID>, _ index: inout EvaluationIndex
    ) throws(RepositoryError) -> Set<ObjectID> {
        var tested: Set<ObjectID> = []
        for id in items.order where !known.contains(id) {
            for run in try runs(of: id, items) { tested.formUnion(try index.tested(by: run)) }
        }
        for id in gone {
            let runs =
                (try? store.run(id)).map { [$0] }
                ?? (try? store.commit(id)).flatMap { try? self.runs(of: $0).map(\.1) }
            // What a collection took may have been anything.
            guard let runs else { return known }
            for run in runs { tested.formUnion(try index.tested(by: run)) }
        }
        guard !tested.isEmpty else { return [] }
        var changed: Set<ObjectID> = []
        for id in items.order where known.contains(id) {
            if try !index.models(of: runs(of: id, items)).isDisjoint(with: tested) { changed.insert(id) }
        }
        return changed
    }

    private func runs(of id: ObjectID, _ items: Items) throws(RepositoryError) -> [Run] {
        if let recorded = items.runs[id] { return [recorded.run] }
        return try items.commits[id].map { (commit) throws(RepositoryError) in try runs(of: commit).map(\.1) }
            ?? []
    }

    private func item(
        _ id: ObjectID, _ items: Items, _ index: inout EvaluationIndex
    ) throws(RepositoryError) -> Catalogue.Item {
        let runs = try runs(of: id, items)
        let own =
            items.runs[id].map { RunFacts(of: $0.run, $0.state) }
            ?? items.commits[id].map { RunFacts(of: $0, id, runs: runs) }
        var (facts, trees) = (own?.all ?? [], [(name: String, root: ObjectID)]())
        facts += try index.facts(of: runs)
        for run in runs {
            trees += [("input", run.inputs), ("output", run.outputs)]
            if let sources = run.code?.sources { trees.append(("code", sources)) }
            for (name, list) in [("input", run.external?.list), ("code", run.code?.files)] {
                guard let list, store.contains(ObjectReference(.blob, list)) else { continue }
                for (file, id) in DigestList.digests(try text(list)).prefix(Self.mostListed) {
                    facts.append((name, String(decoding: file, as: UTF8.self)))
                    facts.append((name, "sha256:\(id.hex)"))
                }
            }
        }
        return Catalogue.Item(id: id, facts: facts, trees: trees)
    }

    /// More files from outside, or of git's, are not asked about.
    private static let mostListed = 10_000

    /// Whether a directory has what a question says: a path, the id of a file, or a part of a path.
    private func holds(
        _ root: ObjectID, _ comparison: Query.Comparison?, _ text: String
    ) throws(RepositoryError) -> Bool {
        guard root != DirectoryTree.emptyRoot, store.contains(ObjectReference(.tree, root)) else {
            return false
        }
        let tree = DirectoryTree(root: root, reader: store)
        switch comparison {
        case nil: return true
        case .equal, .same: return try has(text, tree)
        case .notEqual: return try !has(text, tree)
        case .contains:
            let part = Array(text.utf8)
            return try files(of: root).contains { $0.path.bytes.firstRange(of: part) != nil }
        case .atMost, .atLeast, .less, .greater: return false
        }
    }

    private func has(_ text: String, _ tree: DirectoryTree) throws(RepositoryError) -> Bool {
        if text.hasPrefix("sha256:") {
            guard let id = try? ObjectID(hex: String(text.dropFirst(7))) else { return false }
            return try files(of: tree.root).contains { $0.entry.id == id }
        }
        // As people complete the name of a directory.
        var name = text.hasSuffix("/") ? text.dropLast() : text[...]
        if name.hasPrefix("./") { name = name.dropFirst(2) }
        guard let path = try? RepositoryPath(Array(name.utf8)) else { return false }
        return try reading { () throws(ReadError) in try tree.entry(at: path) != nil }
    }
}
