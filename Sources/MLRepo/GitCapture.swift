internal import FileIO
package import ObjectModel
internal import Storage

extension Repository {
    /// The revision of the git repository that the working copy lies in, with what the work tree has beyond it.
    ///
    /// - Parameter kept: What is in the version is kept by itself, and no code that git does not know yet.
    /// - Returns: Nothing if there is none, or no git.
    func capturedCode(_ kept: KeptFiles, _ writer: ObjectWriter) throws(RepositoryError) -> Run.Code? {
        guard let root = try gitRoot() else { return nil }
        var code = try capturedCode(in: root, kept, writer)
        if let place = copy.root.relative(to: root), let directory = try? RepositoryPath(place) {
            code?.directory = directory
        }
        return code
    }

    private func capturedCode(
        in root: FilePath, _ kept: KeptFiles, _ writer: ObjectWriter
    ) throws(RepositoryError) -> Run.Code? {
        let git = Git(root: root)
        // Without git nothing is known of the code.
        guard git.line(["rev-parse", "--git-dir"]) != nil else { return nil }
        let revision = git.line(["rev-parse", "--verify", "--quiet", "HEAD"])
        let remote = git.line(["config", "--get", "remote.origin.url"]).map(Self.withoutPassword)
        guard revision != nil else { return Run.Code(revision: nil, remote: remote, dirty: true, patch: nil) }
        var patch: [UInt8]?
        // Files may come and go meanwhile. A patch without some of them would say that it is all.
        for _ in 0..<2 where patch == nil { patch = try self.patch(git, kept) }
        guard let patch, !patch.isEmpty else {
            return Run.Code(revision: revision, remote: remote, dirty: patch == nil, patch: nil)
        }
        guard patch.count <= ObjectKind.blob.payloadLimit else {
            // A patch that does not fit one blob is not half kept.
            return Run.Code(revision: revision, remote: remote, dirty: true, patch: nil)
        }
        let id = ObjectID(of: .blob, payload: patch)
        if writer.claim(ObjectReference(.blob, id)) {
            var builder = FrameBuilder(.data)
            builder.add(ObjectReference(.blob, id), patch)
            try storing { () throws(StoreError) in try writer.append(&builder) }
        }
        return Run.Code(revision: revision, remote: remote, dirty: true, patch: id)
    }

    /// How many of the files at and below some paths git tracks, too.
    package func filesOfGit(below paths: [RepositoryPath]) throws(RepositoryError) -> Int {
        guard !paths.isEmpty, try gitRoot() != nil else { return 0 }
        let git = Git(root: copy.root)
        var count = 0
        var names: [String] = []
        var size = 0
        for (index, path) in paths.enumerated() {
            names.append(path.isRoot ? "." : "\(FilePath(path.bytes))")
            size += path.bytes.count
            guard index == paths.count - 1 || size >= Git.argumentSize else { continue }
            let listed = git.output(["--literal-pathspecs", "ls-files", "-z", "--"] + names)
            count += listed?.count { $0 == 0 } ?? 0
            (names, size) = ([], 0)
        }
        return count
    }

    /// Those of some paths that git would take with everything else: it does not ignore them.
    package func seenByGit(_ paths: [RepositoryPath]) throws(RepositoryError) -> [RepositoryPath] {
        guard try gitRoot() != nil else { return [] }
        let git = Git(root: copy.root)
        guard git.line(["rev-parse", "--is-inside-work-tree"]) == "true" else { return [] }
        let asked = paths.filter { !$0.isRoot }
        if let names = ignored(asked, git) { return asked.filter { !names.contains($0.bytes) } }
        // One that it refuses, in a submodule, is no answer for the others; of very many nobody can be told more.
        guard asked.count <= 64 else { return asked }
        return asked.filter { ignored([$0], git)?.contains($0.bytes) != true }
    }

    /// Those of some names that git ignores; nothing if it cannot tell.
    private func ignored(_ paths: [RepositoryPath], _ git: Git) -> Set<[UInt8]>? {
        // A name that begins with a colon would be a pattern.
        let here = Array("./".utf8)
        let listed = withList(of: paths.lazy.map { here + $0.bytes }) { list in
            git.output(["check-ignore", "-z", "--stdin"], input: list, accepting: 1)
        }
        return listed.map { Set($0.split(separator: 0).map { Array($0.dropFirst(here.count)) }) }
    }

    /// Whether commits made here record code.
    package func isInGit() throws(RepositoryError) -> Bool { try gitRoot() != nil }

    func gitRoot() throws(RepositoryError) -> FilePath? { try gitRoot(above: copy.root) }

    /// The nearest directory, at a place or above it, that git has a repository in.
    func gitRoot(above place: FilePath) throws(RepositoryError) -> FilePath? {
        var directory = place
        while true {
            let isHere = try filing { () throws(FileError) in
                try environment.files.status(directory / ".git") != nil
            }
            if isHere { return directory }
            guard directory.parent != directory else { return nil }
            directory = directory.parent
        }
    }

    /// An address without user names and passwords: `https://ada:secret@host/x` becomes `https://host/x`, and so does an address
    /// that stands in another one, as a proxy has it.
    static func withoutPassword(_ address: String) -> String {
        // A token may stand in the query, too.
        let parts = address.contains("://") ? address.prefix { $0 != "?" && $0 != "#" } : address[...]
        var names = parts.split(separator: "/", omittingEmptySubsequences: false)
        for index in names.indices.dropFirst(2) {
            guard let end = names[index].lastIndex(of: "@") else { continue }
            let isHost = names[index - 1].isEmpty && names[index - 2].hasSuffix(":")
            // A scope such as `@group` is no password.
            guard isHost || names[index][..<end].contains(":") else { continue }
            names[index] = names[index][names[index].index(after: end)...]
        }
        return names.joined(separator: "/")
    }
}
