@testable import Coding
import FileIO
import Hashing
import ObjectModel
@testable import Storage
import TestSupport
import Testing

@Suite struct PackTests {
    static func reference(_ blob: [UInt8]) -> ObjectReference {
        ObjectReference(.blob, ObjectID(of: .blob, payload: blob))
    }

    /// Writes frames into a pack of its own.
    static func pack(_ frames: [EncodedFrame], on disk: SimulatedDisk) throws -> PackReader {
        let layout = StoreLayout(root: Fixture.root)
        try disk.makeDirectories(layout.temporary, permissions: 0o755)
        let writer = try PackWriter(layout: layout, files: disk, nonce: [0, 1, 2, 3, 4, 5, 6, 7])
        for frame in frames { #expect(try writer.append(frame)) }
        let pack = try Fixture.required(try writer.finish())
        return try PackReader(name: pack.name, layout: layout, files: disk)
    }

    // MARK: Index

    @Test(arguments: [1, 2, 3, 1000, 9000]) func `the index finds what a search from end to end finds`(
        count: Int
    ) throws {
        var random = SplitMix64(seed: UInt64(count))
        var builder = FrameBuilder(.data)
        var places: [ObjectReference: (offset: Int, length: Int)] = [:]
        var offset = 0
        for index in 0..<count {
            let blob = Array("\(index)".utf8) + random.bytes(Int.random(in: 0..<4, using: &random))
            builder.add(Self.reference(blob), blob)
            // Of an object that lies there twice, the first place counts.
            if places[Self.reference(blob)] == nil { places[Self.reference(blob)] = (offset, blob.count) }
            offset += blob.count
        }
        let reader = try Self.pack([try builder.finish(FrameCoder())], on: try Fixture.disk())
        #expect(reader.index.entryCount == places.count)
        #expect(reader.index.verifyChecksum())
        let listed = (0..<reader.index.entryCount).compactMap { reader.index.entry($0)?.reference }
        #expect(listed == places.keys.sorted())
        for (reference, place) in places {
            let found = reader.index.find(reference)
            #expect(
                found == ObjectPlace(frame: 0, offset: place.offset, length: place.length, isRecipe: false))
            #expect(reader.index.find(ObjectReference(.tree, reference.id)) == nil)
        }
        for _ in 0..<2000 {
            #expect(reader.index.find(Self.reference(random.bytes(9))) == nil, "seed \(count)")
        }
        // The ends of the range, and neighbours of what is there.
        let all = listed.map(\.id.digest.words)
        for words in [(0, 0, 0, 0), (.max, .max, .max, .max)]
            + all.prefix(200).map({ ($0.0, $0.1, $0.2, $0.3 &+ 1) })
        {
            #expect(reader.index.find(ObjectReference(.blob, ObjectID(Digest(words: words)))) == nil)
        }
    }

