package import FileIO
package import ObjectModel
internal import Storage
package import WorkingTree

/// What a checkout wrote.
package struct CheckoutReport: Sendable {
    package let written: Int
    package let removed: Int
    package let head: WorkingCopy.Head
}

extension Repository {
    /// Makes the working copy's files those of a commit, and lets it stand on that commit.
    ///
    /// - Parameters:
    ///   - branch: The branch it stands on afterwards; nothing for none.
    ///   - others: What else may be on disk and is to go, where that is what is there.
    ///   - isNew: The branch was made for this: to take that back takes back both.
    /// - Throws: ``RepositoryError/wouldLose(_:)`` if a changed or untracked file is in the way; then nothing has happened.
    package func checkout(
        _ id: ObjectID, branch: String?, isNew: Bool = false, undoing: ObjectID? = nil,
        verb: String = "checkout", sparing: Spared = .changed,
        replacing others: [(path: RepositoryPath, entry: TreeEntry)] = [],
        onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> CheckoutReport {
        guard let actor = person else { throw .noIdentity }
        try forgetMerge()
        let target = try reading { () throws(ReadError) in try store.commit(id) }
        try requireTree(id, target)
        // Only a checkout that was interrupted may have left something anywhere else.
        let differences = try differences(base().commit, target)
        let paths = differences.map(\.path) + others.map(\.path)
        let look = try look(at: copy.pending() == nil ? paths : nil)
        var (steps, lost) = try plan(
            look, differences, to: tree(target), dirty: Set(changes(look).map(\.path)), replacing: others)
        if sparing == .unknown { lost = try unknown(lost, &steps) }
        guard lost.isEmpty else { throw .wouldLose(lost) }
        let name = try naming { () throws(InvalidName) in try RefName.worktree(look.head.workingCopy) }
        let goal = WorkingCopy.Pending.Goal(
            commit: id, branch: branch, before: try ref(name)?.id, undoes: undoing)
        var note = WorkingCopy.Pending(from: look.base?.tree, to: target.tree, goal: goal)
        note.earlier = try (copy.pending()?.changes ?? []).filter {
            $0 != WorkingCopy.Pending.Change(from: note.from, to: note.to)
        }
        guard note.earlier.count <= Self.mostInterrupted else { throw .interruptedCheckout }
        try copy.setPending(note)
        try removeLeftovers(look)
        let all = steps
        let seen = try working { () throws(WorkingTreeError) in
            try Checkout(
                root: copy.root, files: environment.files, store: store,
                random: environment.random, onStep: onStep
            ).apply(all, width: environment.width)
        }
        let edits = steps.map { StatCache.Edit(path: $0.path, entry: $0.entry, seen: seen[$0.path]) }
        var head = look.head
        (head.commit, head.branch) = (id, branch)
        let (writer, standing) = (ObjectWriter(store, random: environment.random), head)
        defer { writer.abandon() }
        // Another branch at the same commit is no other ref, and yet something to take back.
        let isMove = try !self.standing(head, on: id, from: look.head.commit).isEmpty
        if isMove || (branch != look.head.branch && !isNew) {
            _ = try transact(
                verb, reason: branch, actor: actor, head, writer, undoing: undoing
            ) { () throws(RepositoryError) in
                try self.standing(standing, on: id, from: look.head.commit)
            }
        }
        try copy.setHead(head)
        try copy.setCache(look.cache.applying(edits, base: id, identity: environment.random(16)))
        try copy.setTracking(
            look.tracking.moved(from: look.base?.tracked ?? TrackedPaths(), to: target.tracked))
        try copy.setPending(nil)
        return CheckoutReport(
            written: steps.count { $0.entry != nil }, removed: steps.count { $0.entry == nil }, head: head)
    }

    /// So many checkouts may be interrupted, one after the other, before one has to be finished.
    private static let mostInterrupted = 32

    /// The same where files are in the way: what is there is saved first as a version that `undo` brings back, also changes
    /// of files that are the same in both versions.
    package func forcedCheckout(
        _ id: ObjectID, branch: String?, onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> CheckoutReport {
        try forgetMerge()
        let look = try look()
        let target = try reading { () throws(ReadError) in try store.commit(id) }
        try requireTree(id, target)
        let changed = try changes(look)
        let (_, lost) = try plan(
            look, differences(look.base, target), to: tree(target), dirty: Set(changed.map(\.path)))
        // A new file that nothing takes the place of stays, as it does in any checkout.
        // What an interrupted checkout wrote is in the store already; what is in its way is in the plan.
        let interrupted = try interruptedPaths()
        let dirty = changed.filter { $0.state != .added && !interrupted.contains($0.path) }.map(\.path)
        var obstacles: [RepositoryPath] = []
        var firm: Set<RepositoryPath> = [.root]
        for path in dirty {
            guard let above = path.split?.directory else { continue }
            if let found = try obstacle(above, [], &firm) { obstacles.append(found) }
        }
        try save(Array(Set(dirty + lost + obstacles)), look)
        do throws(RepositoryError) { return try checkout(id, branch: branch, onStep: onStep) } catch {
            // Where nothing was written yet, everything is as it was.
            let note = try copy.pending()
            if note == nil || note?.from == note?.to { try leaveSaved("undo") }
            throw error
        }
    }

    /// What a checkout that was interrupted was changing.
    private func interruptedPaths() throws(RepositoryError) -> Set<RepositoryPath> {
        var paths: Set<RepositoryPath> = []
        for change in try copy.pending()?.changes ?? [] {
            for difference in try differences(change) { paths.insert(difference.path) }
        }
        return paths
    }

    /// What a checkout does not overwrite.
    package enum Spared {
        /// Whatever differs from the version that is stood on.
        case changed
        /// Contents that are nowhere in the store.
        case unknown
    }

    /// Which of the files in the way have contents that are nowhere in the store; those of the others may be replaced.
    private func unknown(
        _ paths: [RepositoryPath], _ steps: inout [CheckoutStep]
    ) throws(RepositoryError) -> [RepositoryPath] {
        var unknown: [RepositoryPath] = []
        for path in paths {
            let status = try filing { () throws(FileError) in
                try environment.files.status(copy.root.appending(path.bytes))
            }
            guard let status, status.kind == .file || status.kind == .link else {
                unknown.append(path)
                continue
            }
            let read = try working { () throws(WorkingTreeError) in
                try Snapshot(root: copy.root, files: environment.files, writer: nil, clock: 0).read(
                    [ScannedFile(path: path, status: status)], width: 1)
            }
            guard let entry = read.files.first?.entry, store.contains(entry.reference) else {
                unknown.append(path)
                continue
            }
            for index in steps.indices where steps[index].path == path { steps[index].known.append(entry) }
        }
        return unknown
    }

    /// Makes sure that there are files, and that no checkout of them was interrupted.
    func requireWhole() throws(RepositoryError) {
        guard !copy.isBare else { throw .bare(copy.root) }
        try forgetMerge()
        guard try copy.pending() == nil else { throw .interruptedCheckout }
    }

    /// Removes files that a checkout was writing when it was killed.
    func removeLeftovers(_ look: Look) throws(RepositoryError) {
        for leftover in look.scan.leftovers {
            try filing { () throws(FileError) in try environment.files.removeIfPresent(leftover) }
        }
    }

    /// Tells a commit whose files a collection took from a damaged store.
    package func requireTree(_ id: ObjectID, _ commit: Commit) throws(RepositoryError) {
        if wasCollected(commit) { throw .collected(id) }
    }

    /// Whether a collection took the files of a commit.
    func wasCollected(_ commit: Commit) -> Bool {
        store.current.collected != nil && commit.tree != DirectoryTree.emptyRoot
            && !store.contains(ObjectReference(.tree, commit.tree))
    }

    /// What one version has otherwise than another.
    private typealias Difference = (path: RepositoryPath, before: TreeEntry?, after: TreeEntry?)

    private func differences(_ before: Commit?, _ after: Commit) throws(RepositoryError) -> [Difference] {
        var differences: [Difference] = []
        try reading { () throws(ReadError) in
            try tree(before).changes(to: tree(after)) { (path, before, after) throws(ReadError) in
                differences.append((path, before, after))
            }
        }
        return differences
    }

    /// The steps from the base version to another, and the files in their way that are nowhere in the store.
    ///
    /// - Parameters:
    ///   - differences: Those of the target from the base version.
    ///   - dirty: What differs from the base version on disk.
    ///   - others: Entries of no version of these that may be on disk.
    private func plan(
        _ look: Look, _ differences: [Difference], to target: DirectoryTree, dirty: Set<RepositoryPath>,
        replacing others: [(path: RepositoryPath, entry: TreeEntry)] = []
    ) throws(RepositoryError) -> (steps: [CheckoutStep], lost: [RepositoryPath]) {
        var changes = differences
        // Where an earlier checkout was interrupted, a file of either of its sides is as good as clean.
        var sides: [RepositoryPath: [TreeEntry]] = [:]
        var written: [RepositoryPath: [TreeEntry]] = [:]
        var known = Set(changes.map(\.path))
        func add(_ path: RepositoryPath, _ entries: [TreeEntry]) throws(RepositoryError) {
            sides[path, default: []] += entries
            guard known.insert(path).inserted else { return }
            let entry = try reading { () throws(ReadError) in try target.entry(at: path) }
            // What is in a directory has steps of its own.
            let isFull = entry?.mode == .directory && entry?.id != DirectoryTree.emptyRoot
            changes.append((path, nil, isFull ? nil : entry))
        }
        for change in try copy.pending()?.changes ?? [] {
            for (path, before, after) in try self.differences(change) {
                try add(path, [before, after].compactMap { $0 })
                if let after { written[path, default: []].append(after) }
            }
        }
        for (path, entry) in others {
            try add(path, [entry])
            written[path, default: []].append(entry)
        }
        if changes.count > differences.count { changes.sort { DirectoryTree.walkOrder($0.path, $1.path) } }
        let removed = Set(changes.filter { $0.after == nil }.map(\.path))
        var (steps, lost): ([CheckoutStep], [RepositoryPath]) = ([], [])
        var firm: Set<RepositoryPath> = [.root]
        for change in changes {
            // What a directory that is to become a file holds, no version knows.
            let isRoom = change.before?.mode == .directory && change.after != nil
            let isInTheWay = dirty.contains(change.path) || change.before == nil || isRoom
            // What untrack took out is in the version before.
            let likely = (sides[change.path] ?? []) + [change.before, change.after].compactMap { $0 }
            if isInTheWay, try !isSafe(change.path, likely, removed) {
                var isOurs = false
                for entry in written[change.path] ?? [] where !isOurs {
                    isOurs = try isTorn(change.path, entry)
                }
                if !isOurs { lost.append(change.path) }
            }
            if change.after != nil, let above = change.path.split?.directory {
                if let obstacle = try obstacle(above, removed, &firm) { lost.append(obstacle) }
            }
            steps.append(
                CheckoutStep(
                    path: change.path, entry: change.after, known: likely,
                    seen: look.cache.seen(change.path)))
        }
        return (steps, Array(Set(lost)).sorted())
    }

    /// What an interrupted checkout may have written; nothing where a collection took the files since.
    private func differences(_ change: WorkingCopy.Pending.Change) throws(RepositoryError) -> [Difference] {
        var differences: [Difference] = []
        do throws(ReadError) {
            try directory(change.from).changes(to: directory(change.to)) {
                (path, before, after) throws(ReadError) in
                differences.append((path, before, after))
            }
        } catch {
            guard case .missing = error else { throw .object(error) }
            return []
        }
        return differences
    }

    func directory(_ root: ObjectID?) -> DirectoryTree {
        DirectoryTree(root: root ?? DirectoryTree.emptyRoot, reader: store)
    }

    /// A file or link in the place of a directory that is needed, unless it is to go.
    func obstacle(
        _ directory: RepositoryPath, _ removed: Set<RepositoryPath>, _ firm: inout Set<RepositoryPath>
    ) throws(RepositoryError) -> RepositoryPath? {
        guard !firm.contains(directory), let above = directory.split?.directory else { return nil }
        if let found = try obstacle(above, removed, &firm) { return found }
        // Behind a link that is to go nothing is.
        let status = try status(of: directory)
        if let status, status.kind != .directory, !removed.contains(directory) { return directory }
        firm.insert(directory)
        return nil
    }

    /// Whether what is on disk at a path is nothing, or one of some contents that are in the store.
    func isSafe(
        _ path: RepositoryPath, _ likely: [TreeEntry], _ removed: Set<RepositoryPath>
    ) throws(RepositoryError) -> Bool {
        guard let status = try status(of: path) else {
            // A file that the person deleted comes back with another version, or stays away.
            return true
        }
        if status.kind == .directory {
            // Only an empty directory is ever removed.
            if likely.last?.mode == .directory || removed.contains(path) { return true }
            return try holdsOnly(removed, path)
        }
        // A pipe or device is nothing that a version could have; reading it might never end.
        guard status.kind == .file || status.kind == .link else { return false }
        let scanned = ScannedFile(path: path, status: status)
        let read = try working { () throws(WorkingTreeError) in
            try Snapshot(root: copy.root, files: environment.files, writer: nil, clock: 0).read(
                [scanned], width: 1)
        }
        guard let entry = read.files.first?.entry else { return true }
        return likely.contains { entry.id == $0.id && entry.mode == $0.mode }
    }

    /// Whether a file is what a power cut left of one that an interrupted checkout wrote.
    func isTorn(_ path: RepositoryPath, _ entry: TreeEntry?) throws(RepositoryError) -> Bool {
        guard let entry, entry.mode.kind == .blob, entry.mode != .link else { return false }
        let place = copy.root.appending(path.bytes)
        let status = try filing { () throws(FileError) in try environment.files.status(place) }
        guard status?.kind == .file else { return false }
        let file = try filing { () throws(FileError) in try environment.files.open(place) }
        defer { environment.files.close(file) }
        return try working { () throws(WorkingTreeError) in
            guard status?.size ?? 0 <= entry.size else { return false }
            return try BlobStream(store: store, id: entry.id).isTorn(file, environment.files)
        }
    }

    /// Whether a directory holds nothing but what is to go, so that a file can take its place.
    private func holdsOnly(_ removed: Set<RepositoryPath>, _ path: RepositoryPath) throws(RepositoryError)
        -> Bool
    {
        var listing = DirectoryListing()
        try filing { () throws(FileError) in
            try environment.files.list(copy.root.appending(path.bytes), into: &listing)
        }
        for index in 0..<listing.count {
            guard let name = try? EntryName(listing.name(index)), let below = try? path.appending(name) else {
                return false
            }
            let kind = listing.status(index).kind
            if removed.contains(below), kind != .directory { continue }
            guard kind == .directory, try holdsOnly(removed, below) else {
                return false
            }
        }
        return true
    }

    /// Writes a version into a directory of its own.
    ///
    /// - Parameter directory: Is made; if it is there it has to be empty.
    package func export(
        _ id: ObjectID, to directory: FilePath, onStep: @escaping @Sendable (WorkStep) -> Void = { _ in }
    ) throws(RepositoryError) -> Int {
        let commit = try reading { () throws(ReadError) in try store.commit(id) }
        try requireTree(id, commit)
        // Says what an interrupted command was writing here, so that the same one goes on.
        let marker = directory.appending(EntryName.temporaryPrefix + id.hex.prefix(16).utf8)
        let isTaken = try filing { () throws(FileError) in
            try environment.files.makeDirectories(directory, permissions: 0o777)
            let names = try environment.files.names(in: directory)
            if names.isEmpty {
                environment.files.close(try environment.files.create(marker, permissions: 0o600))
            }
            return !names.isEmpty && !names.contains(marker.name)
        }
        guard !isTaken else { throw .refExists(directory.description) }
        var steps: [CheckoutStep] = []
        try reading { () throws(ReadError) in
            try tree(commit).forEachFile { (path, entry) throws(ReadError) in
                // What an interrupted command wrote here is written again.
                steps.append(CheckoutStep(path: path, entry: entry, known: [entry]))
            }
        }
        let all = steps
        _ = try working { () throws(WorkingTreeError) in
            try Checkout(
                root: directory, files: environment.files, store: store,
                random: environment.random,
                onStep: onStep
            ).apply(all, width: environment.width)
        }
        try filing { () throws(FileError) in try environment.files.removeIfPresent(marker) }
        return all.count
    }

    /// Brings files of the base version back that are gone; what is there is left alone.
    ///
    /// - Returns: The files that came back.
    package func restore(_ paths: [RepositoryPath]) throws(RepositoryError) -> [RepositoryPath] {
        try forgetMerge()
        let look = try look()
        let own = WorkingCopy.Pending(paths, of: nil, on: look.base?.tree)
        let pending = try copy.pending()
        guard pending == nil || pending == own else { throw .interruptedCheckout }
        try removeLeftovers(look)
        let tree = tree(look.base)
        for path in paths where !path.isRoot {
            if try exists(path) { continue }
            let isKnown = try reading { () throws(ReadError) in try tree.entry(at: path) != nil }
            guard isKnown else { throw .noPath("\(path)") }
        }
        var steps: [CheckoutStep] = []
        for file in look.scan.files where paths.contains(where: { file.path.isInside($0) }) {
            guard file.status == nil || (pending != nil && file.base != nil) else { continue }
            let entry = try reading { () throws(ReadError) in try tree.entry(at: file.path) }
            // One that an interrupted restore was writing comes back, too.
            // What is there by now is left alone, whatever the version has in its place.
            let isThere = try exists(file.path)
            let isGone = file.status == nil && !isThere
            let isTorn = isGone ? false : try isTorn(file.path, entry)
            if isGone || (isTorn && pending != nil), let entry {
                var firm: Set<RepositoryPath> = [.root]
                if let above = file.path.split?.directory, let found = try obstacle(above, [], &firm) {
                    throw .wouldLose([found])
                }
                steps.append(CheckoutStep(path: file.path, entry: entry, known: [entry]))
            }
        }
        if !steps.isEmpty { try copy.setPending(own) }
        let all = steps
        _ = try working { () throws(WorkingTreeError) in
            try Checkout(
                root: copy.root, files: environment.files, store: store,
                random: environment.random
            ).apply(all, width: environment.width)
        }
        try copy.setPending(nil)
        try track(again: paths, look)
        return steps.map(\.path)
    }

    /// What `rm` or `untrack` took out comes back with the file.
    private func track(again paths: [RepositoryPath], _ look: Look) throws(RepositoryError) {
        let base = look.base?.tracked ?? TrackedPaths()
        var tracking = look.tracking
        tracking.untracked = tracking.untracked.filter { out in !paths.contains { out.isInside($0) } }
        let back = base.directories.filter { root in paths.contains { root.isInside($0) } }
        tracking.paths = TrackedPaths(
            directories: tracking.paths.directories + back, patterns: tracking.paths.patterns)
        guard tracking != look.tracking else { return }
        try copy.setTracking(tracking.isUnchanged(from: base) ? nil : tracking)
    }
}
