package import FileIO
internal import ObjectModel
internal import Storage

/// What kind of repository is to be made.
package struct CreationRequest: Sendable {
    /// The store that the working copy is to use, if it is not to have one of its own.
    package var store: FilePath?
    /// A store by itself, without files.
    package var isBare = false
    /// A group may write to the store.
    package var isShared = false
    /// The group's name; nothing for that of the directory.
    package var group: String?

    package init() {}
}

extension Repository {
    /// Whether a directory is a working copy already.
    package static func isWorkingCopy(_ root: FilePath, _ environment: Environment) throws(RepositoryError)
        -> Bool
    {
        try exists(WorkingCopy(root: root, environment).directory / "HEAD", environment.files)
    }

    /// Refuses a place in a `.mlrepo`: what lies there is its store's, whoever made it.
    static func requireOutsideStores(_ root: FilePath) throws(RepositoryError) {
        if root.bytes.split(separator: UInt8(ascii: "/")).contains(Array(".mlrepo".utf8)[...]) {
            throw .misplaced(root)
        }
    }

    /// Makes a repository in a directory.
    package static func create(
        at root: FilePath, _ request: CreationRequest, _ environment: Environment
    ) throws(RepositoryError) -> Repository {
        let files = environment.files
        let copy = WorkingCopy(root: root, isBare: request.isBare, environment)
        // A store by itself has no HEAD; its log says whether it was finished.
        let isThere = request.isBare ? false : try exists(copy.directory / "HEAD", files)
        if isThere {
            if let store = request.store, let moved = try attached(copy, to: store, environment) {
                return moved
            }
            let isOwn = try !exists(copy.directory / "store", files)
            throw isOwn ? .store(.exists(copy.directory)) : .refExists("\(copy.directory)")
        }
        try requireOutsideStores(root)
        let group = try request.group.map { (name) throws(RepositoryError) in try groupID(name, environment) }
        // What is refused leaves no directory behind.
        let place = try request.store.map { (store) throws(RepositoryError) in
            try existingStore(store, environment)
        }
        _ = try filing { () throws(FileError) in try files.makeDirectories(copy.directory, permissions: 0o777)
        }
        let workingCopy = Hex.text(environment.random(16))
        if let place {
            try copy.setStore(place)
        } else {
            try createStore(
                copy.directory, request, group: group, workingCopy: request.isBare ? nil : workingCopy,
                environment)
        }
        if !request.isBare {
            try copy.hideFromGit()
            try copy.setHead(WorkingCopy.Head(branch: defaultBranch, commit: nil, workingCopy: workingCopy))
        }
        let repository = try open(copy, environment)
        if !request.isBare { repository.noteWorkingCopy(workingCopy, at: root) }
        return repository
    }

    /// Lets a working copy use its store at the place where it is now.
    ///
    /// - Returns: Nothing if its store is where it was.
    private static func attached(
        _ copy: WorkingCopy, to store: FilePath, _ environment: Environment
    ) throws(RepositoryError) -> Repository? {
        let old = try copy.store()
        guard old != copy.directory, try !exists(old / "format", environment.files) else { return nil }
        let place = try existingStore(store, environment)
        let found = try storing { () throws(StoreError) in
            try ObjectStore.open(place, files: environment.files)
        }
        let head = try copy.head()
        if let commit = head.commit, !found.contains(ObjectReference(.commit, commit)) {
            throw .foreignStore(place, commit)
        }
        try copy.setStore(place)
        let repository = try open(copy, environment)
        repository.noteWorkingCopy(head.workingCopy, at: copy.root)
        return repository
    }

    private static func createStore(
        _ directory: FilePath, _ request: CreationRequest, group: UInt32?, workingCopy: String?,
        _ environment: Environment
    ) throws(RepositoryError) {
        guard
            let actor = Identity.find(Configuration(), environment).person
                ?? Person(name: "unknown", email: "")
        else {
            throw .noIdentity
        }
        let event = Event(
            verb: "init", actor: actor, workingCopy: workingCopy, time: environment.now(),
            nonce: Hex.text(environment.random(16)), reason: nil, refs: [])
        let format = StoreFormat(
            origin: Hex.text(environment.random(16)), cutRule: 1, sharedBits: request.isShared ? 0o060 : nil)
        if request.isShared {
            try filing { () throws(FileError) in
                try SharedFileSystem(environment.files).open(directory, toGroup: group)
            }
        }
        do throws(StoreError) {
            _ = try ObjectStore.create(
                directory, format: format, event: event, files: environment.files, random: environment.random)
        } catch {
            // Everything but HEAD may be there already, if an earlier init was interrupted.
            guard case .exists = error, !request.isBare else { throw .store(error) }
        }
    }

    /// The store at a path: the directory itself, or the `.mlrepo` in it, or the one that this uses.
    private static func existingStore(_ path: FilePath, _ environment: Environment) throws(RepositoryError)
        -> FilePath
    {
        let files = environment.files
        for candidate in [path, path / ".mlrepo"] {
            if try exists(candidate / "format", files) { return candidate }
            if try exists(candidate / "store", files) {
                return try WorkingCopy(root: candidate.parent, environment).store()
            }
        }
        throw .store(.notFound(path))
    }

    /// The number of a group, from `/etc/group`: the program is static, and asks no name service.
    private static func groupID(_ name: String, _ environment: Environment) throws(RepositoryError) -> UInt32
    {
        if let number = UInt32(name) { return number }
        let bytes = try filing { () throws(FileError) in
            try environment.files.contentsIfPresent(FilePath("/etc/group"), limit: 16 << 20) ?? []
        }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count >= 3, fields[0] == name, let number = UInt32(fields[2]) { return number }
        }
        throw .badConfiguration("there is no group '\(escapedText(name.utf8))' in /etc/group")
    }
}
