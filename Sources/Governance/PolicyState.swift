package import ObjectModel

/// One operation on a store, as a policy sees it.
package struct PolicyOperation: Sendable {
    /// Of the genuine signature of whoever did it; nothing if there is none.
    package let key: SSHPublicKey?
    /// Who they say that they are.
    package let actor: Person?
    /// Seconds since 1970, not before what was done before it.
    package let time: Int
    package let changes: [RefChange]
    /// Whether it drops or dooms packs.
    package let dropsPacks: Bool

    package init(key: SSHPublicKey?, actor: Person?, time: Int, changes: [RefChange], dropsPacks: Bool) {
        (self.key, self.actor, self.time) = (key, actor, time)
        (self.changes, self.dropsPacks) = (changes, dropsPacks)
    }

    /// Whether it leaves everything as it was.
    package var isHarmless: Bool { changes.isEmpty && !dropsPacks }
}

/// What a policy has to know of the store besides.
package protocol PolicyFacts {
    /// The bytes of a policy; nothing if they are not there.
    func document(_ id: ObjectID) throws(ReadError) -> [UInt8]?
    /// Statements that the store has with the operation, of one kind and about one object.
    func statements(_ word: String, about subject: ObjectReference) throws(ReadError) -> [Statement]
    /// Whether a commit is in the history of another one; nothing if that one is gone.
    func isAncestor(_ id: ObjectID, of other: ObjectID) throws(ReadError) -> Bool?
}

/// Why an operation is not one that the policy allows.
package struct PolicyRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// Who did it; nothing if that is not known.
    package let principal: String?
    /// What was not allowed; nothing if it is about who did it.
    package let permission: Policy.Permission?
    package let ref: RefName?
    package let description: String

    package init(
        _ description: String, principal: String? = nil, permission: Policy.Permission? = nil,
        ref: RefName? = nil
    ) {
        (self.description, self.principal) = (description, principal)
        (self.permission, self.ref) = (permission, ref)
    }
}

