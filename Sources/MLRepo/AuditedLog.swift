internal import FileIO
package import Governance
package import ObjectModel
internal import Remotes
internal import Storage
internal import Synchronization

/// An entry of a log, and what its signature is worth.
package struct AuditedEntry: Sendable {
    package let number: Int
    package let eventID: ObjectID
    /// Nothing if it is lost.
    package let event: Event?
    /// When it was made, as its maker says: seconds since 1970-01-01T00:00:00Z.
    package let time: Int
    /// The entry's hash in the log.
    package let leafHash: ObjectID
    /// What its signature is worth; nothing if nobody signed it.
    package let verdict: SignatureVerdict?
    /// Of the key, such as `SHA256:…`.
    package let fingerprint: String?

    /// What was done; nothing if that is lost.
    package var operation: Operation? {
        event.map { Operation(number: number, eventID: eventID, event: $0) }
    }

    /// Whether somebody signed it who is trusted.
    package var isGood: Bool { verdict?.isGood ?? false }
}

/// The log of this store or of another one, to be looked through.
package struct AuditedLog {
    /// What people call the store; nothing for this one.
    package let place: String?
    /// The store's own name.
    package let origin: String
    let log: OperationLog
    let state: StoreState
    /// The store's objects.
    let objects: ObjectStore
    fileprivate let event: (ObjectID) throws(RepositoryError) -> Event?
    /// Runs calls on the log, and names the store where they fail.
    fileprivate let calling: ((() throws(StoreError) -> Void) throws(RepositoryError) -> Void)

    package var head: LogHead { LogHead(origin: origin, state.log) }

    /// - Returns: What the calls return.
    func call<Result>(_ body: () throws(StoreError) -> Result) throws(RepositoryError) -> Result {
        var result: Result?
        try calling { () throws(StoreError) in result = try body() }
        guard let result else { throw .store(.outdated) }
        return result
    }
}

extension Repository {
    /// The log of this store, or of another one: that is read on from what was seen there.
    package func auditedLog(of remote: Remote? = nil) throws(RepositoryError) -> AuditedLog {
        guard let remote else {
            return AuditedLog(
                place: nil, origin: store.format.origin, log: store.log, state: store.current,
                objects: store,
                event: { (id) throws(RepositoryError) in
                    guard store.contains(ObjectReference(.event, id)) else { return nil }
                    return try reading { () throws(ReadError) in try store.event(id) }
                },
                calling: { (body) throws(RepositoryError) in try storing(body) })
        }
        let other: RemoteStore
        do throws(RepositoryError) { other = try knownRemotes.open(remote) } catch {
            // What is not allowed is told entry by entry.
            guard case .remote(let problem) = error, case .refused = problem.problem else { throw error }
            other = try knownRemotes.openUnchecked(remote)
        }
        let view: ObjectStore
        do throws(RemoteError) { view = try other.view(with: store) } catch { throw .remote(error) }
        return AuditedLog(
            place: remote.label, origin: other.format.origin, log: other.log, state: other.state,
            objects: view,
            event: { (id) throws(RepositoryError) in
                guard view.contains(ObjectReference(.event, id)) else { return nil }
                return try reading { () throws(ReadError) in try view.event(id) }
            },
            calling: { (body) throws(RepositoryError) in
                do throws(StoreError) { try body() } catch {
                    throw .remote(RemoteError(remote.label, .store(error)))
                }
            })
    }

    /// The newest state of this store's log.
    package func refreshed() throws(RepositoryError) -> (number: Int, head: LogHead) {
        let state = try storing { () throws(StoreError) in try store.refresh() }
        return (state.number, LogHead(origin: store.format.origin, state.log))
    }

    /// Seconds since 1970-01-01T00:00:00Z of a time as people write it; nothing for none.
    package func time(_ text: String?) throws(RepositoryError) -> Int? {
        guard let text else { return nil }
        guard let seconds = PointInTime.seconds(text, now: environment.now()) else {
            throw .badConfiguration(
                "'\(escapedText(text.utf8))' is no time: 2026-11-23, 2026-11-23T10:20Z or '2 days ago'")
        }
        return seconds
    }

