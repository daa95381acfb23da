package import ObjectModel

/// What is wrong with a policy, and where.
package struct PolicyProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// Such as `rules[2].roles`.
    package let place: String
    package let problem: String

    package init(place: String, problem: String) { (self.place, self.problem) = (place, problem) }

    package var description: String { place.isEmpty ? problem : "\(place): \(problem)" }
}

extension Policy {
    /// Of a document's members; whatever has no meaning is refused, so that nobody relies on it.
    package init(_ json: JSONValue) throws(PolicyProblem) {
        let top = try Members(json, at: "")
        try top.allow(
            ["groups", "limits", "name", "previous", "principals", "roles", "roots", "rules", "version"])
        let version = try top.integer("version", 1...1_000_000_000)
        var previous: ObjectID?
        if let text = try top.optionalText("previous") {
            guard let id = try? ObjectID(hex: text) else { throw top.wrong("previous", "64 hex digits") }
            previous = id
        }
        guard (version == 1) == (previous == nil) else {
            throw top.wrong("previous", "the document before this one, for all versions but the first")
        }
        var principals: [String: Principal] = [:]
        for (name, members) in try top.named("principals") {
            principals[name] = try Principal(members)
        }
        var groups: [String: [String]] = [:]
        if let json = top["groups"] {
            let members = try Members(json, at: "groups")
            for name in try members.names() {
                groups[name] = try members.texts(name)
                try Self.require(groups[name] ?? [], in: principals.keys, members.place(name), "principal")
            }
        }
        let rootMembers = try top.members("roots")
        try rootMembers.allow(["members", "threshold"])
        let names = try rootMembers.texts("members")
        try Self.require(names, in: principals.keys, rootMembers.place("members"), "principal")
        guard !names.isEmpty else { throw rootMembers.wrong("members", "at least one principal") }
        let threshold = try rootMembers.optionalInteger("threshold", 1...Self.countLimit) ?? 1
        guard threshold <= names.count else {
            throw rootMembers.wrong("threshold", "at most \(names.count), which is how many roots there are")
        }
        var roles: [String: Role] = [:]
        for (name, members) in try top.named("roles") {
            let role = try Role(members)
            for member in role.members {
                let isGroup = member.hasPrefix("@")
                try Self.require(
                    [isGroup ? String(member.dropFirst()) : member],
                    in: isGroup ? Array(groups.keys) : Array(principals.keys), members.place("members"),
                    isGroup ? "group" : "principal")
            }
            roles[name] = role
        }
        var rules: [Rule] = []
        for (index, json) in try top.list("rules").enumerated() {
            let members = try Members(json, at: "rules[\(index + 1)]")
            let rule = try Rule(members)
            try Self.require(rule.roles, in: roles.keys, members.place("roles"), "role")
            try Self.require(rule.approvers, in: roles.keys, members.place("approvers"), "role")
            rules.append(rule)
        }
        var limits = Limits(freshnessDays: nil)
        if let json = top["limits"] {
            let members = try Members(json, at: "limits")
            try members.allow(["freshness_days"])
            limits = Limits(freshnessDays: try members.optionalInteger("freshness_days", 1...36_500))
        }
        var owners: [SSHPublicKey: String] = [:]
        for (name, principal) in principals.sorted(by: { $0.key < $1.key }) {
            for key in principal.keys {
                if let other = owners[key] {
                    throw PolicyProblem(
                        place: "principals.\(name).keys",
                        problem: "\(key.fingerprint) is a key of \(other) as well: one person counts once")
                }
                owners[key] = name
            }
        }
        self.init(
            version: version, previous: previous, name: try top.optionalText("name"),
            roots: Roots(members: names, threshold: threshold), principals: principals, groups: groups,
            roles: roles, rules: rules, limits: limits)
    }

    /// Of a document's bytes.
    package init(document: [UInt8]) throws(PolicyProblem) {
        guard document.count <= Self.byteLimit else {
            throw PolicyProblem(
                place: "", problem: "it has \(document.count) bytes, and \(Self.byteLimit) are allowed")
        }
        let json: JSONValue
        do throws(MalformedObject) { json = try JSONValue(canonical: document) } catch {
            throw PolicyProblem(place: "", problem: "it is no canonical JSON: \(error)")
        }
        try self.init(json)
        guard self.document == document else {
            throw PolicyProblem(place: "", problem: "it is not written as this version of the format is")
        }
    }

    private static func require(
        _ names: [String], in known: some Collection<String>, _ place: String, _ kind: String
    ) throws(PolicyProblem) {
        for name in names where !known.contains(name) {
            throw PolicyProblem(place: place, problem: "there is no \(kind) '\(escapedText(name.utf8))'")
        }
    }

