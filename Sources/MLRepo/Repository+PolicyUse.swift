internal import Governance
internal import ObjectModel
internal import Remotes
internal import Storage

/// What a store's policy lets somebody do there, asked before anything goes.
extension Repository {
    /// Refuses what the policy of another store does not allow; such an attempt becomes an entry of its log.
    ///
    /// - Parameter changes: What is to become of the refs there.
    func requireAllowed(
        _ changes: [RefChange], _ verb: String, in other: RemoteStore, _ state: PolicyState?, _ actor: Person
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
                    isThere: { _ in true }, coming: changes)
                var next = state
                refusal = try next.admit(operation, facts)
            }
        } catch { throw .remote(error) }
        guard let refusal else { return }
        recordRefusal(refusal, verb, in: other, actor)
        throw .notAllowed(remote: other.name, reason: refusal.description)
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
            nonce: Hex.text(environment.random(16)), reason: "\(verb): \(refusal.description)", refs: [])
        try? push.record { event }
    }
}
