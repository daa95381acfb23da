package import ObjectModel
internal import Storage
package import WorkingTree

/// One entry of the log, as people ask for it.
package struct Operation: Sendable {
    package let number: Int
    package let eventID: ObjectID
    package let event: Event
}

extension Repository {
    /// Operations on the store, newest first.
    ///
    /// - Parameter body: Says whether to go on.
    package func operations(_ body: (Operation) throws(RepositoryError) -> Bool) throws(RepositoryError) {
        var failure: RepositoryError?
        try storing { () throws(StoreError) in
            try store.log.entries(endingWith: store.current.number) { (entry) throws(StoreError) in
                do throws(RepositoryError) {
                    let event = try reading { () throws(ReadError) in try store.event(entry.event) }
                    return try body(Operation(number: entry.number, eventID: entry.event, event: event))
                } catch {
                    failure = error
                    return false
                }
            }
        }
        if let failure { throw failure }
    }

    /// Ends an `undo` that was killed behind its log entry.
    ///
    /// - Returns: What it took back; nothing if none was killed there.
    package func finishUndo() throws(RepositoryError) -> Operation? {
        let (noted, pending) = (try copy.head(), try copy.pending())
        var (head, _) = try base()
        let isFinishing =
            noted.commit != head.commit || (pending?.goal != nil && head.commit == pending?.goal?.commit)
        guard isFinishing else { return nil }
        var (last, undone): (Operation?, Operation?)
        try operations { (operation) throws(RepositoryError) in
            guard operation.event.workingCopy == head.workingCopy else { return true }
            // What is done on the way, such as a repair, is nothing that a person takes back.
            if last == nil, operation.event.undoes != nil || operation.event.isOperation { last = operation }
            if operation.eventID == last?.event.undoes { undone = operation }
            return last == nil || (last?.event.undoes != nil && undone == nil)
        }
        if let goal = pending?.goal, goal.undoes != last?.event.undoes { return nil }
        if undone != nil {
            if let goal = pending?.goal, goal.commit == head.commit { head.branch = goal.branch }
            try copy.setHead(head)
            if pending?.goal != nil { try copy.setPending(nil) }
        }
        return undone
    }

