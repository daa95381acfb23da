internal import FileIO
package import ObjectModel
internal import Storage

extension Repository {
    /// The most bytes of a patch that are recorded.
    private static let patchLimit = 64 << 20

    /// The revision of the git repository that the working copy lies in, with what the work tree has beyond it.
    ///
    /// - Parameter version: What is in it is kept by itself, and no code that git does not know yet.
    /// - Returns: Nothing if there is none, or no git.
    func capturedCode(_ version: DirectoryTree, _ writer: ObjectWriter) throws(RepositoryError) -> Run.Code? {
        guard let root = try gitRoot() else { return nil }
        let git = Git(root: root, limit: Self.patchLimit)
        // Without git nothing is known of the code.
        guard git.line(["rev-parse", "--git-dir"]) != nil else { return nil }
        let revision = git.line(["rev-parse", "--verify", "--quiet", "HEAD"])
        let remote = git.line(["config", "--get", "remote.origin.url"]).map(Self.withoutPassword)
        guard revision != nil else { return Run.Code(revision: nil, remote: remote, dirty: true, patch: nil) }
        var patch: [UInt8]?
        // Files may come and go meanwhile. A patch without some of them would say that it is all.
        for _ in 0..<2 where patch == nil {
            guard let unknown = try unknownCode(git, version) else { break }
            patch = unknown.isEmpty ? git.patch() : self.patch(git, with: unknown)
        }
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

    /// Small files of code that git neither knows nor ignores, and that no version of ours keeps: what was just written.
    ///
    /// Known by their names, since other files may hold secrets, and are nobody's code.
    /// - Returns: Paths below git's top directory; nothing if git cannot say, or there are too many to be anybody's new code.
    private func unknownCode(_ git: Git, _ version: DirectoryTree) throws(RepositoryError) -> [[UInt8]]? {
        // A directory of which git knows nothing is one entry, so that data sets are not walked through.
        guard let listed = git.names(["--directory", "--no-empty-directory"], below: nil) else { return nil }
        var found: [[UInt8]] = []
        for name in listed where try !isKept(name, git, version) {
            guard name.last == UInt8(ascii: "/") else {
                found.append(name)
                continue
            }
            guard let inside = git.names([], below: name) else { return nil }
            for inner in inside where try !isKept(inner, git, version) { found.append(inner) }
        }
        let code = found.filter { name in
            guard Self.isCode(name) else { return false }
            let status = (try? environment.files.status(git.root.appending(name))) ?? nil
            return status?.kind == .file && (status?.size ?? .max) <= Self.unknownFileLimit
        }
        return code.count <= Self.unknownFileCount ? code : nil
    }

    private static let codeSuffixes: Set<String> = [
        "c", "cc", "cpp", "cu", "cuh", "f90", "go", "h", "hpp", "ipynb", "java", "jl", "js", "kt", "lua", "m",
        "mk", "pl", "py", "pyi", "pyx", "r", "rb", "rmd", "rs", "scala", "sh", "smk", "sql", "swift", "ts",
    ]
    private static let codeNames: Set<String> = ["dockerfile", "makefile", "snakefile"]

    private static func isCode(_ path: [UInt8]) -> Bool {
        let name = String(decoding: FilePath(path).name, as: UTF8.self).lowercased()
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else {
            return codeNames.contains(name)
        }
        return codeSuffixes.contains(String(name[name.index(after: dot)...]))
    }

    /// Larger files are no code, in bytes.
    private static let unknownFileLimit = 1 << 20
    private static let unknownFileCount = 10_000

    /// Whether a path below git's top directory is in a version of ours.
    private func isKept(
        _ name: [UInt8], _ git: Git, _ version: DirectoryTree
    ) throws(RepositoryError) -> Bool {
        let place = git.root.appending(name).bytes
        let prefix = copy.root.bytes + [UInt8(ascii: "/")]
        guard place.starts(with: prefix) else { return false }
        let below = place.dropFirst(prefix.count)
        guard let path = try? RepositoryPath(below.last == UInt8(ascii: "/") ? below.dropLast() : below)
        else {
            return false
        }
        return try reading { () throws(ReadError) in try version.entry(at: path) != nil }
    }

    /// The patch with some files as new ones: git is told of them in an index of their own, which is thrown away.
    private func patch(_ git: Git, with unknown: [[UInt8]]) -> [UInt8]? {
        let index = copy.directory / "tmp-git-\(Hex.text(environment.random(8)))"
        defer { try? environment.files.removeIfPresent(index) }
        guard let known = git.line(["rev-parse", "--git-path", "index"]),
            let bytes = try? environment.files.contentsIfPresent(
                git.root.appending(known.utf8), limit: 1 << 30),
            let file = try? environment.files.create(index, permissions: 0o600)
        else { return nil }
        defer { environment.files.close(file) }
        guard (try? environment.files.write(file, bytes)) != nil else { return nil }
        let own = Git(root: git.root, index: index, limit: Self.patchLimit)
        let added = withList(of: unknown) { list in
            own.output([
                "--literal-pathspecs", "add", "--intent-to-add", "--pathspec-from-file=\(list)",
                "--pathspec-file-nul",
            ])
        }
        return added == nil ? nil : own.patch()
    }

    /// Lends a file with names, which are bytes and may be too many for a command line; a zero byte ends each.
    ///
    /// - Returns: Nothing if the file cannot be written.
    private func withList(of names: some Sequence<[UInt8]>, _ body: (FilePath) -> [UInt8]?) -> [UInt8]? {
        let place = copy.directory / "tmp-git-\(Hex.text(environment.random(8)))"
        defer { try? environment.files.removeIfPresent(place) }
        guard let file = try? environment.files.create(place, permissions: 0o600) else { return nil }
        defer { environment.files.close(file) }
        guard (try? environment.files.write(file, Array(names.map { $0 + [0] }.joined()))) != nil else {
            return nil
        }
        return body(place)
    }

    /// How many of the files at and below some paths git tracks, too.
    package func filesOfGit(below paths: [RepositoryPath]) throws(RepositoryError) -> Int {
        guard !paths.isEmpty, try gitRoot() != nil else { return 0 }
        let git = Git(root: copy.root, limit: Self.patchLimit)
        var count = 0
        var names: [String] = []
        var size = 0
        for (index, path) in paths.enumerated() {
            names.append(path.isRoot ? "." : "\(FilePath(path.bytes))")
            size += path.bytes.count
            guard index == paths.count - 1 || size >= Self.argumentSize else { continue }
            let listed = git.output(["--literal-pathspecs", "ls-files", "-z", "--"] + names)
            count += listed?.count { $0 == 0 } ?? 0
            (names, size) = ([], 0)
        }
        return count
    }

    /// So many bytes of names any system takes on a command line.
    private static var argumentSize: Int { 1 << 16 }

    /// Those of some paths that git would take with everything else: it does not ignore them.
    package func seenByGit(_ paths: [RepositoryPath]) throws(RepositoryError) -> [RepositoryPath] {
        guard try gitRoot() != nil else { return [] }
        let git = Git(root: copy.root, limit: 1 << 26)
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

    func gitRoot() throws(RepositoryError) -> FilePath? {
        var directory = copy.root
        while true {
            let isHere = try filing { () throws(FileError) in
                try environment.files.status(directory / ".git") != nil
            }
            if isHere { return directory }
            guard directory.parent != directory else { return nil }
            directory = directory.parent
        }
    }

    /// An address without user name and password: `https://ada:secret@host/x` becomes `https://host/x`.
    static func withoutPassword(_ address: String) -> String {
        guard let scheme = address.firstRange(of: "://") else { return address }
        let rest = address[scheme.upperBound...]
        let host = rest.prefix { $0 != "/" }
        let start = host.lastIndex(of: "@").map { rest.index(after: $0) } ?? rest.startIndex
        // A token may stand in the query, too.
        return String(address[..<scheme.upperBound] + rest[start...].prefix { $0 != "?" && $0 != "#" })
    }
}

/// Git at work in one directory.
struct Git {
    let root: FilePath
    /// Another index than the repository's.
    var index: FilePath?
    /// The most bytes of an answer.
    let limit: Int

    /// - Parameters:
    ///   - input: The file that it reads as its standard input.
    ///   - accepted: An exit status that says no, and not that it failed.
    /// - Returns: Nothing if there is no git, or it failed.
    func output(
        _ arguments: [String], input: FilePath? = nil, accepting accepted: Int32 = 0
    ) -> [UInt8]? {
        let settings = ["core.fsmonitor=false", "core.hooksPath=/dev/null"].flatMap { ["-c", $0] }
        return Subprocess.output(
            ["git"] + settings + ["-C", root.description] + arguments, variables: variables, input: input,
            accepting: accepted, limit: limit)
    }

    /// The environment without what leads git to another repository than the one that is here.
    private var variables: [String] {
        let kept = Subprocess.variables.filter { variable in
            !variable.hasPrefix("GIT_") || variable.hasPrefix("GIT_CONFIG")
        }
        return kept + ["GIT_OPTIONAL_LOCKS=0"] + (index.map { ["GIT_INDEX_FILE=\($0)"] } ?? [])
    }

    func line(_ arguments: [String]) -> String? {
        output(arguments).map { String(decoding: $0.prefix { $0 != 0x0a }, as: UTF8.self) }.flatMap {
            $0.isEmpty ? nil : $0
        }
    }

    /// What the work tree has beyond the last commit.
    func patch() -> [UInt8]? {
        output([
            "diff", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/",
            "--dst-prefix=b/", "HEAD",
        ])
    }

    /// Files, and if asked for directories, that git neither knows nor ignores; nothing if it cannot say.
    func names(_ options: [String], below directory: [UInt8]?) -> [[UInt8]]? {
        var place: [String] = []
        if let directory {
            // An argument is text here.
            guard let text = String(validating: directory, as: UTF8.self) else { return nil }
            place = [text]
        }
        let listed = output(
            ["--literal-pathspecs", "ls-files", "--others", "--exclude-standard", "-z"] + options + ["--"]
                + place)
        return listed?.split(separator: 0).map { Array($0) }
    }
}

extension StringProtocol {
    /// Where a text first stands in this one.
    fileprivate func firstRange(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
