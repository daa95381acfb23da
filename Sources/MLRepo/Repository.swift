package import FileIO
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

    // MARK: Opening

    /// Opens the working copy that a directory lies in.
    package static func open(_ environment: Environment) throws(RepositoryError) -> Repository {
        try open(at: try root(environment), environment)
    }

    /// The top directory of the working copy that a directory lies in.
    package static func root(_ environment: Environment) throws(RepositoryError) -> FilePath {
        var directory = environment.workingDirectory
        while true {
            let candidate = directory / ".mlrepo"
            let isHere = try filing { () throws(FileError) in
                try environment.files.status(candidate / "HEAD") != nil
            }
            if isHere { return directory }
            guard directory.parent != directory else { throw .noRepository(environment.workingDirectory) }
            directory = directory.parent
        }
    }

    private static func open(at root: FilePath, _ environment: Environment) throws(RepositoryError)
        -> Repository
    {
        let copy = WorkingCopy(root: root, files: environment.files)
        let store = try storing { () throws(StoreError) in
            try ObjectStore.open(copy.directory, files: environment.files)
        }
        let text = try filing { () throws(FileError) in
            try environment.files.contentsIfPresent(copy.directory / "config", limit: 1 << 20)
        }
        let configuration = Configuration(text.map { String(decoding: $0, as: UTF8.self) } ?? "")
        return Repository(environment: environment, copy: copy, store: store, configuration: configuration)
    }

    /// Makes a repository in a directory.
    package static func create(at root: FilePath, _ environment: Environment) throws(RepositoryError)
        -> Repository
    {
        let copy = WorkingCopy(root: root, files: environment.files)
        let head = WorkingCopy.Head(
            branch: defaultBranch, commit: nil, workingCopy: Hex.text(environment.random(16)))
        guard let actor = Identity.find(Configuration(), environment) ?? Person(name: "unknown", email: "")
        else {
            throw .noIdentity
        }
        let event = Event(
            verb: "init", actor: actor, workingCopy: head.workingCopy, time: environment.now(),
            nonce: Hex.text(environment.random(16)), reason: nil, refs: [])
        let format = StoreFormat(origin: Hex.text(environment.random(16)), cutRule: 1, sharedBits: nil)
        let isThere = try filing { () throws(FileError) in
            try environment.files.status(copy.directory / "HEAD") != nil
        }
        if isThere { throw .store(.exists(copy.directory)) }
        _ = try filing { () throws(FileError) in
            try environment.files.makeDirectories(copy.directory, permissions: 0o777)
        }
        do throws(StoreError) {
            _ = try ObjectStore.create(
                copy.directory, format: format, event: event, files: environment.files,
                random: environment.random)
        } catch {
            // Everything but HEAD may be there already, if an earlier init was interrupted.
            guard case .exists = error else { throw .store(error) }
        }
        try copy.setHead(head)
        return try open(at: root, environment)
    }

    // MARK: Where it stands

    /// Where the working copy stands, and the commit that its files were made from.
    package func base() throws(RepositoryError) -> (head: WorkingCopy.Head, commit: Commit?) {
        var head = try copy.head()
        let name = try naming { () throws(InvalidName) in try RefName.worktree(head.workingCopy) }
        if let standing = try ref(name)?.id {
            let pending = try copy.pending()
            if let goal = pending?.goal, goal.commit == standing, goal.before != standing {
                // A checkout that was killed behind its log entry had written all files: what is left is noted now.
                (head.commit, head.branch) = (standing, goal.branch)
                try storing { () throws(StoreError) in try store.log.confirm() }
                if (try? copy.setHead(head)) != nil { try? copy.setPending(nil) }
            } else if pending == nil, standing != head.commit {
                // A commit that was killed behind its log entry has moved the ref and not HEAD: it is done all the same.
                head.commit = standing
                try storing { () throws(StoreError) in try store.log.confirm() }
            }
        }
        guard let id = head.commit else { return (head, nil) }
        return (head, try reading { () throws(ReadError) in try store.commit(id) })
    }

    package var person: Person? { Identity.find(configuration, environment) }

    /// The newest commit of a branch.
    package func tip(of branch: String) throws(RepositoryError) -> ObjectID? {
        let name = try naming { () throws(InvalidName) in try RefName.branch(branch) }
        return try ref(name)?.id
    }

    package func ref(_ name: RefName) throws(RepositoryError) -> ObjectReference? {
        try reading { () throws(ReadError) in try store.refs.lookup(Array(name.text.utf8))?.target }
    }

    /// All refs of a group, by their names in it.
    package func refs(in group: String) throws(RepositoryError) -> [(name: String, target: ObjectReference)] {
        let all = try reading { () throws(ReadError) in try store.refs.leaves() }
        return all.compactMap { entry in entry.name.name(in: group).map { ($0, entry.target) } }
    }

    package func tree(_ commit: Commit?) -> DirectoryTree {
        DirectoryTree(root: commit?.tree ?? DirectoryTree.emptyRoot, reader: store)
    }

    /// A path as a person types it, relative to where they are.
    package func path(_ typed: [UInt8]) throws(RepositoryError) -> RepositoryPath {
        let absolute = environment.workingDirectory.appending(typed).normalized
        guard let relative = absolute.relative(to: copy.root.normalized) else {
            throw .outside(escapedText(typed))
        }
        return try naming { () throws(InvalidName) in try RepositoryPath(relative) }
    }
}
