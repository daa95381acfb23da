internal import FileIO
package import ObjectModel
internal import Storage
internal import WorkingTree

extension Repository {
    /// Gives a tracked file or directory another name, on disk and for the next version.
    ///
    /// - Throws: As ``move(_:)``.
    package func move(_ source: RepositoryPath, to target: RepositoryPath) throws(RepositoryError) {
        try move([(source, target)])
    }

    /// Gives tracked files and directories other names, one after the other, on disk and for the next version.
    ///
    /// Each is noted before it moves, files many at a time: whatever kills this, the same for what has not moved goes on.
    /// - Parameter moves: The target is the new path itself, not the directory that it is to lie in.
    /// - Throws: ``RepositoryError/refExists(_:)`` if something has that name. What was moved before stays moved.
    package func move(
        _ moves: [(source: RepositoryPath, target: RepositoryPath)]
    ) throws(RepositoryError) {
        try requireWhole()
        let (_, base) = try self.base()
        var tracking = try self.tracking(base)
        var rest = moves[...]
        while !rest.isEmpty {
            let batch = try firstBatch(of: rest)
            try move(batch, &tracking, base)
            rest = rest.dropFirst(batch.count)
        }
    }

    /// So many moves are noted at once: a command that is killed leaves no more than these as if they were done.
    private static let batchLimit = 100

    /// What can be noted at once: the first of some moves, and if it is of a file those of files behind it.
    ///
    /// What a move finds in its way, or no more, is then told when it is its turn.
    private func firstBatch(
        of moves: ArraySlice<(source: RepositoryPath, target: RepositoryPath)>
    ) throws(RepositoryError) -> [Move] {
        var batch: [Move] = []
        var names: Set<RepositoryPath> = []
        for (source, target) in moves.prefix(Self.batchLimit) {
            guard !names.contains(source), !names.contains(target) else { break }
            if batch.isEmpty {
                batch.append(try looked(at: source, to: target))
            } else {
                guard let move = try? looked(at: source, to: target), move.isOfFileAlone else { break }
                batch.append(move)
            }
            guard batch[0].isOfFileAlone else { break }
            names.insert(source)
            names.insert(target)
        }
        return batch
    }

    private func move(
        _ batch: [Move], _ tracking: inout Tracking, _ base: Commit?
    ) throws(RepositoryError) {
        let before = tracking
        var isNew: [Bool] = []
        for move in batch { isNew.append(try note(move, in: &tracking, base)) }
        if isNew.contains(true) { try copy.setTracking(tracking) }
        for (number, move) in batch.enumerated() {
            do throws(RepositoryError) { try rename(move.source, to: move.target) } catch {
                // Something came to the new name meanwhile: this one and those behind it have not moved.
                tracking = before
                for moved in batch[..<number] { _ = try note(moved, in: &tracking, base) }
                _ = try forgetEmptied(by: batch[..<number].map(\.source), in: &tracking, base)
                if isNew.contains(true) { try copy.setTracking(tracking) }
                throw error
            }
            if isNew[number] { try unignore(move.ignored) }
        }
        if try forgetEmptied(by: batch.map(\.source), in: &tracking, base) { try copy.setTracking(tracking) }
    }

    /// Takes out directories that were added since the version before, and went with the last file in them.
    ///
    /// - Parameter paths: What a command moved away or removed.
    /// - Returns: Whether there was one.
    private func forgetEmptied(
        by paths: [RepositoryPath], in tracking: inout Tracking, _ base: Commit?
    ) throws(RepositoryError) -> Bool {
        let known = Set(base?.tracked.directories ?? [])
        let new = Set(tracking.paths.directories).subtracting(known)
        guard !new.isEmpty else { return false }
        let gone = new.intersection(Set(paths).withAncestors)
        let before = tracking.paths.directories.count
        for root in gone where try status(of: root) == nil {
            tracking.paths.directories.removeAll { $0 == root }
        }
        return tracking.paths.directories.count < before
    }

    /// A move, and what was on disk before it.
    private struct Move {
        let source: RepositoryPath
        let target: RepositoryPath
        let isDirectory: Bool
        /// What the ignore file leaves out by name in the source.
        let ignored: [RepositoryPath]

        /// Whether nothing but the two names is concerned.
        var isOfFileAlone: Bool { !isDirectory && ignored.isEmpty }
    }

