internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Storage

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// What every command that has an answer takes.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Answer in JSON, for programs.")
    var json = false

    @Flag(name: [.customShort("q"), .long], help: "Say nothing but the answer.")
    var quiet = false

    @Flag(
        inversion: .prefixedNo, exclusivity: .chooseLast,
        help: "Tell how far long work is; by itself only on a terminal.")
    var progress: Bool?

    var style: AnswerStyle { AnswerStyle(json: json, quiet: quiet, progress: progress) }

    /// A line that tells how far work is, where somebody may want it.
    func progress(_ what: String, unit: String? = "file") -> Progress { style.progress(what, unit: unit) }
}

/// How a command answers: ``OutputOptions`` as plain values.
struct AnswerStyle {
    var json = false
    var quiet = false
    /// Nothing if nobody said.
    var progress: Bool?

    /// A line that tells how far work is, where somebody may want it.
    func progress(_ what: String, unit: String? = "file") -> Progress {
        Progress(
            what, unit: unit, isOn: progress ?? (!quiet && !json && isatty(2) == 1),
            isAskedFor: progress == true)
    }
}

extension Repository {
    static func here() throws -> Repository {
        let repository = try Repository.open(Environment.process())
        // To give back the memory of each pack, file by file, takes longer than to end the process.
        _ = Unmanaged.passRetained(repository.store)
        // A damaged HEAD is told by who needs it; what somebody commits meanwhile is not lost.
        if (try? repository.lostCommit()) ?? nil != nil, (try? repository.store.refresh()) != nil,
            let lost = (try? repository.lostCommit()) ?? nil
        {
            let error = RepositoryError.lostCommit(lost)
            Terminal.printError("warning: \(error); mlrepo fsck")
        }
        return repository
    }

    /// The same for a command that changes the working copy: no other one does until this process ends.
    static func alone() throws -> Repository {
        let repository = try here()
        try repository.occupy()
        return repository
    }

    /// Sees to it that no other command changes the working copy until this process ends, or leaves it.
    func occupy() throws {
        try copy.occupy {
            Terminal.printError("another command is changing this working copy; waiting for its end")
        }
        // What the other one did is to be seen.
        do { try store.refresh() } catch { throw RepositoryError.store(error) }
        if try rejoin() {
            Terminal.printError(
                "note: this is a copy of a working copy, or was brought back as it had been earlier: it is one of its own now"
            )
        }
    }

    /// Other commands may change the working copy again.
    func leave() { copy.leave() }

    /// The recorded run that `run:ID` names; nothing where it names a commit by a run that was declared, or dropped since.
    func runAlone(named revision: String) throws -> RecordedRun? {
        guard revision.hasPrefix("run:") else { return nil }
        do throws(RepositoryError) { return try recordedRun(named: revision) } catch {
            if (try? commit(named: revision)) != nil { return nil }
            throw error
        }
    }

    /// Paths that a person typed.
    func paths(_ typed: [String]) throws -> [RepositoryPath] {
        var paths: [RepositoryPath] = []
        for text in typed { paths.append(try path(ArgumentText.bytes(text))) }
        return paths
    }

    /// The same of what is to be in a version: who names what lies elsewhere is told how to bring it in.
    func dataPaths(_ typed: [String]) throws -> [RepositoryPath] {
        do { return try paths(typed) } catch RepositoryError.outside(let text) {
            var failure = Failure(RepositoryError.outside(text))
            failure.hint =
                "a version has what lies in the working copy: copy it there ('cp -rL' follows links, as caches have them), then mlrepo add"
            throw failure
        }
    }
}

extension Terminal {
    /// Says which of some tracked paths git would take, too.
    static func noteGit(
        _ paths: [RepositoryPath], _ repository: Repository, _ output: OutputOptions
    ) throws {
        guard !output.quiet else { return }
        let seen = try repository.seenByGit(paths)
        guard let first = seen.first else { return }
        let lines = seen.prefix(8).map { "'/\($0)'" }.joined(separator: ", ")
        let others = seen.count == 1 ? "" : " and \(count(seen.count - 1)) more"
        let rest = seen.count > 8 ? " and so on" : ""
        printError(
            "note: git does not ignore \(first)\(others): \(seen.count == 1 ? "the line" : "lines") \(lines)\(rest) in .gitignore, beside .mlrepo, \(seen.count == 1 ? "keeps it" : "keep them") out of git"
        )
    }

    /// Says of links to directories that what lies behind them is not kept.
    static func noteLinks(_ paths: [RepositoryPath], _ repository: Repository, _ output: OutputOptions) {
        for path in paths where !output.quiet && repository.isLinkToDirectory(path) {
            printError(
                "note: \(path) is a link to a directory: the link is kept, and no file behind it; move the directory here to keep them"
            )
        }
    }
}

extension ObjectID {
    /// The first digits, as people use them.
    var short: String { String(hex.prefix(7)) }
    var json: JSONValue { .string("sha256:" + hex) }
}
