internal import FileIO
internal import ObjectModel
internal import Storage
internal import WorkingTree

/// What a forced checkout, or one of paths, overwrites is kept before: as a version that no branch has.
///
/// The working copy goes on standing where it stood. The ref `kept/<working copy>` names the version from before the first file is
/// overwritten until the operation is in the log, whose event takes the ref away: so the log names it, and `undo` finds it.
extension Repository {
    /// The verb of the operation that keeps what is about to be overwritten.
    static let savingVerb = "save"
    /// The verb of the operation behind it, where the working copy goes on standing where it stood.
    static let overwritingVerb = "overwrite"

    /// Keeps what is on disk at some paths; nothing on disk changes.
    ///
    /// - Parameters:
    ///   - paths: Files, links, missing files, and directories with everything in them.
    ///   - taken: What the checkout writes: it is there as the inputs of the version's run.
    ///   - removed: What `rm` removes, changed or not: it is there as the outputs of the version's run.
    ///   - earlier: What the same command kept before it was interrupted.
    /// - Throws: ``RepositoryError/wouldLose(_:)`` for what cannot be kept: a socket, a repository of another tool.
    /// - Returns: The version that has what was kept, and everything else of the base version or the earlier one.
    func save(
        _ paths: [RepositoryPath], _ look: Look, after earlier: ObjectID?,
        taking taken: (paths: [RepositoryPath], commit: ObjectID)? = nil,
        removing removed: [RepositoryPath] = []
    ) throws(RepositoryError) -> ObjectID? {
        guard !paths.isEmpty || !removed.isEmpty || (taken != nil && earlier == nil) else { return earlier }
        guard let actor = person else { throw .noIdentity }
        let writer = ObjectWriter(store, keepsNodes: true, random: environment.random)
        defer { writer.abandon() }
        let before = try earlier.map { (id) throws(RepositoryError) in try self.commit(id) } ?? look.base
        let edits = try content(of: paths, on: tree(before), look, writer)
        if let earlier, try isReplacing(edits.files, in: earlier, on: look.base) {
            // Both are brought back, one after the other.
            try finishOverwriting(earlier)
        }
        let built = try edited(tree(before), edits.files, writer)
        var request = CommitRequest(message: "What a checkout with --force overwrote")
        if let taken {
            request.message = "What a checkout of paths overwrote"
            request.inputs = taken.paths.map { ($0, taken.commit) }
        }
        if !removed.isEmpty {
            request.message = "What rm removed"
            let version = DirectoryTree(root: built.root, reader: WrittenObjects(writer: writer))
            for path in try roots(removed, of: version) {
                let entry = try reading { () throws(ReadError) in try version.entry(at: path) }
                if entry != nil { request.outputs.append(path) }
            }
        }
        let kept = KeptFiles(
            DirectoryTree(root: built.root, reader: WrittenObjects(writer: writer)),
            look.tracking.paths.directories,
            without: look.scan.files.filter { $0.base == nil }.map(\.path))
        let run = try declaredRun(
            request, actor, edits.files, look.base, kept.version, capturedCode(kept, writer), writer)
        let runID = try storing { () throws(StoreError) in try writer.add(.run, run.payload) }
        let now = environment.now()
        let commit = Commit(
            author: actor, committer: actor, authored: now, committed: now, message: request.message,
            parents: look.head.commit.map { [$0] } ?? [], recipes: try recipeMap(edits.recipes, writer),
            runs: [runID],
            tracked: removed.isEmpty ? look.base?.tracked ?? look.tracking.paths : look.tracking.paths,
            tree: built.root)
        let id = try storing { () throws(StoreError) in try writer.add(.commit, commit.payload) }
        let name = try naming { () throws(InvalidName) in try RefName.kept(look.head.workingCopy) }
        // A command that was killed right behind this has kept the same.
        if try ref(name)?.id == id { return id }
        _ = try transact(Self.savingVerb, reason: nil, actor: actor, look.head, writer) {
            () throws(RepositoryError) in
            try requireStanding(look.head)
            return [RefChange(name: name, before: try ref(name), after: ObjectReference(.commit, id))]
        }
        return id
    }

    /// Whether some edits take something out of a kept version that the base version has not.
    private func isReplacing(
        _ edits: [PathEdit], in kept: ObjectID, on base: Commit?
    ) throws(RepositoryError) -> Bool {
        let (kept, base) = (try tree(commit(kept)), tree(base))
        return try reading { () throws(ReadError) in
            for edit in edits {
                if let entry = try kept.entry(at: edit.path), entry != edit.entry,
                    try base.entry(at: edit.path) != entry
                {
                    return true
                }
                // A file where a directory is needed goes, too.
                var above = edit.entry == nil ? nil : edit.path.split?.directory
                while let path = above, !path.isRoot {
                    if let entry = try kept.entry(at: path), entry.mode != .directory,
                        try base.entry(at: path) != entry
                    {
                        return true
                    }
                    above = path.split?.directory
                }
            }
            return false
        }
    }

