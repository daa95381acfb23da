internal import FileIO
internal import ObjectModel
internal import WorkingTree

/// Tells which names directories of the working copy have beyond those of a version, and which of those they lack.
///
/// What the ignore rules leave out, and what belongs to tools, is passed over.
struct DirectoryNames {
    private let repository: Repository
    private let version: DirectoryTree
    private var ignored: IgnoreLookup
    private var classifier: FileClassifier
    /// What was found before: a disk is looked at once.
    private var known: [RepositoryPath: (more: Set<RepositoryPath>, less: Set<RepositoryPath>)] = [:]

    init(_ repository: Repository, version: DirectoryTree) {
        (self.repository, self.version) = (repository, version)
        ignored = IgnoreLookup(root: repository.copy.root, files: repository.environment.files)
        classifier = FileClassifier(repository.environment)
    }

    /// The names of one directory, as paths; of one that is not there the version's are all missing.
    mutating func differences(
        of directory: RepositoryPath
    ) throws(RepositoryError) -> (more: Set<RepositoryPath>, less: Set<RepositoryPath>) {
        if let found = known[directory] { return found }
        let found = try look(directory)
        known[directory] = found
        return found
    }

    private mutating func look(
        _ directory: RepositoryPath
    ) throws(RepositoryError) -> (more: Set<RepositoryPath>, less: Set<RepositoryPath>) {
        var known: Set<[UInt8]> = []
        let version = version
        try reading { () throws(ReadError) in
            var below: DirectoryTree? = version
            if !directory.isRoot {
                let entry = try version.entry(at: directory)
                below =
                    entry?.mode == .directory
                    ? entry.map { DirectoryTree(root: $0.id, reader: version.reader) } : nil
            }
            try below?.entries.forEachLeaf { (entry) throws(ReadError) in known.insert(entry.name.bytes) }
        }
        var more: Set<RepositoryPath> = []
        let place = repository.copy.root.appending(directory.bytes)
        for name in (try? repository.environment.files.names(in: place)) ?? [] {
            if known.remove(Array(name)) != nil { continue }
            guard let name = try? EntryName(name[...]), let path = try? directory.appending(name),
                try counts(path), holdsFile(at: path)
            else { continue }
            more.insert(path)
        }
        return (
            more,
            Set(
                known.compactMap { name in
                    (try? EntryName(name[...])).flatMap { try? directory.appending($0) }
                })
        )
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
    mutating func counts(_ path: RepositoryPath) throws(RepositoryError) -> Bool {
        if path.isRoot { return true }
        let place = repository.copy.root.appending(path.bytes)
        guard classifier.classify(place, inside: path.bytes, size: nil) == .data else { return false }
        let isDirectory = try repository.status(of: path)?.kind == .directory
        let ignored = try working { () throws(WorkingTreeError) in
            try self.ignored.leavesOut(path, isDirectory: isDirectory, below: .root)
        }
        return !ignored
    }
}
