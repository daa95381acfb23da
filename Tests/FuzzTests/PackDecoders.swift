@testable import Coding
import FileIO
import Hashing
import ObjectModel
@testable import Storage
import TestSupport

/// Codecs, frames, tables, whole packs.
extension FuzzedDecoder {
    static let packs: [FuzzedDecoder] = [
        codec("codec-raw", .raw), codec("codec-zlib", .zlib), codec("codec-zstd", .zstd),
        codec("codec-zlib-base", .zlibWithBase), codec("codec-patch", .patch), codec("codec-cast", .cast),
        patch, tensor, table, frame,
        packIndex, pack,
    ]

    // MARK: Codecs

    // One after the other, as the tests are serialized; what one input leaves in it is there for the next.
    private nonisolated(unsafe) static let shared = Result { try FrameCoder() }

    /// What the codec with a base is given.
    private static let base = Array(String(repeating: "{\"parents\":[],\"tree\":\"00\"}", count: 20).utf8)

    private static let castBase = [[UInt8]](repeating: base, count: 20).flatMap { $0 }

    private static let texts: [[UInt8]] = [
        [], [0], Array("abc".utf8), base + Array("}".utf8), [UInt8](repeating: 0, count: 5000),
        Array((0..<3000).map { "\($0 * 7919 % 1000)" }.joined().utf8),
    ]

    // MARK: Commands of patches

    /// Inputs are a byte of the length of the commands, these, and literals; what comes out may have any length.
    private static let patch = FuzzedDecoder(
        name: "patch",
        seeds: {
            [
                ([0, 10, 0, 3, 28, 10], "red!"), ([5, 200, 1, 0, 0, 5, 5], "hello"),
                ([0, 100, 0, 0, 100, 199, 1], ""),
                ([1, 9, 0, 1, 9, 0, 1, 9, 0], "abcd"), ([], "nothing but literals"),
            ].map { (commands: [UInt8], literals: String) in
                [UInt8(commands.count)] + commands + Array(literals.utf8)
            }
        },
        decode: { bytes in
            guard let count = bytes.first.map({ Int($0) }), count < bytes.count else { return .refused }
            let (commands, literals) = (Array(bytes[1..<1 + count]), Array(bytes[(count + 1)...]))
            // What the commands say, followed step by step.
            var (expected, position, used): ([UInt8]?, Int, Int) = ([], 0, 0)
            commands.withUnsafeBytes { bytes in
                var reader = VarintReader(bytes)
                while !reader.isAtEnd, let output = expected {
                    guard let fresh = reader.next(), let copied = reader.next(), let skip = reader.next(),
                        copied > 0, used + fresh <= literals.count
                    else { return expected = nil }
                    position += skip % 2 == 0 ? skip / 2 : -(skip + 1) / 2
                    guard position >= 0, position + copied <= base.count, output.count < 1 << 16 else {
                        return expected = nil
                    }
                    expected = output + literals[used..<used + fresh] + base[position..<position + copied]
                    (used, position) = (used + fresh, position + copied)
                }
            }
            let output = expected.map { $0 + literals[used...] }
            let length = output?.count ?? 100
            guard max(commands.count, literals.count) <= length, !commands.isEmpty || !literals.isEmpty else {
                return .refused
            }
            let head = PatchHead(
                prefix: 0..<0, commandLength: commands.count, literalLength: literals.count)
            let content = try (commands + literals).withUnsafeBytes { content in
                try ZstdCoder().encode(
                    content, level: 1, prefix: UnsafeRawBufferPointer(rebasing: content[..<0]))
            }
            let frame = PackReader.RawFrame(
                codec: .patch, frameClass: .data, table: FrameTable(codec: .patch, bases: [], objects: []),
                rawLength: length, stored: (head.bytes + (content ?? []))[...])
            let decoded = try? PackReader.decode(frame, base: BaseBytes(base), shared.get())
            try require(decoded == output, "something else than the commands say")
            // With nothing of the base before them, they are known without it.
            let coder = try shared.get()
            let copies = frame.stored.withUnsafeBytes {
                coder.patchCopies($0, baseLength: base.count, rawLength: length)
            }
            try require(
                (copies != nil) == (output != nil && !commands.isEmpty), "other copies than the commands say")
            return output == nil ? .refused : .accepted
        })

