internal import FileIO
internal import ObjectModel
internal import Storage
internal import WorkingTree

/// What a forced checkout, or one of paths, overwrites is kept before: as a version that no branch has, which the log names, so
/// that `undo` finds it.
extension Repository {
    /// The verb of the operation that keeps what is about to be overwritten.
    static let savingVerb = "save"
    /// The verb of the operation behind it, where the working copy goes on standing where it stood.
    static let overwritingVerb = "overwrite"

    /// Keeps what is on disk at some paths, and lets the working copy stand on the version that has it.
    ///
    /// Its parent is the version that the working copy stood on; nothing on disk changes. When nothing is to be kept,
    /// nothing happens.
    /// - Parameters:
    ///   - paths: Files, links, missing files, and directories with everything in them.
    ///   - taken: What the checkout writes: it is there as the inputs of the version's run.
    /// - Throws: ``RepositoryError/wouldLose(_:)`` for what cannot be kept: a socket, a repository of another tool.
    /// - Returns: What was kept, with everything else of the base version.
    @discardableResult
    func save(
        _ paths: [RepositoryPath], _ look: Look,
        taking taken: (paths: [RepositoryPath], commit: ObjectID)? = nil
    ) throws(RepositoryError) -> DirectoryTree {
        guard !paths.isEmpty || taken != nil else { return tree(look.base) }
        guard let actor = person else { throw .noIdentity }
        let writer = ObjectWriter(store, keepsNodes: true, random: environment.random)
        defer { writer.abandon() }
        let edits = try content(of: paths, look, writer)
        let built = try edited(tree(look.base), edits.files, writer)
        var request = CommitRequest(
            message: taken == nil
                ? "What a checkout with --force overwrote" : "What a checkout of paths overwrote")
        if let taken { request.inputs = taken.paths.map { ($0, taken.commit) } }
        let run = try declaredRun(request, actor, edits.files, look.base, built.root, writer)
        let runID = try storing { () throws(StoreError) in try writer.add(.run, run.payload) }
        let now = environment.now()
        let commit = Commit(
            author: actor, committer: actor, authored: now, committed: now, message: request.message,
            parents: look.head.commit.map { [$0] } ?? [], recipes: try recipeMap(edits.recipes, writer),
            runs: [runID], tracked: look.base?.tracked ?? look.tracking.paths, tree: built.root)
        let id = try storing { () throws(StoreError) in try writer.add(.commit, commit.payload) }
        _ = try transact(Self.savingVerb, reason: look.head.branch, actor: actor, look.head, writer) {
            () throws(RepositoryError) in
            try standing(look.head, on: id, from: look.head.commit)
        }
        var head = look.head
        (head.commit, head.branch) = (id, nil)
        try copy.setHead(head)
        // What a checkout wrote that was interrupted before is on disk all the same.
        try copy.setPending(
            WorkingCopy.Pending(from: nil, to: nil, earlier: copy.pending()?.changes ?? []).rest)
        return tree(commit)
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

    private func leaves(_ entry: TreeEntry?, at path: RepositoryPath) throws(ReadError) -> [Leaf] {
        guard let entry else { return [] }
        guard entry.mode == .directory, entry.id != DirectoryTree.emptyRoot else { return [(path, entry)] }
        var leaves: [Leaf] = []
        try directory(entry.id).forEachFile(under: path) { path, entry in leaves.append((path, entry)) }
        return leaves
    }

    /// What is on disk at some paths, as edits of the base version.
    private func content(
        of paths: [RepositoryPath], _ look: Look, _ writer: ObjectWriter
    ) throws(RepositoryError) -> (files: [PathEdit], recipes: [RecipeEntry]) {
        var scanned = ScannedFiles()
        var edits: [PathEdit] = []
        var covered: RepositoryPath?
        for path in Set(paths).sorted(by: DirectoryTree.walkOrder) {
            // What lies in a directory that is kept whole is kept with it, and behind a link nothing is ours.
            if let covered, path.isInside(covered) { continue }
            let status = try self.status(of: path)
            // A file of the base version in whose place a directory stands goes, too.
            let before = try reading { () throws(ReadError) in try tree(look.base).entry(at: path) }
            let isReplaced = status?.kind == .directory && before != nil && before?.mode != .directory
            if status == nil || isReplaced { edits.append(PathEdit(path: path, entry: nil)) }
            if let status {
                covered = path
                try gather(path, status, &scanned, &edits)
            }
        }
        scanned.sort()
        let read = try working { () throws(WorkingTreeError) in
            try Snapshot(root: copy.root, files: environment.files, writer: writer, clock: look.clock)
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

    /// The operation of this working copy that kept a version before it was overwritten.
    func saving(of id: ObjectID, _ head: WorkingCopy.Head) throws(RepositoryError) -> Operation? {
        var found: Operation?
        try operations { (operation) throws(RepositoryError) in
            guard operation.event.workingCopy == head.workingCopy else { return true }
            if operation.event.verb == Self.savingVerb,
                operation.event.refs.contains(where: { $0.after?.id == id })
            {
                found = operation
            }
            return found == nil
        }
        return found
    }

    /// Whether the last thing that this working copy did was to keep what is to be overwritten.
    func hasJustSaved(_ head: WorkingCopy.Head) throws(RepositoryError) -> Bool {
        var last: Operation?
        try operations { (operation) throws(RepositoryError) in
            if operation.event.workingCopy == head.workingCopy, !operation.event.refs.isEmpty {
                last = operation
            }
            return last == nil
        }
        guard let event = last?.event else { return false }
        return event.verb == Self.savingVerb || (event.verb == "redo" && event.refs.count == 1)
    }

    /// Where a command was killed after it kept what it was to overwrite, and before it went on, it begins anew.
    ///
    /// One that had begun to write goes on.
    func resumeSaved() throws(RepositoryError) {
        let (head, _) = try base()
        guard head.branch == nil, let id = head.commit, try hasJustSaved(head),
            try saving(of: id, head) != nil
        else { return }
        try leaveSaved("undo")
    }

    /// Where the working copy stands for the person: what a command kept that was killed is nothing that they went to.
    package func intendedHead() throws(RepositoryError) -> WorkingCopy.Head {
        var (head, _) = try base()
        guard head.branch == nil, let id = head.commit, try hasJustSaved(head),
            let saving = try saving(of: id, head)
        else { return head }
        head.commit = saving.event.refs.first { $0.after?.id == id }?.before?.id
        head.branch = saving.event.reason
        return head
    }

    /// Whether taking an operation back makes the working copy stand on what was kept.
    func isSaving(_ undo: Operation) throws(RepositoryError) -> Bool {
        guard undo.event.refs.count == 1, let id = undo.event.refs.first?.before?.id else { return false }
        return try saving(of: id, try copy.head()) != nil
    }

    /// Where the working copy stands on what was kept, it goes back to the version before; the files stay as they are.
    func leaveSaved(_ verb: String) throws(RepositoryError) {
        guard let actor = person else { throw .noIdentity }
        let (head, _) = try base()
        guard let id = head.commit, let saving = try saving(of: id, head) else { return }
        let own = saving.event.refs.first { $0.after?.id == id }
        guard let before = own?.before?.id else { return }
        try keepTracking(of: id, after: before)
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        var moved = head
        moved.commit = before
        moved.branch = try saving.event.reason.flatMap { (branch) throws(RepositoryError) in
            try tip(of: branch) == nil ? nil : branch
        }
        // Whatever kills this behind the entry, the branch is known.
        var note = WorkingCopy.Pending(
            from: nil, to: nil, goal: .init(commit: before, branch: moved.branch, before: id, undoes: nil))
        note.earlier = try copy.pending()?.changes ?? []
        try copy.setPending(note)
        _ = try transact(verb, reason: nil, actor: actor, head, writer, undoing: saving.eventID) {
            () throws(RepositoryError) in
            try standing(head, on: before, from: id)
        }
        try copy.setHead(moved)
        try copy.setPending(note.rest)
    }
}
