internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct PullCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Fetch, and take the other store's branch into yours.",
        discussion: """
            The branch that you stand on goes forward, or is merged with the other store's branch of that name as 'mlrepo merge' \
            does it.

            EXAMPLES
              mlrepo pull
              mlrepo pull backup main
              mlrepo pull --ff-only
            """)

    @OptionGroup var merging: MergeOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "The name of the other store (mlrepo remote).")
    var remote: String?
    @Argument(help: "Its branch; the one of the same name as yours if none is named.")
    var branch: String?

    func validate() throws { try merging.check() }

    func run() throws {
        if let remote { try ArgumentText.requireText(remote, "the other store") }
        let repository = try Repository.alone()
        let remote = try repository.remote(remote)
        guard let name = remote.name else {
            throw Failure(
                status: .usage, message: "pull takes the name of a store, not its place",
                hint:
                    "mlrepo remote add NAME \(ShellWord.quoted(Array(remote.url.utf8))), then mlrepo pull NAME"
            )
        }
        let branch = try branch ?? repository.copy.head().branch
        guard let branch else {
            throw Failure(
                status: .usage, message: "you stand on no branch",
                hint: "mlrepo checkout -b NAME makes one; mlrepo pull \(name) BRANCH takes one over")
        }
        let fetching = output.progress("fetching", unit: nil)
        defer { fetching.finish() }
        let fetched = try repository.fetch(from: remote) { done, total in
            fetching.set(count: 0, bytes: done, of: total)
        }
        fetching.finish()
        if !output.json { TransferText.show(fetched, output, .fetch) }
        let other = "\(name)/\(branch)"
        let id: ObjectID
        do throws(RepositoryError) { id = try repository.commit(named: other) } catch {
            let there = try repository.refs(in: "remotes").filter { $0.name.hasPrefix(name + "/") }
                .map { ShellWord.quoted(Array($0.name.dropFirst(name.utf8.count + 1).utf8)) }
            throw Failure(
                status: .notFound,
                message: "\(Terminal.escaped(name)) has no branch \(Terminal.escaped(branch))",
                hint: there.isEmpty
                    ? "nothing was pushed there yet"
                    : "it has \(there.prefix(10).joined(separator: ", "))\(there.count > 10 ? " and more" : "")"
            )
        }
        let writing = output.progress("writing")
        defer { writing.finish() }
        let report = try MergeText.hinting { () throws(RepositoryError) in
            try repository.merge(
                id, named: other, choice: merging.choice, onlyForward: merging.forwardOnly
            ) { writing.add($0) }
        }
        writing.finish()
        try MergeText.end(report, output, fetched: fetched)
    }
}