    // MARK: Streams of tensors

    private nonisolated(unsafe) static let tensors = (encoder: TensorEncoder(), decoder: TensorDecoder())

    /// Elements that look trained: rows of their own scales, one of them of zeros.
    private static let elements: [UInt8] = (0..<1200).flatMap { index -> [UInt8] in
        let row = index / 60
        guard row != 3 else { return [0, 0] }
        let bits = UInt16(0x3c00 + (row % 5) << 8 + (index * 7919) % 384) | UInt16(index % 2) << 15
        return [UInt8(truncatingIfNeeded: bits), UInt8(bits >> 8)]
    }

    private static let tensorBase: [UInt8] = elements.enumerated().map { $0 % 6 == 0 ? $1 &+ 3 : $1 }

    /// Inputs are a byte that says whether there is a base, then the stream of ``elements`` in some type.
    private static let tensor = FuzzedDecoder(
        name: "tensor",
        seeds: {
            ElementType.allCases.flatMap { type in
                [nil, 60].flatMap { rowLength in
                    [false, true].compactMap { isBased in
                        let layout = TensorLayout(type: type, rowLength: rowLength)
                        let stream = elements.withUnsafeBytes { elements in
                            tensorBase.withUnsafeBytes {
                                tensors.encoder.encode(elements, base: isBased ? $0 : nil, layout)
                            }
                        }
                        return stream.map { [isBased ? 1 : 0] + $0 }
                    }
                }
            }
        },
        decode: { bytes in
            guard let isBased = bytes.first.map({ $0 & 1 == 1 }) else { return .refused }
            let stream = Array(bytes.dropFirst())
            func decoded(_ decoder: TensorDecoder) -> [UInt8]? {
                var output = [UInt8](repeating: 0, count: elements.count)
                let isDecoded = output.withUnsafeMutableBytes { output in
                    stream.withUnsafeBytes { stream in
                        tensorBase.withUnsafeBytes { base in
                            do throws(TensorStreamError) {
                                try decoder.decode(stream, base: isBased ? base : nil, into: output)
                                return true
                            } catch { return false }
                        }
                    }
                }
                return isDecoded ? output : nil
            }
            let output = decoded(tensors.decoder)
            // What another stream left behind makes no difference.
            try require(output == decoded(TensorDecoder()), "a used decoder gives something else")
            return output == nil ? .refused : .accepted
        })

    /// Inputs are three bytes of the raw length, then the stored bytes.
    private static func codec(_ name: String, _ codec: Codec) -> FuzzedDecoder {
        FuzzedDecoder(
            name: name,
            seeds: {
                try stored(codec).map { stored, length in
                    (0..<3).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + stored
                }
            },
            decode: { bytes in
                guard bytes.count >= 3 else { return .refused }
                let length = min(bytes[..<3].reversed().reduce(0) { $0 << 8 | Int($1) }, FrameHeader.rawLimit)
                let stored = Array(bytes[3...])
                let frame = PackReader.RawFrame(
                    codec: codec, frameClass: .data,
                    table: FrameTable(codec: codec, bases: [], objects: []), rawLength: length,
                    stored: stored[...])
                let output: [UInt8]
                let coder = try shared.get()
                let base = codec == .cast ? castBase : codec.hasBase ? base : []
                do throws(CodingError) {
                    output = try PackReader.decode(frame, base: BaseBytes(base), coder)
                } catch { return .refused }
                try require(output.count == length, "another length")
                switch codec {
                case .raw: try require(output == stored, "other bytes")
                case .zlib, .zlibWithBase:
                    try require(
                        Allowed.zlib(stored, output, hasDictionary: codec.hasBase),
                        "a forbidden stream was accepted")
                case .zstd:
                    try require(Allowed.zstd(stored, length: length), "a forbidden frame was accepted")
                // Their streams have a decoder of their own here.
                case .tensor, .tensorWithBase: break
                case .patch, .cast:
                    // What another stream left behind makes no difference.
                    let again = try PackReader.decode(frame, base: BaseBytes(base), FrameCoder())
                    try require(output == again, "a used decoder gives something else")
                }
                return .accepted
            })
    }

