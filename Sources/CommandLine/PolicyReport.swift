internal import Governance
internal import MLRepo
internal import ObjectModel

/// Policies as people and programs read them.
enum PolicyReport {
    /// The whole name of a ref that somebody means: of a branch, unless they say more.
    static func refName(_ text: String) -> String {
        let isWhole = ["branches/", "tags/", "runs/", "statements/", "proposals/"].contains {
            text.hasPrefix($0)
        }
        return isWhole || text == "*" ? text : "branches/\(text)"
    }

    /// Whether other stores have refs like it.
    static func isShared(_ name: RefName) -> Bool {
        name.name(in: "branches") != nil || name.name(in: "tags") != nil
    }

    // MARK: Text

    static func lines(_ view: PolicyView) -> [String] {
        var lines: [String] = []
        if let policy = view.policy, let id = view.id {
            let name = policy.name.map { " (\(Terminal.escaped($0)))" } ?? ""
            lines.append("policy \(policy.version)  \(id.hex.prefix(12))\(name)")
            lines += self.lines(policy)
        } else {
            lines.append("no policy is in force")
        }
        for proposal in view.proposals {
            lines += ["", "proposed: policy \(proposal.policy.version)  \(line(proposal))"]
        }
        return lines
    }

    static func lines(_ policy: Policy) -> [String] {
        var lines = [
            "changed by \(policy.roots.threshold) of \(policy.roots.members.joined(separator: ", "))"
        ]
        lines += ["", "People"] + people(policy)
        lines += ["", "Roles"] + roles(policy)
        lines += ["", "Rules; what none allows is refused"] + rules(policy)
        if let days = policy.limits.freshnessDays {
            lines += ["", "The log is of \(Terminal.number(days, "day")) ago or later."]
        }
        return lines
    }

    private static func people(_ policy: Policy) -> [String] {
        policy.principals.sorted { $0.key < $1.key }.map { name, principal in
            var words = ["  \(name)", Terminal.escaped(principal.email)]
            words += principal.keys.map(\.fingerprint)
            if let day = principal.expires { words.append("until \(day)") }
            if !principal.qualifications.isEmpty {
                words.append(
                    "[\(principal.qualifications.map { Terminal.escaped($0) }.joined(separator: "; "))]")
            }
            return words.joined(separator: "  ")
        }
    }

    private static func roles(_ policy: Policy) -> [String] {
        policy.roles.sorted { $0.key < $1.key }.map { name, role in
            var text = "  \(name): \(role.members.joined(separator: ", "))"
            if let day = role.expires { text += " until \(day)" }
            if !role.description.isEmpty { text += " - \(Terminal.escaped(role.description))" }
            return text
        }
    }

    private static func rules(_ policy: Policy) -> [String] {
        policy.rules.enumerated().map { index, rule in
            var text = "  \(index + 1). \(rule.roles.joined(separator: ", ")) may "
            text += rule.permissions.map(\.rawValue).joined(separator: ", ")
            text +=
                rule.refs == ["*"] ? "" : " \(rule.refs.map { Terminal.escaped($0) }.joined(separator: ", "))"
            if rule.approvals > 0 {
                text += ", once \(rule.approvals) of \(rule.approvers.joined(separator: ", ")) approved it"
            }
            return text
        }
    }

    static func line(_ proposal: PolicyProposal) -> String {
        var text = "\(proposal.id.hex.prefix(12))  signed by \(proposal.signers.joined(separator: ", "))"
        if let before = proposal.before, before.count < before.threshold {
            text += "; \(before.count) of \(before.threshold) roots in force"
        }
        if proposal.after.count < proposal.after.threshold {
            text += "; \(proposal.after.count) of \(proposal.after.threshold) roots that it names"
        }
        return text
    }

    static func line(_ version: PolicyVersion) -> String {
        var words = ["policy \(version.policy.version)", "\(version.id.hex.prefix(12))"]
        if let entry = version.entry { words.append("entry \(entry)") }
        if let event = version.event {
            words.append(Terminal.time(event.time))
            words.append("signed by \(version.signers.joined(separator: ", "))")
            if let reason = event.reason { words.append(Terminal.oneLine(Terminal.escaped(reason))) }
        }
        return words.joined(separator: "  ")
    }

    // MARK: JSON

    static func json(_ view: PolicyView) -> JSONValue {
        .object([
            "id": view.id?.json ?? .null, "origin": .string(view.origin),
            "policy": view.policy?.json ?? .null, "proposals": .array(view.proposals.map(json)),
            "store": .string(view.place),
        ])
    }

    static func json(_ proposal: PolicyProposal) -> JSONValue {
        func count(_ roots: (count: Int, threshold: Int)) -> JSONValue {
            .object(["count": .integer(roots.count), "threshold": .integer(roots.threshold)])
        }
        return .object([
            "id": proposal.id.json, "policy": proposal.policy.json,
            "rootsInForce": proposal.before.map(count) ?? .null, "rootsNamed": count(proposal.after),
            "signers": .array(proposal.signers.map { .string($0) }),
        ])
    }

    static func json(_ outcome: PolicyOutcome) -> JSONValue {
        .object([
            "inForce": .bool(outcome.isInForce), "proposal": json(outcome.proposal),
            "store": .string(outcome.place),
        ])
    }

    static func json(_ version: PolicyVersion) -> JSONValue {
        .object([
            "entry": version.entry.map { .integer($0) } ?? .null, "id": version.id.json,
            "policy": version.policy.json,
            "reason": version.event?.reason.map { .string($0) } ?? .null,
            "signers": .array(version.signers.map { .string($0) }),
            "time": version.event.map { .string(Terminal.time($0.time)) } ?? .null,
        ])
    }
}
