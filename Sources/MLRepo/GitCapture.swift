internal import FileIO
package import ObjectModel
internal import Storage

extension Repository {
    /// The most bytes of a patch that are recorded.
    private static let patchLimit = 64 << 20

    /// The revision of the git repository that the working copy lies in, with what the work tree has beyond it.
    ///
    /// - Returns: Nothing if there is none, or no git.
    func capturedCode(_ writer: ObjectWriter) throws(RepositoryError) -> Run.Code? {
        guard let root = try gitRoot() else { return nil }
        func git(_ arguments: [String]) -> [UInt8]? {
            Subprocess.output(
                ["git", "-c", "core.fsmonitor=false", "-C", root.description] + arguments,
                limit: Self.patchLimit)
        }
        func line(_ arguments: [String]) -> String? {
            git(arguments).map { String(decoding: $0.prefix { $0 != 0x0a }, as: UTF8.self) }.flatMap {
                $0.isEmpty ? nil : $0
            }
        }
        let revision = line(["rev-parse", "--verify", "--quiet", "HEAD"])
        let remote = line(["config", "--get", "remote.origin.url"]).map(Self.withoutPassword)
        guard revision != nil else { return Run.Code(revision: nil, remote: remote, dirty: true, patch: nil) }
        let patch = git(["diff", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD"])
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
        let names = paths.map { $0.isRoot ? "." : "\(FilePath($0.bytes))" }
        let listed = Subprocess.output(
            [
                "git", "-c", "core.fsmonitor=false", "-C", copy.root.description, "--literal-pathspecs",
                "ls-files", "-z", "--",
            ] + names, limit: Self.patchLimit)
        return listed?.count { $0 == 0 } ?? 0
    }

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
        guard let at = host.lastIndex(of: "@") else { return address }
        return String(address[..<scheme.upperBound]) + String(rest[rest.index(after: at)...])
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
