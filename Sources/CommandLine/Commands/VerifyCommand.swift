internal import ArgumentParser
internal import Governance
internal import MLRepo
internal import ObjectModel

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check who signed versions, and whether they are to be trusted.",
        discussion: """
            A version is verified if somebody whose key is trusted here (mlrepo help identity) signed the commit, or a tag of it. \
            A key is judged by the time at which the signature came into this store's log, so that one that was given up \
            later stands for what it signed before; in a clone that is when it was made. A tag that somebody signed is verified by \
            that signature alone. The exit status is 1 if a version is not verified.

            EXAMPLES
              mlrepo verify             the last commit
              mlrepo verify v1.2 main~3
              mlrepo verify --all       each commit of all branches and tags
            """)

    @Flag(help: "Each commit of all branches and tags; names those that are not verified.")
    var all = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "What to verify.", completion: Completions.revision)
    var revisions: [String] = []

    func validate() throws {
        if all, !revisions.isEmpty { throw ValidationError("--all takes no revision") }
    }

    func run() throws {
        let repository = try Repository.here()
        var commits: [(id: ObjectID, commit: Commit)] = []
        // The tags among what was named, by what they name.
        var tags: [ObjectID: Set<String>] = [:]
        if all {
            var tips: [ObjectID] = []
            for group in ["branches", "tags"] { tips += try repository.refs(in: group).map(\.target.id) }
            try repository.history(of: tips) { id, commit in
                commits.append((id, commit))
                return true
            }
        } else {
            for revision in revisions.isEmpty ? ["HEAD"] : revisions {
                let id = try repository.commit(named: revision)
                if try repository.refs(in: "tags").contains(where: { $0.name == revision }) {
                    tags[id, default: []].insert(revision)
                }
                commits.append((id, try repository.contents(of: id).0))
            }
        }
        let found = try repository.judgedSignatures(of: all ? nil : commits.map(\.id))
        let isGood = { (id: ObjectID) in
            let statements = found[id] ?? []
            return statements.contains { $0.verdict.isGood }
                && tags[id, default: []].allSatisfy { Self.stands($0, statements) }
        }
        let bad = commits.filter { !isGood($0.id) }
        if output.json {
            let told = commits.map { id, _ in
                JSONValue.object([
                    "commit": id.json, "signatures": SignatureText.json(found[id] ?? []),
                    "verified": .bool(isGood(id)),
                ])
            }
            Terminal.printJSON(
                .object([
                    "commits": .array(told), "unverified": .number(bad.count),
                    "verified": .number(commits.count - bad.count),
                ]))
        } else {
            for (id, commit) in all ? bad : commits where !output.quiet || !isGood(id) {
                Terminal.print("commit \(id.hex)  \(Terminal.escaped(commit.subject))")
                for line in SignatureText.lines(found[id] ?? [], commit) { Terminal.print("  \(line)") }
                for tag in tags[id, default: []].sorted() where Self.of(tag, found[id] ?? []).isEmpty {
                    Terminal.print("  Tag \(Terminal.escaped(tag)): signed by nobody")
                }
            }
            if all, !output.quiet {
                Terminal.print(
                    "\(Terminal.count(commits.count - bad.count)) of \(Terminal.number(commits.count, "commit")) verified"
                )
            }
        }
        guard let first = bad.first else { return }
        if !output.quiet, let hint = Self.hint(found[first.id] ?? []) { Terminal.printError("hint: \(hint)") }
        Terminal.flush()
        throw ExitCode(1)
    }

    /// The signatures that say of a commit that it is a tag.
    private static func of(_ tag: String, _ statements: [JudgedStatement]) -> [JudgedStatement] {
        statements.filter { $0.statement.fact == .tag(name: tag) }
    }

    /// Whether a tag is signed by somebody who is trusted, or by nobody.
    private static func stands(_ tag: String, _ statements: [JudgedStatement]) -> Bool {
        let own = of(tag, statements)
        return own.isEmpty || own.contains { $0.verdict.isGood }
    }

    /// What to type where a key is not known yet.
    private static func hint(_ statements: [JudgedStatement]) -> String? {
        guard let unknown = statements.first(where: { $0.verdict == .unknownKey }) else { return nil }
        let email = ShellWord.quoted(Array(unknown.statement.signer.email.utf8))
        return "if \(unknown.fingerprint ?? "the key") is theirs: mlrepo identity trust \(email) FILE.pub"
    }
}
