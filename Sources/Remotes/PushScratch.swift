internal import FileIO
internal import ObjectModel
internal import Storage

/// The packs of a push that is on its way, on this side: each is there until the other side has it, and what was sent is noted, so that a
/// push that was cut off goes on where it was.
struct PushScratch {
    /// A pack that was made, whether the other side has it or not.
    struct Pack: Hashable {
        let name: PackName
        /// Of the selection's frames, the next so many are in it.
        let frames: Int
        /// Of its file, in bytes.
        let length: Int
        let features: [String]
    }

    private let place: ScratchPlace
    private var layout: StoreLayout { place.layout }
    private var files: any FileSystem { place.files }
    /// What is pushed: packs of something else are of no use.
    private let plan: ObjectID
    private(set) var packs: [Pack] = []

    /// - Parameter plan: What is pushed, as a digest.
    init(in place: ScratchPlace, plan: ObjectID) {
        (self.place, self.plan) = (place, plan)
        packs = noted()
    }

    private var notes: FilePath { layout.root / "notes" }

    private func noted() -> [Pack] {
        guard let bytes = try? files.contentsIfPresent(notes, limit: 16 << 20),
            let json = try? JSONValue(canonical: bytes), (try? json.id("plan")) == plan,
            let rows = try? json.array("packs")
        else { return [] }
        var packs: [Pack] = []
        for row in rows {
            guard let name = PackName((try? row.string("name")) ?? ""),
                let frames = try? row.integer("frames"),
                let length = try? row.integer("length"), let features = try? row.strings("features")
            else { return [] }
            packs.append(Pack(name: name, frames: frames, length: length, features: features))
        }
        return packs
    }

    /// Notes a pack, which is not sent yet.
    mutating func note(_ pack: Pack) throws(StoreError) {
        packs.append(pack)
        let rows = packs.map { pack in
            JSONValue.object([
                "name": .string(pack.name.text), "frames": .integer(pack.frames),
                "length": .integer(pack.length),
                "features": .array(pack.features.map { .string($0) }),
            ])
        }
        let json = JSONValue.object(["plan": .string(plan.hex), "packs": .array(rows)])
        try filing { () throws(FileError) in
            let temporary = layout.root / "notes.new"
            try files.removeIfPresent(temporary)
            let file = try files.create(temporary, permissions: 0o644)
            defer { files.close(file) }
            try files.write(file, json.canonicalBytes)
            try files.rename(temporary, to: notes)
        }
    }

    /// Begins a pack.
    func begin(nonce: [UInt8]) throws(StoreError) -> PackWriter {
        try filing { () throws(FileError) in
            try files.makeDirectories(layout.temporary, permissions: layout.directoryPermissions)
            try files.makeDirectories(layout.packs, permissions: layout.directoryPermissions)
        }
        return try PackWriter(layout: layout, files: files, nonce: nonce)
    }

    /// The file of a pack.
    func file(of pack: PackName) -> (path: FilePath, files: any FileSystem) { (layout.pack(pack), files) }

    /// Whether the file of a pack is here.
    func has(_ pack: PackName) -> Bool { ((try? files.status(layout.pack(pack))) ?? nil) != nil }

    /// What a reader must know for the frames of a pack that is here.
    func features(of pack: PackName) throws(StoreError) -> [String] {
        try PackReader(name: pack, path: layout.pack(pack), files: files).features.sorted()
    }

    /// The other side has a pack.
    func drop(_ pack: PackName) { try? files.removeIfPresent(layout.pack(pack)) }

    /// Removes everything: the push is done, or another one begins.
    mutating func clear() {
        packs = []
        files.removeAll(layout.root)
    }
}
