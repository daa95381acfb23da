import FileIO
import MLRepo
import ObjectModel
import Storage
import Synchronization
import TestSupport
import Testing

/// What another process does between two calls of a command.
@Suite struct OthersBetweenTests {
    private static let hour: Int64 = 3_600_000_000_000
    private static let day = 24 * hour

    /// A large file, and a small one, that only a branch had which is gone.
    private func abandoned(seed: UInt64) throws -> (bench: Workbench, large: [UInt8]) {
        let bench = try Workbench.fresh(seed: seed)
        let main = try bench.first()
        var random = SplitMix64(seed: seed)
        let large = random.bytes(400_000)
        try bench.open().makeRef("branches", "try", at: main)
        _ = try bench.open().checkout(main, branch: "try")
        try bench.write("large", large)
        try bench.write("small", [7, 7, 7])
        try bench.write("both/x", [1])
        // So much that its pack is made anew.
        try bench.write("waste", random.bytes(20_000))
        try bench.commit("tried")
        _ = try bench.open().checkout(main, branch: "main")
        // This directory lies in the pack of the other branch, which a collection makes anew.
        try bench.write("both/x", [1])
        try bench.commit("both")
        try bench.open().removeRef("branches", "try")
        // What is written now relies on what is there, and reads that directory.
        try bench.write("both/y", [2])
        try bench.write("large", large)
        try bench.write("small", [7, 7, 7])
        return (bench, large)
    }

    @Test func `wherever a collection comes between, a check accuses nobody`() throws {
        let root = Workbench.home / ".mlrepo"
        let counting = try abandoned(seed: 63).bench
        let recorder = RecordingFileSystem(counting.disk)
        #expect(try IntegrityChecker(root, files: recorder, threads: 1).check().isClean)
        var vanished = 0
        for number in 0..<recorder.calls.count {
            let bench = try abandoned(seed: 63).bench
            let between = RecordingFileSystem(
                bench.disk,
                judge: { call in
                    if call.number == number {
                        _ = try? bench.open().collection(of: nil, immediately: true).perform()
                    }
                    return .proceed
                })
            let report = try IntegrityChecker(root, files: between, threads: 1).check()
            #expect(report.problems == [], "a collection before call \(number)")
            // It was begun anew.
            if between.calls.count > recorder.calls.count { vanished += 1 }
        }
        #expect(vanished > 0)
    }

    @Test func `wherever a collection comes between, a commit begins anew and is whole`() throws {
        let counting = try abandoned(seed: 61).bench
        let recorder = RecordingFileSystem(counting.disk)
        try Workbench(counting.disk, files: recorder, seed: 62).commit("again")
        var begunAnew = 0
        for number in 0..<recorder.calls.count {
            let (bench, large) = try abandoned(seed: 61)
            let between = RecordingFileSystem(
                bench.disk,
                judge: { call in
                    guard call.number == number else { return .proceed }
                    // A slow commit: its finished packs look like leavings.
                    bench.disk.pass(2 * Self.hour)
                    _ = try? bench.open().collection(of: nil, immediately: true).perform()
                    return .proceed
                })
            let late = Workbench(bench.disk, files: between, seed: 62)
            // Also where a collection took for left behind what nobody had written to for two hours.
            #expect(throws: Never.self, "call \(number)") { try late.commit("again") }
            if between.calls.count > 3 * recorder.calls.count / 2 { begunAnew += 1 }
            let problems = try bench.problems()
            #expect(problems == [], "call \(number)")
            let tip = try #require(try bench.open().tip(of: "main"))
            #expect(try bench.content("large", of: tip) == large, "call \(number)")
            #expect(try bench.content("small", of: tip) == [7, 7, 7], "call \(number)")
            _ = try bench.open().collection(of: nil, immediately: true).perform()
            #expect(try bench.problems() == [], "call \(number), collected once more")
            guard problems == [] else { return }
        }
        #expect(begunAnew > 0)
        print("commits beside a collection: \(recorder.calls.count) calls visited, \(begunAnew) begun anew")
    }

    /// Two working copies of a branch, each with a new file.
    private func two(seed: UInt64) throws -> (bench: Workbench, other: Workbench) {
        let bench = try Workbench.fresh(seed: seed)
        _ = try bench.open().addWorktree("/other", at: bench.first(), branch: "main")
        try bench.write("mine", [1])
        let theirs = try bench.disk.create("/other/data/theirs", permissions: 0o644)
        try bench.disk.write(theirs, [2])
        bench.disk.close(theirs)
        return (bench, Workbench(bench.disk, seed: seed + 100, at: "/other"))
    }

