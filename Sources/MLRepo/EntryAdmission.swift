internal import FileIO
internal import Governance
internal import ObjectModel
internal import Storage

/// Whether an entry that is about to be made in a store is one that the store's policy allows.
struct EntryAdmission: Sendable {
    let environment: Environment

    /// What writes to stores on this machine uses.
    func governance(_ signer: @escaping EntrySigner) -> StoreGovernance {
        StoreGovernance(signer: signer) { (store, file, packs, base) throws(StoreError) in
            if let refusal = try refusal(of: file, packs, on: base, in: store) {
                throw .notAllowed(refusal.description)
            }
        }
    }

    /// Why an entry is not allowed; nothing if it is.
    ///
    /// - Parameter check: Says more by the policy in force and what the entry tells, before that is looked at.
    func refusal(
        of file: LogEntryFile, _ packs: PackChanges, on base: StoreState, in store: ObjectStore,
        _ check: (Policy, PolicyOperation, Event?) -> PolicyRefusal? = { _, _, _ in nil }
    ) throws(StoreError) -> PolicyRefusal? {
        guard file.entry.number == base.number + 1, file.before == base.log else {
            return PolicyRefusal("it does not follow from the entry before it")
        }
        var progress = try progress(of: store, at: base)
        guard
            progress.state.policy != nil || base.isGoverned || file.entry.features.contains(StoreState.policy)
        else { return nil }
        let view = try store.with(file, packs, on: base)
        let placed = OperationLog.Placed(entry: file.entry, leaf: file.leaf, before: file.before)
        let asked = PolicyCheck.Entry(placed: placed, packs: packs)
        // It is made now, whatever it says: who has expired does not date it back.
        progress.time = max(progress.time, environment.now())
        if let policy = progress.state.policy {
            let event = try? view.event(file.entry.event)
            let operation = PolicyOperation(
                key: PolicyCheck.key(of: placed, in: store.format.origin), actor: event?.actor,
                time: max(progress.time, file.entry.time), changes: event?.refs ?? [],
                dropsPacks: asked.dropsPacks)
            if let refusal = check(policy, operation, event) { return refusal }
        }
        if let refusal = try run([asked], &progress, view).first?.refusal { return refusal }
        return try missing(file.entry, view)
    }

    /// Refuses refs to what is not there: nobody could fetch it, nor say what it goes on from.
    private func missing(_ entry: LogEntry, _ view: ObjectStore) throws(StoreError) -> PolicyRefusal? {
        do throws(ReadError) {
            for change in try view.event(entry.event).refs {
                guard let after = change.after else { continue }
                var needed = [after]
                if after.kind == .commit, view.contains(after) {
                    let commit = try view.commit(after.id)
                    needed += commit.parents.map { ObjectReference(.commit, $0) }
                    needed.append(ObjectReference(.tree, commit.tree))
                }
                guard needed.allSatisfy({ view.containsOrIsEmpty($0) }) else {
                    return PolicyRefusal("not all that \(change.name) is to name is there", ref: change.name)
                }
            }
        } catch { throw .object(error) }
        return nil
    }

    /// What is in force in a store on this machine.
    ///
    /// - Throws: ``StoreError/notAllowed(_:)`` if the log has an entry that was not allowed.
    func state(of store: ObjectStore) throws(StoreError) -> PolicyState {
        try progress(of: store, at: store.current).state
    }

    private func progress(
        of store: ObjectStore, at base: StoreState
    ) throws(StoreError) -> PolicyProgress {
        let path = store.layout.cache / "policy"
        let origin = store.format.origin
        let bytes = (try? store.files.contentsIfPresent(path, limit: 4 << 20)) ?? nil
        var progress =
            bytes.flatMap { PolicyProgress(bytes: $0, origin: origin) } ?? PolicyProgress(origin: origin)
        if progress.log.size > base.number + 1 { progress = PolicyProgress(origin: origin) }
        guard progress.state.policy != nil || base.isGoverned else {
            // Nothing in it can be about a policy.
            (progress.log, progress.refs, progress.time) = (base.log, base.refs, base.entry.time)
            return progress
        }
        guard progress.log.size <= base.number else { return progress }
        let entries = try PolicyCheck.entries(of: store.log, behind: progress.log, until: base)
        if let refused = try run(entries, &progress, store).first {
            throw .notAllowed("entry \(refused.number) of the log was not allowed: \(refused.refusal)")
        }
        remember(progress, path, store)
        return progress
    }

    private func run(
        _ entries: [PolicyCheck.Entry], _ progress: inout PolicyProgress, _ view: ObjectStore
    ) throws(StoreError) -> [PolicyCheck.Refused] {
        let check = PolicyCheck(
            entries: entries, view: view, isWhole: true, now: environment.now(), width: environment.width)
        do throws(ReadError) { return try check.run(&progress) } catch { throw .object(error) }
    }

    /// Where nothing can be written, it is worked out again.
    private func remember(_ progress: PolicyProgress, _ path: FilePath, _ store: ObjectStore) {
        let temporary = store.layout.temporary / "policy-\(Hex.text(environment.random(8)))"
        let files = store.files
        do throws(FileError) {
            let file = try store.layout.createTemporary(temporary, permissions: 0o666, files)
            defer { files.close(file) }
            try files.write(file, progress.bytes)
            try files.rename(temporary, to: path)
        } catch { try? files.removeIfPresent(temporary) }
    }
}
