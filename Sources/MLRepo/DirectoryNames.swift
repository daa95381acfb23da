internal import FileIO
internal import ObjectModel
internal import WorkingTree

/// Tells which names directories of the working copy have beyond those of a version, and which of those they lack.
///
/// What the ignore rules leave out, and what belongs to tools, is passed over, and so is what may not be looked at.
struct DirectoryNames {
    /// What is there and not in the version, by how it is there; and what the version has and is not there.
    struct Differences {
        var more: [RepositoryPath: FileStatus] = [:]
        var less: Set<RepositoryPath> = []
    }

    private let repository: Repository
    private let version: DirectoryTree
    private var ignored: IgnoreLookup
    private var classifier: FileClassifier
    /// What was found before: a disk is looked at once.
    private var known: [RepositoryPath: Differences] = [:]

    init(_ repository: Repository, version: DirectoryTree) {
        (self.repository, self.version) = (repository, version)
        ignored = IgnoreLookup(root: repository.copy.root, files: repository.environment.files)
        classifier = FileClassifier(repository.environment)
    }

    /// The names of one directory that counts, as paths; of one that is not there the version's are all missing.
    mutating func differences(of directory: RepositoryPath) throws(RepositoryError) -> Differences {
        if let found = known[directory] { return found }
        let found = try look(directory)
        known[directory] = found
        return found
    }

    private mutating func look(_ directory: RepositoryPath) throws(RepositoryError) -> Differences {
        var missing: Set<[UInt8]> = []
        let version = version
        try reading { () throws(ReadError) in
            var below: DirectoryTree? = version
            if !directory.isRoot {
                let entry = try version.entry(at: directory)
                below =
                    entry?.mode == .directory
                    ? entry.map { DirectoryTree(root: $0.id, reader: version.reader) } : nil
            }
            try below?.entries.forEachLeaf { (entry) throws(ReadError) in missing.insert(entry.name.bytes) }
        }
        var listing = DirectoryListing()
        try? repository.environment.files.list(
            repository.copy.root.appending(directory.bytes), into: &listing)
        var found = Differences()
        for index in 0..<listing.count {
            let name = Array(listing.name(index))
            if missing.remove(name) != nil { continue }
            guard let entry = try? EntryName(name[...]), let path = try? directory.appending(entry) else {
                continue
            }
            let status = listing.status(index)
            guard counts(path, status.kind, in: directory), status.kind != .directory || holdsFile(at: path)
            else {
                continue
            }
            found.more[path] = status
        }
        for name in missing {
            if let entry = try? EntryName(name[...]), let path = try? directory.appending(entry) {
                found.less.insert(path)
            }
        }
        return found
    }

    /// Whether there is a file, or a link, at a path or below it: to git, and to a version, an empty directory is nothing.
    private func holdsFile(at path: RepositoryPath) -> Bool {
        var waiting = [repository.copy.root.appending(path.bytes)]
        while let next = waiting.popLast() {
            guard let status = (try? repository.environment.files.status(next)) ?? nil else { continue }
            guard status.kind == .directory else { return true }
            waiting += ((try? repository.environment.files.names(in: next)) ?? []).map { next.appending($0) }
        }
        return false
    }

    /// Whether somebody may have something in mind with a name: it is neither left out nor a tool's.
    mutating func counts(_ path: RepositoryPath) -> Bool {
        if path.isRoot { return true }
        let place = repository.copy.root.appending(path.bytes)
        return counts(path, (try? repository.environment.files.status(place))??.kind, in: .root)
    }

    /// - Parameter above: A directory that counts, and in which it lies.
    private mutating func counts(_ path: RepositoryPath, _ kind: FileKind?, in above: RepositoryPath) -> Bool
    {
        let place = repository.copy.root.appending(path.bytes)
        guard classifier.classify(place, inside: path.bytes, size: nil) == .data else { return false }
        let isLeftOut = try? ignored.leavesOut(path, isDirectory: kind == .directory, below: above)
        return isLeftOut == false
    }
}
