package import ObjectModel

/// The history of a commit, newest first, and no commit before one that was made from it in the same second.
package struct CommitWalk {
    private let source: CommitSource
    /// Sorted by time; the newest is last.
    private var waiting: [CommitOutline] = []
    /// Those of the newest second, in the order in which they are handed out, from the end.
    private var ready: [CommitOutline] = []
    private var seen: Set<ObjectID> = []
    /// Why a commit could not be read; told when all others have been handed out.
    private var failure: ReadError?

    package init(from tips: [ObjectID], of source: CommitSource) {
        self.source = source
        for tip in tips where seen.insert(tip).inserted {
            if let commit = read(tip) { add(commit) }
        }
    }

    /// A commit; nothing if it cannot be read, which is told later.
    private mutating func read(_ id: ObjectID) -> CommitOutline? {
        do throws(ReadError) { return try source.outline(id) } catch {
            failure = failure ?? error
            return nil
        }
    }

    private mutating func add(_ commit: CommitOutline) {
        // What came first stays first among equals.
        let place = waiting.firstIndex { $0.committed >= commit.committed } ?? waiting.count
        waiting.insert(commit, at: place)
    }

    /// Any commit; one that waits for its turn, as the parents of the last one do, is not read again.
    package func commit(_ id: ObjectID) throws(ReadError) -> CommitOutline {
        if let next = waiting.last(where: { $0.id == id }) ?? ready.last(where: { $0.id == id }) {
            return next
        }
        return try source.outline(id)
    }

    /// The next commit: none comes before a commit that was made later, and each comes once.
    ///
    /// - Throws: Where one cannot be read, once all have been handed out that lead elsewhere.
    package mutating func next() throws(ReadError) -> CommitOutline? {
        if ready.isEmpty { try gather() }
        if ready.isEmpty, let failure { throw failure }
        return ready.popLast()
    }

    /// Makes the commits of the newest second ready: those that wait, and their parents of the same second.
    private mutating func gather() throws(ReadError) {
        guard let newest = waiting.last?.committed else { return }
        var group: [CommitOutline] = []
        while let last = waiting.last, last.committed == newest { group.append(waiting.removeLast()) }
        var next = 0
        while next < group.count {
            for parent in group[next].parents where seen.insert(parent).inserted {
                guard let commit = read(parent) else { continue }
                if commit.committed == newest { group.append(commit) } else { add(commit) }
            }
            next += 1
        }
        ready = group.count == 1 ? group : Self.childrenFirst(group).reversed()
    }

    /// Brings each commit behind all that were made from it; those that are free to come keep their order.
    private static func childrenFirst(_ group: [CommitOutline]) -> [CommitOutline] {
        let numbers = Dictionary(uniqueKeysWithValues: group.enumerated().map { ($1.id, $0) })
        var children = [Int](repeating: 0, count: group.count)
        for commit in group {
            for parent in commit.parents { if let number = numbers[parent] { children[number] += 1 } }
        }
        // From the last one to the first.
        var free = group.indices.reversed().filter { children[$0] == 0 }
        var sorted: [CommitOutline] = []
        while let next = free.popLast() {
            sorted.append(group[next])
            for parent in group[next].parents {
                guard let number = numbers[parent] else { continue }
                children[number] -= 1
                if children[number] == 0 {
                    free.insert(number, at: free.firstIndex { $0 < number } ?? free.count)
                }
            }
        }
        return sorted
    }
}
