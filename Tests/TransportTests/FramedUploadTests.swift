import FileIO
import Hashing
import TestSupport
import Testing

@testable import Remotes

/// Uploads by the framed protocol, whole, resumed and wrong.
@Suite struct FramedUploadTests {
    private static let seed = UInt64.random(in: 0...UInt64.max)

    @Test func aLargeFileGoesThereAndComesBack() throws {
        print("seed \(Self.seed)")
        var random = SplitMix64(seed: Self.seed)
        let bytes = random.bytes(64 << 20 - random.below(1000))
        let digest = SHA256.digest(of: bytes)
        let store = try ServedStore()
        let line = try store.connectByPipes()
        let upload = try store.upload(bytes, to: "packs/ab/large")
        var total = 0
        #expect(try line.upload(upload) { total += $0 })
        #expect(total == bytes.count)
        #expect(try store.contents(upload.path).map { SHA256.digest(of: $0) } == digest)
        #expect(try store.contents(upload.partial) == nil)
        #expect(try !line.upload(upload) { _ in })
        try line.read([FilePiece(upload.path, .whole(limit: 64 << 20))]) { (_, content) in
            #expect(content.map { SHA256.digest(of: $0.bytes) } == digest, "seed \(Self.seed)")
        }
        let length = 3_000_000
        let pieces = stride(from: 0, to: bytes.count, by: length).map {
            FilePiece(upload.path, .range(offset: $0, length: length))
        }
        var hash = SHA256()
        try line.read(pieces) { (_, content) throws(TransportError) in hash.update(content?.bytes ?? []) }
        #expect(hash.finish() == digest, "seed \(Self.seed)")
    }

    @Test(arguments: [0, 1, 300_000, 2 << 20])
    func anUploadGoesOnWhereItStopped(there: Int) throws {
        print("seed \(Self.seed)")
        var random = SplitMix64(seed: Self.seed)
        let bytes = random.bytes(2 << 20)
        let store = try ServedStore()
        let upload = try store.upload(bytes, to: "packs/ab/resumed")
        try store.write(Array(bytes[..<there]), to: "\(upload.partial)")
        let line = try store.connect(pulse: 1)
        var steps: [Int] = []
        #expect(try line.upload(upload) { steps.append($0) })
        #expect(steps.first == there)
        #expect(steps.reduce(0, +) == bytes.count)
        #expect(try store.contents(upload.path) == bytes)
    }

    @Test(arguments: [10, 1 << 20, 3 << 20])
    func whatOthersLeftIsReplaced(there: Int) throws {
        var random = SplitMix64(seed: 5)
        let bytes = random.bytes(1 << 20)
        let store = try ServedStore()
        let upload = try store.upload(bytes, to: "packs/ab/other")
        try store.write(random.bytes(there), to: "\(upload.partial)")
        let line = try store.connect()
        var total = 0
        #expect(try line.upload(upload) { total += $0 })
        #expect(total == bytes.count)
        #expect(try store.contents(upload.path) == bytes)
    }

    @Test func otherBytesThanPromisedGetNoName() throws {
        let store = try ServedStore()
        let line = try store.connect()
        for length in [0, 100, 1 << 20] {
            let upload = try store.upload(
                [UInt8](repeating: 1, count: length), to: "packs/ab/wrong", digest: SHA256.digest(of: [9]))
            #expect(failureKind { try line.upload(upload) { _ in } } == .failed)
            #expect(try store.contents(upload.path) == nil)
            #expect(try store.contents(upload.partial) == nil)
        }
        #expect(try line.names(in: FilePath("packs/ab")).isEmpty)
    }

    @Test func aMissingSourceLeavesTheLineUsable() throws {
        let store = try ServedStore()
        let line = try store.connect()
        let upload = Upload(
            to: FilePath("packs/a"), owner: "somebody", length: 10, digest: SHA256.digest(of: []),
            content: FileContent(store.root / "none", files: store.files))
        #expect(failureKind { try line.upload(upload) { _ in } } == .absent)
        #expect(try line.upload(store.upload([1, 2, 3], to: "packs/a")) { _ in })
    }

    /// Each piece that is on its way after the first failure fails too, and only the first is told of.
    @Test func aFailureEndsAnUpload() throws {
        let store = try ServedStore()
        try store.write([], to: "packs")
        let line = try store.connect()
        let upload = try store.upload([UInt8](repeating: 1, count: 4 << 20), to: "packs/a")
        #expect(failureKind { try line.upload(upload) { _ in } } != nil)
        #expect(try line.properties(of: [FilePath("format")]).first??.length == 8)
    }

