package import ObjectModel
internal import Storage
package import WorkingTree

/// A path that both sides of a merge changed, each in its own way.
package struct MergeConflict: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// Ours stays in its place, theirs lies at another path.
        case both(RepositoryPath)
        /// Somebody asked for it.
        case ours
        case theirs
        /// They removed it, and ours stays.
        case removedThere
        /// We removed it, and theirs is there again.
        case removedHere
    }

    package let path: RepositoryPath
    package let outcome: Outcome

    /// Whether somebody has to choose.
    package var isOpen: Bool { outcome != .ours && outcome != .theirs }

    /// Where theirs lies, if both are kept.
    package var other: RepositoryPath? {
        if case .both(let other) = outcome { other } else { nil }
    }
}

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
    package let conflicts: [MergeConflict]
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
        let (head, own) = try base()
        let begun = try begun(head.commit, other)
        if let begun, let ours = head.commit, try !isMerge(begun, of: ours, other) {
            // That of an earlier version, before the other side went on: its files come first.
            _ = try move(to: begun, from: ours, head, onStep)
            return try merge(
                other, named: name, choice: choice, message: message, onlyForward: onlyForward, onStep: onStep
            )
        }
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
        let ancestors = try commonAncestors(ours, other)
        guard let ancestor = ancestors.first else { throw .unrelated(name) }
        let theirs = try reading { () throws(ReadError) in try store.commit(other) }
        for (id, version) in [(ours, own), (other, theirs)] { try requireTree(id, version) }
        let writer = ObjectWriter(store, keepsNodes: true, random: environment.random)
        defer { writer.abandon() }
        let (base, uncertain) = try mergedBase(of: ancestors, writer)
        let merge = try reading { () throws(ReadError) in
            try TreeMerge(
                base: base, ours: tree(own), theirs: tree(theirs),
                choice: Self.choice(choice, suffix: String(other.hex.prefix(7))), uncertain: uncertain)
        }
        let tracked = try reading { () throws(ReadError) in try store.commit(ancestor).tracked }
        let made: ObjectID
        if let begun {
            made = begun
        } else {
            made = try record(
                merge, own, theirs, tracked, parents: [ours, other],
                message: message ?? "Merge \(name)" + (head.branch.map { " into \($0)" } ?? ""), actor, head)
        }
        let report = try move(to: made, from: ours, head, onStep)
        try note(merge.conflicts)
        return MergeReport(
            kind: .merged, commit: made, before: ours, conflicts: merge.conflicts, written: report.written,
            removed: report.removed)
    }

    /// The commit of a merge with another one, or with one before that, which was interrupted while its files were written.
    private func begun(_ ours: ObjectID?, _ other: ObjectID) throws(RepositoryError) -> ObjectID? {
        guard let pending = try copy.pending() else { return nil }
        guard let goal = pending.goal, goal.undoes == nil, let ours else { throw .interruptedCheckout }
        if try isMerge(goal.commit, of: ours, other) { return goal.commit }
        let commit = try reading { () throws(ReadError) in try store.commit(goal.commit) }
        let theirs = commit.parents.count == 2 && commit.parents[0] == ours ? commit.parents[1] : goal.commit
        let isForward = theirs == goal.commit ? try isAncestor(ours, of: theirs) : true
        guard isForward, goal.branch == (try copy.head().branch), try isAncestor(theirs, of: other) else {
            throw .interruptedCheckout
        }
        return goal.commit
    }

    /// Whether a commit is what comes of a merge of two: the other one itself, or one of both.
    private func isMerge(
        _ id: ObjectID, of ours: ObjectID, _ other: ObjectID
    ) throws(RepositoryError) -> Bool {
        if id == other { return true }
        return try reading { () throws(ReadError) in try store.commit(id) }.parents == [ours, other]
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

    /// The commits that both go back to and that lead to no other such commit; several where histories cross.
    func commonAncestors(_ a: ObjectID, _ b: ObjectID) throws(RepositoryError) -> [ObjectID] {
        var leading: Set<ObjectID> = []
        try history(of: [a]) { id, _ in
            leading.insert(id)
            return true
        }
        var (common, behind): ([ObjectID], Set<ObjectID>) = ([], [])
        try history(of: [b]) { id, commit in
            guard leading.contains(id) else { return true }
            common.append(id)
            // All that is behind a common one is common, too.
            behind.formUnion(commit.parents)
            return true
        }
        return common.filter { !behind.contains($0) }
    }

    /// What two versions go back to: where that are several commits, these merged.
    ///
    /// - Returns: Beside it paths of which the several say different things.
    private func mergedBase(
        of ancestors: [ObjectID], _ writer: ObjectWriter
    ) throws(RepositoryError) -> (DirectoryTree, uncertain: Set<RepositoryPath>) {
        func version(_ id: ObjectID) throws(RepositoryError) -> DirectoryTree {
            let commit = try reading { () throws(ReadError) in try store.commit(id) }
            try requireTree(id, commit)
            return DirectoryTree(root: commit.tree, reader: WrittenObjects(writer: writer))
        }
        var (base, uncertain): (DirectoryTree, Set<RepositoryPath>) = (try version(ancestors[0]), [])
        for next in ancestors.dropFirst() {
            let before = try commonAncestors(ancestors[0], next).first
            let root =
                try before.map { (id) throws(RepositoryError) in try version(id) }
                ?? DirectoryTree(root: DirectoryTree.emptyRoot, reader: WrittenObjects(writer: writer))
            let other = try version(next)
            let merge = try reading { () throws(ReadError) in
                try TreeMerge(base: root, ours: base, theirs: other, choice: .ours)
            }
            uncertain.formUnion(merge.conflicts.map(\.path))
            let built = try edited(base, merge.edits, writer)
            base = DirectoryTree(root: built.root, reader: WrittenObjects(writer: writer))
        }
        return (base, uncertain)
    }

    /// Makes the commit of a merge; no ref names it yet.
    private func record(
        _ merge: TreeMerge, _ own: Commit, _ theirs: Commit, _ base: TrackedPaths, parents: [ObjectID],
        message: String, _ actor: Person, _ head: WorkingCopy.Head
    ) throws(RepositoryError) -> ObjectID {
        let writer = ObjectWriter(store, keepsNodes: true, random: environment.random)
        defer { writer.abandon() }
        let built = try edited(tree(own), merge.edits, writer)
        let recipes = try recipes(from: tree(own), to: built.root, writer)
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
                parents: parents, recipes: recipes, runs: [runID],
                tracked: Self.merged(own.tracked, theirs.tracked, base), tree: built.root)
            return try writer.add(.commit, commit.payload)
        }
        for parent in parents {
            writer.rely(on: ObjectReference(.commit, parent), of: parent)
        }
        let signature = try signature(of: commit, by: actor, isAsked: nil, writer)
        _ = try transact(Self.mergeVerb, reason: nil, actor: actor, head, writer) {
            signature.map { [$0] } ?? []
        }
        return commit
    }

    /// The recipes of large files that a version has and the one before it has not.
    private func recipes(
        from before: DirectoryTree, to root: ObjectID, _ writer: ObjectWriter
    ) throws(RepositoryError) -> ObjectID? {
        var blobs: Set<ObjectID> = []
        try reading { () throws(ReadError) in
            let after = DirectoryTree(root: root, reader: WrittenObjects(writer: writer))
            try before.changes(to: after) { (_, _, entry) throws(ReadError) in
                if let entry, entry.mode.kind == .blob { blobs.insert(entry.id) }
            }
        }
        var recipes: [RecipeEntry] = []
        for blob in blobs {
            if let recipe = try recipeEntry(of: blob) { recipes.append(recipe) }
        }
        return try recipeMap(recipes, writer)
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
