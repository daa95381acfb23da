internal import FileIO
package import ObjectModel
internal import Storage
package import WorkingTree

/// What a person says with a commit.
package struct CommitRequest: Sendable {
    package var message: String
    /// Only these files and directories; empty for all.
    package var paths: [RepositoryPath] = []
    package var author: Person?
    package var parameters: [String: ParameterValue] = [:]
    package var metrics: [String: ParameterValue] = [:]
    /// What the run read: paths of this version, or of the commit named with them.
    package var inputs: [(path: RepositoryPath, commit: ObjectID?)] = []
    /// Files that parameters were read from: inputs, too, where the version has them.
    package var parameterFiles: [RepositoryPath] = []
    /// What the run wrote; empty for all that changed, less the inputs.
    package var outputs: [RepositoryPath] = []
    /// Files that are gone were deleted on purpose.
    package var allowsMissing = false

    package init(message: String) { self.message = message }
}

/// What a commit did.
package struct CommitReport: Sendable {
    package let id: ObjectID
    package let commit: Commit
    package let branch: String?
    package let files: Int
    package let bytes: Int
    /// What the store grew by.
    package let storedBytes: Int
    /// Of the new objects.
    package let newBytes: Int
    package let skipped: [SkippedFile]
    /// Files that others had changed on the branch, and that were taken in.
    package let takenIn: [RepositoryPath]
    /// How many files came, changed and went against the version before.
    package let changes: (added: Int, modified: Int, deleted: Int)
    /// The code that was recorded; nothing without git.
    package let code: Run.Code?
}

