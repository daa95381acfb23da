package import FileIO
internal import Governance
package import ObjectModel
internal import Storage
package import WorkingTree

/// A working copy of a store, as the store knows it.
package struct WorktreeInfo: Sendable {
    /// 32 hex digits.
    package let id: String
    package let commit: ObjectID?
    /// Where it was when it was made; nothing if that is not known any more.
    package let path: FilePath?
}

extension Repository {
    /// Makes a further working copy on the same store, with the files of a commit.
    ///
    /// - Parameters:
    ///   - directory: Is made; if it is there it has to be empty, or what a command that was killed left of a working copy.
    ///   - isNew: The branch is to be made.
    package func addWorktree(
        _ directory: FilePath, at id: ObjectID?, branch: String?, isNew: Bool = false,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> Repository {
        var isMade = true
        if let branch, let id, isNew {
            isMade = try hasJustMade(branch: branch, at: id)
            if !isMade { try requireFree("branches", branch) }
        }
        try requireRoom(directory)
        if let branch, let id, !isMade { try makeRef("branches", branch, at: id) }
        var inside = environment
        inside.workingDirectory = directory
        let repository = try begun(directory, inside)
        if let id {
            var move = CheckoutMove(to: id, branch: branch)
            move.isAlone = true
            _ = try repository.checkout(move, onStep: onStep)
        } else if let branch {
            var head = try repository.copy.head()
            head.branch = branch
            try repository.copy.setHead(head)
        }
        return repository
    }

    /// Makes a working copy for one run, of which the store's log hears by what the run has recorded.
    ///
    /// What is written there need not outlast a power cut: nobody comes back to it.
    func addScratch(
        _ directory: FilePath, at id: ObjectID?, onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) -> Repository {
        try requireRoom(directory)
        var inside = environment
        (inside.workingDirectory, inside.files) = (directory, environment.files.withoutDurability())
        let fleeting = try begun(directory, inside)
        if let id {
            var move = CheckoutMove(to: id, branch: nil)
            (move.isAlone, move.isLogged) = (true, false)
            _ = try fleeting.checkout(move, onStep: onStep)
        }
        inside.files = environment.files
        try fleeting.copy.markFleeting()
        return try Repository.open(WorkingCopy(root: directory, inside), inside)
    }

    /// How the store comes to hold what a working copy stands on, where it does not yet.
    func holding(_ head: WorkingCopy.Head) throws(RepositoryError) -> [RefChange] {
        guard let commit = head.commit else { return [] }
        return try standing(head, on: commit, from: commit)
    }

    /// How the store comes to hold nothing for a working copy any more.
    func releasing(_ head: WorkingCopy.Head) throws(RepositoryError) -> [RefChange] {
        var changes: [RefChange] = []
        for name in try Self.refNames(of: head.workingCopy) {
            if let found = try ref(name) { changes.append(RefChange(name: name, before: found, after: nil)) }
        }
        return changes
    }

    /// The refs that hold something for a working copy.
    private static func refNames(of id: String) throws(RepositoryError) -> [RefName] {
        try naming { () throws(InvalidName) in [try RefName.worktree(id), try RefName.kept(id)] }
    }

    /// Refuses a place that is part of the data, or of our own directory.
    func requireOutside(_ directory: FilePath) throws(RepositoryError) {
        if let inside = directory.relative(to: copy.root.normalized), !copy.isBare {
            let isOurs = directory.relative(to: copy.directory.normalized) != nil
            let path = try? RepositoryPath(inside)
            let (_, base) = try base()
            let tracking = try self.tracking(base)
            if isOurs || path.map(tracking.coversDirectory) ?? true { throw .misplaced(directory) }
        }
    }

    /// Refuses a place where something is, or where a working copy would be part of another one's data.
    private func requireRoom(_ directory: FilePath) throws(RepositoryError) {
        try requireOutside(directory)
        let names = try filing { () throws(FileError) in
            try environment.files.makeDirectories(directory, permissions: 0o777)
            return try environment.files.names(in: directory)
        }
        if names.isEmpty { return }
        let made = WorkingCopy(root: directory, environment)
        if names == [made.directory.name], let inside = try? environment.files.names(in: made.directory),
            inside.allSatisfy({ $0.starts(with: WorkingCopy.temporaryPrefix.utf8) })
        {
            // What a command left that was killed before it had named the store.
            return
        }
        let isOther = try !Repository.exists(made.directory / "store", environment.files)
        let (theirs, mine) = (isOther ? nil : try made.store(), try copy.store())
        guard theirs == mine else { throw .refExists(directory.description) }
        // Without HEAD it was hardly begun; without a commit, or with one on its way, the files are still to come.
        guard try Repository.exists(made.directory / "HEAD", environment.files) else { return }
        let (commit, pending) = (try made.head().commit, try made.pending())
        guard commit == nil || pending != nil else { throw .refExists(directory.description) }
    }

    /// A working copy without files, or what is there of one.
    private func begun(_ directory: FilePath, _ inside: Environment) throws(RepositoryError) -> Repository {
        let there = WorkingCopy(root: directory, inside)
        if try Repository.exists(there.directory / "HEAD", inside.files) {
            return try Repository.open(there, inside)
        }
        var request = CreationRequest()
        request.store = try copy.store()
        let made = try Repository.create(at: directory, request, inside)
        let settings = try filing { () throws(FileError) in
            try environment.files.contentsIfPresent(copy.directory / "config", limit: 1 << 20)
        }
        if let settings { try made.copy.setConfiguration(settings) }
        if let file = trustFile(.here) {
            let trusted = try filing { () throws(FileError) in
                try environment.files.contentsIfPresent(file, limit: AllowedSigners.byteLimit)
            }
            if let trusted { try made.copy.setTrust(trusted) }
        }
        return try Repository.open(made.copy, inside)
    }

    /// Where another working copy of this store stands on a branch, as far as that can be told.
    func place(standingOn branch: String) -> FilePath? {
        for place in notes.places.values where place != copy.root {
            let other = WorkingCopy(root: place, environment)
            guard (try? other.head().branch) == branch, (try? other.store()) == store.layout.root else {
                continue
            }
            return place
        }
        return nil
    }

    /// All working copies that the store holds a commit for, or knows the place of.
    package func worktrees() throws(RepositoryError) -> [WorktreeInfo] {
        var commits: [String: ObjectID] = [:]
        for (name, target) in try refs(in: "worktrees") { commits[name] = target.id }
        let places = notes.places
        var infos: [WorktreeInfo] = []
        for id in Set(commits.keys).union(places.keys).sorted() {
            if commits[id] == nil, let place = places[id] {
                // A note alone is nothing: a tree for one run that was killed while it was made, or removed by hand.
                let isThere = try Repository.exists(place / ".mlrepo/HEAD", environment.files)
                if !isThere { continue }
            }
            infos.append(WorktreeInfo(id: id, commit: commits[id], path: places[id]))
        }
        return infos
    }

    /// Lets the store forget a working copy: what only it stood on can be collected.
    ///
    /// Its files stay where they are.
    ///
    /// - Throws: ``RepositoryError/interruptedElsewhere(_:)`` while what it needs to go on is held for it.
    package func removeWorktree(_ info: WorktreeInfo) throws(RepositoryError) {
        if let path = info.path {
            let other = WorkingCopy(root: path, environment)
            if (try? other.head().workingCopy) == info.id, try other.pending()?.kept != nil {
                throw .interruptedElsewhere(path)
            }
        }
        if info.commit != nil { try removeRef("worktrees", info.id) }
        let kept = try naming { () throws(InvalidName) in try RefName.kept(info.id) }
        if try ref(kept) != nil { try removeRef("kept", info.id) }
        try? environment.files.removeIfPresent(notes.directory / info.id)
    }

    /// Lets the store forget a working copy that was made for one run.
    ///
    /// - Parameter id: What the store calls it.
    func release(_ id: String) throws(RepositoryError) {
        _ = try storing { () throws(StoreError) in try store.refresh() }
        for (name, group) in zip(try Self.refNames(of: id), ["worktrees", "kept"]) where try ref(name) != nil
        {
            try removeRef(group, id)
        }
        try? environment.files.removeIfPresent(notes.directory / id)
    }

    /// Takes this working copy on the store's list again, where another one took it off: it is used.
    ///
    /// One that was copied, or brought back as it was some time ago, becomes one of its own.
    ///
    /// - Returns: Whether it did.
    @discardableResult
    package func rejoin() throws(RepositoryError) -> Bool {
        guard !copy.isBare else { return false }
        let head = try copy.head()
        if try isAnother(head) {
            do throws(RepositoryError) { try separate(head) } catch {
                // Who cannot write to the store, or has no name, takes nothing back either.
                let name = try naming { () throws(InvalidName) in try RefName.worktree(head.workingCopy) }
                guard try ref(name)?.id == head.commit else { throw error }
                return false
            }
            return true
        }
        if notes.place(of: head.workingCopy) != copy.root { noteWorkingCopy(head.workingCopy, at: copy.root) }
        try takeOnList(head)
        return false
    }

    private func takeOnList(_ head: WorkingCopy.Head) throws(RepositoryError) {
        let name = try naming { () throws(InvalidName) in try RefName.worktree(head.workingCopy) }
        guard let id = head.commit, try ref(name) == nil, try wasForgotten(name, head) else { return }
        guard let actor = person else { throw .noIdentity }
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        _ = try transact("worktree", reason: nil, actor: actor, head, writer) {
            [RefChange(name: name, before: nil, after: ObjectReference(.commit, id))]
        }
    }

    /// Whether the store knows another working copy by this one's name: of which this is a copy, made with other means than ours,
    /// or which this one was before it was brought back as it had been still earlier.
    ///
    /// The files of such a one are not those that the store thinks they are.
    func isAnother(_ head: WorkingCopy.Head) throws(RepositoryError) -> Bool {
        // Whoever copies a store of its own with it has both as they were.
        guard !copy.isBare, store.layout.root != copy.directory else { return false }
        // A store that lost what this stands on says so.
        if let id = head.commit, !store.contains(ObjectReference(.commit, id)) { return false }
        if isCopied(head) { return true }
        let name = try naming { () throws(InvalidName) in try RefName.worktree(head.workingCopy) }
        guard let standing = try ref(name)?.id, standing != head.commit, let last = try lastChange(of: name)
        else { return false }
        // A command of this very working copy that was killed behind its log entry is known by its event.
        return try last.nonce != copy.standingNonce()
    }

    /// Whether both stand where one of them is known to be.
    private func isCopied(_ head: WorkingCopy.Head) -> Bool {
        guard let place = notes.place(of: head.workingCopy), place != copy.root else { return false }
        let other = WorkingCopy(root: place, environment)
        func status(_ copy: WorkingCopy) -> FileStatus? {
            (try? environment.files.status(copy.directory / "HEAD")) ?? nil
        }
        guard (try? other.head().workingCopy) == head.workingCopy,
            (try? other.store()) == store.layout.root, let mine = status(copy), let theirs = status(other)
        else { return false }
        // The same one may be seen at two places, and on what looks like two devices.
        return mine.inode != theirs.inode || mine.changed != theirs.changed
    }

    /// Makes this working copy one of its own, standing where its files come from.
    private func separate(_ head: WorkingCopy.Head) throws(RepositoryError) {
        guard let actor = person else { throw .noIdentity }
        // The same name again for who was killed in between.
        let own = WorkingCopy.Head(
            branch: head.branch, commit: head.commit, workingCopy: try copy.standingNonce())
        let name = try naming { () throws(InvalidName) in try RefName.worktree(own.workingCopy) }
        if let id = head.commit, try ref(name) == nil {
            let writer = ObjectWriter(store, random: environment.random)
            defer { writer.abandon() }
            _ = try transact("worktree", reason: nil, actor: actor, own, writer) {
                [RefChange(name: name, before: nil, after: ObjectReference(.commit, id))]
            }
        }
        // Another command may have ended meanwhile where nothing can be locked.
        guard try copy.head() == head else { return }
        try copy.setHead(own)
        noteWorkingCopy(own.workingCopy, at: copy.root)
    }

    /// Whether the last thing that became of this working copy's ref was that another one took it away.
    private func wasForgotten(_ name: RefName, _ head: WorkingCopy.Head) throws(RepositoryError) -> Bool {
        try lastChange(of: name).map { $0.workingCopy != head.workingCopy } ?? false
    }

    /// The newest event that moved a ref.
    func lastChange(of name: RefName) throws(RepositoryError) -> Event? {
        var last: Event?
        try operations { (operation) throws(RepositoryError) in
            if operation.event.refs.contains(where: { $0.name == name }) { last = operation.event }
            return last == nil
        }
        return last
    }

    // MARK: Where they are

    private var notes: WorkingCopyNotes { WorkingCopyNotes(store.layout, environment.files) }

    /// Notes where a working copy is; a store that cannot be written to does without.
    func noteWorkingCopy(_ id: String, at root: FilePath) {
        let files = store.files
        do throws(FileError) {
            try files.makeDirectories(notes.directory, permissions: 0o777, below: store.layout.root)
            // One that was there before is there no more.
            for (other, place) in notes.places where place == root && other != id {
                try files.removeIfPresent(notes.directory / other)
            }
            try files.removeIfPresent(notes.directory / id)
            let file = try files.create(notes.directory / id, permissions: 0o444)
            defer { files.close(file) }
            try files.write(file, root.bytes)
        } catch {}
    }
}