    /// Goes back to where the working copy stands, where a checkout was killed on its way elsewhere.
    ///
    /// - Returns: Where it stands, and whether a collection took what the checkout had kept; nothing if none was killed.
    /// - Throws: ``RepositoryError/interruptedCheckout`` if something else was, which has to be finished.
    package func undoInterrupted(
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> (commit: ObjectID, hasLost: Bool)? {
        try forgetMerge()
        let (head, _) = try base()
        guard let pending = try copy.pending() else { return nil }
        guard let id = head.commit else { throw .interruptedCheckout }
        // A commit that was killed is finished before it is taken back.
        if try isMerged(pending, id) { return nil }
        guard pending.goal != nil || pending.kept != nil else { throw .interruptedCheckout }
        // An undo that was killed goes on.
        if let undoes = pending.goal?.undoes, try undoable()?.eventID == undoes { return nil }
        var move = CheckoutMove(to: id, branch: head.branch)
        var hasKept = pending.kept != nil
        if let goal = pending.goal, let operation = try undoneElsewhere(goal) {
            // A copy that was made while an undo was at work goes where that was going.
            let branch = goal.branch
            let isThere =
                try branch.map { (name) throws(RepositoryError) in try tip(of: name) != nil } ?? false
            move = CheckoutMove(to: goal.commit, branch: isThere ? branch : nil)
            move.undoing = goal.undoes
            hasKept = operation.kept != nil
        }
        move.verb = "undo"
        move.content = try keptByInterrupted()
        let hasLost = hasKept && move.content == nil
        return try checkout(move, onStep: onStep).head.commit.map { ($0, hasLost) }
    }

    /// The last operation of this working copy that moved a ref and was not taken back yet.
    package func undoable() throws(RepositoryError) -> Operation? {
        let mine = try base().head.workingCopy
        var (undone, found): (Set<ObjectID>, Operation?) = ([], nil)
        try operations { (operation) throws(RepositoryError) in
            guard operation.event.workingCopy == mine, !undone.contains(operation.eventID) else {
                return true
            }
            if let other = operation.event.undoes {
                undone.insert(other)
            } else if operation.event.isOperation, !Self.isBeginning(operation) {
                found = operation
            }
            return found == nil
        }
        return found
    }

    /// Whether an operation only gave a new working copy its first place.
    private static func isBeginning(_ operation: Operation) -> Bool {
        operation.event.refs.count == 1 && isFirst(operation)
    }

    /// Whether an operation gave a new working copy its first place.
    private static func isFirst(_ operation: Operation) -> Bool {
        operation.event.refs.contains { $0.before == nil && $0.name.name(in: "worktrees") != nil }
    }

    /// The last thing that `undo` took back here and that can be done again, if nothing was done since.
    ///
    /// - Returns: What took it back and what was taken back, and before it what was taken back later and is not done again: which
    ///   files a checkout of paths or `rm` overwrote, and by what, nobody wrote down.
    package func redoable() throws(RepositoryError) -> (
        found: (undo: Operation, operation: Operation)?, passed: [Operation]
    ) {
        let mine = try base().head.workingCopy
        var redone: Set<ObjectID> = []
        // What was taken back and not done again, newest first.
        var undos: [Operation] = []
        var undone: [ObjectID: Operation] = [:]
        try operations { (candidate) throws(RepositoryError) in
            let event = candidate.event
            guard event.workingCopy == mine, !redone.contains(candidate.eventID) else { return true }
            if let other = event.undoes {
                if event.verb == "redo" { redone.insert(other) } else { undos.append(candidate) }
                return true
            }
            guard event.isOperation, !Self.isBeginning(candidate) else { return true }
            undone[candidate.eventID] = candidate
            // What is in effect ends it; what was taken back before that was passed.
            return undos.contains { $0.event.undoes == candidate.eventID }
        }
        var passed: [Operation] = []
        for undo in undos {
            guard let operation = undo.event.undoes.flatMap({ undone[$0] }) else { continue }
            if Self.isRedoable(operation) { return ((undo, operation), passed) }
            passed.append(operation)
        }
        return (nil, passed)
    }

    /// Whether `redo` knows how to do something again.
    private static func isRedoable(_ operation: Operation) -> Bool {
        operation.event.verb != overwritingVerb
            && !(operation.event.verb == "checkout" && isFirst(operation))
    }

    /// Does again what `undo` took back.
    ///
    /// - Throws: ``StoreError/moved(_:)`` if one of its refs has moved since; then nothing has happened.
    package func redo(
        _ undo: Operation, of operation: Operation,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) {
        try reverse(
            undo, isCheckout: ["checkout", Self.mergeVerb].contains(operation.event.verb), verb: "redo",
            over: operation.event.kept,
            onStep)
    }

    /// Takes an operation back: its refs are what they were before.
    ///
    /// Files change only if the operation wrote them.
    ///
    /// - Throws: ``StoreError/moved(_:)`` if one of its refs has moved since; then nothing has happened.
    package func undo(
        _ operation: Operation, onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) {
        try reverse(
            operation,
            isCheckout: ["checkout", Self.mergeVerb, Self.overwritingVerb].contains(operation.event.verb),
            verb: "undo", onStep)
    }

    /// - Parameter kept: The version that has what is on disk and is overwritten once more.
    private func reverse(
        _ operation: Operation, isCheckout: Bool, verb: String, over kept: ObjectID? = nil,
        _ onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) {
        guard let actor = person else { throw .noIdentity }
        try finishMerge()
        let (head, _) = try base()
        let standing = try naming { () throws(InvalidName) in try RefName.worktree(head.workingCopy) }
        let own = operation.event.refs.first { $0.name == standing }
        let landing =
            try own.map { (change) throws(RepositoryError) in try before(change, in: operation)?.id } ?? nil
        if let before = landing {
            try requireTree(before, reading { () throws(ReadError) in try store.commit(before) })
        }
        if isCheckout, let own, own.before == nil, let content = operation.event.kept {
            // Before the first version there is none to stand on: what it overwrote comes back, and nothing else.
            let paths = try entries(at: [.root], of: content).map(\.path)
            _ = try checkout(
                paths, of: content, isForced: false, undoing: operation.eventID, onStep: onStep)
            return
        }
        if isCheckout, own == nil || own?.before != nil, let before = own?.before?.id ?? head.commit {
            // The files go back first; this moves the ref of the working copy by an operation of its own.
            // A branch that was made with it goes, or comes again.
            let others = operation.event.refs
                .filter { $0.name != standing && operation.event.takesBack($0) }
                .map { RefChange(name: $0.name, before: $0.after, after: $0.before) }
            for change in others where try ref(change.name) != change.before {
                throw .store(.moved(change.name))
            }
            try requireUnused(operation)
            let isStaying = operation.event.verb == Self.overwritingVerb
            var move = CheckoutMove(
                to: before,
                branch: isStaying
                    ? head.branch : try branch(before: operation, standingOn: before, making: others))
            (move.verb, move.undoing, move.also, move.kept) = (verb, operation.eventID, others, kept)
            if let content = operation.event.kept {
                // What the operation wrote may go; what was written since may not, even if a version has it that only an
                // operation names: nobody would find it there.
                (move.content, move.others) = (content, try taken(before: content))
            }
            _ = try checkout(move, onStep: onStep)
            return
        }
        try requireUnused(operation)
        // Before the refs move: whatever kills this behind the entry, nothing drops out of sight. Who does it again has said it.
        let said = try tracking(try base().commit)
        if verb == "undo", let own {
            _ = try reversed(operation)
            try keepTracking(of: own.after?.id, after: landing)
        }
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        do throws(RepositoryError) {
            _ = try transact(
                verb, reason: operation.event.reason, actor: actor, head, writer, undoing: operation.eventID
            ) { () throws(RepositoryError) in try reversed(operation) }
        } catch {
            // Where nothing was taken back, nothing was said of tracking. An entry may be there although its writer was told of
            // an error.
            var isThere = true
            if case .store(.moved) = error { isThere = false }
            if isThere, (try? store.refresh()) != nil { isThere = (try? reversed(operation)) == nil }
            if own != nil, !isThere { try? copy.setTracking(said) }
            throw error
        }
        guard own != nil else {
            if let branch = head.branch, try tip(of: branch) == nil, let id = head.commit {
                // The branch that this working copy stood on is gone; the files are those of its commit all the same.
                var detached = head
                detached.branch = try self.branch(at: id)
                try copy.setHead(detached)
            }
            return
        }
        // The files stay as they are, and differ from the base again.
        var moved = head
        moved.commit = landing
        try copy.setHead(moved)
        try forgetTracking()
    }

    /// The moves of refs that take an operation back.
    ///
    /// - Throws: ``StoreError/moved(_:)`` if one of them has moved since.
    private func reversed(_ operation: Operation) throws(RepositoryError) -> [RefChange] {
        var changes: [RefChange] = []
        for change in operation.event.refs where operation.event.takesBack(change) {
            guard try ref(change.name) == change.after else { throw .store(.moved(change.name)) }
            changes.append(
                RefChange(name: change.name, before: change.after, after: try before(change, in: operation)))
        }
        return changes
    }

    /// What a ref names again when an operation is taken back.
    ///
    /// Behind a commit that took over what others committed that is where they were: what it brought is on disk, and no change of
    /// anybody's here.
    private func before(
        _ change: RefChange, in operation: Operation
    ) throws(RepositoryError) -> ObjectReference? {
        guard operation.event.verb == "commit", operation.event.undoes == nil,
            change.name.name(in: "worktrees") != nil, let made = change.after?.id
        else { return change.before }
        let upon = try reading { () throws(ReadError) in try store.commit(made).parents.first }
        return upon.map { ObjectReference(.commit, $0) }
    }

    /// Makes sure that no other working copy stands on a branch that goes if an operation is taken back.
    private func requireUnused(_ operation: Operation) throws(RepositoryError) {
        for change in operation.event.refs where change.before == nil {
            if let name = change.name.name(in: "branches"), let place = place(standingOn: name) {
                throw .branchInUse(name, place)
            }
        }
    }

    /// The branch that this working copy stood on when it did something; nothing for none.
    ///
    /// The last event before that tells of a branch tells it; where there is none, the one branch that has the commit.
    /// - Parameter changes: Branches that come or go with what is done now.
    private func branch(
        before operation: Operation, standingOn commit: ObjectID, making changes: [RefChange]
    ) throws(RepositoryError) -> String? {
        var older: [Operation] = []
        var isBefore = false
        try operations { (other) throws(RepositoryError) in
            if isBefore, other.event.workingCopy == operation.event.workingCopy { older.append(other) }
            if other.eventID == operation.eventID { isBefore = true }
            return true
        }
        let known = Dictionary(older.map { ($0.eventID, $0.event) }, uniquingKeysWith: { first, _ in first })
        for event in older.lazy.map(\.event) {
            // What was taken back, or done again, in the end.
            var root = event
            while let id = root.undoes, let next = known[id] { root = next }
            let branch: String?
            switch root.verb {
            case "checkout": branch = event.reason
            case "commit" where event.undoes == nil:
                branch = event.refs.lazy.compactMap { $0.name.name(in: "branches") }.first
            default: continue
            }
            guard let branch else { return nil }
            if changes.contains(where: { $0.name.name(in: "branches") == branch }) {
                return changes.contains { $0.name.name(in: "branches") == branch && $0.after != nil }
                    ? branch : nil
            }
            return try tip(of: branch) == nil ? nil : branch
        }
        return try self.branch(at: commit)
    }

    /// The branch whose newest commit this is, if it is only one.
    func branch(at id: ObjectID) throws(RepositoryError) -> String? {
        let names = try refs(in: "branches").filter { $0.target.id == id }.map(\.name)
        return names.count == 1 ? names[0] : nil
    }
}
