package import FileIO
package import ObjectModel
internal import Storage
internal import WorkingTree

/// Writes the code of a run as it was: the revision of git, what the work tree had beyond it, and the files that git did not know.
///
/// No address that a record names is ever asked: the revision comes from a repository of git on this machine.
struct CodeCheckout {
    private let repository: Repository
    private let code: Run.Code
    /// Trees of files that git did not know; of two files in one place the later one is written.
    private let sources: [ObjectID]
    /// The repository of git that has the revision; nothing where no revision is recorded.
    private let source: FilePath?
    private let onStep: @Sendable (WorkStep) -> Void

    /// - Parameter git: A repository of git to look in, too, and before the others.
    /// - Throws: ``RepositoryError/noCode(_:)`` if none here has the revision.
    init(
        _ repository: Repository, _ code: Run.Code, sources: [ObjectID], git: FilePath?,
        onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) {
        (self.repository, self.code, self.sources, self.onStep) = (repository, code, sources, onStep)
        guard let revision = code.revision else {
            source = nil
            return
        }
        // A record from elsewhere may say anything.
        let isDigits = revision.utf8.allSatisfy { Character(UnicodeScalar($0)).isHexDigit }
        guard isDigits, [40, 64].contains(revision.utf8.count) else {
            throw .git("its revision is recorded as '\(escapedText(revision.utf8))', which is none")
        }
        source = try repository.git(with: revision, besides: git)
        guard source != nil else { throw .noCode(code) }
    }

    private var environment: Environment { repository.environment }

    /// Writes the code into a directory.
    ///
    /// - Parameters:
    ///   - staging: Where it is put together; is removed if it is there. On the same file system.
    ///   - directory: The top of git's repository. What is there already stays.
    /// - Returns: How many files are there and in the code, too, and are no directories on both sides.
    func write(into directory: FilePath, by staging: FilePath) throws(RepositoryError) -> Int {
        let ready = staging / "ready"
        let isReady = try Repository.exists(ready, environment.files)
        if !isReady {
            let made = staging / "made"
            try remove(made)
            try repository.make(made)
            try gather(in: made)
            // Who was interrupted behind this only has to go on moving.
            try filing { () throws(FileError) in try environment.files.move(made, to: ready) }
        }
        let left = try merge(ready, into: directory)
        try remove(staging)
        return left
    }

