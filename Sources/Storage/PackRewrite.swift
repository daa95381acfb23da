internal import Coding
internal import FileIO
internal import ObjectModel
internal import Synchronization

/// Takes some objects of a pack into new frames: frames of which all is wanted are copied, others are made anew.
///
/// Memory: a frame or two for each thread, at most 4 MiB each.
struct PackRewrite {
    private let pack: PackReader
    private let store: ObjectStore
    private let threads: Int

    /// - Parameter threads: How many decode and hash at a time, up to four: what they hold is in memory.
    init(_ pack: PackReader, of store: ObjectStore, threads: Int = 1) {
        self.pack = pack
        self.store = store
        self.threads = min(threads, 4)
    }

    /// A frame of the new pack.
    struct Frame: Sendable {
        let encoded: EncodedFrame
        /// The raw bytes, where the frame was copied.
        let payload: [UInt8]?
    }

    /// Hands out the frames.
    ///
    /// - Parameters:
    ///   - isWanted: Asked for positions in the pack's index.
    ///   - isTrusted: Whether the index is believed where a frame is copied, so that the frame need not be decoded; its checksums are
    ///     compared all the same.
    ///   - holdsBack: Whether a wanted object of a frame that is made anew is not to be in it.
    /// - Throws: Also where the pack does not have what its index says: nobody may drop it then.
    func forEachFrame(
        where isWanted: (Int) -> Bool, trusting isTrusted: Bool = false,
        holdingBack holdsBack: (PackedObject) -> Bool = { _ in false },
        body: (Frame) throws(StoreError) -> Void
    ) throws(StoreError) {
        guard pack.index.verifyChecksum() else {
            throw .damaged(store.layout.pack(pack.name), problem: "the index' checksum is wrong")
        }
        let wanted = self.wanted(isWanted)
        var builders: [FrameClass: FrameBuilder] = [
            .metadata: FrameBuilder(.metadata), .data: FrameBuilder(.data),
        ]
        func take(_ opened: OpenedFrame) throws(StoreError) {
            let (raw, objects) = (opened.raw, opened.objects)
            let references = opened.isWhole ? [] : Set(opened.entries.map(\.reference))
            if let lost = references.subtracting(objects.map(\.reference)).first {
                throw .object(
                    .damaged(
                        lost, problem: "frame \(opened.number) of pack \(pack.name) does not hold it"))
            }
            let isAll = opened.isWhole || objects.allSatisfy { references.contains($0.reference) }
            if isAll, Self.canBeCopied(raw) {
                var start = 0
                let placed = objects.map { object -> EncodedFrame.Object in
                    defer { start += object.payload.count }
                    return (object.reference, start, object.payload.count, nil)
                }
                return try body(
                    Frame(encoded: EncodedFrame(copying: raw, objects: placed), payload: opened.bytes))
            }
            // Taken out while it grows: a copy of all for each object would take longer than the work.
            guard var builder = builders.removeValue(forKey: raw.frameClass) else { return }
            for object in objects where (isAll || references.contains(object.reference)) && !holdsBack(object)
            {
                if !builder.hasRoom(for: object.payload.count) || builder.isFull {
                    try body(Frame(encoded: try store.encode(&builder), payload: nil))
                }
                builder.add(object.reference, object.payload, recipeOf: object.recipeOf)
            }
            builders[raw.frameClass] = builder
        }
        var due: [DueFrame] = []
        func takeDue() throws(StoreError) {
            for opened in try open(due) { try take(opened) }
            due.removeAll(keepingCapacity: true)
        }
        for number in 0..<pack.index.frameCount {
            let entries = wanted.entries(of: number)
            guard let about = entries.first?.reference else { continue }
            let raw: PackReader.RawFrame
            do throws(PackReader.FrameProblem) { raw = try pack.rawFrame(number) } catch {
                if error.isUnreadable { throw .object(.unreadable(about, problem: error.problem)) }
                throw .object(
                    .damaged(about, problem: "frame \(number) of pack \(pack.name): \(error.problem)"))
            }
            if isTrusted, let copy = copy(raw, number, entries) {
                try takeDue()
                try body(Frame(encoded: copy, payload: nil))
                continue
            }
            due.append(DueFrame(number: number, entries: entries, raw: raw, about: about))
            // With several threads, two for each: one that takes longer keeps the others waiting.
            if due.count >= (threads > 1 ? threads * 2 : 1) { try takeDue() }
        }
        try takeDue()
        if let lost = wanted.stray {
            throw .object(.damaged(lost, problem: "pack \(pack.name) has no frame for it"))
        }
        for frameClass in [FrameClass.data, .metadata] {
            if var builder = builders[frameClass], !builder.isEmpty {
                try body(Frame(encoded: try store.encode(&builder), payload: nil))
            }
        }
    }

    /// A frame that was read, and is to be decoded.
    private struct DueFrame: Sendable {
        let number: Int
        let entries: [WantedEntries.Entry]
        let raw: PackReader.RawFrame
        /// One of the objects, for errors.
        let about: ObjectReference
    }

    /// A frame with its objects, each hashed.
    private struct OpenedFrame: Sendable {
        let number: Int
        let entries: [WantedEntries.Entry]
        let raw: PackReader.RawFrame
        let bytes: [UInt8]
        let objects: [PackedObject]
        /// Whether all of its objects are wanted, in their order.
        let isWhole: Bool
    }

