import FileIO
import MLRepo
import ObjectModel
import Storage
import TestSupport
import Testing

/// Commands stopped at every call to the file system, with the power cut there in many ways: the store is the old or the
/// new one, no file is lost, and the same command goes on.
@Suite struct CommandCrashTests {
    enum Command: String, CaseIterable {
        case commit, merge, checkout, undoCommit, undoCheckout, gc
    }

    /// What is on the disk before a command, and the versions that it is about.
    struct Start {
        let disk: SimulatedDisk
        let first: ObjectID
        let second: ObjectID
        /// Where `main` points before the command.
        let before: ObjectID
        /// Files of `data` before the command, and after it.
        let files: (before: [String: [UInt8]], after: [String: [UInt8]])
    }

    private static let old: [String: [UInt8]] = [
        "a": [UInt8](repeating: 1, count: 900), "b": Array("b".utf8), "sub/c": Array("c".utf8),
    ]
    private static let new: [String: [UInt8]] = [
        "a": [UInt8](repeating: 2, count: 700), "d": Array("new".utf8), "sub": Array("a file now".utf8),
    ]

    private static func write(_ files: [String: [UInt8]], instead of: [String: [UInt8]], _ bench: Workbench)
        throws
    {
        for name in of.keys { try bench.disk.removeIfPresent(Workbench.home / "data" / name) }
        try? bench.disk.removeDirectory(Workbench.home / "data/sub")
        for (name, bytes) in files { try bench.write(name, bytes) }
    }

    static func start(_ command: Command) throws -> Start {
        let bench = try Workbench.fresh(seed: 1)
        try write(old, instead: [:], bench)
        let first = try bench.commit("first")
        if command == .merge { return try merging(bench, first) }
        try write(new, instead: old, bench)
        var (second, files) = (first, (before: new, after: new))
        if command != .commit { second = try bench.commit("second") }
        switch command {
        case .commit, .merge, .undoCommit: break
        case .checkout: files.after = old
        case .undoCheckout:
            _ = try bench.open().checkout(first, branch: nil)
            files = (old, new)
        case .gc:
            try bench.open().makeRef("branches", "try", at: second)
            _ = try bench.open().checkout(second, branch: "try")
            var random = SplitMix64(seed: 5)
            try bench.write("big", random.bytes(9000))
            try bench.commit("tried")
            _ = try bench.open().checkout(second, branch: "main")
            try bench.open().removeRef("branches", "try")
        }
        bench.disk.synchronizeAll()
        return Start(
            disk: bench.disk, first: first, second: second, before: command == .commit ? first : second,
            files: files)
    }

    /// Somebody else changed `a` and `b` on the branch, and `c` is new here.
    private static func merging(_ bench: Workbench, _ first: ObjectID) throws -> Start {
        _ = try bench.open().addWorktree("/other", at: first, branch: "main")
        let other = Workbench(bench.disk, seed: 99, at: "/other")
        for (path, bytes) in [("/other/data/a", [UInt8](repeating: 7, count: 800)), ("/other/data/d", [4])] {
            let path = FilePath(path)
            try bench.disk.removeIfPresent(path)
            let file = try bench.disk.create(path, permissions: 0o644)
            try bench.disk.write(file, bytes)
            bench.disk.close(file)
        }
        let theirs = try other.commit("theirs")
        try bench.write("c", [3])
        bench.disk.synchronizeAll()
        var (before, after) = (old, old)
        before["c"] = [3]
        after["c"] = [3]
        after["a"] = [UInt8](repeating: 7, count: 800)
        after["d"] = [4]
        return Start(disk: bench.disk, first: first, second: theirs, before: theirs, files: (before, after))
    }

    /// Does the command, or what is left of it.
    static func run(_ command: Command, _ start: Start, _ bench: Workbench) throws {
        let repository = try bench.open()
        switch command {
        case .commit, .merge:
            var request = CommitRequest(message: "second")
            request.allowsMissing = true
            do { _ = try repository.commit(request) } catch RepositoryError.nothingToCommit {}
        case .checkout: _ = try repository.checkout(start.first, branch: nil)
        case .undoCommit, .undoCheckout:
            guard let operation = try repository.undoable(), operation.event.verb != "branch" else { return }
            let wanted = command == .undoCommit ? "second" : nil
            guard operation.event.reason == wanted else { return }
            try repository.undo(operation)
        case .gc: _ = try repository.collection(of: nil, immediately: true).perform()
        }
    }

    /// What is wrong after a stop, or nothing.
    static func problem(_ command: Command, _ start: Start, _ disk: SimulatedDisk, isDone: Bool) -> String? {
        let bench = Workbench(disk, seed: 77)
        do {
            let problems = try bench.problems().filter { $0.kind != .cache }
            guard problems.isEmpty else { return "fsck: \(problems)" }
            let repository = try bench.open()
            let main = try repository.tip(of: "main")
            let isNew: Bool
            switch command {
            case .commit, .merge:
                isNew = main != start.before
                if isNew, try repository.store.commit(#require(main)).parents != [start.before] {
                    return "another commit"
                }
            case .undoCommit:
                isNew = main == start.first
                if !isNew, main != start.second { return "main is elsewhere" }
            case .checkout, .undoCheckout, .gc:
                isNew = isDone
                if main != start.second { return "main has moved" }
            }
            if isDone, !isNew { return "what was done is not there" }
            if command == .commit || command == .undoCommit || command == .gc || isDone {
                for name in Set(Self.old.keys).union(Self.new.keys).union(["c"]) {
                    let expected = isDone ? start.files.after[name] : start.files.before[name]
                    let status = try disk.status(Workbench.home / "data" / name)
                    let found = status?.kind == .file ? try bench.read(name) : nil
                    guard found == expected else { return "\(name) is another file" }
                }
            }
            if isDone, command != .undoCommit {
                let changes = try repository.status().changes
                guard changes.isEmpty else { return "status: \(changes)" }
            }
            return nil
        } catch { return "\(error)" }
    }

