internal import FileIO
internal import ObjectModel
internal import Observation
internal import Storage
internal import WorkingTree

/// The tree of a run that has ended, which another run is to have as if it had been made for it.
///
/// What is still as it was made is known by the status of its files: whatever wrote to them, changed their rights or gave them
/// other names left another one. Only what is written through memory may leave none, so what was opened for writing is removed at once.
/// Everything that no version has is removed, and code is written anew.
struct SpareTree {
    private let directory: FilePath
    private let root: FilePath
    /// What its directories are to have.
    private let permissions: UInt16
    private let origin: Repository
    /// Through which links nobody gets out of the tree.
    private let files: any FileSystem

    /// - Parameters:
    ///   - directory: The top of the tree, without links on the way.
    ///   - place: Where in it the working copy lies.
    /// - Throws: Where the tree is none any more, or where nothing can be kept inside it.
    init(
        _ directory: FilePath, _ place: RepositoryPath, permissions: UInt16, of origin: Repository
    ) throws(RepositoryError) {
        (self.directory, self.permissions, self.origin) = (directory, permissions, origin)
        root = directory.appending(place.bytes).normalized
        let outside = origin.environment.files.withoutDurability()
        let status = try filing { () throws(FileError) in try outside.status(directory) }
        guard status?.kind == .directory, let files = outside.confined(to: directory) else {
            throw .misplaced(directory)
        }
        self.files = files
    }

    /// Removes what a run wrote, or may have written.
    func dropWritten(_ log: AccessLog) throws(RepositoryError) {
        for (path, file) in log.files where file.isWritten {
            guard path.relative(to: directory) != nil, path.relative(to: root / ".mlrepo") == nil else {
                continue
            }
            try filing { () throws(FileError) in
                guard let status = try files.status(path), status.kind != .directory else { return }
                try files.remove(path)
            }
        }
    }

    /// Makes the tree what a new one would be.
    ///
    /// - Throws: Where that cannot be, or is not worth it.
    func renewed(
        at commit: ObjectID?, _ code: CodeFiles, _ onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) -> Repository {
        if MountPoints.isAny(below: directory, files) { throw .misplaced(directory) }
        var inside = origin.environment
        (inside.workingDirectory, inside.files) = (root, origin.environment.files.withoutDurability())
        try requireOwnDirectory()
        let fleeting = try Repository.open(WorkingCopy(root: root, inside), inside)
        let copy = fleeting.copy
        guard try copy.store() == origin.store.layout.root else { throw .misplaced(directory) }
        let (isFleeting, isAsMade) = (try copy.isFleeting(), try isAsMade(copy))
        guard try copy.pending() == nil, isFleeting, isAsMade else { throw .misplaced(directory) }
        let (head, base) = try fleeting.base()
        let cache = try fleeting.cache(head.commit, base)
        try SpareWalk(directory, root, cache: cache, permissions: permissions, files).clear()
        let gone = try fleeting.status().changes
        guard gone.allSatisfy({ $0.state == .deleted }) else { throw .misplaced(directory) }
        if !gone.isEmpty { _ = try fleeting.restore(gone.map(\.path), onStep: onStep) }
        if head.commit != commit || head.branch != nil {
            guard let commit else { throw .misplaced(directory) }
            var move = CheckoutMove(to: commit, branch: nil)
            (move.isAlone, move.isLogged) = (true, false)
            _ = try fleeting.checkout(move, onStep: onStep)
        }
        try code.copy(to: directory)
        inside.files = origin.environment.files
        let renewed = try Repository.open(WorkingCopy(root: root, inside), inside)
        renewed.noteWorkingCopy(head.workingCopy, at: root)
        return renewed
    }

    /// What a new working copy has in its own directory.
    private static let own: Set<String> = [
        "HEAD", "store", "config", "index", "index-changes", "commits", "fleeting", ".gitignore",
    ]

    /// Leaves in the working copy's own directory what a new one has there.
    private func requireOwnDirectory() throws(RepositoryError) {
        let own = root / ".mlrepo"
        let names = try filing { () throws(FileError) in
            guard try files.status(own)?.kind == .directory else { throw FileError.exists(own) }
            return try files.names(in: own)
        }
        for name in names {
            let place = own.appending(name)
            let isFile = try filing { () throws(FileError) in try files.status(place)?.kind == .file }
            if isFile, Self.own.contains(String(decoding: name, as: UTF8.self)) { continue }
            try Repository.removeAll(place, files)
        }
    }

    /// Whether the settings are those of the working copy.
    private func isAsMade(_ copy: WorkingCopy) throws(RepositoryError) -> Bool {
        try filing { () throws(FileError) in
            func settings(_ copy: WorkingCopy) throws(FileError) -> [UInt8]? {
                try origin.environment.files.contentsIfPresent(copy.directory / "config", limit: 1 << 20)
            }
            return try settings(copy) == settings(origin.copy)
        }
    }
}

/// A walk through a spare tree that removes everything but the version's files as they were written.
private struct SpareWalk {
    private let directory: FilePath
    private let root: FilePath
    private let cache: StatCache
    private let permissions: UInt16
    private let files: any FileSystem

    init(
        _ directory: FilePath, _ root: FilePath, cache: StatCache, permissions: UInt16,
        _ files: any FileSystem
    ) {
        (self.directory, self.root, self.cache) = (directory, root, cache)
        (self.permissions, self.files) = (permissions, files)
    }

    func clear() throws(RepositoryError) { _ = try clear(directory) }

    /// - Returns: Whether something of it stays.
    private func clear(_ place: FilePath) throws(RepositoryError) -> Bool {
        guard let status = try filing({ () throws(FileError) in try files.status(place) }) else {
            return false
        }
        guard status.kind == .directory else {
            if let path = path(place), cache.entry(of: path, asIn: status) != nil { return true }
            try filing { () throws(FileError) in try files.remove(place) }
            return false
        }
        // Lists of rights are handed on to what comes there.
        let hasAttributes = try filing { () throws(FileError) in try files.hasAttributes(place) }
        if hasAttributes { throw .misplaced(place) }
        if status.permissions != permissions {
            try filing { () throws(FileError) in try files.setPermissions(place, permissions) }
        }
        if place == root / ".mlrepo" { return true }
        var staying = 0
        for name in try filing({ () throws(FileError) in try files.names(in: place) })
        where try clear(place.appending(name)) {
            staying += 1
        }
        let isKnown = path(place).map(cache.hasEmptyDirectory) ?? false
        if staying > 0 || place == directory || root.relative(to: place) != nil || isKnown { return true }
        try filing { () throws(FileError) in try files.removeDirectory(place) }
        return false
    }

    private func path(_ place: FilePath) -> RepositoryPath? {
        place.relative(to: root).flatMap { try? RepositoryPath($0) }
    }
}