    /// Holds a version that was kept before, where its operation was taken back since and is not done again by what follows.
    func hold(_ kept: ObjectID, _ head: WorkingCopy.Head, _ actor: Person) throws(RepositoryError) {
        let name = try naming { () throws(InvalidName) in try RefName.kept(head.workingCopy) }
        guard try ref(name)?.id != kept else { return }
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        _ = try transact(Self.savingVerb, reason: nil, actor: actor, head, writer) {
            () throws(RepositoryError) in
            [RefChange(name: name, before: try ref(name), after: ObjectReference(.commit, kept))]
        }
    }

    /// The change of an operation that makes its event name what it overwrote; nothing if that was done.
    func release(_ kept: ObjectID?, _ workingCopy: String) throws(RepositoryError) -> RefChange? {
        let name = try naming { () throws(InvalidName) in try RefName.kept(workingCopy) }
        guard let kept, let held = try ref(name), held.id == kept else { return nil }
        return RefChange(name: name, before: held, after: nil)
    }

    /// Ends an operation that overwrote what was kept, and left the working copy standing where it stood.
    ///
    /// - Parameters:
    ///   - reason: What was typed, in short.
    ///   - undone: The event that was taken back by it.
    func finishOverwriting(
        _ kept: ObjectID?, reason: String? = nil, undoing undone: ObjectID? = nil
    ) throws(RepositoryError) {
        guard let actor = person else { throw .noIdentity }
        let (head, _) = try base()
        let change = try release(kept, head.workingCopy)
        if change != nil || undone != nil {
            let writer = ObjectWriter(store, random: environment.random)
            defer { writer.abandon() }
            _ = try transact(
                undone == nil ? Self.overwritingVerb : "undo", reason: reason, actor: actor, head, writer,
                undoing: undone
            ) { change.map { [$0] } ?? [] }
        }
    }

    /// A command and its paths, as the log has them.
    static func words(_ command: String, _ paths: [RepositoryPath]) -> String {
        let rest = paths.count - 1
        return "\(command) \(paths.first.map { "\($0)" } ?? "")" + (rest > 0 ? " and \(rest) more" : "")
    }

    func commit(_ id: ObjectID) throws(RepositoryError) -> Commit {
        try reading { () throws(ReadError) in try store.commit(id) }
    }

    /// A file, link or empty directory with its path.
    typealias Leaf = (path: RepositoryPath, entry: TreeEntry)

    /// What a checkout of paths wrote before which a version was kept, as far as the version has not the same; and what the version
    /// has that made room for it.
    func taken(before saved: ObjectID) throws(RepositoryError) -> [Leaf] {
        let (commit, runs) = try contents(of: saved)
        let version = tree(commit)
        var (taken, kept): ([Leaf], [Leaf]) = ([], [])
        try reading { () throws(ReadError) in
            for (_, run) in runs {
                let inputs = DirectoryTree(root: run.inputs, reader: store)
                for root in run.inputCommits.keys.sorted() {
                    let (new, old) = (try inputs.entry(at: root), try version.entry(at: root))
                    if new == old { continue }
                    if let new, let old, new.mode == .directory, old.mode == .directory {
                        try directory(new.id).changes(to: directory(old.id), under: root) { path, new, old in
                            if let new {
                                taken.append((path, new))
                            } else if let old {
                                kept.append((path, old))
                            }
                        }
                    } else {
                        taken += try leaves(new, at: root)
                        kept += try leaves(old, at: root)
                    }
                }
            }
        }
        let written = Set(taken.map(\.path))
        var above: Set<RepositoryPath> = []
        for path in written {
            var next = path.split?.directory
            while let directory = next, above.insert(directory).inserted { next = directory.split?.directory }
        }
        return taken
            + kept.filter { leaf in
                if written.contains(leaf.path) { return false }
                var next = leaf.path.split?.directory
                while let directory = next {
                    if written.contains(directory) { return true }
                    next = directory.split?.directory
                }
                return above.contains(leaf.path)
            }
    }

    /// What `rm` removed before which a version was kept; of another one, what it kept of changed files.
    func removed(before saved: ObjectID) throws(RepositoryError) -> [Leaf] {
        let (_, runs) = try contents(of: saved)
        var removed: [Leaf] = []
        try reading { () throws(ReadError) in
            for (_, run) in runs {
                try directory(run.outputs).forEachFile(under: .root) { path, entry in
                    removed.append((path, entry))
                }
            }
        }
        return removed
    }

