package import FileIO
package import ObjectModel
internal import Remotes
internal import Storage
package import WorkingTree

/// What is to be had of another store.
package struct GetRequest: Sendable {
    /// Where the other store is.
    package var url: String
    package var path: RepositoryPath
    /// A branch, a tag or the beginning of a commit's id; `main`, or the only branch, if there is none.
    package var revision: String?
    /// Where it is written; nothing may be there.
    package var target: FilePath
    /// A directory that is made and removed again.
    package var scratch: FilePath

    package init(url: String, path: RepositoryPath, revision: String?, target: FilePath, scratch: FilePath) {
        (self.url, self.path, self.revision) = (url, path, revision)
        (self.target, self.scratch) = (target, scratch)
    }
}

/// What came of another store.
package struct GetReport: Sendable {
    package let commit: ObjectID
    package let files: Int
    package let bytes: Int
}

extension Repository {
    /// Writes a file or a directory of another store's version, without taking anything else: only what it needs is read, and every
    /// byte is checked against the ids that lead to it.
    ///
    /// - Throws: ``RepositoryError/refExists(_:)`` if something is at the target.
    package static func get(
        _ request: GetRequest, _ environment: Environment,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> GetReport {
        let files = environment.files
        guard try !exists(request.target, files) else { throw .refExists("\(request.target)") }
        // A repository's own directory is no place for a version.
        for name in request.target.bytes.split(separator: UInt8(ascii: "/"))
        where [".git", ".mlrepo"].contains(String(decoding: name, as: UTF8.self)) {
            throw .misplaced(request.target)
        }
        let location = try KnownRemotes.location(request.url, from: environment.workingDirectory)
        TemporaryFiles.note(directory: request.scratch)
        defer {
            files.removeAll(request.scratch)
            TemporaryFiles.forget(directory: request.scratch)
        }
        let own = try create(at: request.scratch, CreationRequest(), environment)
        let remote = Remote(name: nil, url: request.url, location: location)
        let way = try own.knownRemotes.way(to: remote)
        try own.requireNeeds(of: way, remote.label)
        let other = try own.knownRemotes.open(remote, by: way)
        let view: ObjectStore
        let refs: [RefEntry]
        do throws(RemoteError) {
            refs = try other.refs(with: own.store)
            view = try other.view(with: own.store)
        } catch { throw .remote(error) }
        let looking = own.seeing(view)
        let id = try looking.commit(request.revision, among: refs)
        let found = try looking.entries(at: [request.path], of: id)
        return try looking.write(found, of: id, request, onStep)
    }

    /// What a person calls a version of another store.
    private func commit(_ text: String?, among refs: [RefEntry]) throws(RepositoryError) -> ObjectID {
        let branches = refs.filter { $0.name.name(in: "branches") != nil }
        let only = branches.count == 1 ? branches[0].name.name(in: "branches") : nil
        let text = text ?? only ?? Self.defaultBranch
        let name = text.prefix { $0 != "~" && $0 != "^" }
        for group in ["branches", "tags"] {
            guard let found = refs.first(where: { $0.name.text == "\(group)/\(name)" }) else { continue }
            return try commit(named: found.target.id.hex + text[name.endIndex...])
        }
        return try commit(named: text)
    }

    private func write(
        _ found: [Leaf], of id: ObjectID, _ request: GetRequest,
        _ onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) -> GetReport {
        let files = environment.files
        let isOne = found.count == 1 && found[0].path == request.path && found[0].entry.mode != .directory
        // One file is made in the directory that is to have it, a directory as the target itself.
        let place = isOne ? request.target.parent : request.target
        var steps = CheckoutSteps()
        for (path, entry) in found {
            let below =
                isOne
                ? request.target.name
                : Array(path.bytes.dropFirst(request.path.isRoot ? 0 : request.path.bytes.count + 1))
            if below.isEmpty { continue }
            let name = try naming { () throws(InvalidName) in try RepositoryPath(below) }
            steps.append(CheckoutStep(path: name, entry: entry))
        }
        _ = try filing { () throws(FileError) in try files.makeDirectories(place, permissions: 0o777) }
        try write(steps, in: place, isResumed: false, onStep: onStep)
        let bytes = found.reduce(0) { $0 + ($1.entry.mode == .directory ? 0 : $1.entry.size) }
        return GetReport(commit: id, files: found.count { $0.entry.mode != .directory }, bytes: bytes)
    }
}
