internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct ApproveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve", abstract: "Approve that a branch or tag of a store comes to name a commit.",
        discussion: """
            Where the policy of a store asks for approvals (mlrepo help policy), somebody else than who pushes signs that the branch may \
            go from what it names now to this commit. If the branch moves meanwhile, or the commit is another one, the approval \
            counts for nothing. It goes to the store at once.

            EXAMPLES
              mlrepo approve main origin/candidate
              mlrepo approve branches/main 4f1a2b
              mlrepo approve tags/v2 HEAD --in /srv/store
            """)

    @Option(
        name: .customLong("in"), help: ArgumentHelp("The store; origin, or the only one.", valueName: "store")
    )
    var store: String?
    @OptionGroup var output: OutputOptions
    @Argument(help: ArgumentHelp("A branch of the store, or tags/NAME.", valueName: "ref"))
    var ref: String
    @Argument(
        help: ArgumentHelp("The commit that it is to name.", valueName: "revision"),
        completion: Completions.revision)
    var revision: String

    func run() throws {
        for text in [ref, revision] + [store].compactMap({ $0 }) {
            try ArgumentText.requireText(text, "the argument")
        }
        let repository = try Repository.here()
        let name: RefName
        do throws(InvalidName) { name = try RefName(PolicyReport.refName(ref)) } catch {
            throw Failure(RepositoryError.invalidName(error))
        }
        guard name.targetKind == .commit, PolicyReport.isShared(name) else {
            throw Failure(
                status: .usage, message: "'\(Terminal.escaped(ref))' is no branch or tag of a store")
        }
        let made = try repository.approve(
            repository.commit(named: revision), as: name, in: repository.remote(store))
        if output.json {
            return Terminal.printJSON(
                .object([
                    "after": made.after.json, "before": made.before?.json ?? .null,
                    "ref": .string(made.ref.text), "store": .string(made.place),
                ]))
        }
        guard !output.quiet else { return }
        let before = made.before.map { "\($0.hex.prefix(12))" } ?? "nothing"
        Terminal.print(
            "Approved that \(made.ref) of \(Terminal.escaped(made.place)) goes from \(before) to \(made.after.hex.prefix(12))"
        )
    }
}
