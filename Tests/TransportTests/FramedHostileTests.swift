import FileIO
import Hashing
import ObjectModel
import TestSupport
import Testing

@testable import Remotes

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The framed protocol where the other side is not what it should be: it vanishes, is silent, or talks nonsense.
@Suite struct FramedHostileTests {
    private static let seed = UInt64.random(in: 0...UInt64.max)

    /// A line whose other side says these bytes, and then closes or not.
    private func line(saying bytes: [UInt8], closing: Bool) throws -> (here: Int32, there: Int32?) {
        let (here, there) = try ServedStore.socketPair()
        var room: Int32 = 1 << 20
        setsockopt(there, SOL_SOCKET, SO_SNDBUF, &room, socklen_t(MemoryLayout<Int32>.size))
        sendBytes(there, bytes)
        guard closing else { return (here, there) }
        close(there)
        return (here, nil)
    }

    private func frame(_ kind: FramedMessage.Kind, _ number: UInt32, _ payload: [UInt8]) -> [UInt8] {
        FramedMessage.header(kind, number: number, length: payload.count) + payload
    }

    private var greeting: [UInt8] {
        frame(.greeting, 0, FramedGreeting(version: 1, features: 0).payload)
    }

    private var hello: [UInt8] { frame(.hello, 0, FramedGreeting(version: 1, features: 0).payload) }

    private func reply(_ number: UInt32, _ reply: FramedReply) -> [UInt8] {
        frame(reply.kind, number, reply.payload)
    }

    // MARK: Greetings

    @Test func aBannerIsShown() throws {
        for text in [
            "Welcome to the machine\n\u{1b}[1m", "bash: mlrepo: command not found\n", "\u{0}\u{0}\u{0}x",
        ] {
            let (here, _) = try line(saying: Array(text.utf8), closing: true)
            do {
                _ = try ServedStore.client(here)
                Issue.record("a banner was taken for a greeting")
            } catch {
                #expect(error.kind == (text.count < 5 ? .unreachable : .malformed))
                if text.count > 4 {
                    #expect(error.problem.contains(escapedText(text.utf8.prefix(22))), "\(error)")
                    #expect(!error.problem.contains("\u{1b}"))
                }
            }
        }
    }

    @Test func otherVersionsAreToldOf() throws {
        let newer = frame(.greeting, 0, FramedGreeting(version: 9, features: 0).payload + [1, 2, 3])
        let (here, there) = try line(saying: newer, closing: false)
        let client = try ServedStore.client(here)
        client.close()
        if let there { close(there) }
        let older = frame(.greeting, 0, FramedGreeting(version: 0, features: 0).payload)
        let (other, _) = try line(saying: older, closing: true)
        #expect(failureKind { try ServedStore.client(other) } == .unsupported)

        let store = try ServedStore()
        let asking = try store.line()
        let stream = DuplexStream(framesFrom: asking, to: asking)
        stream.enqueue(.hello, number: 0, FramedGreeting(version: 2, features: 0).payload)
        try stream.flush(within: 5)
        #expect(store.waitForEnds(1).map { $0?.kind } == [.unsupported])
    }

    // MARK: Nonsense

    @Test func serversSurviveNonsense() throws {
        print("seed \(Self.seed)")
        var random = SplitMix64(seed: Self.seed)
        let store = try ServedStore()
        for attempt in 0..<200 {
            let end = try store.line(timeLimit: 2)
            var bytes = attempt.isMultiple(of: 4) ? [] : hello
            for _ in 0..<random.below(20) {
                let kind = FramedMessage.Kind(rawValue: UInt8(16 + random.below(9)))
                bytes += frame(kind, UInt32(random.below(5)), random.bytes(random.below(60)))
            }
            bytes += random.bytes(random.below(40))
            sendBytes(end, bytes)
            close(end)
        }
        #expect(store.waitForEnds(200).count == 200, "seed \(Self.seed)")
        #expect(try store.connect().properties(of: [FilePath("format")]).first??.length == 8)
    }

    @Test func longFramesAreRefusedBeforeTheyCome() throws {
        let store = try ServedStore()
        let end = try store.line()
        let bytes = hello + [0xff, 0xff, 0xff, 0xff, 16, 0, 0, 0, 1]
        sendBytes(end, bytes)
        #expect(store.waitForEnds(1).map { $0?.kind } == [.malformed])
        close(end)
        let (here, there) = try line(saying: greeting + [0x00, 0x50, 0, 0, 64, 0, 0, 0, 1], closing: false)
        let client = try ServedStore.client(here)
        #expect(failureKind { try client.names(in: FilePath("packs")) } == .malformed)
        #expect(failureKind { try client.names(in: FilePath("packs")) } == .malformed)
        if let there { close(there) }
    }

    @Test func clientsSurviveNonsense() throws {
        print("seed \(Self.seed)")
        var random = SplitMix64(seed: Self.seed)
        let piece = FilePiece(FilePath("format"), .whole(limit: 100))
        for _ in 0..<200 {
            var bytes = greeting
            for _ in 0..<random.below(5) {
                let kind = FramedMessage.Kind(rawValue: UInt8(63 + random.below(11)))
                bytes += frame(kind, UInt32(random.below(3)), random.bytes(random.below(40)))
            }
            let (here, _) = try line(saying: bytes + random.bytes(random.below(20)), closing: true)
            guard let client = try? ServedStore.client(here, timeLimit: 2) else { continue }
            switch random.below(4) {
            case 0: try? client.read([piece, piece]) { (_, _) in }
            case 1: _ = try? client.names(in: FilePath("packs"))
            case 2: _ = try? client.properties(of: [FilePath("format")])
            default: _ = try? client.create(FilePath("log/new/1"), [1])
            }
        }
    }

