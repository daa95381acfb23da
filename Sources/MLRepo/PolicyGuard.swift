internal import FileIO
internal import Governance
internal import ObjectModel
internal import Remotes
internal import Storage

/// Checks whatever is new in another store's log against that store's policy, before this side believes any of it.
///
/// What was checked is remembered, so that each entry is checked once. One thread at a time.
final class PolicyGuard {
    private let local: ObjectStore
    private let memory: RemoteMemory?
    private let environment: Environment
    /// Makes signatures of entries, where a policy asks for them.
    private let signer: EntrySigner
    private var progress: PolicyProgress?
    private var isInspecting = false

    init(
        _ local: ObjectStore, _ memory: RemoteMemory?, _ environment: Environment,
        signer: @escaping EntrySigner
    ) {
        (self.local, self.memory, self.environment) = (local, memory, environment)
        self.signer = signer
    }

    /// The policy in force there; nothing where there is none.
    var state: PolicyState? { progress?.state.policy == nil ? nil : progress?.state }

    /// - Throws: ``RemoteError/Problem/refused(entry:reason:)`` with the first entry that was not allowed.
    func inspect(_ other: RemoteStore) throws(RemoteError) {
        // What is looked up meanwhile may go on to a newer state.
        guard !isInspecting else { return }
        isInspecting = true
        defer { isInspecting = false }
        var number: Int
        repeat {
            number = other.state.number
            try goOn(other)
        } while other.state.number != number
        if state != nil { other.sign(by: signer) }
    }

    private func goOn(_ other: RemoteStore) throws(RemoteError) {
        let now = other.state
        var known = progress ?? recall(other.format.origin)
        if known.log.size > now.number + 1 { known = PolicyProgress(origin: other.format.origin) }
        if known.state.policy == nil, !now.isGoverned {
            // Nothing in it can be about a policy.
            (known.log, known.refs) = (now.log, now.refs)
            known.time = max(known.time, now.entry.time)
            progress = known
            return
        }
        guard known.log.size <= now.number else {
            progress = known
            return
        }
        var entries: [PolicyCheck.Entry] = []
        do throws(StoreError) {
            entries = try PolicyCheck.entries(of: other.log, behind: known.log, until: now)
        } catch { throw RemoteError(other.name, .store(error)) }
        var next = known
        var refused: [PolicyCheck.Refused] = []
        try other.viewing(with: local, from: known.log.size - 1) { (view, packs) throws(ReadError) in
            guard other.state.number == now.number else { return }
            next = known
            let check = PolicyCheck(
                entries: entries, view: view, isWhole: packs.count == now.live.count,
                now: environment.now(), width: environment.width)
            refused = try check.run(&next)
        }
        if let first = refused.first {
            throw RemoteError(
                other.name, .refused(entry: first.number, reason: first.refusal.description))
        }
        guard other.state.number == now.number else { return }
        progress = next
        memory?.remember(policy: next.bytes)
    }

    private func recall(_ origin: String) -> PolicyProgress {
        memory?.recallPolicy().flatMap { PolicyProgress(bytes: $0, origin: origin) }
            ?? PolicyProgress(origin: origin)
    }
}
