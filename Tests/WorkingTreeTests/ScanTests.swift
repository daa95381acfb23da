import FileIO
import Foundation
import ObjectModel
import TestSupport
import Testing
import WorkingTree

/// Walks over real directories: whether one that only looks at known names finds what one finds that lists everything.
@Suite struct ScanTests {
    private static let files = POSIXFileSystem()

    /// A working tree that changes at random.
    private struct Tree {
        let root: FilePath
        var random: SplitMix64
        var directories: [String] = ["data"]

        init(seed: UInt64) throws {
            let place = FileManager.default.temporaryDirectory.appendingPathComponent("scan-\(UUID())").path
            root = FilePath(place)
            random = SplitMix64(seed: seed)
            try files.makeDirectories(root / "data", permissions: 0o755)
            for number in 0..<100 {
                let directory = number < 90 ? "data/d\(number)" : "data/d\(number % 7)/inner\(number)"
                try files.makeDirectories(root.appending(directory.utf8), permissions: 0o755)
                directories.append(directory)
                for name in ["a", "b", "c"] { try write("\(directory)/\(name)", 3) }
            }
        }

        private let files = POSIXFileSystem()

        func write(_ path: String, _ size: Int) throws {
            let file = try files.create(root.appending(path.utf8), permissions: 0o644)
            defer { files.close(file) }
            try files.write(file, [UInt8](repeating: 0x78, count: size))
        }

        /// One of the things that people do; what cannot be done is left.
        mutating func change() {
            let directory = directories.randomElement(using: &random) ?? "data"
            let other = directories.randomElement(using: &random) ?? "data"
            let name = ["a", "b", "c", "d", ".mlrepoignore", "node"].randomElement(using: &random) ?? "a"
            let (path, target) = ("\(directory)/\(name)", "\(other)/\(name)")
            let place = root.appending(path.utf8)
            switch Int.random(in: 0..<11, using: &random) {
            case 0: try? write(path, 5)
            case 1: try? files.remove(place)
            case 2: try? files.rename(place, to: root.appending((path + "x").utf8))
            case 3: try? files.rename(place, to: root.appending(target.utf8))
            case 4:
                try? files.makeDirectory(place, permissions: 0o755)
                try? write("\(path)/inside", 1)
            case 5: try? FileManager.default.removeItem(atPath: "\(place)")
            case 6:
                // Two directories change places.
                let aside = root.appending("data/aside".utf8)
                try? files.rename(root.appending(directory.utf8), to: aside)
                try? files.rename(root.appending(other.utf8), to: root.appending(directory.utf8))
                try? files.rename(aside, to: root.appending(other.utf8))
            case 7:
                try? files.remove(place)
                try? files.makeLink(place, target: Array("elsewhere".utf8))
            case 8: try? files.setPermissions(place, 0o755)
            case 9:
                try? files.remove(place)
                try? write(path, 9)
            default:
                try? FileManager.default.removeItem(atPath: "\(root.appending(directory.utf8))")
            }
        }
    }

    private static func text(_ result: ScanResult) -> [String] {
        result.files.map { file in
            let before = file.base.map { "\($0.mode) \($0.size)" } ?? "-"
            return "\(file.path): \(before) \(file.status.map { "\($0)" } ?? "gone")"
        } + result.emptyDirectories.map { "\($0): empty" } + result.skipped.map { "\($0)" }
            + ["\(result.unchanged)"]
    }

    /// All that a cache has but directories that something lies in.
    private static func paths(_ directory: StatDirectory, _ path: RepositoryPath = .root) throws
        -> [RepositoryPath]
    {
        var (paths, names): ([RepositoryPath], [([UInt8], StatDirectory?)]) = ([], [])
        directory.forEachEntry { entry, below in
            names.append((entry.name, entry.mode == .directory ? below() : nil))
        }
        for (name, below) in names {
            let path = try path.appending(EntryName(name))
            let inside = try below.map { try Self.paths($0, path) } ?? []
            paths += inside.isEmpty ? [path] : inside
        }
        return paths
    }

    private static func edits(_ result: ScanResult) -> [StatCache.Edit] {
        // What goes makes room for what comes.
        let gone = result.files.filter { $0.status == nil }
        let there = result.files.filter { $0.status != nil }
        return (Array(gone) + there).map { file in
            guard let status = file.status, let name = file.path.names.last else {
                return StatCache.Edit(path: file.path, entry: nil, seen: nil)
            }
            let mode: EntryMode =
                status.kind == .link ? .link : status.isExecutable ? .executable : .file
            let entry = TreeEntry(
                name: name, mode: mode, id: ObjectID(of: .blob, payload: []), size: status.size)
            return StatCache.Edit(path: file.path, entry: entry, seen: StatCacheEntry.Seen(status))
        }
    }