    /// A server that answers nothing about an upload's bytes before all of them are there.
    private func answering(
        _ count: Int, on line: Int32, with reply: @escaping @Sendable (Int) -> FramedReply?
    ) -> Thread? {
        Thread {
            let stream = DuplexStream(framesFrom: line, to: line)
            func answer(_ number: UInt32, _ reply: FramedReply) {
                stream.enqueue(reply.kind, number: number, reply.payload)
            }
            stream.enqueue(.greeting, number: 0, FramedGreeting(version: 1, features: 0).payload)
            var waiting: [(UInt32, Int)] = []
            while !stream.isAtEnd {
                while let message = try? stream.nextFrame() {
                    switch try? FramedRequest(message) {
                    case .uploadBegin: answer(message.number, .length(0))
                    case .uploadData(_, let offset, let bytes):
                        waiting.append((message.number, offset + bytes.count))
                    case .uploadFinish: waiting.append((message.number, -1))
                    case .names: answer(message.number, .names([], more: false))
                    default: break
                    }
                    guard waiting.count == count else { continue }
                    for (number, end) in waiting {
                        if let reply = reply(end) { answer(number, reply) }
                    }
                    waiting = []
                }
                guard (try? stream.advance(within: 10)) != nil else { return }
            }
        }
    }

    @Test func bytesAreSentBeforeTheFirstReply() throws {
        let store = try ServedStore()
        let upload = try store.upload([UInt8](repeating: 3, count: 20 << 18), to: "packs/a")
        let (here, there) = try ServedStore.socketPair()
        let thread = answering(21, on: there) { $0 < 0 ? .done(true) : .length($0) }
        let line = try ServedStore.client(here, timeLimit: 5)
        var total = 0
        #expect(try line.upload(upload) { total += $0 })
        #expect(total == upload.length)
        // The greeting, the beginning, and all the rest at once.
        #expect(line.roundTrips == 3)
        line.close()
        thread?.join()
    }

    @Test func aFailureIsToldOfWithoutTheOtherReplies() throws {
        let store = try ServedStore()
        let upload = try store.upload([UInt8](repeating: 3, count: 40 << 18), to: "packs/a")
        let (here, there) = try ServedStore.socketPair()
        let thread = answering(5, on: there) { end in
            end == 1 << 18 ? .failure(TransportError(.full, "no room")) : nil
        }
        let line = try ServedStore.client(here, timeLimit: 5)
        #expect(failureKind { try line.upload(upload) { _ in } } == .full)
        #expect(try line.names(in: FilePath("packs")).isEmpty)
        line.close()
        thread?.join()
    }

    /// What an abandoned line still brings is not added to a file that was finished over another one.
    @Test func aLineThatWasLeftChangesNothingAnyMore() throws {
        let store = try ServedStore()
        let end = try store.line()
        let stream = DuplexStream(framesFrom: end, to: end)
        let old = try FramedConnection(stream, process: nil, seconds: 5, opening: 5)
        let upload = try store.upload([1, 2, 3, 4, 5, 6], to: "packs/x")
        let number = try old.send(.uploadBegin(partial: upload.partial, upload.path))
        #expect(try old.reply(to: number) == .length(0))
        let first = try old.send(.uploadData(upload: number, offset: 0, [1, 2, 3]))
        #expect(try old.reply(to: first) == .length(3))
        #expect(try store.connect().upload(upload) { _ in })
        let late = try old.send(.uploadData(upload: number, offset: 3, [4, 5, 6]))
        #expect(throws: TransportError.self) { try old.reply(to: late) }
        #expect(try store.contents(upload.path) == [1, 2, 3, 4, 5, 6])
        old.close()
    }

    @Test func piecesThatLieElsewhereEndTheUpload() throws {
        let store = try ServedStore()
        let end = try store.line()
        let stream = DuplexStream(framesFrom: end, to: end)
        let connection = try FramedConnection(stream, process: nil, seconds: 5, opening: 5)
        let (partial, path) = (FilePath("tmp/upload-x"), FilePath("packs/x"))
        let upload = try connection.send(.uploadBegin(partial: partial, path))
        #expect(try connection.reply(to: upload) == .length(0))
        let first = try connection.send(.uploadData(upload: upload, offset: 0, [1, 2, 3]))
        #expect(try connection.reply(to: first) == .length(3))
        for offset in [2, 3] {
            let more = try connection.send(.uploadData(upload: upload, offset: offset, [4]))
            #expect(throws: TransportError.self) { try connection.reply(to: more) }
        }
        let again = try connection.send(.uploadBegin(partial: partial, path))
        #expect(try connection.reply(to: again) == .length(3))
        let digest = SHA256.digest(of: [1, 2, 3])
        for (number, target) in [(upload, path), (again, FilePath("packs/y"))] {
            let finish = try connection.send(.uploadFinish(upload: number, target, length: 3, digest))
            #expect(throws: TransportError.self) { try connection.reply(to: finish) }
        }
        #expect(try store.contents(path) == nil)
        connection.close()
        #expect(store.waitForEnds(1) == [nil])
    }
}