    private func looked(
        at source: RepositoryPath, to target: RepositoryPath
    ) throws(RepositoryError) -> Move {
        try requireMovable(source, to: target)
        guard let status = try status(of: source) else { throw .noPath("\(source)") }
        if status.kind == .directory { try requirePresent(source) }
        return Move(
            source: source, target: target, isDirectory: status.kind == .directory,
            ignored: try ignored(in: source))
    }

    /// Refuses to move tracked directories that have lost every file: under another name nobody would miss them.
    private func requirePresent(_ source: RepositoryPath) throws(RepositoryError) {
        let (_, base) = try self.base()
        let tracking = try self.tracking(base)
        let roots = Set(tracking.paths.directories + (base?.tracked.directories ?? []) + [source])
            .filter { $0.isInside(source) && tracking.coversDirectory($0) && !tracking.isUntracked($0) }
        for root in roots.sorted() {
            let files = try files(of: base, in: root).lazy.filter { !tracking.isUntracked($0.path) }
            guard let first = files.first else { continue }
            var isThere = try status(of: first.path) != nil
            for file in files where !isThere { isThere = try status(of: file.path) != nil }
            if !isThere { throw .missing([root], total: 1) }
        }
    }

    /// Makes a move part of what is tracked.
    ///
    /// What is tracked is worth nothing after an error.
    /// - Returns: Whether it was not yet: a command that was killed had noted it and not moved anything.
    private func note(
        _ move: Move, in noted: inout Tracking, _ base: Commit?
    ) throws(RepositoryError) -> Bool {
        let (source, target) = (move.source, move.target)
        let singles = try singleFiles(of: move, base, noted)
        // What a version has is tracked, also where a rule leaves it out by now.
        let isInBase = try hasEntry(base, source)
        var isCovered = isInBase && noted.coversDirectory(source) && !noted.isUntracked(source)
        if !isCovered { isCovered = try isTakenIn(source, isDirectory: move.isDirectory, by: noted) }
        let roots = noted.paths.directories.filter { $0.isInside(source) }
        guard isCovered || !roots.isEmpty || !singles.isEmpty else {
            guard try isNoted(source, target, noted) else { throw .notTracked(source) }
            return false
        }

        var directories = noted.paths.directories.filter { !$0.isInside(source) }
        var (movedRoots, nested): (Set<RepositoryPath>, Set<RepositoryPath>) = ([], [])
        for root in roots {
            let moved = try root.moved(from: source, to: target)
            movedRoots.insert(moved)
            if root != source, noted.paths.isNested(root) { nested.insert(moved) }
        }
        directories += movedRoots
        // What is left out in it is left out under the new name; what a version has all the same is tracked by name.
        var (leftOut, added): ([RepositoryPath], [RepositoryPath]) = ([], [])
        for path in move.ignored {
            leftOut.append(try path.moved(from: source, to: target))
            for (file, _) in try files(of: base, in: path) where !noted.isUntracked(file) {
                added.append(try file.moved(from: source, to: target))
            }
        }
        if let path = leftOut.first(where: { !IgnoreRules.canName($0) }) {
            throw .badConfiguration(
                "no line of .mlrepoignore can name \(path), which is left out under its old name")
        }
        for file in singles { added.append(try file.moved(from: source, to: target)) }
        var there = Tracking(paths: TrackedPaths(directories: directories))
        there.paths.directories.removeAll(where: movedRoots.contains)
        if isCovered, try !isTakenIn(target, isDirectory: move.isDirectory, by: there) {
            if move.isDirectory { directories.append(target) } else { added.append(target) }
        }
        // One that comes to lie in another one is tracked with it, unless the ignore rules leave it out.
        for inner in movedRoots.subtracting(nested) {
            let above = directories.filter { $0 != inner && !movedRoots.contains($0) && inner.isInside($0) }
            guard let nearest = above.max(by: { $0.bytes.count < $1.bytes.count }) else { continue }
            if try !isLeftOut(inner, below: nearest) { directories.removeAll { $0 == inner } }
        }
        noted.paths = TrackedPaths(directories: directories, patterns: noted.paths.patterns)
        noted.added.subtract(singles)
        noted.added.formUnion(added)
        // Only what the version has can be tracked no longer.
        if try hasEntry(base, target) {
            noted.untracked = noted.untracked.filter { !$0.isInside(target) }
        }
        try free(target, in: &noted, of: base)
        if isInBase { noted.untracked.insert(source) }
        try ignore(leftOut)
        return true
    }

