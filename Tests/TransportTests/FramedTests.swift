import FileIO
import Hashing
import ObjectModel
import TestSupport
import Testing

@testable import Remotes

/// The framed protocol with a server that is what it should be.
@Suite struct FramedTests {
    private static let seed = UInt64.random(in: 0...UInt64.max)

    @Test(arguments: [false, true])
    func everyRequestDoesWhatTheDirectoryDoes(byPipes: Bool) throws {
        let store = try ServedStore()
        let line = try byPipes ? store.connectByPipes() : store.connect()
        let (entry, bytes) = (FilePath("log/new/00000000000000000000"), Array("an entry".utf8))
        #expect(try line.names(in: FilePath("log/new")).isEmpty)
        #expect(try line.create(entry, bytes))
        #expect(try !line.create(entry, Array("another".utf8)))
        #expect(try store.contents(entry) == bytes)
        #expect(try line.create(FilePath("log/tile/0/x001/234"), []))
        #expect(try line.names(in: FilePath("log/new")) == [Array("00000000000000000000".utf8)])
        let paths = [entry, FilePath("log/new/1"), FilePath("format"), FilePath("packs")]
        #expect(try line.properties(of: paths) == store.directory.properties(of: paths))
        try line.remove([entry, FilePath("tmp/none")])
        #expect(try store.contents(entry) == nil)
        #expect(try line.names(in: FilePath("log/new")).isEmpty)
        line.close()
        #expect(store.waitForEnds(1) == [nil])
        #expect(failureKind { try line.properties(of: paths) } == .unreachable)
    }

    @Test func piecesAreThoseOfTheDirectory() throws {
        print("seed \(Self.seed)")
        var random = SplitMix64(seed: Self.seed)
        let store = try ServedStore()
        let lengths = [0, 1, 1000, 1 << 20, 1 << 20 + 1, 3_500_000, 9 << 20]
        for (number, length) in lengths.enumerated() {
            try store.write(random.bytes(length), to: "packs/\(number)")
        }
        let line = try store.connect()
        for _ in 0..<10 {
            let pieces = (0..<random.below(60)).map { _ -> FilePiece in
                let number = random.below(lengths.count + 1)
                let length = number < lengths.count ? lengths[number] : 10
                let part: FilePiece.Part =
                    switch random.below(4) {
                    case 0: .whole(limit: length + random.below(3))
                    case 1: .end(length: random.below(length + 10))
                    case 2: .range(offset: random.below(length + 10), length: random.below(1000))
                    default: .range(offset: random.below(length + 10), length: random.below(length + 10))
                    }
                return FilePiece(FilePath("packs/\(number)"), part)
            }
            var (expected, found) = ([PieceContent?](), [PieceContent?]())
            try store.directory.read(pieces) { (_, content) throws(TransportError) in expected.append(content)
            }
            try line.read(pieces) { (position, content) throws(TransportError) in
                #expect(position == found.count)
                found.append(content)
            }
            #expect(Self.digests(found) == Self.digests(expected), "seed \(Self.seed)")
        }
        let large = FilePiece(FilePath("packs/6"), .whole(limit: (9 << 20) - 1))
        #expect(failureKind { try line.read([large]) { _, _ in } } == .failed)
        let huge = FilePiece(FilePath("packs/2"), .range(offset: 500, length: Int.max))
        try line.read([huge, FilePiece(huge.path, .range(offset: .max, length: .max))]) {
            (position, content) in
            #expect(content?.bytes.count == [500, 0][position])
            #expect(content?.fileLength == 1000)
        }
    }

    private static func digests(_ contents: [PieceContent?]) -> [String?] {
        contents.map { $0.map { "\($0.fileLength) \(Hex.text(SHA256.digest(of: $0.bytes).bytes))" } }
    }

    // MARK: The line's delay

