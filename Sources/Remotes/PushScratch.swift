internal import FileIO
internal import ObjectModel
internal import Storage

/// What this side notes of a push that is on its way: which packs it makes of what goes, so that one that was cut off and makes the same
/// ones again gives them the same names, and the other side goes on with what it has of them.
struct PushScratch {
    /// A pack that was made, whether the other side has it or not.
    struct Note: Hashable {
        let name: PackName
        /// Of its file, in bytes.
        let length: Int
    }

    private let place: ScratchPlace
    private var layout: StoreLayout { place.layout }
    private var files: any FileSystem { place.files }
    /// In the order in which they were made, with those of pushes before that were cut off.
    private(set) var notes: [Note] = []
    /// Those that this push made.
    private var own: Set<PackName> = []

    init(in place: ScratchPlace) {
        self.place = place
        notes = noted()
    }

    private var path: FilePath { layout.root / "notes" }

    private func noted() -> [Note] {
        guard let bytes = try? files.contentsIfPresent(path, limit: 16 << 20),
            let json = try? JSONValue(canonical: bytes),
            let rows = try? json.array("packs")
        else { return [] }
        var notes: [Note] = []
        for row in rows {
            guard let name = PackName((try? row.string("name")) ?? ""),
                let length = try? row.integer("length")
            else { return [] }
            notes.append(Note(name: name, length: length))
        }
        return notes
    }

    /// Notes a pack, which is not sent yet.
    mutating func note(_ pack: ComposedPack) throws(StoreError) {
        let note = Note(name: pack.name, length: pack.length)
        own.insert(pack.name)
        if notes.contains(note) { return }
        // What has the same bytes under another name was not to be used again.
        notes.removeAll { $0.name.digest == note.name.digest }
        notes.append(note)
        let rows = notes.map { note in
            JSONValue.object(["name": .string(note.name.text), "length": .integer(note.length)])
        }
        let json = JSONValue.object(["packs": .array(rows)])
        try filing { () throws(FileError) in
            let temporary = layout.root / "notes.new"
            try files.makeDirectories(layout.root, permissions: layout.directoryPermissions)
            try files.removeIfPresent(temporary)
            let file = try files.create(temporary, permissions: 0o644)
            defer { files.close(file) }
            do throws(FileError) { try files.write(file, json.canonicalBytes) } catch {
                throw FileError(error.operation, temporary, code: error.code)
            }
            try files.rename(temporary, to: path)
        }
    }

    /// Forgets a pack that was of no use.
    mutating func forget(_ pack: ComposedPack) {
        notes.removeAll { $0.name == pack.name }
    }

    /// Whether this push made a pack, and not one before it.
    func isOfThis(_ note: Note) -> Bool { own.contains(note.name) }

    /// Begins a pack of what a store has.
    func begin(of store: ObjectStore, nonce: String) throws(StoreError) -> PackComposer {
        _ = try filing { () throws(FileError) in
            try files.makeDirectories(layout.temporary, permissions: layout.directoryPermissions)
        }
        return PackComposer(of: store, spillingTo: layout.temporary / "frames-\(nonce)", files)
    }

    /// Removes everything: the push is done, or another one begins.
    mutating func clear() {
        notes = []
        files.removeAll(layout.root)
    }
}
