internal import MLRepo
internal import Storage

/// What needs a damaged object, as people read it: each file once, however many versions and runs have it.
struct DamagedFiles {
    /// Files and directories of versions, in order of paths.
    private(set) var files: [String] = []
    /// What else needs it: inputs of runs that no version has, lists, entries of the log.
    private(set) var others: [String] = []
    /// Of files and directories of versions.
    let paths: Set<String>

    /// - Parameter needs: As ``IntegrityProblem/neededBy`` has them.
    init(_ needs: [String]) {
        var refs: [String: Set<String>] = [:]
        var others: [(path: String, need: String)] = []
        for need in needs {
            // Names of refs have neither a colon nor a space in them.
            guard let colon = need.firstIndex(of: ":") else {
                others.append(("", need))
                continue
            }
            let (ref, path) = (String(need[..<colon]), String(need[need.index(after: colon)...]))
            if ref.contains(" ") { others.append((path, need)) } else { refs[path, default: []].insert(ref) }
        }
        paths = Set(refs.keys)
        for (path, names) in refs.sorted(by: { $0.key < $1.key }) {
            // A branch tells more than the working copy that stands on it.
            let named = names.filter { !$0.hasPrefix("worktrees/") }.sorted()
            let first = named.first ?? names.min() ?? ""
            let more = max(named.count, 1) - 1
            files.append(
                Self.place(path, first)
                    + (more == 0 ? "" : ", and in \(Terminal.number(more, "other version"))"))
        }
        var told: Set<String> = []
        for other in others where refs[other.path] == nil && told.insert(other.need).inserted {
            self.others.append(other.need)
        }
    }

    /// A line for each thing that is hit.
    var lines: [String] {
        // How large files are put together concerns people by these files.
        let rest = files.isEmpty ? others : others.filter { !$0.hasSuffix(" recipes") }
        return files.map { "damaged: \($0)" } + rest.map { "needed by \($0)" }
    }

    /// A file as a revision names it: `REF~COMMIT` stands for a commit behind a ref.
    private static func place(_ path: String, _ version: String) -> String {
        let path = path.isEmpty ? " the list of its files" : path
        guard let mark = version.firstIndex(of: "~") else { return "\(version):\(path)" }
        return "\(version[version.index(after: mark)...]):\(path), behind \(version[..<mark])"
    }
}