    /// Looks through a log, from its first entry on.
    ///
    /// - Parameters:
    ///   - last: At most so many, the last ones of those that are wanted.
    ///   - isWanted: Whether somebody wants to know of an operation; of others nothing is judged.
    ///   - body: Says whether to go on.
    package func audit(
        _ audited: AuditedLog, last: Int? = nil, where isWanted: (Int, Event?) -> Bool = { _, _ in true },
        _ body: (AuditedEntry) throws(RepositoryError) -> Void
    ) throws(RepositoryError) {
        var trusted = try allowedSigners()
        // Who proposes and signs the first policy does so before it is in force.
        if audited.state.isGoverned, let first = try firstPolicy(of: audited) {
            trusted.add(AllowedSigners(first))
        }
        var judging = EntryJudging(trusted, origin: audited.origin, now: environment.now())
        var (failure, batch): (RepositoryError?, [EntryJudging.Asked]) = (nil, [])
        let width = environment.width
        func judge() throws(RepositoryError) {
            for entry in judging.judge(batch, width: width) { try body(entry) }
            batch = []
        }
        do throws(RepositoryError) {
            try audited.call { () throws(StoreError) in
                try audited.log.forEachEntry(until: audited.state) { (placed) throws(StoreError) in
                    let time = judging.time(of: placed.entry)
                    do throws(RepositoryError) {
                        let event = try audited.event(placed.entry.event)
                        // Of an entry that changes the policy, that before it says whose key it is; of the first, its own.
                        let isFirst = judging.isUngoverned
                        if isFirst { try judging.take(event, audited.objects) }
                        defer { if !isFirst { try? judging.take(event, audited.objects) } }
                        guard isWanted(placed.entry.number, event) else { return }
                        batch.append(
                            EntryJudging.Asked(
                                placed: placed, event: event, time: time, signers: judging.newestSigners))
                        if let last {
                            // Twice as many are kept, so that room is made seldom.
                            if batch.count / 2 > max(last, EntryJudging.batchSize) {
                                batch.removeFirst(batch.count - last)
                            }
                        } else if batch.count == EntryJudging.batchSize {
                            try judge()
                        }
                    } catch {
                        failure = error
                        throw .outdated
                    }
                }
            }
        } catch { throw failure ?? error }
        if let last { batch.removeFirst(max(0, batch.count - last)) }
        try judge()
    }
}

extension Repository {
    /// The first policy of a store; nothing if there is none, or it cannot be read.
    private func firstPolicy(of audited: AuditedLog) throws(RepositoryError) -> Policy? {
        var first: LogEntry?
        do throws(RepositoryError) {
            try audited.call { () throws(StoreError) in
                try audited.log.forEachEntry(until: audited.state) { (placed) throws(StoreError) in
                    guard placed.entry.features.contains(StoreState.policy) else { return }
                    first = placed.entry
                    throw .outdated
                }
            }
        } catch { guard first != nil else { throw error } }
        let event = try first.map { (entry) throws(RepositoryError) in try audited.event(entry.event) } ?? nil
        guard let change = event?.refs.first(where: { $0.name.policyVersion == 1 }), let id = change.after,
            let document = try? audited.objects.required(.blob, id.id)
        else { return nil }
        return try? Policy(document: document)
    }
}

/// What a log is by the policy of its store.
package struct PolicyAudit: Sendable {
    /// The entry by which the store came to have a policy.
    package let first: Int
    /// The newest one that is in force; nothing if none ever was as it has to be.
    package let policy: Policy?
    /// Entries that were not allowed.
    package let refused: [(number: Int, event: Event?, refusal: PolicyRefusal)]
}

extension Repository {
    /// Checks a whole log against the policy that was in force at each entry.
    ///
    /// - Returns: Nothing for a store that has no policy.
    package func auditPolicy(of audited: AuditedLog) throws(RepositoryError) -> PolicyAudit? {
        let entries = try audited.call { () throws(StoreError) in
            try PolicyCheck.entries(of: audited.log, behind: MerkleFrontier(), until: audited.state)
        }
        guard let first = entries.first(where: { $0.placed.entry.features.contains(StoreState.policy) })
        else {
            return nil
        }
        var progress = PolicyProgress(origin: audited.origin)
        let check = PolicyCheck(
            entries: entries, view: audited.objects, isWhole: true, now: environment.now(),
            width: environment.width)
        let refused = try reading { () throws(ReadError) in try check.run(&progress) }
        var told: [(number: Int, event: Event?, refusal: PolicyRefusal)] = []
        for one in refused {
            told.append((one.number, try audited.event(entries[one.number].placed.entry.event), one.refusal))
        }
        return PolicyAudit(first: first.placed.entry.number, policy: progress.state.policy, refused: told)
    }
}

