package import ObjectModel

/// What was made from something, directly or by way of what was made from it.
package struct Impact: Sendable {
    /// A run that read it, or something that descends from it.
    package struct Descendant: Sendable {
        package let making: Blame.Making
        /// How many runs lie between it and what was asked about, itself included.
        package let distance: Int
        /// What it wrote.
        package let outputs: [Artifact]
        /// The versions that were made of it, newest first.
        package let commits: [ObjectID]
    }

    /// A file that descends from it.
    package struct Artifact: Hashable, Sendable {
        package let path: RepositoryPath
        package let entry: TreeEntry
    }

    /// In the order of their distance, and then in the order in which they began.
    package let descendants: [Descendant]
    /// Where its bytes are, or those of something that descends from it, in the newest versions: names of these by content.
    package let places: [ObjectID: [(ref: String, path: RepositoryPath)]]
}

/// Finds what descends from some content, in the graph of commits and runs.
package struct ImpactWalk {
    private let source: CommitSource
    private let runs: [Blame.Making]
    private let tips: [(ref: String, commit: ObjectID)]
    private let isCollected: (ObjectID) -> Bool
    /// The digests of what a run read and of which only these are kept: code of git's, and data from outside.
    private let external: (Run) throws(ReadError) -> Set<ObjectID>

    /// - Parameters:
    ///   - runs: What was recorded, in the order in which it began; the runs of commits come to these.
    ///   - tips: The newest commits of branches and tags, with their names.
    package init(
        _ source: CommitSource, runs: [Blame.Making], tips: [(ref: String, commit: ObjectID)],
        external: @escaping (Run) throws(ReadError) -> Set<ObjectID>,
        isCollected: @escaping (ObjectID) -> Bool
    ) {
        (self.source, self.runs, self.tips) = (source, runs, tips)
        (self.external, self.isCollected) = (external, isCollected)
    }

    private var reader: any ObjectReader { source.reader }

    /// What reads something that is made of the seeds does so no earlier than that began to be made: the same bytes may have been
    /// there before, made of something else.
    ///
    /// - Parameter seeds: Ids of files.
    package func impact(of seeds: Set<ObjectID>) throws(ReadError) -> Impact {
        let (all, commits) = try everyRun()
        var waiting = all
        // When each is there from; those that were asked about always were.
        var known: [ObjectID: Blame.Making.Beginning] = [:]
        for seed in seeds { known[seed] = .always }
        var frontier = known
        var descendants: [Impact.Descendant] = []
        var distance = 0
        while !frontier.isEmpty, !waiting.isEmpty {
            distance += 1
            var holders = Holders(of: frontier, reader)
            var (rest, next): ([Blame.Making], [ObjectID: Blame.Making.Beginning]) = ([], [:])
            for making in waiting {
                guard try reads(making, &holders, frontier) else {
                    rest.append(making)
                    continue
                }
                let outputs = try outputs(of: making.run)
                for output in outputs where output.entry.size > 0 {
                    let id = output.entry.id
                    if let before = known[id], before <= making.beginning { continue }
                    known[id] = making.beginning
                    next[id] = making.beginning
                }
                descendants.append(
                    Impact.Descendant(
                        making: making, distance: distance, outputs: outputs,
                        commits: commits[making.id] ?? []))
            }
            (waiting, frontier) = (rest, next)
        }
        return Impact(descendants: descendants, places: try places(of: known))
    }

    /// All runs, each once, in the order in which they began, and the commits of each, newest first.
    private func everyRun() throws(ReadError) -> ([Blame.Making], [ObjectID: [ObjectID]]) {
        var found: [ObjectID: Blame.Making] = [:]
        var commits: [ObjectID: [ObjectID]] = [:]
        for making in runs { found[making.id] = making }
        var walk = CommitWalk(from: tips.map(\.commit), of: source)
        while let next = try walk.next() {
            for id in try source.commit(next).runs {
                commits[id, default: []].append(next.id)
                if found[id] == nil { found[id] = Blame.Making(id: id, run: try reader.run(id)) }
            }
        }
        let all = found.values.sorted { ($0.beginning, $0.id.hex) < ($1.beginning, $1.id.hex) }
        return (all, commits)
    }

    private func reads(
        _ making: Blame.Making, _ holders: inout Holders, _ wanted: [ObjectID: Blame.Making.Beginning]
    ) throws(ReadError) -> Bool {
        for tree in [making.run.inputs, making.run.code?.sources].compactMap({ $0 }) {
            if let first = try holders.first(in: tree), first <= making.beginning { return true }
        }
        return try external(making.run).contains { id in wanted[id].map { $0 <= making.beginning } ?? false }
    }

    private func outputs(of run: Run) throws(ReadError) -> [Impact.Artifact] {
        var found: [Impact.Artifact] = []
        do throws(ReadError) {
            try DirectoryTree(root: run.outputs, reader: reader).forEachFile(under: .root) {
                found.append(Impact.Artifact(path: $0, entry: $1))
            }
        } catch {
            // A run's record outlives what it lists.
            guard case .missing = error else { throw error }
        }
        return found
    }

    private func places(
        of ids: [ObjectID: Blame.Making.Beginning]
    ) throws(ReadError) -> [ObjectID: [(ref: String, path: RepositoryPath)]] {
        var places: [ObjectID: [(ref: String, path: RepositoryPath)]] = [:]
        var holders = Holders(of: ids, reader)
        for (ref, commit) in tips {
            let tree = try source.outline(commit).tree
            if isCollected(tree) { continue }
            try holders.forEach(in: tree, under: .root) { places[$1, default: []].append((ref, $0)) }
        }
        return places
    }
}

/// Which directories hold some files, each looked at once.
private struct Holders {
    private let ids: [ObjectID: Blame.Making.Beginning]
    private let reader: any ObjectReader
    private var known: [ObjectID: Blame.Making.Beginning?] = [:]

    init(of ids: [ObjectID: Blame.Making.Beginning], _ reader: any ObjectReader) {
        (self.ids, self.reader) = (ids, reader)
    }

    /// When the earliest of the files that lie in a directory or below it is there from; nothing if there is none.
    mutating func first(in tree: ObjectID) throws(ReadError) -> Blame.Making.Beginning? {
        if tree == DirectoryTree.emptyRoot { return nil }
        if let answer = known[tree] { return answer }
        var answer: Blame.Making.Beginning?
        do throws(ReadError) {
            for entry in try DirectoryTree(root: tree, reader: reader).entries.leaves() {
                let next = entry.mode == .directory ? try first(in: entry.id) : ids[entry.id]
                if let next { answer = answer.map { min($0, next) } ?? next }
            }
        } catch {
            // A run's record outlives what it lists.
            guard case .missing = error else { throw error }
        }
        known[tree] = .some(answer)
        return answer
    }

    /// Hands out the files that lie in a directory or below it.
    mutating func forEach(
        in tree: ObjectID, under path: RepositoryPath, _ body: (RepositoryPath, ObjectID) -> Void
    ) throws(ReadError) {
        guard try first(in: tree) != nil else { return }
        for entry in try DirectoryTree(root: tree, reader: reader).entries.leaves() {
            guard let place = try? path.appending(entry.name) else { continue }
            if entry.mode == .directory {
                try forEach(in: entry.id, under: place, body)
            } else if ids[entry.id] != nil {
                body(place, entry.id)
            }
        }
    }
}
