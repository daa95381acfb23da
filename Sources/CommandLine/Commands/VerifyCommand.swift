internal import ArgumentParser
internal import Governance
internal import MLRepo
internal import ObjectModel

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check who signed versions, and whether they are to be trusted; or a proof.",
        discussion: """
            A version is verified if somebody whose key is trusted here (mlrepo help identity) signed the commit, or a tag of it. \
            A key is judged by the time at which the signature came into this store's log, so that one that was given up \
            later stands for what it signed before; in a clone that is when it was made. A tag that somebody signed is verified by \
            that signature alone. The exit status is 1 if a version is not verified.

            A file that 'mlrepo prove' wrote, or a proof of that form by others, is verified if its hashes prove what it says and             somebody who is trusted signed the head of its log, or the log is this store's own.

            EXAMPLES
              mlrepo verify             the last commit
              mlrepo verify v1.2 main~3
              mlrepo verify --all       each commit of all branches and tags
              mlrepo verify entry-12.tlog-proof
              mlrepo verify growth.tlog-proof --older entry-12.tlog-proof
            """)

    @Flag(help: "Each commit of all branches and tags; names those that are not verified.")
    var all = false
    @Option(
        help: ArgumentHelp(
            "Of a proof that a log goes on: a proof with a head of the older log.", valueName: "file"),
        completion: .file())
    var older: String?
    @Option(
        help: ArgumentHelp(
            "Of a proof: a key of a log or witness elsewhere, NAME+ID+KEY (C2SP); may be given again.",
            valueName: "key"))
    var key: [String] = []
    @OptionGroup var output: OutputOptions
    @Argument(help: "Revisions, or the file of a proof.", completion: Completions.revision)
    var revisions: [String] = []

    func validate() throws {
        if all, !revisions.isEmpty { throw ValidationError("--all takes no revision") }
    }

    func run() throws {
        let repository = try Repository.here()
        if let file = revisions.first, !isRevision(file, repository) {
            let name = ArgumentText.bytes(file)
            if let proof = try repository.proof(in: name) {
                guard revisions.count == 1 else { throw ValidationError("a proof is verified by itself") }
                return try verify(proof, repository)
            }
        }
        guard older == nil, key.isEmpty else {
            throw ValidationError("--older and --key belong to the verifying of a proof")
        }
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

    private func isRevision(_ text: String, _ repository: Repository) -> Bool {
        (try? repository.commit(named: text)) != nil
    }

    private func verify(_ proof: LogProof, _ repository: Repository) throws {
        let older = try self.older.map { (file) throws in
            guard let proof = try repository.proof(in: ArgumentText.bytes(file)) else {
                throw ValidationError("--older takes the file of a proof")
            }
            return proof.head
        }
        var keys: [NoteKey] = []
        for text in key {
            do { keys.append(try NoteKey(text)) } catch { throw ValidationError("--key: \(error)") }
        }
        let report = try repository.check(proof, older: older, keys: keys)
        if output.json {
            Terminal.printJSON(ProofText.json(report))
        } else if !output.quiet || !report.isProved {
            for line in ProofText.lines(report) { Terminal.print(line) }
        }
        guard !report.isProved else { return }
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
