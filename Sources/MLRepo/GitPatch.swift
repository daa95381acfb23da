internal import FileIO
internal import ObjectModel
internal import Storage

/// What a version keeps by itself, so that it is no new code.
struct KeptFiles {
    let version: DirectoryTree
    /// Directories of which the version has everything that was there, but for what is ``left``.
    let directories: Set<RepositoryPath>
    /// New files that lie in these directories, and that the version leaves out.
    let left: [RepositoryPath]

    init(_ version: DirectoryTree, _ directories: [RepositoryPath], without left: [RepositoryPath] = []) {
        (self.version, self.directories, self.left) = (version, Set(directories), left)
    }
}

extension Repository {
    /// What a work tree has beyond its last commit, with new code, and with what its submodules have.
    ///
    /// - Parameter place: Where it lies in the work tree of which it is a submodule; empty, or with a slash at its end.
    /// - Returns: Nothing if git cannot tell all of it, or there is too much.
    func patch(
        _ git: Git, _ kept: KeptFiles, at place: String = "", depth: Int = 0
    ) throws(RepositoryError) -> [UInt8]? {
        guard depth < Self.submoduleDepth, let unknown = try unknownCode(git, kept) else { return nil }
        guard var patch = patch(git, at: place, with: unknown, submodules: "none") else {
            // A submodule that cannot be looked at, and that the person's own settings leave out.
            return patch(git, at: place, with: unknown, submodules: nil)
        }
        // Most have no submodule that changed, and are asked once.
        guard patch.holds("\n+Subproject commit ") else { return patch }
        guard let submodules = git.changedSubmodules(),
            let own = self.patch(git, at: place, with: unknown, submodules: "dirty")
        else { return nil }
        patch = own
        for submodule in submodules {
            // An argument is text here.
            guard let name = String(validating: submodule, as: UTF8.self) else { return nil }
            let root = git.root.appending(submodule)
            let isThere = try filing { () throws(FileError) in
                try environment.files.status(root / ".git") != nil
            }
            guard isThere else { continue }
            let inner = try self.patch(Git(root: root), kept, at: "\(place)\(name)/", depth: depth + 1)
            guard let inner, patch.count + inner.count <= Git.limit else { return nil }
            patch += inner
        }
        return patch
    }

    /// Submodules within each other.
    private static var submoduleDepth: Int { 16 }

    /// Small files of code that git neither knows nor ignores, and that no version of ours keeps: what was just written.
    ///
    /// Known by their names, since other files may hold secrets, and are nobody's code.
    /// - Returns: Paths below git's top directory; nothing if git cannot say, or there are too many to be anybody's new code.
    private func unknownCode(_ git: Git, _ kept: KeptFiles) throws(RepositoryError) -> [[UInt8]]? {
        // A directory of which git knows nothing is one entry, so that data sets are not walked through.
        guard let listed = git.unknown(["--directory", "--no-empty-directory"]) else { return nil }
        var code: [[UInt8]] = []
        var directories: [[UInt8]] = []
        for name in listed {
            if name.last != UInt8(ascii: "/") {
                if try isNewCode(name, git, kept) { code.append(name) }
            } else if !isCovered(name, git, kept) {
                directories.append(name)
            }
        }
        let top = git.root.bytes + [UInt8(ascii: "/")]
        let left = kept.left.filter { Self.isCode($0.bytes) }.map { copy.root.appending($0.bytes).bytes }
            .filter { $0.starts(with: top) }.map { Array($0.dropFirst(top.count)) }
        guard let inside = unknown(git, in: directories, besides: exceptions(git, kept)),
            let others = unknown(git, in: left, besides: [])
        else { return nil }
        for name in inside + others where try isNewCode(name, git, kept) { code.append(name) }
        return code.count <= Self.unknownFileCount ? code : nil
    }

    /// Files at and below some paths that git neither knows nor ignores; nothing if it cannot say.
    private func unknown(_ git: Git, in paths: [[UInt8]], besides exceptions: [String]) -> [[UInt8]]? {
        var (found, places, size): ([[UInt8]], [String], Int) = ([], [], 0)
        for (index, path) in paths.enumerated() {
            // An argument is text here.
            guard let text = String(validating: path, as: UTF8.self) else { return nil }
            places.append(":(literal)\(text)")
            size += path.count
            guard size >= Git.argumentSize || index == paths.count - 1 else { continue }
            guard let listed = git.unknown(at: places + exceptions) else { return nil }
            found += listed
            (places, size) = ([], 0)
        }
        return found
    }

    /// Patterns for git that leave out what is kept as a whole; without those that are too long, whose files are only named in
    /// vain.
    private func exceptions(_ git: Git, _ kept: KeptFiles) -> [String] {
        var rest = Git.argumentSize
        let top = git.root.bytes + [UInt8(ascii: "/")]
        return kept.directories.sorted().compactMap { directory in
            let place = copy.root.appending(directory.bytes).bytes
            guard place.starts(with: top), place.count < rest,
                let text = String(validating: place.dropFirst(top.count), as: UTF8.self)
            else { return nil }
            rest -= place.count
            return ":(exclude,literal)\(text)"
        }
    }

