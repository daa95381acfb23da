internal import Coding
package import ObjectModel

/// How the contents of files lie in a store: in which pieces, coded how, and what these take.
///
/// Contents that come again take nothing: they are told as such.
package struct StoredForms {
    /// The pieces of a file that are coded in one way.
    package struct Way: Hashable, Sendable {
        package fileprivate(set) var pieces = 0
        package fileprivate(set) var rawBytes = 0
        /// Their share of the frames that hold them, headers included.
        package fileprivate(set) var storedBytes = 0
        /// Pieces that these are told by, which are stored for themselves, and what those take.
        package fileprivate(set) var bases = 0
        package fileprivate(set) var baseBytes = 0
    }

    /// How the content of one file lies in the store.
    package struct Form: Hashable, Sendable {
        /// By the names of codecs.
        package fileprivate(set) var ways: [String: Way] = [:]
        /// Pieces that came before, in this file or in one that was asked about before it; of what is about to be written, also those that
        /// the store has.
        package fileprivate(set) var again = Way()

        package var storedBytes: Int { ways.values.reduce(0) { $0 + $1.storedBytes } }
    }

    private let store: ObjectStore
    private let ledger: WriteLedger?
    private var seen: Set<ObjectReference> = []
    private var headers: [FrameCache.Key: FrameHeader] = [:]

    /// - Parameter ledger: Of what is about to be written to the store.
    package init(_ store: ObjectStore, writing ledger: WriteLedger? = nil) {
        (self.store, self.ledger) = (store, ledger)
    }

    /// How the pieces of a file that was just written are stored.
    package mutating func form(ofWritten pieces: [ChunkEntry]) -> Form {
        var form = Form()
        var bases: [String: Set<ObjectReference>] = [:]
        for piece in pieces {
            let reference = ObjectReference(.blob, piece.id)
            guard let line = ledger?.line(of: reference), seen.insert(reference).inserted else {
                form.again.pieces += 1
                form.again.rawBytes += piece.length
                continue
            }
            var way = form.ways[line.codec] ?? Way()
            way.pieces += 1
            way.rawBytes += line.rawBytes
            way.storedBytes += line.storedBytes
            for base in line.bases where bases[line.codec, default: []].insert(base).inserted {
                way.bases += 1
                way.baseBytes += baseBytes(base, below: Codec.deepest)
            }
            form.ways[line.codec] = way
        }
        return form
    }

    /// How a blob is stored.
    package mutating func form(of blob: ObjectID) throws(ReadError) -> Form {
        var form = Form()
        var bases: [String: Set<ObjectReference>] = [:]
        if let recipe = try store.recipe(of: blob) {
            var chunks: [ChunkEntry] = []
            try recipe.forEachChunk(in: store) { chunks.append($0) }
            for chunk in chunks { try add(ObjectReference(.blob, chunk.id), to: &form, &bases) }
        } else {
            try add(ObjectReference(.blob, blob), to: &form, &bases)
        }
        return form
    }

    private mutating func add(
        _ piece: ObjectReference, to form: inout Form, _ bases: inout [String: Set<ObjectReference>]
    ) throws(ReadError) {
        guard let found = store.find(piece), !found.place.isRecipe, let header = header(at: found),
            let codec = Codec(rawValue: header.codec)
        else { throw .missing(piece) }
        guard seen.insert(piece).inserted else {
            form.again.pieces += 1
            form.again.rawBytes += found.place.length
            return
        }
        var way = form.ways[codec.name] ?? Way()
        way.pieces += 1
        way.rawBytes += found.place.length
        way.storedBytes += Self.share(of: found.place, header)
        if codec.isDifference, let frame = try? found.pack.index.frame(found.place.frame) {
            for base in frame.bases where bases[codec.name, default: []].insert(base).inserted {
                way.bases += 1
                way.baseBytes += baseBytes(base, below: codec.depth)
            }
        }
        form.ways[codec.name] = way
    }

    /// What a base takes; 0 where it is missing.
    private mutating func baseBytes(_ base: ObjectReference, below depth: Int) -> Int {
        if let line = ledger?.line(of: base) { return line.storedBytes }
        guard let found = store.copies(of: base, below: depth).first, let header = header(at: found) else {
            return 0
        }
        return Self.share(of: found.place, header)
    }

    private mutating func header(at found: ObjectStore.Found) -> FrameHeader? {
        let key = FrameCache.Key(pack: found.pack.name, frame: found.place.frame)
        if let known = headers[key] { return known }
        let header = (try? found.pack.header(of: found.place.frame)) ?? nil
        // Neighbours lie in one frame; more than those need not be remembered.
        if headers.count >= 4096 { headers.removeAll() }
        headers[key] = header
        return header
    }

    private static func share(of place: ObjectPlace, _ header: FrameHeader) -> Int {
        Int(Double(header.totalLength) * Double(place.length) / Double(max(1, header.rawLength)))
    }
}
