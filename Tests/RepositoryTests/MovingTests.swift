import FileIO
import MLRepo
import ObjectModel
import TestSupport
import Testing
import WorkingTree

/// `mv` and `rm`: the next version has what the disk has, and nothing drops out of it unasked.
@Suite struct MovingTests {
    private func paths(_ bench: Workbench, of id: ObjectID) throws -> [String] {
        let repository = try bench.open()
        var paths: [String] = []
        try repository.tree(repository.store.commit(id)).forEachFile { (path, _) throws(ReadError) in
            paths.append("\(path)")
        }
        return paths.sorted()
    }

    private func path(_ text: String) throws -> RepositoryPath { try RepositoryPath(text) }

    @Test func `a file moves inside a tracked directory, out of it and back`() throws {
        let bench = try Workbench.fresh(seed: 1)
        try bench.write("a", [1])
        try bench.write("b", [2])
        try bench.commit("first")
        try bench.open().move(path("data/a"), to: path("data/c"))
        #expect(try paths(bench, of: bench.commit("renamed")) == ["data/b", "data/c"])
        try bench.open().move(path("data/c"), to: path("c"))
        #expect(try paths(bench, of: bench.commit("out")) == ["c", "data/b"])
        try bench.open().move(path("c"), to: path("data/a"))
        #expect(try paths(bench, of: bench.commit("back")) == ["data/a", "data/b"])
        #expect(try bench.open().status().changes.isEmpty)
    }

    @Test func `a tracked directory stays one under its new name`() throws {
        let bench = try Workbench.fresh(seed: 2)
        try bench.write("sub/a", [1])
        try bench.commit("first")
        try bench.open().move(path("data"), to: path("other"))
        #expect(try paths(bench, of: bench.commit("moved")) == ["other/sub/a"])
        let file = try bench.disk.create(Workbench.home / "other/new", permissions: 0o644)
        bench.disk.close(file)
        #expect(try paths(bench, of: bench.commit("more")) == ["other/new", "other/sub/a"])
    }

    @Test func `nothing is overwritten, and nothing untracked is moved`() throws {
        let bench = try Workbench.fresh(seed: 3)
        try bench.write("a", [1])
        try bench.write("b", [2])
        try bench.commit("first")
        #expect(throws: RepositoryError.refExists("data/b")) {
            try bench.open().move(path("data/a"), to: path("data/b"))
        }
        #expect(throws: RepositoryError.noPath("data/x")) {
            try bench.open().move(path("data/x"), to: path("y"))
        }
        #expect(throws: RepositoryError.intoItself(try path("data"))) {
            try bench.open().move(path("data"), to: path("data/in"))
        }
        let file = try bench.disk.create(Workbench.home / "loose", permissions: 0o644)
        bench.disk.close(file)
        #expect(throws: RepositoryError.notTracked(try path("loose"))) {
            try bench.open().move(path("loose"), to: path("z"))
        }
        #expect(throws: RepositoryError.notTracked(try path("loose"))) {
            try bench.open().remove([path("loose")], isForced: false)
        }
        #expect(try bench.open().status().changes.isEmpty)
    }

    @Test func `what is removed is gone from the next version only, and comes back until then`() throws {
        let bench = try Workbench.fresh(seed: 4)
        try bench.write("a", [1])
        try bench.write("b", [2])
        let first = try bench.commit("first")
        #expect(try bench.open().remove([path("data")], isForced: false).removed == 2)
        #expect(try bench.read("a") == nil)
        #expect(try bench.open().restore([path("data")]).count == 2)
        #expect(try bench.open().status().changes.isEmpty)
        // The directory is tracked again with all that comes into it.
        try bench.write("c", [3])
        #expect(try bench.open().status().changes.map { "\($0.path)" } == ["data/c"])
        #expect(throws: RepositoryError.wouldLose([try path("data/c")])) {
            try bench.open().remove([path("data")], isForced: false)
        }
        #expect(try bench.open().remove([path("data/a")], isForced: false).removed == 1)
        // No --deleted is needed: it was said.
        let second = try bench.open().commit(CommitRequest(message: "second")).id
        #expect(try paths(bench, of: second) == ["data/b", "data/c"])
        #expect(try paths(bench, of: first) == ["data/a", "data/b"])
    }
}

