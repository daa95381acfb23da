import FileIO
import Hashing
import TestSupport
import Testing

@testable import Remotes

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A store reached by OpenSSH's own server.
@Suite(.disabled(if: SFTPProgram.isMissing, "this machine has no sftp-server")) struct SFTPTests {
    @Test func `few round trips read three files and make one`() throws {
        let store = try ServedStore()
        for name in ["a", "b", "c"] { try store.write([1, 2, 3], to: "packs/\(name)") }
        try store.write([], to: "log/new/0")
        try store.write([], to: "tmp/x")
        let transport = try SFTPProgram.connect(store.root)
        #expect(transport.roundTrips == 1)
        let parts: [FilePiece.Part] = [.whole(limit: 9), .range(offset: 1, length: 2), .whole(limit: 3)]
        let pieces = zip(["a", "b", "c"], parts).map { FilePiece(FilePath("packs/\($0)"), $1) }
        #expect(try transport.pieces(pieces).map { $0?.bytes } == [[1, 2, 3], [2, 3], [1, 2, 3]])
        #expect(transport.roundTrips == 3)
        #expect(try transport.create("log/new/1", [7]))
        #expect(transport.roundTrips == 6)
        // The ends of any number of files need one more than the rest.
        let ends = ["a", "b", "c"].map { FilePiece(FilePath("packs/\($0)"), .end(length: 1)) }
        #expect(try transport.pieces(ends).map { $0?.bytes } == [[3], [3], [3]])
        #expect(transport.roundTrips == 9)
    }

    @Test func `large files and many pieces are read`() throws {
        var random = SplitMix64(seed: 1)
        let store = try ServedStore()
        let bytes = random.bytes(12 << 20)
        try store.write(bytes, to: "packs/large")
        for number in 0..<300 { try store.write([UInt8(number & 255)], to: "packs/\(number)") }
        let transport = try SFTPProgram.connect(store.root)
        #expect(try transport.bytes("packs/large") == bytes)
        // More files than may be open at once, again and again, with pieces of the large one between.
        var pieces: [FilePiece] = []
        for index in 0..<900 {
            pieces.append(FilePiece(FilePath("packs/\(index % 301)"), .whole(limit: 1)))
            pieces.append(FilePiece("packs/large", .range(offset: index * 1000, length: 1000)))
        }
        var sum = 0
        try transport.read(pieces) { (position, content) in
            let index = position / 2
            if position.isMultiple(of: 2) {
                #expect(content?.bytes == (index % 301 == 300 ? nil : [UInt8(index % 301 & 255)]))
            } else {
                #expect(content.map { $0.bytes == Array(bytes[index * 1000..<index * 1000 + 1000]) } == true)
            }
            sum += 1
        }
        #expect(sum == 1800)
        #expect(try transport.names(in: "packs").count == 301)
    }

    @Test func `a reading that ends early closes what it opened`() throws {
        let store = try ServedStore()
        for number in 0..<50 { try store.write([1], to: "packs/\(number)") }
        let transport = try SFTPProgram.connect(store.root)
        let pieces = (0..<50).map { FilePiece(FilePath("packs/\($0)"), .whole(limit: 1)) }
        // As many as a server would be out of handles for.
        for _ in 0..<60 {
            #expect(throws: TransportError(.stopped, "enough")) {
                try transport.read(pieces) { (_, _) throws(TransportError) in
                    throw TransportError(.stopped, "enough")
                }
            }
        }
        #expect(try transport.pieces(pieces).allSatisfy { $0?.bytes == [1] })
    }

    @Test func `calls are made within calls`() throws {
        let store = try ServedStore()
        for number in 0..<9 { try store.write([UInt8(number)], to: "packs/\(number)") }
        let transport = try SFTPProgram.connect(store.root)
        let pieces = (0..<9).map { FilePiece(FilePath("packs/\($0)"), .whole(limit: 1)) }
        var found: [UInt8] = []
        try transport.read(pieces) { (position, content) throws(TransportError) in
            found += content?.bytes ?? []
            let made = try transport.create(FilePath("log/new/\(position)"), content?.bytes ?? [])
            #expect(made)
        }
        #expect(found == Array(0..<9))
        let upload = try Source(count: 100, seed: 1).upload(to: "packs/x").upload
        var names: [String] = []
        #expect(try transport.upload(upload) { _ in names = (try? transport.texts(in: "log/new")) ?? [] })
        #expect(names.count == 9)
    }

    @Test func `what was made cannot be written any more, and nothing is left`() throws {
        let store = try ServedStore()
        do {
            let transport = try SFTPProgram.connect("/", root: store.root)
            #expect(try transport.create("log/new/1", [1]))
            #expect(
                try transport.upload(Source(count: 100, seed: 1).upload(to: "packs/ab/x").upload) { _ in })
            #expect(transport.losesOnPowerCut == "the names of files that were made last")
            transport.close()
            #expect(failureKind { try transport.names(in: "packs") } == .unreachable)
        }
        #expect(try store.files.names(in: store.root / "tmp") == [])
        for path in ["log/new/1", "packs/ab/x"] {
            #expect(try store.files.status(store.root / path)?.permissions == 0o444)
        }
    }

    @Test func `what was left with other bytes of the right length is found by reading it back`() throws {
        let store = try ServedStore()
        let source = try Source(count: Source.large, seed: 1)
        let upload = source.upload(to: "packs/x").upload
        for count in [1, Source.large, Source.large + 1] {
            var random = SplitMix64(seed: 2)
            try store.write(random.bytes(count), to: "\(upload.partial)")
            let transport = try SFTPProgram.connect(store.root)
            var sum = 0
            #expect(try transport.upload(upload) { sum += $0 })
            #expect(sum == Source.large)
            #expect(try transport.bytes("packs/x") == source.bytes)
            try transport.remove(["packs/x"])
            #expect(try transport.names(in: "tmp") == [])
        }
    }

    @Test func `two who upload the same file at once have it made once`() throws {
        let store = try ServedStore()
        let source = try Source(count: Source.large, seed: 1)
        let made = Monitor<[Bool]>([])
        let indices = WorkIndices(4)
        onThreads(4) {
            while indices.next() != nil {
                let isNew = try? SFTPProgram.connect(store.root).upload(
                    source.upload(to: "packs/x").upload, progress: { _ in })
                made.withLock { $0.append(isNew ?? false) }
            }
        }
        #expect(made.withLock { $0 }.filter { $0 }.count == 1)
        #expect(try store.contents("packs/x") == source.bytes)
    }

    @Test func `a store that is not there is not made`() throws {
        let store = try ServedStore()
        let transport = try SFTPProgram.connect(store.root, root: "nowhere/store")
        #expect(failureKind { try transport.create("log/new/1", [1]) } == .absent)
        #expect(try transport.names(in: "packs") == [])
        #expect(try store.files.status(store.root / "nowhere") == nil)
    }

    @Test func `what is no file is an error, and has no properties`() throws {
        let store = try ServedStore()
        try store.write([1], to: "packs/a/b")
        let transport = try SFTPProgram.connect(store.root)
        #expect(failureKind { try transport.bytes("packs/a") } == .failed)
        #expect(try transport.properties(of: ["packs/a", "packs/a/b"]).map { $0?.length } == [nil, 1])
        #expect(failureKind { try transport.remove(["packs/a"]) } == .failed)
        // A directory has the name, and keeps it.
        #expect(try !transport.create("packs/a", [1]))
    }

    @Test func `a program that ends says why`() throws {
        FramedTransport.ignoreBrokenPipes()
        let words = ["/bin/sh", "-c", "echo no way >&2; exit 3"].map { Array($0.utf8) }
        #expect(throws: TransportError(.unreachable, "sh ended with status 3: no way", end: .status(3))) {
            try SFTPTransport(
                name: "there", root: ".", starting: words, timeLimit: 5, openingLimit: 5,
                random: SFTPProgram.randomBytes)
        }
    }

    @Test func `the command of ssh asks for the subsystem`() throws {
        let command = SSHCommand(user: "ada", host: "example.com", port: 22, path: FilePath("/srv"))
        #expect(
            try command.subsystemWords().map { String(decoding: $0, as: UTF8.self) }
                == ["ssh", "-T", "-p", "22", "-s", "--", "ada@example.com", "sftp"])
    }
}