    /// Names of files that are not as the run read them: filters and line ends of git's settings may have changed them.
    ///
    /// - Parameter top: Where git's repository is written.
    func changed(in top: FilePath) throws(RepositoryError) -> [[UInt8]] {
        guard let list = code.files else { return [] }
        let place = top.appending(code.directory.bytes)
        return DigestList.digests(try repository.text(list)).filter { name, id in
            (try? Snapshot.digest(of: place.appending(name).normalized, environment.files)) != id
        }.keys.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Whether git's revision has something at a path of the working copy.
    func has(_ path: RepositoryPath) -> Bool {
        guard let source, let revision = code.revision else { return false }
        let names = (code.directory.names + path.names).map { String(decoding: $0.bytes, as: UTF8.self) }
        let name = "\(revision):\(names.joined(separator: "/"))"
        return Git(root: source).output(["cat-file", "-e", name]) != nil
    }

    private func gather(in top: FilePath) throws(RepositoryError) {
        if let source, let revision = code.revision {
            try take(revision, from: source, into: top)
            if let remote = code.remote {
                _ = Git(root: top).output(["config", "remote.origin.url", remote])
                _ = Git(root: top).output([
                    "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*",
                ])
            }
            let patch = try code.patch.map { (id) throws(RepositoryError) in try repository.text(id) } ?? []
            try takeSubmodules(of: source, at: top, "", Self.submodules(in: patch), depth: 0)
            if !patch.isEmpty { try apply(patch, in: top) }
        }
        guard !sources.isEmpty else { return }
        var files: [RepositoryPath: TreeEntry] = [:]
        for tree in sources { for (path, entry) in try repository.files(of: tree) { files[path] = entry } }
        // Git's own file of that name is not what the run read.
        let place = try repository.real(code.directory, below: top)
        var steps = CheckoutSteps()
        for (path, entry) in files.sorted(by: { DirectoryTree.walkOrder($0.key, $1.key) }) {
            try removeFile(at: path, below: place)
            steps.append(CheckoutStep(path: path, entry: entry))
        }
        try repository.write(steps, in: place, onStep: onStep)
    }

    /// Lets git write the files of one revision, and of no other one, into a new repository.
    private func take(_ revision: String, from source: FilePath, into top: FilePath) throws(RepositoryError) {
        let git = Git(root: top)
        let format = revision.utf8.count == 64 ? ["--object-format=sha256"] : []
        // Any commit may be asked for, also one that no branch has any more.
        let serving = "git -c uploadpack.allowAnySHA1InWant=true upload-pack"
        guard git.output(["init", "--quiet", "--template="] + format + ["."]) != nil,
            git.output([
                "-c", "protocol.file.allow=always", "fetch", "--quiet", "--depth=1", "--no-tags",
                "--no-recurse-submodules",
                "--upload-pack=\(serving)", "--", source.description, revision,
            ]) != nil, git.output(["checkout", "--quiet", "--force", "--detach", revision, "--"]) != nil
        else { throw .git("git cannot write \(revision.prefix(12)) from \(source)") }
    }

    /// The same for submodules, each from where it lies in the repository that the revision came from.
    ///
    /// - Parameters:
    ///   - place: Where the work tree lies in that of which it is a submodule; empty, or with a slash at its end.
    ///   - changed: Which commits a patch puts them on, by their paths.
    private func takeSubmodules(
        of source: FilePath, at top: FilePath, _ place: String, _ changed: [String: String], depth: Int
    ) throws(RepositoryError) {
        guard depth < 16, let listed = Git(root: top).output(["ls-files", "--stage", "-z"]) else { return }
        for line in listed.split(separator: 0) where line.starts(with: "160000 ".utf8) {
            // `160000 id stage<tab>path`
            let parts = line.split(separator: UInt8(ascii: "\t"), maxSplits: 1)
            let words = parts[0].split(separator: UInt8(ascii: " "))
            guard parts.count == 2, words.count > 1 else { continue }
            let name = String(decoding: parts[1], as: UTF8.self)
            let revision = changed[place + name] ?? String(decoding: words[1], as: UTF8.self)
            let inner = source.appending(parts[1])
            // One that nobody has fetched had no files for the run, either.
            guard try Repository.exists(inner / ".git", environment.files) else { continue }
            let target = top.appending(parts[1])
            try repository.make(target)
            try take(revision, from: inner, into: target)
            try takeSubmodules(of: inner, at: target, "\(place)\(name)/", changed, depth: depth + 1)
        }
    }

    /// The commits that a patch puts submodules on, by their paths.
    private static func submodules(in patch: [UInt8]) -> [String: String] {
        var found: [String: String] = [:]
        var path: String?
        for line in patch.split(separator: 0x0a) {
            if line.starts(with: "diff --git ".utf8) {
                path = nil
            } else if line.starts(with: "+++ b/".utf8) {
                path = String(decoding: line.dropFirst(6), as: UTF8.self)
            } else if line.starts(with: "+Subproject commit ".utf8), let path {
                let id = String(decoding: line.dropFirst(19).prefix { $0 != 0x2d }, as: UTF8.self)
                if [40, 64].contains(id.utf8.count), id.allSatisfy(\.isHexDigit) { found[path] = id }
            }
        }
        return found
    }

    private func apply(_ patch: [UInt8], in top: FilePath) throws(RepositoryError) {
        let files = environment.files
        let place = top.parent / "patch"
        try filing { () throws(FileError) in
            try files.removeIfPresent(place)
            let file = try files.create(place, permissions: 0o600)
            defer { files.close(file) }
            try files.write(file, patch)
        }
        // It never writes outside of the directory, nor through a link.
        guard Git(root: top).output(["apply", "--whitespace=nowarn", "--", place.description]) != nil else {
            throw .git("git cannot apply the patch that was recorded")
        }
    }

    // MARK: Directories

    /// Moves what lies in a directory into another one; what is there stays, and is left behind.
    ///
    /// - Returns: How many names were left behind.
    private func merge(_ directory: FilePath, into other: FilePath) throws(RepositoryError) -> Int {
        let files = environment.files
        var left = 0
        for name in try filing({ () throws(FileError) in try files.names(in: directory) }) {
            // What is called like our own is none of the code.
            if name.elementsEqual(".mlrepo".utf8) {
                left += 1
                continue
            }
            let (from, to) = (directory.appending(name), other.appending(name))
            let (mine, theirs) = try filing { () throws(FileError) in
                (try files.status(from)?.kind, try files.status(to)?.kind)
            }
            if theirs == nil {
                try filing { () throws(FileError) in try files.move(from, to: to) }
            } else if mine == .directory, theirs == .directory {
                left += try merge(from, into: to)
            } else {
                left += 1
            }
        }
        return left
    }

    /// Removes a file of git's, so that another one can take its place; directories and what lies behind links are left alone.
    private func removeFile(at path: RepositoryPath, below top: FilePath) throws(RepositoryError) {
        try filing { () throws(FileError) in
            let files = environment.files.confined(to: top) ?? environment.files
            let place = top.appending(path.bytes)
            guard let status = try? files.status(place), status.kind != .directory else { return }
            try files.remove(place)
        }
    }

    private func remove(_ directory: FilePath) throws(RepositoryError) {
        try Repository.removeAll(directory, environment.files)
    }
}

extension Repository {
    /// A repository of git on this machine that has a revision: around this working copy, or another one of the store.
    func git(with revision: String, besides given: FilePath?) throws(RepositoryError) -> FilePath? {
        var places = given.map { [$0] } ?? []
        for root in [copy.root] + ((try? worktrees()) ?? []).compactMap(\.path) {
            if let found = try? gitRoot(above: root), !places.contains(found) { places.append(found) }
        }
        return places.first { place in
            Git(root: place).output(["cat-file", "-e", "\(revision)^{commit}"]) != nil
        }
    }

