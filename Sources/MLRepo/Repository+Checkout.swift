package import FileIO
package import ObjectModel
internal import Storage
internal import WorkingTree

/// What a checkout wrote.
package struct CheckoutReport: Sendable {
    package let written: Int
    package let removed: Int
    package let head: WorkingCopy.Head
}

extension Repository {
    /// Makes the working copy's files those of a commit, and lets it stand on that commit.
    ///
    /// - Parameter branch: The branch it stands on afterwards; nothing for none.
    /// - Throws: ``RepositoryError/wouldLose(_:)`` if a changed or untracked file is in the way; then nothing has happened.
    package func checkout(
        _ id: ObjectID, branch: String?, undoing: ObjectID? = nil,
        onFile: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws(RepositoryError) -> CheckoutReport {
        guard let actor = person else { throw .noIdentity }
        let look = try look()
        let target = try reading { () throws(ReadError) in try store.commit(id) }
        let steps = try plan(look, to: tree(target))
        try copy.setPending(WorkingCopy.Pending(from: look.base?.tree, to: target.tree))
        for leftover in look.scan.leftovers {
            try filing { () throws(FileError) in try environment.files.removeIfPresent(leftover) }
        }
        let seen = try working { () throws(WorkingTreeError) in
            try Checkout(
                root: copy.root, files: environment.files, store: store, random: environment.random,
                onFile: onFile
            ).apply(steps, width: environment.width)
        }
        let directory = StatCacheBuilder.Directory(look.cache)
        for step in steps { directory.set(step.path, step.entry, seen: seen[step.path]) }
        var head = look.head
        (head.commit, head.branch) = (id, branch)
        let (writer, standing) = (ObjectWriter(store, random: environment.random), head)
        defer { writer.abandon() }
        if try !self.standing(head, on: id).isEmpty {
            _ = try transact(
                undoing == nil ? "checkout" : "undo", reason: branch, actor: actor, head, writer,
                undoing: undoing
            ) { () throws(RepositoryError) in
                try self.standing(standing, on: id)
            }
        }
        try copy.setHead(head)
        try copy.setCache(StatCacheBuilder.bytes(directory), base: id)
        let kept = look.tracking.isUnchanged(from: look.base?.tracked ?? TrackedPaths()) ? nil : look.tracking
        try copy.setTracking(kept)
        try copy.setPending(nil)
        return CheckoutReport(
            written: steps.count { $0.entry != nil }, removed: steps.count { $0.entry == nil }, head: head)
    }

    /// The steps from the base version to another, after a look at everything that they would touch.
    private func plan(_ look: Look, to target: DirectoryTree) throws(RepositoryError) -> [CheckoutStep] {
        var changes: [(path: RepositoryPath, before: TreeEntry?, after: TreeEntry?)] = []
        try reading { () throws(ReadError) in
            try tree(look.base).changes(to: target) { (path, before, after) throws(ReadError) in
                changes.append((path, before, after))
            }
        }
        let dirty = Dictionary(
            try self.changes(look).map { ($0.path, $0.state) }, uniquingKeysWith: { first, _ in first })
        var (steps, lost): ([CheckoutStep], [RepositoryPath]) = ([], [])
        for change in changes {
            let state = dirty[change.path]
            let isInTheWay = state != nil || (change.before == nil && change.after != nil)
            if isInTheWay, try !isSafe(change.path, target: change.after) { lost.append(change.path) }
            steps.append(CheckoutStep(path: change.path, entry: change.after))
        }
        guard lost.isEmpty else { throw .wouldLose(lost) }
        return steps
    }

    /// Whether what is on disk at a path is nothing, or already what is to come.
    private func isSafe(_ path: RepositoryPath, target: TreeEntry?) throws(RepositoryError) -> Bool {
        let place = copy.root.appending(path.bytes)
        guard let status = try filing({ () throws(FileError) in try environment.files.status(place) }) else {
            // A file that the person deleted comes back with another version, or stays away.
            return true
        }
        if status.kind == .directory {
            if target?.mode == .directory { return true }
            // A directory with nothing in it can make room.
            return try filing { () throws(FileError) in try environment.files.names(in: place).isEmpty }
        }
        guard let target else { return false }
        let scanned = ScannedFile(path: path, status: status)
        let read = try working { () throws(WorkingTreeError) in
            try Snapshot(root: copy.root, files: environment.files, writer: nil, clock: 0).read(
                [scanned], width: 1)
        }
        guard let entry = read.files.first?.entry else { return true }
        return entry.id == target.id && entry.mode == target.mode
    }

    /// Writes a version into a directory of its own.
    ///
    /// - Parameter directory: Is made; if it is there it has to be empty.
    package func export(
        _ id: ObjectID, to directory: FilePath, onFile: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws(RepositoryError) -> Int {
        let commit = try reading { () throws(ReadError) in try store.commit(id) }
        let isTaken = try filing { () throws(FileError) in
            try environment.files.makeDirectories(directory, permissions: 0o777)
            return try !environment.files.names(in: directory).isEmpty
        }
        guard !isTaken else { throw .refExists(directory.description) }
        var steps: [CheckoutStep] = []
        try reading { () throws(ReadError) in
            try tree(commit).forEachFile { (path, entry) throws(ReadError) in
                steps.append(CheckoutStep(path: path, entry: entry))
            }
        }
        let all = steps
        _ = try working { () throws(WorkingTreeError) in
            try Checkout(
                root: directory, files: environment.files, store: store, random: environment.random,
                onFile: onFile
            ).apply(all, width: environment.width)
        }
        return all.count
    }

    /// Brings files of the base version back that are gone; what is there is left alone.
    ///
    /// - Returns: The files that came back.
    package func restore(_ paths: [RepositoryPath]) throws(RepositoryError) -> [RepositoryPath] {
        let look = try look()
        let tree = tree(look.base)
        var steps: [CheckoutStep] = []
        for file in look.scan.files
        where file.status == nil && paths.contains(where: { file.path.isInside($0) }) {
            let entry = try reading { () throws(ReadError) in try tree.entry(at: file.path) }
            if let entry { steps.append(CheckoutStep(path: file.path, entry: entry)) }
        }
        let all = steps
        _ = try working { () throws(WorkingTreeError) in
            try Checkout(root: copy.root, files: environment.files, store: store, random: environment.random)
                .apply(all, width: environment.width)
        }
        return steps.map(\.path)
    }
}
