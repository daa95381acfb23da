import Coding
import FileIO
import Hashing
import ObjectModel
import Storage
import TestSupport

/// A small store in a temporary directory, written through the package's own API: three commits on two branches, with
/// every sort of file.
///
/// It is removed when the last reference goes.
final class SampleStore: Sendable {
    let root: FilePath
    let files = POSIXFileSystem()
    /// Pack names of the operations: the store's making, then the commits.
    let packs: [PackName]
    /// The branch `dev`, one commit ahead of `main`, which is one ahead of the first.
    let commits: [ObjectID]

    static let person = Person(name: "Ada", email: "ada@example.com")

    var layout: StoreLayout { StoreLayout(root: root) }

    init(seed: UInt64, commits count: Int = 3) throws {
        let random = SeededBytes(seed: seed)
        root = try Self.temporaryDirectory()
        let event = try Self.event("init", time: 1_763_888_400, random)
        let format = StoreFormat(origin: Hex.text(random.bytes(16)), cutRule: 1, sharedBits: nil)
        let store = try ObjectStore.create(root, format: format, event: event, files: files) {
            random.bytes($0)
        }
        var packs = Array(store.current.live)
        var commits: [ObjectID] = []
        let chunks = (0..<4).map { _ in random.bytes(40) }
        for number in 0..<count {
            let known = store.current.live
            let weights = number == 0 ? [0, 1, 2] : [0, 3, 2]
            commits.append(
                try Self.commit(number, weights.map { chunks[$0] }, parents: commits.suffix(1), store, random)
            )
            packs += store.current.live.subtracting(known)
        }
        self.packs = packs
        self.commits = commits
    }

    deinit { Self.removeAll(root, files) }

    static func event(_ verb: String, time: Int, refs: [RefChange] = [], _ random: SeededBytes) throws
        -> Event
    {
        guard let person else { throw Missing() }
        return Event(
            verb: verb, actor: person, workingCopy: nil, time: time, nonce: Hex.text(random.bytes(16)),
            reason: nil,
            refs: refs)
    }

    /// Writes events into packs that no entry names yet.
    func writeEvents(_ count: Int, seed: UInt64) throws -> (ids: [ObjectID], packs: [PackName]) {
        let random = SeededBytes(seed: seed)
        let store = try ObjectStore.open(root, files: files)
        let writer = ObjectWriter(store) { random.bytes($0) }
        let ids = try (0..<count).map { number in
            try writer.add(.event, try Self.event("gc", time: 1_763_889_000 + number, random).payload)
        }
        return (ids, try writer.finish().packs.map(\.name))
    }

    struct Missing: Error {}

