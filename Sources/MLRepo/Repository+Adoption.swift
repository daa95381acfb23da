internal import FileIO
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
            if let recipe = try recipeEntry(of: entry.id) { recipes.append(recipe) }
        }
        return Snapshot.Content(files: SnapshotFiles(files, over: look.cache), recipes: recipes)
    }

    /// Of what a run wrote elsewhere, what this working copy does not have, or has as the version before does: else the next version
    /// made here would take the new files out again.
    ///
    /// Files that somebody changed or removed here are left as they are.
    ///
    /// - Returns: What is to be written, and which files are left as something else than the version has.
    func coming(
        _ edits: CommitEdits, of run: AdoptedRun, _ look: Look
    ) throws(RepositoryError) -> (steps: [CheckoutStep], left: [RepositoryPath]) {
        let dirty = Set(try changes(look).map(\.path))
        let base = tree(look.base)
        // Of what is as the version before has it and goes, nothing is in the way.
        var removed: Set<RepositoryPath> = []
        for edit in edits where edit.entry == nil && !dirty.contains(edit.path) { removed.insert(edit.path) }
        // A file goes, too, where something comes to lie below its name.
        var replaced: [RepositoryPath: TreeEntry] = [:]
        for edit in edits where edit.entry != nil {
            var next = edit.path.split?.directory
            while let above = next, !above.isRoot, !removed.contains(above) {
                let entry = try reading { () throws(ReadError) in try base.entry(at: above) }
                if let entry, entry.mode != .directory, !dirty.contains(above) {
                    removed.insert(above)
                    replaced[above] = entry
                }
                next = above.split?.directory
            }
        }
        var (steps, left): ([CheckoutStep], [RepositoryPath]) = ([], [])
        var firm: Set<RepositoryPath> = [.root]
        for edit in edits {
            let entry = try reading { () throws(ReadError) in try base.entry(at: edit.path) }
            let before = entry?.mode == .directory ? nil : entry
            let status = try status(of: edit.path)
            if status?.kind == .directory, edit.entry?.mode != .directory {
                // A file in the place of a directory: only if all that is in it goes.
                let inside = try files(below: edit.path).map(\.path)
                if edit.entry != nil, inside.allSatisfy(removed.contains) {
                    steps.append(CheckoutStep(path: edit.path, entry: edit.entry))
                } else {
                    left.append(edit.path)
                }
            } else if let status {
                if try isAs(edit.entry, edit.path, status, run, look) { continue }
                if before != nil, !dirty.contains(edit.path) {
                    steps.append(CheckoutStep(path: edit.path, before: before, entry: edit.entry))
                } else {
                    left.append(edit.path)
                }
            } else if edit.entry != nil {
                let above = edit.path.split?.directory ?? .root
                if before == nil, try obstacle(above, removed, &firm) == nil {
                    steps.append(CheckoutStep(path: edit.path, entry: edit.entry))
                } else {
                    left.append(edit.path)
                }
            }
        }
        // What lies above or below something that stays cannot come by itself.
        steps.removeAll { step in
            guard left.contains(where: { step.path.isInside($0) || $0.isInside(step.path) }) else {
                return false
            }
            if !left.contains(step.path) { left.append(step.path) }
            return true
        }
        for (path, entry) in replaced where steps.contains(where: { $0.path.isInside(path) }) {
            steps.append(CheckoutStep(path: path, before: entry, entry: nil))
        }
        steps.sort { DirectoryTree.walkOrder($0.path, $1.path) }
        return (steps, left.sorted(by: DirectoryTree.walkOrder))
    }

    /// Whether what lies at a path is what a version has there.
    private func isAs(
        _ entry: TreeEntry?, _ path: RepositoryPath, _ status: FileStatus, _ run: AdoptedRun, _ look: Look
    ) throws(RepositoryError) -> Bool {
        guard let entry else { return false }
        // As it was when its run had ended.
        if let seen = run.seen[path], seen == StatCacheEntry.Seen(status) { return true }
        if status.kind == .directory { return entry.mode == .directory }
        guard entry.size == status.size, (entry.mode == .link) == (status.kind == .link) else { return false }
        let place = copy.root.appending(path.bytes)
        if status.kind == .link {
            let target = try filing { () throws(FileError) in try environment.files.readLink(place) }
            return ObjectID(of: .blob, payload: target) == entry.id
        }
        guard status.kind == .file, entry.mode.matches(status) else { return false }
        return try digest(of: place) == entry.id
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
    package func writtenByRuns() throws(RepositoryError) -> [RepositoryPath: Set<ObjectID>] {
        var written: [RepositoryPath: Set<ObjectID>] = [:]
        for making in try makings().suffix(Self.mostMakers).reversed() where written.count < Self.mostWritten
        {
            for (path, entry) in try files(of: making.run.outputs) {
                written[path, default: []].insert(entry.id)
            }
        }
        return written
    }

    /// In bytes.
    private static let mostRead = 64 << 20

    /// Changes without those of files that are as a recorded run has written them.
    package func withoutThoseOfRuns(_ changes: [FileChange]) throws(RepositoryError) -> [FileChange] {
        if changes.isEmpty { return [] }
        let written = try writtenByRuns()
        var others: [FileChange] = []
        for change in changes {
            if let ids = written[change.path], change.state != .deleted,
                let status = try status(of: change.path), status.kind == .file
            {
                // To read a large one costs more than what is told of it is worth.
                if status.size > Self.mostRead { continue }
                if ids.contains(try digest(of: copy.root.appending(change.path.bytes))) { continue }
            }
            others.append(change)
        }
        return others
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
