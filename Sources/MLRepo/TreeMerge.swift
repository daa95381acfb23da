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

    /// Whether a path is called as what is put beside another one is (`NAME~ID`): whoever removes it has chosen.
    static func isCopy(_ path: RepositoryPath) -> Bool {
        guard let name = path.split?.name, let mark = Array(name.bytes).lastIndex(of: UInt8(ascii: "~"))
        else {
            return false
        }
        let rest = Array(name.bytes)[(mark + 1)...]
        let digits = rest.prefix { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        return mark > 0 && digits.count == 7
            && (rest.count == 7 || rest.dropFirst(7).first == UInt8(ascii: "-"))
    }

    /// What changes in our version, in order of a walk.
    private(set) var edits: [PathEdit] = []
    /// In order of a walk.
    private(set) var conflicts: [MergeConflict] = []

    private let ours: DirectoryTree
    private let theirs: DirectoryTree
    private let choice: Choice
    /// What we changed.
    private var mine: [RepositoryPath: TreeEntry?] = [:]
    private var told: Set<MergeConflict> = []
    /// What becomes of paths; of several for one the last counts.
    private var taken: [RepositoryPath: TreeEntry?] = [:]

    /// - Parameters:
    ///   - base: What both go back to.
    ///   - uncertain: Paths of which nobody can say what both go back to: where the two differ, both have changed them.
    init(
        base: DirectoryTree, ours: DirectoryTree, theirs: DirectoryTree, choice: Choice,
        uncertain: Set<RepositoryPath> = []
    ) throws(ReadError) {
        (self.ours, self.theirs, self.choice) = (ours, theirs, choice)
        var mine: [RepositoryPath: TreeEntry?] = [:]
        try base.changes(to: ours) { (path, _, after) throws(ReadError) in mine[path] = .some(after) }
        self.mine = mine
        let above = Self.directories(above: mine.compactMap { $0.value == nil ? nil : $0.key })
        var changes: [(path: RepositoryPath, entry: TreeEntry?)] = []
        try base.changes(to: theirs) { (path, _, after) throws(ReadError) in changes.append((path, after)) }
        for (path, after) in changes where !uncertain.contains(path) { try take(path, after, above) }
        for path in uncertain.sorted() {
            let (own, other) = (try ours.entry(at: path), try theirs.entry(at: path))
            if own?.id == other?.id, own?.mode == other?.mode { continue }
            try settle(path, own, other, at: nil)
        }
        edits = taken.map { PathEdit(path: $0.key, entry: $0.value) }
            .sorted { DirectoryTree.walkOrder($0.path, $1.path) }
        conflicts.sort { DirectoryTree.walkOrder($0.path, $1.path) }
    }

    /// Takes over one of their changes.
    private mutating func take(
        _ path: RepositoryPath, _ after: TreeEntry?, _ above: Set<RepositoryPath>
    ) throws(ReadError) {
        let own = mine[path]
        // The same change made twice is no conflict.
        if let own, own?.id == after?.id, own?.mode == after?.mode { return }
        // Also where we removed just this: what we have instead may lie above or below.
        if after != nil, (own ?? nil) == nil, let place = obstacle(path, above) {
            try settle(path, mine[place] ?? nil, after, at: place)
        } else if let own {
            try settle(path, own, after, at: nil)
        } else {
            taken[path] = .some(after)
        }
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
    private func obstacle(_ path: RepositoryPath, _ above: Set<RepositoryPath>) -> RepositoryPath? {
        if above.contains(path) { return path }
        var next = path.split?.directory
        while let directory = next {
            if let own = mine[directory] ?? nil, own.mode != .directory { return directory }
            next = directory.split?.directory
        }
        return nil
    }

    /// Settles what becomes of a path that both changed.
    ///
    /// - Parameter place: What of ours cannot be beside it, where that is not the path itself.
    private mutating func settle(
        _ path: RepositoryPath, _ own: TreeEntry?, _ after: TreeEntry?, at place: RepositoryPath?
    ) throws(ReadError) {
        func note(_ path: RepositoryPath, _ outcome: MergeConflict.Outcome) {
            // Of a directory in the way each path is told once.
            let conflict = MergeConflict(path: path, outcome: outcome)
            if told.insert(conflict).inserted { conflicts.append(conflict) }
        }
        switch choice {
        case .ours: note(path, .ours)
        case .theirs:
            note(path, .theirs)
            taken[path] = .some(after)
            guard let place else { return }
            // What of ours is in the way goes.
            for (own, entry) in mine
            where entry != nil && own != path && (own == place || own.isInside(place)) {
                note(own, .theirs)
                taken[own] = .some(nil)
            }
        case .both(let suffix):
            guard let after else { return note(path, .removedThere) }
            guard own != nil || place != nil else {
                note(path, .removedHere)
                taken[path] = .some(after)
                return
            }
            let other = try beside(path, at: place ?? path, suffix)
            note(path, .both(other))
            taken[other] = TreeEntry(
                name: other.split?.name ?? after.name, mode: after.mode, id: after.id, size: after.size,
                files: after.files)
        }
    }

    /// Where theirs lies that cannot lie in its own place.
    private func beside(
        _ path: RepositoryPath, at place: RepositoryPath, _ suffix: String
    ) throws(ReadError) -> RepositoryPath {
        // Theirs has a directory where ours has a file: all of it comes beside.
        let rest = path == place ? [] : Array(path.bytes.dropFirst(place.bytes.count))
        let name = place.split.map { Array($0.name.bytes) } ?? []
        let directory = place.split?.directory.bytes ?? []
        var number = 1
        while true {
            let mark = Array((number == 1 ? "~\(suffix)" : "~\(suffix)-\(number)").utf8)
            number += 1
            // A name has an end, which must not lie within a character.
            var front = name.prefix(EntryName.byteLimit - mark.count)
            while front.count < name.count, let last = front.last, last & 0xc0 == 0x80 { front.removeLast() }
            if front.count < name.count, let last = front.last, last & 0xc0 == 0xc0 { front.removeLast() }
            for above in [directory, []] {
                let bytes = (above.isEmpty ? [] : above + [UInt8(ascii: "/")]) + front + mark
                guard let root = try? RepositoryPath(bytes), let whole = try? RepositoryPath(bytes + rest)
                else {
                    continue
                }
                // Of one directory of theirs all lies in one.
                let isOurs = taken[whole] == nil && (rest.isEmpty ? taken[root] == nil : true)
                if isOurs, try ours.entry(at: root) == nil, try theirs.entry(at: root) == nil { return whole }
                break
            }
        }
    }
}
