package import ObjectModel

/// Commits for walks through history: out of a table as far as that has them, and read from their records else.
///
/// What a table says of a commit is true for ever, since a commit's id is the digest of all that it says.
package final class CommitSource {
    package let reader: any ObjectReader
    private let table: CommitTable?
    private let missLimit: Int
    /// Commits that the table does not have, in the order in which they were read: the first ones, as many as are wanted.
    package private(set) var missed: [CommitOutline] = []
    private var missedIDs: Set<ObjectID> = []

    /// - Parameter missLimit: How many commits to keep that the table does not have.
    package init(_ reader: any ObjectReader, table: CommitTable? = nil, keeping missLimit: Int = 0) {
        self.reader = reader
        self.table = table
        self.missLimit = missLimit
    }

    package func outline(_ id: ObjectID) throws(ReadError) -> CommitOutline {
        if let known = table?.outline(of: id) { return known }
        let outline = CommitOutline(id, try reader.commit(id))
        if missed.count < missLimit, missedIDs.insert(id).inserted { missed.append(outline.bare) }
        return outline
    }

    /// The whole record.
    package func commit(_ outline: CommitOutline) throws(ReadError) -> Commit {
        if let commit = outline.commit { return commit }
        return try reader.commit(outline.id)
    }

    /// Whether a commit may have something else at a path than its only parent (a first one: something), or a run that names
    /// what is there as its output.
    func mayTouch(_ outline: CommitOutline, _ path: PathHash) -> Bool {
        guard let row = outline.row, let table else { return true }
        return table.mayTouch(path, in: row)
    }
}
