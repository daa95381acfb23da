import FileIO
import Remotes
import Synchronization
import TestSupport
import Testing

/// What is tried again, how often, and what is said of it.
@Suite struct RetryingTransportTests {
    /// A store in memory with one file, behind faults and a decorator that notes its pauses.
    private final class Bench: Sendable {
        let memory = MemoryTransport()
        let faulty: FaultyTransport
        let pauses = Mutex<[Duration]>([])
        let policy: RetryPolicy
        let wait: @Sendable (MemoryTransport) throws(TransportError) -> Void

        init(
            _ faults: [Int: Fault], attempts: Int = 4,
            wait: @escaping @Sendable (MemoryTransport) throws(TransportError) -> Void = { _ in }
        ) throws {
            faulty = FaultyTransport(memory, FaultPlan(faults, seed: 1))
            policy = RetryPolicy(attempts: attempts, firstPause: .seconds(1), longestPause: .seconds(5))
            self.wait = wait
            _ = try memory.create("packs/a", [1, 2, 3])
        }

        var transport: RetryingTransport {
            RetryingTransport(faulty, policy: policy, chance: { 1 }) {
                [self] (pause) throws(TransportError) in
                pauses.withLock { $0.append(pause) }
                try wait(memory)
            }
        }

        var paused: [Duration] { pauses.withLock { $0 } }
    }

    private static let always: [Int: Fault] = Dictionary(
        uniqueKeysWithValues: (0..<100).map { ($0, .lostBefore) })

    /// Each call, as text for its result.
    private static func perform(_ call: TransportCall, _ transport: any Transport) throws -> String {
        switch call {
        case .read: return "\(try transport.bytes("packs/a") ?? [])"
        case .properties: return "\(try transport.properties(of: ["packs/a"]).map { $0?.length })"
        case .names: return "\(try transport.names(in: "packs").count)"
        case .create: return "\(try transport.create("packs/b", [4]))"
        case .upload:
            let upload = try Source([5, 6]).upload(to: "packs/c").upload
            return "\(try transport.upload(upload, progress: { _ in }))"
        case .remove:
            try transport.remove(["packs/a"])
            return "\(try transport.names(in: "packs").count)"
        }
    }

    private static let calls: [TransportCall] = [.read, .properties, .names, .create, .upload, .remove]

    @Test(arguments: calls, [Fault.lostBefore, .lostAmid, .lostAfter])
    func `a call whose connection is lost succeeds later`(call: TransportCall, fault: Fault) throws {
        let expected = try Self.perform(call, try Bench([:]).transport)
        for lost in 0..<4 {
            let bench = try Bench(Dictionary(uniqueKeysWithValues: (0..<lost).map { ($0, fault) }))
            #expect(try Self.perform(call, bench.transport) == expected)
            // Where all pieces came before the connection was lost, nothing is asked for again.
            let isHarmless = !fault.concerns(call) || (call == .read && fault == .lostAfter)
            #expect(bench.paused.count == (isHarmless ? 0 : lost))
        }
    }