    package var json: JSONValue {
        func texts(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
        func filled(_ list: [String]) -> JSONValue? { list.isEmpty ? nil : texts(list) }
        func object(_ members: [(String, JSONValue?)]) -> JSONValue {
            .object(
                members.compactMap { member in member.1.map { JSONMember(member.0, $0) } }, sorting: true)
        }
        let days = limits.freshnessDays.map { JSONValue.object(["freshness_days": .integer($0)]) }
        return .object([
            "groups": groups.isEmpty ? nil : object(groups.map { ($0.key, texts($0.value)) }),
            "limits": days, "name": name.map { .string($0) }, "previous": previous.map { .string($0.hex) },
            "principals": object(
                principals.map { name, principal in
                    (
                        name,
                        .object([
                            "email": .string(principal.email),
                            "expires": principal.expires.map { .string($0) },
                            "keys": texts(principal.keys.map(\.line)), "name": .string(principal.name),
                            "qualifications": filled(principal.qualifications),
                        ])
                    )
                }),
            "roles": object(
                roles.map { name, role in
                    (
                        name,
                        .object([
                            "description": .string(role.description),
                            "expires": role.expires.map { .string($0) }, "members": texts(role.members),
                            "qualifications": filled(role.qualifications),
                        ])
                    )
                }),
            "roots": .object(["members": texts(roots.members), "threshold": .integer(roots.threshold)]),
            "rules": .array(
                rules.map { rule in
                    .object([
                        "allow": texts(rule.permissions.map(\.rawValue)),
                        "approvals": rule.approvals == 0 ? nil : .integer(rule.approvals),
                        "approvers": rule.approvals == 0 ? nil : texts(rule.approvers),
                        "refs": texts(rule.refs), "roles": texts(rule.roles),
                    ])
                }),
            "version": .integer(version),
        ])
    }
}

extension Policy.Principal {
    fileprivate init(_ members: Members) throws(PolicyProblem) {
        try members.allow(["email", "expires", "keys", "name", "qualifications"])
        email = try members.text("email")
        name = try members.optionalText("name") ?? ""
        // In lists of trusted keys, some bytes stand for others.
        let isPlain = email.utf8.allSatisfy { $0 > 0x20 && !"\"#*?!,".utf8.contains($0) }
        guard Person(name: name, email: email) != nil, email.contains("@"), isPlain else {
            throw members.wrong("email", "an address, as ada@example.com")
        }
        var keys: [SSHPublicKey] = []
        let lines = try members.texts("keys")
        guard (1...Policy.keyLimit).contains(lines.count) else {
            throw members.wrong("keys", "1 to \(Policy.keyLimit) public keys")
        }
        for (index, line) in lines.enumerated() {
            let key: SSHPublicKey
            do throws(MalformedTrust) { key = try SSHPublicKey(line: line) } catch {
                throw PolicyProblem(
                    place: "\(members.place("keys"))[\(index + 1)]", problem: "it is no public key: \(error)")
            }
            guard key.certificate == nil else {
                throw members.wrong("keys", "keys: a certificate stands for another one")
            }
            keys.append(key)
        }
        guard Set(keys).count == keys.count else { throw members.wrong("keys", "each key once") }
        self.keys = keys
        qualifications = try members.optionalTexts("qualifications") ?? []
        expires = try members.day("expires")
    }
}

extension Policy.Role {
    fileprivate init(_ members: Members) throws(PolicyProblem) {
        try members.allow(["description", "expires", "members", "qualifications"])
        description = try members.optionalText("description") ?? ""
        self.members = try members.texts("members")
        qualifications = try members.optionalTexts("qualifications") ?? []
        expires = try members.day("expires")
    }
}

extension Policy.Rule {
    fileprivate init(_ members: Members) throws(PolicyProblem) {
        try members.allow(["allow", "approvals", "approvers", "refs", "roles"])
        var permissions: [Policy.Permission] = []
        for word in try members.texts("allow") {
            guard let permission = Policy.Permission(rawValue: word) else {
                let known = Policy.Permission.allCases.map(\.rawValue).joined(separator: ", ")
                throw members.wrong("allow", "of \(known), not '\(escapedText(word.utf8))'")
            }
            permissions.append(permission)
        }
        guard !permissions.isEmpty, Set(permissions).count == permissions.count else {
            throw members.wrong("allow", "at least one permission, and each once")
        }
        refs = try members.texts("refs")
        guard !refs.isEmpty, refs.allSatisfy({ !$0.isEmpty && !$0.contains(",") && $0.utf8.count <= 500 })
        else { throw members.wrong("refs", "patterns of whole names, as branches/main or tags/*") }
        if permissions.contains(where: \.isOfStore), refs != ["*"] {
            throw members.wrong(
                "refs",
                "[\"*\"]: read and admin are about the whole store (one store for each circle of readers)")
        }
        for ref in refs where ref != "*" {
            let plain = ref.hasPrefix("!") ? ref.dropFirst() : ref[...]
            let groups = ["branches/", "tags/", "runs/", "statements/", "proposals/"]
            guard plain == "*" || groups.contains(where: { plain.hasPrefix($0) }) else {
                throw members.wrong(
                    "refs",
                    "whole names, as branches/\(plain) or tags/\(plain), not '\(escapedText(ref.utf8))'")
            }
        }
        roles = try members.texts("roles")
        guard !roles.isEmpty else { throw members.wrong("roles", "at least one role") }
        approvals = try members.optionalInteger("approvals", 0...100) ?? 0
        approvers = approvals == 0 ? [] : try members.optionalTexts("approvers") ?? roles
        if approvals == 0, members["approvers"] != nil {
            throw members.wrong("approvers", "a number of approvals with it")
        }
        let mayBeApproved: Set<Policy.Permission> = [.push, .create, .force]
        guard approvals == 0 || mayBeApproved.isSuperset(of: permissions) else {
            throw members.wrong("approvals", "push, create or force with it, and nothing else")
        }
        self.permissions = permissions
    }
}

/// An object of a policy, and where it stands.
private struct Members {
    private let members: [JSONMember]
    private let path: String

