import Coding
import FileIO
import Hashing
import ObjectModel
import Storage
import TestSupport
import Testing

@Suite struct ObjectStoreTests {
    @Test func `the worked example of a pack is made byte for byte`() throws {
        let disk = try Fixture.disk()
        let layout = StoreLayout(root: Fixture.root)
        try disk.makeDirectories(layout.temporary, permissions: 0o755)
        let nonce = try Fixture.required(Hex.bytes("0123456789abcdef"))
        let writer = try PackWriter(layout: layout, files: disk, nonce: nonce)
        var builder = FrameBuilder(.data)
        builder.add(
            ObjectReference(.blob, ObjectID(of: .blob, payload: Array("abc".utf8))), Array("abc".utf8))
        #expect(try writer.append(try builder.finish(FrameCoder())))
        let pack = try Fixture.required(try writer.finish())
        #expect(try pack.name.text == Vectors.text("packName"))
        let bytes = try disk.contents(layout.pack(pack.name), limit: 1000)
        #expect(try Hex.text(bytes) == Vectors.text("pack"))
        #expect(pack.length == 162 && bytes.count == 162)
        #expect(try disk.names(in: layout.temporary).isEmpty)
    }

    @Test func `the worked example of a log entry is made byte for byte`() throws {
        let entry = LogEntry(
            number: 0, event: try ObjectID(hex: Vectors.text("eventID")),
            refs: MerkleTree<RefEntry>.emptyRoot,
            packs: .listed(PackChanges(added: [try Fixture.required(PackName(Vectors.text("packName")))])),
            features: [],
            time: 1_763_888_400)
        let file = LogEntryFile(entry: entry, origin: Fixture.format.origin, before: MerkleFrontier())
        #expect(try String(decoding: file.bytes, as: UTF8.self) == Vectors.text("logEntry"))
        let read = try LogEntryFile(bytes: file.bytes, number: 0, origin: Fixture.format.origin)
        #expect(read == file)
    }

