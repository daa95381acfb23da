package import ObjectModel

/// Draws a history beside its commits: a column for each line of it, `*` where a commit is.
package struct CommitGraph {
    /// What each column waits for.
    private var columns: [ObjectID] = []

    package init() {}

    /// What stands before a commit's lines.
    package struct Row {
        /// Before its first line.
        package let commit: String
        /// Before its further lines.
        package let rest: String
        /// Lines of their own behind it, where columns part or meet.
        package let joints: [String]
    }

    /// Draws the next commit; each comes before its parents.
    package mutating func row(_ id: ObjectID, parents: [ObjectID]) -> Row {
        let column = columns.firstIndex(of: id) ?? columns.count
        if column == columns.count { columns.append(id) }
        let commit = columns.indices.map { $0 == column ? "* " : "| " }.joined()
        var joints: [String] = []
        if let first = parents.first {
            columns[column] = first
        } else {
            columns.remove(at: column)
            // What stood to the right moves over.
            if column < columns.count { joints.append(shifted(from: column)) }
        }
        let rest = columns.map { _ in "| " }.joined()
        for parent in parents.dropFirst() where !columns.contains(parent) {
            columns.insert(parent, at: column + 1)
            joints.append(
                columns.indices.dropLast().map { $0 < column ? "| " : $0 == column ? "|\\ " : "\\ " }.joined()
            )
        }
        // Two columns that wait for the same commit become one.
        while let (left, right) = twins() {
            columns.remove(at: right)
            let before = (0..<right).map { $0 == right - 1 ? "|" : $0 > left ? "|_" : "| " }.joined()
            let behind = (right..<columns.count).map { _ in " /" }.joined()
            joints.append(before + "/" + behind)
        }
        return Row(commit: commit, rest: rest, joints: joints)
    }

    private func shifted(from column: Int) -> String {
        String(repeating: "| ", count: column) + String(repeating: " /", count: columns.count - column)
    }

    private func twins() -> (left: Int, right: Int)? {
        for right in columns.indices.dropFirst() {
            if let left = columns[..<right].firstIndex(of: columns[right]) { return (left, right) }
        }
        return nil
    }
}

/// Commits in an order in which each comes before its parents, and lines of history are not mixed where they need not be.
///
/// - Parameter commits: Newest first.
package func topologicalOrder(_ commits: [(id: ObjectID, commit: Commit)]) -> [(id: ObjectID, commit: Commit)]
{
    var waiting: [ObjectID: Int] = [:]
    for (_, commit) in commits {
        for parent in Set(commit.parents) { waiting[parent, default: 0] += 1 }
    }
    let all = Dictionary(commits.map { ($0.id, $0.commit) }, uniquingKeysWith: { first, _ in first })
    var ready = commits.reversed().map(\.id).filter { waiting[$0] == nil }
    var order: [(id: ObjectID, commit: Commit)] = []
    while let id = ready.popLast() {
        guard let commit = all[id] else { continue }
        order.append((id, commit))
        for parent in Set(commit.parents) {
            waiting[parent, default: 1] -= 1
            if waiting[parent] == 0 { ready.append(parent) }
        }
    }
    return order
}