    /// As ``problem(_:_:_:isDone:)``, and the command can be given again, and what it then says lasts.
    static func problemNowOrLater(_ command: Command, _ start: Start, _ disk: SimulatedDisk) -> String? {
        if let problem = problem(command, start, disk, isDone: false) { return problem }
        do { try run(command, start, Workbench(disk, seed: 78)) } catch { return "again: \(error)" }
        if let problem = problem(command, start, disk, isDone: true) { return "again, then: \(problem)" }
        return problem(command, start, disk.crash(keeping: .nothing), isDone: true).map {
            "later, then: \($0)"
        }
    }

    /// A command stopped at every call, over a file system that may forget something.
    struct Matrix {
        var violations: [String] = []
        var visited: Set<Int> = []
        var calls = 0
        var crashes = 0

        init(
            _ command: Command, limit: Int = 5, mutation: (SimulatedDisk) -> any FileSystem = { $0 }
        ) throws {
            let start = try CommandCrashTests.start(command)
            let whole = start.disk.copy()
            let recorder = RecordingFileSystem(mutation(whole), stop: nil)
            try run(command, start, Workbench(whole, files: recorder, seed: 2))
            calls = recorder.calls.count
            if let problem = problem(command, start, whole.crash(keeping: .nothing), isDone: true) {
                violations.append("what was done does not last: \(problem)")
            }
            var seen: Set<Int> = []
            for call in recorder.calls {
                for takesEffect in [false, true] where violations.count < limit {
                    let disk = start.disk.copy()
                    let files = RecordingFileSystem(
                        mutation(disk), stop: .init(at: call.number, takesEffect: takesEffect))
                    try? run(command, start, Workbench(disk, files: files, seed: 2))
                    if files.calls.count > call.number { visited.insert(call.number) }
                    // A call that changes nothing leaves the disk as the call before left it.
                    guard seen.insert(disk.changeCount).inserted else { continue }
                    let risk = disk.changesAtRisk
                    var survivors: [SimulatedDisk.Survivors] = [
                        .nothing, .everything, .seed(UInt64(call.number)),
                    ]
                    survivors += (max(0, risk - 3)..<risk).map { .allBut($0) }
                    for choice in survivors {
                        crashes += 1
                        let crashed = disk.crash(keeping: choice)
                        guard let problem = problemNowOrLater(command, start, crashed) else { continue }
                        let effect = takesEffect ? "done" : "not done"
                        violations.append("\(call) \(effect), \(choice) survives: \(problem)")
                    }
                }
            }
        }
    }

    @Test(arguments: Command.allCases)
    func `whatever call a power cut comes at, nothing is lost and the command goes on`(command: Command)
        throws
    {
        let matrix = try Matrix(command)
        #expect(matrix.violations == [])
        #expect(matrix.visited.count == matrix.calls, "every call is visited")
        print("\(command.rawValue): \(matrix.calls) calls, \(matrix.crashes) power cuts")
    }

    /// Ways to get a checkout's order wrong.
    enum Mutant: String, CaseIterable {
        case fileContent, fileName

        func leavesOut(_ call: FileCall) -> Bool {
            switch self {
            case .fileContent:
                call.operation == .synchronize && call.path.name.starts(with: EntryName.temporaryPrefix)
            case .fileName:
                call.operation == .synchronizeDirectory
                    && call.path.relative(to: Workbench.home / "data") != nil
            }
        }
    }

    @Test(arguments: Mutant.allCases) func `a checkout that forgets one step of its order is caught`(
        mutant: Mutant
    )
        throws
    {
        let matrix = try Matrix(.checkout, limit: 1) { disk in
            RecordingFileSystem(disk, judge: { mutant.leavesOut($0) ? .skip : .proceed })
        }
        #expect(!matrix.violations.isEmpty, "\(mutant) survived \(matrix.crashes) power cuts")
        print("\(mutant): \(matrix.violations.first ?? "survived")")
    }

    @Test(arguments: Command.allCases) func `a call that fails once leaves the old state or the new one`(
        command: Command
    ) throws {
        let start = try Self.start(command)
        let whole = start.disk.copy()
        let recorder = RecordingFileSystem(whole, stop: nil)
        try Self.run(command, start, Workbench(whole, files: recorder, seed: 2))
        var violations: [String] = []
        for call in recorder.calls where violations.count < 5 {
            let disk = start.disk.copy()
            let files = RecordingFileSystem(
                disk, stop: .init(at: call.number, takesEffect: false, isPassing: true))
            try? Self.run(command, start, Workbench(disk, files: files, seed: 2))
            if let problem = Self.problemNowOrLater(command, start, disk) {
                violations.append("\(call): \(problem)")
            }
        }
        #expect(violations == [])
    }
}
