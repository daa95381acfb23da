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
    ///   - name: A branch or a tag that has to be there.
    ///   - progress: Takes how many bytes of how many are there.
    /// - Returns: The new working copy, which has no files yet.
    package static func clone(
        _ url: String, to root: FilePath, requiring name: String? = nil, _ environment: Environment,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(RepositoryError) -> (Repository, TransferReport) {
        let location = try KnownRemotes.location(url, from: environment.workingDirectory)
        if let begun = try begun(at: root, environment) {
            return try finish(begun, url, location, name, progress)
        }
        let files = environment.files
        // What lies in a directory is somebody's.
        let status = try filing { () throws(FileError) in try files.status(root) }
        let names = (try? files.names(in: root)) ?? []
        let place = try KnownRemotes.place(location, url)
        // One whose making was interrupted is made to its end; another store is not touched.
        let isAlone = names == [Array(".mlrepo".utf8)]
        let isBegun = isAlone ? try isOwn(root / ".mlrepo", place, files) : false
        guard status.map({ $0.kind == .directory }) ?? true, names.isEmpty || isBegun else {
            throw .refExists("\(root)")
        }
        let isThere = status != nil
        try requireOutsideStores(root)
        try require(location, url, environment)
        // Before all else: whoever types the command again is known by it.
        let copy = WorkingCopy(root: root, environment)
        _ = try filing { () throws(FileError) in try files.makeDirectories(copy.directory, permissions: 0o777)
        }
        try copy.setConfiguration(
            Array(
                Configuration.text("", setting: KnownRemotes.setting(KnownRemotes.defaultName), to: place)
                    .utf8))
        let repository = try create(at: root, CreationRequest(), environment)
        do throws(RepositoryError) { return try finish(repository, url, location, name, progress) } catch {
            // Where nothing has come, nothing is left behind.
            if (try? repository.store.refresh())?.number == 0 {
                files.removeAll(repository.copy.directory)
                if !isThere { try? files.removeDirectory(root) }
            }
            throw error
        }
    }

    /// Whether a directory was made by a clone of a place that came no further: nothing is in it, or what is written first.
    private static func isOwn(
        _ directory: FilePath, _ place: String, _ files: any FileSystem
    ) throws(RepositoryError) -> Bool {
        try filing { () throws(FileError) in
            if let bytes = try files.contentsIfPresent(directory / "config", limit: 1 << 20) {
                return Configuration(String(decoding: bytes, as: UTF8.self))[
                    KnownRemotes.setting(KnownRemotes.defaultName)]
                    == place
            }
            return try files.names(in: directory).allSatisfy { $0.starts(with: "tmp-".utf8) }
        }
    }

    /// Takes all that the other store has.
    private static func finish(
        _ begun: Repository, _ url: String, _ location: RemoteLocation, _ name: String?,
        _ progress: (Int, Int) -> Void
    ) throws(RepositoryError) -> (Repository, TransferReport) {
        let place = try KnownRemotes.place(location, url)
        guard begun.remotes.contains(where: { $0.name == KnownRemotes.defaultName && $0.url == place }) else {
            throw .refExists("\(begun.copy.root)")
        }
        let repository = try open(begun.copy, begun.environment)
        do throws(RepositoryError) {
            let report = try repository.fetch(
                from: try repository.remote(KnownRemotes.defaultName), requiring: name, progress: progress)
            return (repository, report)
        } catch {
            // Nobody has called it `origin` yet.
            switch error {
            case .remote(let problem): throw .remote(RemoteError(url, problem.problem))
            case .bundleNeeds(_, let id): throw .bundleNeeds(bundle: url, id)
            case .notThere(_, let name, let there): throw .notThere(remote: url, revision: name, there: there)
            default: throw error
            }
        }
    }

    /// A clone that was cut off: a working copy that stands on nothing.
    private static func begun(
        at root: FilePath, _ environment: Environment
    ) throws(RepositoryError) -> Repository? {
        guard try isWorkingCopy(root, environment) else { return nil }
        let repository = try open(WorkingCopy(root: root, environment), environment)
        let isUnfinished = try repository.copy.head().commit == nil ? true : repository.copy.pending() != nil
        guard isUnfinished, !repository.remotes.isEmpty else { throw .refExists("\(root)") }
        return repository
    }

    private static func require(
        _ location: RemoteLocation, _ url: String, _ environment: Environment
    ) throws(RepositoryError) {
        guard case .directory(let path) = location else { return }
        let kind = try filing { () throws(FileError) in try environment.files.status(path)?.kind }
        // A bundle tells by itself whether it is one.
        if kind == .file { return }
        // With a log and no `format`, it tells what is wrong by itself as well.
        for candidate in [path / "format", path / ".mlrepo/HEAD", path / "log/new"] {
            if try exists(candidate, environment.files) { return }
        }
        throw .remote(RemoteError(url, .notAStore))
    }

    /// The branch that a clone stands on: `main` if there is one, else the one with the newest commit.
    package func branchOfClone() throws(RepositoryError) -> (name: String, commit: ObjectID)? {
        var newest: (name: String, commit: ObjectID, time: Int)?
        for (name, target) in try refs(in: "remotes") {
            let parts = name.split(separator: "/", maxSplits: 1)
            guard parts.count == 2, parts[0] == KnownRemotes.defaultName else { continue }
            let branch = String(parts[1])
            if branch == Self.defaultBranch { return (branch, target.id) }
            let time = try reading { () throws(ReadError) in try store.commit(target.id) }.committed
            if newest.map({ $0.time < time }) ?? true { newest = (branch, target.id, time) }
        }
        return newest.map { ($0.name, $0.commit) }
    }
}