    private static func commit(
        _ number: Int, _ chunks: [[UInt8]], parents: ArraySlice<ObjectID>, _ store: ObjectStore,
        _ random: SeededBytes
    ) throws -> ObjectID {
        guard let person else { throw Missing() }
        let base = store.current
        let writer = ObjectWriter(store) { random.bytes($0) }
        var blobs = FrameBuilder(.data)
        func blob(_ bytes: [UInt8]) -> ObjectID {
            let id = ObjectID(of: .blob, payload: bytes)
            if writer.claim(ObjectReference(.blob, id)) { blobs.add(ObjectReference(.blob, id), bytes) }
            return id
        }
        func entry(_ path: String, _ mode: EntryMode, _ bytes: [UInt8]) throws -> PathEdit {
            let path = try RepositoryPath(path)
            guard let name = path.names.last else { throw Missing() }
            return PathEdit(
                path: path, entry: TreeEntry(name: name, mode: mode, id: blob(bytes), size: bytes.count))
        }
        var edits = [
            try entry("README.md", .file, Array("version \(number)\n".utf8)),
            try entry("bin/train.sh", .executable, Array("#!/bin/sh\n".utf8)),
            try entry("link", .link, Array("README.md".utf8)),
            try entry("odd\nname.txt", .file, Array("odd".utf8)),
            PathEdit(
                path: try RepositoryPath("empty"),
                entry: TreeEntry(
                    name: try EntryName("empty"), mode: .directory, id: DirectoryTree.emptyRoot, size: 0,
                    files: 0)),
        ]
        if number == 2 { edits.append(try entry("data/extra.csv", .file, Array("a,b\n".utf8))) }
        let whole = ObjectID(of: .blob, payload: Array(chunks.joined()))
        let size = chunks.reduce(0) { $0 + $1.count }
        let pieces = chunks.map { ChunkEntry(id: blob($0), length: $0.count) }
        let (recipe, nodes) = Recipe.make(blob: whole, length: size, cutRule: 0, chunks: pieces)
        for node in nodes { try writer.add(.chunks, node.payload) }
        let recipeID = ObjectID(of: .chunks, payload: recipe.payload)
        try writer.add(ObjectReference(.chunks, recipeID), recipe.payload, recipeOf: whole)
        edits.append(
            PathEdit(
                path: try RepositoryPath("model/weights.bin"),
                entry: TreeEntry(name: try EntryName("weights.bin"), mode: .file, id: whole, size: size)))
        edits.sort { DirectoryTree.walkOrder($0.path, $1.path) }
        let tree = try DirectoryTree(root: DirectoryTree.emptyRoot, reader: store).editing(edits) {
            (id, payload) throws(StoreError) in try writer.add(ObjectReference(.tree, id), payload)
        }
        let recipes = BuiltTree(leaves: [RecipeEntry(blob: whole, recipe: recipeID)])
        for node in recipes.nodes { try writer.add(.recipes, node.payload) }
        try writer.add(.tree, [0, 0])
        let time = 1_763_888_500 + number
        let run = Run(
            declaredAt: time, user: person,
            code: .init(revision: nil, remote: nil, dirty: true, patch: blob([UInt8(number)])),
            parameters: [:], metrics: [:], environment: [:], inputs: DirectoryTree.emptyRoot,
            outputs: tree.root,
            inputCommits: [:])
        let runID = try writer.add(.run, run.payload)
        let commit = Commit(
            author: person, committer: person, authored: time, committed: time, message: "commit \(number)",
            parents: Array(parents), recipes: recipes.root, runs: [runID], tracked: TrackedPaths(),
            tree: tree.root)
        let id = try writer.add(.commit, commit.payload)
        try writer.append(&blobs)
        let name = try RefName.branch(number == 2 ? "dev" : "main")
        let change = RefChange(
            name: name, before: number == 1 ? parents.last.map { ObjectReference(.commit, $0) } : nil,
            after: ObjectReference(.commit, id))
        let refs = try store.refs.editing([
            MerkleEdit(setting: RefEntry(name: name, target: ObjectReference(.commit, id)))
        ])
        for node in refs.nodes { try writer.add(.refs, node.payload) }
        let event = try writer.add(.event, Self.event("commit", time: time, refs: [change], random).payload)
        let added = try writer.finish().packs.map(\.name)
        let operation = StoreOperation(
            event: event, refs: refs.root, packs: PackChanges(added: added), time: time)
        guard try store.append(operation, on: base, nonce: Hex.text(random.bytes(8))) == .committed else {
            throw Missing()
        }
        return id
    }

    // MARK: Files

    private static func temporaryDirectory() throws -> FilePath {
        var random = SystemRandomNumberGenerator()
        let path = FilePath("/tmp/mlrepo-integrity-\(random.next())")
        try POSIXFileSystem().makeDirectory(path, permissions: 0o700)
        return path
    }

    private static func removeAll(_ path: FilePath, _ files: POSIXFileSystem) {
        var listing = DirectoryListing()
        guard (try? files.list(path, into: &listing)) != nil else { return }
        for index in 0..<listing.count {
            let child = path.appending(listing.name(index))
            if listing.status(index).kind == .directory {
                removeAll(child, files)
            } else {
                try? files.remove(child)
            }
        }
        try? files.removeDirectory(path)
    }

    /// Paths below the root of all files below one of its directories, sorted.
    func names(below directory: String) throws -> [String] {
        var found: [String] = []
        var listing = DirectoryListing()
        try files.list(root / directory, into: &listing)
        for index in 0..<listing.count {
            let child = "\(directory)/\(String(decoding: listing.name(index), as: UTF8.self))"
            if listing.status(index).kind == .directory {
                found += try names(below: child)
            } else {
                found.append(child)
            }
        }
        return found.sorted()
    }

    func read(_ name: String) throws -> [UInt8] { try files.contents(root / name, limit: 1 << 24) }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        try files.removeIfPresent(root / name)
        try files.makeDirectories((root / name).parent, permissions: 0o777)
        let file = try files.create(root / name, permissions: 0o644)
        defer { files.close(file) }
        try files.write(file, bytes)
    }

    func path(_ pack: PackName) -> String { "packs/\(pack.directory)/\(pack.fileName)" }

    func check(threads: Int = 1) throws -> IntegrityReport {
        try IntegrityChecker(root, files: files, threads: threads).check()
    }
}
