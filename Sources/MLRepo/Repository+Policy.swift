package import FileIO
package import Governance
package import ObjectModel
internal import ParameterFiles
internal import Remotes
internal import Storage

/// The policy of another store: it belongs to that store, and is read, proposed and signed there.
extension Repository {
    private static let policyVerb = "policy"

    // MARK: Reading

    /// The policy in force in a store, and what is proposed.
    package func policy(of remote: Remote) throws(RepositoryError) -> PolicyView {
        let (other, watch) = try governed(remote)
        return try view(other, watch)
    }

    private func governed(_ remote: Remote) throws(RepositoryError) -> (RemoteStore, PolicyGuard) {
        let way = try knownRemotes.way(to: remote)
        let (other, watch) = try knownRemotes.openGuarded(remote, by: way)
        guard way.bundle == nil, let watch else { throw .bundleIsDone(remote.label) }
        return (other, watch)
    }

    private func view(_ other: RemoteStore, _ watch: PolicyGuard) throws(RepositoryError) -> PolicyView {
        let state = watch.state
        var proposals: [PolicyProposal] = []
        do throws(RemoteError) {
            let refs = try other.refs(with: store)
            try other.viewing(with: store) { (view, packs) throws(ReadError) in
                proposals = []
                let facts = self.facts(other, view, packs.count)
                for entry in refs {
                    guard let id = entry.name.proposal, let document = try facts.document(id),
                        let policy = try? Policy(document: document), policy.previous == state?.id
                    else { continue }
                    proposals.append(
                        try proposal(id, policy, over: state?.policy, facts, other.format.origin))
                }
            }
        } catch { throw .remote(error) }
        return PolicyView(
            place: other.name, origin: other.format.origin, policy: state?.policy, id: state?.id,
            proposals: proposals.sorted { $0.id < $1.id })
    }

    private func facts(_ other: RemoteStore, _ view: ObjectStore, _ packs: Int) -> StoreFacts {
        StoreFacts(
            view: view, isWhole: packs == other.state.live.count, refs: other.state.refs,
            isThere: { _ in true })
    }

    private func proposal(
        _ id: ObjectID, _ policy: Policy, over current: Policy?, _ facts: StoreFacts, _ origin: String
    ) throws(ReadError) -> PolicyProposal {
        let keys = try facts.statements("policy", about: ObjectReference(.blob, id)).compactMap { statement in
            if case .policy(origin) = statement.fact { statement.genuineKey } else { nil }
        }
        func signers(_ policy: Policy) -> Set<String> {
            keys.reduce(into: []) { $0.formUnion(policy.principals(of: $1)) }
        }
        let now = environment.now()
        func count(_ policy: Policy) -> (count: Int, threshold: Int) {
            (policy.roots(among: signers(policy), at: now).count, policy.roots.threshold)
        }
        let names = signers(policy).union(current.map(signers) ?? [])
        return PolicyProposal(
            id: id, policy: policy, signers: names.sorted(), before: current.map(count), after: count(policy))
    }

    /// All versions that were in force, the newest first.
    package func policyVersions(of remote: Remote) throws(RepositoryError) -> [PolicyVersion] {
        let (other, _) = try governed(remote)
        var entries: [Int: (Int, Event)] = [:]
        try audit(try auditedLog(of: remote)) { entry in
            for change in entry.event?.refs ?? [] {
                if let version = change.name.policyVersion, let event = entry.event {
                    entries[version] = (entry.number, event)
                }
            }
        }
        var versions: [PolicyVersion] = []
        do throws(RemoteError) {
            let refs = try other.refs(with: store)
            try other.viewing(with: store) { (view, packs) throws(ReadError) in
                versions = []
                let facts = self.facts(other, view, packs.count)
                for entry in refs {
                    guard let version = entry.name.policyVersion,
                        let document = try facts.document(entry.target.id),
                        let policy = try? Policy(document: document)
                    else { continue }
                    let told = try proposal(
                        entry.target.id, policy,
                        over: versions.first { $0.policy.version == version - 1 }?.policy,
                        facts, other.format.origin)
                    versions.append(
                        PolicyVersion(
                            policy: policy, id: entry.target.id, entry: entries[version]?.0,
                            event: entries[version]?.1, signers: told.signers))
                }
            }
        } catch { throw .remote(error) }
        return versions.sorted { $0.policy.version > $1.policy.version }
    }

