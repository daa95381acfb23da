package import ObjectModel

/// The history of a commit, newest first.
package struct CommitWalk {
    private let reader: any ObjectReader
    private var waiting: [(id: ObjectID, commit: Commit)] = []
    private var seen: Set<ObjectID> = []

    package init(from tips: [ObjectID], reader: any ObjectReader) throws(ReadError) {
        self.reader = reader
        for tip in tips { try add(tip) }
    }

    private mutating func add(_ id: ObjectID) throws(ReadError) {
        guard seen.insert(id).inserted else { return }
        let commit = try reader.commit(id)
        // Sorted by time; the newest is last. What came first stays first among equals.
        let place = waiting.firstIndex { $0.commit.committed >= commit.committed } ?? waiting.count
        waiting.insert((id, commit), at: place)
    }

    /// Any commit; one that waits for its turn, as the parents of the last one do, is not read again.
    package func commit(_ id: ObjectID) throws(ReadError) -> Commit {
        if let next = waiting.last(where: { $0.id == id }) { return next.commit }
        return try reader.commit(id)
    }

    /// The next commit: none comes before a commit that was made later, and each comes once.
    package mutating func next() throws(ReadError) -> (id: ObjectID, commit: Commit)? {
        guard let next = waiting.popLast() else { return nil }
        for parent in next.commit.parents { try add(parent) }
        return next
    }
}
