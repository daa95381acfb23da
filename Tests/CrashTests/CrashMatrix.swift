import FileIO
import Storage
import Synchronization
import TestSupport

/// A scenario stopped at every call, and at each of them the power cut in many ways.
struct CrashMatrix {
    /// Puts a file system that forgets something over a disk.
    typealias Mutation = @Sendable (SimulatedDisk) -> any FileSystem

    var mutation: Mutation = { $0 }
    /// The search ends with so many violations.
    var limit = 20

    private(set) var violations: [String] = []
    /// Points at which the world stopped, before or after the effect of a call.
    private(set) var stops = 0
    /// Power cuts after which a store was opened, checked and gone on with.
    private(set) var crashes = 0
    /// Calls of a run that nobody stops.
    private(set) var calls = 0

    private var seen: Set<[Int]> = []

    init(mutation: @escaping Mutation = { $0 }, limit: Int = 20) {
        self.mutation = mutation
        self.limit = limit
    }

    /// One process, stopped at every call.
    mutating func visitEveryCall(isPassing: Bool = false) throws {
        let whole = RecordingFileSystem(mutation(try Scenario.disk()), stop: nil)
        try Scenario.run(whole, seed: 1)
        calls = whole.calls.count
        for number in 0...calls {
            for takesEffect in [false, true] where violations.count < limit {
                let disk = try Scenario.disk()
                let files = RecordingFileSystem(
                    mutation(disk), stop: .init(at: number, takesEffect: takesEffect, isPassing: isPassing))
                var acknowledged = -1
                try? Scenario.run(files, seed: 1) { acknowledged = $0 }
                if number < calls, files.calls.count > number { stops += 1 }
                let range = acknowledged...max(acknowledged, min(acknowledged + 1, Scenario.last))
                let name =
                    number < calls ? "\(whole.calls[number]) \(takesEffect ? "done" : "not done")" : "the end"
                cut(disk, name, expecting: range, seeds: number * 2..<number * 2 + 2, systematic: !isPassing)
            }
        }
    }

    /// A process that is killed after every change that operation 1 makes, without loss, and another that goes on and
    /// meets a power cut after every link and every fsync of a directory.
    mutating func visitEveryPairOfChanges() throws {
        let start = try Scenario.disk()
        try Scenario.run(mutation(start), seed: 1, upTo: 0)
        let first = RecordingFileSystem(mutation(start.copy()), stop: nil)
        try Scenario.run(first, seed: 2, upTo: 1)
        for killed in first.calls where killed.operation.isChange {
            guard violations.count < limit else { return }
            let disk = start.copy()
            try? Scenario.run(
                RecordingFileSystem(mutation(disk), stop: .init(at: killed.number, takesEffect: true)),
                seed: 2, upTo: 1)
            let second = RecordingFileSystem(mutation(disk.copy()), stop: nil)
            try Scenario.run(second, seed: 3)
            for stopped in second.calls
            where [.link, .synchronizeDirectory].contains(stopped.operation) && violations.count < limit {
                let disk = disk.copy()
                var acknowledged = 0
                try? Scenario.run(
                    RecordingFileSystem(mutation(disk), stop: .init(at: stopped.number, takesEffect: true)),
                    seed: 3
                ) { acknowledged = $0 }
                stops += 1
                // The first process may have got one entry further than it could say.
                cut(
                    disk, "\(killed), then \(stopped)",
                    expecting: acknowledged...min(max(acknowledged + 1, 2), Scenario.last), seeds: 0..<1,
                    systematic: false,
                    isCommit: stopped.target?.parent == StoreLayout(root: Scenario.root).newEntries)
            }
        }
    }

    private mutating func cut(
        _ disk: SimulatedDisk, _ name: String, expecting range: ClosedRange<Int>, seeds: Range<Int>,
        systematic: Bool = true,
        isCommit: Bool = false
    ) {
        var survivors: [SimulatedDisk.Survivors] = seeds.map { .seed(UInt64($0)) }
        if !systematic {
            survivors += [.nothing]
            let risk = disk.changesAtRisk
            survivors += (isCommit ? 0..<risk : max(0, risk - 2)..<risk).map { .allBut($0) }
        } else if seen.insert([disk.changeCount, range.lowerBound, range.upperBound]).inserted {
            // Calls that change nothing leave the disk as the call before left it: further seeds suffice for those.
            survivors += [.nothing, .everything]
            // The older changes at risk are leavings in `tmp/`, which is never synchronized.
            let risk = disk.changesAtRisk
            survivors += (max(0, risk - 6)..<risk).flatMap { [.only($0), .allBut($0)] }
        }
        for choice in survivors where violations.count < limit {
            crashes += 1
            if let problem = Scenario.problemNowOrLater(disk.crash(keeping: choice), expecting: range) {
                violations.append("\(name), \(choice) survives: \(problem)")
            }
        }
    }
}