    private static func stored(_ codec: Codec) throws -> [(stored: [UInt8], length: Int)] {
        var found: [(stored: [UInt8], length: Int)] = []
        for text in texts {
            switch codec {
            case .raw: found.append((text, text.count))
            case .zlib, .zlibWithBase:
                for level: Int32 in [1, 6, 9] {
                    let stored = try text.withUnsafeBytes { bytes in
                        try ZlibCoder.encode(bytes, base: codec.hasBase ? base : nil, level: level)
                    }
                    if let stored { found.append((stored, text.count)) }
                }
            case .zstd:
                let coder = try ZstdCoder()
                for level: Int32 in [1, 9, 19] {
                    if let stored = text.withUnsafeBytes({ coder.encode($0, level: level) }) {
                        found.append((stored, text.count))
                    }
                }
            case .tensor, .tensorWithBase: break
            case .cast: found += try casts()
            case .patch:
                let coder = try FrameCoder()
                for later in [text, base + text, text + base[..<(base.count / 2)] + text] {
                    let stored = later.withUnsafeBytes {
                        coder.encodePatch($0, base: base, coder.matchPatch($0, base: base, [(0, 0)]))
                    }
                    if let stored { found.append((stored, later.count)) }
                }
            }
        }
        if codec == .zstd {
            // By hand: a frame with a window, and one with an RLE block behind a raw one.
            found.append(
                ([0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x00, 3, 0, 0, 0, 0x19, 0, 0] + Array("abc".utf8), 3))
            found.append(
                (
                    [0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x68, 0x23, 0, 0, 0, 0x18, 0, 0] + Array("abc".utf8) + [
                        3, 1, 0, 9,
                    ], 35
                ))
        }
        return found
    }

    /// The base's bytes, taken for numbers, as rounded ones; and the same with an exception.
    private static func casts() throws -> [(stored: [UInt8], length: Int)] {
        let (coder, long) = (try FrameCoder(), BaseBytes(castBase))
        var found: [(stored: [UInt8], length: Int)] = []
        for (source, target) in [
            (ElementType.float32, ElementType.bfloat16), (.float32, .float16), (.float64, .float32),
        ] {
            guard let cast = TensorCast(from: source, to: target) else { continue }
            let rounded = cast.rounded(long, from: 3, count: 1200) { Array($0) }
            for change: UInt8 in [0, 1] {
                var bytes = rounded
                bytes[600] ^= change
                let stored = bytes.withUnsafeBytes {
                    coder.encodeCast($0, base: long, from: 3, cast, TensorLayout(type: target))
                }
                if let stored { found.append((stored, bytes.count)) }
            }
        }
        return found
    }

    // MARK: Frames

    /// Inputs are codec, class and three bytes of the raw length, then the table.
    private static var table: FuzzedDecoder {
        FuzzedDecoder(
            name: "frame-table",
            seeds: {
                let base = ObjectReference(.tree, Trees.id(1))
                return [
                    [0, 2, 3, 0, 0] + table(.raw, [], [(.blob, 3)]),
                    [1, 1, 0, 1, 0] + table(.zlib, [], [(.tree, 2), (.commit, 200), (.run, 54)]),
                    [7, 1, 44, 1, 0] + table(.zlibWithBase, [base], [(.tree, 300)]),
                    [2, 2, 0, 0, 0] + table(.zstd, [], Array(repeating: (.blob, 0), count: 300)),
                    [5, 2, 3, 0, 0]
                        + table(
                            .patch, (0..<5).map { ObjectReference(.blob, Trees.id($0)) },
                            [(.blob, 1), (.blob, 2)]),
                ]
            },
            decode: { bytes in
                guard bytes.count >= 5, let codec = Codec(rawValue: bytes[0]),
                    let frameClass = FrameClass(rawValue: bytes[1])
                else { return .refused }
                let length = bytes[2..<5].reversed().reduce(0) { $0 << 8 | Int($1) }
                let table: FrameTable
                do throws(MalformedObject) {
                    table = try FrameTable(
                        Array(bytes[5...]), codec: codec, frameClass: frameClass, rawLength: length)
                } catch { return .refused }
                try require(table.bytes == Array(bytes[5...]), "another encoding was accepted")
                try check(table, codec, frameClass, length)
                return .accepted
            })
    }

