import FileIO
import Hashing
import TestSupport
import Testing

@testable import Remotes

/// Requests and replies as bytes.
@Suite struct FramedMessageTests {
    private static let seed = UInt64.random(in: 0...UInt64.max)

    private let requests: [FramedRequest] = [
        .read(FilePiece(FilePath("format"), .whole(limit: 100))),
        .read(FilePiece(FilePath("packs/ä"), .range(offset: 1 << 40, length: .max))),
        .read(FilePiece(FilePath("packs/a"), .end(length: 0))),
        .properties([]), .properties([FilePath("a"), FilePath("b/c")]),
        .names(FilePath("log/new")), .create(FilePath("log/new/1"), []), .create(FilePath("x"), [1, 2, 3]),
        .uploadBegin(partial: FilePath("tmp/a"), FilePath("packs/a")),
        .uploadData(upload: .max, offset: 1 << 50, [0, 255]),
        .uploadFinish(upload: 7, FilePath("packs/a"), length: 9, SHA256.digest(of: [1])),
        .remove([FilePath("tmp/a")]),
    ]

    private let replies: [FramedReply] = [
        .content(nil), .content(PieceContent(bytes: [], fileLength: 0)),
        .content(PieceContent(bytes: [1, 2], fileLength: .max)),
        .properties([nil, FileProperties(length: 7, modified: -5), FileProperties(length: 0, modified: .max)]
        ),
        .names([], more: false), .names([[0xff], [0x61, 0x62]], more: true), .done(true), .done(false),
        .length(1 << 45), .taken, .wrongBytes, .working,
    ]

    @Test func whatIsWrittenIsRead() throws {
        for request in requests {
            let message = FramedMessage(kind: request.kind, number: 3, payload: request.payload)
            #expect(try FramedRequest(message) == request)
        }
        let kinds: [TransportError.Kind] = [
            .unreachable, .denied, .full, .unsupported, .malformed, .absent, .failed, .stopped,
        ]
        let failures = kinds.map { FramedReply.failure(TransportError($0, "a problem, 100 % Ünïcode")) }
        for reply in replies + failures {
            let message = FramedMessage(kind: reply.kind, number: 3, payload: reply.payload)
            #expect(try FramedReply(message) == reply)
        }
        let long = FramedReply.failure(TransportError(.failed, String(repeating: "x", count: 1 << 20)))
        #expect(long.payload.count < FramedReply.shortLimit)
    }

    @Test func anyBytesAreReadOrRefused() {
        print("seed \(Self.seed)")
        var random = SplitMix64(seed: Self.seed)
        let valid = requests.map { ($0.kind, $0.payload) } + replies.map { ($0.kind, $0.payload) }
        var accepted = 0
        for _ in 0..<20_000 {
            var (kind, payload) = valid[random.below(valid.count)]
            switch random.below(4) {
            case 0: payload = random.bytes(random.below(100))
            case 1: payload = Array(payload.prefix(random.below(payload.count + 1)))
            case 2: payload += random.bytes(1 + random.below(4))
            default: if !payload.isEmpty { payload[random.below(payload.count)] = UInt8(random.below(256)) }
            }
            if random.below(20) == 0 { kind = FramedMessage.Kind(rawValue: UInt8(random.below(256))) }
            let message = FramedMessage(kind: kind, number: 1, payload: payload)
            // What is accepted is what its own bytes say, so that both sides mean the same.
            if let request = try? FramedRequest(message) {
                accepted += 1
                #expect(request.payload == payload, "seed \(Self.seed)")
            }
            if let reply = try? FramedReply(message) {
                accepted += 1
                if reply.kind != FramedMessage.Kind(rawValue: 72) {
                    #expect(reply.payload == payload, "seed \(Self.seed)")
                }
            }
            _ = FramedGreeting(payload)
            _ = FramedGreeting(FramedGreeting.magic + payload)
        }
        #expect(accepted > 1000)
    }

    @Test func theBytesOnTheLineAreThese() {
        let request = FramedRequest.read(FilePiece(FilePath("format"), .range(offset: 300, length: 2)))
        let header = FramedMessage.header(request.kind, number: 258, length: request.payload.count)
        #expect(header == [0, 0, 0, 11, 16, 0, 0, 1, 2])
        #expect(request.payload == [6] + Array("format".utf8) + [1, 0xac, 2, 2])
        let greeting = FramedGreeting(version: 1, features: FramedGreeting.readOnly)
        #expect(greeting.payload == Array("mlrepo-framed\n".utf8) + [1, 0, 0, 0, 1])
    }
}
