import FileIO
import ObjectModel
import TestSupport
import Testing
import WorkingTree

@Suite struct ScannedFilesTests {
    private static func file(_ random: inout SplitMix64) throws -> ScannedFile {
        let names = ["a", "a.b", "a-", "b", "B", "é", "0", "zz"]
        let path = (0..<Int.random(in: 1...4, using: &random)).map { _ in
            names.randomElement(using: &random) ?? "a"
        }.joined(separator: "/")
        let status = FileStatus(
            kind: Bool.random(using: &random) ? .file : .link,
            permissions: UInt16.random(in: 0..<0o7777, using: &random),
            size: Int.random(in: 0..<(1 << 50), using: &random), modified: Int64(bitPattern: random.next()),
            changed: Int64(bitPattern: random.next()), inode: random.next(),
            device: random.next() % 5)
        return ScannedFile(path: try RepositoryPath(path), status: status)
    }

    @Test(arguments: [1 as UInt64, 2, 3, 4]) func `files come back as they were put in, in order of a walk`(
        seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        let model = try (0..<3000).map { _ in try Self.file(&random) }
        var files = ScannedFiles(model)
        for (file, expected) in zip(files, model) {
            #expect(file.path == expected.path && file.status == expected.status && file.base == nil)
        }
        files.sort()
        let expected = model.sorted { DirectoryTree.walkOrder($0.path, $1.path) }
        #expect(files.count == expected.count)
        for (file, expected) in zip(files, expected) {
            #expect(file.path == expected.path && file.status == expected.status, "seed \(seed)")
        }
        let links = files.filter { $0.status?.kind == .link }
        #expect(links.map(\.path) == expected.filter { $0.status?.kind == .link }.map(\.path))
    }

    @Test func `names fill more than one block`() throws {
        let long = String(repeating: "x", count: 250)
        let paths = try (0..<2000).map { try RepositoryPath("d/\($0)-\(long.prefix(240))") }
        let status = FileStatus(
            kind: .file, permissions: 0o644, size: 1, modified: 2, changed: 3, inode: 4, device: 5)
        let files = ScannedFiles(paths.map { ScannedFile(path: $0, status: status) })
        #expect(files.map(\.path) == paths)
    }
}