    /// Refuses what ``move(_:)`` would refuse for what is in the way or not there.
    package func requireMovable(
        _ source: RepositoryPath, to target: RepositoryPath
    ) throws(RepositoryError) {
        guard !source.isRoot, !target.isInside(source) else { throw .intoItself(source) }
        guard try status(of: source) != nil else { throw .noPath("\(source)") }
        if let above = target.split?.directory, !above.isRoot {
            guard try self.status(of: above)?.kind == .directory else { throw .noPath("\(above)") }
        }
        guard try status(of: target) == nil else { throw .refExists("\(target)") }
    }

    private func rename(_ source: RepositoryPath, to target: RepositoryPath) throws(RepositoryError) {
        let files = environment.files
        do throws(FileError) {
            try files.move(copy.root.appending(source.bytes), to: copy.root.appending(target.bytes))
        } catch {
            if error.isExists { throw .refExists("\(target)") }
            throw error.isNotFound ? .noPath("\(source)") : .file(error)
        }
        try filing { () throws(FileError) in
            // Directories that are empty now go, as they do when files are removed.
            var above = source.split?.directory
            while let directory = above, !directory.isRoot {
                do throws(FileError) { try files.removeDirectory(copy.root.appending(directory.bytes)) } catch
                {
                    guard error.isNotEmpty || error.isNotFound else { throw error }
                    return
                }
                above = directory.split?.directory
            }
        }
    }

    /// Whether a command that was killed had noted a move, and not moved anything yet.
    private func isNoted(
        _ source: RepositoryPath, _ target: RepositoryPath, _ tracking: Tracking
    ) throws(RepositoryError) -> Bool {
        if tracking.added.contains(where: { $0.isInside(target) }) { return true }
        if tracking.paths.directories.contains(where: { $0.isInside(target) }) { return true }
        guard tracking.untracked.contains(source), tracking.coversDirectory(target) else { return false }
        // Who untracks something in a tracked directory writes a line for it.
        return try !hasIgnoreLine(for: source)
    }

    /// Whether a tracked directory takes in a file or directory: one that the ignore rules leave out is none of its.
    private func isTakenIn(
        _ path: RepositoryPath, isDirectory: Bool, by tracking: Tracking
    ) throws(RepositoryError) -> Bool {
        guard let root = tracking.root(above: path), !tracking.isUntracked(path) else { return false }
        if root == path { return true }
        return try !isLeftOut(path, isDirectory: isDirectory, below: root)
    }

    /// Files that are tracked by themselves, and not for the directory that they lie in.
    private func singleFiles(
        of move: Move, _ base: Commit?, _ tracking: Tracking
    ) throws(RepositoryError) -> Set<RepositoryPath> {
        // Of files there may be many, and nothing is in a file.
        var files =
            move.isDirectory
            ? tracking.added.filter { $0.isInside(move.source) } : tracking.added.intersection([move.source])
        for (file, _) in try self.files(of: base, in: move.source)
        where !tracking.coversDirectory(file) && !tracking.isUntracked(file) {
            files.insert(file)
        }
        return files
    }

