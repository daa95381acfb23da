internal import ObjectModel

/// How far a branch and that of another store have gone apart.
package struct Distance: Hashable, Sendable {
    /// The other store's branch, as `NAME/BRANCH`.
    package let name: String
    /// Commits that only this side has.
    package let ahead: Int
    /// Commits that only the other store had when it was seen last.
    package let behind: Int
}

extension Repository {
    /// How far a commit is from a branch as another store had it last: origin's, or that of the only store that has one by its name.
    ///
    /// - Returns: Nothing where no such branch was seen.
    func distance(of commit: ObjectID, on branch: String) throws(RepositoryError) -> Distance? {
        var found: [(remote: String, tip: ObjectID)] = []
        for (remote, _) in remotes {
            guard let name = try? RefName.remote(remote, branch), let tip = try ref(name) else { continue }
            found.append((remote, tip.id))
        }
        let upstream = found.first { $0.remote == KnownRemotes.defaultName } ?? found.first
        guard let upstream, found.count == 1 || upstream.remote == KnownRemotes.defaultName else {
            return nil
        }
        let name = "\(upstream.remote)/\(branch)"
        if upstream.tip == commit { return Distance(name: name, ahead: 0, behind: 0) }
        let (ahead, behind) = try reading { () throws(ReadError) in try apart(commit, upstream.tip) }
        return Distance(name: name, ahead: ahead, behind: behind)
    }

    /// How many commits are in the history of one of two only.
    ///
    /// The newest are looked at first, until all that are left are in both: clocks that differ may make the numbers larger.
    private func apart(_ one: ObjectID, _ other: ObjectID) throws(ReadError) -> (Int, Int) {
        var sides: [ObjectID: UInt8] = [:]
        var counts = [0, 0, 0, 0]
        // The newest is the last one.
        var waiting: [(id: ObjectID, commit: Commit)] = []
        var isWaiting: Set<ObjectID> = []
        /// Commits that wait and are not known to be in both.
        var open = 0
        func reach(_ ids: [ObjectID], _ side: UInt8) throws(ReadError) {
            var due = ids.map { ($0, side) }
            while let (id, side) = due.popLast() {
                let before = sides[id] ?? 0
                let after = before | side
                if after == before { continue }
                sides[id] = after
                if before == 0 {
                    let commit = try store.commit(id)
                    let place = waiting.lastIndex { $0.commit.committed <= commit.committed }
                    waiting.insert((id, commit), at: place.map { $0 + 1 } ?? 0)
                    isWaiting.insert(id)
                    if after != 3 { open += 1 }
                } else if isWaiting.contains(id) {
                    open -= 1
                } else {
                    // It was counted for one side: what lies behind it is in both, too.
                    counts[Int(before)] -= 1
                    counts[3] += 1
                    due += try store.commit(id).parents.map { ($0, after) }
                }
            }
        }
        try reach([one], 1)
        try reach([other], 2)
        while open > 0, let next = waiting.popLast() {
            isWaiting.remove(next.id)
            let side = sides[next.id] ?? 0
            if side != 3 { open -= 1 }
            counts[Int(side)] += 1
            try reach(next.commit.parents, side)
        }
        return (counts[1], counts[2])
    }
}
