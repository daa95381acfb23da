import ObjectModel
import Synchronization
import TestSupport
import Testing

@testable import Lineage

/// Whether walks find the same with a table of commits as without, and how a table bears damage.
@Suite struct CommitTableTests {
    /// The rows of some commits of a history.
    private static func rows(_ history: RandomHistory, _ numbers: [Int]) -> [CommitTable.Row] {
        numbers.map { number in
            let (id, commit, _) = history.commits[number]
            return CommitTable.Row(
                CommitOutline(id, commit), touching: TouchedPaths.hashes(of: commit, history.objects))
        }
    }

    private static func table(_ history: RandomHistory, _ numbers: [Int]) throws -> CommitTable {
        let bytes = try #require(CommitTable.bytes(of: nil, and: rows(history, numbers)))
        return try #require(CommitTable(bytes: bytes))
    }

    /// The commits that changed a path, newest first.
    private static func changed(
        _ path: RepositoryPath, from tip: ObjectID, _ source: CommitSource, _ collected: Set<ObjectID>
    ) throws -> [ObjectID] {
        var walk = CommitWalk(from: [tip], of: source)
        var changes = PathChanges(of: [path], in: source, isCollected: collected.contains)
        var found: [ObjectID] = []
        while let next = try walk.next() {
            if try changes.isChanged(by: next, of: walk) { found.append(next.id) }
        }
        return found
    }

    /// All that is told of where something came from.
    private static func text(_ blame: Blame?) -> String {
        guard let blame else { return "-" }
        let inputs = blame.inputs.map {
            "\($0.path) \($0.entry.id) \($0.commitID?.hex ?? "-") \($0.untold?.rawValue ?? "-") [\(text($0.upstream))]"
        }
        let parts = blame.parts.map { "\($0.files) \($0.bytes) [\(text($0.example))]" }
        return """
            \(blame.path) \(blame.origin) \(blame.entry.id) \(blame.version?.id.hex ?? "-") \(blame.version?.commit.message ?? "-") \
            \(blame.returned?.id.hex ?? "-") \(blame.isElsewhere) \(blame.madeBefore?.id.hex ?? "-") \
            \(blame.making?.id.hex ?? "-") \(inputs) \(parts) \(blame.otherParts)
            """
    }

