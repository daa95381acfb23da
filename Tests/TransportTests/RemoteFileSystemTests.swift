import Coding
import FileIO
import Hashing
import ObjectModel
import Remotes
import Storage
import Synchronization
import TestSupport
import Testing

/// Stores behind a transport, used as on a disk: made, written, checked, sealed, collected, and cut off at every call.
@Suite struct RemoteFileSystemTests {
    private static let root = FilePath("/there")

    /// One side, with a transport to the other one.
    private struct Side {
        let files: RemoteFileSystem
        let random: Randomness

        init(_ transport: any Transport, seed: UInt64 = 1) throws {
            let disk = SimulatedDisk()
            let own = StoreLayout(root: FilePath("/own"))
            try disk.makeDirectories(own.cache, permissions: 0o755)
            random = Randomness(seed: seed)
            let place = ScratchPlace(.files, in: own, disk, key: "there", nonce: random.nonce)
            files = RemoteFileSystem(transport, at: root, owner: random.nonce, in: place)
        }

        func create() throws -> ObjectStore {
            let format = StoreFormat(
                origin: "000102030405060708090a0b0c0d0e0f", cutRule: 1, sharedBits: nil)
            return try ObjectStore.create(root, format: format, event: try event(0), files: files) {
                random.bytes($0)
            }
        }

        func open() throws -> ObjectStore { try ObjectStore.open(root, files: files) }
        func check() throws -> IntegrityReport {
            // By one thread: a seed repeats all of it.
            try IntegrityChecker(root, files: files, threads: 1).check()
        }

        /// Makes an entry of the log that adds some blobs.
        func add(_ blobs: [[UInt8]], _ number: Int, to store: ObjectStore) throws {
            let writer = ObjectWriter(store) { random.bytes($0) }
            defer { writer.abandon() }
            var builder = FrameBuilder(.data)
            for blob in blobs {
                let reference = ObjectReference(.blob, ObjectID(of: .blob, payload: blob))
                guard writer.claim(reference) else { continue }
                if !builder.hasRoom(for: blob.count) { try writer.append(&builder) }
                builder.add(reference, blob)
            }
            try writer.append(&builder)
            let event = try event(number)
            let id = try writer.add(.event, event.payload)
            let operation = StoreOperation(
                event: id, refs: store.current.refs,
                packs: PackChanges(added: try writer.finish().packs.map(\.name)), time: event.time)
            #expect(try store.append(operation, on: store.current, nonce: random.nonce) == .committed)
        }
    }

    private final class Randomness: Sendable {
        private let state: Mutex<SplitMix64>
        init(seed: UInt64) { state = Mutex(SplitMix64(seed: seed)) }
        func bytes(_ count: Int) -> [UInt8] { state.withLock { $0.bytes(count) } }
        var nonce: String { Hex.text(bytes(8)) }
    }

    private struct Absent: Error {}

    private static func event(_ number: Int, _ verb: String = "commit") throws -> Event {
        guard let actor = Person(name: "Ada", email: "ada@example.com") else { throw Absent() }
        return Event(
            verb: verb, actor: actor, workingCopy: nil, time: 1_763_888_400 + number,
            nonce: Hex.text([UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 16)), reason: nil,
            refs: [])
    }

    @Test func `a store is made, written, read and checked`() throws {
        let transport = MemoryTransport()
        let side = try Side(transport)
        let store = try side.create()
        var random = SplitMix64(seed: 3)
        let blobs = (0..<40).map { random.bytes($0 * 4000) }
        try side.add(blobs, 1, to: store)
        let other = try Side(transport, seed: 2)
        let seen = try other.open()
        for blob in blobs {
            let reference = ObjectReference(.blob, ObjectID(of: .blob, payload: blob))
            #expect(try seen.payload(of: reference) == blob)
        }
        let report = try other.check()
        #expect(report.isClean, "\(report.problems)")
        #expect(other.files.failure == nil)
        // What is being made lies on this side.
        #expect(try transport.names(in: FilePath("tmp")).isEmpty)
        #expect(try transport.names(in: FilePath("cache")).isEmpty)
    }

