import ObjectModel
import TestSupport
import Testing

@Suite struct DirectoryTreeTests {
    static func file(_ path: String, _ content: Int) throws -> PathEdit {
        let path = try RepositoryPath(path)
        let name = try #require(path.split?.name)
        let id = ObjectID(of: .blob, payload: Array("\(content)".utf8))
        return PathEdit(path: path, entry: TreeEntry(name: name, mode: .file, id: id, size: content))
    }

    @Test(arguments: 0..<16) func `edits of paths give the tree that the paths make`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var objects = MemoryObjects()
        var files: [RepositoryPath: TreeEntry] = [:]
        var root = DirectoryTree.emptyRoot
        for round in 0..<10 {
            var edits: [RepositoryPath: PathEdit] = [:]
            for _ in 0..<Int.random(in: 1..<40, using: &random) {
                // File names end in .f, so that no path is file and directory at once.
                let depth = Int.random(in: 0..<3, using: &random)
                let directories = (0..<depth).map { _ in "d\(Int.random(in: 0..<4, using: &random))/" }
                    .joined()
                let name = directories + "\(Int.random(in: 0..<30, using: &random)).f"
                let edit = try Self.file(name, Int.random(in: 0..<9, using: &random))
                let isRemoval = Int.random(in: 0..<3, using: &random) == 0
                edits[edit.path] = isRemoval ? PathEdit(path: edit.path, entry: nil) : edit
            }
            for edit in edits.values { files[edit.path] = edit.entry }
            let sorted = edits.values.sorted { DirectoryTree.walkOrder($0.path, $1.path) }
            let built = try DirectoryTree(root: root, reader: objects).editing(sorted) { _, payload in
                objects.add(.tree, payload)
            }
            let fresh = try DirectoryTree(root: DirectoryTree.emptyRoot, reader: objects).editing(
                files.map { PathEdit(path: $0.key, entry: $0.value) }.sorted {
                    DirectoryTree.walkOrder($0.path, $1.path)
                }
            ) { _, payload in objects.add(.tree, payload) }
            #expect(built.root == fresh.root, "seed \(seed), round \(round)")
            #expect(built.files == files.count && built.bytes == files.values.reduce(0) { $0 + $1.size })

            var differences: [RepositoryPath: (TreeEntry?, TreeEntry?)] = [:]
            try DirectoryTree(root: root, reader: objects).changes(
                to: DirectoryTree(root: built.root, reader: objects)
            ) {
                differences[$0] = ($1, $2)
            }
            for (path, edit) in edits where differences[path] != nil {
                #expect(differences[path]?.1 == edit.entry)
            }
            #expect(Set(differences.keys).isSubset(of: edits.keys))
            root = built.root
            for (path, entry) in files {
                #expect(try DirectoryTree(root: root, reader: objects).entry(at: path) == entry)
            }
        }
    }

    @Test(arguments: 0..<16) func `files that another version has otherwise are those of a comparison`(
        seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        var objects = MemoryObjects()
        func tree(of files: [RepositoryPath: TreeEntry]) throws -> DirectoryTree {
            let edits = files.map { PathEdit(path: $0.key, entry: $0.value) }
                .sorted { DirectoryTree.walkOrder($0.path, $1.path) }
            let root = try DirectoryTree(root: DirectoryTree.emptyRoot, reader: objects)
                .editing(edits) { _, payload in objects.add(.tree, payload) }.root
            return DirectoryTree(root: root, reader: objects)
        }
        var version: [RepositoryPath: TreeEntry] = [:]
        for number in 0..<500 {
            let edit = try Self.file("d\(number % 7)/\(number).f", number)
            version[edit.path] = edit.entry
        }
        // All of some directories, little of others, changed and new files.
        var read = version.filter { _ in Bool.random(using: &random) }
        read = read.filter { path, _ in
            path.names[0].bytes != Array("d1".utf8) || Int.random(in: 0..<30, using: &random) == 0
        }
        for number in 0..<Int.random(in: 0..<20, using: &random) {
            let edit = try Self.file(
                "d\(number % 9)/\(Int.random(in: 0..<600, using: &random)).f", 1_000 + number)
            read[edit.path] = edit.entry
        }
        let (mine, theirs) = (try tree(of: read), try tree(of: version))
        var found: [RepositoryPath: TreeEntry] = [:]
        try mine.forEachFile(notIn: theirs) { found[$0] = $1 }
        #expect(found == read.filter { version[$0.key] != $0.value }, "seed \(seed)")
        try mine.forEachFile(notIn: mine) { path, _ in Issue.record("\(path)") }
    }

    @Test(arguments: 0..<16) func `a path that is followed through versions is what each of them says`(
        seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        var objects = MemoryObjects()
        var files: [RepositoryPath: TreeEntry] = [:]
        var versions = [DirectoryTree.emptyRoot]
        // Each name may be a file or a directory.
        func path() throws -> RepositoryPath {
            let names = (0...Int.random(in: 0..<3, using: &random)).map { _ in
                "n\(Int.random(in: 0..<3, using: &random))"
            }
            return try RepositoryPath(names.joined(separator: "/"))
        }
        for _ in 0..<30 {
            let new = try path()
            files = files.filter { !$0.key.isInside(new) && !new.isInside($0.key) }
            if Bool.random(using: &random) {
                files[new] = try Self.file("\(new)", Int.random(in: 0..<3, using: &random)).entry
            }
            let edits = files.map { PathEdit(path: $0.key, entry: $0.value) }
                .sorted { DirectoryTree.walkOrder($0.path, $1.path) }
            versions.append(
                try DirectoryTree(root: DirectoryTree.emptyRoot, reader: objects).editing(edits) {
                    objects.add(.tree, $1)
                }.root)
        }
        for _ in 0..<20 {
            let path = try path()
            var follower = PathFollower(path, reader: objects)
            for _ in 0..<40 {
                let version = try #require(versions.randomElement(using: &random))
                let expected = try DirectoryTree(root: version, reader: objects).entry(at: path)
                #expect(try follower.entry(in: version) == expected, "seed \(seed), \(path)")
            }
        }
    }

    @Test func `a directory that becomes a file, and back, is seen by both`() throws {
        var objects = MemoryObjects()
        func built(_ edits: [PathEdit], on root: ObjectID) throws -> ObjectID {
            try DirectoryTree(root: root, reader: objects).editing(edits) { _, payload in
                objects.add(.tree, payload)
            }.root
        }
        let asDirectory = try built(
            [try Self.file("a/b", 1), try Self.file("a/c", 2)], on: DirectoryTree.emptyRoot)
        let asFile = try built([try Self.file("a", 3)], on: asDirectory)
        var seen: [String] = []
        try DirectoryTree(root: asDirectory, reader: objects).changes(
            to: DirectoryTree(root: asFile, reader: objects)
        ) {
            seen.append("\($0) \($1 == nil ? "-" : "x")\($2 == nil ? "-" : "x")")
        }
        #expect(seen == ["a/b x-", "a/c x-", "a -x"])
        #expect(try built([try Self.file("a/b", 1), try Self.file("a/c", 2)], on: asFile) == asDirectory)
        #expect(
            try built([PathEdit(path: try RepositoryPath("a"), entry: nil)], on: asFile)
                == DirectoryTree.emptyRoot)
    }
}