    private static func table(
        _ codec: Codec, _ bases: [ObjectReference], _ objects: [(kind: ObjectKind, length: Int)]
    ) -> [UInt8] {
        FrameTable(codec: codec, bases: bases, objects: objects).bytes
    }

    private static func check(_ table: FrameTable, _ codec: Codec, _ frameClass: FrameClass, _ length: Int)
        throws
    {
        try require(table.objects.reduce(0) { $0 + $1.length } == length, "lengths that do not add up")
        try require((1...65_536).contains(table.objects.count), "\(table.objects.count) objects")
        try require(codec.baseCounts.contains(table.bases.count), "\(table.bases.count) bases")
        let kinds = (table.objects.map(\.kind)) + table.bases.map(\.kind)
        try require(kinds.allSatisfy { FrameClass($0) == frameClass }, "an object of another class")
    }

    private static func frames() throws -> [[UInt8]] {
        let coder = try FrameCoder()
        func frame(_ kind: ObjectKind, _ payloads: [[UInt8]], base: [UInt8]? = nil) throws -> [UInt8] {
            var builder = FrameBuilder(FrameClass(kind))
            for payload in payloads {
                builder.add(ObjectReference(kind, ObjectID(of: kind, payload: payload)), payload)
            }
            let encoded = try builder.finish(
                coder, base: base.map { (ObjectReference(kind, ObjectID(of: kind, payload: $0)), $0) })
            return encoded.header(at: 0) + encoded.stored
        }
        var random = SplitMix64(seed: 3)
        return [
            try frame(.blob, [Array("abc".utf8)]), try frame(.blob, texts),
            try frame(.blob, [random.bytes(3000)]),
            try frame(.tree, Trees.tree()), try frame(.commit, Sample.objects(of: .commit)),
            try frame(.tree, [base + [0]], base: base), try frame(.blob, [[]]),
        ]
    }

    private static var frame: FuzzedDecoder {
        FuzzedDecoder(
            name: "frame", tokens: ["MLF1"], seeds: frames,
            repair: { bytes in
                var bytes = bytes
                Checksums.repairFrame(&bytes, at: 0)
                return bytes
            },
            decode: { bytes in
                // Also where it does not begin the array that it lies in.
                let shifted = [1, 2, 3] + bytes
                let parsed: (raw: PackReader.RawFrame, length: Int)
                do throws(PackReader.FrameDamage) { parsed = try PackReader.parse(shifted[3...]) } catch {
                    return .refused
                }
                let raw = parsed.raw
                try require(parsed.length <= bytes.count, "a frame that is longer than its bytes")
                try require(raw.stored.count <= raw.rawLength, "stored bytes that are more than the raw ones")
                try require(
                    raw.codec != .raw || raw.stored.count == raw.rawLength, "raw bytes of another length")
                try require(raw.codec != .zstd || raw.frameClass == .data, "metadata by zstd")
                try check(raw.table, raw.codec, raw.frameClass, raw.rawLength)
                let decoded: [UInt8]
                let coder = try shared.get()
                do throws(CodingError) {
                    decoded = try PackReader.decode(
                        raw, base: BaseBytes(raw.codec.hasBase ? base : []), coder)
                } catch { return .refused }
                try require(decoded.count == raw.rawLength, "decoded bytes of another length")
                return .accepted
            })
    }

    // MARK: Packs

    private static let name = PackName(digest: Trees.id(0), nonce: [0, 1, 2, 3, 4, 5, 6, 7])
    private static let layout = StoreLayout(root: FilePath("/store"))

