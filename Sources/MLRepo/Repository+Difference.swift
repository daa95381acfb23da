internal import FileIO
package import ObjectModel
internal import Storage
internal import WorkingTree

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
    /// Of a metric: names of the data that it was measured on and that was not the same; nothing if that was, or is not known.
    package var otherData: [[UInt8]] = []
}

/// What differs between two versions.
package struct VersionDifference: Sendable {
    package let files: [FileDifference]
    package let parameters: [ValueDifference]
    package let metrics: [ValueDifference]

    /// Only files that lie at some paths or below them.
    package func files(under paths: [RepositoryPath]) -> VersionDifference {
        let files = files.filter { file in paths.contains { file.path.isInside($0) } }
        return VersionDifference(files: files, parameters: [], metrics: [])
    }

    package var isEmpty: Bool { files.isEmpty && parameters.isEmpty && metrics.isEmpty }
}

extension Repository {
    /// How one commit differs from another: files, parameters and metrics.
    ///
    /// - Throws: ``RepositoryError/collected(_:)`` if the files of one of them are not there any more.
    package func difference(_ before: ObjectID, _ after: ObjectID) throws(RepositoryError)
        -> VersionDifference
    {
        let (old, new) = (try contents(of: before), try contents(of: after))
        try requireTree(before, old.0)
        try requireTree(after, new.0)
        return try difference(old, new)
    }

    private typealias Contents = (commit: Commit, runs: [(ObjectID, Run)])

    /// - Parameter after: Nothing for no version at all.
    private func difference(_ before: Contents, _ after: Contents?) throws(RepositoryError)
        -> VersionDifference
    {
        let files = try reading { () throws(ReadError) in
            try fileChanges(from: tree(before.commit), to: tree(after?.commit))
        }
        let old = try telling(before).map(\.run)
        let new = try after.map { (after) throws(RepositoryError) in try telling(after).map(\.run) } ?? []
        var metrics = Self.compare(old.map(\.metrics), new.map(\.metrics))
        if metrics.contains(where: { $0.before != nil && $0.after != nil }) {
            var measurements = Measurements(self)
            for index in metrics.indices {
                let name = metrics[index].name
                guard let one = old.first(where: { Self.has(name, $0) }),
                    let other = new.first(where: { Self.has(name, $0) })
                else { continue }
                let (mine, theirs) = (try measurements.data(of: one), try measurements.data(of: other))
                if mine.isUnknown || theirs.isUnknown || mine.isSame(as: theirs) { continue }
                metrics[index].otherData = mine.differences(from: theirs)
            }
        }
        return VersionDifference(
            files: files, parameters: Self.compare(old.map(\.parameters), new.map(\.parameters)),
            metrics: metrics)
    }

    /// The runs of a version, or, where they have neither parameters nor metrics, those of the last version before it that has
    /// some: whoever corrects a file or gives it another name leaves the results as they are.
    private func telling(_ contents: Contents) throws(RepositoryError) -> [(id: ObjectID, run: Run)] {
        var contents = contents
        while true {
            let runs = contents.runs.map { (id: $0.0, run: $0.1) }
            let isTelling = runs.contains { !($0.run.parameters.isEmpty && $0.run.metrics.isEmpty) }
            guard !isTelling, let parent = contents.commit.parents.first else { return runs }
            contents = try self.contents(of: parent)
        }
    }

    /// The same of a commit.
    package func tellingRuns(of id: ObjectID) throws(RepositoryError) -> [(id: ObjectID, run: Run)] {
        try telling(contents(of: id))
    }

    private static func has(_ name: String, _ run: Run) -> Bool {
        ParameterValue.flattened(run.metrics).contains { $0.name == name }
    }