    private func leaves(_ entry: TreeEntry?, at path: RepositoryPath) throws(ReadError) -> [Leaf] {
        guard let entry else { return [] }
        guard entry.mode == .directory, entry.id != DirectoryTree.emptyRoot else { return [(path, entry)] }
        var leaves: [Leaf] = []
        try directory(entry.id).forEachFile(under: path) { path, entry in leaves.append((path, entry)) }
        return leaves
    }

    /// What is on disk at some paths, as edits of a version.
    private func content(
        of paths: [RepositoryPath], on base: DirectoryTree, _ look: Look, _ writer: ObjectWriter
    ) throws(RepositoryError) -> (files: [PathEdit], recipes: [RecipeEntry]) {
        var scanned = ScannedFiles()
        var edits: [PathEdit] = []
        var covered: RepositoryPath?
        for path in Set(paths).sorted(by: DirectoryTree.walkOrder) {
            // What lies in a directory that is kept whole is kept with it, and behind a link nothing is ours.
            if let covered, path.isInside(covered) { continue }
            let status = try self.status(of: path)
            // A file of the version in whose place a directory stands goes, too.
            let before = try reading { () throws(ReadError) in try base.entry(at: path) }
            let isReplaced = status?.kind == .directory && before != nil && before?.mode != .directory
            if status == nil || isReplaced { edits.append(PathEdit(path: path, entry: nil)) }
            if let status {
                covered = path
                try gather(path, status, &scanned, &edits)
            }
        }
        scanned.sort()
        let read = try working { () throws(WorkingTreeError) in
            try Snapshot(
                root: copy.root, files: environment.files, writer: writer,
                history: FileHistory(store, version: base), clock: look.clock
            )
            .read(scanned, width: environment.width)
        }
        edits += read.files.map { PathEdit(path: $0.path, entry: $0.entry) }
        return (
            Self.distinct(edits.sorted { DirectoryTree.walkOrder($0.path, $1.path) }), read.recipes
        )
    }

    /// Where something has come into the place of an empty directory, the path is there twice: what came counts.
    private static func distinct(_ edits: [PathEdit]) -> [PathEdit] {
        var kept: [PathEdit] = []
        for edit in edits {
            guard let last = kept.last, last.path == edit.path else {
                kept.append(edit)
                continue
            }
            if edit.entry != nil { kept[kept.count - 1] = edit }
        }
        return kept
    }

    private func gather(
        _ path: RepositoryPath, _ status: FileStatus, _ scanned: inout ScannedFiles,
        _ edits: inout [PathEdit]
    ) throws(RepositoryError) {
        switch status.kind {
        case .file, .link: scanned.append(ScannedFile(path: path, status: status))
        case .other: throw .wouldLose([path])
        case .directory:
            var listing = DirectoryListing()
            try filing { () throws(FileError) in
                try environment.files.list(copy.root.appending(path.bytes), into: &listing)
            }
            if listing.count == 0, let name = path.split?.name {
                let entry = TreeEntry(
                    name: name, mode: .directory, id: DirectoryTree.emptyRoot, size: 0, files: 0)
                edits.append(PathEdit(path: path, entry: entry))
            }
            for index in 0..<listing.count {
                guard let below = try? path.appending(EntryName(listing.name(index))) else {
                    throw .wouldLose([path])
                }
                let place = copy.root.appending(below.bytes)
                // The listing does not look at directories.
                let status = try filing { () throws(FileError) in try environment.files.status(place) }
                if let status { try gather(below, status, &scanned, &edits) }
            }
        }
    }
}

extension Event {
    /// The version that keeps what the operation overwrote; nothing if it overwrote nothing.
    var kept: ObjectID? {
        refs.first { $0.after == nil && $0.name.name(in: "kept") != nil }?.before?.id
    }

    /// Whether an `undo` takes back what became of a ref.
    ///
    /// That something was signed stays so, and when: only what was remarked is taken back.
    func takesBack(_ change: RefChange) -> Bool {
        change.name.name(in: "kept") == nil && (change.name.statement == nil || isNote)
    }

    private var isNote: Bool {
        refs.allSatisfy { $0.name.statement?.word == "note" }
    }

    /// Whether it is something that a person did and may take back; else it is done on the way.
    var isOperation: Bool {
        // What a run records, and a tree that comes and goes with it, is nothing to take back.
        if verb == Repository.runVerb { return false }
        // What another store has does not go away here.
        if verb == Repository.fetchVerb || verb == Repository.pushVerb { return false }
        return ["checkout", "note", Repository.overwritingVerb].contains(verb)
            || refs.contains { change in
                ["kept", "runs", "statements"].allSatisfy { change.name.name(in: $0) == nil }
            }
    }
}