    @Test func `wherever another commit on the branch comes between, a commit takes it in`() throws {
        let recorder = RecordingFileSystem(try two(seed: 66).bench.disk)
        try Workbench(two(seed: 66).bench.disk, files: recorder, seed: 67).commit("mine")
        #expect(recorder.calls.count > 50)
        var begunAnew = 0
        for number in 0..<recorder.calls.count {
            let (bench, other) = try two(seed: 66)
            let between = RecordingFileSystem(
                bench.disk,
                judge: { call in
                    if call.number == number { _ = try? other.commit("theirs") }
                    return .proceed
                })
            try Workbench(bench.disk, files: between, seed: 67).commit("mine")
            let tip = try #require(try bench.open().tip(of: "main"))
            #expect(try bench.content("mine", of: tip) == [1], "call \(number)")
            var messages: [String] = []
            try bench.open().history(of: [tip]) { _, commit in
                messages.append(commit.message)
                return true
            }
            if messages.first == "mine" {
                #expect(messages.contains("theirs"), "call \(number)")
                #expect(try bench.content("theirs", of: tip) == [2], "call \(number)")
                #expect(try bench.read("theirs") == [2], "call \(number)")
            }
            #expect(messages.count { $0 == "mine" } == 1, "call \(number)")
            #expect(try bench.open().copy.pending() == nil, "call \(number)")
            #expect(try bench.open().status().changes == [], "call \(number)")
            #expect(try bench.problems() == [], "call \(number)")
            if between.calls.count > recorder.calls.count { begunAnew += 1 }
        }
        #expect(begunAnew > 0)
        print("commits beside another one: \(recorder.calls.count) calls visited, \(begunAnew) begun anew")
    }

    /// A commit of the first working copy beside which something happens before its first log entry.
    private func commit(_ bench: Workbench, besides body: @escaping @Sendable () throws -> Void) throws {
        let isDone = Atomic(false)
        let between = RecordingFileSystem(
            bench.disk,
            judge: { call in
                if call.operation == .link, "\(call)".contains("/log/new/"),
                    !isDone.exchange(true, ordering: .relaxed)
                {
                    try? body()
                }
                return .proceed
            })
        try Workbench(bench.disk, files: between, seed: 71).commit("mine")
    }

