internal import Coding
internal import FileIO
internal import ObjectModel
internal import Synchronization

/// Where an undamaged object lies, found by reading frames and not an index.
struct SalvagedPlace {
    /// Position in the list of packs.
    let pack: Int32
    /// Of the object's payload in the frame's raw bytes.
    let start: Int32
    let length: Int32
    /// Of the frame in the pack's file.
    let frame: Int
}

/// The undamaged objects of many packs.
///
/// Holds their places, about 100 bytes an object, and reads payloads when asked.
///
/// May be used from any thread. A blob that is there by recipe only is not delivered.
final class SalvagedObjects: ObjectReader {
    let places: [ObjectReference: SalvagedPlace]
    private let packs: [PackName]
    private let layout: StoreLayout
    private let files: any FileSystem
    private let cache = FrameCache(limit: 48 << 20)
    private let coders = Mutex<[CoderBox]>([])
    /// Finds bases that these packs do not have.
    private let elsewhere: @Sendable (ObjectReference) -> [UInt8]?

    /// A coder that one thread has at a time: it leaves the list while it is used.
    private struct CoderBox: @unchecked Sendable {
        let coder: FrameCoder
    }

    init(
        places: [ObjectReference: SalvagedPlace], packs: [PackName], layout: StoreLayout,
        files: any FileSystem, elsewhere: @escaping @Sendable (ObjectReference) -> [UInt8]? = { _ in nil }
    ) {
        self.elsewhere = elsewhere
        self.places = places
        self.packs = packs
        self.layout = layout
        self.files = files
    }

    /// What some packs have in undamaged frames, as far as others of them can need it as their base: first of those that need none
    /// themselves, then of those that need these.
    ///
    /// A pack that is not there has nothing.
    ///
    /// - Parameter elsewhere: Finds bases that these packs do not have.
    convenience init(
        basesOf packs: [PackName], layout: StoreLayout, files: any FileSystem,
        elsewhere: @escaping @Sendable (ObjectReference) -> [UInt8]?
    ) throws(StoreError) {
        var places: [ObjectReference: SalvagedPlace] = [:]
        for depth in 0..<Codec.deepest {
            let known = SalvagedObjects(
                places: places, packs: packs, layout: layout, files: files, elsewhere: elsewhere)
            let base = { (base: ObjectReference) -> [UInt8]? in depth == 0 ? nil : known.base(base) }
            var isDone = true
            for (number, pack) in packs.enumerated() {
                var (frame, start) = (-1, 0)
                do throws(StoreError) {
                    let salvage = PackSalvage(layout.pack(pack), files: files)
                    let gaps = try salvage.forEachObject(base: base) { reference, payload, offset in
                        if offset != frame { (frame, start) = (offset, 0) }
                        if places[reference] == nil {
                            places[reference] = SalvagedPlace(
                                pack: Int32(number), start: Int32(start), length: Int32(payload.count),
                                frame: offset)
                        }
                        start += payload.count
                    }
                    if !gaps.isEmpty { isDone = false }
                } catch {
                    guard case .file(let failure) = error, failure.isNotFound || failure.isNoFile else {
                        throw error
                    }
                }
            }
            if isDone { break }
        }
        self.init(places: places, packs: packs, layout: layout, files: files, elsewhere: elsewhere)
    }

    /// The payload of a base, wherever it is; nothing if it is nowhere.
    func base(_ reference: ObjectReference) -> [UInt8]? {
        (try? payload(of: reference)) ?? elsewhere(reference)
    }

    func payload(of reference: ObjectReference) throws(ReadError) -> [UInt8]? {
        guard let place = places[reference] else { return nil }
        let frame = try frame(place, for: reference)
        let (start, end) = (Int(place.start), Int(place.start) + Int(place.length))
        guard end <= frame.count else { throw .damaged(reference, problem: "its pack changed meanwhile") }
        return Array(frame[start..<end])
    }

    private func frame(_ place: SalvagedPlace, for reference: ObjectReference) throws(ReadError) -> [UInt8] {
        let pack = packs[Int(place.pack)]
        let key = FrameCache.Key(pack: pack, frame: place.frame)
        return try cache.bytes(of: key) { () throws(ReadError) in
            try decodeFrame(at: place.frame, of: pack, for: reference)
        }
    }

    private func decodeFrame(
        at offset: Int, of pack: PackName, for reference: ObjectReference
    ) throws(ReadError) -> [UInt8] {
        let scan: FrameScan
        do throws(FileError) {
            let bytes = try PackBytes(layout.pack(pack), files: files)
            scan = try bytes.frame(at: offset, end: bytes.count, isHashed: false)
        } catch { throw .unreadable(reference, problem: "\(error)") }
        guard case .frame(let raw, _) = scan else {
            throw .damaged(reference, problem: "its pack changed meanwhile")
        }
        // A base's frame has less depth: places whose frames break that rule are never made.
        let base = try raw.table.baseBytes { (base) throws(ReadError) in
            (try payload(of: base) ?? elsewhere(base) ?? [])[...]
        }
        let taken = coders.withLock { $0.popLast() }
        do throws(CodingError) {
            let box = if let taken { taken } else { CoderBox(coder: try FrameCoder()) }
            defer { coders.withLock { $0.append(box) } }
            return try PackReader.decode(raw, base: base ?? BaseBytes(), box.coder)
        } catch { throw .damaged(reference, problem: "\(error)") }
    }
}
