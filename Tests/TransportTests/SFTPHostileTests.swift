import FileIO
import ObjectModel
import TestSupport
import Testing

@testable import Remotes

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// SFTP where the server has less than OpenSSH's, vanishes, is silent, or talks nonsense.
@Suite struct SFTPHostileTests {
    private static let seed = UInt64.random(in: 0...UInt64.max)

    /// A line whose other side says these bytes, and then closes or not.
    private func line(saying bytes: [UInt8], closing: Bool) throws -> (here: Int32, there: Int32?) {
        let (here, there) = try ServedStore.socketPair()
        sendBytes(there, bytes)
        guard closing else { return (here, there) }
        // Not closed: what the client says would reset the line before it has read.
        shutdown(there, Int32(SHUT_WR))
        return (here, there)
    }

    private func client(_ line: Int32) throws(TransportError) -> SFTPTransport {
        let end = FileDescriptor(raw: line)
        return try SFTPTransport(
            name: "line", root: ".", input: end, output: end, timeLimit: 1, random: SFTPProgram.randomBytes)
    }

    private func packet(_ kind: UInt8, _ payload: [UInt8]) -> [UInt8] {
        SFTPPacket(kind: SFTPPacket.Kind(rawValue: kind), payload: payload).bytes
    }

    private func numbers(_ numbers: UInt32...) -> [UInt8] { numbers.flatMap { FramedMessage.bigEndian($0) } }

    // MARK: Less than OpenSSH

    @Test func `without links, a renaming that refuses gives names`() throws {
        let fake = SFTPFake()
        let transport = try fake.connect()
        #expect(try transport.create("log/new/0", [1]))
        #expect(try !transport.create("log/new/0", [2]))
        let source = try Source(count: 300_000, seed: 1)
        #expect(try transport.upload(source.upload(to: "packs/a").upload) { _ in })
        #expect(try !transport.upload(source.upload(to: "log/new/0").upload) { _ in })
        #expect(try transport.bytes("packs/a") == source.bytes)
        #expect(try transport.bytes("log/new/0") == [1])
        #expect(try transport.texts(in: "tmp") == [])
        #expect(transport.losesOnPowerCut == "files that were made last, or what is in them")
        // The way is found out once, by two; two names had to be given once more, with their directories made.
        #expect(fake.state.withLock { $0.kinds.filter { $0 == 18 }.count } == 2 + 3 + 2)
        transport.close()
    }