/// What was said about tracking holds as long as it was meant to.
extension MovingTests {
    @Test func `what is untracked inside a tracked directory stays out of it`() throws {
        let bench = try Workbench.fresh(seed: 5)
        try bench.write("a*b", [1])
        try bench.write("ab", [2])
        try bench.commit("first")
        #expect(try bench.open().untrack([path("data/a*b")]) == [path("data/a*b")])
        #expect(try paths(bench, of: bench.commit("second")) == ["data/ab"])
        #expect(try bench.open().status().changes.isEmpty)
        #expect(try bench.read("a*b") == [1])
    }

    @Test func `a file that is made anew after its removal was committed is seen, whatever was killed`()
        throws
    {
        let bench = try Workbench.fresh(seed: 6)
        try bench.write("a", [1])
        try bench.write("b", [2])
        try bench.commit("first")
        #expect(try bench.open().remove([path("data/a")], isForced: false).removed == 1)
        let tracked = try bench.disk.contents(Workbench.home / ".mlrepo/tracked", limit: 10_000)
        try bench.commit("second")
        // The commit was killed before it took this back.
        let file = try bench.disk.create(Workbench.home / ".mlrepo/tracked", permissions: 0o644)
        try bench.disk.write(file, tracked)
        bench.disk.close(file)
        try bench.write("a", [3])
        #expect(try bench.open().status().changes.map { "\($0.path)" } == ["data/a"])
    }

    @Test func `a move that was killed before it renamed goes on`() throws {
        let bench = try Workbench.fresh(seed: 7)
        try bench.write("a", [1])
        try bench.commit("first")
        try bench.open().move(path("data"), to: path("other"))
        try bench.disk.rename(Workbench.home / "other", to: Workbench.home / "data")
        try bench.open().move(path("data"), to: path("other"))
        #expect(try paths(bench, of: bench.commit("moved")) == ["other/a"])
    }