    @Test func `a commit that cannot take in what came leaves no note of what it was about to be`() throws {
        let (bench, other) = try two(seed: 70)
        try bench.disk.makeDirectory("/other/extra", permissions: 0o755)
        bench.disk.close(try bench.disk.create("/other/extra/file", permissions: 0o644))
        _ = try other.open().add(paths: [RepositoryPath("extra")], patterns: [])
        try other.commit("theirs")
        bench.disk.close(try bench.disk.create("/home/notes", permissions: 0o644))
        _ = try bench.open().add(paths: [RepositoryPath("notes")], patterns: [])
        let tracking = try bench.open().copy.tracking(base: TrackedPaths())
        #expect(throws: RepositoryError.diverged(branch: "main", path: try RepositoryPath("data/mine"))) {
            try commit(bench) {
                let clash = try bench.disk.create("/other/data/mine", permissions: 0o644)
                try bench.disk.write(clash, [9])
                bench.disk.close(clash)
                try other.commit("the same file")
            }
        }
        #expect(try bench.open().copy.pending() == nil)
        #expect(try bench.open().copy.tracking(base: TrackedPaths()) == tracking)
        #expect(try bench.read("mine") == [1])
        #expect(try bench.read("theirs") == nil)
        // As the hint says: on a branch of its own.
        let head = try #require(try bench.open().copy.head().commit)
        try bench.open().makeRef("branches", "side", at: head)
        _ = try bench.open().checkout(head, branch: "side")
        var request = CommitRequest(message: "mine")
        request.allowsMissing = false
        _ = try bench.open().commit(request)
        #expect(try bench.problems() == [])
    }

    @Test func `a branch that goes while a commit is on its way takes no files with it`() throws {
        let (bench, other) = try two(seed: 72)
        let name = try RefName.branch("main")
        do throws(RepositoryError) {
            do {
                try commit(bench) {
                    let repository = try other.open()
                    let writer = ObjectWriter(
                        repository.store, random: other.environment.random)
                    _ = try repository.transact(
                        "branch", reason: nil, actor: #require(repository.person),
                        repository.copy.head(), writer
                    ) { () throws(RepositoryError) in
                        [RefChange(name: name, before: try repository.ref(name), after: nil)]
                    }
                }
            } catch let error as RepositoryError { throw error } catch { Issue.record(error) }
            Issue.record("the branch is there")
        } catch {
            guard case .store(.moved(name)) = error else { throw error }
        }
        #expect(try bench.read("a") == [1])
        #expect(try bench.read("mine") == [1])
        // Typed again it is on no branch.
        let id = try bench.commit("mine")
        #expect(try bench.content("a", of: id) == [1])
        #expect(try bench.open().tip(of: "main") == nil)
        #expect(try bench.problems() == [])
    }

    @Test func `a commit that others always outrun gives up after a minute`() throws {
        let (bench, other) = try two(seed: 68)
        let time = Atomic(1_763_888_400)
        let number = Atomic(0)
        let between = RecordingFileSystem(
            bench.disk,
            judge: { call in
                // The new entry is written, and not there yet.
                if call.operation == .link, "\(call)".contains("/log/new/") {
                    time.add(7, ordering: .relaxed)
                    let file = number.add(1, ordering: .relaxed).newValue
                    if let new = try? bench.disk.create(
                        FilePath("/other/data/n\(file)"), permissions: 0o644)
                    {
                        bench.disk.close(new)
                    }
                    _ = try? other.commit("theirs")
                }
                return .proceed
            })
        var environment = Workbench(bench.disk, files: between, seed: 69).environment
        environment.now = { time.load(ordering: .relaxed) }
        do throws(RepositoryError) {
            _ = try Repository.open(environment).commit(CommitRequest(message: "mine"))
            Issue.record("nobody was faster")
        } catch {
            guard case .store(let reason) = error else { throw error }
            #expect("\(reason)".contains("main") || "\(reason)".contains("busy"), "\(reason)")
        }
        #expect((9...20).contains(number.load(ordering: .relaxed)))
        #expect(try bench.problems() == [])
        // Nobody is in its way any more.
        try bench.commit("mine")
        let tip = try #require(try bench.open().tip(of: "main"))
        #expect(try bench.content("mine", of: tip) == [1])
    }

    @Test func `wherever a store goes away, nothing comes in its place, and it is whole when back`() throws {
        let root = Workbench.home / ".mlrepo"
        let elsewhere = Workbench.home.parent / "elsewhere"
        func begin() throws -> Workbench {
            let bench = try Workbench.fresh(seed: 64)
            _ = try bench.first()
            try bench.write("file", [1, 2])
            return bench
        }
        let counting = try begin()
        let recorder = RecordingFileSystem(counting.disk)
        try Workbench(counting.disk, files: recorder, seed: 65).commit("again")
        var failed = 0
        for number in 0..<recorder.calls.count {
            let bench = try begin()
            let between = RecordingFileSystem(
                bench.disk,
                judge: { call in
                    if call.number == number { try? bench.disk.rename(root, to: elsewhere) }
                    return .proceed
                })
            let late = Workbench(bench.disk, files: between, seed: 65)
            do { try late.commit("again") } catch is RepositoryError { failed += 1 }
            #expect(try bench.disk.status(root) == nil, "made anew before call \(number)")
            guard try bench.disk.status(root) == nil else { return }
            try bench.disk.rename(elsewhere, to: root)
            _ = try? bench.commit("typed again")
            #expect(try bench.problems() == [], "call \(number)")
            let tip = try #require(try bench.open().tip(of: "main"))
            #expect(try bench.content("file", of: tip) == [1, 2], "call \(number)")
        }
        #expect(failed > 0)
        print("commits whose store goes away: \(recorder.calls.count) calls visited, \(failed) failed")
    }

    @Test func `wherever another one makes the same store, it is one store`() throws {
        func begin() throws -> SimulatedDisk {
            let disk = SimulatedDisk()
            try disk.makeDirectory(Workbench.home, permissions: 0o755)
            return disk
        }
        let counting = RecordingFileSystem(try begin())
        let alone = Workbench(SimulatedDisk(), files: counting, seed: 63)
        _ = try Repository.create(at: Workbench.home, CreationRequest(), alone.environment)
        for number in 0..<counting.calls.count {
            let disk = try begin()
            let other = Workbench(disk, seed: 64)
            let between = RecordingFileSystem(
                disk,
                judge: { call in
                    if call.number == number {
                        _ = try? Repository.create(at: Workbench.home, CreationRequest(), other.environment)
                    }
                    return .proceed
                })
            let late = Workbench(disk, files: between, seed: 65)
            _ = try? Repository.create(at: Workbench.home, CreationRequest(), late.environment)
            let bench = Workbench(disk, seed: 66)
            #expect(try bench.problems() == [], "call \(number)")
            try disk.makeDirectories(Workbench.home / "data", permissions: 0o755)
            _ = try bench.open().add(paths: [RepositoryPath("data")], patterns: [])
            try bench.first()
            #expect(try bench.problems() == [], "call \(number), a commit later")
        }
        print("init beside init: \(counting.calls.count) calls visited")
    }

    @Test func `a recipe is found again when its pack was made anew meanwhile`() throws {
        let (bench, large) = try abandoned(seed: 67)
        let tip = try bench.commit("again")
        let early = try bench.open()
        let tree = early.tree(try early.store.commit(tip))
        let entry = try #require(try tree.entry(at: RepositoryPath("data/large")))
        // Has read no frame yet.
        let late = try bench.open()
        bench.disk.pass(2 * Self.hour)
        _ = try bench.open().collection(of: nil, immediately: true).perform()
        #expect(try late.store.recipe(of: entry.id)?.length == large.count)
        #expect(try late.store.payload(of: entry.reference) == large)
    }

    @Test func `an input of a version whose files were collected is refused`() throws {
        let bench = try Workbench.fresh(seed: 69)
        let main = try bench.first()
        var random = SplitMix64(seed: 69)
        let mine = random.bytes(50_000)
        try bench.open().makeRef("branches", "try", at: main)
        _ = try bench.open().checkout(main, branch: "try")
        try bench.write("big", random.bytes(3_000_000))
        try bench.commit("big")
        try bench.write("mine", mine)
        let tried = try bench.commit("small, behind it")
        _ = try bench.open().checkout(main, branch: "main")
        try bench.open().removeRef("branches", "try")
        // The pack of the small commit stays for this.
        try bench.write("mine", mine)
        try bench.commit("mine")
        bench.disk.pass(91 * Self.day)
        _ = try bench.open().collection(of: nil, immediately: false).perform()
        bench.disk.pass(15 * Self.day)
        _ = try bench.open().collection(of: nil, immediately: false).perform()
        let store = try bench.open().store
        let tree = try store.commit(tried).tree
        #expect(store.contains(ObjectReference(.tree, tree)), "else this shows nothing")
        var request = CommitRequest(message: "trained on it")
        request.inputs = [(try RepositoryPath("data/big"), tried)]
        try bench.write("model", [1])
        #expect(throws: RepositoryError.collected(tried)) { try bench.open().commit(request) }
        #expect(try bench.problems() == [])
    }

    @Test func `an edit in the tick of a checkout is seen, and is not overwritten`() throws {
        let bench = try Workbench.fresh(seed: 71)
        try bench.write("x", [1, 1])
        let one = try bench.commit("one")
        try bench.write("x", [2, 2])
        let two = try bench.commit("two")
        bench.disk.pass(Self.hour)
        _ = try bench.open().checkout(one, branch: nil)
        // In place, of the same size, at the same time.
        try bench.disk.damage(Workbench.home / "data/x", at: 1) { _ in 9 }
        #expect(try bench.open().status().changes.count == 1)
        #expect(throws: RepositoryError.wouldLose([try RepositoryPath("data/x")])) {
            try bench.open().checkout(two, branch: nil)
        }
    }

    @Test func `a file that goes away just when it is read stops a commit`() throws {
        let bench = try Workbench.fresh(seed: 72)
        for name in ["x", "y", "z"] { try bench.write(name, [1]) }
        let one = try bench.commit("one")
        for name in ["x", "y", "z"] { try bench.write(name, [2]) }
        let between = RecordingFileSystem(
            bench.disk,
            judge: { call in
                if call.operation == .open, call.path == Workbench.home / "data/y" {
                    try? bench.disk.removeIfPresent(Workbench.home / "data/y")
                }
                return .proceed
            })
        let late = Workbench(bench.disk, files: between, seed: 73)
        let request = CommitRequest(message: "two")
        #expect(throws: RepositoryError.missing([try RepositoryPath("data/y")], total: 1)) {
            try late.open().commit(request)
        }
        #expect(try bench.open().tip(of: "main") == one)
        // What is gone before anybody looks was deleted.
        #expect(try bench.open().commit(request).changes.deleted == 1)
    }

    @Test func `an operation under a clock that was wrong does not end the time in which undo can go back`()
        throws
    {
        let bench = try Workbench.fresh(seed: 70)
        let main = try bench.first()
        try bench.open().makeRef("branches", "try", at: main)
        _ = try bench.open().checkout(main, branch: "try")
        try bench.write("tried", [1, 2, 3])
        let tried = try bench.commit("tried")
        _ = try bench.open().checkout(main, branch: "main")
        try bench.open().removeRef("branches", "try")
        bench.disk.pass(-365 * Self.day)
        try bench.write("a", [2])
        try bench.commit("under a dead clock")
        bench.disk.pass(366 * Self.day)
        #expect(try bench.open().collection(of: nil, immediately: false).plan().emptied == [])
        _ = try bench.open().collection(of: nil, immediately: false).perform()
        try bench.open().makeRef("tags", "back", at: tried)
        #expect(try bench.content("tried", of: tried) == [1, 2, 3])
    }
}
