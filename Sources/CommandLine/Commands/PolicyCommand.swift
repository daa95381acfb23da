internal import ArgumentParser
internal import FileIO
internal import Governance
internal import MLRepo
internal import ObjectModel

struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Who may do what in a store: roles and rules, signed by its roots.",
        discussion: """
            A policy belongs to one store, such as origin, and says which people have which roles, what each role may do with which \
            refs, and who changes the policy. Once there is one, each entry of the store's log has to be signed by the key of somebody \
            who is allowed to make it. 'mlrepo serve --key' refuses what is not; and whoever fetches, pushes or clones checks every new \
            entry, also where the store is a plain directory that anybody can write to.

            'init' writes a first policy to a file, 'edit' the one in force; 'propose' sends what a file says and signs it, 'sign' \
            signs what somebody else proposed: it is in force once enough roots signed it, both of those before and of those after. \
            'simulate' tells whether somebody may do something (it ends with 1 if not), or which past operations what a file says \
            would have refused.

            EXAMPLES
              mlrepo policy init
              mlrepo policy propose policy.toml -m "First policy"
              mlrepo policy show
              mlrepo policy edit && vi policy.toml && mlrepo policy propose policy.toml
              mlrepo policy show 4f1a            what is proposed; with --toml, for diff
              mlrepo policy sign 4f1a
              mlrepo policy log
              mlrepo policy simulate bob push main
              mlrepo policy simulate policy.toml
              mlrepo policy show --in /srv/store --toml
            """)

    @Option(
        name: .customLong("in"), help: ArgumentHelp("The store; origin, or the only one.", valueName: "store")
    )
    var store: String?
    @Option(
        name: [.customShort("m"), .long], parsing: .unconditional,
        help: ArgumentHelp("propose: why, for the log.", valueName: "reason"))
    var message: String?
    @Flag(help: "show: as 'propose' takes it.")
    var toml = false
    @OptionGroup var output: OutputOptions
    @Argument(help: ArgumentHelp("init, show, edit, propose, sign, log or simulate.", valueName: "verb"))
    var verb: String
    @Argument(
        help: ArgumentHelp(
            "A file, the beginning of a proposal's id, or WHO, WHAT and REF.", valueName: "words"),
        completion: .file())
    var words: [String] = []

    private static let counts = [
        "init": 0...1, "show": 0...1, "edit": 0...1, "propose": 1...1, "sign": 0...1, "log": 0...0,
        "simulate": 1...3,
    ]

    func validate() throws {
        guard let count = Self.counts[verb] else {
            throw ValidationError(
                "'policy' takes init, show, edit, propose, sign, log or simulate, not '\(Terminal.escaped(verb))'"
            )
        }
        guard count.contains(words.count), verb != "simulate" || words.count != 2 else {
            let needed = [
                "init": "the file that is to be written, or nothing",
                "show": "the beginning of a proposal's id, or nothing",
                "edit": "the file that is to be written, or nothing", "propose": "a file",
                "sign": "the beginning of a proposal's id, or nothing", "log": "nothing more",
                "simulate": "a file, or who does what with which ref",
            ]
            throw ValidationError("'policy \(verb)' takes \(needed[verb] ?? "")")
        }
        guard message == nil || verb == "propose" else {
            throw ValidationError("-m belongs to 'policy propose'")
        }
        guard !toml || verb == "show" else { throw ValidationError("--toml belongs to 'policy show'") }
    }

    func run() throws {
        for text in words + [store, message].compactMap({ $0 }) {
            try ArgumentText.requireText(text, "the argument")
        }
        let repository = try Repository.here()
        if verb == "init" { return try write(try repository.firstPolicy(), repository) }
        let remote = try repository.remote(store)
        switch verb {
        case "show": try show(repository.policy(of: remote), words.first)
        case "edit":
            guard let policy = try repository.policy(of: remote).policy else {
                throw Failure(RepositoryError.noPolicy(remote: remote.label))
            }
            try write(policy.toml, repository)
        case "propose":
            tell(try repository.proposePolicy(file(words[0], repository), for: remote, reason: message))
        case "sign": tell(try repository.signPolicy(words.first, of: remote))
        case "log": try log(repository.policyVersions(of: remote))
        default: try simulate(repository, remote)
        }
    }

    private func file(_ text: String, _ repository: Repository) -> FilePath {
        repository.environment.place(named: text)
    }

    private func write(_ text: String, _ repository: Repository) throws {
        let name = words.first ?? "policy.toml"
        try repository.save(Array(text.utf8), to: ArgumentText.bytes(name))
        if output.json { return Terminal.printJSON(.object(["file": .string(name)])) }
        guard !output.quiet else { return }
        Terminal.print("Wrote \(Terminal.escaped(name))")
        Terminal.printError(
            "hint: work on it, then mlrepo policy propose \(ShellWord.quoted(Array(name.utf8)))")
    }

    // MARK: Showing

    /// - Parameter text: The beginning of the id of what is proposed; nothing for what is in force.
    private func show(_ view: PolicyView, _ text: String?) throws {
        if let text { return try showProposal(view, text) }
        guard view.policy != nil || !view.proposals.isEmpty else {
            throw Failure(RepositoryError.noPolicy(remote: view.place))
        }
        if output.json { return Terminal.printJSON(PolicyReport.json(view)) }
        if toml {
            guard let policy = view.policy else {
                throw Failure(RepositoryError.noPolicy(remote: view.place))
            }
            return Terminal.write(Array(policy.toml.utf8))
        }
        for line in PolicyReport.lines(view) { Terminal.print(line) }
    }

    private func showProposal(_ view: PolicyView, _ text: String) throws {
        let found = view.proposals.filter { $0.id.hex.hasPrefix(text) }
        guard let proposal = found.first, found.count == 1 else {
            throw Failure(
                status: .notFound,
                message:
                    "\(found.isEmpty ? "no proposal" : "\(Terminal.count(found.count)) proposals") of \(Terminal.escaped(view.place)) \(found.count > 1 ? "have" : "has") an id that begins with '\(Terminal.escaped(text))'",
                hint: "mlrepo policy show")
        }
        if output.json { return Terminal.printJSON(PolicyReport.json(proposal)) }
        if toml { return Terminal.write(Array(proposal.policy.toml.utf8)) }
        Terminal.print("proposed: policy \(proposal.policy.version)  \(PolicyReport.line(proposal))")
        for line in PolicyReport.lines(proposal.policy) { Terminal.print(line) }
    }

    private func tell(_ outcome: PolicyOutcome) {
        if output.json { return Terminal.printJSON(PolicyReport.json(outcome)) }
        guard !output.quiet else { return }
        let name = "Policy \(outcome.policy.version) of \(Terminal.escaped(outcome.place))"
        if outcome.isInForce {
            Terminal.print("\(name) is in force: \(outcome.id.hex.prefix(12))")
        } else {
            Terminal.print("\(name) is proposed: \(PolicyReport.line(outcome.proposal))")
            Terminal.printError("hint: others sign it with mlrepo policy sign \(outcome.id.hex.prefix(12))")
        }
    }

    private func log(_ versions: [PolicyVersion]) throws {
        if output.json {
            return Terminal.printJSON(.object(["versions": .array(versions.map(PolicyReport.json))]))
        }
        for version in versions { Terminal.print(PolicyReport.line(version)) }
    }

    // MARK: Trying

    private func simulate(_ repository: Repository, _ remote: Remote) throws {
        let view = try repository.policy(of: remote)
        if words.count == 3 {
            guard let policy = view.policy else {
                throw Failure(RepositoryError.noPolicy(remote: remote.label))
            }
            return try ask(policy, repository)
        }
        let current = view.policy.flatMap { policy in view.id.map { (policy: policy, id: $0) } }
        let policy = try repository.policy(in: file(words[0], repository), behind: current)
        let found = try repository.simulate(policy, in: remote)
        if output.json {
            Terminal.printJSON(
                .object([
                    "count": .integer(found.count),
                    "refused": .array(
                        found.refused.map { one in
                            .object([
                                "actor": one.event?.actor.json, "entry": .integer(one.number),
                                "reason": .string(one.refusal.description),
                                "verb": one.event.map { .string($0.verb) },
                            ])
                        }),
                ]))
        } else {
            for one in found.refused {
                let verb = one.event?.verb ?? "?"
                Terminal.print(
                    "entry \(one.number)  \(Terminal.escaped(verb)): \(Terminal.oneLine(one.refusal.description))"
                )
            }
            Terminal.print(
                "of \(Terminal.count(found.count)) entries, \(Terminal.count(found.refused.count)) would have been refused"
            )
        }
        if !found.refused.isEmpty { throw ExitCode(ExitStatus.no.rawValue) }
    }

    private func ask(_ policy: Policy, _ repository: Repository) throws {
        let known = policy.principals.first { $0.key == words[0] || $0.value.email == words[0] }
        guard let principal = known?.key else {
            throw Failure(
                status: .notFound,
                message: "policy \(policy.version) knows nobody called '\(Terminal.escaped(words[0]))'",
                hint: "mlrepo policy show")
        }
        guard let permission = Policy.Permission(rawValue: words[1]) else {
            let all = Policy.Permission.allCases.map(\.rawValue).joined(separator: ", ")
            throw Failure(
                status: .usage,
                message: "'\(Terminal.escaped(words[1]))' is nothing that a rule allows: \(all)")
        }
        let name = PolicyReport.refName(words[2])
        let decision = policy.decision(permission, name, by: principal, at: repository.environment.now())
        let problem = PolicyState.text(decision, principal, permission, name, policy)
        if output.json {
            Terminal.printJSON(
                .object([
                    "allowed": .bool(decision.isAllowed), "reason": problem.map { .string($0) } ?? .null,
                ]))
        } else if case .allowed(let rule) = decision {
            Terminal.print(
                "\(principal) may \(words[1]) \(Terminal.escaped(name)) (rule \(rule + 1) of policy \(policy.version))"
            )
        } else {
            Terminal.print(Terminal.oneLine(problem ?? ""))
        }
        if !decision.isAllowed { throw ExitCode(ExitStatus.no.rawValue) }
    }
}
