import FileIO
import MLRepo
import ObjectModel
import Storage
import TestSupport
import Testing

/// Several working copies on one store, and several commands in one working copy: nobody's work is lost.
@Suite struct WorkingCopiesTests {
    /// A second working copy, in `/other`.
    private static func second(_ bench: Workbench) throws -> Workbench {
        _ = try bench.open().addWorktree("/other", at: bench.first(), branch: "main")
        return Workbench(bench.disk, seed: 99, at: "/other")
    }

    private static func write(_ bench: Workbench, _ path: FilePath, _ text: String) throws {
        try bench.disk.removeIfPresent(path)
        let file = try bench.disk.create(path, permissions: 0o644)
        defer { bench.disk.close(file) }
        try bench.disk.write(file, Array(text.utf8))
    }

    private static func text(_ bench: Workbench, _ path: FilePath) throws -> String? {
        try bench.disk.contentsIfPresent(path, limit: 1000).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `a commit on a branch that moved brings what others changed, and takes nothing of mine`()
        throws
    {
        let bench = try Workbench.fresh(seed: 51)
        let other = try Self.second(bench)
        try Self.write(bench, "/home/data/mine", "m")
        try bench.commit("mine")
        try Self.write(bench, "/other/data/theirs", "t")
        let merged = try other.commit("theirs")
        #expect(try Self.text(bench, "/other/data/mine") == "m")
        #expect(try bench.content("mine", of: merged) == Array("m".utf8))
        #expect(try other.open().status().changes.isEmpty)
    }

    @Test func `files of both sides in a directory that was empty are looked at ever after`() throws {
        let place: FilePath = "/other"
        for isRoot in [true, false] {
            let bench = try Workbench.fresh(seed: 63)
            let directory = isRoot ? "data" : "data/s"
            try bench.disk.makeDirectories(Workbench.home / directory, permissions: 0o755)
            let base = try bench.commit("base")
            _ = try bench.open().addWorktree("/other", at: base, branch: "main")
            let other = Workbench(bench.disk, seed: 99, at: "/other")
            try Self.write(bench, Workbench.home / directory / "theirs", "t")
            try bench.commit("theirs")
            try bench.disk.makeDirectories(place / directory, permissions: 0o755)
            try Self.write(bench, place / directory / "mine", "m")
            try other.commit("mine")
            #expect(try other.open().status().changes.isEmpty)
            try bench.disk.remove(place / directory / "mine")
            let changes = try other.open().status().changes
            #expect(changes.map { "\($0.state) \($0.path)" } == ["deleted \(directory)/mine"])
            try Self.write(bench, place / directory / "mine", "another")
            #expect(try other.open().status().changes.map(\.state) == [.modified])
        }
    }

    @Test func `a look does not take the note of a commit that takes over what others committed`() throws {
        let bench = try Workbench.fresh(seed: 62)
        let base = try bench.first()
        let tree = try bench.open().store.commit(base).tree
        // As a commit has it before its log entry: from the base to what it makes.
        let note = WorkingCopy.Pending(from: tree, to: DirectoryTree.emptyRoot, upon: tree)
        try bench.open().copy.setPending(note)
        #expect(try !bench.open().status().isPending)
        #expect(try bench.open().copy.pending() == note)
        // Nothing came of it: the next commit goes on.
        try bench.write("b", [8])
        try bench.commit("next")
        #expect(try bench.open().copy.pending() == nil)
    }

    @Test func `a commit never writes what others changed over an edit that it leaves out`() throws {
        let bench = try Workbench.fresh(seed: 52)
        let other = try Self.second(bench)
        try Self.write(bench, "/home/data/a", "theirs")
        try bench.commit("theirs")
        try Self.write(bench, "/other/data/a", "precious")
        try Self.write(bench, "/other/data/b", "b")
        var request = CommitRequest(message: "only b")
        request.paths = [try RepositoryPath("data/b")]
        let path = try RepositoryPath("data/a")
        #expect(throws: RepositoryError.wouldLose([path])) { try other.open().commit(request) }
        #expect(try Self.text(bench, "/other/data/a") == "precious")
        #expect(try bench.problems() == [])
    }

    @Test func `a commit never writes what others added over a file that is not tracked`() throws {
        let bench = try Workbench.fresh(seed: 53)
        let other = try Self.second(bench)
        try Self.write(bench, "/home/notes", "theirs")
        _ = try bench.open().add(paths: [RepositoryPath("notes")], patterns: [])
        try bench.commit("notes")
        try Self.write(bench, "/other/notes", "mine alone")
        try Self.write(bench, "/other/data/b", "b")
        let path = try RepositoryPath("notes")
        #expect(throws: RepositoryError.wouldLose([path])) { try other.commit("b") }
        #expect(try Self.text(bench, "/other/notes") == "mine alone")
    }

    @Test func `of two commits at once on no branch the second says so, and the first stays in the history`()
        throws
    {
        let bench = try Workbench.fresh(seed: 54)
        let first = try bench.first()
        _ = try bench.open().checkout(first, branch: nil)
        try bench.write("b", [1])
        let slow = try bench.open()
        // The second one looks before the first is done, and comes to its end after it.
        let head = try slow.base().head
        let done = try bench.commit("first of two")
        try slow.store.refresh()
        #expect(throws: RepositoryError.self) { try slow.standing(head, on: first, from: head.commit) }
        #expect(try bench.open().base().head.commit == done)
    }

    @Test func `undo keeps what was added since, also where it takes back what added it`() throws {
        let bench = try Workbench.fresh(seed: 55)
        try bench.first()
        try Self.write(bench, "/home/extra", "x")
        _ = try bench.open().add(paths: [RepositoryPath("extra")], patterns: [])
        try bench.write("b", [2])
        var request = CommitRequest(message: "only b")
        request.paths = [try RepositoryPath("data/b")]
        _ = try bench.open().commit(request)
        try bench.open().undo(#require(try bench.open().undoable()))
        let paths = try bench.open().status().changes.map { "\($0.path)" }
        #expect(paths.contains("extra") && paths.contains("data/b"))
    }

    @Test func `a file that was added and is left out makes no version by itself`() throws {
        let bench = try Workbench.fresh(seed: 56)
        try bench.first()
        try Self.write(bench, "/home/extra", "x")
        _ = try bench.open().add(paths: [RepositoryPath("extra")], patterns: [])
        var request = CommitRequest(message: "data alone")
        request.paths = [try RepositoryPath("data")]
        #expect(throws: RepositoryError.nothingToCommit) { try bench.open().commit(request) }
    }

    @Test func `a working copy whose branch is gone stands on its commit`() throws {
        let bench = try Workbench.fresh(seed: 57)
        let first = try bench.first()
        try bench.open().makeRef("branches", "side", at: first)
        let other = try Self.second(bench)
        _ = try other.open().checkout(first, branch: "side")
        #expect(throws: RepositoryError.branchInUse("side", "/other")) {
            try bench.open().removeRef("branches", "side")
        }
        // Where the other one is was forgotten, or is a disk that is not here.
        let id = try other.open().base().head.workingCopy
        try bench.disk.remove(Workbench.home / ".mlrepo/cache/worktrees" / id)
        try bench.open().removeRef("branches", "side")
        let head = try other.open().base().head
        #expect(head.branch == nil && head.commit == first)
    }

    @Test func `a store by itself tells its history and has no files`() throws {
        let bench = try Workbench.fresh(seed: 58)
        var request = CreationRequest()
        request.isBare = true
        _ = try Repository.create(at: "/team", request, bench.environment)
        var onTeam = CreationRequest()
        onTeam.store = "/team"
        let copy = Workbench(bench.disk, seed: 60, at: "/copy")
        _ = try Repository.create(at: "/copy", onTeam, copy.environment)
        try bench.disk.makeDirectory("/copy/data", permissions: 0o755)
        try Self.write(bench, "/copy/data/a", "a")
        _ = try copy.open().add(paths: [RepositoryPath("data")], patterns: [])
        let commit = try copy.commit("one")
        let team = try Workbench(bench.disk, seed: 61, at: "/team").open()
        #expect(try team.base().head.commit == commit)
        #expect(throws: RepositoryError.bare("/team")) { try team.status() }
        _ = try team.collection(of: nil, immediately: true).perform()
        #expect(try copy.open().status().changes.isEmpty)
        #expect(throws: RepositoryError.store(.exists("/team"))) {
            try Repository.create(at: "/team", request, bench.environment)
        }
    }
}
