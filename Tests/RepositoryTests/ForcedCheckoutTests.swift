import FileIO
import MLRepo
import ObjectModel
import Storage
import TestSupport
import Testing

/// What `--force` overwrites is kept before, at whatever call the power goes, and `undo` brings it back.
@Suite struct ForcedCheckoutTests {
    enum Command: String, CaseIterable {
        case checkout, paths, remove
        /// Of a path without changes, by no force.
        case clean
    }

    private static let dirty = Array("nobody else has this".utf8)
    private static let untracked = Array("nor this".utf8)

    /// `data/a` has changes that no version has, and `data/d`, which is in the way of the first version, is not tracked at all.
    private static func start() throws -> (disk: SimulatedDisk, first: ObjectID) {
        let bench = try Workbench.fresh(seed: 1)
        for (name, text) in [("a", "1"), ("b", "b"), ("d", "d")] { try bench.write(name, Array(text.utf8)) }
        let first = try bench.commit("first")
        try bench.write("a", Array("2".utf8))
        try bench.write("b", Array("b2".utf8))
        try bench.disk.remove(Workbench.home / "data/d")
        try bench.commit("second")
        _ = try bench.open().untrack([RepositoryPath("data")])
        _ = try bench.open().add(paths: [RepositoryPath("data/a"), RepositoryPath("data/b")], patterns: [])
        try bench.commit("no directory")
        try bench.write("a", dirty)
        try bench.write("d", untracked)
        bench.disk.synchronizeAll()
        return (bench.disk, first)
    }

    private static func run(_ command: Command, _ first: ObjectID, _ bench: Workbench) throws {
        let repository = try bench.open()
        switch command {
        case .checkout: _ = try repository.forcedCheckout(first, branch: nil)
        case .paths: _ = try repository.checkout([RepositoryPath("data")], of: first, isForced: true)
        case .clean: _ = try repository.checkout([RepositoryPath("data/b")], of: first, isForced: false)
        case .remove:
            do { _ = try repository.remove([RepositoryPath("data/a")], isForced: true) } catch RepositoryError
                .noPath
            {
            }
        }
    }

    /// Whether some content is on disk, or in a version that the log names.
    private static func isKept(_ name: String, _ bytes: [UInt8], _ bench: Workbench) throws -> Bool {
        if try bench.read(name) == bytes { return true }
        var isFound = false
        try bench.open().operations { (operation) throws(RepositoryError) in
            for change in operation.event.refs {
                guard let id = change.after?.id else { continue }
                if (try? bench.content(name, of: id)) == bytes { isFound = true }
            }
            return !isFound
        }
        return isFound
    }

    private static func problem(_ command: Command, _ first: ObjectID, _ disk: SimulatedDisk) -> String? {
        let bench = Workbench(disk, seed: 77)
        do {
            let problems = try bench.problems().filter { $0.kind != .cache }
            guard problems.isEmpty else { return "fsck: \(problems)" }
            guard try isKept("a", dirty, bench), try isKept("d", untracked, bench) else { return "lost" }
            try run(command, first, Workbench(disk, seed: 78))
            if command == .clean {
                guard try bench.read("b") == Array("b".utf8) else { return "again: not the first version" }
                try bench.open().undo(#require(try bench.open().undoable()))
                guard try bench.read("b") == Array("b2".utf8) else {
                    return "undo: b is not the second version"
                }
                return try bench.read("a") == dirty ? nil : "a was touched"
            }
            if command != .remove {
                guard try bench.read("a") == Array("1".utf8), try bench.read("d") == Array("d".utf8) else {
                    return "again: not the first version"
                }
            } else if try bench.read("a") != nil {
                return "again: not removed"
            }
            // Whatever was kept on the way is found by going back.
            for _ in 0..<3 where try bench.read("a") != dirty {
                guard let operation = try bench.open().undoable(), operation.event.verb != "commit" else {
                    break
                }
                try bench.open().undo(operation)
            }
            guard try bench.read("a") == dirty else { return "undo: a is \(try bench.read("a") ?? [])" }
            return nil
        } catch { return "\(error)" }
    }

    @Test(arguments: Command.allCases)
    func `whatever call a power cut comes at, what is overwritten is kept`(command: Command) throws {
        let (disk, first) = try Self.start()
        let whole = disk.copy()
        let recorder = RecordingFileSystem(whole, stop: nil)
        try Self.run(command, first, Workbench(whole, files: recorder, seed: 2))
        var (violations, seen, crashes): ([String], Set<Int>, Int) = ([], [], 0)
        for call in recorder.calls {
            for takesEffect in [false, true] where violations.count < 3 {
                let copy = disk.copy()
                let files = RecordingFileSystem(copy, stop: .init(at: call.number, takesEffect: takesEffect))
                try? Self.run(command, first, Workbench(copy, files: files, seed: 2))
                guard seen.insert(copy.changeCount).inserted else { continue }
                for survivors in [SimulatedDisk.Survivors.nothing, .everything, .seed(UInt64(call.number))] {
                    crashes += 1
                    guard let problem = Self.problem(command, first, copy.crash(keeping: survivors)) else {
                        continue
                    }
                    violations.append(
                        "\(call) \(takesEffect ? "done" : "not done"), \(survivors): \(problem)")
                }
            }
        }
        #expect(violations == [])
        print("\(command.rawValue) --force: \(recorder.calls.count) calls, \(crashes) power cuts")
    }

    @Test func `undo brings back what a checkout overwrote, and redo overwrites it again`() throws {
        let (disk, first) = try Self.start()
        let bench = Workbench(disk, seed: 3)
        let head = try bench.open().base().head
        #expect(throws: RepositoryError.self) { try bench.open().checkout(first, branch: nil) }
        try Self.run(.checkout, first, bench)
        #expect(try bench.read("a") == Array("1".utf8))
        #expect(try bench.open().status().changes.isEmpty)

        try bench.open().undo(#require(try bench.open().undoable()))
        #expect(try bench.read("a") == Self.dirty)
        #expect(try bench.read("d") == Self.untracked)
        #expect(try bench.open().base().head == head)

        let (undo, operation) = try #require(try bench.open().redoable().found)
        try bench.open().redo(undo, of: operation)
        #expect(try bench.read("a") == Array("1".utf8))
        #expect(try bench.open().base().head.commit == first)
        #expect(try bench.open().redoable().found == nil)
    }

    @Test func `a directory in the place of a file is kept with all that is in it`() throws {
        let bench = try Workbench.fresh(seed: 4)
        try bench.write("x", Array("file".utf8))
        let first = try bench.commit("first")
        try bench.disk.remove(Workbench.home / "data/x")
        try bench.commit("second")
        try bench.write("x/y/z", Self.untracked)
        try bench.disk.makeDirectory(Workbench.home / "data/x/empty", permissions: 0o755)
        _ = try bench.open().forcedCheckout(first, branch: nil)
        #expect(try bench.read("x") == Array("file".utf8))
        try bench.open().undo(#require(try bench.open().undoable()))
        #expect(try bench.read("x/y/z") == Self.untracked)
        #expect(try bench.disk.status(Workbench.home / "data/x/empty")?.kind == .directory)
    }
}
