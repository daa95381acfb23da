import FileIO
import Storage
import Synchronization
import TestSupport
import Testing

@Suite struct CrashTests {
    @Test func `whatever call a power cut comes at, the store is the old or the new one and goes on`() throws
    {
        var matrix = CrashMatrix()
        try matrix.visitEveryCall()
        #expect(matrix.violations == [])
        #expect(matrix.calls > 100)
        #expect(matrix.stops == 2 * matrix.calls, "every call is visited, before and after its effect")
        #expect(matrix.crashes > 500)
        print("\(matrix.calls) calls, \(matrix.stops) stops, \(matrix.crashes) power cuts")
    }

    @Test func `a call that fails once, done or not, harms nothing`() throws {
        var matrix = CrashMatrix()
        try matrix.visitEveryCall(isPassing: true)
        #expect(matrix.violations == [])
        print("\(matrix.calls) calls, \(matrix.stops) stops, \(matrix.crashes) power cuts")
    }

    @Test func `a process builds on one that was killed, and a power cut takes nothing from under it`() throws
    {
        var matrix = CrashMatrix()
        try matrix.visitEveryPairOfChanges()
        #expect(matrix.violations == [])
        print("\(matrix.stops) pairs, \(matrix.crashes) power cuts")
    }

    @Test func `a disk that is full at any byte leaves the store as it was, and room lets it go on`() throws {
        let whole = try Scenario.disk()
        try Scenario.run(whole, seed: 1)
        // Every class of sizes: each of the first hundred bytes, then steps that no length is a multiple of.
        let sizes = Array(0..<100) + Array(stride(from: 100, to: whole.bytesWritten, by: 211))
        for size in sizes {
            let disk = try Scenario.disk()
            disk.faults.bytesLeft = size
            var acknowledged = -1
            do { try Scenario.run(disk, seed: 1) { acknowledged = $0 } } catch let error as StoreError {
                guard case .file(let cause) = error, cause.isFull else { throw error }
            }
            disk.faults.bytesLeft = nil
            let range = acknowledged...min(acknowledged + 1, Scenario.last)
            for survivors in [.nothing, .everything, .seed(UInt64(size))] as [SimulatedDisk.Survivors] {
                let problem = Scenario.problemNowOrLater(disk.crash(keeping: survivors), expecting: range)
                #expect(problem == nil, "full after \(size) bytes, \(survivors) survives")
            }
        }
    }

    @Test(arguments: Mutant.allCases) func `a store that forgets one step of its order is caught`(
        mutant: Mutant
    ) throws {
        var matrix = CrashMatrix(mutation: mutant.mutation, limit: 1)
        try matrix.visitEveryCall()
        if matrix.violations.isEmpty { try matrix.visitEveryPairOfChanges() }
        #expect(!matrix.violations.isEmpty, "\(mutant) survived \(matrix.crashes) power cuts")
        print("\(mutant): \(matrix.violations.first ?? "survived")")
    }
}

/// A way to get durability wrong.
enum Mutant: String, CaseIterable {
    case formatContent, rootNames, homeName, logNames
    case packContent, packName, packDirectoryName
    case listContent, listName
    case entryContent, logBeforeLink, logAfterLink
    case packNameAfterEntry, entryContentAfterLink

    /// Whether it leaves a call out.
    ///
    /// `isLinked`: an entry was linked since `log/new` was last synchronized.
    private func leavesOut(_ call: FileCall, isLinked: Bool) -> Bool {
        let layout = StoreLayout(root: Scenario.root)
        func file(_ prefix: String) -> Bool {
            call.operation == .synchronize && call.path.parent == layout.temporary
                && call.path.name.starts(with: prefix.utf8)
        }
        func directory(_ path: FilePath) -> Bool {
            call.operation == .synchronizeDirectory && call.path == path
        }
        switch self {
        case .formatContent: return file("format-")
        case .rootNames: return directory(layout.root)
        case .homeName: return directory(Scenario.home)
        case .logNames: return directory(layout.log)
        case .packContent: return file("pack-")
        case .packName, .packNameAfterEntry:
            return call.operation == .synchronizeDirectory && call.path.parent == layout.packs
        case .packDirectoryName: return directory(layout.packs)
        case .listContent: return file("list-")
        case .listName: return directory(layout.lists)
        case .entryContent, .entryContentAfterLink: return file("entry-")
        case .logBeforeLink: return directory(layout.newEntries) && !isLinked
        case .logAfterLink: return directory(layout.newEntries) && isLinked
        }
    }

    /// Whether what is left out is done after all, when the entry that was linked is made durable.
    private var isLate: Bool { self == .packNameAfterEntry || self == .entryContentAfterLink }

    private final class Memory: Sendable {
        let state = Mutex<(isLinked: Bool, owed: [FileCall])>((false, []))
    }

    var mutation: CrashMatrix.Mutation {
        { disk in
            let memory = Memory()
            let newEntries = StoreLayout(root: Scenario.root).newEntries
            return RecordingFileSystem(
                disk,
                afterwards: { call, files in
                    let owed = memory.state.withLock { state -> [FileCall] in
                        if call.operation == .link, call.target?.parent == newEntries {
                            state.isLinked = true
                        }
                        guard call.path == newEntries, state.isLinked else { return [] }
                        defer { state = (false, []) }
                        return state.owed
                    }
                    for call in owed { Self.make(call, on: files) }
                },
                judge: { call in
                    memory.state.withLock { state in
                        guard leavesOut(call, isLinked: state.isLinked) else { return .proceed }
                        if isLate { state.owed.append(call) }
                        return .skip
                    }
                })
        }
    }

    private static func make(_ call: FileCall, on files: any FileSystem) {
        if call.operation == .synchronizeDirectory {
            try? files.synchronizeDirectory(call.path)
        } else {
            guard let file = try? files.open(call.path) else { return }
            try? files.synchronize(file)
            files.close(file)
        }
    }
}
