package import FileIO
package import ObjectModel
internal import Remotes
internal import Storage

/// Which files of another store are to be listed.
package struct ListRequest: Sendable {
    /// Where the other store is, or its name in the repository around.
    package var url: String
    /// A branch, a tag or the beginning of a commit's id; `main`, or the only branch, if there is none.
    ///
    /// Where nothing has that name and no path is said, it is one.
    package var revision: String?
    package var path: RepositoryPath?
    /// A directory that is made and removed again.
    package var scratch: FilePath

    package init(url: String, revision: String?, path: RepositoryPath?, scratch: FilePath) {
        (self.url, self.revision, self.path, self.scratch) = (url, revision, path, scratch)
    }
}

/// Files of versions, here or in another store, without a clone.
extension Repository {
    /// Hands over the files of a version of another store, in order of paths: only the lists of names are read, and each is checked
    /// against the ids that lead to it.
    package static func list(
        _ request: ListRequest, _ environment: Environment, _ body: (RepositoryPath, TreeEntry) -> Void
    ) throws(RepositoryError) {
        try looking(into: request.url, scratch: request.scratch, environment) {
            (looking, refs) throws(RepositoryError) in
            let (id, path) = try looking.place(request, among: refs)
            try looking.forEachFile(of: id, at: path, body)
        }
    }

    /// Hands over the files of a version, in order of paths.
    ///
    /// - Parameter path: Only this file, or those in this directory.
    /// - Throws: ``RepositoryError/noPath(_:)`` if the version does not have it.
    package func forEachFile(
        of id: ObjectID, at path: RepositoryPath, _ body: (RepositoryPath, TreeEntry) -> Void
    ) throws(RepositoryError) {
        let commit = try reading { () throws(ReadError) in try store.commit(id) }
        try requireTree(id, commit)
        var tree = tree(commit)
        if !path.isRoot {
            let entry = try reading { () throws(ReadError) in try tree.entry(at: path) }
            guard let entry else { throw .noPath("\(path)") }
            guard entry.mode == .directory else { return body(path, entry) }
            tree = DirectoryTree(root: entry.id, reader: store)
        }
        try reading { () throws(ReadError) in
            try tree.forEachFile(under: path) { (path, entry) throws(ReadError) in body(path, entry) }
        }
    }

    private func place(
        _ request: ListRequest, among refs: [RefEntry]
    ) throws(RepositoryError) -> (ObjectID, RepositoryPath) {
        do throws(RepositoryError) {
            return (try commit(request.revision, among: refs), request.path ?? .root)
        } catch {
            guard case .noRevision = error, request.path == nil, let text = request.revision,
                let path = try? RepositoryPath(
                    FilePath("/").appending(Array(text.utf8)).normalized.relative(to: FilePath("/")) ?? []),
                let id = try? commit(nil, among: refs),
                path.isRoot || (try? tree(try store.commit(id)).entry(at: path)) ?? nil != nil
            else { throw error }
            return (id, path)
        }
    }

    /// Looks into another store through an empty one, which is removed again.
    ///
    /// - Parameters:
    ///   - url: Where the other store is, or its name in the repository around.
    ///   - body: Takes a repository that has what the other store has, and that one's refs.
    static func looking<Result>(
        into url: String, scratch: FilePath, _ environment: Environment,
        _ body: (Repository, [RefEntry]) throws(RepositoryError) -> Result
    ) throws(RepositoryError) -> Result {
        let known = try? Repository.workingCopy(environment).configuration()
        let place = known?[KnownRemotes.setting(url)] ?? url
        let location = try KnownRemotes.location(place, from: environment.workingDirectory)
        if known != nil, place == url, !url.contains(where: { "/:.".contains($0) }),
            case .directory(let path) = location, try !exists(path, environment.files)
        {
            throw .noRemote(url, isFile: false)
        }
        TemporaryFiles.note(directory: scratch)
        defer {
            environment.files.removeAll(scratch)
            TemporaryFiles.forget(directory: scratch)
        }
        let own = try create(at: scratch, CreationRequest(), environment)
        let remote = Remote(name: nil, url: url, location: location)
        let way = try own.knownRemotes.way(to: remote)
        try own.requireNeeds(of: way, remote.label)
        let other = try own.knownRemotes.open(remote, by: way)
        let view: ObjectStore
        let refs: [RefEntry]
        do throws(RemoteError) {
            refs = try other.refs(with: own.store)
            view = try other.view(with: own.store)
        } catch { throw .remote(error) }
        do throws(RepositoryError) { return try body(own.seeing(view), refs) } catch {
            switch error {
            case .object(let problem): throw .remote(RemoteError(url, .object(problem)))
            case .noRevision(let text):
                let there = ["branches", "tags"].flatMap { group in
                    refs.compactMap { $0.name.name(in: group) }
                }
                throw .notThere(remote: url, revision: text, there: there)
            default: throw error
            }
        }
    }

    /// What a person calls a version of another store.
    func commit(_ text: String?, among refs: [RefEntry]) throws(RepositoryError) -> ObjectID {
        let branches = refs.filter { $0.name.name(in: "branches") != nil }
        let only = branches.count == 1 ? branches[0].name.name(in: "branches") : nil
        let text = text ?? only ?? Self.defaultBranch
        // Nobody stands on anything there.
        if text == "HEAD" || text.hasPrefix("HEAD~") || text.hasPrefix("HEAD^") { throw .noRevision(text) }
        let name = text.prefix { $0 != "~" && $0 != "^" }
        for group in ["branches", "tags"] {
            guard let found = refs.first(where: { $0.name.text == "\(group)/\(name)" }) else { continue }
            return try commit(named: found.target.id.hex + text[name.endIndex...])
        }
        return try commit(named: text)
    }
}