    @Test(arguments: 0..<300) func `with any part of history in a table, walks find the same`(seed: UInt64)
        throws
    {
        var random = SplitMix64(seed: seed)
        let history = try RandomHistory(
            count: Int.random(in: 1..<30, using: &random), isLinear: seed % 3 == 0, &random)
        let share = Int.random(in: 0...4, using: &random)
        let numbers = history.commits.indices.filter { _ in Int.random(in: 0..<4, using: &random) < share }
        let table = try Self.table(history, numbers.shuffled(using: &random))
        #expect(table.count == numbers.count)
        let (plain, known) = (
            CommitSource(history.objects), CommitSource(history.objects, table: table, keeping: 1000)
        )
        var collected: Set<ObjectID> = []
        if Bool.random(using: &random) {
            for (_, commit, _) in history.commits.dropLast() where Int.random(in: 0..<5, using: &random) == 0
            {
                collected.insert(commit.tree)
            }
            collected.remove(try #require(history.commits.last).commit.tree)
        }
        let tips = history.commits.suffix(3).map(\.id)
        let tip = try #require(tips.last)
        for name in RandomHistory.places {
            let (path, place): (RepositoryPath, Comment) = (try RepositoryPath(name), "seed \(seed), \(name)")
            let wanted = try Self.changed(path, from: tip, plain, collected)
            #expect(try Self.changed(path, from: tip, known, collected) == wanted, place)
            let isCollected: (ObjectID) -> Bool = { collected.contains($0) }
            let blame = try BlameWalk(plain, tips: tips, isCollected: isCollected).blame(path, at: tip)
            let again = try BlameWalk(known, tips: tips, isCollected: isCollected).blame(path, at: tip)
            #expect(Self.text(again) == Self.text(blame), place)
        }
        let unknown = Set(history.commits.map(\.id)).subtracting(numbers.map { history.commits[$0].id })
        #expect(Set(known.missed.map(\.id)).isSubset(of: unknown), "seed \(seed)")
    }

    /// Counts what is read.
    private final class CountingReader: ObjectReader {
        private let objects: MemoryObjects
        private let countedCommits = Atomic(0)
        private let countedTrees = Atomic(0)

        init(_ objects: MemoryObjects) { self.objects = objects }

        var commits: Int { countedCommits.load(ordering: .relaxed) }
        var trees: Int { countedTrees.load(ordering: .relaxed) }

        func payload(of reference: ObjectReference) throws(ReadError) -> [UInt8]? {
            if reference.kind == .commit { countedCommits.add(1, ordering: .relaxed) }
            if reference.kind == .tree { countedTrees.add(1, ordering: .relaxed) }
            return objects.payload(of: reference)
        }
    }

    @Test func `what a table has is not read`() throws {
        var random = SplitMix64(seed: 7)
        let history = try RandomHistory(count: 200, isLinear: true, &random)
        let table = try Self.table(history, Array(history.commits.indices))
        let reader = CountingReader(history.objects)
        let (tip, _, files) = try #require(history.commits.last)
        let source = CommitSource(reader, table: table, keeping: 1000)
        #expect(try Self.changed(RepositoryPath("none"), from: tip, source, []).isEmpty)
        #expect(reader.commits == 0)
        let path = try RepositoryPath(#require(files.keys.min()))
        let found = try BlameWalk(source, tips: [tip]).blame(path, at: tip)
        #expect(found != nil)
        #expect(reader.commits < 20)
        #expect(source.missed.isEmpty)
    }

    @Test func `as many misses are kept as are wanted`() throws {
        var random = SplitMix64(seed: 8)
        let history = try RandomHistory(count: 50, isLinear: true, &random)
        let tip = try #require(history.commits.last?.id)
        let source = CommitSource(history.objects, keeping: 20)
        _ = try Self.changed(RepositoryPath("a"), from: tip, source, [])
        #expect(source.missed.map(\.id) == history.commits.suffix(20).reversed().map(\.id))
    }

    @Test func `a table grows by what it does not have`() throws {
        var random = SplitMix64(seed: 9)
        let history = try RandomHistory(count: 60, &random)
        let all = Array(history.commits.indices)
        let whole = try #require(CommitTable.bytes(of: nil, and: Self.rows(history, all)))
        let first = try Self.table(history, Array(all[..<25]))
        let grown = try #require(CommitTable.bytes(of: first, and: Self.rows(history, Array(all[10...]))))
        #expect(grown == whole)
        let table = try #require(CommitTable(bytes: whole))
        #expect(CommitTable.bytes(of: table, and: []) == whole)
        for (id, commit, _) in history.commits {
            let outline = try #require(table.outline(of: id))
            #expect(outline.parents == commit.parents && outline.tree == commit.tree)
            #expect(outline.committed == commit.committed)
        }
        #expect(table.outline(of: ObjectID(of: .commit, payload: [1])) == nil)
    }

    @Test func `a damaged table is none`() throws {
        var random = SplitMix64(seed: 10)
        let history = try RandomHistory(count: 5, &random)
        let bytes = try #require(CommitTable.bytes(of: nil, and: Self.rows(history, [0, 1, 2, 3, 4])))
        for end in 0..<bytes.count { #expect(CommitTable(bytes: Array(bytes[..<end])) == nil) }
        #expect(CommitTable(bytes: bytes + [0]) == nil)
        for offset in bytes.indices {
            var flipped = bytes
            flipped[offset] ^= UInt8(1 << (offset % 8))
            #expect(CommitTable(bytes: flipped) == nil, "byte \(offset)")
        }
        let empty = try #require(CommitTable.bytes(of: nil, and: []))
        #expect(try #require(CommitTable(bytes: empty)).count == 0)
    }

    @Test func `a table that leads in a circle ends no walk in silence`() throws {
        var random = SplitMix64(seed: 11)
        let history = try RandomHistory(count: 40, isLinear: true, &random)
        let (tip, _, files) = try #require(history.commits.last)
        for length in 1...3 {
            // The newest commits, each made from the one before, and the first of them from the last.
            let newest = history.commits.suffix(length)
            let parents = Array(newest.dropFirst()) + [newest[newest.startIndex]]
            let rows = zip(newest, parents).map { one, parent in
                CommitTable.Row(
                    CommitOutline(
                        id: one.id, parents: [parent.id], tree: one.commit.tree, committed: 5, row: nil),
                    touching: [])
            }
            let bytes = try #require(CommitTable.bytes(of: nil, and: rows))
            let table = try #require(CommitTable(bytes: bytes))
            let source = CommitSource(history.objects, table: table)
            for path in try Set(files.keys.map { try RepositoryPath(String($0.prefix { $0 != "/" })) }) {
                #expect(throws: ReadError.self) {
                    try BlameWalk(source, tips: [tip]).blame(path, at: tip)
                }
                #expect(try Self.changed(path, from: tip, source, []) == [])
            }
        }
    }

    @Test func `too many paths are not told apart`() throws {
        var objects = MemoryObjects()
        let count = 40 * TouchedPaths.limit
        let edits = try (0..<count).map { number in
            let path = try RepositoryPath("f\(number)")
            let name = try #require(path.split?.name)
            return PathEdit(
                path: path,
                entry: TreeEntry(name: name, mode: .file, id: ObjectID(of: .blob, payload: []), size: 0))
        }
        func commit(_ edits: [PathEdit]) throws -> Commit {
            let tree = try DirectoryTree(root: DirectoryTree.emptyRoot, reader: objects).editing(
                edits.sorted { DirectoryTree.walkOrder($0.path, $1.path) }
            ) { _, payload in objects.add(.tree, payload) }.root
            let run = Run(
                declaredAt: 0, user: nil, code: nil, parameters: [:], metrics: [:], environment: [:],
                inputs: DirectoryTree.emptyRoot, outputs: DirectoryTree.emptyRoot, inputCommits: [:])
            let person = try #require(Person(name: "A", email: "a@example.com"))
            return Commit(
                author: person, committer: person, authored: 0, committed: 0, message: "m", parents: [],
                recipes: nil, runs: [objects.add(.run, run.payload)], tracked: TrackedPaths(), tree: tree)
        }
        let few = try commit(Array(edits[..<TouchedPaths.limit]))
        #expect(TouchedPaths.hashes(of: few, objects)?.count == TouchedPaths.limit)
        let more = try commit(Array(edits[...TouchedPaths.limit]))
        #expect(TouchedPaths.hashes(of: more, objects) == nil)
        // Nor is more read of many than has to be.
        let before = objects.count
        let many = try commit(edits)
        let reader = CountingReader(objects)
        #expect(TouchedPaths.hashes(of: many, reader) == nil)
        #expect(reader.trees < (objects.count - before) / 4)
    }
}
