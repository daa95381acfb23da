internal import ObjectModel
internal import Storage

/// The files of versions that a run read, and which of them need to be looked at again.
final class RunInputs {
    let entries: [RepositoryPath: TreeEntry]
    /// Those that the present version has otherwise, or not at all, or that are not as it has them; in the order of a walk.
    let suspects: [RepositoryPath]
    /// The directories that they lie in, and those above.
    let directories: Set<RepositoryPath>
    /// Those that hold others of these.
    let parents: Set<RepositoryPath>
    private var endings: [RepositoryPath: Set<[UInt8]>] = [:]

    /// - Parameters:
    ///   - root: The directory of all that was read.
    ///   - changed: What is not as the present version has it.
    init(
        _ repository: Repository, _ root: ObjectID, version: DirectoryTree, changed: Set<RepositoryPath>
    ) throws(RepositoryError) {
        var entries: [RepositoryPath: TreeEntry] = [:]
        var (found, last): (Set<RepositoryPath>, RepositoryPath?) = ([], nil)
        for (path, entry) in try repository.files(of: root) {
            entries[path] = entry
            // They come directory by directory.
            guard let directory = path.split?.directory, directory != last else { continue }
            last = directory
            found.insert(directory)
            found.formUnion(path.directoriesAbove)
        }
        if !entries.isEmpty { found.insert(.root) }
        (self.entries, directories) = (entries, found)
        parents = Set(found.compactMap { $0.split?.directory })
        var suspects = changed.filter { entries[$0] != nil }
        try reading { () throws(ReadError) in
            try DirectoryTree(root: root, reader: repository.store).forEachFile(notIn: version) { path, _ in
                suspects.insert(path)
            }
        }
        self.suspects = suspects.sorted(by: DirectoryTree.walkOrder)
    }

    /// How the names of files end that lie right in a directory.
    func endings(in directory: RepositoryPath) -> Set<[UInt8]> {
        if let known = endings[directory] { return known }
        let found = Set(entries.keys.lazy.filter { $0.split?.directory == directory }.map(Self.ending))
        endings[directory] = found
        return found
    }

    /// What stands behind the last dot of a name; nothing where it has none.
    static func ending(of path: RepositoryPath) -> [UInt8] {
        let name = path.split?.name.bytes ?? []
        return name.lastIndex(of: UInt8(ascii: ".")).map { Array(name[($0 + 1)...]) } ?? []
    }
}
