internal import FileIO
package import ObjectModel
internal import Storage
internal import WorkingTree

/// A file that a run read, that is in no version, and that is not kept: told by its digest.
package struct ExternalFile: Sendable {
    /// Its path, or what a hub calls it.
    package let name: [UInt8]
    package let id: ObjectID
    /// In bytes.
    package let size: Int
}

/// Puts what a run read and wrote into the store.
struct RunContents {
    private let repository: Repository
    private let cache: StatCache
    private let base: Commit?
    private let writer: ObjectWriter
    private let onStep: @Sendable (WorkStep) -> Void
    private let unreadable = Monitor(false)

    init(
        _ repository: Repository, _ cache: StatCache, _ base: Commit?, _ writer: ObjectWriter,
        _ onStep: @escaping @Sendable (WorkStep) -> Void
    ) {
        (self.repository, self.cache, self.base, self.writer, self.onStep) = (
            repository, cache, base, writer, onStep
        )
    }

    private var environment: Environment { repository.environment }
    /// Whether something could not be read that the run had read or written: it is left out.
    var hasUnreadable: Bool { unreadable.withLock { $0 } }

    /// Files as they are now.
    struct Stored {
        var entries: [PathEdit] = []
        var seen: [RepositoryPath: StatCacheEntry.Seen] = [:]
    }

    /// Stores files of the working copy as they are now; what is gone is left out.
    ///
    /// - Parameter known: What was stored before, and need not be read again where it is as it was then.
    func store(
        _ paths: [RepositoryPath], known: [RepositoryPath: CheckpointSaver.File] = [:]
    ) throws(RepositoryError) -> Stored {
        var scanned = ScannedFiles()
        var again = Stored()
        for path in paths {
            let found: FileStatus?
            do { found = try repository.status(of: path) } catch {
                unreadable.withLock { $0 = true }
                continue
            }
            guard let status = found, [.file, .link].contains(status.kind) else { continue }
            if let file = known[path], let seen = file.seen, seen == StatCacheEntry.Seen(status),
                file.entry.size == status.size, file.entry.mode.matches(status)
            {
                again.entries.append(PathEdit(path: path, entry: file.entry))
                again.seen[path] = seen
                continue
            }
            scanned.append(ScannedFile(path: path, status: status))
        }
        var stored = try read(
            scanned, in: repository.copy.root,
            history: FileHistory(repository.store, version: repository.tree(base)))
        stored.entries += again.entries
        stored.entries.sort { DirectoryTree.walkOrder($0.path, $1.path) }
        stored.seen.merge(again.seen) { first, _ in first }
        return stored
    }

    private func read(
        _ files: ScannedFiles, in root: FilePath, history: FileHistory? = nil
    ) throws(RepositoryError) -> Stored {
        guard !files.isEmpty else { return Stored() }
        do throws(RepositoryError) { return try readAll(files, in: root, history: history) } catch {
            // A command may leave what its own user may not read: the rest is recorded all the same.
            var (readable, hasUnreadable) = (ScannedFiles(), false)
            for file in files {
                if file.status?.kind == .link || isReadable(root.appending(file.path.bytes)) {
                    readable.append(file)
                } else {
                    hasUnreadable = true
                }
            }
            guard hasUnreadable else { throw error }
            unreadable.withLock { $0 = true }
            return readable.isEmpty ? Stored() : try readAll(readable, in: root, history: history)
        }
    }

    private func isReadable(_ place: FilePath) -> Bool {
        do throws(FileError) { environment.files.close(try environment.files.open(place)) } catch {
            return !error.isDenied
        }
        return true
    }

    private func readAll(
        _ files: ScannedFiles, in root: FilePath, history: FileHistory?
    ) throws(RepositoryError) -> Stored {
        var scanned = files
        scanned.sort()
        let clock = try repository.copy.fileClock()
        let read = try working { () throws(WorkingTreeError) in
            try Snapshot(
                root: root, files: environment.files, writer: writer, history: history, clock: clock,
                onStep: onStep
            )
            .read(scanned, width: environment.width)
        }
        var stored = Stored()
        for file in read.files {
            guard let entry = file.entry else { continue }
            stored.entries.append(PathEdit(path: file.path, entry: entry))
            stored.seen[file.path] = file.seen
        }
        return stored
    }

