package import FileIO
internal import Hashing
package import ObjectModel
package import WorkingTree

/// What is to be had of another store.
package struct GetRequest: Sendable {
    /// Where the other store is.
    package var url: String
    package var path: RepositoryPath
    /// A branch, a tag or the beginning of a commit's id; `main`, or the only branch, if there is none.
    package var revision: String?
    /// Where it is written; nothing may be there but what an interrupted request of the same kind left.
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
        let begun = try BegunGet(request, files)
        // A repository's own directory is no place for a version.
        for name in request.target.bytes.split(separator: UInt8(ascii: "/"))
        where [".git", ".mlrepo"].contains(String(decoding: name, as: UTF8.self)) {
            throw .misplaced(request.target)
        }
        return try looking(into: request.url, scratch: request.scratch, environment) {
            (looking, refs) throws(RepositoryError) in
            // What was begun goes on with the version that it began with.
            let id = try looking.commit(begun.commit ?? request.revision, among: refs)
            let found = try looking.entries(at: [request.path], of: id)
            return try looking.write(found, of: id, request, begun, onStep)
        }
    }

    /// Smaller files of a directory are begun anew where one was interrupted, in bytes.
    private static let goneOnWith = 1 << 20

    private func write(
        _ found: [Leaf], of id: ObjectID, _ request: GetRequest, _ begun: BegunGet,
        _ onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) -> GetReport {
        let files = environment.files
        let isOne = found.count == 1 && found[0].path == request.path && found[0].entry.mode != .directory
        // An empty directory becomes one with files, and no file.
        if isOne, try filing({ () throws(FileError) in try files.status(request.target) }) != nil {
            throw .refExists("\(request.target)")
        }
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
            if begun.isBegun, try isThere(entry, name, place.appending(below)) { continue }
            steps.append(CheckoutStep(path: name, entry: entry))
        }
        _ = try filing { () throws(FileError) in try files.makeDirectories(place, permissions: 0o777) }
        if !isOne { try begun.note(id, files) }
        // One file has its name only when all of it is there.
        try write(
            steps, in: place, isResumed: begun.isBegun, keepsFrom: isOne ? 0 : Self.goneOnWith, onStep: onStep
        )
        if !isOne { try begun.clear(files) }
        let bytes = found.reduce(0) { $0 + ($1.entry.mode == .directory ? 0 : $1.entry.size) }
        return GetReport(commit: id, files: found.count { $0.entry.mode != .directory }, bytes: bytes)
    }

    /// Whether a file of a version is there already, bytes and all.
    private func isThere(
        _ entry: TreeEntry, _ name: RepositoryPath, _ place: FilePath
    ) throws(RepositoryError) -> Bool {
        let status = try filing { () throws(FileError) in try environment.files.status(place) }
        guard entry.mode.kind == .blob, let status else { return false }
        // Somebody has put one in the place of the file.
        if status.kind == .directory { throw .tree(.wouldLose([name])) }
        guard status.kind == .file, status.size == entry.size,
            status.isExecutable == (entry.mode == .executable)
        else { return false }
        return try filing { () throws(FileError) in
            try Snapshot.digest(of: place, environment.files) == entry.id
        }
    }
}

/// A `get` that was interrupted while it wrote a directory: which version it was writing.
private struct BegunGet {
    let isBegun: Bool
    /// The whole id of the version, if any of its files may be there.
    let commit: String?
    private let marker: FilePath

    /// - Throws: ``RepositoryError/refExists(_:)`` if something else is at the target.
    init(_ request: GetRequest, _ files: any FileSystem) throws(RepositoryError) {
        // Another request is another name, so that one never goes on with what another began.
        let key = [request.url, "\(request.path)", request.revision ?? ""].joined(separator: "\0")
        let name = Hex.text(Array(SHA256.digest(of: Array(key.utf8)).bytes.prefix(8)))
        let marker = request.target.appending(EntryName.temporaryPrefix + name.utf8)
        self.marker = marker
        let (isFree, noted) = try filing { () throws(FileError) -> (Bool, [UInt8]?) in
            guard let status = try files.status(request.target) else { return (true, nil) }
            guard status.kind == .directory else { return (false, nil) }
            if try files.names(in: request.target).isEmpty { return (true, nil) }
            return (false, try files.contentsIfPresent(marker, limit: 64))
        }
        guard isFree || noted != nil else { throw .refExists("\(request.target)") }
        isBegun = noted != nil
        commit = noted.flatMap { try? ObjectID(hex: String(decoding: $0, as: UTF8.self)).hex }
    }

    /// Says in the directory what is being written there.
    func note(_ id: ObjectID, _ files: any FileSystem) throws(RepositoryError) {
        guard commit == nil else { return }
        try filing { () throws(FileError) in
            try files.removeIfPresent(marker)
            let file = try files.create(marker, permissions: 0o600)
            defer { files.close(file) }
            try files.write(file, Array(id.hex.utf8))
        }
    }

    /// All of it is there.
    func clear(_ files: any FileSystem) throws(RepositoryError) {
        try filing { () throws(FileError) in try files.removeIfPresent(marker) }
    }
}
