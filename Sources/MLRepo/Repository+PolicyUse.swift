package import FileIO
internal import Governance
internal import ObjectModel
internal import Remotes
internal import Storage

/// What a store's policy lets somebody do there, asked before anything goes.
extension Repository {
    /// Refuses what the policy of another store does not allow; such an attempt becomes an entry of its log.
    ///
    /// - Parameters:
    ///   - changes: What is to become of the refs there.
    ///   - isPlan: Nothing was attempted, and nothing is written down.
    func requireAllowed(
        _ changes: [RefChange], _ verb: String, in other: RemoteStore, _ state: PolicyState?, _ actor: Person,
        isPlan: Bool = false
    ) throws(RepositoryError) {
        guard let state, !changes.isEmpty else { return }
        guard let key = try keys.find()?.key else { throw .noSigningKey }
        let operation = PolicyOperation(
            key: key.plain, actor: actor, time: environment.now(), changes: changes, dropsPacks: false)
        var refusal: PolicyRefusal?
        do throws(RemoteError) {
            try other.viewing(with: store) { (view, packs) throws(ReadError) in
                let facts = StoreFacts(
                    view: view, isWhole: packs.count == other.state.live.count, refs: other.state.refs,
                    isThere: { _ in true },
                    coming: { prefix in changes.map(\.name).filter { $0.text.hasPrefix(prefix) } })
                var next = state
                refusal = try next.admit(operation, facts)
            }
        } catch { throw .remote(error) }
        guard let refusal else { return }
        if !isPlan { recordRefusal(refusal, verb, in: other, actor) }
        throw .notAllowed(remote: other.name, reason: refusal.description)
    }

    /// The changes without remarks and signatures that the policy of another store does not take from somebody: they stay here.
    func withoutForbiddenStatements(
        _ changes: [RefChange], in other: RemoteStore, _ state: PolicyState?, _ actor: Person
    ) throws(RepositoryError) -> [RefChange] {
        guard let state, changes.contains(where: { $0.name.statement != nil }) else { return changes }
        let operation = PolicyOperation(
            key: try keys.find()?.key.plain, actor: actor, time: environment.now(), changes: [],
            dropsPacks: false)
        guard let policy = state.policy,
            case .success(let principal) = PolicyState.principal(of: operation, in: policy)
        else { return changes }
        return changes.filter { change in
            guard let word = change.name.statement?.word else { return true }
            guard word == "note" else { return true }
            return policy.decision(.annotate, change.name.text, by: principal, at: operation.time).isAllowed
        }
    }

    /// Lines for `sshd` by which each key of a store's policy serves its owner, and does nothing else.
    package static func authorizedKeys(
        of path: FilePath, _ environment: Environment
    ) throws(RepositoryError) -> [String] {
        let root = try storeDirectory(path, environment)
        let state = try storing { () throws(StoreError) in
            try EntryAdmission(environment: environment).state(
                of: try ObjectStore.open(root, files: environment.files))
        }
        guard let policy = state.policy else { throw .noPolicy(remote: "\(path)") }
        // Within quotes, and for a shell, sshd takes a few bytes for more than themselves.
        let allowed = Array("/._-+@".utf8)
        let isPlain = root.bytes.allSatisfy { byte in
            allowed.contains(byte) || (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
                || (0x61...0x7a).contains(byte)
        }
        guard isPlain else {
            throw .badConfiguration(
                "\(root) has bytes that mean something to a shell: give the store a plainer place")
        }
        return policy.principals.sorted { $0.key < $1.key }.flatMap { name, principal in
            principal.keys.map { key in
                "restrict,command=\"mlrepo serve --stdio --key \(key.fingerprint) \(root)\" \(key.line) \(name)"
            }
        }
    }

    /// The verb of entries that tell of something that was refused.
    static let refusalVerb = "refused"

    /// Where this cannot be written, nothing is: that somebody may not do something is told in any case.
    private func recordRefusal(
        _ refusal: PolicyRefusal, _ verb: String, in other: RemoteStore, _ actor: Person
    ) {
        let push = Push(
            from: store, to: other, owner: String(store.format.origin.prefix(16)),
            random: environment.random, now: environment.now)
        let event = Event(
            verb: Self.refusalVerb, actor: actor, workingCopy: nil, time: environment.now(),
            nonce: Hex.text(environment.random(16)), reason: "\(verb): \(refusal.description)", refs: [],
            session: other.session)
        try? push.record { event }
    }
}
