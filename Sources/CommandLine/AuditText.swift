internal import Governance
internal import MLRepo
internal import ObjectModel

/// Which operations somebody wants to see.
struct AuditFilter {
    let actor: String?
    let ref: String?
    let verb: String?
    /// Both in seconds since 1970-01-01T00:00:00Z.
    let since: Int?
    let until: Int?

    /// - Parameter event: Nothing for one that is lost: that passes where nothing is asked for.
    func accepts(_ event: Event?) -> Bool {
        guard let event else {
            return [actor, ref, verb].allSatisfy { $0 == nil } && since == nil && until == nil
        }
        if let actor, !"\(event.actor)".lowercased().contains(actor.lowercased()) { return false }
        if let verb, event.verb != verb { return false }
        if let since, event.time < since { return false }
        if let until, event.time > until { return false }
        guard let ref else { return true }
        return event.refs.contains { change in
            change.name.text == ref || ["branches", "tags"].contains { change.name.name(in: $0) == ref }
        }
    }
}

/// What a check of a whole log found.
struct AuditReport {
    let head: LogHead
    var signed = 0
    /// Entries before the first one that somebody signed.
    var before = 0
    var firstSigned: Int?
    /// Entries behind that which are not signed by somebody who is trusted, or whose operation is lost.
    var bad: [AuditedEntry] = []
    /// When the newest good signature was made, in seconds since 1970-01-01T00:00:00Z.
    private var newestEntry: Int?
    var heads: [JudgedHead] = []
    var contradictions: [(JudgedHead, LogContradiction)] = []
    var isStale = false
    /// What the store's policy says of the log; nothing where there is none.
    let policy: PolicyAudit?

    init(head: LogHead, policy: PolicyAudit?) { (self.head, self.policy) = (head, policy) }

    mutating func add(_ entry: AuditedEntry) {
        if entry.verdict != nil, firstSigned == nil { firstSigned = entry.number }
        // From then on, the policy says what has to be signed, and by whom.
        let isGoverned = policy.map { entry.number >= $0.first } ?? false
        if isGoverned {
            signed += entry.isGood ? 1 : 0
            if entry.isGood { newestEntry = max(newestEntry ?? entry.time, entry.time) }
        } else if entry.event == nil || (firstSigned != nil && !entry.isGood) {
            bad.append(entry)
        } else if firstSigned == nil {
            before += 1
        } else {
            signed += 1
            newestEntry = max(newestEntry ?? entry.time, entry.time)
        }
    }

    var newest: Int? {
        let heads = heads.filter(\.verdict.isGood).map(\.time)
        return (heads + [newestEntry].compactMap { $0 }).max()
    }

    var isSound: Bool {
        bad.isEmpty && (policy?.refused.isEmpty ?? true) && contradictions.isEmpty && !isStale
            && firstSigned != nil
    }
}

/// What is told of logs, in words and for programs.
enum AuditText {
    static func entries(_ count: Int) -> String {
        count == 1 ? "1 entry" : "\(Terminal.count(count)) entries"
    }

    /// An entry: what was done, and whose signature says so.
    static func line(_ entry: AuditedEntry) -> String {
        let signature: String
        if let verdict = entry.verdict {
            signature =
                "signed\(entry.fingerprint.map { " by \($0)" } ?? ""): \(SignatureText.words(verdict))"
        } else {
            signature = "not signed"
        }
        guard let operation = entry.operation else {
            return "\(entry.number)  \(Terminal.time(entry.time))  (its operation is lost)  \(signature)"
        }
        return "\(OperationsCommand.line(operation))  \(signature)"
    }

    static func json(_ entry: AuditedEntry) -> JSONValue {
        let signature = entry.verdict.map { verdict -> JSONValue in
            .object([
                "fingerprint": entry.fingerprint.map { .string($0) },
                "verdict": .string(SignatureText.word(verdict)),
            ])
        }
        let own: [JSONMember] = [
            JSONMember("leaf", entry.leafHash.json), JSONMember("signature", signature ?? .null),
        ]
        guard let operation = entry.operation,
            case .object(let members) = OperationsCommand.json(operation)
        else {
            return .object([
                "number": .number(entry.number), "event": entry.eventID.json,
                "time": .string(Terminal.time(entry.time)), "leaf": entry.leafHash.json,
                "signature": signature ?? .null,
            ])
        }
        return .object(members + own, sorting: true)
    }

