internal import FileIO
internal import ObjectModel
internal import Observation
internal import Storage
internal import WorkingTree

/// The tree of a run that has ended, which another run is to have as if it had been made for it.
///
/// What is still as it was made is known by the status of its files: whatever wrote to them, changed their rights or gave them
/// other names left another one. Only what is written through memory may leave none, so what was opened for writing is removed at once.
struct SpareTree {
    private let directory: FilePath
    private let root: FilePath
    private let origin: Repository
    private let files: any FileSystem

    init(_ directory: FilePath, _ place: RepositoryPath, of origin: Repository) {
        self.init(directory, below: directory.appending(place.bytes).normalized, of: origin)
    }

    /// - Parameters:
    ///   - directory: The top of the tree.
    ///   - root: That of the working copy in it.
    init(_ directory: FilePath, below root: FilePath, of origin: Repository) {
        (self.directory, self.root, self.origin) = (directory, root, origin)
        files = origin.environment.files.withoutDurability()
    }

    /// Removes what a run wrote, or may have written.
    func dropWritten(_ log: AccessLog) throws(RepositoryError) {
        let top = origin.real(directory)
        let own = origin.real(root) / ".mlrepo"
        for (path, file) in log.files where file.isWritten {
            guard path.relative(to: top) != nil, path.relative(to: own) == nil else { continue }
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
        var inside = origin.environment
        (inside.workingDirectory, inside.files) = (root, files)
        let fleeting = try Repository.open(WorkingCopy(root: root, inside), inside)
        let copy = fleeting.copy
        guard try copy.store() == origin.store.layout.root else { throw .misplaced(directory) }
        let (isFleeting, isAsMade) = (try copy.isFleeting(), try isAsMade(copy))
        guard try copy.pending() == nil, isFleeting, isAsMade else { throw .misplaced(directory) }
        let (head, base) = try fleeting.base()
        let cache = try fleeting.cache(head.commit, base)
        try SpareWalk(directory, root, cache: cache, Set(code.names), origin).clear()
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

    /// Whether nobody said anything of what is tracked there, and the settings are those of the working copy.
    private func isAsMade(_ copy: WorkingCopy) throws(RepositoryError) -> Bool {
        try filing { () throws(FileError) in
            for name in ["tracked", "tracked-next"] {
                if try files.status(copy.directory / name) != nil { return false }
            }
            func settings(_ copy: WorkingCopy) throws(FileError) -> [UInt8]? {
                try files.contentsIfPresent(copy.directory / "config", limit: 1 << 20)
            }
            return try settings(copy) == settings(origin.copy)
        }
    }
}

/// A walk through a spare tree that removes what a new one would not have.
private struct SpareWalk {
    private let directory: FilePath
    private let root: FilePath
    private let cache: StatCache
    private let code: Set<[UInt8]>
    private let source: FilePath
    private let files: any FileSystem
    private let top: FileStatus

    init(
        _ directory: FilePath, _ root: FilePath, cache: StatCache, _ code: Set<[UInt8]>, _ origin: Repository
    ) throws(RepositoryError) {
        (self.directory, self.root, self.cache, self.code) = (directory, root, cache, code)
        source = try origin.gitRoot() ?? origin.copy.root
        files = origin.environment.files.withoutDurability()
        let found = try filing { () throws(FileError) in try origin.environment.files.status(directory.parent)
        }
        guard let found else { throw .misplaced(directory) }
        top = found
    }

    func clear() throws(RepositoryError) { _ = try clear(directory) }

    /// - Returns: Whether something of it stays.
    private func clear(_ place: FilePath) throws(RepositoryError) -> Bool {
        if place == root / ".mlrepo" { return true }
        guard let status = try filing({ () throws(FileError) in try files.status(place) }) else {
            return false
        }
        guard status.kind == .directory else {
            if try isAsMade(place, status) { return true }
            try filing { () throws(FileError) in try files.remove(place) }
            return false
        }
        // What was mounted, or closed, by somebody is not to be gone through.
        guard status.device == top.device, status.permissions == top.permissions else {
            throw .misplaced(place)
        }
        var staying = 0
        for name in try filing({ () throws(FileError) in try files.names(in: place) })
        where try clear(place.appending(name)) {
            staying += 1
        }
        if staying > 0 || place == directory || root.relative(to: place) != nil || isKnownDirectory(place) {
            return true
        }
        try filing { () throws(FileError) in try files.removeDirectory(place) }
        return false
    }

    private func path(_ place: FilePath) -> RepositoryPath? {
        place.relative(to: root).flatMap { try? RepositoryPath($0) }
    }

    private func isKnownDirectory(_ place: FilePath) -> Bool {
        guard let path = path(place) else { return false }
        return cache.hasEmptyDirectory(path)
    }

    /// Whether a file is the version's, as it was written, or the same code as in the working copy.
    private func isAsMade(_ place: FilePath, _ status: FileStatus) throws(RepositoryError) -> Bool {
        if let path = path(place) {
            if cache.entry(of: path, asIn: status) != nil { return true }
            if cache.has(path) { return false }
        }
        guard let name = place.relative(to: directory), code.contains(name), status.kind == .file else {
            return false
        }
        return try filing { () throws(FileError) in
            let from = source.appending(name)
            guard let model = try files.status(from), model.kind == .file, model.size == status.size,
                model.isExecutable == status.isExecutable, status.size <= RunSorter.sourceLimit
            else { return false }
            return try files.contents(from, limit: status.size) == files.contents(place, limit: status.size)
        }
    }
}
