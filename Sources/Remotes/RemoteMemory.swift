package import FileIO
internal import Hashing
internal import ObjectModel
package import Storage

/// What was last seen of another store's log, kept in a file of this one's `cache/`, so that a log that was turned back or forked is
/// noticed.
package struct RemoteMemory: Sendable {
    private let path: FilePath
    private let temporary: FilePath
    private let files: any FileSystem

    /// - Parameters:
    ///   - key: What the other store is known by, such as its place.
    ///   - nonce: Random, for the name of a temporary file.
    package init(of key: String, in layout: StoreLayout, _ files: any FileSystem, nonce: String) {
        let name = ObjectID(of: .blob, payload: Array(key.utf8)).hex
        path = layout.cache / "remotes" / name
        temporary = layout.temporary / "remote-\(nonce)"
        self.files = files
    }

    /// The store that was seen, and its state then; nothing if none is remembered.
    package func recall() -> (origin: String, state: RememberedState)? {
        guard let bytes = try? files.contentsIfPresent(path, limit: 16 << 20) else { return nil }
        let parts = bytes.split(separator: 0x0a, maxSplits: 1)
        guard parts.count == 2, let state = RememberedState(bytes: Array(parts[1])) else { return nil }
        return (String(decoding: parts[0], as: UTF8.self), state)
    }

    /// Remembers a state whose log goes on from the one before.
    ///
    /// Where nothing can be written, nothing is remembered.
    package func remember(_ origin: String, _ state: StoreState) {
        do throws(FileError) {
            try files.makeDirectories(path.parent, permissions: 0o777)
            let file = try files.create(temporary, permissions: 0o666)
            defer { files.close(file) }
            try files.write(file, Array(origin.utf8) + [0x0a] + state.remembered.bytes)
            try files.rename(temporary, to: path)
        } catch { try? files.removeIfPresent(temporary) }
    }

    /// Forgets the store: whatever lies there next is taken as it is.
    package func forget() throws(FileError) { try files.removeIfPresent(path) }
}