/// The policy of a store at one entry of its log.
package struct PolicyState: Sendable {
    /// The store's own name.
    package let origin: String
    /// The version in force; nothing where there is none yet.
    package private(set) var policy: Policy?
    /// Its document.
    package private(set) var id: ObjectID?

    package init(origin: String) { self.origin = origin }

    /// A state that was reached before.
    package init(origin: String, document: [UInt8]) throws(PolicyProblem) {
        self.origin = origin
        policy = try Policy(document: document)
        id = ObjectID(of: .blob, payload: document)
    }

    /// Goes on by one operation, if it is allowed.
    ///
    /// - Returns: Why it is not; then the state stays as it was.
    package mutating func admit(
        _ operation: PolicyOperation, _ facts: some PolicyFacts
    ) throws(ReadError) -> PolicyRefusal? {
        var next = self
        if let policy {
            if operation.isHarmless { return nil }
            let principal: String
            switch Self.principal(of: operation, in: policy) {
            case .failure(let refusal): return refusal
            case .success(let found): principal = found
            }
            if let refusal = try refusal(operation, by: principal, policy, facts) { return refusal }
        }
        for change in operation.changes where change.name.name(in: "policies") != nil {
            if let refusal = try next.change(change, operation, facts) { return refusal }
        }
        self = next
        return nil
    }

    /// Who did something, by the key.
    package static func principal(
        of operation: PolicyOperation, in policy: Policy
    ) -> Result<String, PolicyRefusal> {
        func refused(_ text: String, _ principal: String? = nil) -> Result<String, PolicyRefusal> {
            .failure(PolicyRefusal(text, principal: principal))
        }
        guard let key = operation.key else {
            return refused("nobody signed it, and policy \(policy.version) asks for a signature")
        }
        guard let principal = policy.principals(of: key).min(), let known = policy.principals[principal]
        else { return refused("the key \(key.fingerprint) is nobody's by policy \(policy.version)") }
        guard policy.isCurrent(principal, at: operation.time) else {
            return refused("\(principal) could act until \(known.expires ?? "")", principal)
        }
        if let actor = operation.actor, actor.email != known.email {
            return refused(
                "it says that \(escapedText(actor.email.utf8)) did it, and the key is that of \(principal), \(known.email)",
                principal)
        }
        return .success(principal)
    }

    // MARK: Refs

    private func refusal(
        _ operation: PolicyOperation, by principal: String, _ policy: Policy, _ facts: some PolicyFacts
    ) throws(ReadError) -> PolicyRefusal? {
        let time = operation.time
        if operation.dropsPacks {
            let decision = policy.decision(.admin, "*", by: principal, at: time)
            if let text = Self.text(decision, principal, .admin, "packs", policy) {
                return PolicyRefusal(text, principal: principal, permission: .admin)
            }
        }
        for change in operation.changes {
            func refused(_ permission: Policy.Permission?, _ text: String) -> PolicyRefusal {
                PolicyRefusal(text, principal: principal, permission: permission, ref: change.name)
            }
            switch try Self.need(of: change, in: policy, facts, at: time, by: principal) {
            case .nothing: continue
            case .never(let why): return refused(nil, "\(principal) may not change \(change.name): \(why)")
            case .permission(let permission):
                var decision = policy.decision(permission, change.name.text, by: principal, at: time)
                if case .lacking = decision, let after = change.after {
                    let others = try approvers(of: change, after, policy, facts)
                    decision = policy.decision(
                        permission, change.name.text, by: principal, approvedBy: others, at: time)
                }
                if let text = Self.text(decision, principal, permission, change.name.text, policy) {
                    return refused(permission, text)
                }
            }
        }
        return nil
    }

    /// What somebody needs for a change of a ref.
    enum Need: Hashable {
        case nothing
        case permission(Policy.Permission)
        case never(String)
    }

    private static func need(
        of change: RefChange, in policy: Policy, _ facts: some PolicyFacts, at time: Int, by principal: String
    ) throws(ReadError) -> Need {
        let group = change.name.text.split(separator: "/").first.map(String.init) ?? ""
        switch (group, change.before, change.after) {
        case ("branches", nil, _?), ("tags", nil, _?): return .permission(.create)
        case ("branches", _?, nil), ("tags", _?, nil), ("runs", _?, nil): return .permission(.delete)
        case ("branches", let before?, let after?):
            // Whoever may force need not be asked whether it is forced.
            if policy.decision(.force, change.name.text, by: principal, at: time).isAllowed {
                return .nothing
            }
            let goesOn = try facts.isAncestor(before.id, of: after.id)
            return .permission(goesOn ?? true ? .push : .force)
        case ("tags", _, _): return .permission(.force)
        case ("runs", _, _): return writerNeed(policy, principal, time)
        case ("statements", _, _): return statementNeed(of: change, in: policy, at: time, by: principal)
        case ("policies", nil, _?): return .nothing
        case ("policies", _, _): return .never("what was in force stays as it is")
        case ("proposals", nil, _?): return .nothing
        case ("proposals", _, _):
            if policy.roots.members.contains(principal) { return .nothing }
            return .never("a proposal is taken back by a root")
        default: return .never("it belongs to a working copy")
        }
    }

    /// Runs and signatures go along with what somebody brings.
    private static func writerNeed(_ policy: Policy, _ principal: String, _ time: Int) -> Need {
        let isWriter = policy.mayAnywhere([.push, .create, .force], principal, at: time)
        return isWriter ? .nothing : .permission(.push)
    }

    private static func statementNeed(
        of change: RefChange, in policy: Policy, at time: Int, by principal: String
    ) -> Need {
        let word = change.name.statement?.word
        guard change.after != nil else {
            let stays = word == "policy" || word == "approval"
            return stays ? .never("what was signed for the policy stays") : .permission(.delete)
        }
        switch word {
        case "policy": return .nothing
        case "note": return .permission(.annotate)
        case "approval":
            let roles = policy.roles(of: principal, at: time)
            let isApprover = policy.rules.contains { !roles.isDisjoint(with: $0.approvers) }
            return isApprover ? .nothing : .never("no rule asks for an approval of theirs")
        default: return writerNeed(policy, principal, time)
        }
    }

    /// What a decision says to people; nothing if it allows.
    package static func text(
        _ decision: PolicyDecision, _ principal: String, _ permission: Policy.Permission, _ name: String,
        _ policy: Policy
    ) -> String? {
        switch decision {
        case .allowed: return nil
        case .lacking(let lack):
            return
                "\(principal) may \(permission.rawValue) \(name) once \(lack.needed) of \(lack.approvers.joined(separator: ", ")) approved it, and \(lack.approvals) did (rule \(lack.rule + 1) of policy \(policy.version))"
        case .denied(let roles):
            let who =
                roles.isEmpty
                ? "no rule of policy \(policy.version) allows that to anybody"
                : "\(roles.joined(separator: ", ")) may, by policy \(policy.version)"
            return "\(principal) may not \(permission.rawValue) \(name): \(who)"
        }
    }

    private func approvers(
        of change: RefChange, _ after: ObjectReference, _ policy: Policy, _ facts: some PolicyFacts
    ) throws(ReadError) -> Set<String> {
        var found: Set<String> = []
        let wanted = Statement.Approval(origin: origin, ref: change.name, before: change.before)
        for statement in try facts.statements("approval", about: after) {
            guard case .approval(wanted) = statement.fact else { continue }
            if let key = statement.genuineKey { found.formUnion(policy.principals(of: key)) }
        }
        return found
    }

    // MARK: The policy itself

    private mutating func change(
        _ change: RefChange, _ operation: PolicyOperation, _ facts: some PolicyFacts
    ) throws(ReadError) -> PolicyRefusal? {
        func refused(_ text: String) -> PolicyRefusal {
            PolicyRefusal("\(change.name): \(text)", ref: change.name)
        }
        let version = (policy?.version ?? 0) + 1
        guard change.before == nil, let after = change.after, change.name.policyVersion == version else {
            return refused("the next version of the policy is \(version)")
        }
        guard let document = try facts.document(after.id) else { return refused("its document is not there") }
        let next: Policy
        do throws(PolicyProblem) { next = try Policy(document: document) } catch {
            return refused("\(error)")
        }
        guard next.version == version, next.previous == id else {
            return refused("its document is not the one that follows the policy in force")
        }
        var keys: [SSHPublicKey] = []
        for statement in try facts.statements("policy", about: after) {
            guard case .policy(origin) = statement.fact, let key = statement.genuineKey else { continue }
            keys.append(key)
        }
        for judge in [policy, next].compactMap({ $0 }) {
            let signers = keys.reduce(into: Set<String>()) { $0.formUnion(judge.principals(of: $1)) }
            let count = judge.roots(among: signers, at: operation.time).count
            guard count >= judge.roots.threshold else {
                return refused(
                    "\(judge.roots.threshold) roots of version \(judge.version) have to sign it, and \(count) did"
                )
            }
        }
        if policy == nil, case .failure(let refusal) = Self.principal(of: operation, in: next) {
            return refusal
        }
        (policy, id) = (next, after.id)
        return nil
    }
}

extension Statement {
    /// The key whose signature it has; nothing if the signature is not one of what it says.
    package var genuineKey: SSHPublicKey? {
        guard let signature = try? SSHSignature(armored: signature), signature.namespace == namespace,
            signature.isGenuine(over: body)
        else { return nil }
        return signature.key.plain
    }
}