    @Test func `a flipped bit anywhere is named, and never called a lost line`() throws {
        let transport = MemoryTransport()
        let side = try Side(transport)
        var random = SplitMix64(seed: 4)
        try side.add((0..<10).map { _ in random.bytes(3000) }, 1, to: try side.create())
        for seed in 0..<40 as Range<UInt64> {
            let faulty = FaultyTransport(
                transport, FaultPlan(seed: seed, oneIn: 6, of: [.flippedBit, .shortRead]))
            let looking = try Side(faulty, seed: seed)
            let report = try? looking.check()
            #expect(looking.files.failure == nil, "seed \(seed)")
            if report?.isClean ?? true { continue }
            #expect(try Side(transport).check().isClean)
        }
    }

    @Test func `a line that is lost is no damage`() throws {
        let transport = MemoryTransport()
        let side = try Side(transport)
        try side.add([[1, 2, 3]], 1, to: try side.create())
        var number = 0
        while true {
            let faulty = FaultyTransport(transport, FaultPlan([number: .lostBefore]))
            let looking = try Side(faulty)
            let report = try? looking.check()
            if faulty.calls.count <= number {
                #expect(report?.isClean == true)
                break
            }
            #expect(looking.files.failure?.kind == .unreachable, "call \(number)")
            // Nothing is asked for behind it.
            #expect(faulty.calls.count == number + 1)
            number += 1
        }
        #expect(number > 5)
    }

