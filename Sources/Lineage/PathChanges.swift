package import ObjectModel

/// Tells which commits changed one of some paths.
package struct PathChanges {
    private var followers: [PathFollower]

    package init(of paths: [RepositoryPath], reader: any ObjectReader) {
        followers = paths.map { PathFollower($0, reader: reader) }
    }

    /// Whether a commit has something else at one of the paths than each of its parents.
    ///
    /// - Parameter walk: Has just handed out the commit, and so has its parents at hand.
    package mutating func isChanged(by commit: Commit, of walk: CommitWalk) throws(ReadError) -> Bool {
        for index in followers.indices {
            let entry = try followers[index].entry(in: commit.tree)
            var isSame = commit.parents.isEmpty && entry == nil
            for parent in commit.parents where !isSame {
                isSame = try followers[index].entry(in: walk.commit(parent).tree) == entry
            }
            if !isSame { return true }
        }
        return false
    }
}