    /// Removes tracked files from the disk and from the next version; earlier versions keep them.
    ///
    /// Untracked files in a directory stay, and the directory with them.
    /// - Parameter isForced: Files with changes that no version has go as well; they are kept first.
    /// - Returns: How many files were removed, and whether `undo` brings them back: not before the first version.
    /// - Throws: ``RepositoryError/wouldLose(_:)`` if a file has such changes; then nothing has happened.
    package func remove(_ paths: [RepositoryPath], isForced: Bool) throws(RepositoryError) -> (
        removed: Int, isKept: Bool
    ) {
        try finishMerge()
        guard person != nil else { throw .noIdentity }
        guard try copy.pending() == nil else { throw .interruptedCheckout }
        let look = try look()
        var known: [RepositoryPath: TreeEntry?] = [:]
        let asked = Set(paths)
        let added = Set(look.scan.files.lazy.filter { $0.base == nil && asked.covers($0.path) }.map(\.path))
        let full = added.withAncestors
        for path in added { known.updateValue(nil, forKey: path) }
        for path in paths {
            let files = try files(of: look.base, in: path)
            let isRoot = look.tracking.paths.directories.contains { $0.isInside(path) }
            guard !files.isEmpty || full.contains(path) || isRoot else {
                guard try status(of: path) != nil else { throw .noPath("\(path)") }
                throw .notTracked(path)
            }
            for (path, entry) in files { known.updateValue(entry, forKey: path) }
        }
        let dirty = try unsaved(known, look)
        guard dirty.isEmpty || isForced else { throw .wouldLose(dirty) }
        guard dirty.isEmpty || look.head.commit != nil else { throw .noCommit }
        // What somebody had deleted is forgotten and no more: there is nothing to bring back.
        var present: [(path: RepositoryPath, entry: TreeEntry?)] = []
        for (path, entry) in known.sorted(by: { $0.key < $1.key })
        where try status(of: path).map({ $0.kind != .directory }) ?? false {
            present.append((path, entry))
        }
        var saved = tree(look.base)
        let isKept = look.head.commit != nil && !present.isEmpty
        if isKept {
            // What somebody had deleted before does not come back with the rest.
            let removed = present.count == known.count ? paths : present.map(\.path)
            let kept = try save(dirty, look, after: nil, removing: removed)
            saved = try tree(kept.map { (id) throws(RepositoryError) in try commit(id) })
            // Before anything is removed: typed again after an interruption, this does not find everything any more.
            try finishOverwriting(kept, reason: Self.words("rm", paths))
        }
        var tracking = try withoutTracking(paths, look)
        try copy.setTracking(tracking)
        var steps = CheckoutSteps()
        let isSaved = Set(dirty)
        for (path, entry) in present {
            var others: [TreeEntry] = []
            if isSaved.contains(path) {
                others = try reading { () throws(ReadError) in try [saved.entry(at: path)].compactMap { $0 }
                }
            }
            steps.append(
                CheckoutStep(
                    path: path, before: entry, entry: nil, others: others, seen: look.cache.seen(path)))
        }
        try write(steps)
        if try forgetEmptied(by: present.map(\.path), in: &tracking, look.base) {
            try copy.setTracking(tracking)
        }
        return (steps.count, isKept)
    }

    /// Which of some files have contents that the base version has not: changed ones, and what came into the place of one that is
    /// tracked no longer.
    private func unsaved(_ files: [RepositoryPath: TreeEntry?], _ look: Look) throws(RepositoryError)
        -> [RepositoryPath]
    {
        var dirty: [RepositoryPath] = []
        for change in try changes(look) {
            guard let entry = files[change.path] else { continue }
            guard change.state == .deleted else {
                dirty.append(change.path)
                continue
            }
            guard try status(of: change.path) != nil else { continue }
            if try !isSafe(change.path, [entry].compactMap { $0 }, []) { dirty.append(change.path) }
        }
        return dirty
    }

    private func withoutTracking(_ paths: [RepositoryPath], _ look: Look) throws(RepositoryError) -> Tracking
    {
        var tracking = look.tracking
        let asked = Set(paths)
        tracking.added = tracking.added.filter { !asked.covers($0) }
        tracking.paths = TrackedPaths(
            directories: tracking.paths.directories.filter { !asked.covers($0) },
            patterns: tracking.paths.patterns)
        for path in paths {
            for path in try topmost(path, look.base) where try hasEntry(look.base, path) {
                tracking.untracked.insert(path)
            }
        }
        return tracking
    }

    // MARK: Looking

    func hasEntry(_ base: Commit?, _ path: RepositoryPath) throws(RepositoryError) -> Bool {
        try reading { () throws(ReadError) in try tree(base).entry(at: path) != nil }
    }

    /// What a version has at a path: the file itself, or all files in the directory.
    func files(of base: Commit?, in path: RepositoryPath) throws(RepositoryError) -> [Leaf] {
        let version = tree(base)
        return try reading { () throws(ReadError) in
            let entry = path.isRoot ? nil : try version.entry(at: path)
            if let entry, entry.mode != .directory { return [(path, entry)] }
            guard path.isRoot || entry != nil else { return [] }
            var files: [Leaf] = []
            let below = DirectoryTree(root: entry?.id ?? base?.tree ?? DirectoryTree.emptyRoot, reader: store)
            try below.forEachFile(under: path) { (path, entry) throws(ReadError) in
                files.append((path, entry))
            }
            return files
        }
    }
}

extension RepositoryPath {
    /// The path after a directory above it, or it itself, got another name.
    fileprivate func moved(from source: RepositoryPath, to target: RepositoryPath) throws(RepositoryError)
        -> RepositoryPath
    {
        let rest = bytes.dropFirst(source.bytes.count)
        return try naming { () throws(InvalidName) in try RepositoryPath(target.bytes + rest) }
    }
}
