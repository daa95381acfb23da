import FileIO
import Lineage
import MLRepo
import ObjectModel
@testable import Storage
import TestSupport
import Testing

/// What was noted of commits: it changes no answer, whatever becomes of it.
@Suite struct KnownCommitsTests {
    private static let file: FilePath = "/home/.mlrepo/commits"

    /// Versions of `a`, which changes in every third, and `b`, which changes in the others.
    private static func make(_ count: Int, from first: Int = 0, _ bench: Workbench) throws {
        for number in first..<first + count {
            try bench.write(number % 3 == 0 ? "a" : "b", Array("\(number)".utf8))
            try bench.commit("\(number)")
        }
    }

    /// The commits that changed a file, and the one that made what it is now; then what was found out is noted.
    private static func ask(_ name: String, _ bench: Workbench) throws -> [String] {
        let repository = try bench.open()
        let tip = try #require(try repository.tip(of: "main"))
        let path = try RepositoryPath("data/\(name)")
        var messages: [String] = []
        try repository.history(of: [tip], changing: [path]) { _, commit in
            messages.append(commit.message)
            return true
        }
        messages.append(try repository.blame(path, at: tip)?.version?.commit.message ?? "none")
        repository.noteCommits()
        return messages
    }

    private static func expected(_ name: String, of count: Int) -> [String] {
        let numbers = (0..<count).reversed().filter { ($0 % 3 == 0) == (name == "a") }.map { "\($0)" }
        return numbers + [numbers.first ?? "none"]
    }

    @Test func `answers are the same with and without`() throws {
        let bench = try Workbench.fresh(seed: 301)
        try Self.make(20, bench)
        #expect(try Self.ask("a", bench) == Self.expected("a", of: 20))
        // So few are not worth it.
        #expect(try bench.disk.status(Self.file) == nil)
        try Self.make(40, from: 20, bench)
        for _ in 0..<2 {
            for name in ["a", "b"] {
                #expect(try Self.ask(name, bench) == Self.expected(name, of: 60))
                #expect(try bench.disk.status(Self.file)?.size ?? 0 > 60 * 72)
            }
        }
        try Self.make(50, from: 60, bench)
        let before = try bench.disk.contents(Self.file, limit: 1 << 20)
        for name in ["a", "b"] { #expect(try Self.ask(name, bench) == Self.expected(name, of: 110)) }
        let grown = try bench.disk.contents(Self.file, limit: 1 << 20)
        #expect(grown.count > before.count)
        // Then all is known.
        for name in ["a", "b"] { #expect(try Self.ask(name, bench) == Self.expected(name, of: 110)) }
        #expect(try bench.disk.contents(Self.file, limit: 1 << 20) == grown)
        #expect(try bench.problems() == [])
    }

    @Test func `what is damaged is made anew`() throws {
        let bench = try Workbench.fresh(seed: 302)
        try Self.make(40, bench)
        #expect(try Self.ask("a", bench) == Self.expected("a", of: 40))
        let whole = try bench.disk.contents(Self.file, limit: 1 << 20)
        var flipped = whole
        flipped[whole.count / 2] ^= 1
        for bytes in [[], Array(whole.dropLast()), flipped, Array("MLC1".utf8)] {
            try bench.disk.remove(Self.file)
            let file = try bench.disk.create(Self.file, permissions: 0o644)
            try bench.disk.write(file, bytes)
            bench.disk.close(file)
            #expect(try Self.ask("b", bench) == Self.expected("b", of: 40))
            #expect(try bench.disk.contents(Self.file, limit: 1 << 20).count == whole.count)
        }
        // A directory in its place is left alone.
        try bench.disk.remove(Self.file)
        try bench.disk.makeDirectory(Self.file, permissions: 0o755)
        #expect(try Self.ask("b", bench) == Self.expected("b", of: 40))
        #expect(try !bench.disk.names(in: Self.file.parent).contains { $0.starts(with: Array("tmp-".utf8)) })
    }

    @Test func `a commit that is lost hides no older one`() throws {
        let bench = try Workbench.fresh(seed: 306)
        try Self.make(40, bench)
        #expect(try Self.ask("a", bench) == Self.expected("a", of: 40))
        let repository = try bench.open()
        let tip = try #require(try repository.tip(of: "main"))
        // The newest pack has one commit only.
        let found = try #require(repository.store.find(ObjectReference(.commit, tip)))
        let pack = repository.store.layout.pack(found.pack.name)
        var bytes = try bench.disk.contents(pack, limit: 1 << 20)
        bytes[try found.pack.index.frame(found.place.frame).offset + 40] ^= 0xff
        try bench.disk.remove(pack)
        let file = try bench.disk.create(pack, permissions: 0o444)
        try bench.disk.write(file, bytes)
        bench.disk.close(file)
        var messages: [String] = []
        #expect(throws: RepositoryError.self) {
            try bench.open().history(of: [tip], changing: [RepositoryPath("data/a")]) { _, commit in
                messages.append(commit.message)
                return true
            }
        }
        #expect(messages == Array(Self.expected("a", of: 40).dropFirst().dropLast()))
    }

    @Test func `stopped at any call, it is the old one or the new one`() throws {
        let bench = try Workbench.fresh(seed: 303)
        try Self.make(40, bench)
        bench.disk.synchronizeAll()
        let whole = bench.disk.copy()
        let recorder = RecordingFileSystem(whole)
        _ = try Self.ask("a", Workbench(whole, files: recorder, seed: 304))
        for call in 0..<recorder.calls.count {
            let disk = bench.disk.copy()
            let files = RecordingFileSystem(disk, stop: .init(at: call, takesEffect: true))
            _ = try? Self.ask("a", Workbench(disk, files: files, seed: 304))
            for survivors in [SimulatedDisk.Survivors.everything, .nothing] {
                let after = Workbench(disk.crash(keeping: survivors), seed: 305)
                #expect(try Self.ask("a", after) == Self.expected("a", of: 40), "call \(call)")
                #expect(try Self.ask("b", after) == Self.expected("b", of: 40), "call \(call)")
            }
        }
    }
}