    private static func packFiles() throws -> [[UInt8]] {
        var packs = try Sample.names(below: "packs").map { try Sample.file($0) }
        let disk = SimulatedDisk()
        try disk.makeDirectories(layout.temporary, permissions: 0o755)
        let writer = try PackWriter(layout: layout, files: disk, nonce: [0, 1, 2, 3, 4, 5, 6, 7])
        var (plain, based) = (FrameBuilder(.metadata), FrameBuilder(.metadata))
        let reference = ObjectReference(.tree, ObjectID(of: .tree, payload: base))
        plain.add(reference, base)
        based.add(ObjectReference(.tree, ObjectID(of: .tree, payload: base + [1])), base + [1])
        let coder = try FrameCoder()
        _ = try writer.append(try plain.finish(coder))
        _ = try writer.append(try based.finish(coder, base: (reference, base)))
        if let pack = try writer.finish() {
            packs.append(try disk.contents(layout.pack(pack.name), limit: 1 << 20))
        }
        return packs
    }

    private static var packIndex: FuzzedDecoder {
        FuzzedDecoder(
            name: "pack-index", seeds: packFiles, repair: { Checksums.repairPack($0, frames: false) },
            decode: { bytes in
                let index: PackIndex
                do throws(MalformedObject) { index = try PackIndex(MappedFile(holding: bytes)) } catch {
                    return .refused
                }
                try require(
                    index.fileLength == bytes.count && index.indexLength <= bytes.count, "a wrong length")
                _ = index.verifyChecksum()
                for number in -1...index.frameCount {
                    guard let place = try? index.frame(number) else { continue }
                    try require(
                        place.offset >= 0 && place.offset + place.length <= bytes.count,
                        "a frame outside the file")
                }
                for position in 0..<index.entryCount {
                    guard let entry = index.entry(position) else { continue }
                    _ = index.find(entry.reference)
                    _ = index.find(ObjectReference(.statement, entry.reference.id))
                }
                for digits in ["", "0", "7f", "ffff"] { _ = index.ids(of: .blob, beginning: digits) }
                return .accepted
            })
    }

    private static var pack: FuzzedDecoder {
        FuzzedDecoder(
            name: "pack", sizeLimit: 1 << 15, tokens: ["MLF1", "MLP1"], seeds: packFiles,
            repair: { Checksums.repairPack($0, frames: true) },
            decode: { bytes in
                let path = layout.pack(name)
                let disk = try SimulatedDisk.holding(bytes, at: path)
                do throws(StoreError) {
                    _ = try PackSalvage(path, files: disk).forEachObject {
                        (reference, payload, _) throws(StoreError) in
                        guard ObjectID(of: reference.kind, payload: payload) == reference.id else {
                            throw .outdated
                        }
                    }
                } catch { throw Violation("the salvage throws \(error)") }
                var check = IntegrityPack(name, layout: layout, files: disk)
                check.read(threads: 1) { _, _ in }
                for depth in 1...Codec.deepest + 1 {
                    check.decodeDeferred(depth: depth, threads: 1) { _ in base }
                }
                check.compareIndex()
                try require(!check.problems.isEmpty, "a pack of another name without a problem")
                let reader: PackReader
                do throws(StoreError) {
                    reader = try PackReader(name: name, layout: layout, files: disk)
                } catch {
                    return .refused
                }
                let coder = try shared.get()
                for number in 0..<min(reader.index.frameCount, 40) {
                    _ = try? reader.header(of: number)
                    guard let raw = try? reader.rawFrame(number) else { continue }
                    _ = try? PackReader.decode(raw, base: BaseBytes(raw.codec.hasBase ? base : []), coder)
                }
                return .accepted
            })
    }
}