    @Test func openingReadingAndCreatingAreThreeRoundTrips() throws {
        let store = try ServedStore()
        for number in 0..<50 { try store.write([UInt8(number)], to: "packs/\(number)") }
        let line = try store.connect()
        #expect(line.roundTrips == 1)
        let pieces = (0..<50).map { FilePiece(FilePath("packs/\($0)"), .whole(limit: 100)) }
        try line.read(pieces) { (position, content) in #expect(content?.bytes == [UInt8(position)]) }
        #expect(line.roundTrips == 2)
        #expect(try line.create(FilePath("log/new/1"), [1]))
        #expect(line.roundTrips == 3)
        #expect(try line.properties(of: Array(repeating: FilePath("format"), count: 10_000)).count == 10_000)
        #expect(line.roundTrips == 4)
    }

    @Test func requestsAreSentBeforeTheFirstReply() throws {
        let (here, there) = try ServedStore.socketPair()
        let thread = Thread {
            let stream = DuplexStream(framesFrom: there, to: there)
            stream.enqueue(.greeting, number: 0, FramedGreeting(version: 1, features: 0).payload)
            var waiting: [UInt32] = []
            while !stream.isAtEnd {
                // Nothing is answered before all fifty are there.
                while let message = try? stream.nextFrame() {
                    if message.number > 0 { waiting.append(message.number) }
                }
                if waiting.count == 50 {
                    for number in waiting {
                        let reply = FramedReply.content(PieceContent(bytes: [7], fileLength: 1))
                        stream.enqueue(reply.kind, number: number, reply.payload)
                    }
                    waiting = []
                }
                guard (try? stream.advance(within: 10)) != nil else { return }
            }
        }
        let line = try ServedStore.client(here, timeLimit: 5)
        var count = 0
        let pieces = (0..<50).map { FilePiece(FilePath("packs/\($0)"), .range(offset: 0, length: 1)) }
        try line.read(pieces) { (_, content) throws(TransportError) in count += content?.bytes.count ?? 0 }
        #expect(count == 50)
        line.close()
        thread?.join()
    }

    @Test func manyLongRequestsAndRepliesDoNotBlockEachOther() throws {
        let store = try ServedStore()
        let line = try store.connectByPipes()
        let paths = (0..<40_000).map { FilePath("packs/\(String(repeating: "n", count: 200))-\($0)") }
        #expect(try line.properties(of: paths).allSatisfy { $0 == nil })
    }

    // MARK: What calls do among each other

    @Test func readingEndsWithWhatItsBodyThrows() throws {
        let store = try ServedStore()
        try store.write([1, 2, 3], to: "packs/a")
        let line = try store.connect()
        let pieces = Array(repeating: FilePiece(FilePath("packs/a"), .end(length: 2)), count: 300)
        for stop in [0, 7, 299] {
            let problem = failureKind {
                try line.read(pieces) { (position, content) throws(TransportError) in
                    // The same line may be used meanwhile.
                    #expect(try line.properties(of: [FilePath("packs/a")]).first??.length == 3)
                    if position == stop { throw TransportError(.stopped, "enough") }
                    #expect(content == PieceContent(bytes: [2, 3], fileLength: 3))
                }
            }
            #expect(problem == .stopped)
        }
        #expect(try line.names(in: FilePath("packs")) == [[UInt8(ascii: "a")]])
    }

    @Test func severalThreadsShareALine() throws {
        let store = try ServedStore()
        try store.write([1, 2, 3], to: "packs/a")
        let line = try store.connect()
        let indices = WorkIndices(100)
        let made = Monitor(0)
        onThreads(4) {
            while let index = indices.next() {
                let isNew = try? line.create(FilePath("log/new/\(index / 2)"), [UInt8(index)])
                if isNew == true { made.withLock { $0 += 1 } }
                let piece = FilePiece(FilePath("packs/a"), .whole(limit: 10))
                try? line.read([piece, piece]) { (_, content) in #expect(content?.bytes == [1, 2, 3]) }
            }
        }
        #expect(made.withLock { $0 } == 50)
    }

    // MARK: What is refused

    @Test func onlyPathsOfAStoreAreServed() throws {
        let store = try ServedStore()
        try store.write([1], to: "secret")
        let line = try store.connect()
        let unreadable = [
            "secret", "/etc/passwd", "../x", "packs/../secret", "packs//a", "packs/./a", "", "packs/",
            "cache/x",
            "packs/a b", "packs/ä", "log/new/..", "formats", String(repeating: "packs/", count: 200) + "a",
        ]
        for path in unreadable.map({ FilePath($0) }) {
            #expect(
                failureKind { try line.read([FilePiece(path, .whole(limit: 9))]) { _, _ in } } != nil,
                "\(path)")
            #expect(failureKind { try line.properties(of: [FilePath("format"), path]) } != nil, "\(path)")
            #expect(failureKind { try line.names(in: path) } != nil, "\(path)")
        }
        for path in ["format", "packs/a", "log/new", "log/x", "log/tiles/1", "tmp/a", "log/new/../../secret"]
        {
            #expect(failureKind { try line.create(FilePath(path), [1]) } == .denied, "\(path)")
        }
        for path in ["format", "tmp", "packs", "log/new", "log/lists/1", "log/tile/0/000", "tmp/../secret"] {
            #expect(failureKind { try line.remove([FilePath(path)]) } == .denied, "\(path)")
        }
        for path in ["tmp/a", "log/new/1", "packs", "packs/../format", "secret"] {
            let upload = try store.upload([1, 2], to: path)
            #expect(failureKind { try line.upload(upload) { _ in } } == .denied, "\(path)")
        }
        #expect(try store.contents(FilePath("secret")) == [1])
        // Whoever collects there asks what time it is.
        #expect(try line.create(FilePath("tmp/clock-01"), []))
    }

    @Test func aReadOnlyServerChangesNothing() throws {
        let store = try ServedStore()
        try store.write([1, 2, 3], to: "packs/a")
        let line = try store.connect(isReadOnly: true)
        #expect(line.isReadOnly)
        #expect(failureKind { try line.create(FilePath("log/new/1"), [1]) } == .denied)
        #expect(failureKind { try line.remove([FilePath("packs/a")]) } == .denied)
        let upload = try store.upload([1, 2], to: "packs/b")
        #expect(failureKind { try line.upload(upload) { _ in } } == .denied)
        #expect(try line.names(in: FilePath("packs")) == [[UInt8(ascii: "a")]])
    }

    #if os(Linux)
        @Test func linksDoNotLeadOut() throws {
            let store = try ServedStore()
            try store.files.makeDirectory(store.root / "packs", permissions: 0o700)
            try store.files.makeLink(store.root / "packs/out", target: Array("/etc".utf8))
            try store.files.makeLink(store.root / "packs/file", target: Array("../format".utf8))
            let line = try store.connect()
            for path in ["packs/out/passwd", "packs/file"].map({ FilePath($0) }) {
                #expect(failureKind { try line.read([FilePiece(path, .end(length: 1))]) { _, _ in } } != nil)
            }
            #expect(try line.names(in: FilePath("packs/out")).isEmpty)
        }
    #endif

    @Test func errorsKeepTheirKind() throws {
        let store = try ServedStore()
        try store.write([1], to: "log/new")
        let line = try store.connect()
        let here = failureKind { try store.directory.create(FilePath("log/new/1"), [1]) }
        #expect(here != nil)
        #expect(failureKind { try line.create(FilePath("log/new/1"), [1]) } == here)
        #expect(
            failureKind { try line.create(FilePath("log/lists/1"), [UInt8](repeating: 0, count: 5 << 20)) }
                == .unsupported)
        #expect(try line.create(FilePath("log/lists/1"), [UInt8](repeating: 0, count: 4 << 20)))
    }
}
