package import ObjectModel
package import Storage

extension Repository {
    /// How long others may be faster before a person is told, in seconds.
    static let patience = 60

    /// How often an operation is tried that others take the ground from.
    private static let attempts = 3

    /// Does an operation, and again from its beginning where others took away meanwhile what it had found in the store.
    ///
    /// - Parameter operation: Leaves everything as it was where it fails.
    func beginningAnew<Result>(
        _ operation: () throws(RepositoryError) -> Result
    ) throws(RepositoryError) -> Result {
        for _ in 1..<Self.attempts {
            let number = store.current.number
            do throws(RepositoryError) { return try operation() } catch {
                guard error.mayBeOthersDoing, let now = try? store.refresh(), now.number != number else {
                    throw error
                }
            }
        }
        return try operation()
    }

    /// Makes one operation part of the store: its objects, its event, and what becomes of the refs, all or nothing.
    ///
    /// - Parameters:
    ///   - writer: Has taken the operation's objects.
    ///   - undoing: The event that is taken back, if that is what happens.
    ///   - nonce: The event's; nothing for a random one, or for that of the working copy where this moves what it stands on.
    ///   - changes: Says what becomes of the refs; asked again whenever somebody else was faster, and throws where the
    ///     operation does not fit what is there now.
    package func transact(
        _ verb: String, reason: String?, actor: Person, _ head: WorkingCopy.Head, _ writer: ObjectWriter,
        undoing: ObjectID? = nil, nonce: String? = nil,
        changes: () throws(RepositoryError) -> [RefChange]
    ) throws(RepositoryError) -> ObjectWriter.Result {
        let deadline = environment.now() + Self.patience
        let turn = store.takeTurn()
        defer { turn.end() }
        if turn.hasWaited { _ = try storing { () throws(StoreError) in try store.refresh() } }
        let own = try naming { () throws(InvalidName) in try RefName.worktree(head.workingCopy) }
        while true {
            let state = store.current
            // A read may have gone on to a newer state, and what was found in the older one be gone.
            guard writer.stands(in: state) else {
                // Entries that were tried before are in no log.
                writer.discard()
                throw .store(.outdated)
            }
            let refChanges = try changes()
            try requireFiles(of: refChanges, writer)
            let isMove = !copy.isBare && refChanges.contains { $0.name == own }
            let eventNonce: String
            if let nonce {
                eventNonce = nonce
            } else {
                eventNonce = isMove ? try copy.standingNonce() : Hex.text(environment.random(16))
            }
            let event = Event(
                verb: verb, actor: actor, workingCopy: head.workingCopy, time: environment.now(),
                nonce: eventNonce, reason: reason,
                refs: refChanges, undoes: undoing)
            let edits = event.refs.map { change in
                change.after.map { MerkleEdit(setting: RefEntry(name: change.name, target: $0)) }
                    ?? MerkleEdit<RefEntry>(removing: Array(change.name.text.utf8))
            }
            let refs = try reading { () throws(ReadError) in
                try MerkleTree<RefEntry>(root: state.refs, reader: store).editing(edits)
            }
            let outcome = try storing {
                () throws(StoreError) -> (OperationLog.Outcome, ObjectWriter.Result) in
                for node in refs.nodes { try writer.add(ObjectReference(.refs, node.id), node.payload) }
                let id = try writer.add(.event, event.payload)
                let result = try writer.finish(merging: state)
                // What somebody else dropped meanwhile is dropped.
                let packs = PackChanges(
                    added: result.packs.map(\.name), dropped: result.merged.filter { state.isLive($0) })
                let operation = StoreOperation(event: id, refs: refs.root, packs: packs, time: event.time)
                return (
                    try store.append(operation, on: state, nonce: Hex.text(environment.random(8))), result
                )
            }
            if outcome.0 == .committed {
                upkeep(head, actor)
                return outcome.1
            }
            try storing { () throws(StoreError) in
                try store.refresh()
                guard environment.now() < deadline else { throw .busy(seconds: Self.patience) }
            }
        }
    }

