internal import ArgumentParser
internal import Governance
internal import MLRepo
internal import ObjectModel

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Look through the log of a store, check or witness it; write what an auditor needs.",
        discussion: """
            Each operation is an entry of the store's log. With 'mlrepo config log.sign true' whoever makes one signs it, over all of \
            the entry and the log before it, here and in stores that they push to: then nobody can forge, drop or reorder what was \
            signed without that being seen.

            'log' shows entries, newest first, and what their signatures are worth. 'check' hashes the whole log, judges all \
            signatures, and compares the log with heads of it that somebody signed, such as witnesses: it ends with 1 if something is \
            not as it was signed, or if an entry behind the first signed one is not signed by somebody who is trusted. 'witness' signs \
            the head of another store's log, if that goes on from all that this store has witnessed; it keeps that here and there. 'bundle' writes a directory with versions, all before them, their \
            runs, lists of files, signatures, and proofs of the entries that they came by: its VERIFY.md says how it is \
            verified without mlrepo.

            EXAMPLES
              mlrepo audit log
              mlrepo audit log origin --actor ada@example.com --since 2026-11-01
              mlrepo audit log --ref main --verb push -n 10
              mlrepo audit log --follow --json
              mlrepo audit check
              mlrepo audit check origin --witness /media/usb/store
              mlrepo audit check origin --newer-than "7 days ago"
              mlrepo audit witness origin                 in the witness' own store
              mlrepo audit bundle ../for-the-auditor v1.2
              mlrepo audit bundle ../for-the-auditor v1.2 --of origin
            """)

    @Option(help: ArgumentHelp("log: of somebody: a part of the name or address.", valueName: "who"))
    var actor: String?
    @Option(help: ArgumentHelp("log: what moved a branch or tag, or any ref of that name.", valueName: "ref"))
    var ref: String?
    @Option(help: ArgumentHelp("log: operations of that kind, such as commit.", valueName: "verb"))
    var verb: String?
    @Option(help: ArgumentHelp("log: from then on.", valueName: "time"))
    var since: String?
    @Option(help: ArgumentHelp("log: until then.", valueName: "time"))
    var until: String?
    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("log: at most so many, the newest ones.", valueName: "count"))
    var maxCount: Int?
    @Flag(help: "log: oldest first, and go on with those that come, until Ctrl-C.")
    var follow = false
    @Option(
        help: ArgumentHelp(
            "check: another store that keeps signed heads of it; may be given again.", valueName: "store"))
    var witness: [String] = []
    @Option(
        help: ArgumentHelp(
            "check: something that was signed has to be of then or later: else the log may be held back.",
            valueName: "time"))
    var newerThan: String?
    @Option(
        help: ArgumentHelp(
            "bundle: another store, whose log proves it and whose policies go along.", valueName: "store"))
    var of: String?
    @Flag(inversion: .prefixedNo, help: "bundle: sign it; by itself where a key is set.")
    var sign: Bool?
    @OptionGroup var output: OutputOptions
    @Argument(help: ArgumentHelp("log, check, witness or bundle.", valueName: "what"))
    var action: String
    @Argument(
        help: ArgumentHelp(
            "Another store: its name or place; this one. Of a bundle its directory, and revisions.",
            valueName: "store"))
    var words: [String] = []

    private var store: String? { words.first }

    func validate() throws {
        guard ["log", "check", "witness", "bundle"].contains(action) else {
            throw ValidationError(
                "'audit' takes log, check, witness or bundle, not '\(Terminal.escaped(action))'")
        }
        let filters = [actor, ref, verb, since, until].contains { $0 != nil } || maxCount != nil || follow
        guard action == "log" || !filters else {
            throw ValidationError(
                "--actor, --ref, --verb, --since, --until, -n and --follow belong to 'audit log'")
        }
        guard action == "check" || (witness.isEmpty && newerThan == nil) else {
            throw ValidationError("--witness and --newer-than belong to 'audit check'")
        }
        guard action != "witness" || store != nil else {
            throw ValidationError("'audit witness' takes the store whose log is to be witnessed")
        }
        guard action == "bundle" || words.count <= 1 else {
            throw ValidationError("'audit \(action)' takes one store")
        }
        guard action != "bundle" || !words.isEmpty else {
            throw ValidationError("'audit bundle' takes the directory that is to be written")
        }
        guard action == "bundle" || (sign == nil && of == nil) else {
            throw ValidationError("--sign and --of belong to 'audit bundle'")
        }
        guard !follow || store == nil else {
            throw ValidationError("--follow is for the store that one is in")
        }
        guard maxCount ?? 0 >= 0 else { throw ValidationError("-n takes a number of entries") }
    }

    func run() throws {
        for text in [actor, ref, verb, since, until, newerThan, of].compactMap({ $0 }) + witness {
            try ArgumentText.requireText(text, "the argument")
        }
        let repository = try Repository.here()
        if action == "bundle" { return try bundle(repository) }
        if let store { try ArgumentText.requireText(store, "the argument") }
        let remote = try store.map { (name) throws in try repository.knownRemotes.named(name) }
        switch action {
        case "log": try showLog(repository, remote)
        case "check": try check(repository, remote)
        default: try witness(repository, repository.knownRemotes.named(store))
        }
    }

    // MARK: Showing

    private func showLog(_ repository: Repository, _ remote: Remote?) throws {
        let filter = try AuditFilter(
            actor: actor, ref: ref, verb: verb, since: repository.time(since), until: repository.time(until))
        var shown = -1
        var audited = try repository.auditedLog(of: remote)
        let count = follow ? maxCount : maxCount ?? .max
        var entries: [AuditedEntry] = []
        try repository.audit(audited, last: count, where: { filter.accepts($1) }) { entries.append($0) }
        for entry in follow ? entries : entries.reversed() { tell(entry) }
        guard follow else { return }
        shown = audited.head.size - 1
        while true {
            Terminal.flush()
            sleep(1)
            guard try repository.refreshed().number > shown else { continue }
            audited = try repository.auditedLog()
            try repository.audit(audited, where: { $0 > shown && filter.accepts($1) }) { tell($0) }
            shown = audited.head.size - 1
        }
    }

    private func tell(_ entry: AuditedEntry) {
        Terminal.print(output.json ? Terminal.json(AuditText.json(entry)) : AuditText.line(entry))
    }

    // MARK: Checking

    private func check(_ repository: Repository, _ remote: Remote?) throws {
        let audited = try repository.auditedLog(of: remote)
        let witnesses = try witness.map { (name) throws in try repository.knownRemotes.named(name) }
        let oldest = try repository.time(newerThan)
        let policy = try repository.auditPolicy(of: audited)
        var report = AuditReport(head: audited.head, policy: policy)
        try repository.audit(audited) { report.add($0) }
        report.heads = try repository.signedHeads(of: audited, and: witnesses)
        report.contradictions = try repository.contradictions(of: report.heads, to: audited)
        let limit = policy?.policy?.limits.freshnessDays.map { repository.environment.now() - $0 * 86_400 }
        let times = [oldest, limit].compactMap { $0 }
        report.isStale = times.max().map { (report.newest ?? .min) < $0 } ?? false
        if output.json {
            Terminal.printJSON(AuditText.json(report))
        } else {
            for line in AuditText.lines(report, of: audited.place, isQuiet: output.quiet) {
                Terminal.print(line)
            }
        }
        guard !report.isSound else { return }
        if !output.quiet, let hint = Self.hint(report) { Terminal.printError("hint: \(hint)") }
        Terminal.flush()
        throw ExitCode(1)
    }

    /// What to type where nobody signs yet, or a key is not known yet.
    private static func hint(_ report: AuditReport) -> String? {
        if report.firstSigned == nil {
            return "mlrepo config log.sign true, so that entries are signed from now on"
        }
        guard let unknown = report.bad.first(where: { $0.verdict == .unknownKey }), let event = unknown.event
        else { return nil }
        let email = ShellWord.quoted(Array(event.actor.email.utf8))
        return "if \(unknown.fingerprint ?? "the key") is theirs: mlrepo identity trust \(email) FILE.pub"
    }

    // MARK: For others

    private func bundle(_ repository: Repository) throws {
        let revisions = words.dropFirst().isEmpty ? ["HEAD"] : Array(words.dropFirst())
        let tips = try revisions.map { (revision) throws in try repository.commit(named: revision) }
        let hasKey = try repository.findSigningKey() != nil && repository.person?.email.isEmpty == false
        let report = try repository.writeAuditBundle(
            of: tips, to: ArgumentText.bytes(words[0]),
            by: of.map { (name) throws in try repository.knownRemotes.named(name) }, signing: sign ?? hasKey)
        if output.json {
            return Terminal.printJSON(
                .object([
                    "commits": .number(report.commits), "entries": .number(report.entries),
                    "objects": .number(report.objects), "origin": .string(report.head.origin),
                    "root": report.head.root.json, "signatures": .number(report.signatures),
                    "signed": .bool(report.isSigned), "size": .number(report.head.size),
                ]))
        }
        if !report.isSigned {
            Terminal.printError("note: nobody signed the bundle itself: mlrepo help identity")
        }
        guard !output.quiet else { return }
        Terminal.print(
            "Wrote \(Terminal.number(report.commits, "commit")), \(Terminal.number(report.signatures, "statement")) and \(AuditText.entries(report.entries)) of the log to \(Terminal.escaped(words[0])); VERIFY.md says how they are verified"
        )
    }

    private func witness(_ repository: Repository, _ remote: Remote) throws {
        let report = try repository.witness(remote)
        if output.json { return Terminal.printJSON(AuditText.json(report)) }
        if let problem = report.problem {
            Terminal.printError(
                "warning: it is kept here, and not at \(Terminal.escaped(report.place)): \(Terminal.escaped(problem))"
            )
        }
        guard !output.quiet else { return }
        let before = report.before.map { "; it goes on from \(Terminal.count($0)) that were witnessed" } ?? ""
        Terminal.print(
            "Witnessed \(AuditText.entries(report.head.size)) of \(Terminal.escaped(report.place))\(before)"
        )
    }
}
