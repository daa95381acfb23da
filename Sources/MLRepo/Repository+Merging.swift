package import ObjectModel
internal import Storage
package import WorkingTree

/// What a merge did.
package struct MergeReport: Sendable {
    package enum Kind: Hashable, Sendable {
        /// There was nothing to take over.
        case nothing
        /// The branch had nothing of its own, and stands on the other one's commit now.
        case fastForward
        /// A commit of both was made.
        case merged
    }

    package let kind: Kind
    package let commit: ObjectID
    /// What the files were made of before.
    package let before: ObjectID?
    /// Paths that both changed, each in its own way, and where the other one's lie, if both were kept.
    package let conflicts: [(path: RepositoryPath, other: RepositoryPath?)]
    package let written: Int
    package let removed: Int
}

/// What becomes of a path that both sides changed.
package enum MergeChoice: Sendable {
    case both
    case ours
    case theirs
}

extension Repository {
    static let mergeVerb = "merge"

    /// Takes another version into the branch that the working copy stands on, and writes the files.
    ///
    /// - Parameters:
    ///   - other: The version.
    ///   - name: What a person called it.
    ///   - onlyForward: Whether no commit is to be made.
    /// - Throws: ``RepositoryError/wouldLose(_:)`` if a changed file is in the way; then nothing has happened.
    package func merge(
        _ other: ObjectID, named name: String, choice: MergeChoice, message: String? = nil,
        onlyForward: Bool = false, onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> MergeReport {
        guard let actor = person else { throw .noIdentity }
        if let lost = try lostCommit() { throw .lostCommit(lost) }
        try finishMerge()
        guard try copy.pending() == nil else { throw .interruptedCheckout }
        let (head, own) = try base()
        guard let ours = head.commit, let own else {
            // Nothing is here yet: the other version is the first one.
            let branch = head.branch ?? Self.defaultBranch
            let report = try checkout(
                other, branch: branch, isNew: try tip(of: branch) == nil, onStep: onStep)
            return MergeReport(
                kind: .fastForward, commit: other, before: nil, conflicts: [], written: report.written,
                removed: report.removed)
        }
        if let branch = head.branch, let tip = try tip(of: branch), tip != ours {
            // Others committed on it through the same store: their files come first.
            guard try isAncestor(ours, of: tip) else {
                throw .store(.moved(try naming { () throws(InvalidName) in try RefName.branch(branch) }))
            }
            _ = try checkout(tip, branch: branch, onStep: onStep)
            return try merge(
                other, named: name, choice: choice, message: message, onlyForward: onlyForward, onStep: onStep
            )
        }
        let isContained = ours == other ? true : try isAncestor(other, of: ours)
        if isContained {
            return MergeReport(
                kind: .nothing, commit: ours, before: ours, conflicts: [], written: 0, removed: 0)
        }
        if try isAncestor(ours, of: other) {
            let report = try move(to: other, from: ours, head, onStep)
            return MergeReport(
                kind: .fastForward, commit: other, before: ours, conflicts: [], written: report.written,
                removed: report.removed)
        }
        guard !onlyForward else { throw .notForward(name) }
        guard let ancestor = try commonAncestor(ours, other) else { throw .unrelated(name) }
        let theirs = try reading { () throws(ReadError) in try store.commit(other) }
        let base = try reading { () throws(ReadError) in try store.commit(ancestor) }
        for (id, version) in [(ours, own), (other, theirs), (ancestor, base)] { try requireTree(id, version) }
        let merge = try reading { () throws(ReadError) in
            try TreeMerge(
                base: tree(base), ours: tree(own), theirs: tree(theirs),
                choice: Self.choice(choice, suffix: String(other.hex.prefix(7))))
        }
        let made = try record(
            merge, own, theirs, base, parents: [ours, other],
            message: message ?? "Merge \(name)" + (head.branch.map { " into \($0)" } ?? ""), actor, head)
        let report = try move(to: made, from: ours, head, onStep)
        return MergeReport(
            kind: .merged, commit: made, before: ours,
            conflicts: merge.conflicts.map { ($0.path, $0.other) }, written: report.written,
            removed: report.removed)
    }

    private static func choice(_ choice: MergeChoice, suffix: String) -> TreeMerge.Choice {
        switch choice {
        case .both: .both(suffix: suffix)
        case .ours: .ours
        case .theirs: .theirs
        }
    }

    /// The branch and the files go on to a commit.
    private func move(
        to commit: ObjectID, from ours: ObjectID, _ head: WorkingCopy.Head,
        _ onStep: @escaping @Sendable (WorkStep) -> Void
    ) throws(RepositoryError) -> CheckoutReport {
        var move = CheckoutMove(to: commit, branch: head.branch)
        move.verb = Self.mergeVerb
        if let branch = head.branch {
            let name = try naming { () throws(InvalidName) in try RefName.branch(branch) }
            move.also = [
                RefChange(
                    name: name, before: ObjectReference(.commit, ours),
                    after: ObjectReference(.commit, commit))
            ]
        }
        return try checkout(move, onStep: onStep)
    }

    /// The newest commit that leads to both.
    func commonAncestor(_ a: ObjectID, _ b: ObjectID) throws(RepositoryError) -> ObjectID? {
        var leading: Set<ObjectID> = []
        try history(of: [a]) { id, _ in
            leading.insert(id)
            return true
        }
        var found: ObjectID?
        try history(of: [b]) { id, _ in
            if leading.contains(id) { found = id }
            return found == nil
        }
        return found
    }

    /// Makes the commit of a merge; no ref names it yet.
    private func record(
        _ merge: TreeMerge, _ own: Commit, _ theirs: Commit, _ base: Commit, parents: [ObjectID],
        message: String, _ actor: Person, _ head: WorkingCopy.Head
    ) throws(RepositoryError) -> ObjectID {
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        let built = try edited(tree(own), merge.edits, writer)
        let empty = DirectoryTree.emptyRoot
        try storing { () throws(StoreError) in try writer.add(ObjectReference(.tree, empty), [0, 0]) }
        let now = environment.now()
        // Nothing was made of anything: each side's files have the runs that made them.
        let run = Run(
            declaredAt: now, user: actor, code: nil, parameters: [:], metrics: [:],
            environment: MachineFacts.read(), inputs: empty, outputs: empty, inputCommits: [:])
        let commit = try storing { () throws(StoreError) in
            let runID = try writer.add(.run, run.payload)
            let commit = Commit(
                author: actor, committer: actor, authored: now, committed: now, message: message,
                parents: parents, recipes: nil, runs: [runID],
                tracked: Self.merged(own.tracked, theirs.tracked, base.tracked), tree: built.root)
            return try writer.add(.commit, commit.payload)
        }
        for parent in parents {
            writer.rely(on: ObjectReference(.commit, parent), of: parent)
        }
        _ = try transact(Self.mergeVerb, reason: nil, actor: actor, head, writer) { [] }
        return commit
    }

    /// What is tracked by either side, without what one of them gave up.
    private static func merged(
        _ ours: TrackedPaths, _ theirs: TrackedPaths, _ base: TrackedPaths
    ) -> TrackedPaths {
        func merged<Element: Hashable>(_ ours: [Element], _ theirs: [Element], _ base: [Element]) -> [Element]
        {
            let (a, b, was) = (Set(ours), Set(theirs), Set(base))
            return Array(a.union(b).filter { (a.contains($0) && b.contains($0)) || !was.contains($0) })
        }
        return TrackedPaths(
            directories: merged(ours.directories, theirs.directories, base.directories),
            patterns: merged(ours.patterns, theirs.patterns, base.patterns))
    }
}