    /// What was read, by the versions that have it, or as it still is.
    ///
    /// - Parameters:
    ///   - files: Each once, in the order of a walk.
    ///   - others: Files that were read elsewhere and are known by their bytes.
    ///   - copies: Names of copies that were made, in a directory, before what was read was changed.
    func inputs(
        _ files: [(path: RepositoryPath, status: FileStatus)], besides others: [PathEdit],
        kept copies: [RepositoryPath: String], in directory: FilePath
    ) throws(RepositoryError) -> Inputs {
        var entries: [RepositoryPath: TreeEntry] = [:]
        var changed: [RepositoryPath] = []
        var uncertain: [RepositoryPath] = []
        var doubtful = ScannedFiles()
        for (path, status) in files {
            if let entry = cache.entry(of: path, asIn: status) {
                entries[path] = entry
            } else if try repository.status(of: path) == status {
                doubtful.append(ScannedFile(path: path, status: status))
            } else if let name = copies[path], let copy = try blob(copied: name, in: directory, path, status)
            {
                entries[path] = copy
                changed.append(path)
            } else {
                uncertain.append(path)
            }
        }
        let history = FileHistory(repository.store, version: repository.tree(base))
        for edit in try read(doubtful, in: repository.copy.root, history: history).entries {
            entries[edit.path] = edit.entry
            if edit.entry?.id != cache.id(of: edit.path) { changed.append(edit.path) }
        }
        for edit in others where entries[edit.path] == nil { entries[edit.path] = edit.entry }
        // Where nobody knows what was read there is no second answer.
        for path in uncertain { entries[path] = nil }
        if let base { writer.rely(on: ObjectReference(.tree, base.tree), of: try baseID()) }
        // They come in their order; only others have to be put among them.
        var paths = files.map(\.path)
        if !others.isEmpty { paths = entries.keys.sorted(by: DirectoryTree.walkOrder) }
        let edits = paths.compactMap { path in entries[path].map { PathEdit(path: path, entry: $0) } }
        return Inputs(entries: edits, changed: changed.sorted(), uncertain: uncertain.sorted())
    }

    /// What was read of the working copy.
    struct Inputs {
        let entries: [PathEdit]
        /// Of these, those that were not as the base version has them.
        let changed: [RepositoryPath]
        /// Files of which nobody knows what was read.
        let uncertain: [RepositoryPath]
    }

    /// Stores a copy of a file as that file.
    func blob(
        copied name: String, in directory: FilePath, _ path: RepositoryPath, _ status: FileStatus
    ) throws(RepositoryError) -> TreeEntry? {
        guard let copy = (try? environment.files.status(directory / name)) ?? nil, copy.size == status.size,
            let fileName = path.split?.name
        else { return nil }
        var scanned = ScannedFiles()
        scanned.append(
            ScannedFile(path: try naming { () throws(InvalidName) in try RepositoryPath(name) }, status: copy)
        )
        guard let entry = try read(scanned, in: directory).entries.first?.entry else { return nil }
        return TreeEntry(
            name: fileName, mode: status.isExecutable ? .executable : .file, id: entry.id, size: entry.size)
    }

    private func baseID() throws(RepositoryError) -> ObjectID {
        guard let id = cache.base else { throw .noCommit }
        return id
    }

    /// Names files from elsewhere by their digests.
    ///
    func external(
        _ files: [(place: FilePath, name: [UInt8], status: FileStatus)]
    ) throws(RepositoryError) -> External {
        var found: [ExternalFile] = []
        var isLost = false
        for file in files {
            guard let status = (try? environment.files.status(file.place)) ?? nil, status == file.status
            else {
                isLost = true
                continue
            }
            // What we may not read the command could not, either.
            guard let id = try? Snapshot.digest(of: file.place, environment.files, onStep: onStep) else {
                continue
            }
            found.append(ExternalFile(name: file.name, id: id, size: status.size))
        }
        guard !found.isEmpty else { return External(isLost: isLost) }
        // Known by its bytes first: a copy on a scratch disk is the file of the version.
        let wanted = Set(found.filter { $0.size > 0 }.map(\.id))
        var places: [ObjectID: PathEdit] = [:]
        try reading { () throws(ReadError) in
            try repository.tree(base).forEachFile(under: .root) { path, entry in
                if wanted.contains(entry.id), places[entry.id] == nil {
                    places[entry.id] = PathEdit(path: path, entry: entry)
                }
            }
        }
        let unknown = found.filter { places[$0.id] == nil }.sorted {
            $0.name.lexicographicallyPrecedes($1.name)
        }
        // What a hub names by a revision does not change.
        let copies = found.compactMap { file in
            places[file.id].flatMap {
                HubFile.isName(file.name) ? nil : Lookups.Copy(place: file.name, input: $0.path)
            }
        }
        return External(files: unknown, known: Array(places.values), copies: copies, isLost: isLost)
    }

    /// Files that were read elsewhere.
    struct External {
        /// Those that are in no version, by name.
        var files: [ExternalFile] = []
        /// Those that the base version has, where it has them.
        var known: [PathEdit] = []
        var copies: [Lookups.Copy] = []
        /// Whether some are gone, or another one by now.
        var isLost: Bool
    }

    /// Stores what a run looked for; nothing where that is too much for one object.
    func lookups(_ lookups: Lookups) throws(RepositoryError) -> ObjectID? { try blob(lookups.bytes) }