    init(_ json: JSONValue, at path: String) throws(PolicyProblem) {
        guard case .object(let members) = json else {
            throw PolicyProblem(place: path, problem: "expected a table")
        }
        (self.members, self.path) = (members, path)
    }

    subscript(_ name: String) -> JSONValue? { members.first { $0.name == name }?.value }

    func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    func wrong(_ name: String, _ expected: String) -> PolicyProblem {
        PolicyProblem(place: place(name), problem: "expected \(expected)")
    }

    func allow(_ names: [String]) throws(PolicyProblem) {
        for member in members where !names.contains(member.name) {
            throw PolicyProblem(
                place: place(escapedText(member.name.utf8)),
                problem: "nothing of that name is known here: \(names.joined(separator: ", "))")
        }
    }

    /// Names of principals, groups and roles.
    func names() throws(PolicyProblem) -> [String] {
        guard members.count <= Policy.countLimit else {
            throw PolicyProblem(place: path, problem: "at most \(Policy.countLimit) are allowed")
        }
        for member in members {
            let isWord = member.name.utf8.allSatisfy { byte in
                (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte)
                    || [0x2d, 0x2e, 0x5f].contains(byte)
            }
            guard isWord, (1...64).contains(member.name.utf8.count) else {
                throw PolicyProblem(
                    place: place(escapedText(member.name.utf8)),
                    problem: "a name has up to 64 of a-z, 0-9, '-', '_' and '.'")
            }
        }
        return members.map(\.name)
    }

    func members(_ name: String) throws(PolicyProblem) -> Members {
        guard let json = self[name] else { throw wrong(name, "a table") }
        return try Members(json, at: place(name))
    }

    func named(_ name: String) throws(PolicyProblem) -> [(String, Members)] {
        let all = try members(name)
        var found: [(String, Members)] = []
        for name in try all.names() { found.append((name, try all.members(name))) }
        return found
    }

    func list(_ name: String) throws(PolicyProblem) -> [JSONValue] {
        guard case .array(let values)? = self[name] else { throw wrong(name, "a list") }
        guard values.count <= Policy.countLimit else {
            throw wrong(name, "at most \(Policy.countLimit)")
        }
        return values
    }

    func text(_ name: String) throws(PolicyProblem) -> String {
        guard let text = try optionalText(name) else { throw wrong(name, "a text") }
        return text
    }

    func optionalText(_ name: String) throws(PolicyProblem) -> String? {
        guard let value = self[name] else { return nil }
        guard case .string(let text) = value, text.utf8.count <= 4096 else {
            throw wrong(name, "a text of at most 4096 bytes")
        }
        return text
    }

    func texts(_ name: String) throws(PolicyProblem) -> [String] {
        var texts: [String] = []
        for value in try list(name) {
            guard case .string(let text) = value, text.utf8.count <= SSHPublicKey.byteLimit * 2 else {
                throw wrong(name, "a list of texts")
            }
            texts.append(text)
        }
        guard Set(texts).count == texts.count else { throw wrong(name, "each text once") }
        return texts
    }

    func optionalTexts(_ name: String) throws(PolicyProblem) -> [String]? {
        self[name] == nil ? nil : try texts(name)
    }

    func integer(_ name: String, _ range: ClosedRange<Int>) throws(PolicyProblem) -> Int {
        guard let number = try optionalInteger(name, range) else { throw wrong(name, "a number") }
        return number
    }

    func optionalInteger(_ name: String, _ range: ClosedRange<Int>) throws(PolicyProblem) -> Int? {
        guard let value = self[name] else { return nil }
        guard case .integer(let number) = value, range.contains(number) else {
            throw wrong(name, "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func day(_ name: String) throws(PolicyProblem) -> String? {
        guard let text = try optionalText(name) else { return nil }
        guard Day.seconds(text) != nil else { throw wrong(name, "a day, as 2027-12-31") }
        return text
    }
}
