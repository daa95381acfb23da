package import ObjectModel

/// What a walk through history needs of a commit: less than its record.
package struct CommitOutline: Sendable {
    package let id: ObjectID
    package let parents: [ObjectID]
    package let tree: ObjectID
    /// Seconds since 1970-01-01T00:00:00Z.
    package let committed: Int
    /// Where it stands in the table that it is from; nothing if it was read from its record.
    let row: Int?
    /// Its record, if that was read.
    let commit: Commit?

    init(_ id: ObjectID, _ commit: Commit) {
        self.id = id
        (parents, tree, committed) = (commit.parents, commit.tree, commit.committed)
        row = nil
        self.commit = commit
    }

    init(id: ObjectID, parents: [ObjectID], tree: ObjectID, committed: Int, row: Int?) {
        self.id = id
        (self.parents, self.tree, self.committed) = (parents, tree, committed)
        self.row = row
        commit = nil
    }

    /// The same without its record.
    var bare: CommitOutline {
        CommitOutline(id: id, parents: parents, tree: tree, committed: committed, row: row)
    }
}