    @Test(arguments: [Fault.lostBefore, .lostAfter])
    func `a write that is cut off at any call has happened or not`(
        fault: Fault
    ) throws {
        var number = 0
        while true {
            let transport = MemoryTransport()
            _ = try Side(transport, seed: 9).create()
            let faulty = FaultyTransport(transport, FaultPlan([number: fault]))
            let side = try Side(faulty, seed: 10)
            let before = try Side(transport).open().current.number
            let isDone = (try? side.add([[4, 5, 6]], 1, to: try side.open())) != nil
            let after = try Side(transport).open().current.number
            #expect(after == before || after == before + 1)
            if isDone { #expect(after == before + 1) }
            #expect(try Side(transport).check().isClean, "call \(number)")
            // Whoever types it again gets it.
            let again = try Side(transport, seed: 11)
            try again.add([[4, 5, 6]], 2, to: try again.open())
            #expect(try Side(transport).check().isClean, "call \(number)")
            if faulty.calls.count <= number { break }
            number += 1
        }
        #expect(number > 5)
    }

    @Test func `full tiles are put together over the transport`() throws {
        let transport = MemoryTransport()
        let side = try Side(transport)
        let store = try side.create()
        let other = try Self.remote(transport)
        let events = try (1..<256).map { try Self.event($0) }
        let writer = ObjectWriter(store) { side.random.bytes($0) }
        let ids = try events.map { try writer.add(.event, $0.payload) }
        var packs = PackChanges(added: try writer.finish().packs.map(\.name))
        for (event, id) in zip(events, ids) where !other.isSealDue {
            let operation = StoreOperation(
                event: id, refs: store.current.refs, packs: packs, time: event.time)
            packs = PackChanges()
            #expect(try other.append(operation, features: [], nonce: side.random.nonce) == .committed)
        }
        #expect(other.state.number == 255)
        let counting = FaultyTransport(transport, FaultPlan())
        try other.seal(in: try Side(counting).files, nonce: side.random.nonce)
        #expect(try transport.names(in: FilePath("log/tile/entries")) == [Array("000".utf8)])
        // Entries come many at a time.
        #expect(counting.calls.count < 30)
        #expect(try transport.names(in: FilePath("log/new")).count == 256)
        #expect(try Side(transport).check().isClean)
        // A day later the names go.
        transport.clock += 90_000 * 1_000_000_000
        try Self.remote(transport).seal(in: try Side(transport).files, nonce: side.random.nonce)
        let again = try Side(transport)
        try again.add([[7]], 300, to: try again.open())
        #expect(try Side(transport).check().isClean)
        #expect(try Self.remote(transport).state.number == 256)
    }

    private static func remote(_ transport: any Transport) throws -> RemoteStore {
        try RemoteStore(name: "there", at: root, transport, memory: nil)
    }

    @Test func `what nothing needs is collected, by the clock of the other side`() throws {
        let transport = MemoryTransport()
        let side = try Side(transport)
        let store = try side.create()
        var random = SplitMix64(seed: 5)
        try side.add((0..<20).map { _ in random.bytes(5000) }, 1, to: store)
        let packs = try Self.packs(transport)
        var number = 1
        func collect(_ times: GarbageCollector.Times) throws -> GarbageCollector.Outcome {
            let collecting = try Side(transport, seed: 6)
            number += 1
            let event = try Self.event(number, GarbageCollector.verb)
            return try GarbageCollector(try collecting.open(), times: times) { collecting.random.bytes($0) }
                .collect { event }
        }
        let day: Int64 = 86_400 * 1_000_000_000
        #expect(try collect(.usual).plan.dropped.count == 1)
        #expect(try Self.packs(transport).isSuperset(of: packs))
        transport.clock += 13 * day
        let early = try collect(.usual)
        #expect(early.freedBytes == 0, "\(early)")
        transport.clock += 2 * day
        #expect(try collect(.usual).freedBytes > 100_000)
        #expect(try !Self.packs(transport).isSuperset(of: packs))
        #expect(try Side(transport).check().isClean)
        #expect(try transport.names(in: FilePath("tmp")).isEmpty)
    }

    private static func packs(_ transport: any Transport) throws -> Set<[UInt8]> {
        var found: Set<[UInt8]> = []
        for directory in try transport.names(in: FilePath("packs")) {
            found.formUnion(try transport.names(in: FilePath("packs").appending(directory)))
        }
        return found
    }

    /// The same files, of which something impossible is said.
    private struct Lying: Transport {
        let base: any Transport
        let said: FileProperties
        var name: String { base.name }

        func read(
            _ pieces: [FilePiece], _ body: (Int, PieceContent?) throws(TransportError) -> Void
        ) throws(TransportError) { try base.read(pieces, body) }
        func properties(of paths: [FilePath]) throws(TransportError) -> [FileProperties?] {
            try base.properties(of: paths).map { $0.map { _ in said } }
        }
        func names(in directory: FilePath) throws(TransportError) -> [[UInt8]] {
            try base.names(in: directory)
        }
        func create(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError) -> Bool {
            try base.create(path, bytes)
        }
        func upload(_ upload: Upload, progress: (Int) -> Void) throws(TransportError) -> Bool {
            try base.upload(upload, progress: progress)
        }
        func remove(_ paths: [FilePath]) throws(TransportError) { try base.remove(paths) }
    }

    @Test(arguments: [
        FileProperties(length: .max, modified: 0), FileProperties(length: -1, modified: 0),
        FileProperties(length: 1 << 62, modified: 0), FileProperties(length: 100, modified: .min),
        FileProperties(length: 100, modified: .max),
    ]) func `lengths and times that cannot be end it, and are no damage`(said: FileProperties) throws {
        let transport = MemoryTransport()
        let side = try Side(transport)
        try side.add([[1, 2, 3]], 1, to: try side.create())
        let looking = try Side(Lying(base: transport, said: said))
        _ = try? looking.check()
        #expect(looking.files.failure?.kind == .malformed)
        let collecting = try Side(Lying(base: transport, said: said))
        #expect(throws: (any Error).self) {
            let event = try Self.event(2, GarbageCollector.verb)
            let store = try collecting.open()
            _ = try GarbageCollector(store, times: .now) { collecting.random.bytes($0) }.collect { event }
        }
        #expect(try Side(transport).check().isClean)
    }

    @Test func `packs that are announced cost few requests`() throws {
        let transport = MemoryTransport()
        let side = try Side(transport)
        let store = try side.create()
        for number in 1...30 { try side.add([[UInt8(number), 1, 2]], number, to: store) }
        let counting = FaultyTransport(transport, FaultPlan())
        let looking = try Side(counting)
        let layout = StoreLayout(root: Self.root)
        try looking.files.expect(try Self.remote(transport).state.live.sorted().map { layout.pack($0) })
        #expect(counting.calls == [.properties, .read])
        #expect(try looking.check().isClean)
        // One by one they would take sixty; what is known for a moment is asked for again on a busy machine.
        #expect(counting.calls.count < 30, "\(counting.calls)")
    }
}