    // MARK: A check

    static func lines(_ report: AuditReport, of place: String?, isQuiet: Bool) -> [String] {
        var lines: [String] = []
        for (head, problem) in report.contradictions {
            let seen =
                "\(AuditText.entries(head.head.size)) that \(Terminal.escaped(head.signer)) signed at \(Terminal.time(head.time))"
            switch problem {
            case .rolledBack(let size):
                lines.append("ROLLED BACK: the log has \(Terminal.count(size)) of \(seen)")
            case .forked: lines.append("FORKED: the log has others than the \(seen)")
            }
        }
        lines += report.bad.map { "NOT AS SIGNED: \(line($0))" }
        for one in report.policy?.refused ?? [] {
            let what = one.event.map { "\(Terminal.escaped($0.verb))  " } ?? ""
            lines.append(
                "NOT ALLOWED: \(one.number)  \(what)\(Terminal.oneLine(Terminal.escaped(one.refusal.description)))"
            )
        }
        if report.isStale {
            let newest =
                report.newest.map { "the newest signature is of \(Terminal.time($0))" } ?? "nothing is signed"
            lines.append("HELD BACK: \(newest)")
        }
        if report.firstSigned == nil { lines.append("NOT SIGNED: nobody has signed an entry") }
        if isQuiet { return lines }
        let root = "root \(report.head.root.hex)"
        lines.append(
            "The log of \(place.map { Terminal.escaped($0) } ?? "this store") has \(AuditText.entries(report.head.size)), \(root)"
        )
        let before = report.before > 0 ? "; \(Terminal.count(report.before)) before anybody signed" : ""
        lines.append("\(AuditText.entries(report.signed)) signed by somebody who is trusted\(before)")
        if let audit = report.policy, let policy = audit.policy {
            lines.append("Policy \(policy.version) is in force; entries are checked from \(audit.first) on")
        }
        for head in report.heads.prefix(10) { lines.append("Head \(words(head))") }
        return lines
    }

    static func words(_ head: JudgedHead) -> String {
        "of \(AuditText.entries(head.head.size)) at \(Terminal.time(head.time)) by \(Terminal.escaped(head.signer)), key \(head.fingerprint): \(SignatureText.words(head.verdict))"
    }

    static func json(_ head: JudgedHead) -> JSONValue {
        .object([
            "fingerprint": .string(head.fingerprint), "signer": .string(head.signer),
            "size": .number(head.head.size), "time": .string(Terminal.time(head.time)),
            "verdict": .string(SignatureText.word(head.verdict)),
        ])
    }

    static func json(_ report: AuditReport) -> JSONValue {
        let contradictions = report.contradictions.map { head, problem in
            JSONValue.object([
                "head": json(head),
                "problem": .string(problem == .forked ? "forked" : "rolledBack"),
            ])
        }
        return .object([
            "bad": .array(report.bad.map(json)), "before": .number(report.before),
            "contradictions": .array(contradictions), "heads": .array(report.heads.map(json)),
            "newest": report.newest.map { .string(Terminal.time($0)) },
            "origin": .string(report.head.origin),
            "policy": report.policy?.policy.map { .number($0.version) },
            "refused": report.policy.map { audit in
                .array(
                    audit.refused.map { one in
                        .object([
                            "actor": one.event?.actor.json, "number": .number(one.number),
                            "reason": .string(one.refusal.description),
                            "verb": one.event.map { .string($0.verb) },
                        ])
                    })
            }, "root": report.head.root.json,
            "signed": .number(report.signed), "size": .number(report.head.size),
            "sound": .bool(report.isSound), "stale": .bool(report.isStale),
        ])
    }

    static func json(_ report: WitnessReport) -> JSONValue {
        .object([
            "before": report.before.map { .number($0) }, "origin": .string(report.head.origin),
            "problem": report.problem.map { .string($0) }, "root": report.head.root.json,
            "size": .number(report.head.size), "store": .string(report.place),
            "time": .string(Terminal.time(report.time)),
        ])
    }
}