    /// Decodes frames, and hashes what is in them.
    ///
    /// - Returns: The same in the same order.
    private func open(_ due: [DueFrame]) throws(StoreError) -> [OpenedFrame] {
        let opened = Mutex([Int: Result<OpenedFrame, ReadError>]())
        let indices = WorkIndices(due.count)
        onThreads(max(1, min(threads, due.count))) {
            while let index = indices.next() {
                let result: Result<OpenedFrame, ReadError>
                do throws(ReadError) { result = .success(try open(due[index])) } catch {
                    result = .failure(error)
                }
                opened.withLock { $0[index] = result }
            }
        }
        let results = opened.withLock { $0 }
        var frames: [OpenedFrame] = []
        for index in due.indices {
            do throws(ReadError) { if let frame = try results[index]?.get() { frames.append(frame) } } catch {
                throw .object(error)
            }
        }
        return frames
    }

    private func open(_ due: DueFrame) throws(ReadError) -> OpenedFrame {
        let bytes = try store.decode(due.raw, due.number, of: pack, for: due.about)
        let objects = Self.objects(due.raw.table, bytes)
        let isWhole =
            due.entries.count == objects.count
            && zip(due.entries, objects).allSatisfy { $0.reference == $1.reference }
        return OpenedFrame(
            number: due.number, entries: due.entries, raw: due.raw, bytes: bytes, objects: objects,
            isWhole: isWhole)
    }

    /// Whether a frame can stand in another pack as it is: what its base is need not lie beside it, and the index tells nothing of it
    /// that its table does not, as it does of recipes.
    private static func canBeCopied(_ raw: PackReader.RawFrame) -> Bool {
        (raw.table.bases.isEmpty || raw.codec.isDifference)
            && (raw.frameClass == .data || !raw.table.objects.contains { $0.kind == .chunks })
    }

    /// A frame as it is, if all of its objects are wanted and lie where the index says.
    private func copy(
        _ raw: PackReader.RawFrame, _ number: Int, _ entries: [WantedEntries.Entry]
    ) -> EncodedFrame? {
        guard Self.canBeCopied(raw), let place = try? pack.index.frame(number),
            entries.count == raw.table.objects.count
        else { return nil }
        var start = 0
        for (object, held) in zip(entries, raw.table.objects) {
            guard object.place.offset == start, object.place.length == held.length,
                object.reference.kind == held.kind
            else { return nil }
            start += held.length
        }
        return EncodedFrame(
            copying: raw, objects: entries.map { ($0.reference, $0.place.offset, $0.place.length, nil) },
            from: EncodedFrame.Origin(
                pack: pack.name, offset: place.offset + place.length - raw.stored.count))
    }

    private func wanted(_ isWanted: (Int) -> Bool) -> WantedEntries {
        var entries: [WantedEntries.Entry] = []
        for position in 0..<pack.index.entryCount where isWanted(position) {
            guard let (reference, place) = pack.index.entry(position), !place.isRecipe else { continue }
            entries.append((reference, place))
        }
        return WantedEntries(entries, frameCount: pack.index.frameCount)
    }

    /// The objects of a frame's raw bytes, each hashed.
    static func objects(_ table: FrameTable, _ bytes: [UInt8]) -> [PackedObject] {
        var start = 0
        return table.objects.map { object in
            let payload = Array(bytes[start..<start + object.length])
            start += object.length
            let reference = ObjectReference(object.kind, ObjectID(of: object.kind, payload: payload))
            let recipe = object.kind == .chunks && payload.first == 1 ? try? Recipe(payload: payload) : nil
            return PackedObject(reference: reference, payload: payload, recipeOf: recipe?.blob)
        }
    }
}

/// What is wanted of a pack, by its frames.
private struct WantedEntries {
    typealias Entry = (reference: ObjectReference, place: ObjectPlace)

    /// In the order of frames, and in each as its objects lie there.
    private let entries: [Entry]
    /// Where the entries of each frame begin, and the last ones end.
    private let starts: [Int]

    /// An entry of a frame that is not there, if there is one.
    let stray: ObjectReference?

    init(_ all: [Entry], frameCount count: Int) {
        stray = all.first { $0.place.frame >= count }?.reference
        let entries = stray == nil ? all : all.filter { $0.place.frame < count }
        var starts = [Int](repeating: 0, count: count + 1)
        for entry in entries { starts[entry.place.frame + 1] += 1 }
        for frame in 0..<count { starts[frame + 1] += starts[frame] }
        // Sorted by counting: packs have a hundred thousand entries, and few in a frame.
        var order = [Int](repeating: 0, count: entries.count)
        var next = starts
        for (position, entry) in entries.enumerated() {
            order[next[entry.place.frame]] = position
            next[entry.place.frame] += 1
        }
        for frame in 0..<count {
            order[starts[frame]..<starts[frame + 1]].sort {
                (entries[$0].place.offset, entries[$0].place.length)
                    < (entries[$1].place.offset, entries[$1].place.length)
            }
        }
        self.entries = order.map { entries[$0] }
        self.starts = starts
    }

    func entries(of frame: Int) -> [Entry] {
        Array(entries[starts[frame]..<starts[frame + 1]])
    }
}
