package import ObjectModel

/// Tells which commits changed one of some paths.
package struct PathChanges {
    private var followers: [PathFollower]
    /// Whether any change counts: one of the paths is the root, which is no entry of a version.
    private let isOfAll: Bool
    private let isCollected: (Commit) -> Bool

    /// - Parameter isCollected: Whether the files of a version were collected: what comes behind it counts as changed.
    package init(
        of paths: [RepositoryPath], reader: any ObjectReader,
        isCollected: @escaping (Commit) -> Bool = { _ in false }
    ) {
        self.isCollected = isCollected
        isOfAll = paths.contains { $0.isRoot }
        followers = paths.map { PathFollower($0, reader: reader) }
    }

    /// Whether a commit has something else at one of the paths than each of its parents.
    ///
    /// - Parameter walk: Has just handed out the commit, and so has its parents at hand.
    package mutating func isChanged(by commit: Commit, of walk: CommitWalk) throws(ReadError) -> Bool {
        if isOfAll {
            if commit.parents.isEmpty { return commit.tree != DirectoryTree.emptyRoot }
            var isNew = true
            for parent in commit.parents where isNew { isNew = try walk.commit(parent).tree != commit.tree }
            return isNew
        }
        for index in followers.indices {
            let entry = try followers[index].entry(in: commit.tree)
            var isSame = commit.parents.isEmpty && entry == nil
            for parent in commit.parents where !isSame {
                let before = try walk.commit(parent)
                // What a version of unknown files had there, nobody can say; that nothing is there now is no news.
                isSame =
                    isCollected(before)
                    ? entry == nil : try followers[index].entry(in: before.tree) == entry
            }
            if !isSame { return true }
        }
        return false
    }
}
