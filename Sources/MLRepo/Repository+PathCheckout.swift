internal import FileIO
package import ObjectModel
internal import Storage
package import WorkingTree

extension Repository {
    /// Writes some files of a version over those of the working copy, which goes on standing where it stands.
    ///
    /// Files that the version has not are left alone.
    /// - Parameters:
    ///   - paths: Files and directories of that version.
    ///   - isForced: What is in the way is kept first, so that `undo` brings it back.
    /// - Returns: How many files were written.
    /// - Throws: ``RepositoryError/wouldLose(_:)`` if a changed or untracked file is in the way; then nothing has happened.
    package func checkout(
        _ paths: [RepositoryPath], of id: ObjectID, isForced: Bool, undoing: ObjectID? = nil,
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> Int {
        guard person != nil else { throw .noIdentity }
        try finishMerge()
        let look = try look()
        var own = WorkingCopy.Pending(paths, of: id, on: look.base?.tree)
        let pending = try copy.pending()
        guard pending.map({ $0.isSame(as: own) }) ?? true else { throw .interruptedCheckout }
        own.kept = try keptByInterrupted()
        try removeLeftovers(look)
        let wanted = try entries(at: paths, of: id)
        var (steps, doubtful, lost) = try steps(for: wanted, look, isResumed: pending != nil)
        guard lost.isEmpty || isForced else { throw .wouldLose(lost) }
        guard lost.isEmpty || look.head.commit != nil else { throw .noCommit }
        guard !steps.isEmpty || pending != nil else {
            try trackWritten(paths, wanted.map(\.path), of: id)
            // Taken back it is all the same.
            if undoing != nil { try finishOverwriting(nil, undoing: undoing) }
            return 0
        }
        // One that was interrupted was kept before it began.
        if look.head.commit != nil, pending == nil || !lost.isEmpty {
            let taken = try roots(paths, of: tree(commit(id)))
            own.kept = try save(
                pending == nil ? Array(Set(lost + doubtful)) : lost, look, after: own.kept,
                taking: (taken, id))
        }
        if let kept = own.kept {
            let saved = try tree(commit(kept))
            for index in steps.indices {
                let entry = try reading { () throws(ReadError) in try saved.entry(at: steps.path(index)) }
                if let entry { steps.note([entry], at: index) }
            }
        }
        try copy.setPending(own)
        try write(steps, isResumed: pending != nil, onStep: onStep)
        try trackWritten(paths, wanted.map(\.path), of: id)
        let reason = undoing == nil ? Self.words("checkout \(id.hex.prefix(7)) --", paths) : nil
        try finishOverwriting(own.kept, reason: reason, undoing: undoing)
        try copy.setPending(nil)
        return steps.writtenCount
    }

    /// The same paths, none inside another one, and none the top directory.
    ///
    /// - Parameter version: What the top directory holds.
    func roots(
        _ paths: [RepositoryPath], of version: DirectoryTree
    ) throws(RepositoryError) -> [RepositoryPath] {
        var all = Set(paths)
        if all.contains(.root) {
            let names = try reading { () throws(ReadError) in try version.entries.leaves().map(\.name) }
            all = Set(
                try naming { () throws(InvalidName) in
                    try names.map { (name) throws(InvalidName) in try RepositoryPath.root.appending(name) }
                })
        }
        return all.filter { path in !(path.split.map { all.covers($0.directory) } ?? false) }.sorted()
    }

    /// What a version has at some paths and below them.
    func entries(at paths: [RepositoryPath], of id: ObjectID) throws(RepositoryError)
        -> [Leaf]
    {
        let commit = try reading { () throws(ReadError) in try store.commit(id) }
        try requireTree(id, commit)
        let version = tree(commit)
        var found: [RepositoryPath: TreeEntry] = [:]
        for path in paths {
            let entry =
                path.isRoot ? nil : try reading { () throws(ReadError) in try version.entry(at: path) }
            guard path.isRoot || entry != nil else { throw .noPath("\(path)") }
            if let entry, entry.mode != .directory || entry.id == DirectoryTree.emptyRoot {
                found[path] = entry
                continue
            }
            let below = DirectoryTree(root: entry?.id ?? commit.tree, reader: store)
            try reading { () throws(ReadError) in
                try below.forEachFile(under: path) { (path, entry) throws(ReadError) in found[path] = entry }
            }
        }
        return found.map { ($0.key, $0.value) }.sorted { DirectoryTree.walkOrder($0.path, $1.path) }
    }

    /// - Returns: What is to be written; of that, where the disk has not what the base version has; and what would be lost.
    private func steps(
        for wanted: [(path: RepositoryPath, entry: TreeEntry)], _ look: Look, isResumed: Bool
    ) throws(RepositoryError) -> (steps: CheckoutSteps, doubtful: [RepositoryPath], lost: [RepositoryPath]) {
        let base = tree(look.base)
        let dirty = Set(try changes(look).map(\.path))
        var (steps, doubtful, lost): ([CheckoutStep], [RepositoryPath], Set<RepositoryPath>) = ([], [], [])
        var firm: Set<RepositoryPath> = [.root]
        for (path, entry) in wanted {
            let before = try reading { () throws(ReadError) in try base.entry(at: path) }
            let isKnown = before != nil && before?.mode != .directory && !dirty.contains(path)
            if isKnown, before?.id == entry.id, before?.mode == entry.mode { continue }
            let step = CheckoutStep(
                path: path, before: before, entry: entry, seen: look.cache.seen(path))
            if let above = path.split?.directory, let obstacle = try obstacle(above, [], &firm) {
                // What lies behind a link in a directory's place is not ours.
                lost.insert(obstacle)
            } else if !isKnown {
                let isSafe = try isSafe(path, [entry], [])
                let kind = isSafe && !isResumed ? try status(of: path)?.kind : nil
                doubtful.append(path)
                // It is there already.
                if kind == .file || kind == .link { continue }
                // A command that was interrupted had begun to write it.
                let isTorn = isResumed ? try isTorn(path, entry) : false
                if !isSafe, !isTorn { lost.insert(path) }
            }
            steps.append(step)
        }
        // What was kept makes room.
        var removed: [CheckoutStep] = []
        for path in lost { removed += try leaves(at: path).map { CheckoutStep(path: $0, entry: nil) } }
        return (CheckoutSteps(removed + steps), doubtful, lost.sorted())
    }

    /// The files at a path and below, if they are in the way of something else than a file.
    private func leaves(at path: RepositoryPath) throws(RepositoryError) -> [RepositoryPath] {
        let place = copy.root.appending(path.bytes)
        let status = try filing { () throws(FileError) in try environment.files.status(place) }
        guard status?.kind == .directory else { return status == nil ? [] : [path] }
        var found = [path]
        for name in try filing({ () throws(FileError) in try environment.files.names(in: place) }) {
            guard let below = try? path.appending(EntryName(name)) else { throw .wouldLose([path]) }
            found += try leaves(at: below)
        }
        return found
    }
}
