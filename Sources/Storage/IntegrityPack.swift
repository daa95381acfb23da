internal import Coding
internal import FileIO
internal import ObjectModel
internal import Synchronization

/// What the frames of one pack hold, and what is wrong with the pack.
///
/// Reads it frame by frame and in order.
struct IntegrityPack {
    /// An object as a frame holds it.
    struct Found {
        let reference: ObjectReference
        /// Position in the list of frames that could be read.
        let frame: Int32
        /// In the frame's raw bytes.
        let start: Int32
        let length: Int32
    }

    /// A frame whose header is sound.
    struct Frame {
        let offset: Int
        let length: Int
        let codec: UInt8
        let frameClass: UInt8
        let bases: [ObjectReference]
        let rawLength: Int
    }

    let name: PackName
    private(set) var count = 0
    private(set) var problems: [(problem: IntegrityProblem, references: [ObjectReference])] = []
    private(set) var objects = SegmentedArray<Found>()
    /// The blobs that recipes are of, by their positions in ``objects``.
    private(set) var recipeBlobs: [Int: ObjectID] = [:]
    private(set) var frames: [Frame] = []
    /// Frames with a base, which can be decoded once all others are known; positions in ``frames``.
    private(set) var deferred: [Int] = []
    private(set) var trailer: PackTrailer?
    /// Positions of frames, by offset, whose objects are not all in ``objects``.
    var incomplete: Set<Int> = []
    var gaps: [(range: Range<Int>, problem: String)] = []
    /// What is the matter with frames whose base is not there, by their offsets.
    var baseless: [Int: String] = [:]
    var rows: [IndexRow] = []
    var hasSoundIndex = false
    let path: FilePath
    let files: any FileSystem

    struct IndexRow {
        let offset: Int
        /// Positions in the table of bases.
        let bases: Range<Int>
        let codec: UInt8
        let frameClass: UInt8
    }

    init(_ name: PackName, layout: StoreLayout, files: any FileSystem) {
        self.name = name
        self.files = files
        path = layout.pack(name)
    }

    mutating func report(
        _ kind: IntegrityProblem.Kind, _ message: String, at offset: Int? = nil,
        reference: ObjectReference? = nil,
        needs: [ObjectReference] = []
    ) {
        let problem = IntegrityProblem(kind, message, reference: reference, pack: name, offset: offset)
        problems.append((problem, needs + (reference.map { [$0] } ?? [])))
    }

    /// Whether the pack should be replaced: its file is not what was written.
    var isDamaged: Bool {
        problems.contains { [.missingPack, .packDigest, .trailer, .index, .frame].contains($0.problem.kind) }
    }

    /// What a reader must know for its frames.
    private(set) var features: Set<String> = []

    /// Gives back the memory that only the comparison with the index needs.
    mutating func forgetObjects(keeping needed: Bool) {
        guard !needed else { return }
        (objects, recipeBlobs, frames, rows) = (SegmentedArray(), [:], [], [])
    }

    // MARK: Frames

    /// Reads everything but what needs other packs.
    ///
    /// - Parameters:
    ///   - threads: How many decode at a time; each has at most a few frames in memory.
    ///   - progress: Takes how many objects were checked and bytes were read since it was called last.
    mutating func read(threads: Int, progress: (_ objects: Int, _ bytes: Int) -> Void) {
        do throws(FileError) {
            let bytes = try PackBytes(path, files: files)
            count = bytes.count
            try readTrailer(bytes)
            try readFrames(bytes, threads: threads, progress: progress)
            if try bytes.finish() != name.digest?.digest {
                report(.packDigest, "the file's SHA-256 is not the one in its name")
            }
        } catch {
            if error.isNotFound {
                report(.missingPack, "the log calls it live, and it is not there")
            } else if error.isNoFile {
                report(.missingPack, "the log calls it live, and what is in its place is no file")
            } else {
                report(.unreadable, "\(error)")
            }
        }
    }

    private mutating func readTrailer(_ bytes: PackBytes) throws(FileError) {
        let tail = try bytes.trailerBytes()
        do throws(MalformedObject) { trailer = try PackTrailer(tail, length: bytes.count) } catch {
            report(.trailer, "\(error)", at: max(0, bytes.count - PackTrailer.byteCount))
        }
        guard let trailer else { return }
        let range = trailer.start..<trailer.start + trailer.indexLength
        guard try bytes.checksum(range) == trailer.indexChecksum else {
            return report(.index, "the index' checksum is wrong", at: trailer.start)
        }
        hasSoundIndex = true
        let block = try bytes.peek(at: trailer.start, trailer.frameCount * PackTrailer.frameSize)
        block.withUnsafeBytes { bytes in
            for at in stride(from: 0, to: bytes.count - PackTrailer.frameSize + 1, by: PackTrailer.frameSize)
            {
                let (base, more) = (Int(bytes.u32(at: at + 8)), Int(bytes.u16(at: at + 14)))
                // Further ones without a first one are at no place.
                let first = base == 0 && more == 0 ? 0 : base - 1
                rows.append(
                    IndexRow(
                        offset: Int(clamping: bytes.u64(at: at)),
                        bases: first..<(base == 0 && more == 0 ? 0 : base + more),
                        codec: bytes[at + 12], frameClass: bytes[at + 13]))
            }
        }
        for (row, next) in zip(rows, rows.dropFirst()) where row.offset >= next.offset {
            report(.index, "its frames' offsets do not rise", at: trailer.start)
            hasSoundIndex = false
            rows = []
            return
        }
    }