    private static let codeSuffixes: Set<String> = [
        "c", "cc", "cpp", "cu", "cuh", "f90", "go", "h", "hpp", "ipynb", "java", "jl", "js", "kt", "lua", "m",
        "mk", "pl", "py", "pyi", "pyx", "r", "rb", "rmd", "rs", "scala", "sh", "smk", "sql", "swift", "ts",
    ]
    private static let codeNames: Set<String> = ["dockerfile", "makefile", "snakefile"]

    static func isCode(_ path: [UInt8]) -> Bool {
        let name = String(decoding: FilePath(path).name, as: UTF8.self).lowercased()
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else {
            return codeNames.contains(name)
        }
        return codeSuffixes.contains(String(name[name.index(after: dot)...]))
    }

    /// Larger files are no code, in bytes.
    private static let unknownFileLimit = 1 << 20
    private static let unknownFileCount = 10_000

    private func isNewCode(
        _ name: [UInt8], _ git: Git, _ kept: KeptFiles
    ) throws(RepositoryError) -> Bool {
        guard Self.isCode(name) else { return false }
        let status = (try? environment.files.status(git.root.appending(name))) ?? nil
        guard status?.kind == .file, (status?.size ?? .max) <= Self.unknownFileLimit else { return false }
        guard let path = path(name, git) else { return true }
        return try reading { () throws(ReadError) in try kept.version.entry(at: path) == nil }
    }

    /// Whether all of a directory is kept.
    private func isCovered(_ name: [UInt8], _ git: Git, _ kept: KeptFiles) -> Bool {
        path(name.dropLast(), git).map { kept.directories.covers($0) } ?? false
    }

    /// Where a path below git's top directory lies in the working copy, if it does.
    private func path(_ name: some Collection<UInt8>, _ git: Git) -> RepositoryPath? {
        let place = git.root.appending(Array(name)).bytes
        let prefix = copy.root.bytes + [UInt8(ascii: "/")]
        return place.starts(with: prefix) ? try? RepositoryPath(place.dropFirst(prefix.count)) : nil
    }

    /// The patch with some files as new ones: git is told of them in an index of their own, which is thrown away.
    private func patch(
        _ git: Git, at place: String, with unknown: [[UInt8]], submodules: String?
    ) -> [UInt8]? {
        guard !unknown.isEmpty else { return git.patch(at: place, ignoring: submodules) }
        let index = copy.directory / "tmp-git-\(Hex.text(environment.random(8)))"
        defer { try? environment.files.removeIfPresent(index) }
        guard let known = git.line(["rev-parse", "--git-path", "index"]),
            let bytes = try? environment.files.contentsIfPresent(
                git.root.appending(known.utf8), limit: 1 << 30),
            let file = try? environment.files.create(index, permissions: 0o600)
        else { return nil }
        defer { environment.files.close(file) }
        guard (try? environment.files.write(file, bytes)) != nil else { return nil }
        // Git takes a file for unchanged by its status where that is older than the index.
        let original = git.root.appending(known.utf8)
        guard Subprocess.run(["touch", "-r", original.description, index.description]) else { return nil }
        let own = Git(root: git.root, index: index)
        let added = withList(of: unknown) { list in
            own.output([
                "--literal-pathspecs", "add", "--intent-to-add", "--pathspec-from-file=\(list)",
                "--pathspec-file-nul",
            ])
        }
        return added == nil ? nil : own.patch(at: place, ignoring: submodules)
    }

    /// Lends a file with names, which are bytes and may be too many for a command line; a zero byte ends each.
    ///
    /// - Returns: Nothing if the file cannot be written.
    func withList(of names: some Sequence<[UInt8]>, _ body: (FilePath) -> [UInt8]?) -> [UInt8]? {
        let place = copy.directory / "tmp-git-\(Hex.text(environment.random(8)))"
        defer { try? environment.files.removeIfPresent(place) }
        guard let file = try? environment.files.create(place, permissions: 0o600) else { return nil }
        defer { environment.files.close(file) }
        guard (try? environment.files.write(file, Array(names.map { $0 + [0] }.joined()))) != nil else {
            return nil
        }
        return body(place)
    }
}

extension [UInt8] {
    /// Whether a text stands somewhere in these bytes.
    fileprivate func holds(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { text in
            withUnsafeBytes { bytes in
                var start = 0
                while start + text.count <= bytes.count {
                    if bytes[start] == text[0],
                        bytes[start..<start + text.count].elementsEqual(text)
                    {
                        return true
                    }
                    start += 1
                }
                return false
            }
        }
    }
}
