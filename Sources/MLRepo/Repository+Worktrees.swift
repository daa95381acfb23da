package import FileIO
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
    /// - Parameter directory: Is made; if it is there it has to be empty.
    package func addWorktree(
        _ directory: FilePath, at id: ObjectID?, branch: String?,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> Repository {
        let isTaken = try filing { () throws(FileError) in
            try environment.files.makeDirectories(directory, permissions: 0o777)
            return try !environment.files.names(in: directory).isEmpty
        }
        guard !isTaken else { throw .refExists(directory.description) }
        var request = CreationRequest()
        request.store = try copy.store()
        var inside = environment
        inside.workingDirectory = directory
        let made = try Repository.create(at: directory, request, inside)
        let settings = try filing { () throws(FileError) in
            try environment.files.contentsIfPresent(copy.directory / "config", limit: 1 << 20)
        }
        if let settings { try made.copy.setConfiguration(settings) }
        let repository = try Repository.open(made.copy, inside)
        if let id {
            _ = try repository.checkout(id, branch: branch, onStep: onStep)
        } else if let branch {
            var head = try repository.copy.head()
            head.branch = branch
            try repository.copy.setHead(head)
        }
        return repository
    }

    /// All working copies that the store holds a commit for, or knows the place of.
    package func worktrees() throws(RepositoryError) -> [WorktreeInfo] {
        var commits: [String: ObjectID] = [:]
        for (name, target) in try refs(in: "worktrees") { commits[name] = target.id }
        let places = placesOfWorkingCopies()
        return Set(commits.keys).union(places.keys).sorted().map {
            WorktreeInfo(id: $0, commit: commits[$0], path: places[$0])
        }
    }

    /// Lets the store forget a working copy: what only it stood on can be collected.
    ///
    /// Its files stay where they are.
    package func removeWorktree(_ info: WorktreeInfo) throws(RepositoryError) {
        if info.commit != nil { try removeRef("worktrees", info.id) }
        try? environment.files.removeIfPresent(places / info.id)
    }

    // MARK: Where they are

    /// Files named by working copies, each with a path: for people, and derived.
    private var places: FilePath { store.layout.cache / "worktrees" }

    private func placesOfWorkingCopies() -> [String: FilePath] {
        let names = (try? environment.files.names(in: places)) ?? []
        var found: [String: FilePath] = [:]
        for name in names {
            let id = String(decoding: name, as: UTF8.self)
            guard Hex.bytes(id)?.count == 16,
                let bytes = try? environment.files.contents(places / id, limit: 16_384), !bytes.contains(0)
            else { continue }
            found[id] = FilePath(bytes)
        }
        return found
    }

    /// Notes where a working copy is; a store that cannot be written to does without.
    func noteWorkingCopy(_ id: String, at root: FilePath) {
        let files = store.files
        do throws(FileError) {
            try files.makeDirectories(places, permissions: 0o777)
            try files.removeIfPresent(places / id)
            let file = try files.create(places / id, permissions: 0o444)
            defer { files.close(file) }
            try files.write(file, root.bytes)
        } catch {}
    }
}