    private mutating func readFrames(
        _ bytes: PackBytes, threads: Int, progress: (_ objects: Int, _ bytes: Int) -> Void
    ) throws(FileError) {
        let end = trailer?.start ?? bytes.count
        var batch: [(frame: Int, raw: PackReader.RawFrame)] = []
        var (offset, batchLength, reported) = (0, 0, 0)
        while offset < end {
            switch try bytes.frame(at: offset, end: end) {
            case .frame(let raw, let length):
                let position = frames.count
                frames.append(
                    Frame(
                        offset: offset, length: length, codec: raw.codec.rawValue,
                        frameClass: raw.frameClass.rawValue,
                        bases: raw.table.bases, rawLength: raw.rawLength))
                if let feature = StoreState.feature(of: raw.codec) { features.insert(feature) }
                if raw.codec.hasBase {
                    deferred.append(position)
                } else {
                    batch.append((position, raw))
                }
                batchLength += length + raw.rawLength
                offset += length
            case .damage(let problem, let length):
                let next: Int
                if let length {
                    next = offset + length
                } else if hasSoundIndex {
                    next = min(end, rows.first { $0.offset > offset }?.offset ?? end)
                } else {
                    next = try bytes.nextFrame(after: offset, end: end) ?? end
                }
                gaps.append((offset..<next, problem))
                offset = next
            }
            // What is in memory at a time: so much or one frame, and the objects' places.
            if batchLength >= Self.batchLimit || offset >= end {
                let before = objects.count
                decode(batch, threads: threads)
                progress(objects.count - before, offset - reported)
                (reported, batchLength) = (offset, 0)
                batch.removeAll(keepingCapacity: true)
            }
        }
        progress(0, bytes.count - reported)
    }

    private struct MissingBase: Error {
        let name: ObjectReference
    }

    private enum Decoded {
        /// - Parameter recipes: Positions among the objects, and what these are recipes of.
        case objects(
            [Found], recipes: [(index: Int, blob: ObjectID)], problems: [(ObjectReference, String)])
        case damage(String)
        case baseless(String)
    }

    /// - Parameter payload: Hands out what frames name as their base.
    private mutating func decode(
        _ batch: [(frame: Int, raw: PackReader.RawFrame)],
        base payload: @escaping @Sendable (ObjectReference) -> [UInt8]? = { _ in nil }, threads: Int
    ) {
        let results = Mutex([Int: Decoded]())
        let indices = WorkIndices(batch.count)
        onThreads(max(1, min(threads, batch.count))) {
            let coder = try? FrameCoder()
            while let index = indices.next() {
                let (frame, raw) = batch[index]
                let result: Decoded
                do throws(MissingBase) {
                    let base = try raw.table.baseBytes { (name) throws(MissingBase) in
                        guard let bytes = payload(name) else { throw MissingBase(name: name) }
                        return bytes[...]
                    }
                    result =
                        base.map { Self.decode(raw, frame: frame, base: $0, coder) }
                        ?? .damage("it has \(raw.table.badBases)")
                } catch {
                    result = .baseless("its base, \(error.name), is not in a frame that can be a base's")
                }
                results.withLock { $0[index] = result }
            }
        }
        let decoded = results.withLock { $0 }
        for index in batch.indices {
            if let result = decoded[index] { take(result, frame: batch[index].frame) }
        }
    }

    /// What is read at a time of what is decoded, in stored and raw bytes.
    private static let batchLimit = 32 << 20

