package import ObjectModel

/// Who may do what in a store (`Documentation/Formats/policy.md`): one version of it, which its roots changed together.
package struct Policy: Hashable, Sendable {
    /// The most bytes that a document may have.
    package static let byteLimit = 256 << 10
    /// The most principals, groups, roles or rules, and the most members of one.
    package static let countLimit = 1000
    /// The most keys of one principal.
    static let keyLimit = 16

    /// Those who change the policy together: so many of them sign a new version.
    package struct Roots: Hashable, Sendable {
        package let members: [String]
        package let threshold: Int
    }

    /// Somebody who acts, and their keys.
    package struct Principal: Hashable, Sendable {
        package let name: String
        package let email: String
        package let keys: [SSHPublicKey]
        package let qualifications: [String]
        /// The last day on which they may act, as `YYYY-MM-DD`, in UTC.
        package let expires: String?
    }

    /// What a person is for, and who has that role.
    package struct Role: Hashable, Sendable {
        package let description: String
        package let qualifications: [String]
        /// Principals, and groups with `@` before them.
        package let members: [String]
        /// The last day on which it holds, as `YYYY-MM-DD`, in UTC.
        package let expires: String?
    }

    /// What a rule allows.
    package enum Permission: String, CaseIterable, Hashable, Sendable {
        /// To read the store.
        case read
        /// To move a branch forward.
        case push
        /// To make a branch or a tag.
        case create
        /// To remove a ref.
        case delete
        /// To move a branch to what does not go on from it, or a tag.
        case force
        /// To add notes.
        case annotate
        /// To collect and merge packs.
        case admin

        /// Whether it is about the whole store.
        var isOfStore: Bool { self == .read || self == .admin }
    }

    /// Those who have a role may do something with refs of some names.
    package struct Rule: Hashable, Sendable {
        package let permissions: [Permission]
        /// Patterns of whole names, such as `branches/main` and `tags/*`; those behind `!` are left out.
        package let refs: [String]
        package let roles: [String]
        /// How many others have to approve it.
        package let approvals: Int
        /// Roles of which they have to be.
        package let approvers: [String]

        /// Whether it is about a name.
        func covers(_ name: String) -> Bool { PatternList(refs.joined(separator: ",")).matches(name) }
    }

    /// How long something may take.
    package struct Limits: Hashable, Sendable {
        /// The log has to be of so many days ago or later, or it may be held back.
        package let freshnessDays: Int?
    }

    package let version: Int
    /// The document before this one; nothing for the first.
    package let previous: ObjectID?
    package let name: String?
    package let roots: Roots
    package let principals: [String: Principal]
    package let groups: [String: [String]]
    package let roles: [String: Role]
    package let rules: [Rule]
    package let limits: Limits

    /// The bytes that are signed, and whose digest names the document.
    package var document: [UInt8] { json.canonicalBytes }

    // MARK: Questions

    /// Whose key it is.
    package func principals(of key: SSHPublicKey) -> Set<String> { owners[key.plain] ?? [] }

    /// Whether somebody may act at all at a time.
    ///
    /// - Parameter time: Seconds since 1970.
    package func isCurrent(_ principal: String, at time: Int) -> Bool {
        guard let known = principals[principal] else { return false }
        return Self.isCurrent(known.expires, at: time)
    }

    /// The roles that somebody has at a time.
    package func roles(of principal: String, at time: Int) -> Set<String> {
        guard isCurrent(principal, at: time) else { return [] }
        var found: Set<String> = []
        for (name, role) in roles where Self.isCurrent(role.expires, at: time) {
            let has = role.members.contains { member in
                guard member.hasPrefix("@") else { return member == principal }
                return groups[String(member.dropFirst())]?.contains(principal) ?? false
            }
            if has { found.insert(name) }
        }
        return found
    }

    private static func isCurrent(_ day: String?, at time: Int) -> Bool {
        guard let day, let start = Day.seconds(day) else { return true }
        return time < start + 86_400
    }

    /// Whether somebody may do something with a name, and who has to approve it.
    ///
    /// - Parameter others: Those who approved it; whoever acts does not count again.
    package func decision(
        _ permission: Permission, _ name: String, by principal: String, approvedBy others: Set<String> = [],
        at time: Int
    ) -> PolicyDecision {
        let roles = roles(of: principal, at: time)
        var lacking: PolicyDecision.Lack?
        for (index, rule) in rules.enumerated()
        where rule.permissions.contains(permission) && rule.covers(name)
            && !roles.isDisjoint(with: rule.roles)
        {
            let approvers = others.subtracting([principal]).filter {
                !self.roles(of: $0, at: time).isDisjoint(with: rule.approvers)
            }
            if approvers.count >= rule.approvals { return .allowed(rule: index) }
            let lack = PolicyDecision.Lack(
                rule: index, approvals: approvers.count, of: rule.approvals, from: rule.approvers)
            if lacking.map({ lack.missing < $0.missing }) ?? true { lacking = lack }
        }
        if let lacking { return .lacking(lacking) }
        let able = rules.filter { $0.permissions.contains(permission) && $0.covers(name) }.flatMap(\.roles)
        return .denied(roles: Array(Set(able)).sorted())
    }

    /// Whether somebody may do something with any name.
    package func mayAnywhere(_ permissions: Set<Permission>, _ principal: String, at time: Int) -> Bool {
        let roles = roles(of: principal, at: time)
        return rules.contains {
            !permissions.isDisjoint(with: $0.permissions) && !roles.isDisjoint(with: $0.roles)
        }
    }

    /// Whether those who signed are enough to change the policy.
    package func isChanged(by signers: Set<String>, at time: Int) -> Bool {
        roots(among: signers, at: time).count >= roots.threshold
    }

    /// Those of some who are roots and may act.
    package func roots(among signers: Set<String>, at time: Int) -> Set<String> {
        signers.intersection(roots.members).filter { isCurrent($0, at: time) }
    }

    // MARK: Making

    private let owners: [SSHPublicKey: Set<String>]

    init(
        version: Int, previous: ObjectID?, name: String?, roots: Roots, principals: [String: Principal],
        groups: [String: [String]], roles: [String: Role], rules: [Rule], limits: Limits
    ) {
        (self.version, self.previous, self.name, self.roots) = (version, previous, name, roots)
        (self.principals, self.groups, self.roles) = (principals, groups, roles)
        (self.rules, self.limits) = (rules, limits)
        var owners: [SSHPublicKey: Set<String>] = [:]
        for (name, principal) in principals {
            for key in principal.keys { owners[key, default: []].insert(name) }
        }
        self.owners = owners
    }
}