    /// A directory below another one, which is made if nothing is there; no link may be on the way, since it may lead anywhere.
    package func real(_ directory: RepositoryPath, below top: FilePath) throws(RepositoryError) -> FilePath {
        var place = top
        for name in directory.names {
            place = place.appending(name.bytes)
            let status = try filing { () throws(FileError) in try environment.files.status(place) }
            guard status == nil || status?.kind == .directory else { throw .behindLink(directory) }
        }
        try make(place)
        return place
    }

    /// Makes a directory, and those above it.
    func make(_ directory: FilePath) throws(RepositoryError) {
        _ = try filing { () throws(FileError) in
            try environment.files.makeDirectories(directory, permissions: 0o777)
        }
    }

    /// Writes a copy of a file or link at a place where nothing is.
    ///
    /// - Parameter status: What is copied.
    static func copyFile(
        _ from: FilePath, _ status: FileStatus, _ to: FilePath, reading files: any FileSystem,
        writing inside: any FileSystem
    ) throws(FileError) {
        if status.kind == .link { return try inside.makeLink(to, target: try files.readLink(from)) }
        let source = try files.open(from)
        defer { files.close(source) }
        let target = try inside.create(to, permissions: status.isExecutable ? 0o777 : 0o666)
        defer { inside.close(target) }
        var (offset, buffer) = (0, [UInt8](repeating: 0, count: 1 << 20))
        while true {
            let count = try files.read(source, filling: &buffer, at: offset)
            if count == 0 { break }
            try inside.write(target, buffer[..<count])
            offset += count
        }
    }

    /// Removes a directory with all that is in it; links are removed, and not followed.
    static func removeAll(_ directory: FilePath, _ files: any FileSystem) throws(RepositoryError) {
        guard let status = try filing({ () throws(FileError) in try files.status(directory) }) else { return }
        guard status.kind == .directory else {
            return try filing { () throws(FileError) in try files.remove(directory) }
        }
        let names = try filing { () throws(FileError) in try files.names(in: directory) }
        for name in names { try removeAll(directory.appending(name), files) }
        try filing { () throws(FileError) in try files.removeDirectory(directory) }
    }
}
