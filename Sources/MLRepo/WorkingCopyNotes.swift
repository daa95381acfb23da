internal import FileIO
internal import ObjectModel
internal import Storage

/// Where the working copies of a store were when they were last used: for people, and derived.
struct WorkingCopyNotes {
    /// Files named by working copies, each with a path.
    let directory: FilePath
    private let files: any FileSystem

    init(_ layout: StoreLayout, _ files: any FileSystem) {
        (directory, self.files) = (layout.cache / "worktrees", files)
    }

    /// The working copies that left a note, by their ids.
    var places: [String: FilePath] {
        var found: [String: FilePath] = [:]
        for name in (try? files.names(in: directory)) ?? [] {
            let id = String(decoding: name, as: UTF8.self)
            if let place = place(of: id) { found[id] = place }
        }
        return found
    }

    /// Where a working copy was when it was last used.
    func place(of id: String) -> FilePath? {
        guard Hex.bytes(id)?.count == 16,
            let bytes = (try? files.contentsIfPresent(directory / id, limit: 16_384)) ?? nil,
            !bytes.isEmpty, !bytes.contains(0)
        else { return nil }
        return FilePath(bytes)
    }
}