    /// Decodes the frames that have a base, and some depth; those whose base lies in the pack itself count as deeper than all others.
    ///
    /// - Parameter payload: The payload of a base; nothing where it is missing, or lies only in frames of the same depth or more.
    mutating func decodeDeferred(
        depth: Int, threads: Int, payload: @escaping @Sendable (ObjectReference) -> [UInt8]?
    ) {
        func isDue(_ position: Int) -> Bool {
            let codec = Codec(rawValue: frames[position].codec)
            return (codec.flatMap { $0.isDifference ? $0.depth : nil } ?? Codec.deepest + 1) == depth
        }
        let positions = deferred.filter(isDue)
        guard !positions.isEmpty else { return }
        deferred.removeAll(where: isDue)
        let own = depth > Codec.deepest ? ownBases(of: positions) : nil
        let payload = { @Sendable (base: ObjectReference) in
            own?.contains(base) ?? true ? payload(base) : nil
        }
        do throws(FileError) {
            let bytes = try PackBytes(path, files: files)
            var (batch, length): ([(frame: Int, raw: PackReader.RawFrame)], Int) = ([], 0)
            for position in positions {
                let place = frames[position]
                let scan = try bytes.frame(
                    at: place.offset, end: place.offset + place.length, isHashed: false)
                guard case .frame(let raw, _) = scan else {
                    take(.damage("the pack changed meanwhile"), frame: position)
                    continue
                }
                batch.append((position, raw))
                length += place.length + place.rawLength
                if length >= Self.batchLimit {
                    decode(batch, base: payload, threads: threads)
                    (batch, length) = ([], 0)
                }
            }
            decode(batch, base: payload, threads: threads)
        } catch { report(.unreadable, "\(error)") }
    }

    /// Those bases of some frames that lie in this pack in frames without a base.
    private func ownBases(of positions: [Int]) -> Set<ObjectReference> {
        let named = Set(positions.flatMap { frames[$0].bases })
        var own: Set<ObjectReference> = []
        for object in objects
        where named.contains(object.reference) && frames[Int(object.frame)].bases.isEmpty {
            own.insert(object.reference)
        }
        return own
    }

    private mutating func take(_ result: Decoded, frame: Int) {
        switch result {
        case .damage(let problem):
            let place = frames[frame]
            incomplete.insert(place.offset)
            gaps.append((place.offset..<place.offset + place.length, problem))
        case .baseless(let problem):
            let place = frames[frame]
            incomplete.insert(place.offset)
            baseless[place.offset] = problem
        case .objects(let found, let recipes, let problems):
            for recipe in recipes { recipeBlobs[objects.count + recipe.index] = recipe.blob }
            for object in found { objects.append(object) }
            for (reference, problem) in problems {
                report(.object, problem, at: frames[frame].offset, reference: reference)
            }
        }
    }

    private static func decode(
        _ raw: PackReader.RawFrame, frame: Int, base: BaseBytes, _ coder: FrameCoder?
    ) -> Decoded {
        guard let coder else { return .damage("there is no memory to decode it") }
        let bytes: [UInt8]
        do throws(CodingError) { bytes = try PackReader.decode(raw, base: base, coder) } catch {
            return .damage("\(error)")
        }
        var objects: [Found] = []
        var recipes: [(index: Int, blob: ObjectID)] = []
        var problems: [(ObjectReference, String)] = []
        var start = 0
        for object in raw.table.objects {
            // The table's lengths add up to the frame's, as was checked when it was read.
            let range = start..<start + object.length
            start += object.length
            let id = bytes.withUnsafeBytes {
                ObjectID(of: object.kind, payload: UnsafeRawBufferPointer(rebasing: $0[range]))
            }
            let reference = ObjectReference(object.kind, id)
            do throws(MalformedObject) {
                if let blob = try check(object.kind, bytes, range) { recipes.append((objects.count, blob)) }
            } catch {
                problems.append((reference, "\(error)"))
            }
            objects.append(
                Found(
                    reference: reference, frame: Int32(frame), start: Int32(range.lowerBound),
                    length: Int32(range.count)))
        }
        return .objects(objects, recipes: recipes, problems: problems)
    }

    /// Checks that a payload is one of its kind, in the one encoding that there is.
    ///
    /// - Returns: The blob, if the object is a recipe.
    private static func check(_ kind: ObjectKind, _ bytes: [UInt8], _ range: Range<Int>)
        throws(MalformedObject) -> ObjectID?
    {
        guard range.count <= kind.payloadLimit else { throw .tooLarge(range.count, limit: kind.payloadLimit) }
        if kind == .blob { return nil }
        let payload = Array(bytes[range])
        var encoded = payload
        var recipeOf: ObjectID?
        switch kind {
        case .blob: break
        case .chunks where payload.first == 1:
            let recipe = try Recipe(payload: payload)
            recipeOf = recipe.blob
            encoded = recipe.payload
        case .chunks: encoded = try MerkleNode<ChunkEntry>(payload: payload).payload
        case .tree: encoded = try MerkleNode<TreeEntry>(payload: payload).payload
        case .refs: encoded = try MerkleNode<RefEntry>(payload: payload).payload
        case .recipes: encoded = try MerkleNode<RecipeEntry>(payload: payload).payload
        case .commit: _ = try Commit(payload: payload)
        case .run: _ = try Run(payload: payload)
        case .statement: _ = try Statement(payload: payload)
        case .event: _ = try Event(payload: payload)
        }
        guard encoded == payload else { throw .node("it has another encoding than its own") }
        return recipeOf
    }

    static let noFrame = "no frame begins here"
}
