internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

/// Which groups of names go as a whole.
struct RefGroupOptions: ParsableArguments {
    @Flag(name: [.customLong("all")], help: "All branches.")
    var all = false
    @Flag(help: "All tags.")
    var tags = false
    @Flag(help: "All runs, also those that made nothing that goes.")
    var runs = false

    var isAny: Bool { all || tags || runs }

    func apply(to request: inout PushRequest) {
        (request.allBranches, request.allTags, request.allRuns) = (all, tags, runs)
    }
}

struct PushCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push", abstract: "Bring branches and tags to another store, with all that they need.",
        discussion: """
            All refs move in one step, or none does. What the other store has and this one lacks is never lost: fetch it first, or \
            give it up with --force, which takes only what was fetched last. The runs that made what goes travel along. A push \
            that was cut off goes on where it was; an empty directory becomes a store (on a machine that has mlrepo, 'mlrepo init \
            --bare' makes it). With --tags or --runs alone no branch goes.

            EXAMPLES
              mlrepo push                      the branch that you stand on, to origin
              mlrepo push backup main v1.0     branches and tags, by their names
              mlrepo push origin --all --tags
              mlrepo push /mnt/disk/store      a place instead of a name
              mlrepo push origin --delete try
              mlrepo push --dry-run            what would go; nothing is done
            """)

    @OptionGroup var groups: RefGroupOptions
    @Flag(help: "Take the names away there.")
    var delete = false
    @Flag(name: [.customShort("f"), .long], help: "Give up what was fetched last and is not in yours.")
    var force = false
    @Flag(help: "Send also what the other store has lost of it, and read what was sent again.")
    var verify = false
    @Flag(name: [.customShort("n"), .long], help: "Say what would go, and do nothing.")
    var dryRun = false
    /// Git's users type it; the name of a store is remembered anyway.
    @Flag(name: [.customShort("u"), .customLong("set-upstream")], help: .hidden)
    var upstream = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "The other store: its name (mlrepo remote) or its place.")
    var remote: String?
    @Argument(help: "Branches and tags; the branch that you stand on if there are none.")
    var names: [String] = []

    func validate() throws {
        guard !delete || !names.isEmpty, !delete || !groups.isAny else {
            throw ValidationError("--delete takes a store, and names of branches or tags")
        }
        guard !names.contains(where: { $0.contains(":") }) else {
            throw ValidationError("a branch has the same name in both stores: type it once")
        }
    }

    func run() throws {
        if let remote { try ArgumentText.requireText(remote, "the other store") }
        let repository = try Repository.here()
        let remote = try other(repository)
        var request = PushRequest()
        request.names = names
        groups.apply(to: &request)
        (request.isDeletion, request.isForced, request.isVerified) = (delete, force, verify)
        if dryRun {
            let plan = try repository.pushPlan(request, to: remote)
            return try tell(plan, repository, .plan)
        }
        let progress = output.progress("pushing", unit: nil)
        defer { progress.finish() }
        let report = try repository.push(request, to: remote) { done, total in
            progress.set(count: 0, bytes: done, of: total)
        }
        progress.finish()
        try tell(report, repository, .push)
    }

    /// Says what went, or would go, and where a version among it has files of which nobody has chosen yet.
    private func tell(
        _ report: TransferReport, _ repository: Repository, _ kind: TransferText.Kind
    ) throws {
        let head = try repository.copy.head().commit
        let hasHead = head != nil && report.refs.contains { $0.after?.id == head }
        let choices = hasHead ? repository.openChoices().count : 0
        TransferText.show(
            report, output, kind, isVerified: verify,
            isOfBranches: !names.isEmpty || groups.all || !groups.isAny, openChoices: choices)
        guard choices > 0, !output.json, !output.quiet else { return }
        let words = choices == 1 ? "one file" : "\(Terminal.count(choices)) files"
        Terminal.printError(
            "note: of \(words) a merge has kept both versions, and both \(kind == .plan ? "would go" : "went"): mlrepo status"
        )
    }

    private func other(_ repository: Repository) throws -> Remote {
        do throws(RepositoryError) { return try repository.remote(remote) } catch {
            guard case .noRemote(let name, _) = error, let remote, names.isEmpty,
                ["branches", "tags"].contains(where: { group in
                    (try? repository.refs(in: group))?.contains { $0.name == remote } == true
                })
            else { throw error }
            var failure = Failure(error)
            failure.hint =
                "the other store comes first: mlrepo push origin \(ShellWord.quoted(Array(name.utf8)))"
            throw failure
        }
    }
}