extension Repository {
    /// Makes a version of what is in the working copy.
    package func commit(
        _ request: CommitRequest, onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> CommitReport {
        guard let committer = person else { throw .noIdentity }
        if let lost = try lostCommit() { throw .lostCommit(lost) }
        try finishMerge()
        guard try copy.pending() == nil else { throw .interruptedCheckout }
        let look = try look()
        // Else the log would have a commit that the working copy cannot come to stand on.
        if look.clock == WorkingCopy.noClock { try copy.requireWritable() }
        try removeLeftovers(look)
        let base = look.base
        if base == nil, look.tracking == Tracking() { throw .nothingTracked }
        let asked = Set(request.paths)
        let isWanted: (RepositoryPath) -> Bool = { path in
            request.paths.isEmpty || asked.covers(path)
        }
        try refuseUnknown(request.paths, look)
        let scanned =
            request.paths.isEmpty ? look.scan.files : look.scan.files.filter { isWanted($0.path) }
        try refuseOverlooked(look, scanned)
        if !request.allowsMissing { try refuseMissing(look, scanned, isWanted) }
        let used = request.inputs.filter { $0.commit == nil }.map(\.path) + request.parameterFiles
        if !request.paths.isEmpty, !used.isEmpty {
            // A run read what is on disk; the version would have something else.
            for change in try changes(look) where !isWanted(change.path) {
                if let input = used.first(where: change.path.isInside) { throw .inputLeftOut(input) }
            }
        }

        let namesFiles =
            !(request.inputs.isEmpty && request.outputs.isEmpty && request.parameterFiles.isEmpty)
        // Who declares files looks them up in the new version, and so does who looks for code that is in none.
        let git = try gitRoot()
        let writer = ObjectWriter(store, keepsNodes: namesFiles || git != nil, random: environment.random)
        defer { writer.abandon() }
        let read = try working { () throws(WorkingTreeError) in
            try Snapshot(
                root: copy.root, files: environment.files, writer: writer, clock: look.clock, onStep: onStep
            )
            .read(scanned, width: environment.width)
        }
        if !request.allowsMissing { try refuseVanished(scanned, read.files) }
        let found = CommitEdits(
            read.files, emptyDirectories: look.scan.emptyDirectories.filter(isWanted))
        let edits = found.changed
        let isRun = !(request.parameters.isEmpty && request.metrics.isEmpty && request.inputs.isEmpty)
        var tracked = look.tracking.paths
        tracked.directories.removeAll { look.tracking.untracked.contains($0) }
        guard !edits.isEmpty || tracked != base?.tracked ?? TrackedPaths() || isRun else {
            throw .nothingToCommit
        }

        // What others committed on the branch since, if anything.
        let parent =
            try look.head.branch.map { (branch) throws(RepositoryError) in try tip(of: branch) }
            ?? look.head.commit
        let parentCommit = try parent.map { (id) throws(RepositoryError) in
            try reading { () throws(ReadError) in try store.commit(id) }
        }
        let theirs =
            parent == look.head.commit ? [] : try others(base, parentCommit, edits, look.head.branch ?? "")
        try refuseOverwriting(theirs, look, committing: edits)
        let built = try edited(tree(parentCommit), edits, writer)
        // A run read what was here, and not what others committed meanwhile.
        let mine = theirs.isEmpty ? built : try edited(tree(base), edits, writer)
        let place = theirs.isEmpty ? nil : look.head.commit
        let left = scanned.count == look.scan.files.count ? [] : look.scan.files.filter { !isWanted($0.path) }
        let kept = KeptFiles(
            DirectoryTree(root: mine.root, reader: WrittenObjects(writer: writer)), tracked.directories,
            without: left.filter { $0.base == nil }.map(\.path))
        let run = try declaredRun(request, committer, edits, base, kept, writer, from: place)
        let runID = try storing { () throws(StoreError) in try writer.add(.run, run.payload) }
        let recipes = try recipeMap(read.recipes, writer)
        let now = environment.now()
        let commit = Commit(
            author: request.author ?? committer, committer: committer, authored: now, committed: now,
            message: request.message,
            parents: parent.map { [$0] } ?? [], recipes: recipes, runs: [runID],
            tracked: parent == look.head.commit ? tracked : joined(look, parentCommit), tree: built.root)
        let payload = commit.payload
        let id = try storing { () throws(StoreError) in try writer.add(.commit, payload) }
        // What others changed is written after the commit: until then the working copy is on its way.
        if !theirs.isEmpty { try copy.setPending(WorkingCopy.Pending(from: base?.tree, to: built.root)) }
        if commit.tracked != tracked, look.tracking != Tracking(paths: base?.tracked ?? TrackedPaths()) {
            // Else what others track would be taken out again by what was said here, if this is killed behind the entry.
            var noted = look.tracking
            noted.paths = commit.tracked
            try copy.setTracking(noted)
        }
        let result = try transact("commit", reason: commit.subject, actor: committer, look.head, writer) {
            () throws(RepositoryError) in
            var changes = try standing(look.head, on: id, from: look.head.commit)
            if let branch = look.head.branch {
                let name = try naming { () throws(InvalidName) in try RefName.branch(branch) }
                changes.append(try moving(name, from: parent, to: id))
            }
            return changes
        }
        try settle(look, found, theirs, on: id, commit, request)
        return CommitReport(
            id: id, commit: commit, branch: look.head.branch, files: built.files, bytes: built.bytes,
            storedBytes: result.storedBytes, newBytes: result.rawBytes, skipped: look.scan.skipped,
            takenIn: theirs.map(\.path), changes: Self.count(read.files), code: run.code)
    }

    /// What is tracked after both what was said here and what others said on the branch.
    private func joined(_ look: Look, _ tip: Commit?) -> TrackedPaths {
        let theirs = tip?.tracked ?? TrackedPaths()
        var joined =
            look.tracking.moved(from: look.base?.tracked ?? TrackedPaths(), to: theirs)?.paths ?? theirs
        joined.directories.removeAll { look.tracking.untracked.contains($0) }
        return joined
    }

    private static func count(_ files: SnapshotFiles) -> (added: Int, modified: Int, deleted: Int) {
        var (changed, added, deleted) = (0, 0, 0)
        for index in files.indices where !files.isUnchanged(index) {
            changed += 1
            added += files.isNew(index) ? 1 : 0
            deleted += files.isGone(index) ? 1 : 0
        }
        return (added, changed - added - deleted, deleted)
    }

    /// Takes back the note of a commit that was to take over what others committed and was killed before its entry.
    ///
    /// For commands that write: one that only looks must not take the note from a commit at work.
    func forgetMerge() throws(RepositoryError) {
        let (head, _) = try base()
        if let pending = try copy.pending(), try isForgotten(pending, head.commit) {
            try copy.setPending(nil)
        }
    }

    /// Writes what others committed, where the commit that took it over was killed before that.
    func finishMerge() throws(RepositoryError) {
        try forgetMerge()
        let (head, _) = try base()
        guard let id = head.commit, try isMerged(copy.pending(), id) else { return }
        _ = try checkout(id, branch: head.branch)
    }

    /// A path that is neither on disk nor in the base version was mistyped, or is not tracked.
    private func refuseUnknown(_ paths: [RepositoryPath], _ look: Look) throws(RepositoryError) {
        var found: Set<RepositoryPath>?
        for path in paths where !path.isRoot {
            let isKnown = try reading { () throws(ReadError) in try tree(look.base).entry(at: path) != nil }
            if isKnown { continue }
            guard try exists(path) else { throw .noPath("\(path)") }
            // What the ignore rules leave out of a tracked directory is no part of the version.
            let present =
                found
                ?? Set(look.scan.files.map(\.path)).union(look.scan.emptyDirectories).withAncestors
            found = present
            let isTracked =
                look.tracking.added.contains(path) || present.contains(path)
                || look.tracking.paths.directories.contains { $0.isInside(path) }
            guard isTracked else { throw .notTracked(path) }
        }
    }

    /// A file that is there was not deleted: a listing need not name what was put in its place while it was read.
    private func refuseOverlooked(_ look: Look, _ scanned: ScannedFiles) throws(RepositoryError) {
        var firm: Set<RepositoryPath> = [.root]
        for index in scanned.indices where scanned.isGone(index) {
            let path = scanned.path(index)
            // Where an empty directory was there may be a file now.
            guard scanned[index].base?.mode != .directory, !look.tracking.isUntracked(path),
                let above = path.split?.directory,
                try obstacle(above, [], &firm) == nil, let kind = try status(of: path)?.kind,
                kind == .file || kind == .link
            else { continue }
            let name = FilePath(path.bytes).name
            // Where names are alike that differ in case, it is there under another one.
            let names = try filing { () throws(FileError) in
                try environment.files.names(in: copy.root.appending(above.bytes))
            }
            if names.contains(where: { $0.elementsEqual(name) }) { throw .tree(.unsteady(path)) }
        }
    }

    /// Missing is not deleted: a tracked root that is gone, or most of many files, looks like a disk that is not mounted.
    ///
    /// So does what was added since the version before.
    private func refuseMissing(
        _ look: Look, _ scanned: ScannedFiles, _ isWanted: (RepositoryPath) -> Bool
    ) throws(RepositoryError) {
        let gone = scanned.indices.filter { scanned.isGone($0) }.map { scanned.path($0) }
            .filter { !look.tracking.isUntracked($0) }
        var known = Set(look.base?.tracked.directories ?? [])
        // What others track on the branch may have been noted already.
        if let branch = look.head.branch, let tip = try tip(of: branch) {
            known.formUnion(try commit(tip).tracked.directories)
        }
        var new: [RepositoryPath] = []
        // What is tracked is part of every version, whatever else is asked for.
        for path in look.tracking.paths.directories where !path.isRoot && !known.contains(path) {
            if try status(of: path)?.kind != .directory { new.append(path) }
        }
        for path in look.tracking.added.sorted() where isWanted(path) {
            if let root = look.tracking.root(above: path),
                try !isLeftOut(path, isDirectory: false, below: root)
            {
                continue
            }
            let isInBase = try reading { () throws(ReadError) in try tree(look.base).entry(at: path) != nil }
            let kind = try status(of: path)?.kind
            if isInBase || kind == .file || kind == .link { continue }
            // An empty directory is one that had been kept.
            if kind == .directory {
                let names = try filing { () throws(FileError) in
                    try environment.files.names(in: copy.root.appending(path.bytes))
                }
                if names.isEmpty { continue }
            }
            new.append(path)
        }
        guard !gone.isEmpty || !new.isEmpty else { return }
        let roots = try missingRoots(look, scanned, gone) + new
        let single = gone.filter { !look.tracking.coversDirectory($0) && !new.contains($0) }
        if !roots.isEmpty || !single.isEmpty {
            throw .missing(roots + single, total: roots.count + single.count)
        }
        let total = look.scan.unchanged + scanned.count
        if total >= 100, gone.count * 2 > total { throw .missing(gone, total: gone.count) }
    }

    /// Tracked directories that are gone, or have lost every file.
    func missingRoots(
        _ look: Look, _ scanned: ScannedFiles, _ gone: [RepositoryPath]
    ) throws(RepositoryError) -> [RepositoryPath] {
        var roots: [RepositoryPath] = []
        for directory in look.tracking.paths.directories where !directory.isRoot {
            let status = try filing { () throws(FileError) in
                try environment.files.status(copy.root.appending(directory.bytes))
            }
            // A link in its place leads to data that this version would not have.
            let lost = gone.count { $0.isInside(directory) }
            guard lost > 0 else { continue }
            // Nor does an empty directory say that somebody deleted everything: a disk may not be mounted on it.
            let all = try reading { () throws(ReadError) in
                try tree(look.base).entry(at: directory)?.files ?? 0
            }
            let isEmptied =
                lost >= all && !scanned.contains { $0.status != nil && $0.path.isInside(directory) }
            if status?.kind != .directory || isEmptied { roots.append(directory) }
        }
        return roots
    }

    /// A file that was there when its directory was looked at and is gone when it is read was not deleted by anybody who knows of
    /// this commit.
    private func refuseVanished(_ scanned: ScannedFiles, _ read: SnapshotFiles) throws(RepositoryError) {
        let known = Set(scanned.indices.lazy.filter { scanned.isGone($0) }.map { scanned.path($0) })
        let gone = read.indices.lazy.filter { read.isGone($0) && !read.isNew($0) }.map { read.path($0) }
        let vanished = gone.filter { !known.contains($0) }
        if !vanished.isEmpty { throw .missing(Array(vanished), total: vanished.count) }
    }

    /// What others changed between the base and the branch's newest commit, if it is apart from what changed here.
    private func others(
        _ base: Commit?, _ tip: Commit?, _ mine: CommitEdits, _ branch: String
    ) throws(RepositoryError) -> [CheckoutStep] {
        let paths = Dictionary(mine.map { ($0.path, $0.entry) }, uniquingKeysWith: { first, _ in first })
        var steps: [CheckoutStep] = []
        var clash: RepositoryPath?
        try reading { () throws(ReadError) in
            try tree(base).changes(to: tree(tip)) { (path, before, after) throws(ReadError) in
                if let own = paths[path] {
                    // The same change made twice is no conflict.
                    if own?.id != after?.id || own?.mode != after?.mode { clash = clash ?? path }
                    return
                }
                steps.append(
                    CheckoutStep(path: path, before: before, entry: after))
            }
        }
        // What they have is a file, or an empty directory, where something of mine is to lie; or the other way round.
        var above: Set<RepositoryPath> = []
        for path in paths.keys {
            var next = path.split?.directory
            while let directory = next, above.insert(directory).inserted { next = directory.split?.directory }
        }
        for step in steps where clash == nil && step.entry != nil {
            if above.contains(step.path) {
                clash = paths.keys.filter { $0.isInside(step.path) }.min()
                continue
            }
            var next = step.path.split?.directory
            while let directory = next, clash == nil {
                if paths.keys.contains(directory) { clash = directory }
                next = directory.split?.directory
            }
        }
        if let clash { throw .diverged(branch: branch, path: clash) }
        return steps
    }

    /// What others changed is written over what is on disk: that has to be what the base version has there, or nothing.
    private func refuseOverwriting(
        _ theirs: [CheckoutStep], _ look: Look, committing edits: CommitEdits
    ) throws(RepositoryError) {
        guard !theirs.isEmpty else { return }
        let dirty = Set(try changes(look).map(\.path))
        let committed = Set(edits.map(\.path))
        let base = tree(look.base)
        var lost: [RepositoryPath] = []
        let removed = Set(theirs.filter { $0.entry == nil }.map(\.path))
        var firm: Set<RepositoryPath> = [.root]
        for step in theirs where !committed.contains(step.path) {
            if step.entry != nil, let above = step.path.split?.directory,
                let found = try obstacle(above, removed, &firm)
            {
                lost.append(found)
                continue
            }
            let before = try reading { () throws(ReadError) in try base.entry(at: step.path) }
            guard dirty.contains(step.path) || before == nil else { continue }
            if try !isSafe(step.path, [step.entry].compactMap { $0 }, []) { lost.append(step.path) }
        }
        guard lost.isEmpty else { throw .wouldLose(lost) }
    }

    func edited(
        _ tree: DirectoryTree, _ edits: some PathEdits, _ writer: ObjectWriter
    ) throws(RepositoryError) -> BuiltDirectory {
        do throws(DirectoryTree.EditError<StoreError>) {
            return try tree.editing(edits) { (id, payload) throws(StoreError) in
                try writer.add(ObjectReference(.tree, id), payload)
            }
        } catch {
            switch error {
            case .reading(let error): throw .object(error)
            case .storing(let error): throw .store(error)
            }
        }
    }

    func recipeMap(_ recipes: [RecipeEntry], _ writer: ObjectWriter) throws(RepositoryError)
        -> ObjectID?
    {
        guard !recipes.isEmpty else { return nil }
        let unique = Dictionary(recipes.map { ($0.blob, $0) }, uniquingKeysWith: { first, _ in first })
        let map = BuiltTree(leaves: unique.values.sorted { $0.blob < $1.blob })
        try storing { () throws(StoreError) in
            for node in map.nodes { try writer.add(ObjectReference(.recipes, node.id), node.payload) }
        }
        return map.root
    }

    /// Makes the working copy stand on the new commit: what others changed is written, the cache is renewed.
    private func settle(
        _ look: Look, _ found: CommitEdits, _ theirs: [CheckoutStep], on id: ObjectID, _ commit: Commit,
        _ request: CommitRequest
    ) throws(RepositoryError) {
        let steps = CheckoutSteps(theirs)
        let seen = try settled(write(steps))
        var head = look.head
        head.commit = id
        try copy.setHead(head)
        let identity = environment.random(16)
        if theirs.isEmpty {
            try copy.setCache(look.cache, after: found.cached, base: id, identity: identity)
        } else {
            let edits = Array(found.cached) + WrittenSteps(steps, seen: seen)
            try copy.setCache(look.cache, after: edits, base: id, identity: identity)
        }
        if !theirs.isEmpty { try copy.setPending(nil) }
        let (isComplete, asked) = (request.paths.isEmpty, Set(request.paths))
        var rest = look.tracking
        rest.paths = commit.tracked
        rest.added = isComplete ? [] : rest.added.filter { !asked.covers($0) }
        rest.untracked = isComplete ? [] : rest.untracked
        let isPlain = rest.added.isEmpty && rest.untracked.isEmpty
        try copy.setTracking(isPlain ? nil : rest)
    }
}
