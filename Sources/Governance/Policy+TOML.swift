/// A policy as people read and write it.
extension Policy {
    /// All of it in TOML.
    package var toml: String {
        var lines: [String] = []
        if let name { lines += ["name = \(Self.quoted(name))", ""] }
        if rules.isEmpty { lines += ["rules = []", ""] }
        lines += ["# Who changes the policy, and how many of them have to sign a change.", "[roots]"]
        lines += ["members = \(Self.list(roots.members))", "threshold = \(roots.threshold)"]
        if let days = limits.freshnessDays {
            lines += ["", "[limits]", "freshness_days = \(days)"]
        }
        for (name, principal) in principals.sorted(by: { $0.key < $1.key }) {
            lines += ["", "[principals.\(Self.key(name))]"]
            if !principal.name.isEmpty { lines.append("name = \(Self.quoted(principal.name))") }
            lines.append("email = \(Self.quoted(principal.email))")
            lines.append("keys = \(Self.list(principal.keys.map(\.line)))")
            if !principal.qualifications.isEmpty {
                lines.append("qualifications = \(Self.list(principal.qualifications))")
            }
            if let day = principal.expires { lines.append("expires = \(day)") }
        }
        if !groups.isEmpty {
            lines += ["", "# A role has all of a group by @NAME.", "[groups]"]
            for (name, members) in groups.sorted(by: { $0.key < $1.key }) {
                lines.append("\(Self.key(name)) = \(Self.list(members))")
            }
        }
        for (name, role) in roles.sorted(by: { $0.key < $1.key }) {
            lines += ["", "[roles.\(Self.key(name))]"]
            if !role.description.isEmpty { lines.append("description = \(Self.quoted(role.description))") }
            lines.append("members = \(Self.list(role.members))")
            if !role.qualifications.isEmpty {
                lines.append("qualifications = \(Self.list(role.qualifications))")
            }
            if let day = role.expires { lines.append("expires = \(day)") }
        }
        lines.append("")
        if !rules.isEmpty { lines.append("# What no rule allows is refused.") }
        for rule in rules {
            lines += ["[[rules]]", "allow = \(Self.list(rule.permissions.map(\.rawValue)))"]
            lines += ["refs = \(Self.list(rule.refs))", "roles = \(Self.list(rule.roles))"]
            if rule.approvals > 0 {
                lines += ["approvals = \(rule.approvals)", "approvers = \(Self.list(rule.approvers))"]
            }
            lines.append("")
        }
        return lines.joined(separator: "\n")
    }

    private static func list(_ texts: [String]) -> String {
        "[\(texts.map(quoted).joined(separator: ", "))]"
    }

    private static func key(_ name: String) -> String { name.contains(".") ? quoted(name) : name }

    /// A basic string.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
