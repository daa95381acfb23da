internal import Lineage
package import ObjectModel
internal import Storage
package import WorkingTree

/// A recorded run of which a version is made.
package struct AdoptedRun: Sendable {
    package let name: String
    package let id: ObjectID
    package let run: Run
    /// With which status its outputs were seen to be what they are.
    package var seen: [RepositoryPath: StatCacheEntry.Seen] = [:]

    package init(_ recorded: RecordedRun) {
        (name, id, run) = (recorded.name, recorded.id, recorded.run)
    }

    package init(_ report: RunReport) {
        (name, id, run) = (report.run.name ?? "", report.id, report.run)
        seen = report.seen
    }
}

/// Versions of what a run wrote, as the store has it: the working copy's files stay as they are.
extension Repository {
    /// What a run wrote, as a commit takes it.
    func content(
        of adopted: AdoptedRun, _ look: Look, _ writer: ObjectWriter
    ) throws(RepositoryError) -> Snapshot.Content {
        let outputs = DirectoryTree(root: adopted.run.outputs, reader: store)
        var files: [(path: RepositoryPath, entry: TreeEntry?, seen: StatCacheEntry.Seen?)] = []
        try reading { () throws(ReadError) in
            try outputs.forEachFile(under: .root) { path, entry in
                files.append((path, entry, adopted.seen[path]))
            }
        }
        files += adopted.run.removed.map { ($0, nil, nil) }
        files.sort { DirectoryTree.walkOrder($0.path, $1.path) }
        var recipes: [RecipeEntry] = []
        for case let entry? in files.map(\.entry) where entry.mode != .directory {
            let recipe = try reading { () throws(ReadError) in
                // What lies there whole has none.
                try store.find(ObjectReference(.blob, entry.id))?.place.isRecipe == true
                    ? store.recipe(of: entry.id) : nil
            }
            guard let recipe else { continue }
            recipes.append(
                RecipeEntry(blob: entry.id, recipe: ObjectID(of: .chunks, payload: recipe.payload)))
        }
        return Snapshot.Content(files: SnapshotFiles(files, over: look.cache), recipes: recipes)
    }

    /// Of what a run wrote elsewhere, what this working copy does not have, or has as the version before does: else the next version
    /// made here would take the new files out again.
    ///
    /// Files that somebody changed or removed here are left as they are.
    func arriving(_ edits: CommitEdits, _ look: Look) throws(RepositoryError) -> [CheckoutStep] {
        let dirty = Set(try changes(look).map(\.path))
        let base = tree(look.base)
        var steps: [CheckoutStep] = []
        var firm: Set<RepositoryPath> = [.root]
        for edit in edits {
            let before = try reading { () throws(ReadError) in try base.entry(at: edit.path) }
            if try status(of: edit.path) == nil {
                guard edit.entry != nil, before == nil, let above = edit.path.split?.directory,
                    try obstacle(above, [], &firm) == nil
                else { continue }
                steps.append(CheckoutStep(path: edit.path, entry: edit.entry))
            } else if before != nil, !dirty.contains(edit.path) {
                steps.append(CheckoutStep(path: edit.path, before: before, entry: edit.entry))
            }
        }
        return steps
    }

    /// Writes what came with a version, which stands by then.
    func bring(_ arriving: [CheckoutStep], of report: CommitReport) throws(RepositoryError) {
        guard !arriving.isEmpty else { return }
        let steps = CheckoutSteps(arriving)
        let seen = try settled(write(steps))
        let cache = try cache(report.id, report.commit)
        try copy.setCache(
            cache, after: WrittenSteps(steps, seen: seen), base: report.id, identity: environment.random(16))
    }

    /// Recorded runs that made files as they are in a version that is about to be made, the latest first.
    ///
    /// Of two that made the same, the later one did.
    func makers(of edits: some PathEdits) throws(RepositoryError) -> (
        runs: [AdoptedRun], paths: Set<RepositoryPath>
    ) {
        var (found, paths): ([AdoptedRun], Set<RepositoryPath>) = ([], [])
        let refs = try refs(in: "runs")
        guard !refs.isEmpty, !edits.isEmpty else { return (found, paths) }
        var wanted: [RepositoryPath: TreeEntry] = [:]
        for edit in edits { wanted[edit.path] = edit.entry }
        let latest = try recordedRuns().reversed().prefix(Self.mostMakers)
        for recorded in latest where recorded.run.ended != nil && !wanted.isEmpty {
            // Who repeats another run makes nothing that is not there.
            if recorded.run.reproduction != nil { continue }
            var isMaker = false
            try reading { () throws(ReadError) in
                let outputs = DirectoryTree(root: recorded.run.outputs, reader: store)
                try outputs.forEachFile(under: .root) { path, entry in
                    guard let edit = wanted[path], edit.id == entry.id, edit.mode == entry.mode else {
                        return
                    }
                    wanted[path] = nil
                    paths.insert(path)
                    isMaker = true
                }
            }
            if isMaker { found.append(AdoptedRun(recorded)) }
        }
        return (found, paths)
    }

    /// What the latest runs wrote, by paths.
    func writtenByRuns() throws(RepositoryError) -> [RepositoryPath: Set<ObjectID>] {
        var written: [RepositoryPath: Set<ObjectID>] = [:]
        for making in try makings().suffix(Self.mostMakers).reversed() where written.count < Self.mostWritten
        {
            for (path, entry) in try files(of: making.run.outputs) {
                written[path, default: []].insert(entry.id)
            }
        }
        return written
    }

    /// So many of the latest runs are looked at: what is committed was mostly just made.
    private static let mostMakers = 256
    /// When so many files are known, those of earlier runs are not looked for.
    private static let mostWritten = 200_000

    /// Makes sure that a run's ref still keeps what it wrote.
    func requireRecorded(_ adopted: AdoptedRun) throws(RepositoryError) {
        let name = try naming { () throws(InvalidName) in try RefName("runs/\(adopted.name)") }
        // Who dropped it meanwhile may have had a collection take what it wrote.
        guard try ref(name)?.id == adopted.id else { throw .store(.outdated) }
    }
}