    // MARK: Writing

    /// A policy as people begin with one: who asks is its only root and may do everything.
    package func firstPolicy() throws(RepositoryError) -> String {
        guard let person, let key = try keys.find()?.key.plain else { throw .noSigningKey }
        guard person.email.contains("@") else {
            throw .badConfiguration("a policy knows people by their addresses: set user.email")
        }
        return FirstPolicy.text(person, key)
    }

    /// The policy that a TOML file of people says, as the one that follows another one.
    package func policy(
        in file: FilePath, behind current: (policy: Policy, id: ObjectID)?
    ) throws(RepositoryError) -> Policy {
        let bytes = try filing { () throws(FileError) in
            try environment.files.contentsIfPresent(file, limit: Policy.byteLimit * 2)
        }
        guard let bytes else { throw .noPath("\(file)") }
        let read: [String: ParameterValue]
        do throws(ParameterFileError) { read = try readParameters(bytes, format: .toml) } catch {
            throw .badPolicy("\(file): \(error)")
        }
        do throws(PolicyProblem) {
            var members = try PolicyText.members(read)
            for name in ["version", "previous"] where members.contains(where: { $0.name == name }) {
                throw PolicyProblem(place: name, problem: "it is counted by the store: leave it out")
            }
            members.append(JSONMember("version", .integer((current?.policy.version ?? 0) + 1)))
            if let id = current?.id { members.append(JSONMember("previous", .string(id.hex))) }
            let policy = try Policy(.object(members, sorting: true))
            guard policy.document.count <= Policy.byteLimit else {
                throw PolicyProblem(place: "", problem: "it has more than \(Policy.byteLimit) bytes")
            }
            return policy
        } catch { throw .badPolicy("\(file): \(error)") }
    }

    /// Proposes what a file says as the next policy of a store, and signs it; it is in force as soon as enough roots signed it.
    ///
    /// - Parameter reason: Why, in words for the log.
    package func proposePolicy(
        _ file: FilePath, for remote: Remote, reason: String?
    ) throws(RepositoryError) -> PolicyOutcome {
        let (other, watch) = try governed(remote)
        let current = watch.state.flatMap { state in
            state.policy.flatMap { policy in state.id.map { (policy: policy, id: $0) } }
        }
        let policy = try policy(in: file, behind: current)
        if let current {
            var same = policy.json
            same = same.removing("version").removing("previous")
            guard same != current.policy.json.removing("version").removing("previous") else {
                throw .badPolicy("\(file) says what is in force already")
            }
        }
        return try sign(policy, other, watch, reason)
    }

    /// Signs a proposed policy.
    ///
    /// - Parameter text: The beginning of its id; nothing for the only one.
    package func signPolicy(_ text: String?, of remote: Remote) throws(RepositoryError) -> PolicyOutcome {
        let (other, watch) = try governed(remote)
        let proposals = try view(other, watch).proposals
        let found = proposals.filter { proposal in text.map { proposal.id.hex.hasPrefix($0) } ?? true }
        guard let proposal = found.first else { throw .noRevision(text ?? "a proposed policy") }
        guard found.count == 1 else { throw .ambiguous(text ?? "a proposed policy") }
        return try sign(proposal.policy, other, watch, nil)
    }