/// What `Documentation/Formats/pack.md` allows, read off the bytes without the libraries.
enum Allowed {
    /// One stream of RFC 1950 that is all of the bytes.
    static func zlib(_ stored: [UInt8], _ output: [UInt8], hasDictionary: Bool) -> Bool {
        guard stored.count >= 6, stored[0] & 15 == 8, stored[0] >> 4 <= 7,
            (Int(stored[0]) << 8 | Int(stored[1])) % 31 == 0, (stored[1] & 0x20 != 0) == hasDictionary
        else { return false }
        var (a, b): (UInt32, UInt32) = (1, 0)
        for byte in output {
            a = (a + UInt32(byte)) % 65_521
            b = (b + a) % 65_521
        }
        let sum = stored.suffix(4).reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
        return sum == b << 16 | a
    }

    /// One frame of RFC 8878 that is all of the bytes, with its content size, no dictionary and a window of at most 8 MiB.
    static func zstd(_ stored: [UInt8], length: Int) -> Bool {
        guard stored.count >= 6, stored[..<4].elementsEqual([0x28, 0xb5, 0x2f, 0xfd]), stored[4] & 0x08 == 0
        else { return false }
        let flags = stored[4]
        let isSingle = flags & 0x20 != 0
        var at = 5
        func number(_ count: Int) -> UInt64? {
            guard at + count <= stored.count else { return nil }
            defer { at += count }
            return stored[at..<at + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        if !isSingle {
            guard let window = number(1) else { return false }
            let base = 1 << (10 + window >> 3) as UInt64
            guard base + base / 8 * (window & 7) <= 8 << 20 else { return false }
        }
        guard let dictionary = number([0, 1, 2, 4][Int(flags & 3)]), dictionary == 0 else { return false }
        let sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][Int(flags >> 6)]
        guard sizeBytes > 0, let size = number(sizeBytes), size + (sizeBytes == 2 ? 256 : 0) == UInt64(length)
        else { return false }
        while true {
            guard let block = number(3), block >> 1 & 3 != 3 else { return false }
            at += block >> 1 & 3 == 1 ? 1 : Int(block >> 3)
            if block & 1 == 1 { break }
        }
        if flags & 4 != 0 { at += 4 }
        return at == stored.count
    }
}

/// Makes checksums right.
enum Checksums {
    static func put(_ value: some FixedWidthInteger, at offset: Int, in bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) {
            bytes.replaceSubrange(offset..<offset + $0.count, with: $0)
        }
    }

    /// The two of the frame that begins at an offset, if its lengths lie within the bytes.
    static func repairFrame(_ bytes: inout [UInt8], at offset: Int) {
        guard offset >= 0, offset + FrameHeader.byteCount <= bytes.count else { return }
        let (padding, table, stored) = bytes.withUnsafeBytes {
            (Int($0.u16(at: offset + 6)), Int($0.u32(at: offset + 8)), Int($0.u32(at: offset + 12)))
        }
        let start = offset + FrameHeader.byteCount
        guard start + table + padding + stored <= bytes.count else { return }
        put(
            CRC32.of(Array(bytes[start + table + padding..<start + table + padding + stored])),
            at: offset + 20, in: &bytes)
        put(
            CRC32.of(Array(bytes[offset..<offset + 24] + bytes[start..<start + table])), at: offset + 24,
            in: &bytes)
    }

    /// Those of trailer and index, and of all frames that the index lists.
    static func repairPack(_ bytes: [UInt8], frames: Bool) -> [UInt8] {
        var bytes = bytes
        guard bytes.count >= PackTrailer.byteCount else { return bytes }
        let trailer = bytes.count - PackTrailer.byteCount
        let (start, count) = bytes.withUnsafeBytes {
            (Int(clamping: $0.u64(at: trailer)), Int($0.u32(at: trailer + 8)))
        }
        if start <= trailer {
            if frames, count <= (trailer - start) / PackTrailer.frameSize {
                for number in 0..<min(count, 100) {
                    let offset = bytes.withUnsafeBytes {
                        Int(clamping: $0.u64(at: start + number * PackTrailer.frameSize))
                    }
                    if offset < start { repairFrame(&bytes, at: offset) }
                }
            }
            put(CRC32.of(Array(bytes[start..<trailer])), at: trailer + 52, in: &bytes)
        }
        put(CRC32.of(Array(bytes[trailer..<trailer + 56])), at: trailer + 56, in: &bytes)
        return bytes
    }
}
