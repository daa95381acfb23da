package import ObjectModel

/// Where a file or directory of a version came from: the commit that made it, its run, and what went into that.
package struct Blame: Sendable {
    package let path: RepositoryPath
    /// The path at which the content was made, before files were renamed.
    package let origin: RepositoryPath
    package let entry: TreeEntry
    /// The commit that brought exactly this content, to this path or to one that it was renamed from.
    package let commitID: ObjectID
    package let commit: Commit
    /// The run that made it; nothing where it came with the commit and no run of it says to have made it.
    package let making: Making?
    /// What went into the run, each traced in its turn.
    package let inputs: [Input]

    /// A run with its id.
    package struct Making: Sendable {
        package let id: ObjectID
        package let run: Run
    }

    /// One file or directory that a run read.
    package struct Input: Sendable {
        package let path: RepositoryPath
        package let entry: TreeEntry
        /// Where it came from; nothing where it is deeper than was asked, or stands further up in the answer already.
        package let upstream: Blame?
        /// The commit it came from.
        package let commitID: ObjectID?
    }
}

/// Finds origins in the graph of commits and runs.
package struct BlameWalk {
    private let reader: any ObjectReader
    private let depthLimit: Int

    package init(reader: any ObjectReader, depthLimit: Int = 16) {
        self.reader = reader
        self.depthLimit = depthLimit
    }

    /// - Returns: Nothing if the commit has nothing at that path.
    package func blame(_ path: RepositoryPath, at tip: ObjectID) throws(ReadError) -> Blame? {
        var seen: Set<ObjectID> = []
        return try blame(path, at: tip, depth: 0, &seen)
    }

    private func blame(
        _ path: RepositoryPath, at tip: ObjectID, depth: Int, _ seen: inout Set<ObjectID>
    ) throws(ReadError) -> Blame? {
        guard let (commitID, commit, entry, origin) = try origin(of: path, at: tip) else { return nil }
        let making = try maker(of: origin, entry, in: commit)
        var inputs: [Blame.Input] = []
        let sources = try making.map { (making) throws(ReadError) in
            try self.sources(of: making.run.inputs, in: making.run, commitID, commit, under: .root)
        }
        for (inputPath, input, place) in sources ?? [] {
            var upstream: Blame?
            if let place, depth + 1 < depthLimit, seen.insert(input.id).inserted {
                upstream = try blame(inputPath, at: place, depth: depth + 1, &seen)
            }
            inputs.append(
                Blame.Input(
                    path: inputPath, entry: input, upstream: upstream, commitID: upstream?.commitID ?? place))
        }
        return Blame(
            path: path, origin: origin, entry: entry, commitID: commitID, commit: commit, making: making,
            inputs: inputs)
    }

    /// Goes back as long as a parent has the same at the path, or lost the same at another one.
    private func origin(
        of asked: RepositoryPath, at tip: ObjectID
    ) throws(ReadError) -> (ObjectID, Commit, TreeEntry, RepositoryPath)? {
        var path = asked
        var (id, commit) = (tip, try reader.commit(tip))
        guard let entry = try DirectoryTree(root: commit.tree, reader: reader).entry(at: path) else {
            return nil
        }
        search: while true {
            for parentID in commit.parents {
                let parent = try reader.commit(parentID)
                let same = parent.tree == commit.tree
                let before =
                    same ? entry : try DirectoryTree(root: parent.tree, reader: reader).entry(at: path)
                if before?.id == entry.id {
                    (id, commit) = (parentID, parent)
                    continue search
                }
            }
            for parentID in commit.parents {
                let parent = try reader.commit(parentID)
                if let before = try renamed(entry, from: parent, to: commit) {
                    (id, commit, path) = (parentID, parent, before)
                    continue search
                }
            }
            return (id, commit, entry, path)
        }
    }

    /// Where a file was that a commit gave another name: what went away with the same content.
    ///
    /// Reads what differs between the two versions.
    private func renamed(
        _ entry: TreeEntry, from parent: Commit, to commit: Commit
    ) throws(ReadError) -> RepositoryPath? {
        guard entry.mode != .directory, entry.size > 0 else { return nil }
        var found: RepositoryPath?
        try DirectoryTree(root: parent.tree, reader: reader).changes(
            to: DirectoryTree(root: commit.tree, reader: reader)
        ) { path, before, after in
            if found == nil, after == nil, before?.id == entry.id, before?.mode == entry.mode { found = path }
        }
        return found
    }

    /// The commit's run that has the path among its outputs; else the first one that did not read it.
    private func maker(
        of path: RepositoryPath, _ entry: TreeEntry, in commit: Commit
    ) throws(ReadError) -> Blame.Making? {
        var first: Blame.Making?
        for id in commit.runs {
            let run = try reader.run(id)
            if try DirectoryTree(root: run.outputs, reader: reader).entry(at: path)?.id == entry.id {
                return Blame.Making(id: id, run: run)
            }
            let input = try DirectoryTree(root: run.inputs, reader: reader).entry(at: path)
            if first == nil, input?.id != entry.id { first = Blame.Making(id: id, run: run) }
        }
        return first
    }

    /// A commit that has the input: the one it was named by, this one, or one of its parents.
    private func source(
        of path: RepositoryPath, _ input: TreeEntry, in run: Run, _ commitID: ObjectID, _ commit: Commit
    ) throws(ReadError) -> ObjectID? {
        if let named = run.inputCommits[path] { return named }
        for id in commit.parents {
            let parent = try reader.commit(id)
            if try DirectoryTree(root: parent.tree, reader: reader).entry(at: path)?.id == input.id {
                return id
            }
        }
        if try DirectoryTree(root: commit.tree, reader: reader).entry(at: path)?.id == input.id {
            return commitID
        }
        return nil
    }

    /// What a run read, each as high up as a commit has it: a directory that was read as a whole is one input.
    private func sources(
        of tree: ObjectID, in run: Run, _ commitID: ObjectID, _ commit: Commit, under prefix: RepositoryPath
    ) throws(ReadError) -> [(RepositoryPath, TreeEntry, ObjectID?)] {
        var sources: [(RepositoryPath, TreeEntry, ObjectID?)] = []
        for entry in try DirectoryTree(root: tree, reader: reader).entries.leaves() {
            guard let path = try? prefix.appending(entry.name) else { continue }
            let place = try source(of: path, entry, in: run, commitID, commit)
            if place == nil, entry.mode == .directory {
                sources += try self.sources(of: entry.id, in: run, commitID, commit, under: path)
            } else {
                sources.append((path, entry, place))
            }
        }
        return sources
    }
}
