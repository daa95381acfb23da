internal import ObjectModel

extension BlameWalk {
    /// So many parts of a directory are told one by one.
    private static let partLimit = 10

    /// The files of a directory by the commits that brought them.
    ///
    /// - Parameters:
    ///   - asked: The directory's path in the version that was asked about.
    ///   - path: The same in the version that the way back begins with.
    ///   - told: The commit that is named for the whole directory: if all came with it, there is nothing to add.
    func parts(
        of directory: TreeEntry, at asked: RepositoryPath, as path: RepositoryPath,
        in last: CommitOutline, but told: ObjectID, depth: Int, _ state: inout State
    ) throws(ReadError) -> (told: [Blame.Part], files: Int, commits: Int) {
        let shares = try DirectoryOrigins(of: directory, at: path, in: last, self).shared()
        let isAll = shares.reduce(0) { $0 + $1.files } == directory.files
        guard !isAll || shares.contains(where: { $0.commit.id != told }) else { return ([], 0, 0) }
        var parts: [Blame.Part] = []
        for share in shares where parts.count < Self.partLimit {
            guard
                let entry = try DirectoryTree(root: share.commit.tree, reader: reader)
                    .entry(at: share.example)
            else { continue }
            let commit = try source.commit(share.commit)
            let version = Blame.Version(id: share.commit.id, commit: commit)
            let making = try maker(of: share.example, entry, in: commit)
            // What a run read has a long way of its own; of interest there is who else made something.
            guard depth == 0 || making?.isTelling == true else { continue }
            let example = Blame(
                path: Self.joined(asked, share.inside), origin: share.example, entry: entry,
                version: version, returned: nil, isElsewhere: false, madeBefore: nil, making: making,
                inputs: try inputs(of: making, version, depth: depth, &state),
                parts: [], otherParts: (0, 0))
            parts.append(Blame.Part(files: share.files, bytes: share.bytes, example: example))
        }
        guard depth == 0 else { return (parts, 0, 0) }
        let files = parts.reduce(directory.files) { $0 - $1.files }
        return (parts, files, shares.count - parts.count)
    }

    /// A path in a directory; the directory itself where that would be too long for any version.
    private static func joined(_ directory: RepositoryPath, _ inside: RepositoryPath) -> RepositoryPath {
        (try? RepositoryPath(directory.names + inside.names)) ?? directory
    }
}