    @Test func `one id with several kinds, an object twice, a blob whole and by recipe`() throws {
        let chunk = Array("abc".utf8)
        let blob = ObjectID(of: .blob, payload: chunk + chunk)
        let recipe = Recipe.make(
            blob: blob, length: 6, cutRule: 1,
            chunks: [
                ChunkEntry(id: Self.reference(chunk).id, length: 3),
                ChunkEntry(id: Self.reference(chunk).id, length: 3),
            ]
        ).recipe.payload
        let recipeReference = ObjectReference(.chunks, ObjectID(of: .chunks, payload: recipe))
        var metadata = FrameBuilder(.metadata)
        metadata.add(recipeReference, recipe, recipeOf: blob)
        // A file may hold the very bytes of another object's frame, so kinds may share an id.
        metadata.add(ObjectReference(.event, Self.reference(chunk).id), [1])
        var data = FrameBuilder(.data)
        data.add(Self.reference(chunk), chunk)
        data.add(Self.reference([]), [])
        data.add(Self.reference(chunk), chunk)
        let first = try metadata.finish(FrameCoder())
        let second = try data.finish(FrameCoder())
        var index = try Self.pack([first, second], on: try Fixture.disk()).index
        #expect(index.entryCount == 5)
        #expect(
            index.find(Self.reference(chunk)) == ObjectPlace(frame: 1, offset: 0, length: 3, isRecipe: false))
        #expect(index.find(ObjectReference(.event, Self.reference(chunk).id))?.frame == 0)
        #expect(
            index.find(ObjectReference(.blob, blob))
                == ObjectPlace(frame: 0, offset: 0, length: recipe.count, isRecipe: true))
        data.add(Self.reference(chunk + chunk), chunk + chunk)
        index = try Self.pack([first, second, try data.finish(FrameCoder())], on: try Fixture.disk()).index
        #expect(
            index.find(ObjectReference(.blob, blob))
                == ObjectPlace(frame: 2, offset: 0, length: 6, isRecipe: false))
    }

    /// Damage of a pack costs objects, and is never delivered as content.
    @Test func `a flipped byte anywhere in a pack never yields wrong bytes, and is found`() throws {
        let blobs = (0..<5).map { [UInt8](repeating: UInt8($0), count: 40 + $0) }
        let disk = try Fixture.disk()
        let store = try Fixture.create(on: disk, random: Randomness(seed: 1))
        let (operation, _) = try Fixture.prepare(1, blobs: blobs, in: store, random: Randomness(seed: 2))
        #expect(try store.append(operation, on: store.current, nonce: "00") == .committed)
        let name = try Fixture.required(operation.packs.added.first)
        let path = store.layout.pack(name)
        let count = try disk.contents(path, limit: 1 << 20).count
        for offset in 0..<count {
            let bit = UInt8(1) << UInt8(offset % 8)
            try disk.damage(path, at: offset) { $0 ^ bit }
            defer { try? disk.damage(path, at: offset) { $0 ^ bit } }
            guard let opened = try? ObjectStore.open(Fixture.root, files: disk) else { continue }
            var isFound = opened.packs.contains { !$0.index.verifyChecksum() }
            for blob in blobs {
                do {
                    let read = try opened.blob(blob)
                    #expect(read == blob || read == nil, "byte \(offset)")
                    if read == nil { #expect(isFound, "byte \(offset)") }
                } catch { isFound = true }
            }
            do { _ = try opened.event(operation.event) } catch { isFound = true }
            #expect(isFound, "byte \(offset)")
        }
    }

    @Test func `a pack that was cut short is refused when it is opened`() throws {
        let disk = try Fixture.disk()
        let store = try Fixture.create(on: disk, random: Randomness(seed: 1))
        let name = try Fixture.required(store.current.live.first)
        let path = store.layout.pack(name)
        let bytes = try disk.contents(path, limit: 1 << 20)
        for count in 0..<bytes.count {
            try disk.remove(path)
            try HandmadeLog.write(Array(bytes[..<count]), to: path, on: disk)
            #expect("\(count) bytes") { try ObjectStore.open(Fixture.root, files: disk) } throws: {
                if case StoreError.damaged(path, _)? = $0 as? StoreError { true } else { false }
            }
        }
        try disk.remove(path)
        #expect(throws: StoreError.missingPack(name)) { try ObjectStore.open(Fixture.root, files: disk) }
    }

    @Test func `a pack that is finished takes no more, and says so`() throws {
        let disk = try Fixture.disk()
        let layout = StoreLayout(root: Fixture.root)
        try disk.makeDirectories(layout.temporary, permissions: 0o755)
        let writer = try PackWriter(layout: layout, files: disk, nonce: [0, 1, 2, 3, 4, 5, 6, 7])
        var builder = FrameBuilder(.data)
        builder.add(Self.reference([1]), [1])
        let frame = try builder.finish(FrameCoder())
        #expect(try writer.append(frame))
        _ = try writer.finish()
        #expect(try !writer.append(frame))
    }

    @Test func `a writer that could not write everything makes no pack of the rest`() throws {
        let disk = try Fixture.disk()
        let layout = StoreLayout(root: Fixture.root)
        try disk.makeDirectories(layout.temporary, permissions: 0o755)
        let writer = try PackWriter(layout: layout, files: disk, nonce: [0, 1, 2, 3, 4, 5, 6, 7])
        var random = SplitMix64(seed: 1)
        let blob = random.bytes(1_100_000)
        var builder = FrameBuilder(.data)
        builder.add(Self.reference(blob), blob)
        let frame = try builder.finish(FrameCoder())
        disk.faults.bytesLeft = 5000
        #expect(throws: StoreError.self) { try writer.append(frame) }
        disk.faults.bytesLeft = nil
        // Somebody made room, and the caller did not look at the error.
        #expect(throws: StoreError.self) { try writer.finish() }
        #expect(throws: StoreError.self) { try writer.append(frame) }
        #expect(try disk.status(layout.packs) == nil)
    }

    @Test func `what could not be written is not read back`() throws {
        let disk = try Fixture.disk()
        let layout = StoreLayout(root: Fixture.root)
        try disk.makeDirectories(layout.temporary, permissions: 0o755)
        let writer = try PackWriter(layout: layout, files: disk, nonce: [0, 1, 2, 3, 4, 5, 6, 7])
        var random = SplitMix64(seed: 1)
        func frame(_ blob: [UInt8]) throws -> EncodedFrame {
            var builder = FrameBuilder(.data)
            builder.add(Self.reference(blob), blob)
            return try builder.finish(FrameCoder())
        }
        // One that is gathered, and one that goes to the system by itself.
        let (small, large) = (random.bytes(2000), random.bytes(400_000))
        #expect(try writer.append(frame(small)))
        for bytesLeft in [1000, 100_000] {
            disk.faults.bytesLeft = bytesLeft
            #expect(throws: StoreError.self) { try writer.append(try frame(large)) }
            disk.faults.bytesLeft = nil
            for blob in [small, large] {
                #expect(throws: StoreError.self) { _ = try writer.frame(of: Self.reference(blob)) }
            }
        }
        #expect(throws: StoreError.self) { try writer.finish() }
    }

    // MARK: Frames

    /// A frame as it would lie at the start of a pack, what it decodes to, and its base.
    struct Sample: CustomStringConvertible {
        let codec: Codec
        let frame: EncodedFrame
        let raw: [UInt8]
        let base: [UInt8]?

        var bytes: [UInt8] { frame.header(at: 0) + frame.stored }
        var description: String { "\(codec.name), \(raw.count) bytes" }

        init(_ codec: Codec, repeating text: String, count: Int) throws {
            self.codec = codec
            // A tensor has elements of 16 bits, most of them alike.
            let payloads =
                codec.isTensor
                ? [(0..<100 * count).flatMap { [UInt8($0 % 5), 0x3f] }]
                : (0..<count).map { Array("\(text) \($0)".utf8) }
            let kind: ObjectKind = codec == .zstd || codec.isTensor || codec == .patch ? .blob : .event
            raw = payloads.flatMap { $0 }
            base =
                switch codec {
                case .zlibWithBase: Array("\(text) 1\(text) 2".utf8)
                case .tensorWithBase: raw.enumerated().map { $0.offset % 6 == 0 ? 1 : $0.element }
                case .patch: raw[..<40] + [1] + raw[45...]
                // A float32 of the same exponent and upper mantissa, a little more than it in some places.
                case .cast:
                    raw.indices.flatMap { [raw] in $0 % 2 == 0 ? [UInt8($0 % 7), 0, raw[$0]] : [raw[$0]] }
                default: nil
                }
            let reference = base.map { ObjectReference(kind, ObjectID(of: kind, payload: $0)) }
            let layout = TensorLayout(type: .bfloat16)
            let stored: [UInt8]? =
                switch codec {
                case .raw: raw
                case .zlib, .zlibWithBase:
                    try raw.withUnsafeBytes { [base] in try ZlibCoder.encode($0, base: base) }
                case .zstd: try raw.withUnsafeBytes { try ZstdCoder().encode($0, level: 3) }
                case .tensor: raw.withUnsafeBytes { TensorEncoder().encode($0, base: nil, layout) }
                case .tensorWithBase:
                    try raw.withUnsafeBytes { [base] in
                        try FrameCoder().encodeTensor($0, base: base ?? [], layout)
                    }
                case .cast:
                    try raw.withUnsafeBytes { [base] in
                        try FrameCoder().encodeCast(
                            $0, base: BaseBytes(base ?? []), from: 0,
                            Fixture.required(TensorCast(from: .float32, to: .bfloat16)), layout)
                    }
                case .patch:
                    try raw.withUnsafeBytes { [base] in
                        let coder = try FrameCoder()
                        let match = coder.matchPatch($0, base: base ?? [], [(0, 0)])
                        return coder.encodePatch($0, base: base ?? [], match)
                    }
                }
            let bases = reference.map { [$0] } ?? []
            var offset = 0
            var objects: [(reference: ObjectReference, offset: Int, length: Int, recipeOf: ObjectID?)] = []
            for payload in payloads {
                objects.append(
                    (ObjectReference(kind, ObjectID(of: kind, payload: payload)), offset, payload.count, nil))
                offset += payload.count
            }
            frame = EncodedFrame(
                codec: codec, frameClass: FrameClass(kind), bases: bases,
                table: FrameTable(
                    codec: codec, bases: bases, objects: objects.map { ($0.reference.kind, $0.length) }
                ).bytes,
                stored: try Fixture.required(stored), rawLength: raw.count, objects: objects)
        }

        static var all: [Sample] {
            get throws {
                try Codec.allCases.map {
                    try Sample($0, repeating: "the same words again and again", count: 7)
                }
            }
        }
    }

    @Test(arguments: Codec.allCases) func `a frame of each codec comes back`(codec: Codec) throws {
        let sample = try Sample(codec, repeating: "the same words again and again", count: 7)
        let parsed = try PackReader.parse((sample.bytes + [1, 2, 3])[...])
        #expect(parsed.length == sample.bytes.count)
        #expect(parsed.raw.codec == codec)
        #expect(parsed.raw.table.bases == sample.frame.bases)
        #expect(parsed.raw.table.objects.map(\.length) == sample.frame.objects.map(\.length))
        #expect(
            try PackReader.decode(parsed.raw, base: BaseBytes(sample.base ?? []), FrameCoder()) == sample.raw)
        if codec == .zlibWithBase {
            #expect(throws: CodingError.self) {
                try PackReader.decode(parsed.raw, base: BaseBytes([1]), FrameCoder())
            }
        }
    }

    /// As a merge may leave it that puts what somebody else stored behind the writer's own.
    @Test func `of an object that lies in a pack as a difference and by itself, the index names the latter`()
        throws
    {
        let sample = try Sample(.tensorWithBase, repeating: "", count: 7)
        let disk = try Fixture.disk()
        var builder = FrameBuilder(.data)
        builder.add(Self.reference(sample.raw), sample.raw)
        let plain = try builder.finish(FrameCoder())
        let base = try Fixture.required(sample.base)
        builder.add(Self.reference(base), base)
        let reader = try Self.pack([sample.frame, plain, try builder.finish(FrameCoder())], on: disk)
        let place = try Fixture.required(reader.index.find(Self.reference(sample.raw)))
        #expect(place.frame == 1)
        var check = IntegrityPack(reader.name, layout: StoreLayout(root: Fixture.root), files: disk)
        check.read(threads: 1) { _, _ in }
        check.decodeDeferred(depth: 1, threads: 1) { _ in base }
        check.compareIndex()
        #expect(check.problems.map(\.problem) == [])
    }

    @Test(arguments: Codec.allCases) func `a frame that is cut short or flipped in any bit is refused`(
        codec: Codec
    ) throws {
        let bytes = try Sample(codec, repeating: "the same words again and again", count: 7).bytes
        for count in bytes.indices {
            #expect(throws: PackReader.FrameDamage.self, "\(count) bytes") {
                try PackReader.parse(bytes[..<count])
            }
        }
        for offset in bytes.indices {
            for bit in 0..<8 {
                var flipped = bytes
                flipped[offset] ^= 1 << bit
                #expect(throws: PackReader.FrameDamage.self, "bit \(bit) of byte \(offset)") {
                    try PackReader.parse(flipped[...])
                }
            }
        }
    }

    /// Bytes whose checksums are right, as somebody would make them who means harm.
    @Test func `a frame that lies with right checksums is refused for what it says`() throws {
        func resealed(_ codec: Codec, _ change: (inout [UInt8]) -> Void) throws -> [UInt8] {
            let sample = try Sample(codec, repeating: "the same words again and again", count: 7)
            var bytes = sample.bytes
            change(&bytes)
            let stored = Array(bytes[(FrameHeader.byteCount + sample.frame.table.count)...])
            var checksums: [UInt8] = []
            checksums.appendLittleEndian(CRC32.of(stored))
            bytes.replaceSubrange(20..<24, with: checksums)
            checksums = []
            let table = Array(bytes[28..<28 + sample.frame.table.count])
            checksums.appendLittleEndian(CRC32.of(Array(bytes[..<24]) + table))
            bytes.replaceSubrange(24..<28, with: checksums)
            return bytes
        }
        func problem(_ bytes: [UInt8]) -> String {
            do throws(PackReader.FrameDamage) {
                let parsed = try PackReader.parse(bytes[...])
                do throws(CodingError) {
                    _ = try PackReader.decode(parsed.raw, base: BaseBytes(), FrameCoder())
                } catch {
                    return "\(error)"
                }
                return "none"
            } catch { return error.problem }
        }
        #expect(try problem(resealed(.raw) { $0[4] = 8 }) == "codec 8 is not known to this version")
        #expect(try problem(resealed(.raw) { $0[4] = 200 }) == "codec 200 is not known to this version")
        #expect(try problem(resealed(.raw) { $0[5] = 3 }) == "the frame has class 3")
        #expect(try problem(resealed(.raw) { $0[5] = 2 }).contains("another class"))
        #expect(try problem(resealed(.raw) { $0[28] = 6 }).contains("the table"))
        #expect(try problem(resealed(.raw) { $0[28] = 8 }).contains("the table"))
        #expect(try problem(resealed(.raw) { $0[29] = 200 }).contains("kind 200"))
        #expect(try problem(resealed(.raw) { $0[30] += 1 }).contains("longer than the frame"))
        #expect(try problem(resealed(.raw) { $0[30] -= 1 }).contains("shorter than the frame"))
        #expect(try problem(resealed(.raw) { $0[19] = 1 }) == "no frame begins here", "more than 4 MiB")
        #expect(try problem(resealed(.raw) { $0[16] += 1 }).contains("the table"))
        for codec in [Codec.tensor, .tensorWithBase, .cast] {
            let sample = try Sample(codec, repeating: "", count: 7)
            let table = FrameTable(
                codec: codec, bases: sample.frame.bases, objects: [(.blob, sample.raw.count - 1), (.blob, 1)])
            let frame = EncodedFrame(
                codec: codec, frameClass: .data, bases: sample.frame.bases, table: table.bytes,
                stored: sample.frame.stored, rawLength: sample.raw.count, objects: sample.frame.objects)
            #expect(problem(frame.header(at: 0) + frame.stored).contains("not alone"))
        }
        for codec in [Codec.zlib, .zstd] {
            // One byte more or less than the stream gives, table and header agreeing.
            for change in [1, -1] {
                let bytes = try resealed(codec) {
                    $0[16] = UInt8(Int($0[16]) + change)
                    $0[30] = UInt8(Int($0[30]) + change)
                }
                #expect(problem(bytes).contains("does not decode to"), "\(codec.name)")
            }
            #expect(try problem(resealed(codec) { $0[$0.count - 5] ^= 0x55 }).contains("stream"))
        }
        #expect(try problem(resealed(.zlibWithBase) { _ in }).contains("stream"), "without its base")
    }

    @Test(arguments: [1 << 20 - 1, 1 << 20, 1 << 20 + 1, 3_000_000, 4 << 20])
    func `large raw frames begin at a multiple of 4096, and others are not padded`(count: Int) throws {
        var random = SplitMix64(seed: UInt64(count))
        let (small, large) = (random.bytes(100), random.bytes(count))
        func frame(_ blob: [UInt8]) throws -> EncodedFrame {
            var builder = FrameBuilder(.data)
            builder.add(Self.reference(blob), blob)
            return try builder.finish(FrameCoder())
        }
        let disk = try Fixture.disk()
        let reader = try Self.pack(
            [try frame(small), try frame(large), try frame(large), try frame(small)], on: disk)
        let bytes = try disk.contents(StoreLayout(root: Fixture.root).pack(reader.name), limit: 16 << 20)
        for (number, blob) in [small, large, large, small].enumerated() {
            let place = try reader.index.frame(number)
            let header = try Fixture.required(bytes[place.offset...].withUnsafeBytes { FrameHeader($0) })
            #expect(header.codec == 0)
            #expect(header.padding == 0 || blob.count >= 1 << 20)
            if blob.count >= 1 << 20 { #expect((place.offset + header.storedOffset) % 4096 == 0) }
            let raw = try reader.rawFrame(number)
            #expect(try PackReader.decode(raw, base: BaseBytes(), FrameCoder()) == blob)
        }
        let place = try reader.index.frame(1)
        let header = try Fixture.required(bytes[place.offset...].withUnsafeBytes { FrameHeader($0) })
        for offset in stride(from: header.storedOffset - header.padding, to: header.storedOffset, by: 97) {
            var changed = Array(bytes[place.offset..<place.offset + place.length])
            changed[offset] = 1
            #expect(throws: PackReader.FrameDamage(problem: "the padding is not zero")) {
                try PackReader.parse(changed[...])
            }
        }
    }
}
