import Coding
import FileIO
import ObjectModel
import Storage
import Synchronization
import TestSupport

/// What the processes of a crash test do, one operation after the other: operation 0 makes the store, every
/// further one writes objects and appends an entry.
///
/// Operation 2 changes so many packs that it needs a list.
struct Scenario {
    static let home: FilePath = "/home"
    static let root: FilePath = "/home/.mlrepo"
    static let format = StoreFormat(origin: "000102030405060708090a0b0c0d0e0f", cutRule: 1, sharedBits: nil)
    static let last = 2

    struct Absent: Error {}

    static func disk() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        try disk.makeDirectory(home, permissions: 0o755)
        disk.synchronizeAll()
        return disk
    }

    // MARK: What each operation does

    static func event(_ number: Int) throws -> Event {
        guard let ada = Person(name: "Ada", email: "ada@example.com") else { throw Absent() }
        return Event(
            verb: number == 0 ? "init" : "commit", actor: ada, workingCopy: nil, time: 1_763_888_400 + number,
            nonce: Hex.text([UInt8](repeating: UInt8(number), count: 16)), reason: nil, refs: [])
    }

    static func blobs(_ number: Int) -> [[UInt8]] {
        var random = SplitMix64(seed: UInt64(number))
        // The last one is shared by all operations.
        return number == 0
            ? [] : [random.bytes(20), [UInt8](repeating: UInt8(number), count: 2000), [1, 2, 3]]
    }

    static func refs(_ number: Int) throws -> BuiltTree<RefEntry> {
        guard number > 0 else { return BuiltTree(leaves: []) }
        return BuiltTree(
            leaves: try (1...number).map {
                RefEntry(
                    name: try RefName.branch("b\($0)"),
                    target: ObjectReference(.commit, ObjectID(of: .commit, payload: blobs($0)[0])))
            })
    }

    static func doomed(_ number: Int) -> [PackName] {
        guard number == 2 else { return [] }
        var random = SplitMix64(seed: 99)
        return (0..<40).compactMap { _ in
            PackName("\(Hex.text(random.bytes(32)))-\(Hex.text(random.bytes(8)))")
        }
    }

    // MARK: A process

    /// Goes on from whatever is there to an operation, in the way of a process that was just started.
    ///
    /// - Parameter acknowledge: Is told of every operation whose success was reported.
    static func run(
        _ files: any FileSystem, seed: UInt64, upTo last: Int = Self.last,
        acknowledge: (Int) -> Void = { _ in }
    ) throws {
        let random = Mutex(SplitMix64(seed: seed))
        let bytes: @Sendable (Int) -> [UInt8] = { count in random.withLock { $0.bytes(count) } }
        let store: ObjectStore
        if let existing = try open(files) {
            store = existing
        } else {
            store = try ObjectStore.create(
                root, format: format, event: try event(0), files: files, random: bytes)
            acknowledge(0)
        }
        while store.current.number < last {
            let number = store.current.number + 1
            let writer = ObjectWriter(store, random: bytes)
            var builder = FrameBuilder(.data)
            for blob in blobs(number) {
                let reference = ObjectReference(.blob, ObjectID(of: .blob, payload: blob))
                if writer.claim(reference) { builder.add(reference, blob) }
            }
            try writer.append(&builder)
            try writer.add(.commit, blobs(number)[0])
            for node in try refs(number).nodes { try writer.add(.refs, node.payload) }
            let event = try event(number)
            try writer.add(.event, event.payload)
            let packs = PackChanges(added: try writer.finish().packs.map(\.name), doomed: doomed(number))
            let operation = StoreOperation(
                event: ObjectID(of: .event, payload: event.payload), refs: try refs(number).root,
                packs: packs, time: event.time)
            let outcome = try store.append(operation, on: store.current, nonce: Hex.text(bytes(8)))
            guard outcome == .committed else { throw Absent() }
            acknowledge(number)
        }
    }

    /// The store, if there is one that was finished.
    static func open(_ files: any FileSystem) throws -> ObjectStore? {
        do throws(StoreError) { return try ObjectStore.open(root, files: files) } catch {
            switch error {
            case .notFound: return nil
            case .damaged(_, problem: "the log has no entries"): return nil
            default: throw error
            }
        }
    }

    // MARK: What must be true of a store

    /// Says what is wrong with a store whose newest operation has to be in a range (-1: there is no store).
    ///
    /// - Returns: Nothing if all is well; else what is not.
    static func problem(_ disk: SimulatedDisk, expecting range: ClosedRange<Int>) -> String? {
        do {
            guard let store = try open(disk) else { return range.contains(-1) ? nil : "the store is gone" }
            let number = store.current.number
            guard range.contains(number) else { return "the newest entry is \(number), not in \(range)" }
            for operation in 0...number {
                let event = try event(operation)
                guard try store.event(ObjectID(of: .event, payload: event.payload)) == event else {
                    return "a wrong event"
                }
                for blob in blobs(operation) {
                    let reference = ObjectReference(.blob, ObjectID(of: .blob, payload: blob))
                    guard try store.payload(of: reference) == blob else {
                        return "a blob of operation \(operation) is missing"
                    }
                }
            }
            guard store.current.refs == (try refs(number).root) else { return "other refs" }
            for ref in try store.refs.leaves() where try store.payload(of: ref.target) == nil {
                return "\(ref.name) dangles"
            }
            for pack in store.packs {
                for position in 0..<pack.index.entryCount {
                    guard let entry = pack.index.entry(position),
                        try store.payload(of: entry.reference) != nil
                    else {
                        return "an index entry cannot be read"
                    }
                }
            }
            return nil
        } catch { return "\(error)" }
    }

    /// As ``problem(_:expecting:)``, and the work can be gone on with, and what is then reported as done lasts.
    static func problemNowOrLater(_ disk: SimulatedDisk, expecting range: ClosedRange<Int>) -> String? {
        if let problem = problem(disk, expecting: range) { return problem }
        do { try run(disk, seed: 77) } catch { return "going on: \(error)" }
        return problem(disk.crash(keeping: .nothing), expecting: last...last).map {
            "gone on with, then: \($0)"
        }
    }
}

extension FilePath: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self.init(text) }
}