    @Test func `a commit of a move is taken back and made again`() throws {
        let bench = try Workbench.fresh(seed: 8)
        try bench.write("a", [1])
        try bench.commit("first")
        try bench.open().move(path("data"), to: path("other"))
        _ = try bench.open().commit(CommitRequest(message: "moved"))
        try bench.open().undo(#require(try bench.open().undoable()))
        let again = try bench.open().commit(CommitRequest(message: "moved again")).id
        #expect(try paths(bench, of: again) == ["other/a"])
    }

    @Test func `what was added is still added after a forced checkout`() throws {
        let bench = try Workbench.fresh(seed: 9)
        try bench.write("a", [1])
        let first = try bench.commit("first")
        try bench.disk.makeDirectory(Workbench.home / "extra", permissions: 0o755)
        _ = try bench.open().add(paths: [path("extra")], patterns: [])
        try bench.write("a", [2])
        _ = try bench.open().forcedCheckout(first, branch: "main")
        #expect(try bench.open().status().tracking.coversDirectory(path("extra")))
        try bench.open().undo(#require(try bench.open().undoable()))
        #expect(try bench.open().status().tracking.coversDirectory(path("extra")))
        #expect(try bench.read("a") == [2])
    }
}

/// What somebody wrote is never taken for what a version has, whatever was said about tracking.
@Suite struct UntrackedWorkTests {
    private static let precious = Array("precious".utf8)

    private func start() throws -> Workbench {
        let bench = try Workbench.fresh(seed: 11)
        try bench.write("a", [1])
        try bench.write("b", [2])
        try bench.commit("first")
        return bench
    }

    @Test func `rm leaves what was written after untrack`() throws {
        let bench = try start()
        _ = try bench.open().untrack([RepositoryPath("data/a")])
        try bench.write("a", Self.precious)
        let data = try RepositoryPath("data")
        #expect(throws: RepositoryError.wouldLose([try RepositoryPath("data/a")])) {
            try bench.open().remove([data], isForced: false)
        }
        #expect(try bench.read("a") == Self.precious)
        #expect(try bench.open().remove([data], isForced: true).removed > 0)
        try bench.open().undo(#require(try bench.open().undoable()))
        #expect(try bench.read("a") == Self.precious)
    }

    @Test func `restore leaves alone what is there`() throws {
        let bench = try start()
        _ = try bench.open().remove([RepositoryPath("data/a")], isForced: false)
        try bench.write("a", Self.precious)
        _ = try bench.open().restore([.root])
        #expect(try bench.read("a") == Self.precious)
    }

    @Test func `a file in the place of an empty directory is committed, and restore leaves it alone`() throws
    {
        let bench = try start()
        try bench.disk.makeDirectory(Workbench.home / "data/e", permissions: 0o755)
        try bench.commit("with e")
        try bench.disk.removeDirectory(Workbench.home / "data/e")
        try bench.write("e", Self.precious)
        _ = try bench.open().restore([.root])
        #expect(try bench.read("e") == Self.precious)
        let id = try bench.commit("e is a file")
        #expect(try bench.content("e", of: id) == Self.precious)
        #expect(try bench.open().status().changes.isEmpty)
        #expect(try bench.problems() == [])
    }

    @Test func `undo of a forced checkout leaves what was written since`() throws {
        let bench = try start()
        try bench.write("a", Array("mine".utf8))
        let head = try #require(try bench.open().base().head.commit)
        _ = try bench.open().checkout([RepositoryPath("data/a")], of: head, isForced: true)
        try bench.write("a", Self.precious)
        let operation = try #require(try bench.open().undoable())
        #expect(throws: RepositoryError.wouldLose([try RepositoryPath("data/a")])) {
            try bench.open().undo(operation)
        }
        #expect(try bench.read("a") == Self.precious)
        try bench.write("a", [1])
        try bench.open().undo(operation)
        #expect(try bench.read("a") == Array("mine".utf8))
    }

    @Test func `a directory that became a link is kept as the link, and what lies behind it is left alone`()
        throws
    {
        let bench = try start()
        let head = try #require(try bench.open().base().head.commit)
        try bench.disk.rename(Workbench.home / "data", to: "/elsewhere")
        try bench.disk.makeLink(Workbench.home / "data", target: Array("/elsewhere".utf8))
        _ = try bench.open().checkout([RepositoryPath("data")], of: head, isForced: true)
        #expect(try bench.disk.status(Workbench.home / "data")?.kind == .directory)
        #expect(try bench.disk.contents("/elsewhere/a", limit: 10) == [1])
        try bench.open().undo(#require(try bench.open().undoable()))
        #expect(try bench.disk.status(Workbench.home / "data")?.kind == .link)
    }

    @Test func `a tracked file that became a directory is kept by a forced checkout`() throws {
        let bench = try start()
        let first = try #require(try bench.open().base().head.commit)
        try bench.disk.remove(Workbench.home / "data/b")
        try bench.write("b/y", [3])
        try bench.commit("second")
        _ = try bench.open().checkout(first, branch: nil)
        try bench.disk.remove(Workbench.home / "data/b")
        try bench.write("b/y", Self.precious)
        let tip = try #require(try bench.open().tip(of: "main"))
        _ = try bench.open().forcedCheckout(tip, branch: "main")
        #expect(try bench.read("b/y") == [3])
        try bench.open().undo(#require(try bench.open().undoable()))
        #expect(try bench.read("b/y") == Self.precious)
    }

    @Test func `what is written between the look and the write is not overwritten`() throws {
        let bench = try start()
        let first = try #require(try bench.open().base().head.commit)
        try bench.write("a", [5])
        try bench.commit("second")
        // The file is written again when the checkout is about to remove it.
        let files = RecordingFileSystem(
            bench.disk,
            judge: { call in
                if call.operation == .rename, call.path.name.starts(with: EntryName.temporaryPrefix) {
                    return .proceed
                }
                if call.operation == .create, call.path.name.starts(with: EntryName.temporaryPrefix) {
                    try? bench.write("a", Self.precious)
                }
                return .proceed
            })
        let racing = Workbench(bench.disk, files: files, seed: 12)
        #expect(throws: RepositoryError.self) { try racing.open().checkout(first, branch: nil) }
        #expect(try bench.read("a") == Self.precious)
    }

    @Test func `a record that is too large is refused before anything is written`() throws {
        let bench = try start()
        try bench.write("c", [3])
        var request = CommitRequest(message: "large")
        request.metrics = ["x": .list((0..<60_000).map { .integer(String(1_000_000_000 + $0)) })]
        #expect(throws: RepositoryError.self) { try bench.open().commit(request) }
        #expect(try bench.open().log().count == 1)
        #expect(try bench.problems() == [])
    }
}

extension Repository {
    fileprivate func log() throws -> [ObjectID] {
        var ids: [ObjectID] = []
        guard let tip = try base().head.commit else { return [] }
        try history(of: [tip]) { id, _ in
            ids.append(id)
            return true
        }
        return ids
    }
}