/// What a policy says of something that somebody does.
package enum PolicyDecision: Hashable, Sendable {
    /// By the rule with that place.
    case allowed(rule: Int)
    /// It would be, if more had approved it.
    case lacking(Lack)
    /// No rule allows it; those who have these roles may.
    case denied(roles: [String])

    package struct Lack: Hashable, Sendable {
        package let rule: Int
        package let approvals: Int
        package let needed: Int
        package let approvers: [String]

        var missing: Int { needed - approvals }

        init(rule: Int, approvals: Int, of needed: Int, from approvers: [String]) {
            (self.rule, self.approvals, self.needed, self.approvers) = (rule, approvals, needed, approvers)
        }
    }

    package var isAllowed: Bool {
        if case .allowed = self { return true }
        return false
    }
}

/// Days of the calendar as texts.
enum Day {
    /// Seconds since 1970 of the beginning of a day in UTC; nothing for what is no day of the calendar.
    static func seconds(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") else {
            return nil
        }
        func number(_ range: Range<Int>) -> Int? {
            guard bytes[range].allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return bytes[range].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), year >= 1970,
            (1...12).contains(month)
        else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1...lengths[month - 1]).contains(day) else { return nil }
        let past = (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 - 477
        let days = (year - 1970) * 365 + past + lengths[..<(month - 1)].reduce(0, +) + day - 1
        return days * 86_400
    }
}
