internal import Lineage
internal import ObjectModel

/// The names in directories of the working copy, beside those of versions; looked at once for all runs that are judged by them.
final class WorkingCopyNames {
    private let repository: Repository
    /// By the root of the version.
    private var known: [ObjectID: DirectoryNames] = [:]
    private var written: Set<RepositoryPath>?

    init(_ repository: Repository) { self.repository = repository }

    /// How a directory differs from what a version has there.
    func differences(
        of directory: RepositoryPath, from version: DirectoryTree
    ) throws(RepositoryError) -> DirectoryNames.Differences {
        var names = known[version.root] ?? DirectoryNames(repository, version: version)
        // Nobody else holds it meanwhile, so that it is not copied.
        known[version.root] = nil
        defer { known[version.root] = names }
        return try names.differences(of: directory)
    }

    /// What recorded runs have written, wherever it is by now; of very many, what the latest have.
    func writtenByRuns() throws(RepositoryError) -> Set<RepositoryPath> {
        if let written { return written }
        var found: Set<RepositoryPath> = []
        for making in try repository.makings().reversed() where found.count < Self.mostWritten {
            for (path, _) in try repository.files(of: making.run.outputs) { found.insert(path) }
        }
        written = found
        return found
    }

    private static let mostWritten = 1 << 20
}
