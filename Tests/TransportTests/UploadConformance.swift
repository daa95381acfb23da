import FileIO
import Hashing
import Remotes
import Synchronization
import TestSupport
import Testing

/// What every transport has to do when files of any size are uploaded.
@Suite struct UploadConformance {
    private static let path: FilePath = "packs/0a/pack"

    /// Uploads, and adds up the progress.
    private static func send(_ upload: Upload, to transport: any Transport) throws -> (isNew: Bool, sum: Int)
    {
        var sum = 0
        let isNew = try transport.upload(upload) { sum += $0 }
        return (isNew, sum)
    }

    @Test(arguments: Place.all, [0, 1, 4096, Source.large])
    func `a free name gets the file, and the progress sums up to its length`(place: Place, count: Int) throws
    {
        let source = try Source(count: count, seed: 1)
        try place.lend { (transport) throws in
            let (isNew, sum) = try Self.send(source.upload(to: Self.path).upload, to: transport)
            #expect(isNew)
            #expect(sum == count)
            #expect(try transport.bytes(Self.path) == source.bytes)
            #expect(try transport.properties(of: [Self.path])[0]?.length == count)
            #expect(try transport.texts(in: "packs/0a") == ["pack"])
            #expect(try transport.texts(in: "tmp") == [])
        }
    }

    @Test(arguments: Place.all) func `a taken name keeps its bytes`(place: Place) throws {
        let (first, second) = (try Source(count: 5000, seed: 1), try Source(count: 4000, seed: 2))
        try place.lend { (transport) throws in
            #expect(try Self.send(first.upload(to: Self.path).upload, to: transport).isNew)
            #expect(try !Self.send(second.upload(to: Self.path).upload, to: transport).isNew)
            let again = try Self.send(first.upload(to: Self.path).upload, to: transport)
            if place.isExact { #expect(!again.isNew) }
            #expect(try transport.bytes(Self.path) == first.bytes)
            #expect(try transport.create("packs/small", [1]))
            #expect(try !Self.send(first.upload(to: "packs/small").upload, to: transport).isNew)
            #expect(try transport.bytes("packs/small") == [1])
        }
    }

    @Test(arguments: Place.all) func `an upload that ended amid it is gone on with`(place: Place) throws {
        let source = try Source(count: Source.large, seed: 1)
        try place.lend { (transport) throws in
            let kept = try Self.leavePart(of: source, transport)
            let (upload, reading) = source.upload(to: Self.path)
            var steps: [Int] = []
            #expect(try transport.upload(upload) { steps.append($0) })
            #expect(steps.reduce(0, +) == Source.large)
            if place.isExact {
                #expect(kept > 0)
                #expect(steps.first == kept)
                #expect(reading.bytesRead == Source.large - kept, "only the rest is sent")
            }
            #expect(try transport.bytes(Self.path) == source.bytes)
            #expect(try transport.texts(in: "tmp") == [])
        }
    }

    /// Uploads a part of a file.
    ///
    /// - Returns: How much is there by the progress.
    private static func leavePart(of source: Source, _ transport: any Transport) throws -> Int {
        var kept = 0
        #expect(throws: TransportError.self) {
            _ = try transport.upload(source.upload(to: path, failingAt: Source.cut).upload) { kept += $0 }
        }
        #expect(try transport.bytes(path) == nil)
        #expect(kept <= Source.cut)
        return kept
    }

    @Test(arguments: Place.all, [Source.large, Source.large + 1, 1000, 1, 0])
    func `what was left of another file, shorter or longer, is begun anew`(place: Place, count: Int) throws {
        let (other, source) = (
            try Source(count: Source.large, seed: 1), try Source(count: count, seed: 2)
        )
        try place.lend { (transport) throws in
            _ = try Self.leavePart(of: other, transport)
            let (isNew, sum) = try Self.send(source.upload(to: Self.path).upload, to: transport)
            #expect(isNew)
            #expect(sum == count)
            #expect(try transport.bytes(Self.path) == source.bytes)
        }
    }

    @Test(arguments: Place.all)
    func `a source that is shorter or longer than said, or other bytes, gets no name`(
        place: Place
    ) throws {
        let (source, other) = (try Source(count: 5000, seed: 1), try Source(count: 5000, seed: 2))
        try place.lend { (transport) throws in
            let digest = SHA256.digest(of: other.bytes)
            for (upload, _) in [
                source.upload(to: Self.path, length: 5001), source.upload(to: Self.path, length: 4999),
                source.upload(to: Self.path, length: 0), source.upload(to: Self.path, digest: digest),
            ] {
                #expect(throws: TransportError.self) { try Self.send(upload, to: transport) }
                #expect(try transport.bytes(Self.path) == nil)
                #expect(try transport.texts(in: "packs/0a") == [])
            }
            // What these left is in nobody's way.
            #expect(try Self.send(source.upload(to: Self.path).upload, to: transport).isNew)
            #expect(try transport.bytes(Self.path) == source.bytes)
        }
    }

    @Test(arguments: Place.all) func `a source that is not there gets no name`(place: Place) throws {
        let source = try Source(count: 10, seed: 1).upload(to: Self.path).upload
        try place.lend { (transport) throws in
            let absent = Upload(
                to: source.path, owner: source.owner, length: source.length, digest: source.digest,
                content: FileContent("/nowhere", files: POSIXFileSystem()))
            #expect(throws: TransportError.self) { try Self.send(absent, to: transport) }
            #expect(try transport.bytes(Self.path) == nil)
        }
    }

    @Test(arguments: Place.all) func `of many who upload under one name one wins, and its bytes are there`(
        place: Place
    ) throws {
        let sources = try (0..<8).map { try Source(count: 1000 + $0, seed: UInt64($0)) }
        try place.lend { (transport) throws in
            let winners = Mutex<[[UInt8]]>([])
            let problems = Mutex<[String]>([])
            let uploads = sources.enumerated().map { index, source in
                source.upload(to: Self.path, owner: "owner\(index)").upload
            }
            let indices = WorkIndices(uploads.count)
            onThreads(uploads.count) {
                while let index = indices.next() {
                    do {
                        guard try transport.upload(uploads[index], progress: { _ in }) else { continue }
                        winners.withLock { $0.append(sources[index].bytes) }
                    } catch { problems.withLock { $0.append("\(error)") } }
                }
            }
            place.expectNone(problems.withLock { $0 })
            let won = winners.withLock { $0 }
            #expect(won.count == 1)
            #expect(try transport.bytes(Self.path) == won.first)
        }
    }

    @Test(arguments: Place.all) func `owners do not write into each other's unfinished files`(
        place: Place
    ) throws {
        let source = try Source(count: Source.large, seed: 1)
        try place.lend { (transport) throws in
            _ = try Self.leavePart(of: source, transport)
            let (upload, reading) = source.upload(to: Self.path, owner: "grace")
            #expect(try Self.send(upload, to: transport) == (true, Source.large))
            if place.isExact { #expect(reading.bytesRead == Source.large) }
        }
    }
}
