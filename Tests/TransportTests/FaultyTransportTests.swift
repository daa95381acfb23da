import FileIO
import Remotes
import TestSupport
import Testing

/// What is injected is what the plan says, and nothing else.
@Suite struct FaultyTransportTests {
    private static func bench(_ faults: [Int: Fault]) throws -> (
        memory: MemoryTransport, faulty: FaultyTransport
    ) {
        let memory = MemoryTransport()
        _ = try memory.create("packs/a", Array(0..<100))
        return (memory, FaultyTransport(memory, FaultPlan(faults, seed: 7)))
    }

    @Test func `what is read is too short, or has one bit that is another`() throws {
        let (_, faulty) = try Self.bench([0: .shortRead, 1: .flippedBit])
        let piece = FilePiece("packs/a", .whole(limit: 100))
        let short = try #require(try faulty.pieces([piece])[0])
        #expect(short.bytes.count < 100)
        #expect(short.bytes[...] == Array(0..<100).prefix(short.bytes.count))
        #expect(short.fileLength == 100)
        let flipped = try #require(try faulty.pieces([piece])[0])
        let differences = zip(flipped.bytes, 0..<100 as Range<UInt8>).map { ($0 ^ $1).nonzeroBitCount }
        #expect(differences.reduce(0, +) == 1)
        #expect(try faulty.bytes("packs/a") == Array(0..<100))
    }

    @Test func `a listing is without the last creations`() throws {
        let (_, faulty) = try Self.bench([3: .stale(creations: 2), 4: .stale(creations: 0)])
        for name in ["b", "c", "d"] { #expect(try faulty.create(FilePath("packs/\(name)"), [])) }
        #expect(try faulty.texts(in: "packs") == ["a", "b"])
        #expect(try faulty.texts(in: "packs") == ["a", "b", "c", "d"])
        #expect(try faulty.texts(in: "packs") == ["a", "b", "c", "d"])
    }

    @Test func `a full disk keeps what fits, and a later upload goes on with that`() throws {
        let (memory, faulty) = try Self.bench([0: .full(after: Source.cut)])
        let source = try Source(count: Source.large, seed: 1)
        let (upload, reading) = source.upload(to: "packs/b")
        #expect { try faulty.upload(upload) { _ in } } throws: { ($0 as? TransportError)?.kind == .full }
        #expect(
            try memory.properties(of: [upload.partial, "packs/b"]).map { $0?.length } == [Source.cut, nil])
        #expect(try faulty.upload(upload) { _ in })
        #expect(reading.bytesRead == Source.large)
    }

    @Test func `somebody else's bytes get the name first`() throws {
        let (memory, faulty) = try Self.bench([0: .overtaken(by: [1]), 1: .overtaken(by: [2])])
        #expect(try !faulty.create("log/new/0", [9]))
        #expect(try !faulty.upload(Source([9]).upload(to: "log/new/1").upload) { _ in })
        #expect(try memory.bytes("log/new/0") == [1])
        #expect(try memory.bytes("log/new/1") == [2])
    }

    @Test func `time passes without anybody waiting, and the other side's clock is set`() throws {
        let (memory, faulty) = try Self.bench([0: .slow(5), 1: .slow(7)])
        memory.clock = 42
        _ = try faulty.names(in: "packs")
        #expect(try faulty.create("packs/b", [1]))
        #expect(faulty.elapsed == 12)
        #expect(try faulty.properties(of: ["packs/b"]) == [FileProperties(length: 1, modified: 42)])
    }
}