    @Test func repliesThatNobodyAskedForEndTheLine() throws {
        let names = FilePath("packs")
        let wrong: [[UInt8]] = [
            reply(7, .done(true)), reply(1, .done(true)), reply(1, .taken),
            reply(1, .names([[0x2f]], more: false)),
            reply(1, .names([Array("..".utf8) + [0]], more: false)), reply(0, .done(true)),
            reply(1, .names([[0x61]], more: true)) + reply(2, .done(true)),
        ]
        for bytes in wrong {
            let (here, there) = try line(saying: greeting + bytes, closing: false)
            let client = try ServedStore.client(here, timeLimit: 2)
            #expect(failureKind { try client.names(in: names) } == .malformed)
            #expect(failureKind { try client.names(in: names) } == .malformed)
            if let there { close(there) }
        }
        // More of a file than was asked for, and a file that is said to be endless.
        let long = FramedReply.content(PieceContent(bytes: [UInt8](repeating: 1, count: 11), fileLength: 11))
        let endless = FramedReply.content(PieceContent(bytes: [1], fileLength: .max))
        for (content, expected) in [(long, TransportError.Kind.malformed), (endless, nil)] {
            let (here, there) = try line(saying: greeting + reply(1, content), closing: false)
            let client = try ServedStore.client(here, timeLimit: 2)
            let piece = FilePiece(FilePath("packs/a"), .range(offset: 0, length: 10))
            #expect(failureKind { try client.read([piece]) { (_, _) in } } == expected)
            if let there { close(there) }
        }
    }

    // MARK: Silence

    @Test func silenceEnds() throws {
        let (here, there) = try line(saying: greeting, closing: false)
        let client = try ServedStore.client(here, timeLimit: 1)
        do {
            _ = try client.names(in: FilePath("packs"))
            Issue.record("silence is an answer")
        } catch { #expect(error == TransportError(.unreachable, "nothing came for 1 seconds")) }
        if let there { close(there) }
    }

    @Test func whoeverIsStillWorkingIsWaitedFor() throws {
        let (here, there) = try line(saying: greeting, closing: false)
        let (working, done) = (reply(1, .working), reply(1, .done(true)))
        let thread = Thread {
            for _ in 0..<4 {
                poll(nil, 0, 400)
                sendBytes(there ?? -1, working)
            }
            sendBytes(there ?? -1, done)
        }
        let client = try ServedStore.client(here, timeLimit: 1)
        #expect(try client.create(FilePath("log/new/1"), [1]))
        thread?.join()
        if let there { close(there) }
    }

    @Test func whoeverIsWorkingForEverIsNot() throws {
        let (here, there) = try line(saying: greeting, closing: false)
        let working = reply(1, .working)
        let thread = Thread {
            for _ in 0..<8 {
                sendBytes(there ?? -1, working)
                poll(nil, 0, 300)
            }
        }
        let stream = DuplexStream(framesFrom: here, to: here)
        let connection = try FramedConnection(stream, process: nil, seconds: 5, opening: 5, workingLimit: 1)
        let number = try connection.send(.create(FilePath("log/new/1"), [1]))
        #expect(failureKind { try connection.reply(to: number) } == .unreachable)
        connection.close()
        thread?.join()
        if let there { close(there) }
    }

    @Test func whoeverNeverReadsIsLeft() throws {
        let store = try ServedStore()
        try store.write([UInt8](repeating: 1, count: 1 << 20), to: "packs/a")
        let end = try store.line(timeLimit: 1)
        var bytes = hello
        for number in 1...50 {
            let request = FramedRequest.read(FilePiece(FilePath("packs/a"), .end(length: 1 << 20)))
            bytes += frame(request.kind, UInt32(number), request.payload)
        }
        sendBytes(end, bytes)
        #expect(store.waitForEnds(1).map { $0?.kind } == [.unreachable])
        close(end)
    }

    // MARK: Vanishing

    @Test func eitherSideMayVanishAtAnyByte() throws {
        print("seed \(Self.seed)")
        var random = SplitMix64(seed: Self.seed)
        let store = try ServedStore()
        let bytes = random.bytes(700_000)
        for attempt in 0..<50 {
            let upload = try store.upload(bytes, to: "packs/ab/vanishing")
            let served = try store.line()
            let (here, between) = try ServedStore.socketPair()
            let (toClient, toServer) = (
                random.below(1 << (3 + random.below(18))), random.below(1 << (3 + random.below(18)))
            )
            try Relay.start(served, between, limits: (toClient, toServer))
            let kind = failureKind {
                let client = try ServedStore.client(here, timeLimit: 5)
                _ = try client.upload(upload) { _ in }
                try client.read([FilePiece(upload.path, .whole(limit: 1 << 20))]) { (_, content) in
                    #expect(content?.bytes.count == bytes.count)
                }
                client.close()
            }
            #expect(kind == nil || kind == .unreachable, "seed \(Self.seed), attempt \(attempt)")
            #expect(store.waitForEnds(attempt + 1).count == attempt + 1, "seed \(Self.seed)")
            // All of it or nothing, and another attempt goes on where this one stopped.
            if let there = try store.contents(upload.path) {
                #expect(there == bytes, "seed \(Self.seed), attempt \(attempt)")
                try store.files.remove(store.root.appending(upload.path.bytes))
            }
        }
        let line = try store.connect()
        let upload = try store.upload(bytes, to: "packs/ab/vanishing")
        #expect(try line.upload(upload) { _ in })
        #expect(try store.contents(upload.path) == bytes)
    }
}
