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
    /// What the run wrote; empty for all that changed, less what is an input as it is now.
    package var outputs: [RepositoryPath] = []
    /// Files that are gone were deleted on purpose.
    package var allowsMissing = false
    /// A run that was recorded: the version gets what it wrote, and nothing else.
    ///
    /// Of the other parts of this only the message and the author are of use beside it.
    package var run: AdoptedRun?
    /// Whether the committer signs it; nothing as the setting says.
    package var isSigned: Bool?

    package init(message: String) { self.message = message }

    /// Whether nothing is said of what was read, written or measured.
    var isPlain: Bool {
        parameters.isEmpty && metrics.isEmpty && inputs.isEmpty && parameterFiles.isEmpty && outputs.isEmpty
    }
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
    /// Files that a run wrote elsewhere, and that are something else here: they were left as they are.
    package let left: [RepositoryPath]
    /// How many files came, changed and went against the version before.
    package let changes: (added: Int, modified: Int, deleted: Int)
    /// The code that was recorded; nothing without git.
    package let code: Run.Code?
    /// All that changed, a file of the version before among it, counts as read by the run, and nothing as written.
    package let isAllInput: Bool
    /// Runs that were executed and recorded before, and that made files of the version.
    package let recordedRuns: [AdoptedRun]
    /// Whether its committer signed it.
    package let isSigned: Bool
}