    @Test func `a log entry of any other bytes is refused`() throws {
        let bytes = Array(try Vectors.text("logEntry").utf8)
        func read(_ bytes: [UInt8]) throws {
            _ = try LogEntryFile(bytes: bytes, number: 0, origin: Fixture.format.origin)
        }
        for count in bytes.indices {
            #expect(throws: MalformedObject.self) { try read(Array(bytes[..<count])) }
        }
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            #expect(throws: MalformedObject.self, "byte \(index)") { try read(changed) }
        }
    }

    @Test func `a store is made once, opened, and has its first event`() throws {
        let disk = try Fixture.disk()
        #expect(throws: StoreError.notFound(Fixture.root)) { try ObjectStore.open(Fixture.root, files: disk) }
        let made = try Fixture.create(on: disk, random: Randomness(seed: 1))
        let opened = try ObjectStore.open(Fixture.root, files: disk)
        #expect(opened.current == made.current)
        #expect(opened.format == Fixture.format)
        #expect(opened.current.number == 0)
        #expect(try opened.event(opened.current.entry.event) == Fixture.event(0))
        #expect(try opened.refs.leaves().isEmpty)
        #expect(throws: StoreError.exists(Fixture.root)) {
            try Fixture.create(on: disk, random: Randomness(seed: 2))
        }
        #expect(try disk.names(in: opened.layout.temporary).isEmpty, "nothing temporary is left")
    }

    @Test(arguments: 0..<6)
    func `objects written come back by their ids, from this store and from one opened again`(
        seed: UInt64
    ) throws {
        var random = SplitMix64(seed: seed)
        let disk = try Fixture.disk()
        let store = try Fixture.create(on: disk, random: Randomness(seed: seed))
        var blobs: [[UInt8]] = [[], Array("abc".utf8), [UInt8](repeating: 7, count: 300_000)]
        for _ in 0..<60 { blobs.append(random.bytes(Int.random(in: 0..<3000, using: &random))) }
        // Incompressible, so stored raw and aligned.
        if seed == 0 { blobs.append(random.bytes(1_200_000)) }
        let (operation, _) = try Fixture.prepare(
            1, blobs: blobs, in: store, random: Randomness(seed: seed + 100))
        #expect(try store.blob(blobs[1]) == nil, "what no entry adds is not in the store")
        #expect(try store.append(operation, on: store.current, nonce: "00") == .committed)
        for store in [store, try ObjectStore.open(Fixture.root, files: disk)] {
            for blob in blobs { #expect(try store.blob(blob) == blob, "seed \(seed)") }
            #expect(try store.event(operation.event) == Fixture.event(1))
            #expect(
                try store.payload(of: ObjectReference(.tree, operation.event)) == nil,
                "an id alone names nothing")
        }
    }

    @Test func `what the store has is not written again, and is relied upon`() throws {
        let disk = try Fixture.disk()
        let store = try Fixture.create(on: disk, random: Randomness(seed: 1))
        let blob = Array("abc".utf8)
        let first = try Fixture.prepare(1, blobs: [blob], in: store, random: Randomness(seed: 2))
        #expect(try store.append(first.operation, on: store.current, nonce: "00") == .committed)
        let second = try Fixture.prepare(2, blobs: [blob], in: store, random: Randomness(seed: 3))
        #expect(try second.writer.finish().objects == 1, "the event alone")
        #expect(second.writer.stillStands())
        let drop = StoreOperation(
            event: second.operation.event, refs: store.current.refs,
            packs: PackChanges(added: second.operation.packs.added, dropped: first.operation.packs.added),
            time: 0)
        #expect(try store.append(drop, on: store.current, nonce: "01") == .committed)
        #expect(!second.writer.stillStands())
        #expect(try store.blob(blob) == nil)
    }

    @Test func `what is damaged in one pack is read from another one that has it`() throws {
        let disk = try Fixture.disk()
        let store = try Fixture.create(on: disk, random: Randomness(seed: 1))
        let blob = Randomness(seed: 4).bytes(1_000)
        // Two writers that know nothing of each other.
        let operations = try (1...2).map {
            try Fixture.prepare($0, blobs: [blob], in: store, random: Randomness(seed: UInt64($0))).operation
        }
        for operation in operations {
            #expect(try store.append(operation, on: store.current, nonce: "00") == .committed)
        }
        // In the raw bytes of the first frame.
        let places = operations.flatMap(\.packs.added).map { store.layout.pack($0) }
        #expect(places.count == 2)
        for place in places {
            try disk.damage(place, at: 300) { $0 ^ 1 }
            #expect(try ObjectStore.open(Fixture.root, files: disk).blob(blob) == blob)
            try disk.damage(place, at: 300) { $0 ^ 1 }
        }
        for place in places { try disk.damage(place, at: 300) { $0 ^ 1 } }
        #expect {
            try ObjectStore.open(Fixture.root, files: disk).blob(blob)
        } throws: {
            if case ReadError.damaged? = $0 as? ReadError { true } else { false }
        }
    }

    @Test func `a store of an unknown format is refused by its number`() throws {
        let disk = try Fixture.disk()
        _ = try Fixture.create(on: disk, random: Randomness(seed: 1))
        let path = StoreLayout(root: Fixture.root).format
        try disk.remove(path)
        let file = try disk.create(path, permissions: 0o444)
        try disk.write(file, Array("{\"cutRule\":\"x\",\"format\":2}\n".utf8))
        disk.close(file)
        #expect(throws: StoreError.format(2)) { try ObjectStore.open(Fixture.root, files: disk) }
        #expect(throws: StoreError.format(2)) { try Fixture.create(on: disk, random: Randomness(seed: 1)) }
    }

    @Test func `a store that cannot be written to can be read`() throws {
        let disk = try Fixture.disk()
        let store = try Fixture.create(on: disk, random: Randomness(seed: 1))
        let blob = Array("abc".utf8)
        let (operation, _) = try Fixture.prepare(1, blobs: [blob], in: store, random: Randomness(seed: 2))
        #expect(try store.append(operation, on: store.current, nonce: "00") == .committed)
        let directory = try disk.names(in: store.layout.cache)
        for name in directory { try disk.remove(store.layout.cache.appending(name)) }
        disk.faults.isReadOnly = true
        let opened = try ObjectStore.open(Fixture.root, files: disk)
        #expect(try opened.blob(blob) == blob)
        #expect { try Fixture.prepare(2, blobs: [], in: opened, random: Randomness(seed: 3)) } throws: {
            if case StoreError.file(let error)? = $0 as? StoreError { error.isDenied } else { false }
        }
    }
}