/// Judges signatures of a log's entries, many at a time.
private struct EntryJudging {
    static let batchSize = 1024

    /// An entry that is asked about.
    struct Asked: Sendable {
        let placed: OperationLog.Placed
        let event: Event?
        /// When it was there by.
        let time: Int
        /// Which of those who are trusted: policies change them.
        let signers: Int
    }

    /// Who is trusted here, and from each policy on.
    private var signers: [AllowedSigners]
    private let origin: String
    private let now: Int
    private var newest = 0

    init(_ signers: AllowedSigners, origin: String, now: Int) {
        (self.signers, self.origin, self.now) = ([signers], origin, now)
    }

    var isUngoverned: Bool { signers.count == 1 }
    var newestSigners: Int { signers.count - 1 }

    /// Goes on with the people of a policy, if that is what an operation brings.
    mutating func take(_ event: Event?, _ objects: ObjectStore) throws(RepositoryError) {
        for change in event?.refs ?? [] where change.name.policyVersion != nil {
            guard let id = change.after, objects.contains(id) else { continue }
            let document = try reading { () throws(ReadError) in try objects.required(.blob, id.id) }
            guard let policy = try? Policy(document: document) else { continue }
            var trusted = signers[0]
            trusted.add(AllowedSigners(policy))
            signers.append(trusted)
        }
    }

    /// When an entry was made: not before those in front of it, whatever its maker says.
    ///
    /// Of times that have not come yet nobody is told.
    mutating func time(of entry: LogEntry) -> Int {
        if entry.time <= now { newest = max(newest, entry.time) }
        return max(newest, entry.time)
    }

    func judge(_ asked: [Asked], width: Int) -> [AuditedEntry] {
        let parts = max(1, min(width, asked.count / 64))
        guard parts > 1 else {
            var judges: [Int: SignatureJudge] = [:]
            return asked.map { self.judge($0, &judges) }
        }
        let length = (asked.count + parts - 1) / parts
        let found = Mutex<[Int: [AuditedEntry]]>([:])
        let indices = WorkIndices(parts)
        onThreads(parts) {
            var judges: [Int: SignatureJudge] = [:]
            while let part = indices.next() {
                let range = min(asked.count, part * length)..<min(asked.count, (part + 1) * length)
                let judged = asked[range].map { self.judge($0, &judges) }
                found.withLock { $0[part] = judged }
            }
        }
        return found.withLock { found in (0..<parts).flatMap { found[$0] ?? [] } }
    }

    private func judge(_ asked: Asked, _ judges: inout [Int: SignatureJudge]) -> AuditedEntry {
        let entry = asked.placed.entry
        var (verdict, fingerprint): (SignatureVerdict?, String?)
        if let blob = entry.signature {
            do throws(MalformedTrust) {
                let signature = try SSHSignature(blob: blob)
                fingerprint = signature.key.fingerprint
                let head = LogHead(origin: origin, asked.placed.before)
                let message = (try? LogEntry.signedBytes(of: asked.placed.leaf, behind: head)) ?? []
                let claim = SignatureJudge.Claim(
                    person: asked.event?.actor.email, namespace: LogEntry.signatureNamespace, time: entry.time
                )
                var judge = judges[asked.signers] ?? SignatureJudge(signers[asked.signers])
                verdict = judge.judge(signature, over: message, claim, at: asked.time)
                judges[asked.signers] = judge
            } catch { verdict = .malformed(error) }
        }
        return AuditedEntry(
            number: entry.number, eventID: entry.event, event: asked.event, time: entry.time,
            leafHash: MerkleLog.leaf(asked.placed.leaf), verdict: verdict, fingerprint: fingerprint)
    }
}
