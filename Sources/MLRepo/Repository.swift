internal import FileIO
package import ObjectModel
package import Storage
internal import WorkingTree

/// A working copy and its store: what every command works on.
package struct Repository: Sendable {
    package static let defaultBranch = "main"

    package let environment: Environment
    package let copy: WorkingCopy
    package let store: ObjectStore
    package let configuration: Configuration
    /// Asked for once: git may have to be started for it.
    let identity: Lazy<(person: Person?, isGiven: Bool)>
    let keys: SigningKeys
    /// Signs entries of logs, this store's and others', if they are to be signed.
    let entrySigner: EntrySigner?
    let knownCommits: KnownCommits

    // MARK: Opening

    /// Opens the working copy that a directory lies in, or the store that it is.
    package static func open(_ environment: Environment) throws(RepositoryError) -> Repository {
        try open(try workingCopy(environment), environment)
    }

    /// The working copy that a directory lies in, or the store that it is.
    static func workingCopy(_ environment: Environment) throws(RepositoryError) -> WorkingCopy {
        let files = environment.files
        var directory = environment.workingDirectory
        while true {
            let isHere = try exists(directory / ".mlrepo/HEAD", files)
            // The store of a working copy is no store by itself, also from inside it.
            let isInside = directory.name == Array(".mlrepo".utf8)
            var isBare = false
            if !isHere, !isInside, try exists(directory / "log/new", files) {
                // One that has lost its `format` can be mended.
                isBare =
                    if try exists(directory / "format", files) { true } else {
                        try exists(directory / "packs", files)
                    }
            }
            if isHere || isBare { return WorkingCopy(root: directory, isBare: isBare, environment) }
            guard directory.parent != directory else { throw .noRepository(environment.workingDirectory) }
            directory = directory.parent
        }
    }

    static func exists(_ path: FilePath, _ files: any FileSystem) throws(RepositoryError) -> Bool {
        try filing { () throws(FileError) in try files.status(path) != nil }
    }

    static func open(_ copy: WorkingCopy, _ environment: Environment) throws(RepositoryError) -> Repository {
        let path = try copy.store()
        let configuration = try copy.configuration()
        let identity = Lazy { Identity.find(configuration, environment) }
        let keys = SigningKeys(configuration, environment, copy)
        let signer = try keys.wantedEntrySigner { identity.value.person }
        let store: ObjectStore
        do throws(StoreError) {
            store = try ObjectStore.open(
                path, files: environment.files, signing: signer,
                governed: EntryAdmission(environment: environment).governance(
                    keys.entrySigner { identity.value.person }))
        } catch {
            guard case .notFound = error, path != copy.directory else { throw .store(error) }
            throw .storeGone(path)
        }
        return Repository(
            environment: environment, copy: copy, store: store, configuration: configuration,
            identity: identity, keys: keys, entrySigner: signer, knownCommits: KnownCommits(copy))
    }

    /// What signs, and asks, where a store has a policy.
    var governance: StoreGovernance {
        let identity = self.identity
        return EntryAdmission(environment: environment).governance(
            keys.entrySigner { identity.value.person })
    }

    /// The same working copy, with what another view of its store shows.
    func seeing(_ view: ObjectStore) -> Repository {
        Repository(
            environment: environment, copy: copy, store: view, configuration: configuration,
            identity: identity, keys: keys, entrySigner: entrySigner, knownCommits: knownCommits)
    }

    /// Refuses a store in which an operation cannot be noted, before anything is done.
    package func requireWritableStore() throws(RepositoryError) {
        try storing { () throws(StoreError) in
            try store.requireWritable(nonce: Hex.text(environment.random(8)))
        }
    }

    // MARK: Where it stands

    /// Where the working copy stands, and the commit that its files were made from.
    package func base() throws(RepositoryError) -> (head: WorkingCopy.Head, commit: Commit?) {
        var head = try copy.head()
        if copy.isBare { head.commit = try tip(of: Self.defaultBranch) }
        let name = try naming { () throws(InvalidName) in try RefName.worktree(head.workingCopy) }
        if let standing = try ref(name)?.id {
            let pending = try copy.pending()
            if let goal = pending?.goal, goal.commit == standing, try isDone(goal, head.workingCopy) {
                // A checkout that was killed behind its log entry had written all files: what is left is noted now.
                let seen = head
                (head.commit, head.branch) = (standing, goal.branch)
                let done = head
                try copy.alone { () throws(RepositoryError) in
                    // A command that ended meanwhile may have gone elsewhere.
                    _ = try storing { () throws(StoreError) in try store.refresh() }
                    guard try copy.pending() == pending, try copy.head() == seen,
                        try ref(name)?.id == standing
                    else { return }
                    try storing { () throws(StoreError) in try store.confirm() }
                    try? copy.settle(done, goal)
                }
            } else if standing != head.commit, try isAnother(head) {
                // Two commands may have ended since HEAD was read.
                if !copy.isBare, try copy.head() != head { return try base() }
            } else if standing != head.commit {
                // A commit that was killed behind its log entry has moved the ref and not HEAD: it is done all the same.
                let isMerged = try isMerged(pending, standing)
                let hasBegun = try began(pending, on: standing)
                if pending == nil || isMerged || hasBegun {
                    head.commit = standing
                    try storing { () throws(StoreError) in try store.confirm() }
                }
            }
        } else if head.commit != nil, try hasTakenBackFirst(name, head) {
            // An undo of the first commit that was killed behind its log entry.
            head.commit = nil
            try storing { () throws(StoreError) in try store.confirm() }
        }
        if let id = head.commit, try ref(name) == nil, try lostCommit() != nil {
            // Another store, or one that lost everything of this working copy: it stands on nothing there.
            _ = try storing { () throws(StoreError) in try store.refresh() }
            if !store.contains(ObjectReference(.commit, id)) { head.commit = nil }
        }
        guard let id = head.commit else { return (head, nil) }
        // A branch that is gone is none to stand on. Who took it back stood elsewhere before.
        if let branch = head.branch, try tip(of: branch) == nil {
            head.branch = try hasTakenBack(branch, head) ? try self.branch(at: id) : nil
        }
        return (head, try reading { () throws(ReadError) in try store.commit(id) })
    }

    /// The commit that this working copy stands on, if the store does not have it.
    ///
    /// Records of commits stay for ever: the newest entries of the log are lost then, or it is another store.
    package func lostCommit() throws(RepositoryError) -> ObjectID? {
        guard !copy.isBare, let id = try copy.head().commit else { return nil }
        return store.contains(ObjectReference(.commit, id)) ? nil : id
    }

    /// Whether a checkout of this working copy, and no other one's that goes the same way, is in the log.
    private func isDone(_ goal: WorkingCopy.Pending.Goal, _ workingCopy: String) throws(RepositoryError)
        -> Bool
    {
        let name = try naming { () throws(InvalidName) in try RefName.worktree(workingCopy) }
        var isThere = false
        try operations { (operation) throws(RepositoryError) in
            // What came before the note is something else, which had the same HEAD before it.
            if let number = goal.number, operation.number <= number { return false }
            let event = operation.event
            isThere = event.workingCopy == workingCopy && event.nonce == goal.nonce
            return !isThere && !event.refs.contains { $0.name == name }
        }
        guard isThere else { return false }
        // The note of one that was copied on its way is not that of what is done: HEAD tells, which was written behind the entry,
        // or, where it says the same before and after, is written when the note is gone.
        let noted = try copy.head()
        if !goal.isStaying, noted.commit == goal.commit, noted.branch == goal.branch { return true }
        return try goal.nonce == copy.standingNonce()
    }

    /// Whether this working copy took back what it first stood on, and HEAD does not say so yet.
    private func hasTakenBackFirst(_ name: RefName, _ head: WorkingCopy.Head) throws(RepositoryError) -> Bool
    {
        // Of one for a single run the store knows only while that is on its way.
        let isFleeting = try copy.isFleeting()
        if copy.isBare || isFleeting { return false }
        guard let last = try lastChange(of: name), last.undoes != nil else { return false }
        guard last.workingCopy == head.workingCopy else { return false }
        return try last.nonce == copy.standingNonce()
    }

    /// Whether a command that writes files had begun on a commit that HEAD did not name yet, and was killed, too.
    private func began(_ pending: WorkingCopy.Pending?, on standing: ObjectID) throws(RepositoryError) -> Bool
    {
        guard let pending else { return false }
        if let goal = pending.goal { return goal.before == standing }
        return try reading { () throws(ReadError) in try store.commit(standing).tree } == pending.from
    }

    /// Whether the last thing that this working copy did was to take back that a branch was made.
    private func hasTakenBack(_ branch: String, _ head: WorkingCopy.Head) throws(RepositoryError) -> Bool {
        var last: Event?
        try operations { (operation) throws(RepositoryError) in
            if operation.event.workingCopy == head.workingCopy { last = operation.event }
            return last == nil
        }
        return last?.undoes != nil
            && last?.refs.contains { $0.name.name(in: "branches") == branch && $0.after == nil } == true
    }

    package var person: Person? { identity.value.person }
    /// Whether ``person`` was named by somebody, not guessed from the account.
    package var hasNamedPerson: Bool { identity.value.isGiven }

    /// The newest commit of a branch.
    package func tip(of branch: String) throws(RepositoryError) -> ObjectID? {
        let name = try naming { () throws(InvalidName) in try RefName.branch(branch) }
        return try ref(name)?.id
    }

    /// What a ref names; nothing if there is no such ref.
    package func ref(_ name: RefName) throws(RepositoryError) -> ObjectReference? {
        try reading { () throws(ReadError) in try store.refs.lookup(Array(name.text.utf8))?.target }
    }

    /// All refs of a group, by their names in it.
    package func refs(in group: String) throws(RepositoryError) -> [(name: String, target: ObjectReference)] {
        var found: [(name: String, target: ObjectReference)] = []
        try reading { () throws(ReadError) in
            try store.refs.forEachLeaf(beginning: Array("\(group)/".utf8)) { entry in
                if let name = entry.name.name(in: group) { found.append((name, entry.target)) }
            }
        }
        return found
    }

    /// The files of a version; none before the first one.
    package func tree(_ commit: Commit?) -> DirectoryTree {
        DirectoryTree(root: commit?.tree ?? DirectoryTree.emptyRoot, reader: store)
    }

    /// A path as a person types it, relative to where they are.
    package func path(_ typed: [UInt8]) throws(RepositoryError) -> RepositoryPath {
        // An unset variable in a script must not mean everything.
        guard !typed.isEmpty else { throw .emptyPath }
        let absolute = environment.workingDirectory.appending(typed).normalized
        guard let relative = absolute.relative(to: copy.root.normalized) ?? behindLink(absolute) else {
            throw .outside(escapedText(typed))
        }
        return try naming { () throws(InvalidName) in try RepositoryPath(relative) }
    }

    /// A path of the working tree as somebody types it who is where the command was started.
    package func typed(_ path: RepositoryPath) -> [UInt8] {
        let place = environment.workingDirectory.normalized
        guard let here = place.relative(to: copy.root.normalized) ?? behindLink(place) else {
            return path.bytes
        }
        let from = here.split(separator: UInt8(ascii: "/"))
        let to = path.bytes.split(separator: UInt8(ascii: "/"))
        let shared = zip(from, to).prefix { $0 == $1 }.count
        let up = Array(repeating: ArraySlice("..".utf8), count: from.count - shared)
        let names = up + to.dropFirst(shared)
        return names.isEmpty ? Array(".".utf8) : Array(names.joined(separator: "/".utf8))
    }

    /// What comes behind the working tree in a path that leads to it through a link.
    private func behindLink(_ absolute: FilePath) -> [UInt8]? {
        func status(_ directory: FilePath) -> FileStatus? {
            (try? environment.files.status(directory / ".")) ?? nil
        }
        guard let root = status(copy.root) else { return nil }
        var directory = absolute
        while true {
            if let found = status(directory), found.inode == root.inode, found.device == root.device {
                return absolute.relative(to: directory)
            }
            guard directory.parent != directory else { return nil }
            directory = directory.parent
        }
    }
}