extension Repository {
    /// Makes a version of what is in the working copy.
    package func commit(
        _ request: CommitRequest, onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> CommitReport {
        guard let committer = person else { throw .noIdentity }
        let made = try beginningAnew { () throws(RepositoryError) in
            try make(request, by: committer, onStep: onStep)
        }
        try settle(made, request)
        return made.report
    }

    /// A version that is in the log, and that the working copy does not stand on yet.
    private struct Made {
        let look: Look
        let found: CommitEdits
        /// What others committed meanwhile, and whether that was noted.
        let theirs: [CheckoutStep]
        let isNoted: Bool
        /// What a run wrote elsewhere, and is to come here.
        let arriving: [CheckoutStep]
        let report: CommitReport
    }

    /// Reads the files of the working copy and puts a version of them into the log, or leaves everything as it was.
    private func make(
        _ request: CommitRequest, by committer: Person, onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) -> Made {
        if let lost = try lostCommit() { throw .lostCommit(lost) }
        try requireHeld(base().head)
        try finishMerge()
        guard try copy.pending() == nil else { throw .interruptedCheckout }
        let look = try look()
        // Else the log would have a commit that the working copy cannot come to stand on.
        if look.clock == WorkingCopy.noClock { try copy.requireWritable() }
        try removeLeftovers(look)
        let base = look.base
        let isWanted = Self.wanted(request)
        let namesFiles =
            !(request.inputs.isEmpty && request.outputs.isEmpty && request.parameterFiles.isEmpty)
        // Who declares files looks them up in the new version, and so does who looks for code that is in none.
        let git = request.run == nil ? try gitRoot() : nil
        let writer = ObjectWriter(
            store, keepsNodes: namesFiles || git != nil || request.run != nil, random: environment.random)
        defer { writer.abandon() }
        let (read, scanned) = try content(for: request, look, writer, onStep)
        let found = CommitEdits(
            read.files,
            emptyDirectories: request.run == nil ? look.scan.emptyDirectories.filter(isWanted) : [])
        let edits = found.changed
        let isRun = !(request.parameters.isEmpty && request.metrics.isEmpty && request.inputs.isEmpty)
        var tracked = look.tracking.paths
        tracked.directories.removeAll { look.tracking.untracked.contains($0) }
        // What was said here of tracking goes with the next version of what is here.
        if request.run != nil { tracked = base?.tracked ?? TrackedPaths() }
        guard !edits.isEmpty || tracked != base?.tracked ?? TrackedPaths() || isRun || request.run != nil
        else {
            throw .nothingToCommit
        }

        let left =
            scanned == look.scan.files.count ? [] : look.scan.files.filter { !isWanted($0.path) }
        // A run read what was here, and not what others committed meanwhile.
        let mine = try edited(tree(base), edits, writer)
        let kept = KeptFiles(
            DirectoryTree(root: mine.root, reader: WrittenObjects(writer: writer)), tracked.directories,
            without: left.filter { $0.base == nil }.map(\.path))
        let files = CommitFiles(
            found: found, edits: edits, recipes: read.recipes, tracked: tracked, built: mine,
            version: kept.version,
            code: request.run == nil ? try capturedCode(kept, writer) : nil, changes: Self.count(read.files))
        let deadline = environment.now() + Self.patience
        while true {
            do throws(RepositoryError) {
                return try record(files, request, by: committer, look, writer)
            } catch {
                // Somebody else was faster: what they committed is taken in like what they had committed before.
                guard case .store(.moved(let name)) = error, name.name(in: "branches") != nil,
                    environment.now() < deadline
                else { throw error }
                // A branch that is gone has nothing to take in.
                if look.head.commit != nil, try ref(name) == nil { throw error }
            }
        }
    }

    /// What a commit takes: files of the working copy as they are read now, or what a run wrote.
    ///
    /// - Returns: Beside it how many files of the working copy were looked at.
    private func content(
        for request: CommitRequest, _ look: Look, _ writer: ObjectWriter,
        _ onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) -> (Snapshot.Content, scanned: Int) {
        if let run = request.run { return (try content(of: run, look, writer), look.scan.files.count) }
        let scanned = try scanned(request, look)
        let read = try working { () throws(WorkingTreeError) in
            try Snapshot(
                root: copy.root, files: environment.files, writer: writer,
                history: history(request, look.base),
                clock: look.clock, onStep: onStep
            )
            .read(scanned, width: environment.width)
        }
        if !request.allowsMissing { try refuseVanished(scanned, read.files) }
        return (read, scanned.count)
    }

    /// Whether a commit takes a path.
    private static func wanted(_ request: CommitRequest) -> (RepositoryPath) -> Bool {
        let asked = Set(request.paths)
        return { path in asked.isEmpty || asked.covers(path) }
    }

    /// The files that a commit reads.
    ///
    /// - Throws: Where files are missing, or are not what was asked for.
    func scanned(_ request: CommitRequest, _ look: Look) throws(RepositoryError) -> ScannedFiles {
        if look.base == nil, look.tracking == Tracking() { throw .nothingTracked }
        let isWanted = Self.wanted(request)
        try refuseUnknown(request.paths, look)
        try refuseUnknown(request.inputs.filter { $0.commit == nil }.map(\.path) + request.outputs, look)
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
        return scanned
    }

    /// What files may be later versions of: those of the version before, and what the run read.
    func history(_ request: CommitRequest, _ base: Commit?) -> FileHistory {
        let version = tree(base)
        var sources: [FileHistory.Source] = []
        for input in request.inputs {
            // Whoever names a commit that is not there is told so when the run is made.
            guard let id = input.commit else {
                sources.append(FileHistory.Source(tree: version, path: input.path))
                continue
            }
            guard let commit = try? store.commit(id) else { continue }
            sources.append(FileHistory.Source(tree: tree(commit), path: input.path))
        }
        let here = request.inputs.filter { $0.commit == nil }.map(\.path)
        return FileHistory(store, version: version, inputs: sources, inputPaths: here)
    }

    /// What a commit read, whatever it is put upon.
    private struct CommitFiles {
        let found: CommitEdits
        /// Of these what differs from the base version.
        let edits: CommitEdits
        let recipes: [RecipeEntry]
        let tracked: TrackedPaths
        /// The base version with them.
        let built: BuiltDirectory
        let version: DirectoryTree
        let code: Run.Code?
        let changes: (added: Int, modified: Int, deleted: Int)
    }

    /// Puts what was read on the newest commit of the branch.
    ///
    /// - Throws: ``StoreError/moved(_:)`` with the branch if it has another newest commit by then; nothing has happened.
    private func record(
        _ files: CommitFiles, _ request: CommitRequest, by committer: Person, _ look: Look,
        _ writer: ObjectWriter
    ) throws(RepositoryError) -> Made {
        let (base, tracked, edits) = (look.base, files.tracked, files.edits)
        // What others committed on the branch since, if anything.
        let parent =
            try look.head.branch.map { (branch) throws(RepositoryError) in try tip(of: branch) }
            ?? look.head.commit
        if parent == nil, look.head.commit != nil, let branch = look.head.branch {
            // What is gone has taken nothing out.
            throw .store(.moved(try naming { () throws(InvalidName) in try RefName.branch(branch) }))
        }
        let parentCommit = try parent.map { (id) throws(RepositoryError) in
            try reading { () throws(ReadError) in try store.commit(id) }
        }
        let theirs =
            parent == look.head.commit ? [] : try others(base, parentCommit, edits, look.head.branch ?? "")
        try refuseOverwriting(theirs, look, committing: edits)
        let built = theirs.isEmpty ? files.built : try edited(tree(parentCommit), edits, writer)
        let place = theirs.isEmpty ? nil : look.head.commit
        let runs = try self.runs(for: request, by: committer, files, edits, base, writer, from: place)
        let recipes = try recipeMap(files.recipes, writer)
        let now = environment.now()
        let commit = Commit(
            author: request.author ?? committer, committer: committer, authored: now, committed: now,
            message: request.message,
            parents: parent.map { [$0] } ?? [], recipes: recipes, runs: runs.ids,
            tracked: trackedPaths(tracked, request, look, parent, parentCommit), tree: built.root)
        let payload = commit.payload
        let id = try storing { () throws(StoreError) in try writer.add(.commit, payload) }
        // Behind the log entry nothing may be begun anew.
        let isRead = try runs.declared.map { (run) throws(RepositoryError) in
            try isAllInput(run, request, edits, base)
        }
        var next = look.tracking
        next.paths = commit.tracked
        if request.run != nil { next = try remaining(look, request, commit) }
        var (arriving, left): ([CheckoutStep], [RepositoryPath]) = ([], [])
        if let run = request.run { (arriving, left) = try coming(files.edits, of: run, look) }
        let isNoted = try noteMerge(
            of: commit, upon: parentCommit, theirs, isWhole: !arriving.isEmpty, tracked, look, next: next)
        let result: ObjectWriter.Result
        let isSigned: Bool
        do throws(RepositoryError) {
            let signature = try signature(
                of: id, by: committer, isAsked: request.isSigned, writer)
            isSigned = signature != nil
            result = try transact("commit", reason: commit.subject, actor: committer, look.head, writer) {
                () throws(RepositoryError) in
                for run in runs.recorded { try requireRecorded(run) }
                var changes = try standing(look.head, on: id, from: look.head.commit)
                if let branch = look.head.branch {
                    let name = try naming { () throws(InvalidName) in try RefName.branch(branch) }
                    changes.append(try moving(name, from: parent, to: id))
                }
                if let signature { changes.append(signature) }
                return changes
            }
        } catch {
            let isOutrun =
                switch error {
                case .store(.moved(let name)): name.name(in: "branches") != nil
                default: error == .store(.outdated)
                }
            // Nothing comes of this version.
            if isOutrun, isNoted { try copy.endMerge() }
            throw error
        }
        let report = CommitReport(
            id: id, commit: commit, branch: look.head.branch, files: built.files, bytes: built.bytes,
            storedBytes: result.storedBytes, newBytes: result.rawBytes, skipped: look.scan.skipped,
            takenIn: theirs.map(\.path), left: left, changes: files.changes, code: runs.code,
            isAllInput: isRead ?? false, recordedRuns: runs.recorded,
            isSigned: isSigned)
        return Made(
            look: look, found: files.found, theirs: theirs, isNoted: isNoted, arriving: arriving,
            report: report)
    }

    /// The runs of a version.
    private struct CommitRuns {
        /// That were executed and recorded before.
        var recorded: [AdoptedRun] = []
        /// What is declared with the version, if something is left to declare.
        var declared: Run?
        var ids: [ObjectID] = []

        var code: Run.Code? { declared?.code ?? recorded.first?.run.code }
    }

    /// The runs of a version: those that made its files as they are, and what is declared of the others.
    private func runs(
        for request: CommitRequest, by committer: Person, _ files: CommitFiles, _ edits: CommitEdits,
        _ base: Commit?, _ writer: ObjectWriter, from place: ObjectID?
    ) throws(RepositoryError) -> CommitRuns {
        var runs = CommitRuns()
        var rest = edits
        if let adopted = request.run {
            runs.recorded = [adopted]
        } else if request.isPlain {
            // Who says what was read or written says it of everything.
            let found = try makers(of: edits)
            runs.recorded = found.runs
            if !found.runs.isEmpty { rest = edits.keeping { !found.paths.contains($0.path) } }
        }
        runs.ids = runs.recorded.map(\.id)
        if request.run != nil || (!runs.ids.isEmpty && rest.isEmpty) { return runs }
        let run = try declaredRun(
            request, committer, rest, base, files.version, files.code, writer, from: place,
            besideOthers: !runs.ids.isEmpty)
        runs.ids.append(try storing { () throws(StoreError) in try writer.add(.run, run.payload) })
        runs.declared = run
        return runs
    }

    /// Whether a run wrote nothing, and read a file as it is now that the version before has otherwise.
    private func isAllInput(
        _ run: Run, _ request: CommitRequest, _ edits: CommitEdits, _ base: Commit?
    ) throws(RepositoryError) -> Bool {
        let inputs = request.inputs.filter { $0.commit == nil }.map(\.path)
        guard base != nil, request.outputs.isEmpty, run.outputs == DirectoryTree.emptyRoot, !inputs.isEmpty
        else { return false }
        let before = tree(base)
        return try reading { () throws(ReadError) in
            for edit in edits where edit.entry != nil && inputs.contains(where: edit.path.isInside) {
                if try before.entry(at: edit.path) != nil { return true }
            }
            return false
        }
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

    /// What a version says of a file that this store keeps by recipe; nothing of one that lies there whole.
    func recipeEntry(of blob: ObjectID) throws(RepositoryError) -> RecipeEntry? {
        let recipe = try reading { () throws(ReadError) in
            try store.find(ObjectReference(.blob, blob))?.place.isRecipe == true
                ? store.recipe(of: blob) : nil
        }
        return recipe.map { RecipeEntry(blob: blob, recipe: ObjectID(of: .chunks, payload: $0.payload)) }
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
    private func settle(_ made: Made, _ request: CommitRequest) throws(RepositoryError) {
        let (look, found, theirs) = (made.look, made.found, made.theirs + made.arriving)
        let (id, commit) = (made.report.id, made.report.commit)
        let steps = CheckoutSteps(theirs)
        let seen = try settled(write(steps))
        var head = look.head
        head.commit = id
        try copy.setHead(head)
        let identity = environment.random(16)
        if theirs.isEmpty {
            try copy.setCache(look.cache, after: found.cached, base: id, identity: identity)
        } else {
            let written = Set(made.arriving.map(\.path))
            let edits = found.cached.filter { !written.contains($0.path) } + WrittenSteps(steps, seen: seen)
            try copy.setCache(look.cache, after: edits, base: id, identity: identity)
        }
        let rest = try remaining(look, request, commit)
        let isPlain = rest.added.isEmpty && rest.untracked.isEmpty && rest.paths == commit.tracked
        try copy.setTracking(isPlain ? nil : rest)
        if made.isNoted { try copy.endMerge() }
    }

    /// Which paths a version tracks.
    ///
    /// - Parameter mine: As it was said here.
    private func trackedPaths(
        _ mine: TrackedPaths, _ request: CommitRequest, _ look: Look, _ parent: ObjectID?,
        _ parentCommit: Commit?
    ) -> TrackedPaths {
        if parent == look.head.commit { return mine }
        return request.run == nil ? joined(look, parentCommit) : parentCommit?.tracked ?? TrackedPaths()
    }

    /// What was said of tracking, and is not in a version that was just made.
    private func remaining(
        _ look: Look, _ request: CommitRequest, _ commit: Commit
    ) throws(RepositoryError) -> Tracking {
        guard let run = request.run else {
            let (isComplete, asked) = (request.paths.isEmpty, Set(request.paths))
            var rest = look.tracking
            rest.paths = commit.tracked
            rest.added = isComplete ? [] : rest.added.filter { !asked.covers($0) }
            rest.untracked = isComplete ? [] : rest.untracked
            return rest
        }
        let before = look.base?.tracked ?? TrackedPaths()
        guard var rest = look.tracking.moved(from: before, to: commit.tracked) else {
            return Tracking(paths: commit.tracked)
        }
        let outputs = DirectoryTree(root: run.run.outputs, reader: store)
        for path in rest.added {
            let isIn = try reading { () throws(ReadError) in try outputs.entry(at: path) != nil }
            if isIn { rest.added.remove(path) }
        }
        return rest
    }
}
