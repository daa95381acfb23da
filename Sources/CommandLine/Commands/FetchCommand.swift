internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct FetchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch", abstract: "Bring what another store has; your branches and files stay.",
        discussion: """
            Its branches come as NAME/BRANCH, as in 'mlrepo log origin/main'; its tags and runs come with them. Every object is \
            hashed before anything names it. A fetch that was cut off goes on where it was.

            EXAMPLES
              mlrepo fetch            from the only store that has a name, or origin
              mlrepo fetch backup
              mlrepo fetch --all      from each that has a name
            """)

    @Flag(help: "From all that have a name, also where one of them cannot be reached.")
    var all = false
    /// Git's users type it: a branch that is gone there goes here anyway.
    @Flag(name: [.customShort("p"), .long], help: .hidden)
    var prune = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "The name of the other store (mlrepo remote).")
    var remote: String?

    func validate() throws {
        guard !all || remote == nil else { throw ValidationError("--all names every store already") }
    }

    func run() throws {
        if let remote { try ArgumentText.requireText(remote, "the other store") }
        let repository = try Repository.here()
        if all { return try fetchAll(repository) }
        let remote = try repository.remote(remote)
        guard remote.name != nil else {
            throw Failure(
                status: .usage, message: "fetch takes the name of a store, not its place",
                hint:
                    "mlrepo remote add NAME \(ShellWord.quoted(Array(remote.url.utf8))), then mlrepo fetch NAME"
            )
        }
        try fetch(from: remote, repository)
    }

    /// Fetches from one after the other; what is wrong with one of them does not hinder the rest.
    private func fetchAll(_ repository: Repository) throws {
        let names = repository.remotes.map(\.name)
        guard !names.isEmpty else { throw RepositoryError.noRemote(KnownRemotes.defaultName, isFile: false) }
        var last: Failure?
        for name in names {
            do throws(RepositoryError) {
                try fetch(from: try repository.remote(name), repository)
            } catch {
                guard case .remote = error else { throw error }
                last?.report(json: output.json)
                last = Failure(error)
            }
        }
        if let last { throw last }
    }

    private func fetch(from remote: Remote, _ repository: Repository) throws(RepositoryError) {
        let progress = output.progress("fetching", unit: nil)
        defer { progress.finish() }
        let report = try repository.fetch(from: remote) { done, total in
            progress.set(count: 0, bytes: done, of: total)
        }
        progress.finish()
        TransferText.show(report, output, .fetch)
    }
}