    /// What the files on disk have otherwise than a version.
    ///
    /// Parameters and metrics belong to commits: those of the version that the working copy stands on are compared.
    /// - Parameter before: Nothing for the version that the working copy stands on.
    package func differenceOfDisk(from before: ObjectID? = nil) throws(RepositoryError) -> VersionDifference {
        let look = try look()
        let read = try working { () throws(WorkingTreeError) in
            try Snapshot(root: copy.root, files: environment.files, writer: nil, clock: look.clock)
                .read(look.scan.files, width: environment.width)
        }
        var onDisk: [RepositoryPath: TreeEntry?] = [:]
        for file in read.files where !file.isUnchanged { onDisk[file.path] = .some(file.entry) }
        for path in look.scan.emptyDirectories {
            guard let name = path.split?.name else { continue }
            onDisk[path] = TreeEntry(
                name: name, mode: .directory, id: DirectoryTree.emptyRoot, size: 0, files: 0)
        }
        var committed: VersionDifference?
        if let before, before != look.head.commit {
            let old = try contents(of: before)
            try requireTree(before, old.0)
            committed = try difference(
                old, look.head.commit.map { (id) throws(RepositoryError) in try contents(of: id) })
        }
        var files: [FileDifference] = []
        var earlier: [RepositoryPath: TreeEntry?] = [:]
        for file in committed?.files ?? [] {
            earlier[file.path] = .some(file.before)
            if onDisk[file.path] == nil { files.append(file) }
        }
        let base = tree(look.base)
        for (path, entry) in onDisk {
            let old: TreeEntry?
            if let known = earlier[path] {
                old = known
            } else {
                old = try reading { () throws(ReadError) in try base.entry(at: path) }
            }
            // A directory that was emptied is told by its files.
            if old?.mode == .directory, entry?.mode == .directory { continue }
            if old != entry { files.append(FileDifference(path: path, before: old, after: entry)) }
        }
        return VersionDifference(
            files: files.sorted { DirectoryTree.walkOrder($0.path, $1.path) },
            parameters: committed?.parameters ?? [], metrics: committed?.metrics ?? [])
    }

    /// A commit and its runs.
    package func contents(of id: ObjectID) throws(RepositoryError) -> (Commit, [(ObjectID, Run)]) {
        let commit = try reading { () throws(ReadError) in try store.commit(id) }
        return (commit, try runs(of: commit))
    }

    /// What was run to make a commit.
    package func runs(of commit: Commit) throws(RepositoryError) -> [(ObjectID, Run)] {
        try reading { () throws(ReadError) in
            var runs: [(ObjectID, Run)] = []
            for run in commit.runs { runs.append((run, try store.run(run))) }
            return runs
        }
    }

    /// What a run read or wrote: of each directory of which the version has just that, the directory, else what is in it.
    ///
    /// - Parameters:
    ///   - root: The run's tree of inputs or outputs.
    ///   - commit: The version; without one every file is told.
    /// - Returns: These, and whether that is all: after some thousands it ends.
    package func roots(of root: ObjectID, in commit: Commit?) throws(RepositoryError)
        -> (roots: [(path: RepositoryPath, entry: TreeEntry)], isAll: Bool)
    {
        // A collection may have taken them.
        if commit.map({ wasCollected($0) }) == true || !store.contains(ObjectReference(.tree, root)) {
            return ([], true)
        }
        return try reading { () throws(ReadError) in
            var roots: [(path: RepositoryPath, entry: TreeEntry)] = []
            var waiting: [(path: RepositoryPath, tree: ObjectID)] = [(.root, root)]
            var seen = 0
            while let (prefix, id) = waiting.popLast() {
                seen += 1
                if seen + roots.count > Self.mostRoots { return (roots.sorted { $0.path < $1.path }, false) }
                for entry in try DirectoryTree(root: id, reader: store).entries.leaves() {
                    guard let path = try? prefix.appending(entry.name) else { continue }
                    let isWhole = try tree(commit).entry(at: path)?.id == entry.id
                    if entry.mode == .directory, !isWhole {
                        waiting.append((path, entry.id))
                    } else {
                        roots.append((path, entry))
                    }
                }
            }
            return (roots.sorted { $0.path < $1.path }, true)
        }
    }

    /// So many paths and directories of a run are looked at.
    private static let mostRoots = 20_000

    /// What a commit has otherwise than its first parent.
    package func changes(of commit: Commit) throws(RepositoryError) -> [FileDifference] {
        if wasCollected(commit) { return [] }
        return try reading { () throws(ReadError) in
            let before = try commit.parents.first.map { (id) throws(ReadError) in try store.commit(id) }
            if let before, wasCollected(before) { return [] }
            return try fileChanges(from: tree(before), to: tree(commit))
        }
    }

    /// The files that differ between two versions, and the directories that came or went empty.
    ///
    /// One that was empty and has files by now, or the other way round, is told by its files.
    private func fileChanges(
        from old: DirectoryTree, to new: DirectoryTree
    ) throws(ReadError) -> [FileDifference] {
        var files: [FileDifference] = []
        try old.changes(to: new) { (path, before, after) throws(ReadError) in
            if after == nil, before?.mode == .directory, try new.entry(at: path)?.mode == .directory {
                return
            }
            if before == nil, after?.mode == .directory, try old.entry(at: path)?.mode == .directory {
                return
            }
            files.append(FileDifference(path: path, before: before, after: after))
        }
        return files
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