    @Test(arguments: [UInt64.random(in: 0..<1_000_000), 1, 2, 3])
    func `a walk that knows names from before finds what one finds that lists them`(seed: UInt64) throws {
        var tree = try Tree(seed: seed)
        defer { try? FileManager.default.removeItem(atPath: "\(tree.root)") }
        guard Self.files.tellsOfNames(below: tree.root) else { return }
        var tracking = Tracking(paths: TrackedPaths(directories: [try RepositoryPath("data")]))
        func scan(_ cache: StatCache) throws -> ScanResult {
            // All is old enough: the test waits for the file system's clock instead.
            try Scan(
                root: tree.root, files: Self.files, cache: cache, tracking: tracking, clock: .max
            ).run(width: 2)
        }
        let empty = try StatCache(
            DirectoryTree(root: DirectoryTree.emptyRoot, reader: MemoryObjects()), base: nil,
            identity: tree.random.bytes(16))
        usleep(12_000)
        var plain = empty.applying(Self.edits(try scan(empty)), base: nil, identity: tree.random.bytes(16))
        let first = try scan(plain)
        var noted = plain.noting(first.sightings)
        #expect(first.sightings.count == tree.directories.count)
        #expect(try scan(noted).sightings.isEmpty, "what is known is not listed")
        for round in 0..<50 {
            // More than the coarsest clock of a kernel.
            usleep(12_000)
            let (expected, found) = (try scan(plain), try scan(noted))
            #expect(Self.text(found) == Self.text(expected), "round \(round), seed \(seed)")
            guard Self.text(found) == Self.text(expected) else { return }
            let scan = Scan(
                root: tree.root, files: Self.files, cache: plain, tracking: tracking, clock: .max)
            // What was taken out and is there anew the whole walk takes in again, the other one for gone.
            let partly = try scan.look(at: try Self.paths(plain.root)).files
                .filter { !tracking.isUntracked($0.path) }
            let known = expected.files.filter { $0.base != nil && !tracking.isUntracked($0.path) }
            let isSame = partly.map { "\($0)" } == known.map { "\($0)" }
            #expect(isSame, "round \(round), seed \(seed)")
            noted = noted.noting(found.sightings)
            switch Int.random(in: 0..<8, using: &tree.random) {
            case 0..<4:
                // A commit.
                let edits = Self.edits(expected)
                let identity = tree.random.bytes(16)
                plain = plain.applying(edits, base: nil, identity: identity)
                noted = noted.applying(edits, base: nil, identity: identity)
            case 4:
                // Versions come by that the disk knows nothing of, now and then many.
                var edits: [StatCache.Edit] = []
                for _ in 0..<([1, 3, 300].randomElement(using: &tree.random) ?? 1) {
                    let directory = tree.directories.randomElement(using: &tree.random) ?? "data"
                    let name = ["a", "b", "c", "d", "e"].randomElement(using: &tree.random) ?? "a"
                    let path = try RepositoryPath("\(directory)/\(name)")
                    edits.append(StatCache.Edit(path: path, entry: nil, seen: nil))
                    if Bool.random(using: &tree.random), let name = path.names.last {
                        let entry = TreeEntry(
                            name: name, mode: .file, id: ObjectID(of: .blob, payload: []), size: 1)
                        edits.append(StatCache.Edit(path: path, entry: entry, seen: nil))
                    }
                }
                let identity = tree.random.bytes(16)
                plain = plain.applying(edits, base: nil, identity: identity)
                noted = noted.applying(edits, base: nil, identity: identity)
            case 5, 6:
                // As a process finds it that comes later.
                let bytes = noted.bytes
                guard let table = bytes.table else { break }
                noted = try #require(
                    StatCache(table: MappedFile(holding: table), changes: MappedFile(holding: bytes.changes)))
            default:
                let path = try RepositoryPath("data/d\(Int.random(in: 0..<90, using: &tree.random))/a")
                tracking.untracked = tracking.untracked.isEmpty ? [path] : []
            }
            for _ in 0..<Int.random(in: 0..<4, using: &tree.random) { tree.change() }
        }
    }
}
