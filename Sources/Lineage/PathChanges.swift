package import ObjectModel

/// Tells which commits changed one of some paths.
package struct PathChanges {
    private let source: CommitSource
    private var followers: [PathFollower]
    private let hashes: [PathHash]
    /// Whether any change counts: one of the paths is the root, which is no entry of a version.
    private let isOfAll: Bool
    private let isCollected: (ObjectID) -> Bool

    /// - Parameter isCollected: Whether the files of a version with that tree were collected: what comes behind it counts as
    ///   changed.
    package init(
        of paths: [RepositoryPath], in source: CommitSource,
        isCollected: @escaping (ObjectID) -> Bool = { _ in false }
    ) {
        self.source = source
        self.isCollected = isCollected
        isOfAll = paths.contains { $0.isRoot }
        followers = paths.map { PathFollower($0, reader: source.reader) }
        hashes = paths.map { PathHash($0) }
    }

    /// Whether a commit has something else at one of the paths than each of its parents.
    ///
    /// - Parameter walk: Has just handed out the commit, and so has its parents at hand.
    package mutating func isChanged(by commit: CommitOutline, of walk: CommitWalk) throws(ReadError) -> Bool {
        if isOfAll {
            if commit.parents.isEmpty { return commit.tree != DirectoryTree.emptyRoot }
            var isNew = true
            for parent in commit.parents where isNew { isNew = try walk.commit(parent).tree != commit.tree }
            return isNew
        }
        for index in followers.indices where try !isUntouched(hashes[index], by: commit, walk) {
            let entry = try followers[index].entry(in: commit.tree)
            var isSame = commit.parents.isEmpty && entry == nil
            for parent in commit.parents where !isSame {
                let before = try walk.commit(parent)
                // What a version of unknown files had there, nobody can say; that nothing is there now is no news.
                isSame =
                    isCollected(before.tree)
                    ? entry == nil : try followers[index].entry(in: before.tree) == entry
            }
            if !isSame { return true }
        }
        return false
    }

    /// Whether it is known that a commit has the same at a path as its only parent, of which the files are there.
    private func isUntouched(
        _ path: PathHash, by commit: CommitOutline, _ walk: CommitWalk
    ) throws(ReadError) -> Bool {
        guard !source.mayTouch(commit, path) else { return false }
        for parent in commit.parents { if isCollected(try walk.commit(parent).tree) { return false } }
        return true
    }
}
