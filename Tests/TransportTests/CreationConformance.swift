import FileIO
import Remotes
import Synchronization
import TestSupport
import Testing

/// What every transport has to do when small files are made, and when files are removed.
@Suite struct CreationConformance {
    @Test(arguments: Place.all) func `a free name gets its bytes, and keeps them`(place: Place) throws {
        try place.lend { (transport) throws in
            for path in ["format", "log/new/0", "a/b/c/d/e"] as [FilePath] {
                for bytes in [[1, 2, 3], [], [4], [1, 2, 4], [1, 2, 3, 4]] as [[UInt8]] {
                    #expect(try transport.create(path, bytes) == (bytes == [1, 2, 3]))
                    #expect(try transport.bytes(path) == [1, 2, 3])
                }
            }
            #expect(try transport.create("log/new/1", []))
            #expect(try transport.bytes("log/new/1") == [])
            #expect(try transport.texts(in: "tmp") == [])
        }
    }

    @Test(arguments: Place.all) func `who comes with the same bytes again has not made the file`(
        place: Place
    ) throws {
        try place.lend { (transport) throws in
            #expect(try transport.create("log/new/0", [1, 2, 3]))
            let isNew = try transport.create("log/new/0", [1, 2, 3])
            if place.isExact { #expect(!isNew) }
            #expect(try transport.bytes("log/new/0") == [1, 2, 3])
        }
    }

    @Test(arguments: Place.all) func `of many who create one name one wins, and its bytes are there`(
        place: Place
    ) throws {
        try place.lend { (transport) throws in
            for round in 0..<4 {
                let path = FilePath("log/round\(round)/0")
                let winners = Mutex<[[UInt8]]>([])
                let problems = Mutex<[String]>([])
                let indices = WorkIndices(32)
                onThreads(32) {
                    while let index = indices.next() {
                        let bytes = [UInt8](repeating: UInt8(index), count: 1 + index % 5)
                        do {
                            guard try transport.create(path, bytes) else { continue }
                            winners.withLock { $0.append(bytes) }
                        } catch { problems.withLock { $0.append("\(error)") } }
                    }
                }
                place.expectNone(problems.withLock { $0 })
                let won = winners.withLock { $0 }
                #expect(won.count == 1)
                #expect(try transport.bytes(path) == won.first)
                #expect(try transport.texts(in: path.parent) == ["0"])
            }
        }
    }

    @Test(arguments: Place.all) func `what is removed is gone, and its name is free`(place: Place) throws {
        try place.lend { (transport) throws in
            for name in ["a", "b", "c"] { #expect(try transport.create(FilePath("packs/\(name)"), [1])) }
            try transport.remove(["packs/a", "packs/nowhere", "nowhere/a", "packs/c", "packs/c"])
            #expect(try transport.texts(in: "packs") == ["b"])
            #expect(try transport.bytes("packs/a") == nil)
            #expect(try transport.properties(of: ["packs/a", "packs/b"]).map { $0?.length } == [nil, 1])
            #expect(try transport.create("packs/a", [2]))
            #expect(try transport.bytes("packs/a") == [2])
            try transport.remove([])
            try transport.remove(["packs/a", "packs/b"])
            #expect(try transport.texts(in: "packs") == [])
        }
    }
}
