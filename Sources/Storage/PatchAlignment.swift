internal import Coding
internal import ObjectModel

/// Finds out where the chunks of a version stand in what later ones can be told by: chunks in frames without a base, in the order of the version.
///
/// Patches say themselves what they copy. So a version that was told by an older one is followed through their commands, and the chunks of
/// the older one come in the order in which the version goes through them; what it has no more of does not come.
///
/// Memory: some 100 bytes for each chunk of the version, and of each other one in the same frames.
struct PatchAlignment {
    private typealias Found = ObjectStore.Found

    private let store: ObjectStore
    /// In order; all that is known of a position is that it lies in them.
    private(set) var chunks: [PatchBase.Chunk] = []
    /// From where to where the chunks of the version, and those of the base, stand in the base.
    private(set) var places: [ObjectID: Range<Int>] = [:]
    /// Frames that were met before.
    private var frames: [FrameCache.Key: PatchedFrame?] = [:]

    init(_ store: ObjectStore) { self.store = store }

    /// Adds the next chunk of the version.
    mutating func add(_ id: ObjectID) {
        let reference = ObjectReference(.blob, id)
        guard places[id] == nil, let found = store.find(reference), !found.place.isRecipe,
            found.place.length > 0
        else { return }
        guard found.pack.index.hasBase(found.place.frame) else { return append(reference, found) }
        let key = FrameCache.Key(pack: found.pack.name, frame: found.place.frame)
        let isNew = frames[key] == nil
        if isNew { frames[key] = .some(PatchedFrame(found.place.frame, of: found.pack, in: store)) }
        guard let frame = frames[key] ?? nil else { return }
        guard frame.isFollowed else {
            if isNew { for base in frame.bases { append(base.reference, base.found) } }
            return
        }
        guard let stretch = frame.stretches[found.place.offset] else { return }
        for number in stretch.bases { append(frame.bases[number].reference, frame.bases[number].found) }
        if let start = position(stretch.start, frame), let end = position(stretch.end, frame), start <= end {
            places[id] = max(0, start - stretch.before)..<end + stretch.behind
        }
    }

    /// Adds a chunk of the base, unless it is there.
    private mutating func append(_ reference: ObjectReference, _ found: Found) {
        guard places[reference.id] == nil, found.place.length > 0 else { return }
        let start = chunks.last?.end ?? 0
        let frame = FrameCache.Key(pack: found.pack.name, frame: found.place.frame)
        chunks.append(
            PatchBase.Chunk(
                reference: reference, start: start, length: found.place.length, frame: frame,
                frameLength: (try? found.pack.index.frame(found.place.frame))?.length ?? 0))
        places[reference.id] = start..<start + found.place.length
    }

    /// Where a byte of a frame's bases stands in the base.
    private func position(_ place: PatchedFrame.Place, _ frame: PatchedFrame) -> Int? {
        places[frame.bases[place.base].reference.id].map { $0.lowerBound + place.offset }
    }
}

/// A frame of codec 5 as what its commands say of its objects.
private struct PatchedFrame {
    /// A place in one of the bases.
    struct Place {
        let base: Int
        let offset: Int
    }

    /// What an object has of the bases.
    struct Stretch {
        /// From the first byte that is copied for certain to the end of the last one.
        var start: Place
        var end: Place
        /// Bytes of the object before that and behind it.
        var before: Int
        var behind: Int
        /// The numbers of the bases that it goes through, in order.
        var bases: [Int]
    }

    /// Shorter copies may come from anywhere.
    private static let certain = 128

    let bases: [(reference: ObjectReference, found: ObjectStore.Found)]
    /// By where objects begin in the frame.
    private(set) var stretches: [Int: Stretch] = [:]
    /// Whether the commands could be read.
    private(set) var isFollowed = false

    /// - Returns: Nothing for other frames, and where a base is missing.
    init?(_ number: Int, of pack: PackReader, in store: ObjectStore) {
        guard pack.index.codec(of: number) == Codec.patch.rawValue, let raw = try? pack.rawFrame(number)
        else {
            return nil
        }
        var bases: [(reference: ObjectReference, found: ObjectStore.Found)] = []
        var (starts, length): ([Int], Int) = ([], 0)
        for base in raw.table.bases {
            guard let found = store.plainCopies(of: base).first else { return nil }
            bases.append((base, found))
            starts.append(length)
            length += found.place.length
        }
        self.bases = bases
        let copies = try? store.withCoder { coder in
            raw.stored.withUnsafeBytes {
                coder.patchCopies($0, baseLength: length, rawLength: raw.rawLength)
            }
        }
        guard let copies = copies ?? nil else { return }
        isFollowed = true
        follow(copies.filter { $0.length >= Self.certain }, raw.table.objects.map(\.length), starts)
    }

    private mutating func follow(_ copies: [PatchCopy], _ lengths: [Int], _ starts: [Int]) {
        var (offset, first) = (0, 0)
        for length in lengths {
            let end = offset + length
            defer { offset = end }
            // What has no bytes has none of the bases'.
            guard length > 0 else { continue }
            while first < copies.count, copies[first].end <= offset { first += 1 }
            var (stretch, used): (Stretch?, Set<Int>) = (nil, [])
            for copy in copies[first...].prefix(while: { $0.offset < end }) {
                let part = max(copy.offset, offset)..<min(copy.end, end)
                let position = copy.position + part.lowerBound - copy.offset
                let start = Self.place(position, starts)
                let last = Self.place(position + part.count - 1, starts)
                used.formUnion(start.base...last.base)
                let behind = Place(base: last.base, offset: last.offset + 1)
                stretch =
                    stretch
                    ?? Stretch(
                        start: start, end: behind, before: part.lowerBound - offset, behind: 0, bases: [])
                stretch?.end = behind
                stretch?.behind = end - part.upperBound
            }
            stretch?.bases = used.sorted()
            stretches[offset] = stretch
        }
    }

    private static func place(_ position: Int, _ starts: [Int]) -> Place {
        let base = starts.lastIndex { $0 <= position } ?? 0
        return Place(base: base, offset: position - starts[base])
    }
}

extension PatchCopy {
    fileprivate var end: Int { offset + length }
}
