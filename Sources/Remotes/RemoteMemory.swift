package import FileIO
internal import Hashing
package import ObjectModel
package import Storage

/// What was last seen of another store's log, kept in a file of this one's `cache/`, so that a log that was turned back or forked is
/// noticed; and in another one what was taken from it or sent there last, so that nobody overwrites what they have not seen.
package struct RemoteMemory: Sendable {
    private let path: FilePath
    private let namesPath: FilePath
    private let policyPath: FilePath
    private let temporary: FilePath
    private let files: any FileSystem

    /// - Parameters:
    ///   - key: What the other store is known by, such as its place.
    ///   - nonce: Random, for the name of a temporary file.
    package init(of key: String, in layout: StoreLayout, _ files: any FileSystem, nonce: String) {
        let name = ObjectID(of: .blob, payload: Array(key.utf8)).hex
        path = layout.cache / "remotes" / name
        namesPath = path.suffixed(".names")
        policyPath = path.suffixed(".policy")
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
        write(Array(origin.utf8) + [0x0a] + state.remembered.bytes, to: path)
    }

    private func write(_ bytes: [UInt8], to path: FilePath) {
        do throws(FileError) {
            try files.makeDirectories(path.parent, permissions: 0o777)
            let file = try files.create(temporary, permissions: 0o666)
            defer { files.close(file) }
            try files.write(file, bytes)
            try files.rename(temporary, to: path)
        } catch { try? files.removeIfPresent(temporary) }
    }

    /// Forgets the store: whatever lies there next is taken as it is.
    package func forget() throws(FileError) {
        try files.removeIfPresent(path)
        try files.removeIfPresent(namesPath)
        try files.removeIfPresent(policyPath)
    }

    /// Takes over what is remembered of another place, where nothing newer is remembered of this one: a store that was moved is still
    /// the one that it was.
    package func takeOver(_ other: RemoteMemory) {
        guard let theirs = other.recall() else { return }
        if let own = recall(), own.origin != theirs.origin || own.state.number >= theirs.state.number {
            return
        }
        write(Array(theirs.origin.utf8) + [0x0a] + theirs.state.bytes, to: path)
        if let names = other.names { write(names, to: namesPath) }
        if let policy = other.recallPolicy() { remember(policy: policy) }
    }

    // MARK: Names

    /// What branches and tags of the store named when they were taken or sent last; nothing if nobody noted that.
    package func recallNames() -> [RefName: ObjectID]? {
        guard let names else { return nil }
        var found: [RefName: ObjectID] = [:]
        for line in String(decoding: names, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let id = try? ObjectID(hex: String(words[0])),
                let name = try? RefName(String(words[1]))
            else { return nil }
            found[name] = id
        }
        return found
    }

    /// Notes what branches and tags name there.
    package func remember(names: [RefName: ObjectID]) {
        let lines = names.sorted { $0.key < $1.key }.map { "\($0.value.hex) \($0.key)\n" }
        write(Array(lines.joined().utf8), to: namesPath)
    }

    // MARK: Its policy

    /// Up to where its log was checked, and the policy in force there; as ``remember(policy:)`` was told.
    package func recallPolicy() -> [UInt8]? {
        (try? files.contentsIfPresent(policyPath, limit: 4 << 20)) ?? nil
    }

    package func remember(policy bytes: [UInt8]) { write(bytes, to: policyPath) }

    private var names: [UInt8]? { (try? files.contentsIfPresent(namesPath, limit: 64 << 20)) ?? nil }
}
