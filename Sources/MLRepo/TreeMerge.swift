internal import ObjectModel
internal import WorkingTree

/// Two versions that go back to one, path by path: what only one of them changed is as that one has it.
struct TreeMerge {
    /// What becomes of a path that both changed, each in its own way.
    enum Choice: Sendable {
        /// Ours stays in its place, and theirs comes beside it under another name; what only one of them removed stays.
        case both(suffix: String)
        case ours
        case theirs
    }

    /// A path that both changed.
    struct Conflict: Hashable, Sendable {
        let path: RepositoryPath
        /// Where theirs lies, if both are kept.
        let other: RepositoryPath?
    }

    /// What changes in our version, in order of a walk.
    private(set) var edits: [PathEdit] = []
    /// In order of a walk.
    private(set) var conflicts: [Conflict] = []

    /// - Parameters:
    ///   - base: What both go back to.
    init(
        base: DirectoryTree, ours: DirectoryTree, theirs: DirectoryTree, choice: Choice
    ) throws(ReadError) {
        var mine: [RepositoryPath: TreeEntry?] = [:]
        try base.changes(to: ours) { (path, _, after) throws(ReadError) in mine[path] = .some(after) }
        let above = Self.directories(above: mine.compactMap { $0.value == nil ? nil : $0.key })
        var taken: [(path: RepositoryPath, entry: TreeEntry?)] = []
        try base.changes(to: theirs) { (path, _, after) throws(ReadError) in
            if let own = mine[path] {
                // The same change made twice is no conflict.
                if own?.id == after?.id, own?.mode == after?.mode { return }
                taken += try self.settle(path, own, after, ours, choice)
            } else if after != nil, let place = Self.obstacle(path, mine, above) {
                taken += try self.settle(path, mine[place] ?? nil, after, ours, choice, at: place, mine)
            } else {
                taken.append((path, after))
            }
        }
        var last: [RepositoryPath: TreeEntry?] = [:]
        for (path, entry) in taken { last[path] = .some(entry) }
        edits = last.map { PathEdit(path: $0.key, entry: $0.value) }
            .sorted { DirectoryTree.walkOrder($0.path, $1.path) }
        conflicts.sort { DirectoryTree.walkOrder($0.path, $1.path) }
    }

    private static func directories(above paths: [RepositoryPath]) -> Set<RepositoryPath> {
        var above: Set<RepositoryPath> = []
        for path in paths {
            var next = path.split?.directory
            while let directory = next, above.insert(directory).inserted { next = directory.split?.directory }
        }
        return above
    }

    /// A path of ours that cannot be beside one of theirs: a file where that has a directory, or the other way round.
    private static func obstacle(
        _ path: RepositoryPath, _ mine: [RepositoryPath: TreeEntry?], _ above: Set<RepositoryPath>
    ) -> RepositoryPath? {
        if above.contains(path) { return path }
        var next = path.split?.directory
        while let directory = next {
            if let own = mine[directory], own != nil { return directory }
            next = directory.split?.directory
        }
        return nil
    }

    private mutating func settle(
        _ path: RepositoryPath, _ own: TreeEntry?, _ after: TreeEntry?, _ ours: DirectoryTree,
        _ choice: Choice,
        at place: RepositoryPath? = nil, _ mine: [RepositoryPath: TreeEntry?] = [:]
    ) throws(ReadError) -> [(path: RepositoryPath, entry: TreeEntry?)] {
        switch choice {
        case .ours:
            conflicts.append(Conflict(path: path, other: nil))
            return []
        case .theirs:
            conflicts.append(Conflict(path: path, other: nil))
            guard let place else { return [(path, after)] }
            // What of ours is in the way goes.
            var taken: [(path: RepositoryPath, entry: TreeEntry?)] = [(path, after)]
            for (own, entry) in mine where entry != nil && (own == place || own.isInside(place)) {
                taken.append((own, nil))
            }
            return taken
        case .both(let suffix):
            guard let after else {
                // They removed what we changed: it stays.
                conflicts.append(Conflict(path: path, other: nil))
                return []
            }
            guard own != nil || place != nil else {
                conflicts.append(Conflict(path: path, other: nil))
                return [(path, after)]
            }
            let beside = try free(beside: place ?? path, suffix, ours)
            var other = beside
            if let place, path != place, path.isInside(place) {
                // Theirs has a directory where ours has a file: all of it comes beside.
                let rest = path.bytes.dropFirst(place.bytes.count)
                other = (try? RepositoryPath(beside.bytes + rest)) ?? beside
            }
            conflicts.append(Conflict(path: path, other: other))
            let name = other.split?.name ?? after.name
            return [
                (
                    other,
                    TreeEntry(
                        name: name, mode: after.mode, id: after.id, size: after.size, files: after.files)
                )
            ]
        }
    }

    /// A name beside a path that nothing has.
    private func free(
        beside path: RepositoryPath, _ suffix: String, _ ours: DirectoryTree
    ) throws(ReadError) -> RepositoryPath {
        var number = 1
        while true {
            let text = number == 1 ? "~\(suffix)" : "~\(suffix)-\(number)"
            if let candidate = try? RepositoryPath(path.bytes + Array(text.utf8)),
                try ours.entry(at: candidate) == nil
            {
                return candidate
            }
            number += 1
        }
    }
}
