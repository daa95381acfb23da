internal import FileIO
package import ObjectModel

/// A file that is not the same in two versions.
package struct FileDifference: Sendable {
    package let path: RepositoryPath
    package let before: TreeEntry?
    package let after: TreeEntry?

    package var state: FileChange.State {
        guard let before, let after else { return before == nil ? .added : .deleted }
        return (before.mode == .link) == (after.mode == .link) ? .modified : .typeChanged
    }
}

/// A parameter or metric that is not the same in two versions.
package struct ValueDifference: Sendable {
    package let name: String
    package let before: ParameterValue?
    package let after: ParameterValue?
}

/// What differs between two versions.
package struct VersionDifference: Sendable {
    package let files: [FileDifference]
    package let parameters: [ValueDifference]
    package let metrics: [ValueDifference]

    package var isEmpty: Bool { files.isEmpty && parameters.isEmpty && metrics.isEmpty }
}

extension Repository {
    package func difference(_ before: ObjectID, _ after: ObjectID) throws(RepositoryError)
        -> VersionDifference
    {
        let (old, oldRuns) = try contents(of: before)
        let (new, newRuns) = try contents(of: after)
        try requireTree(before, old)
        try requireTree(after, new)
        var files: [FileDifference] = []
        try reading { () throws(ReadError) in
            try tree(old).changes(to: tree(new)) { (path, before, after) throws(ReadError) in
                files.append(FileDifference(path: path, before: before, after: after))
            }
        }
        return VersionDifference(
            files: files, parameters: Self.compare(oldRuns.map(\.1.parameters), newRuns.map(\.1.parameters)),
            metrics: Self.compare(oldRuns.map(\.1.metrics), newRuns.map(\.1.metrics)))
    }

    /// A commit and its runs.
    package func contents(of id: ObjectID) throws(RepositoryError) -> (Commit, [(ObjectID, Run)]) {
        try reading { () throws(ReadError) in
            let commit = try store.commit(id)
            var runs: [(ObjectID, Run)] = []
            for run in commit.runs { runs.append((run, try store.run(run))) }
            return (commit, runs)
        }
    }

    /// Whether a commit changed one of some paths against all of its parents.
    package func changes(_ commit: Commit, _ paths: [RepositoryPath]) throws(RepositoryError) -> Bool {
        if wasCollected(commit) { return false }
        return try reading { () throws(ReadError) in
            for path in paths {
                let entry = try tree(commit).entry(at: path)
                var isSame = commit.parents.isEmpty && entry == nil
                for parent in commit.parents where !isSame {
                    isSame = try tree(try store.commit(parent)).entry(at: path) == entry
                }
                if !isSame { return true }
            }
            return false
        }
    }

    /// Whether something is at a path of the working tree.
    package func exists(_ path: RepositoryPath) throws(RepositoryError) -> Bool {
        try filing { () throws(FileError) in
            try environment.files.status(copy.root.appending(path.bytes)) != nil
        }
    }

    /// Whether a directory is at a path of the working tree.
    package func isDirectory(_ path: RepositoryPath) throws(RepositoryError) -> Bool {
        try filing { () throws(FileError) in
            try environment.files.status(copy.root.appending(path.bytes))?.kind == .directory
        }
    }

    private static func compare(
        _ before: [[String: ParameterValue]], _ after: [[String: ParameterValue]]
    ) -> [ValueDifference] {
        func all(_ runs: [[String: ParameterValue]]) -> [String: ParameterValue] {
            Dictionary(
                runs.flatMap { ParameterValue.flattened($0) }.map { ($0.name, $0.value) },
                uniquingKeysWith: { first, _ in first })
        }
        let (old, new) = (all(before), all(after))
        return Set(old.keys).union(new.keys).sorted().filter { old[$0] != new[$0] }
            .map { ValueDifference(name: $0, before: old[$0], after: new[$0]) }
    }
}