    /// Files by their digests, in the order of their names; what is gone by now is left out.
    func digests(_ names: [[UInt8]]) -> [ExternalFile] {
        names.sorted { $0.lexicographicallyPrecedes($1) }.compactMap { name in
            let place = repository.copy.root.appending(name).normalized
            guard let status = (try? environment.files.status(place)) ?? nil,
                let id = try? Snapshot.digest(of: place, environment.files)
            else { return nil }
            return ExternalFile(name: name, id: id, size: status.size)
        }
    }

    /// Stores a list of files by their digests.
    ///
    /// - Parameter directory: Where a list can lie that is too long for memory's sake.
    func list(_ files: [ExternalFile], in directory: FilePath) throws(RepositoryError) -> Run.External? {
        guard !files.isEmpty else { return nil }
        let lines = files.flatMap { DigestList.line($0.id, $0.name) }
        if lines.count > ObjectKind.blob.payloadLimit {
            let files = environment.files
            try filing { () throws(FileError) in
                let file = try files.create(directory / "external", permissions: 0o600)
                defer { files.close(file) }
                try files.write(file, lines)
            }
        }
        var id = try blob(lines)
        if id == nil { id = try log(directory, "external") }
        guard let id else { return nil }
        return Run.External(files: files.count, bytes: files.reduce(0) { $0 + $1.size }, list: id)
    }

    /// Stores a text, unless it is empty.
    func text(_ text: String) throws(RepositoryError) -> ObjectID? { try blob(Array(text.utf8)) }

    private func blob(_ bytes: [UInt8]) throws(RepositoryError) -> ObjectID? {
        guard !bytes.isEmpty, bytes.count <= ObjectKind.blob.payloadLimit else { return nil }
        let id = ObjectID(of: .blob, payload: bytes)
        if writer.claim(ObjectReference(.blob, id)) {
            var builder = FrameBuilder(.data)
            builder.add(ObjectReference(.blob, id), bytes)
            try storing { () throws(StoreError) in try writer.append(&builder) }
        }
        return id
    }

    /// Stores what a command printed; nothing if it printed nothing.
    func log(_ directory: FilePath, _ name: String) throws(RepositoryError) -> ObjectID? {
        let status = (try? environment.files.status(directory / name)) ?? nil
        guard let status, status.size > 0 else { return nil }
        var scanned = ScannedFiles()
        scanned.append(
            ScannedFile(
                path: try naming { () throws(InvalidName) in try RepositoryPath(name) }, status: status))
        return try read(scanned, in: directory).entries.first?.entry?.id
    }

    /// Stores the directories of files that were stored before.
    func tree(_ files: [RepositoryPath: CheckpointSaver.File]) throws(RepositoryError) -> ObjectID {
        try tree(
            files.map { PathEdit(path: $0.key, entry: $0.value.entry) }
                .sorted { DirectoryTree.walkOrder($0.path, $1.path) })
    }

    /// Stores the directories of some files, which are in the order of a walk.
    func tree(_ entries: [PathEdit]) throws(RepositoryError) -> ObjectID {
        let empty = DirectoryTree(root: DirectoryTree.emptyRoot, reader: repository.store)
        return try repository.edited(empty, entries, writer).root
    }
}

/// Digests and names of files as `sha256sum` prints them.
enum DigestList {
    /// The digests of a list, by names; what is no line of such a list is passed over.
    static func digests(_ list: [UInt8]) -> [[UInt8]: ObjectID] {
        var found: [[UInt8]: ObjectID] = [:]
        for line in list.split(separator: 0x0a) {
            let isEscaped = line.first == UInt8(ascii: "\\")
            let text = isEscaped ? line.dropFirst() : line
            guard text.count > 66,
                let id = try? ObjectID(hex: String(decoding: text.prefix(64), as: UTF8.self))
            else { continue }
            let name = text.dropFirst(66)
            found[isEscaped ? unescaped(name) : Array(name)] = id
        }
        return found
    }

    private static func unescaped(_ name: ArraySlice<UInt8>) -> [UInt8] {
        var (bytes, isBehind): ([UInt8], Bool) = ([], false)
        for byte in name {
            if isBehind {
                bytes.append(byte == UInt8(ascii: "n") ? 0x0a : byte == UInt8(ascii: "r") ? 0x0d : byte)
                isBehind = false
            } else if byte == UInt8(ascii: "\\") {
                isBehind = true
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }

    static func line(_ id: ObjectID, _ name: [UInt8]) -> [UInt8] {
        let isEscaped = name.contains { $0 == 0x0a || $0 == 0x0d || $0 == UInt8(ascii: "\\") }
        var line = (isEscaped ? [UInt8(ascii: "\\")] : []) + Array(id.hex.utf8) + Array("  ".utf8)
        for byte in name {
            switch byte {
            case 0x0a: line += Array("\\n".utf8)
            case 0x0d: line += Array("\\r".utf8)
            case UInt8(ascii: "\\"): line += Array("\\\\".utf8)
            default: line.append(byte)
            }
        }
        return line + [0x0a]
    }
}
