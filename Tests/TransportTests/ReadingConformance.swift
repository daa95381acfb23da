import FileIO
import Remotes
import TestSupport
import Testing

/// What every transport has to do when it is asked.
@Suite struct ReadingConformance {
    @Test(arguments: Place.all) func `files are read whole, in parts and from their ends`(place: Place) throws
    {
        var random = SplitMix64(seed: 1)
        try place.lend { (transport) throws in
            for count in [0, 1, 100] {
                let (path, bytes) = (FilePath("packs/\(count)"), random.bytes(count))
                #expect(try transport.create(path, bytes))
                var asked: [(FilePiece.Part, ArraySlice<UInt8>)] = [(.whole(limit: count), bytes[...])]
                for length in [0, 1, 7, 99, 100, 101, .max] {
                    asked.append((.end(length: length), bytes.suffix(length)))
                    for offset in [0, 1, 50, 99, 100, 101, .max] {
                        let expected = bytes.dropFirst(offset).prefix(length)
                        asked.append((.range(offset: offset, length: length), expected))
                    }
                }
                let found = try transport.pieces(asked.map { FilePiece(path, $0.0) })
                for (content, (part, expected)) in zip(found, asked) {
                    #expect(content?.bytes == Array(expected), "\(part) of \(count) bytes")
                    #expect(content?.fileLength == count)
                }
            }
        }
    }

    @Test(arguments: Place.all) func `negative lengths and offsets are refused, or nothing is there`(
        place: Place
    ) throws {
        try place.lend { (transport) throws in
            #expect(try transport.create("packs/a", [1, 2, 3]))
            func found(_ part: FilePiece.Part) -> [UInt8]? {
                try? transport.pieces([FilePiece("packs/a", part)])[0]?.bytes
            }
            #expect([nil, []].contains(found(.end(length: -1))))
            #expect([nil, []].contains(found(.range(offset: 0, length: -1))))
            #expect([nil, []].contains(found(.range(offset: 2, length: .min))))
            #expect([nil, []].contains(found(.range(offset: -2, length: -1))))
            #expect([nil, []].contains(found(.range(offset: -2, length: 4))))
        }
    }

    @Test(arguments: Place.all) func `files that are not there are nothing`(place: Place) throws {
        try place.lend { (transport) throws in
            #expect(try transport.create("packs/a", [1]))
            let absent: [FilePath] = ["packs/b", "nowhere/a", "packs/a/b", "a"]
            let parts: [FilePiece.Part] = [.whole(limit: 9), .range(offset: 0, length: 1), .end(length: 1)]
            let pieces = absent.flatMap { path in parts.map { FilePiece(path, $0) } }
            #expect(try transport.pieces(pieces).allSatisfy { $0 == nil })
            #expect(try transport.properties(of: absent).allSatisfy { $0 == nil })
        }
    }

    @Test(arguments: Place.all) func `a file longer than the limit is an error`(place: Place) throws {
        try place.lend { (transport) throws in
            #expect(try transport.create("packs/a", [1, 2, 3]))
            #expect(try transport.create("packs/empty", []))
            let within = [FilePiece("packs/a", .whole(limit: 3)), FilePiece("packs/empty", .whole(limit: 0))]
            #expect(try transport.pieces(within).map { $0?.bytes } == [[1, 2, 3], []])
            var handedOut: [Int] = []
            #expect(throws: TransportError.self) {
                let pieces = [within[0], FilePiece("packs/a", .whole(limit: 2)), within[1]]
                try transport.read(pieces) { (position, _) in handedOut.append(position) }
            }
            // Whoever asks for several at a time may have found out before the first one came.
            #expect([[], [0]].contains(handedOut))
        }
    }

    @Test(arguments: Place.all) func `pieces come in the order in which they were asked for`(place: Place)
        throws
    {
        var random = SplitMix64(seed: 2)
        try place.lend { (transport) throws in
            for number in 0..<8 {
                #expect(try transport.create(FilePath("packs/\(number)"), [UInt8(number), 0, 1]))
            }
            let asked = (0..<100).map { _ in Int.random(in: 0..<10, using: &random) }
            let pieces = asked.map { FilePiece(FilePath("packs/\($0)"), .range(offset: 0, length: 2)) }
            let expected = asked.map { $0 < 8 ? PieceContent(bytes: [UInt8($0), 0], fileLength: 3) : nil }
            #expect(try transport.pieces(pieces) == expected)
            #expect(try transport.pieces([]) == [])
        }
    }

    @Test(arguments: Place.all, [TransportError.Kind.stopped, .unreachable])
    func `what the body throws ends the reading`(place: Place, kind: TransportError.Kind) throws {
        try place.lend { (transport) throws in
            #expect(try transport.create("packs/a", [1]))
            let pieces = [FilePiece](repeating: FilePiece("packs/a", .whole(limit: 1)), count: 9)
            var calls = 0
            #expect(throws: TransportError(kind, "enough")) {
                try transport.read(pieces) { (position, _) throws(TransportError) in
                    calls += 1
                    if position == 4 { throw TransportError(kind, "enough") }
                }
            }
            #expect(calls == 5)
        }
    }

    @Test(arguments: Place.all) func `directories have the names of what is in them`(place: Place) throws {
        try place.lend { (transport) throws in
            #expect(try transport.texts(in: "log/new") == [])
            for path in ["log/new/1", "log/new/0", "log/head", "logs"] as [FilePath] {
                #expect(try transport.create(path, [1]))
            }
            #expect(try transport.texts(in: "log/new") == ["0", "1"])
            #expect(try transport.texts(in: "log") == ["head", "new"])
            #expect(try transport.texts(in: "lo") == [])
            #expect(try transport.texts(in: "nowhere/below") == [])
        }
    }

    @Test(arguments: Place.all) func `properties are those of each file, in order`(place: Place) throws {
        try place.lend { (transport) throws in
            #expect(try transport.create("packs/a", [1, 2, 3]))
            #expect(try transport.create("packs/empty", []))
            let found = try transport.properties(of: ["packs/empty", "packs/b", "packs/a", "packs/a"])
            #expect(found.map { $0?.length } == [0, nil, 3, 3])
            #expect(found[2] == found[3])
            #expect(try #require(found[0]).modified >= #require(found[2]).modified)
            #expect(try transport.properties(of: []) == [])
        }
    }
}
