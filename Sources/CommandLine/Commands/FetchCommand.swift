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
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "The name of the other store (mlrepo remote).")
    var remote: String?

    func run() throws {
        if let remote { try ArgumentText.requireText(remote, "the other store") }
        let repository = try Repository.here()
        let remote = try repository.remote(remote)
        guard remote.name != nil else {
            throw Failure(
                status: .usage, message: "fetch takes the name of a store, not its place",
                hint:
                    "mlrepo remote add NAME \(ShellWord.quoted(Array(remote.url.utf8))), then mlrepo fetch NAME"
            )
        }
        let progress = output.progress("fetching", unit: nil)
        defer { progress.finish() }
        let report = try repository.fetch(from: remote) { done, total in
            progress.set(count: 0, bytes: done, of: total)
        }
        progress.finish()
        TransferText.show(report, output, isPush: false)
    }
}
