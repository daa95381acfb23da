package import FileIO
package import ObjectModel
internal import Remotes
internal import Storage

extension Repository {
    /// Makes a working copy with a store of its own that has all of another one's history.
    ///
    /// What was begun and cut off is gone on with.
    /// - Parameters:
    ///   - url: Where the other store is.
    ///   - root: The directory of the new working copy.
    ///   - progress: Takes how many bytes of how many are there.
    /// - Returns: The new working copy, which has no files yet.
    package static func clone(
        _ url: String, to root: FilePath, _ environment: Environment,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(RepositoryError) -> (Repository, TransferReport) {
        let location = try location(url, from: environment.workingDirectory)
        let begun = try begun(at: root, environment)
        if begun == nil {
            // What lies in a directory is somebody's.
            let names = (try? environment.files.names(in: root)) ?? []
            guard names.isEmpty else { throw .refExists("\(root)") }
            // A place that is no store leaves nothing behind.
            try require(location, url, environment)
        }
        var place = url
        if case .directory(let path) = location { place = "\(path)" }
        var repository: Repository
        if let begun {
            repository = begun
        } else {
            repository = try create(at: root, CreationRequest(), environment)
        }
        if let other = repository.remotes.first(where: { $0.name == defaultRemote }) {
            guard other.url == place else { throw .refExists("\(root)") }
        } else {
            try repository.setRemoteSetting(defaultRemote, place)
        }
        repository = try open(WorkingCopy(root: root, environment), environment)
        let report = try repository.fetch(from: try repository.remote(defaultRemote), progress: progress)
        return (repository, report)
    }

    /// A clone that was cut off: a working copy that stands on nothing.
    private static func begun(
        at root: FilePath, _ environment: Environment
    ) throws(RepositoryError) -> Repository? {
        guard try isWorkingCopy(root, environment) else { return nil }
        let repository = try open(WorkingCopy(root: root, environment), environment)
        guard try repository.copy.head().commit == nil, !repository.remotes.isEmpty,
            try repository.refs(in: "branches").isEmpty
        else { throw .refExists("\(root)") }
        return repository
    }

    private static func require(
        _ location: RemoteLocation, _ url: String, _ environment: Environment
    ) throws(RepositoryError) {
        guard case .directory(let path) = location else { return }
        for candidate in [path / "format", path / ".mlrepo/HEAD"] {
            if try exists(candidate, environment.files) { return }
        }
        throw .remote(RemoteError(url, .notAStore))
    }

    /// The branch that a clone stands on: `main` if there is one, else the one with the newest commit.
    package func branchOfClone() throws(RepositoryError) -> (name: String, commit: ObjectID)? {
        var newest: (name: String, commit: ObjectID, time: Int)?
        for (name, target) in try refs(in: "remotes") {
            let parts = name.split(separator: "/", maxSplits: 1)
            guard parts.count == 2, parts[0] == Self.defaultRemote else { continue }
            let branch = String(parts[1])
            if branch == Self.defaultBranch { return (branch, target.id) }
            let time = try reading { () throws(ReadError) in try store.commit(target.id) }.committed
            if newest.map({ $0.time < time }) ?? true { newest = (branch, target.id, time) }
        }
        return newest.map { ($0.name, $0.commit) }
    }
}
