internal import FileIO
internal import ObjectModel
internal import Storage

/// What this side notes of a push that is on its way: which packs it makes of what goes, so that one that was cut off makes the same ones
/// again, and the other side goes on with what it has of them.
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
    /// What is pushed: packs of something else are of no use.
    private let plan: ObjectID
    /// In the order in which they are made.
    private(set) var notes: [Note] = []

    /// - Parameter plan: What is pushed, as a digest.
    init(in place: ScratchPlace, plan: ObjectID) {
        (self.place, self.plan) = (place, plan)
        notes = noted()
    }

    private var path: FilePath { layout.root / "notes" }

    private func noted() -> [Note] {
        guard let bytes = try? files.contentsIfPresent(path, limit: 16 << 20),
            let json = try? JSONValue(canonical: bytes), (try? json.id("plan")) == plan,
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

    /// Notes a pack, which is not sent yet, as the one with some number; those behind it are forgotten.
    mutating func note(_ pack: ComposedPack, as number: Int) throws(StoreError) {
        let note = Note(name: pack.name, length: pack.length)
        if number < notes.count, notes[number] == note { return }
        notes.removeSubrange(min(number, notes.count)...)
        notes.append(note)
        let rows = notes.map { note in
            JSONValue.object(["name": .string(note.name.text), "length": .integer(note.length)])
        }
        let json = JSONValue.object(["plan": .string(plan.hex), "packs": .array(rows)])
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