    private func sign(
        _ policy: Policy, _ other: RemoteStore, _ watch: PolicyGuard, _ reason: String?
    ) throws(RepositoryError) -> PolicyOutcome {
        guard let actor = person else { throw .noIdentity }
        guard let key = try keys.find()?.key.plain else { throw .noSigningKey }
        // Others would sign for nothing.
        guard !policy.principals(of: key).isEmpty || watch.state?.policy?.principals(of: key).isEmpty == false
        else {
            throw .notAllowed(
                remote: other.name, reason: "the key \(key.fingerprint) is nobody's in that policy")
        }
        // Whose name is not that of the key would be told as somebody else for ever.
        for one in [policy, watch.state?.policy].compactMap({ $0 }) {
            for name in one.principals(of: key) {
                guard let email = one.principals[name]?.email, email != actor.email else { continue }
                throw .notAllowed(
                    remote: other.name,
                    reason:
                        "you are \(actor.email) here, and the key is that of \(name), \(email) (user.email)")
            }
        }
        let origin = other.format.origin
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        let id = ObjectID(of: .blob, payload: policy.document)
        let subject = ObjectReference(.blob, id)
        if writer.claim(subject) {
            try storing { () throws(StoreError) in
                var builder = FrameBuilder(.data)
                builder.add(subject, policy.document)
                try writer.append(try store.encode(&builder))
            }
        }
        let statement = try sign(.policy(origin: origin), of: subject, by: actor, writer)
        let proposal = RefChange(
            name: try naming { () throws(InvalidName) in try RefName.proposal(id) }, before: nil,
            after: subject)
        _ = try transact(Self.policyVerb, reason: reason, actor: actor, try copy.head(), writer) {
            () throws(RepositoryError) in
            try ref(proposal.name) == nil ? [proposal, statement] : [statement]
        }
        let version = RefChange(
            name: try naming { () throws(InvalidName) in try RefName.policy(policy.version) }, before: nil,
            after: subject)
        other.sign(by: entrySigner ?? keys.entrySigner { actor })
        var isInForce = false
        _ = try bring(to: other, reason, actor) { (there) throws(RepositoryError) in
            let known = Set(there.map(\.name))
            if known.contains(version.name) { throw .badPolicy("\(other.name) has another policy by now") }
            let state = watch.state ?? PolicyState(origin: origin)
            let going = [statement].filter { !known.contains($0.name) }
            let whole = (going + [version]).sorted { $0.name < $1.name }
            isInForce = try refusal(of: whole, in: other, state, actor) == nil
            if isInForce { return whole }
            let changes = (going + [proposal].filter { !known.contains($0.name) }).sorted {
                $0.name < $1.name
            }
            try requireAllowed(changes, Self.policyVerb, in: other, watch.state, actor)
            return changes
        }
        var made: PolicyProposal?
        let current = watch.state?.policy
        do throws(RemoteError) {
            try other.viewing(with: store) { (view, packs) throws(ReadError) in
                let facts = self.facts(other, view, packs.count)
                made = try self.proposal(id, policy, over: current, facts, origin)
            }
        } catch { throw .remote(error) }
        guard let made else { throw .store(.outdated) }
        return PolicyOutcome(
            place: other.name, id: id, policy: policy, isInForce: isInForce, proposal: made)
    }

    /// Approves that a ref of a store comes to name a commit, from what it names now.
    ///
    /// - Parameter ref: Of the store.
    package func approve(
        _ commit: ObjectID, as ref: RefName, in remote: Remote
    ) throws(RepositoryError) -> JudgedApproval {
        guard let actor = person else { throw .noIdentity }
        let (other, watch) = try governed(remote)
        guard watch.state != nil else { throw .noPolicy(remote: remote.label) }
        var before: ObjectReference?
        do throws(RemoteError) { before = try other.refs(with: store).first { $0.name == ref }?.target } catch
        {
            throw .remote(error)
        }
        let after = ObjectReference(.commit, commit)
        guard before != after else { throw .badConfiguration("\(ref) of \(other.name) names that already") }
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        let approval = Statement.Approval(origin: other.format.origin, ref: ref, before: before)
        let change = try sign(.approval(approval), of: after, by: actor, writer)
        // What counts for nothing is not kept.
        try requireAllowed([change], "approve", in: other, watch.state, actor)
        _ = try transact("approve", reason: nil, actor: actor, try copy.head(), writer) { [change] }
        _ = try bring(to: other, nil, actor, verb: "approve") { (there) throws(RepositoryError) in
            if there.contains(where: { $0.name == change.name }) { return [] }
            try requireAllowed([change], "approve", in: other, watch.state, actor)
            return [change]
        }
        return JudgedApproval(place: other.name, ref: ref, before: before?.id, after: commit)
    }

