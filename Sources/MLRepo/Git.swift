internal import FileIO

/// Git at work in one directory.
struct Git {
    let root: FilePath
    /// Another index than the repository's.
    var index: FilePath?

    /// The most bytes of an answer, and of a patch that is recorded.
    static let limit = 64 << 20
    /// So many bytes of names any system takes on a command line.
    static let argumentSize = 1 << 16

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
            accepting: accepted, limit: Self.limit)
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

    /// What the work tree has beyond the last commit; of a submodule, which commit it stands on.
    ///
    /// - Parameters:
    ///   - place: Where the work tree lies in that of which it is a submodule; empty, or with a slash at its end.
    ///   - submodules: Which of them to leave out, in git's word: `none`, or `dirty` for those that have the right commit and
    ///     changes of their own; nothing for those that the person's settings name.
    func patch(at place: String, ignoring submodules: String?) -> [UInt8]? {
        let ignored = submodules.map { ["--ignore-submodules=\($0)"] } ?? []
        return output(
            [
                "diff", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "-U3",
                "--submodule=short",
                "--src-prefix=a/\(place)", "--dst-prefix=b/\(place)",
            ] + ignored + ["HEAD"])
    }

    /// The submodules that have another commit than the last one says, or changes of their own; nothing if git cannot say.
    func changedSubmodules() -> [[UInt8]]? {
        let listed = output([
            "diff", "--raw", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", "HEAD",
        ])
        guard let fields = listed?.split(separator: 0), fields.count.isMultiple(of: 2) else { return nil }
        // Each is `:old-mode new-mode old-id new-id status`, and a name.
        let link = Array("160000".utf8)
        return stride(from: 0, to: fields.count, by: 2).compactMap { index in
            let modes = fields[index].split(separator: UInt8(ascii: " "), maxSplits: 2)
            return modes.count > 1 && modes[1].elementsEqual(link) ? Array(fields[index + 1]) : nil
        }
    }

    /// Files that git neither knows nor ignores; nothing if it cannot say.
    ///
    /// - Parameters:
    ///   - options: `--directory` names a directory of which git knows nothing, and nothing in it.
    ///   - places: Where to look, as git's own patterns; everywhere if there are none.
    func unknown(_ options: [String] = [], at places: [String] = []) -> [[UInt8]]? {
        let listed = output(
            ["ls-files", "--others", "--exclude-standard", "-z"] + options + ["--"] + places)
        return listed?.split(separator: 0).map { Array($0) }
    }
}