    /// Makes sure that no ref comes to name a commit whose files a collection took, or one that needs such files of another one.
    private func requireFiles(of changes: [RefChange], _ writer: ObjectWriter) throws(RepositoryError) {
        guard store.current.collected != nil else { return }
        let targets = Set(changes.compactMap(\.after)).filter {
            $0.kind == .commit && !writer.isNewCommit($0)
        }
        let sources = writer.sources.map { ObjectReference(.commit, $0.commit) }
        guard !targets.isEmpty || !sources.isEmpty else { return }
        // What leads to a ref is complete; that is nearly always the answer.
        let named = try reading { () throws(ReadError) in try store.refs.leaves() }.map(\.target)
        var unknown = targets.union(sources).subtracting(named)
        guard !unknown.isEmpty else { return }
        try history(of: named.filter { $0.kind == .commit }.map(\.id)) { id, _ in
            unknown.remove(ObjectReference(.commit, id))
            return !unknown.isEmpty
        }
        for target in targets.intersection(unknown) { try requireAll(of: target, from: target.id) }
        for source in writer.sources where unknown.contains(ObjectReference(.commit, source.commit)) {
            try requireAll(of: source.content, from: source.commit)
        }
    }

    /// - Throws: ``RepositoryError/collected(_:)`` with the commit if something is not there.
    private func requireAll(of content: ObjectReference, from commit: ObjectID) throws(RepositoryError) {
        do throws(ReadError) { try store.requireAll(of: content) } catch {
            guard case .missing = error else { throw .object(error) }
            throw .collected(commit)
        }
    }

    /// Does now and then what the store needs; the operation is done whether this succeeds or not.
    private func upkeep(_ head: WorkingCopy.Head, _ actor: Person) {
        let upkeep = StoreUpkeep(store, random: environment.random)
        guard upkeep.isDue else { return }
        try? upkeep.run { event(StoreUpkeep.verb, actor, head.workingCopy) }
    }

    /// An event that moves no ref.
    func event(_ verb: String, _ actor: Person, _ workingCopy: String?) -> Event {
        Event(
            verb: verb, actor: actor, workingCopy: workingCopy, time: environment.now(),
            nonce: Hex.text(environment.random(16)), reason: nil, refs: [])
    }

    /// What becomes of one ref, if it has to be as it was when the operation began.
    func moving(_ name: RefName, from before: ObjectID?, to after: ObjectID?) throws(RepositoryError)
        -> RefChange
    {
        let found = try ref(name)
        guard found?.id == before else { throw .store(.moved(name)) }
        return RefChange(name: name, before: found, after: after.map { ObjectReference(.commit, $0) })
    }

    /// Makes sure that what a working copy stands on is still held for it.
    func requireStanding(_ head: WorkingCopy.Head) throws(RepositoryError) {
        let name = try naming { () throws(InvalidName) in try RefName.worktree(head.workingCopy) }
        try requireStanding(try ref(name), head.commit, name)
    }

    /// Makes sure that nobody took a working copy off the store's list, and a collection what it stands on.
    func requireHeld(_ head: WorkingCopy.Head) throws(RepositoryError) {
        let name = try naming { () throws(InvalidName) in try RefName.worktree(head.workingCopy) }
        if try ref(name) == nil { try requireStanding(nil, head.commit, name) }
    }

    private func requireStanding(
        _ found: ObjectReference?, _ expected: ObjectID?, _ name: RefName
    ) throws(RepositoryError) {
        if let found, found.id != expected { throw .store(.moved(name)) }
        // Somebody took it off the store's list meanwhile, and a collection its files.
        if found == nil, let expected, store.current.collected != nil {
            try requireAll(of: ObjectReference(.commit, expected), from: expected)
        }
    }

    /// The ref that keeps what a working copy stands on.
    ///
    /// - Parameter expected: What it stood on when the operation began; another command in the same working copy may have been
    ///   faster.
    package func standing(
        _ head: WorkingCopy.Head, on commit: ObjectID, from expected: ObjectID?
    ) throws(RepositoryError) -> [RefChange] {
        let name = try naming { () throws(InvalidName) in try RefName.worktree(head.workingCopy) }
        let (before, after) = (try ref(name), ObjectReference(.commit, commit))
        try requireStanding(before, expected, name)
        return before == after ? [] : [RefChange(name: name, before: before, after: after)]
    }
}