    /// Why changes are not allowed; nothing if they are.
    private func refusal(
        of changes: [RefChange], in other: RemoteStore, _ state: PolicyState, _ actor: Person
    ) throws(RepositoryError) -> PolicyRefusal? {
        let operation = PolicyOperation(
            key: try keys.find()?.key.plain, actor: actor, time: environment.now(), changes: changes,
            dropsPacks: false)
        var refusal: PolicyRefusal?
        do throws(RemoteError) {
            try other.viewing(with: store) { (view, packs) throws(ReadError) in
                var facts = self.facts(other, view, packs.count)
                facts.coming = { prefix in changes.map(\.name).filter { $0.text.hasPrefix(prefix) } }
                var next = state
                refusal = try next.admit(operation, facts)
            }
        } catch { throw .remote(error) }
        return refusal
    }

    /// Moves refs of another store that are no branches and tags.
    private func bring(
        to other: RemoteStore, _ reason: String?, _ actor: Person, verb: String = policyVerb,
        _ changes: ([RefEntry]) throws(RepositoryError) -> [RefChange]
    ) throws(RepositoryError) -> Push.Outcome {
        let push = Push(
            from: store, to: other, owner: String(store.format.origin.prefix(16)),
            random: environment.random, now: environment.now)
        return try reporting { (failure) throws(TransferError) in
            try push.run(
                changes: { (there) throws(TransferError) in
                    try failure.keeping { () throws(RepositoryError) in try changes(there) }
                },
                event: { changes in
                    Event(
                        verb: verb, actor: actor, workingCopy: nil, time: environment.now(),
                        nonce: Hex.text(environment.random(16)), reason: reason, refs: changes,
                        session: other.session)
                }, progress: { _, _ in })
        }
    }

    // MARK: Trying

    /// Which entries of a store's log a policy would have refused, had it been in force from the first on.
    package func simulate(_ policy: Policy, in remote: Remote) throws(RepositoryError) -> PolicySimulation {
        let audited = try auditedLog(of: remote)
        let entries = try audited.call { () throws(StoreError) in
            try PolicyCheck.entries(of: audited.log, behind: MerkleFrontier(), until: audited.state)
        }
        var progress = PolicyProgress(origin: audited.origin)
        do throws(PolicyProblem) {
            progress.state = try PolicyState(origin: audited.origin, document: policy.document)
        } catch { throw .badPolicy("\(error)") }
        let check = PolicyCheck(
            entries: entries, view: audited.objects, isWhole: true, now: environment.now(),
            width: environment.width, assumed: policy)
        let refused = try reading { () throws(ReadError) in try check.run(&progress) }
        var told: [(number: Int, event: Event?, refusal: PolicyRefusal)] = []
        for one in refused {
            let placed = entries[one.number].placed
            let event = try reading { () throws(ReadError) in
                audited.objects.contains(ObjectReference(.event, placed.entry.event))
                    ? try audited.objects.event(placed.entry.event) : nil
            }
            told.append((one.number, event, one.refusal))
        }
        return PolicySimulation(count: entries.count, refused: told)
    }
}

/// An approval that was given.
package struct JudgedApproval: Sendable {
    package let place: String
    package let ref: RefName
    package let before: ObjectID?
    package let after: ObjectID
}