    @Test(arguments: [SFTPFake.Renaming.overwrites, .isUnknown])
    func `without links, a renaming that overwrites gives none`(renaming: SFTPFake.Renaming) throws {
        let fake = SFTPFake(SFTPFake.Traits(renaming: renaming))
        let transport = try fake.connect()
        let refusal = TransportError(
            .unsupported, "it cannot create a file without overwriting another")
        #expect(throws: refusal) { try transport.create("log/new/0", [1]) }
        #expect(throws: refusal) {
            try transport.upload(Source(count: 10, seed: 1).upload(to: "packs/a").upload) { _ in }
        }
        #expect(try transport.names(in: "tmp") == [])
        #expect(fake.state.withLock { $0.files } == [:])
        #expect(fake.state.withLock { $0.handles.count } <= 1)
    }

    @Test func `short replies are gone on with, in any order`() throws {
        var random = SplitMix64(seed: 1)
        let bytes = random.bytes(200_000)
        let fake = SFTPFake(SFTPFake.Traits(reading: 7001, turnsAround: true))
        fake.state.withLock { state in
            state.directories.insert("packs")
            state.files["packs/a"] = bytes
        }
        let transport = try fake.connect()
        let pieces = [
            FilePiece("packs/a", .whole(limit: 200_000)), FilePiece("packs/b", .whole(limit: 1)),
            FilePiece("packs/a", .end(length: 100_001)),
            FilePiece("packs/a", .range(offset: 50, length: 300_000)),
        ]
        #expect(
            try transport.pieces(pieces).map { $0?.bytes } == [
                bytes, nil, Array(bytes.suffix(100_001)), Array(bytes.dropFirst(50)),
            ])
    }

    @Test func `a full disk is told of, and what fitted is gone on with`() throws {
        let fake = SFTPFake(SFTPFake.Traits(room: 100_000))
        let transport = try fake.connect()
        let upload = try Source(count: 300_000, seed: 1).upload(to: "packs/a").upload
        for _ in 0..<2 { #expect(failureKind { try transport.upload(upload) { _ in } } == .full) }
        #expect(try transport.bytes("packs/a") == nil)
        #expect(
            failureKind { try transport.create("log/new/1", [UInt8](repeating: 1, count: 50_000)) } == .full)
        #expect(try transport.texts(in: "tmp") == ["\(String(decoding: upload.partial.name, as: UTF8.self))"])
    }

    @Test func `other versions are told of`() throws {
        for version in [2, 4, .max] as [UInt32] {
            let fake = SFTPFake(SFTPFake.Traits(version: version))
            #expect(failureKind { try fake.connect() } == .unsupported)
        }
    }

    // MARK: Nonsense

    @Test func `what speaks before the server is shown`() throws {
        for text in ["Welcome to the machine\n\u{1b}[1m", "This service allows sftp connections only.\n"] {
            let (here, there) = try line(saying: Array(text.utf8), closing: true)
            do {
                _ = try client(here)
                Issue.record("a banner was taken for a server")
            } catch {
                #expect(error.kind == .malformed)
                #expect(error.problem.contains(escapedText(text.utf8)), "\(error)")
            }
            if let there { close(there) }
        }
    }

    @Test func `lengths that cannot be are refused before they come`() throws {
        let version = packet(2, numbers(3))
        let wrong: [[UInt8]] = [
            numbers(0), numbers(1 << 19) + [101], numbers(.max) + [101], packet(101, []),
            // A handle, data, names and attributes that are longer than what came.
            packet(102, numbers(1, 5)), packet(103, numbers(1, .max)), packet(104, numbers(1, .max)),
            packet(105, numbers(1, 1 << 31, .max)), packet(105, numbers(1, 1 << 20)),
            packet(102, numbers(1, 300) + [UInt8](repeating: 1, count: 300)),
            packet(104, numbers(1, 1, 1) + [0x2f] + numbers(0, 0)), packet(103, numbers(1, 0) + [1]),
            packet(101, numbers(7, 0)), packet(120, numbers(1)), packet(103, numbers(1, 1) + [1]),
        ]
        for bytes in wrong {
            let (here, there) = try line(saying: version + bytes, closing: false)
            let client = try client(here)
            #expect(failureKind { try client.names(in: "packs") } == .malformed, "\(bytes)")
            #expect(failureKind { try client.names(in: "packs") } == .malformed)
            if let there { close(there) }
        }
    }

    @Test func `nonsense at any byte is survived`() throws {
        print("seed \(Self.seed)")
        var random = SplitMix64(seed: Self.seed)
        for _ in 0..<300 {
            var bytes = packet(2, numbers(3))
            if random.below(2) == 0 {
                bytes = packet(2, numbers(3, 18) + Array("limits@openssh.com".utf8) + numbers(1) + [0x31])
            }
            for number in 1..<UInt32(2 + random.below(8)) {
                let kind = UInt8(random.below(5) == 0 ? 201 : 101 + random.below(5))
                var payload = numbers(number)
                for _ in 0..<random.below(4) { payload += numbers(UInt32(random.below(9))) }
                bytes += packet(kind, payload + random.bytes(random.below(12)))
            }
            for _ in 0..<random.below(3) { bytes[random.below(bytes.count)] = random.bytes(1)[0] }
            let (here, there) = try line(saying: bytes + random.bytes(random.below(9)), closing: true)
            defer { if let there { close(there) } }
            guard let client = try? client(here) else { continue }
            let pieces = [FilePiece("a", .whole(limit: 100)), FilePiece("b", .end(length: 9))]
            switch random.below(5) {
            case 0: try? client.read(pieces) { (_, _) in }
            case 1: _ = try? client.names(in: "packs")
            case 2: _ = try? client.properties(of: ["format", "a"])
            case 3: _ = try? client.upload(Source([1, 2, 3]).upload(to: "packs/a").upload) { _ in }
            default: _ = try? client.create("log/new/1", [1])
            }
        }
    }

    @Test func `a file that is said to be endless is read as far as it goes`() throws {
        let fake = SFTPFake(SFTPFake.Traits(length: .max))
        fake.state.withLock { $0.files["a"] = [1, 2] }
        let transport = try fake.connect()
        let found = try transport.pieces([
            FilePiece("a", .range(offset: 0, length: 10)), FilePiece("a", .range(offset: 1, length: .max)),
        ])
        #expect(found.map { $0?.bytes } == [[1, 2], [2]])
        #expect(try transport.pieces([FilePiece("a", .end(length: 1))]).map { $0?.bytes } == [[]])
        #expect(failureKind { try transport.bytes("a") } == .failed)
        #expect(try transport.bytes("b") == nil)
    }

    // MARK: Silence, and vanishing

    @Test func `silence ends`() throws {
        let (here, there) = try line(saying: packet(2, numbers(3)), closing: false)
        let client = try client(here)
        #expect(throws: TransportError(.unreachable, "nothing came for 1 seconds")) {
            try client.names(in: "packs")
        }
        if let there { close(there) }
    }

    @Test func `a server may vanish after any request`() throws {
        let source = try Source(count: 200_000, seed: 1)
        var succeeded = 0
        for requests in 0..<60 {
            let fake = SFTPFake(SFTPFake.Traits(requests: requests))
            let kind = failureKind {
                let transport = try fake.connect()
                _ = try transport.create("log/new/0", [1, 2])
                _ = try transport.upload(source.upload(to: "packs/a").upload) { _ in }
                #expect(try transport.bytes("packs/a") == source.bytes)
                #expect(try transport.texts(in: "log/new") == ["0"])
            }
            #expect(kind == nil || kind == .unreachable, "after \(requests) requests")
            if kind == nil { succeeded += 1 }
            // All of it or nothing.
            let files = fake.state.withLock { $0.files }
            #expect([nil, source.bytes].contains(files["packs/a"]), "after \(requests) requests")
            #expect([nil, [1, 2]].contains(files["log/new/0"]), "after \(requests) requests")
        }
        #expect(succeeded > 5)
    }
}