    @Test(arguments: calls) func `after the last attempt the error says how often it was tried`(
        call: TransportCall
    ) throws {
        let bench = try Bench(Self.always)
        #expect(throws: TransportError(.unreachable, "memory: connection lost (tried 4 times)")) {
            try Self.perform(call, bench.transport)
        }
        #expect(bench.faulty.calls == [TransportCall](repeating: call, count: 4))
        #expect(bench.paused == [.seconds(1), .seconds(2), .seconds(4)])
        let once = try Bench(Self.always, attempts: 1)
        #expect(throws: TransportError(.unreachable, "memory: connection lost")) {
            try Self.perform(call, once.transport)
        }
        #expect(once.paused == [])
    }

    @Test(arguments: calls) func `a pause that throws ends the call`(call: TransportCall) throws {
        let stopped = TransportError(.stopped, "stopped")
        let bench = try Bench(Self.always, wait: { (_) throws(TransportError) in throw stopped })
        #expect(throws: stopped) { try Self.perform(call, bench.transport) }
        #expect(bench.faulty.calls == [call])
    }

    @Test func `pauses grow up to the longest, and are cut by up to a half by chance`() {
        let policy = RetryPolicy(attempts: 100, firstPause: .seconds(1), longestPause: .seconds(5))
        #expect((1...5).map { policy.pause(after: $0, chance: 1) } == [1, 2, 4, 5, 5].map { .seconds($0) })
        #expect(policy.pause(after: 3, chance: 0) == .seconds(2))
        #expect(policy.pause(after: 3, chance: 0.5) == .seconds(3))
        #expect(policy.pause(after: .max, chance: 1) == .seconds(5))
    }

    @Test func `what is not a matter of the connection is not tried again`() throws {
        let bench = try Bench([0: .full(after: 0), 1: .full(after: 1), 3: .lostBefore, 4: .full(after: 0)])
        #expect { try Self.perform(.create, bench.transport) } throws: {
            ($0 as? TransportError)?.kind == .full
        }
        #expect { try Self.perform(.upload, bench.transport) } throws: {
            ($0 as? TransportError)?.kind == .full
        }
        #expect(throws: TransportError.self) {
            try bench.transport.pieces([FilePiece("packs/a", .whole(limit: 1))])
        }
        #expect(bench.faulty.calls == [.create, .upload, .read])
        #expect(bench.paused == [])
        // Nor after a failure that was.
        let full = TransportError(.full, "memory: no space left for packs/b")
        #expect(throws: full) { try Self.perform(.create, bench.transport) }
        #expect(bench.paused == [.seconds(1)])
    }

    // MARK: Reading

    @Test func `no piece is handed out twice, and only what is missing is asked for again`() throws {
        for seed in 0..<50 as Range<UInt64> {
            let memory = MemoryTransport()
            for number in 0..<20 { _ = try memory.create(FilePath("packs/\(number)"), [UInt8(number)]) }
            let plan = FaultPlan(seed: seed, oneIn: 2, of: [.lostBefore, .lostAmid, .lostAfter])
            let transport = RetryingTransport(
                FaultyTransport(memory, plan), policy: RetryPolicy(attempts: 64), pause: { _ in })
            let pieces = (0..<20).map { FilePiece(FilePath("packs/\($0)"), .whole(limit: 1)) }
            // The order of the calls is checked by this.
            let found = try transport.pieces(pieces).map { $0?.bytes }
            #expect(found == (0..<20).map { [UInt8($0)] }, "seed \(seed)")
        }
    }

    @Test func `what the body throws is not tried again, whatever its kind`() throws {
        let bench = try Bench([:])
        let error = TransportError(.unreachable, "the body's own")
        #expect(throws: error) {
            try bench.transport.read([FilePiece("packs/a", .whole(limit: 3))]) {
                (_, _) throws(TransportError) in
                throw error
            }
        }
        #expect(bench.faulty.calls == [.read])
    }

    @Test func `attempts that get further begin the count anew`() throws {
        let pieces = [FilePiece](repeating: FilePiece("packs/a", .whole(limit: 3)), count: 9)
        let bench = try Bench([0: .lostAt(1), 1: .lostAt(2), 2: .lostAt(1)], attempts: 2)
        #expect(try bench.transport.pieces(pieces).count == 9)
        #expect(bench.paused == [.seconds(1), .seconds(1), .seconds(1)])
        let vain = try Bench([0: .lostAt(1), 1: .lostAt(0)], attempts: 2)
        #expect(throws: TransportError(.unreachable, "memory: connection lost (tried 2 times)")) {
            try vain.transport.read(pieces) { _, _ in }
        }
    }

    @Test func `uploads that get further begin the count anew`() throws {
        let upload = try Source(count: Source.large, seed: 1).upload(to: "packs/b").upload
        let bench = try Bench([0: .lostAt(1 << 16), 1: .lostAt(2 << 16), 2: .lostAt(3 << 16)], attempts: 2)
        #expect(try bench.transport.upload(upload) { _ in })
        #expect(bench.paused == [.seconds(1), .seconds(1), .seconds(1)])
        let vain = try Bench([0: .lostAt(1 << 16), 1: .lostAt(1 << 16)], attempts: 2)
        #expect(throws: TransportError(.unreachable, "memory: connection lost (tried 2 times)")) {
            try vain.transport.upload(upload) { _ in }
        }
    }

    // MARK: Creating

    @Test func `a creation whose reply was lost is known by its bytes`() throws {
        // The comparison loses its connection, too.
        let bench = try Bench([0: .lostAfter, 2: .lostBefore, 3: .lostAmid])
        #expect(try bench.transport.create("log/new/0", [1, 2]))
        #expect(bench.faulty.calls == [.create, .create, .read, .read, .read])
        #expect(try bench.memory.bytes("log/new/0") == [1, 2])
    }

    @Test(arguments: [[], [1], [1, 3], [1, 2, 3]] as [[UInt8]])
    func `a creation that somebody else was before is lost`(others: [UInt8]) throws {
        let bench = try Bench([0: .lostBefore, 1: .overtaken(by: others)])
        #expect(try !bench.transport.create("log/new/0", [1, 2]))
        #expect(try bench.memory.bytes("log/new/0") == others)
    }

    @Test func `without a failure a taken name is taken, and nothing is compared`() throws {
        let bench = try Bench([:])
        #expect(try !bench.transport.create("packs/a", [1, 2, 3]))
        #expect(try !bench.transport.upload(Source([1, 2, 3]).upload(to: "packs/a").upload) { _ in })
        #expect(bench.faulty.calls == [.create, .upload])
    }

    @Test(arguments: [TransportCall.create, .upload])
    func `what was made and is gone before it could be looked at is an error`(call: TransportCall) throws {
        let bench = try Bench(
            [0: .lostAfter, 2: .lostBefore],
            wait: { (memory) throws(TransportError) in
                if try memory.names(in: "packs").count > 1, memory.clock == 0 {
                    try memory.remove(["packs/b", "packs/c"])
                }
                memory.clock = 0
            })
        #expect { try Self.perform(call, bench.transport) } throws: {
            ($0 as? TransportError)?.kind == .failed && "\($0)".hasSuffix("it may have been made or not")
        }
    }

    // MARK: Uploading

    @Test func `an upload whose connection was lost goes on, and its progress is told once`() throws {
        let source = try Source(count: Source.large, seed: 1)
        let bench = try Bench([0: .lostAmid, 1: .lostBefore, 2: .lostAmid, 3: .lostAfter])
        let (upload, reading) = source.upload(to: "packs/b")
        var steps: [Int] = []
        #expect(try bench.transport.upload(upload) { steps.append($0) })
        #expect(steps.reduce(0, +) == Source.large)
        #expect(steps.allSatisfy { $0 >= 0 })
        // What was read and not yet sent when the connection was lost is read again.
        #expect(reading.bytesRead < Source.large + 2 << 16)
        #expect(try bench.memory.bytes("packs/b") == source.bytes)
    }

    @Test func `a name that is taken after a failure counts as made if the length is the same`() throws {
        let upload = try Source([1, 2, 3]).upload(to: "packs/b").upload
        var sum = 0
        #expect(
            try Bench([0: .lostBefore, 1: .overtaken(by: [1, 2, 3])]).transport.upload(upload) { sum += $0 })
        #expect(sum == 3)
        let bench = try Bench([0: .lostBefore, 1: .overtaken(by: [1, 2])])
        #expect(try !bench.transport.upload(upload) { _ in })
        #expect(try bench.memory.bytes("packs/b") == [1, 2])
    }
}
