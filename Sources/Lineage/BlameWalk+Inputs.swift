package import ObjectModel

extension BlameWalk {
    /// Where something came from that a run made, whether a version has it or not.
    package func blame(
        _ path: RepositoryPath, _ entry: TreeEntry, by making: Blame.Making
    ) throws(ReadError) -> Blame {
        var state = State()
        return try blame(path, entry, by: making, depth: 0, &state)
    }

    private func blame(
        _ path: RepositoryPath, _ entry: TreeEntry, by making: Blame.Making, depth: Int, _ state: inout State
    ) throws(ReadError) -> Blame {
        Blame(
            path: path, origin: path, entry: entry, version: nil, returned: nil, isElsewhere: false,
            madeBefore: nil, making: making, inputs: try inputs(of: making, nil, depth: depth, &state),
            parts: [], otherParts: (0, 0))
    }

    /// What went into a run, each traced in its turn.
    ///
    /// - Parameter version: The one that was made of it, if any.
    func inputs(
        of making: Blame.Making?, _ version: Blame.Version?, depth: Int, _ state: inout State
    ) throws(ReadError) -> [Blame.Input] {
        guard let making else { return [] }
        var inputs: [Blame.Input] = []
        for source in try sources(of: making.run.inputs, in: making, version, under: .root) {
            if let place = source.commit {
                inputs.append(try traced(source, at: place, depth: depth, &state))
                continue
            }
            let question = Input(path: source.path, id: source.entry.id)
            var (upstream, untold): (Blame?, Blame.Untold?)
            if let maker = source.maker {
                if depth + 1 >= depthLimit {
                    untold = .deeper
                } else if state.seen[question] != nil {
                    untold = .told
                } else {
                    state.seen.updateValue(nil, forKey: question)
                    upstream = try blame(source.path, source.entry, by: maker, depth: depth + 1, &state)
                }
            }
            inputs.append(
                Blame.Input(
                    path: source.path, entry: source.entry, upstream: upstream, untold: untold,
                    commitID: nil, maker: source.maker))
        }
        return inputs
    }

    /// An input that a commit has, with its own origin.
    private func traced(
        _ source: Source, at place: ObjectID, depth: Int, _ state: inout State
    ) throws(ReadError) -> Blame.Input {
        let question = Input(path: source.path, id: source.entry.id)
        let told = state.seen[question]
        let isDeeper = depth + 1 >= depthLimit
        if told == nil, !isDeeper { state.seen.updateValue(nil, forKey: question) }
        var (upstream, untold): (Blame?, Blame.Untold?) = (
            nil, isDeeper ? .deeper : told == nil ? nil : .told
        )
        var origin = place
        do throws(ReadError) {
            if untold == nil {
                upstream = try blame(source.path, at: place, depth: depth + 1, &state)
                origin = upstream?.version?.id ?? place
            } else if let known = told ?? nil {
                origin = known
            } else {
                origin = try self.origin(of: source.path, at: place)?.id ?? place
            }
        } catch {
            // A commit's record outlives its files; the run's own record of the input is whole all the same.
            guard case .missing(let reference) = error, reference.kind == .tree else { throw error }
            untold = .collected
        }
        if !isDeeper { state.seen.updateValue(origin, forKey: question) }
        return Blame.Input(
            path: source.path, entry: source.entry, upstream: upstream, untold: untold, commitID: origin,
            maker: nil)
    }

    /// Something that a run read, and who has it.
    private struct Source {
        let path: RepositoryPath
        let entry: TreeEntry
        let commit: ObjectID?
        /// The run that made it, where no commit has it.
        let maker: Blame.Making?
    }

    /// What a run read, each as high up as a commit has it, or a run made it: a directory that was read as a whole is one input.
    private func sources(
        of tree: ObjectID, in making: Blame.Making, _ version: Blame.Version?, under prefix: RepositoryPath
    ) throws(ReadError) -> [Source] {
        var sources: [Source] = []
        for entry in try DirectoryTree(root: tree, reader: reader).entries.leaves() {
            guard let path = try? prefix.appending(entry.name) else { continue }
            let place = try commit(with: entry, at: path, in: making.run, version)
            let maker = place == nil ? try maker(of: path, entry, before: making) : nil
            if place == nil, maker == nil, entry.mode == .directory {
                sources += try self.sources(of: entry.id, in: making, version, under: path)
            } else {
                sources.append(Source(path: path, entry: entry, commit: place, maker: maker))
            }
        }
        return sources
    }

    /// A commit that has an input: the one it was named by, the one that the run began with, one of the parents of the version
    /// that was made of it, or that version.
    private func commit(
        with input: TreeEntry, at path: RepositoryPath, in run: Run, _ made: Blame.Version?
    ) throws(ReadError) -> ObjectID? {
        if let named = run.inputCommits[path] { return named }
        // A run read what was there when it ran, whatever its version was put upon later.
        let others = (made?.commit.parents ?? []).filter { $0 != run.base }
        for id in (run.base.map { [$0] } ?? []) + others {
            guard let version = try version(id, isRequired: id != run.base), !isCollected(version.tree) else {
                continue
            }
            if try has(input, at: path, version.tree) { return id }
        }
        guard let made, try has(input, at: path, made.commit.tree) else { return nil }
        return made.id
    }

    private func has(_ input: TreeEntry, at path: RepositoryPath, _ tree: ObjectID) throws(ReadError) -> Bool
    {
        try DirectoryTree(root: tree, reader: reader).entry(at: path)?.hasContent(of: input) == true
    }

    /// A commit by its id.
    ///
    /// - Parameter isRequired: Else there may be none: a run's base is named, and not kept.
    private func version(_ id: ObjectID, isRequired: Bool) throws(ReadError) -> CommitOutline? {
        do throws(ReadError) { return try source.outline(id) } catch {
            guard case .missing = error, !isRequired else { throw error }
            return nil
        }
    }

    /// The latest run that began before another one and wrote just this.
    private func maker(
        of path: RepositoryPath, _ entry: TreeEntry, before reader: Blame.Making
    ) throws(ReadError) -> Blame.Making? {
        for making in runs.reversed() where making.beginning < reader.beginning && making.id != reader.id {
            if try output(of: making.run, at: path)?.hasContent(of: entry) == true { return making }
        }
        return nil
    }
}
