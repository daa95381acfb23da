import ObjectModel
import TestSupport
import Testing

@testable import Lineage

@Suite struct DirectoryOriginsTests {
    /// A history with lines that part and meet, of a directory `d`.
    struct History {
        var objects = MemoryObjects()
        var commits: [(id: ObjectID, commit: Commit, files: [String: Int])] = []

        mutating func commit(_ files: [String: Int], parents: [Int]) throws {
            let edits = try files.map { (name, content) in
                let path = try RepositoryPath("d/\(name)")
                let id = ObjectID(of: .blob, payload: Array("\(content)".utf8))
                let last = try #require(path.split?.name)
                return PathEdit(
                    path: path, entry: TreeEntry(name: last, mode: .file, id: id, size: content + 1))
            }
            let tree = try DirectoryTree(root: DirectoryTree.emptyRoot, reader: objects).editing(
                edits.sorted { DirectoryTree.walkOrder($0.path, $1.path) }
            ) { _, payload in objects.add(.tree, payload) }
            let person = try #require(Person(name: "A", email: "a@example.com"))
            let commit = Commit(
                author: person, committer: person, authored: commits.count, committed: commits.count,
                message: "\(commits.count)", parents: parents.map { commits[$0].id }, recipes: nil,
                runs: [tree.root],
                tracked: TrackedPaths(), tree: tree.root)
            commits.append((objects.add(.commit, commit.payload), commit, files))
        }

        /// Where a file came from, one file at a time.
        func origin(of name: String, in number: Int) -> ObjectID {
            var number = number
            search: while true {
                let (id, commit, files) = commits[number]
                let parents = commit.parents.compactMap { parent in commits.firstIndex { $0.id == parent } }
                let next =
                    parents.first { commits[$0].files == files }
                    ?? parents.first { commits[$0].files[name] == files[name] }
                guard let next else { return id }
                number = next
            }
        }
    }

    @Test(arguments: 0..<200) func `each file is told where a walk of its own finds it`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var history = History()
        // One file stays, so that the directory is never new.
        try history.commit(["keep": 0, "a": 1, "s/b": 2], parents: [])
        for number in 1..<Int.random(in: 2..<25, using: &random) {
            var parents = [Int.random(in: max(0, number - 3)..<number, using: &random)]
            if Bool.random(using: &random) {
                parents.append(
                    contentsOf: Set([Int.random(in: 0..<number, using: &random)]).subtracting(parents))
            }
            var files = history.commits[parents[0]].files
            for other in parents.dropFirst() {
                for (name, content) in history.commits[other].files where Bool.random(using: &random) {
                    files[name] = content
                }
            }
            for _ in 0..<Int.random(in: 0..<3, using: &random) {
                let name = ["a", "s/b", "s/c", "t/u/d", "e"].randomElement(using: &random) ?? "a"
                // Each content comes once: the same made twice has two origins.
                files[name] =
                    Bool.random(using: &random) ? number * 10 + Int.random(in: 0..<9, using: &random) : nil
            }
            try history.commit(files, parents: parents)
        }
        let last = history.commits.count - 1
        let (id, commit, files) = history.commits[last]
        let path = try RepositoryPath("d")
        let entry = try DirectoryTree(root: commit.tree, reader: history.objects).entry(at: path)
        let source = CommitSource(history.objects)
        let walk = BlameWalk(source, tips: [id])
        let shares = try DirectoryOrigins(of: #require(entry), at: path, in: source.outline(id), walk)
            .shared()

        var expected: [ObjectID: (files: Int, bytes: Int)] = [:]
        for (name, content) in files {
            let origin = history.origin(of: name, in: last)
            expected[origin, default: (0, 0)].files += 1
            expected[origin, default: (0, 0)].bytes += content + 1
        }
        #expect(Set(shares.map(\.commit.id)) == Set(expected.keys), "seed \(seed)")
        for share in shares {
            #expect(share.files == expected[share.commit.id]?.files, "seed \(seed)")
            #expect(share.bytes == expected[share.commit.id]?.bytes, "seed \(seed)")
            let name = String("\(share.example)".dropFirst(2))
            #expect(history.origin(of: name, in: last) == share.commit.id, "seed \(seed), \(name)")
        }
    }
}
