internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel

struct CheckoutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkout",
        abstract: "Make the files those of another version, or write a version elsewhere.",
        discussion: """
            Changed and untracked files are never overwritten: the command says which are in the way, and stops. With \
            --force they are kept first, and 'mlrepo undo' brings them back. If it is interrupted, the same command goes on.

            EXAMPLES
              mlrepo checkout main~1            the version before, on no branch
              mlrepo checkout main              back to the branch
              mlrepo checkout -b experiment     a new branch from here
              mlrepo checkout v1.2 -- model     only these files; everything else stays
              mlrepo checkout --force -- data   as the last commit has it; the rest is kept
              mlrepo checkout v1.2 --to ../v1.2 a copy elsewhere; these files stay
              mlrepo checkout v1.2 --to ../v1.2 --code
                                                with the code that made it
            """,
        aliases: ["co", "switch"])

    @Flag(
        name: [.customShort("b"), .customLong("branch")], help: "Make a branch of that name and stand on it.")
    var makesBranch = false
    @Flag(name: [.customShort("c"), .customLong("create")], help: .hidden)
    var creates = false
    @Flag(name: .shortAndLong, help: "Overwrite changed and untracked files; they are kept first.")
    var force = false
    @Option(
        name: .customLong("to"),
        help: ArgumentHelp("Write the version into a new or empty directory.", valueName: "dir"))
    var directory: String?
    @Flag(
        name: .customLong("code"),
        help:
            "With --to, write the code, too: git's revision, what was not committed, and what git did not know."
    )
    var withCode = false
    @Option(
        name: .customLong("git"),
        help: ArgumentHelp("With --code, a clone to take the revision from.", valueName: "dir"))
    var git: String?
    @OptionGroup var output: OutputOptions
    @Argument(
        help: "A branch, tag or other revision; before paths, the last commit if there is none.",
        completion: Completions.revision)
    var revision: String?
    @Argument(help: "With -b, where the branch begins.")
    var start: String?
    @Argument(
        parsing: .postTerminator, help: ArgumentHelp("Only these files and directories.", valueName: "path"),
        completion: .file())
    var paths: [String] = []

    func validate() throws {
        let isNew = makesBranch || creates
        if revision == nil, paths.isEmpty {
            throw ValidationError("name a branch, a tag or another revision")
        }
        if isNew, revision == nil { throw ValidationError("name the branch") }
        if !isNew, start != nil { throw ValidationError("type -- before the names of files") }
        if !paths.isEmpty, isNew || directory != nil {
            throw ValidationError("files of a version are written here, on the same branch")
        }
        if directory == nil, withCode {
            throw ValidationError("--code writes elsewhere: name a directory with --to")
        }
        if git != nil, !withCode { throw ValidationError("--git says where --code takes it from") }
        if directory != nil, force || isNew { throw ValidationError("--to writes into an empty directory") }
    }

    func run() throws {
        let repository = try directory == nil ? Repository.alone() : Repository.here()
        let progress = output.progress("writing")
        defer { progress.finish() }
        if let directory { return try export(repository, to: directory, progress) }
        if !paths.isEmpty { return try writePaths(repository, progress) }
        let name = revision ?? "HEAD"
        if makesBranch || creates, start == nil, try repository.base().head.commit == nil {
            return try begin(name, repository)
        }
        var (branch, isNew): (String?, Bool) = (nil, false)
        let id: ObjectID
        if makesBranch || creates {
            id = try repository.commit(named: start ?? "HEAD")
            isNew = try !repository.hasJustMade(branch: name, at: id)
            if isNew { try repository.requireFree("branches", name) }
            branch = name
        } else if name == "HEAD" || name == "@" {
            let head = try repository.base().head
            (id, branch) = (try head.commit ?? repository.commit(named: name), head.branch)
        } else if let tip = try? repository.tip(of: name) {
            (id, branch) = (tip, name)
        } else if let there = try Self.branchElsewhere(name, repository) {
            // As with git: the branch of another store becomes one here.
            (id, branch, isNew) = (there, name, true)
        } else {
            id = try repository.commit(named: name)
        }
        do { try repository.requireWritableStore() } catch {
            var failure = Failure(error)
            if failure.status == .notPermitted {
                failure.hint =
                    "a checkout is noted in the store; mlrepo checkout \(name) --to DIR writes the files elsewhere"
            }
            throw failure
        }
        try warnOfLeaving(repository, for: id)
        let report = try hinting {
            force
                ? try repository.forcedCheckout(id, branch: branch, isNew: isNew) { progress.add($0) }
                : try repository.checkout(id, branch: branch, isNew: isNew) { progress.add($0) }
        }
        progress.finish()
        if output.json {
            return Terminal.printJSON(
                .object([
                    "commit": id.json, "branch": branch.map { .string($0) } ?? .null,
                    "written": .number(report.written), "removed": .number(report.removed),
                ]))
        }
        guard !output.quiet else { return }
        let place = branch.map { "on branch \($0)" } ?? "on no branch"
        Terminal.print(
            "At \(id.short), \(place): \(Terminal.files(report.written)) written, \(report.removed) removed")
        if branch == nil {
            Terminal.printError(
                "note: to go on from here, mlrepo checkout -b NAME makes a branch")
        }
    }

    /// The commit of the only other store's branch of a name that nothing has here.
    private static func branchElsewhere(_ name: String, _ repository: Repository) throws -> ObjectID? {
        guard (try? repository.commit(named: name)) == nil else { return nil }
        let found = try repository.refs(in: "remotes").filter { ref in
            ref.name.split(separator: "/", maxSplits: 1).last.map(String.init) == name
        }
        return found.count == 1 ? found[0].target.id : nil
    }

    /// Stands on a branch that begins with the first commit.
    private func begin(_ branch: String, _ repository: Repository) throws {
        try repository.beginBranch(branch)
        if output.json {
            return Terminal.printJSON(
                .object([
                    "commit": .null, "branch": .string(branch), "written": .number(0), "removed": .number(0),
                ]))
        }
        if !output.quiet { Terminal.print("On branch \(branch), which begins with the first commit here") }
    }

    /// Says what is in the way of who has forced it already.
    private func hinting<Result>(_ body: () throws -> Result) throws -> Result {
        do { return try body() } catch RepositoryError.wouldLose(let paths) where force {
            var failure = Failure(.wouldLose(paths))
            failure.hint =
                "it changed meanwhile, or cannot be kept: wait until nobody writes it, or move it; then type this again"
            throw failure
        }
    }

    /// A commit that no branch and no tag leads to is easily forgotten.
    private func warnOfLeaving(_ repository: Repository, for next: ObjectID) throws {
        let head = try repository.base().head
        guard !output.quiet, head.branch == nil, let id = head.commit, id != next,
            try !repository.isNamed(id)
        else { return }
        Terminal.printError(
            "you leave \(id.short), which no branch has: mlrepo branch NAME \(id.short) keeps it")
    }

    private func export(_ repository: Repository, to directory: String, _ progress: Progress) throws {
        let target = repository.environment.workingDirectory.appending(ArgumentText.bytes(directory))
            .normalized
        let exported = try exported(repository)
        let place = git.map { repository.environment.place(named: $0) }
        let code = try withCode ? repository.code(of: exported, git: place) : nil
        if withCode, code == nil {
            throw Failure(
                status: .notFound, message: "no code is recorded with this version",
                hint: "mlrepo show \(revision ?? "HEAD")")
        }
        let report = try repository.export(exported, with: code, to: target) { progress.add($0) }
        progress.finish()
        if !output.quiet, let path = try? repository.path(ArgumentText.bytes(directory)),
            (try? repository.isInTracked(path)) == true
        {
            Terminal.printError(
                "note: \(path) lies in tracked data: the next commit takes in what no rule leaves out")
        }
        if let code, !output.quiet { CodeText.note(code, report) }
        if output.json {
            return Terminal.printJSON(
                .object([
                    "path": Terminal.json(report.place.bytes), "written": .number(report.files),
                    "code": code.map { CodeText.json($0, target) },
                ]))
        }
        guard !output.quiet else { return }
        Terminal.print(
            "Wrote \(Terminal.files(report.files)) to \(Terminal.escaped(report.place.bytes))")
        if let code {
            Terminal.print(
                "Wrote the code to \(Terminal.escaped(target.bytes)): \(RunText.text(code.code))")
        }
    }

    private func exported(_ repository: Repository) throws -> Exported {
        if let revision, let run = try repository.runAlone(named: revision) { return .run(run) }
        return .commit(try repository.commit(named: revision ?? "HEAD"))
    }

    private func writePaths(_ repository: Repository, _ progress: Progress) throws {
        let id = try repository.commit(named: revision ?? "HEAD")
        let count = try hinting {
            try repository.checkout(repository.paths(paths), of: id, isForced: force) { progress.add($0) }
        }
        progress.finish()
        if output.json {
            return Terminal.printJSON(.object(["commit": id.json, "written": .number(count)]))
        }
        guard !output.quiet else { return }
        Terminal.print("\(Terminal.files(count)) of \(id.short) written")
    }
}
