internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Storage

struct WorktreeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worktree", abstract: "Make, list or forget further working copies on the same store.",
        discussion: """
            Each has its own files, branch and settings; versions are shared, and nothing is stored twice.

            EXAMPLES
              mlrepo worktree add ../experiment           this version, on the same branch
              mlrepo worktree add ../old v1.2             another version
              mlrepo worktree add -b try ../try main~3    on a new branch
              mlrepo worktree list
              mlrepo worktree remove ../old               it is forgotten; its files stay
            """,
        subcommands: [Add.self, List.self, Remove.self], defaultSubcommand: List.self)

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a working copy.",
            discussion: """
                EXAMPLES
                  mlrepo worktree add ../experiment
                  mlrepo worktree add -b try ../try main~3
                """)

        @Option(
            name: [.customShort("b"), .customLong("branch")],
            help: ArgumentHelp("Make a branch of that name and stand on it.", valueName: "name"))
        var newBranch: String?
        @OptionGroup var output: OutputOptions
        @Argument(help: "The directory, new or empty.")
        var directory: String
        @Argument(help: "The version; else the last commit.")
        var revision: String?

        func run() throws {
            let repository = try Repository.here()
            let place = repository.environment.workingDirectory.appending(ArgumentText.bytes(directory))
                .normalized
            let head = try repository.base().head
            var (branch, id) = (head.branch, head.commit)
            if let revision {
                if let tip = try? repository.tip(of: revision) {
                    (branch, id) = (revision, tip)
                } else {
                    (branch, id) = (nil, try repository.commit(named: revision))
                }
            }
            if let newBranch {
                guard id != nil else { throw Failure(status: .notFound, message: "there is no commit yet") }
                branch = newBranch
            }
            let progress = output.progress("writing")
            defer { progress.finish() }
            let made = try repository.addWorktree(place, at: id, branch: branch, isNew: newBranch != nil) {
                progress.add($0)
            }
            progress.finish()
            if output.json {
                return Terminal.printJSON(
                    .object([
                        "path": Terminal.json(place.bytes),
                        "workingCopy": .string(try made.copy.head().workingCopy),
                        "commit": id?.json ?? .null, "branch": branch.map { .string($0) } ?? .null,
                    ]))
            }
            guard !output.quiet else { return }
            let stand = branch.map { "on branch \($0)" } ?? "on no branch"
            Terminal.print(
                "A new working copy in \(Terminal.escaped(place.bytes)), \(stand)\(id.map { " at \($0.short)" } ?? "")"
            )
            if try repository.isInGit(), try !made.isInGit() {
                Terminal.printError(
                    "note: it lies in no git repository: commits made there record no code, and who commits is not read from this one's settings"
                )
            }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the working copies.",
            discussion: """
                EXAMPLES
                  mlrepo worktree list --json
                """)

        @OptionGroup var output: OutputOptions

        func run() throws {
            let repository = try Repository.here()
            let mine = try repository.copy.head().workingCopy
            let all = try repository.worktrees()
            if output.json {
                return Terminal.printJSON(
                    .array(
                        all.map { info in
                            .object([
                                "workingCopy": .string(info.id), "commit": info.commit?.json ?? .null,
                                "path": info.path.map { Terminal.json($0.bytes) } ?? .null,
                                "current": .bool(info.id == mine),
                            ])
                        }))
            }
            for info in all {
                let place = info.path.map { Terminal.escaped($0.bytes) } ?? "(place not known)"
                Terminal.print(
                    "\(info.id == mine ? "*" : " ") \(info.id.prefix(8))  \(info.commit?.short ?? "-      ")  \(place)"
                )
            }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let the store forget a working copy; its files stay.",
            discussion: """
                EXAMPLES
                  mlrepo worktree remove ../old
                """)

        @OptionGroup var output: OutputOptions
        @Argument(help: "Its directory, or the beginning of its id.")
        var name: String

        func run() throws {
            let repository = try Repository.here()
            let place = repository.environment.workingDirectory.appending(ArgumentText.bytes(name)).normalized
            let found = try repository.worktrees().filter { info in
                info.path == place || (name.utf8.count >= 4 && info.id.hasPrefix(name))
            }
            guard found.count == 1 else {
                throw Failure(
                    status: .notFound,
                    message: found.isEmpty
                        ? "no working copy '\(Terminal.escaped(name))'"
                        : "more than one working copy '\(name)'",
                    hint: "mlrepo worktree list")
            }
            guard try found[0].id != repository.copy.head().workingCopy else {
                throw Failure(status: .wouldLose, message: "this is the working copy that you are in")
            }
            guard found[0].path.map({ $0 / ".mlrepo" }) != repository.store.layout.root else {
                throw Failure(
                    status: .wouldLose, message: "the store lies in that working copy",
                    hint: "mlrepo worktree list")
            }
            if let id = found[0].commit, try !repository.isNamed(id), !output.quiet {
                Terminal.printError("\(id.short) has no other name: mlrepo branch NAME \(id.short) keeps it")
            }
            try repository.removeWorktree(found[0])
            if output.json {
                return Terminal.printJSON(
                    .object([
                        "workingCopy": .string(found[0].id),
                        "path": found[0].path.map { Terminal.json($0.bytes) } ?? .null,
                    ]))
            }
            guard !output.quiet else { return }
            Terminal.print("Forgot \(found[0].id.prefix(8)); its files stay where they are")
        }
    }
}
