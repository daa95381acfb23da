package import ObjectModel

/// Finds origins in the graph of commits and runs.
package struct BlameWalk {
    let source: CommitSource
    /// Where content may come from that a version has and its parents do not.
    private let tips: [ObjectID]
    /// Whether the files of a version with that tree were collected: its record outlives them.
    let isCollected: (ObjectID) -> Bool
    /// What was recorded, whether versions have it or not, in the order in which it began.
    let runs: [Blame.Making]
    /// So many runs may lie one behind the other.
    let depthLimit: Int
    /// More are never told.
    package static let greatestDepth = 1_000

    /// - Parameters:
    ///   - tips: The newest commits of all branches and tags.
    ///   - runs: What was recorded, in the order in which it began.
    ///   - depth: So many runs may lie one behind the other.
    ///   - isCollected: Whether the files of a version were collected; what came before it is then not known.
    package init(
        _ source: CommitSource, tips: [ObjectID], runs: [Blame.Making] = [],
        depth: Int = BlameWalk.greatestDepth, isCollected: @escaping (ObjectID) -> Bool = { _ in false }
    ) {
        self.runs = runs
        depthLimit = min(depth, Self.greatestDepth)
        self.source = source
        self.tips = tips
        self.isCollected = isCollected
    }

    var reader: any ObjectReader { source.reader }

    /// - Returns: Nothing if the commit has nothing at that path.
    package func blame(_ path: RepositoryPath, at tip: ObjectID) throws(ReadError) -> Blame? {
        var state = State()
        return try blame(path, at: tip, depth: 0, &state)
    }

    struct Input: Hashable {
        let path: RepositoryPath
        let id: ObjectID
    }

    /// What an answer has come across.
    struct State {
        /// Inputs that were traced, and the commits that they came from; nothing while that is being found out.
        var seen: [Input: ObjectID?] = [:]
        /// All commits that branches and tags know; nothing while nobody asked.
        var history: History?
    }

    func blame(
        _ path: RepositoryPath, at tip: ObjectID, depth: Int, _ state: inout State
    ) throws(ReadError) -> Blame? {
        guard let found = try origin(of: path, at: tip) else { return nil }
        var (commitID, commit) = (found.id, found.commit)
        let (entry, origin) = (found.entry, found.path)
        var making = try maker(of: origin, entry, in: commit)
        var (returned, madeBefore): (Blame.Version?, Blame.Version?)
        var isElsewhere = false
        if let again = found.again {
            madeBefore = Blame.Version(id: commitID, commit: commit)
            (commitID, commit, making) = (again.id, again.commit, again.making)
        } else if making?.isTelling != true,
            let first = try earlier(origin, entry, before: (commitID, commit), &state),
            let earlier = try maker(of: origin, entry, in: first.commit), earlier.isTelling
        {
            returned = Blame.Version(id: commitID, commit: commit)
            isElsewhere = first.isElsewhere
            (commitID, commit, making) = (first.id, first.commit, earlier)
        }
        let version = Blame.Version(id: commitID, commit: commit)
        let inputs = try inputs(of: making, version, depth: depth, &state)
        var parts: (told: [Blame.Part], files: Int, commits: Int) = ([], 0, 0)
        if entry.mode == .directory, found.again == nil, depth == 0 || making?.isTelling != true {
            // What was brought back as a whole is told as it was before.
            let last = try source.outline(returned == nil ? found.id : commitID)
            parts = try self.parts(
                of: entry, at: path, as: origin, in: last, but: commitID, depth: depth, &state)
        }
        return Blame(
            path: path, origin: origin, entry: entry, version: version, returned: returned,
            isElsewhere: isElsewhere, madeBefore: madeBefore, making: making, inputs: inputs,
            parts: parts.told,
            otherParts: (parts.files, parts.commits))
    }

    /// Where a way back has ended.
    struct Origin {
        let id: ObjectID
        let commit: Commit
        let entry: TreeEntry
        let path: RepositoryPath
        /// The last commit on the way that changed nothing, and has a run which names this as its output all the same.
        let again: (id: ObjectID, commit: Commit, making: Blame.Making)?
    }

    /// Goes back as long as a parent has the same at the path, or lost the same at another one.
    func origin(of asked: RepositoryPath, at tip: ObjectID) throws(ReadError) -> Origin? {
        var (follower, hash) = (PathFollower(asked, reader: reader), PathHash(asked))
        var again: (id: ObjectID, commit: Commit, making: Blame.Making)?
        var place = try source.outline(tip)
        guard let entry = try follower.entry(in: place.tree) else { return nil }
        var seen: Set<ObjectID> = []
        search: while true {
            guard seen.insert(place.id).inserted else { throw Self.circle(place) }
            if let parent = try onlyParent(of: place, leaving: hash) {
                place = parent
                continue
            }
            for parentID in place.parents {
                let parent = try source.outline(parentID)
                guard !isCollected(parent.tree) else { continue }
                if let before = try follower.entry(in: parent.tree), before.hasContent(of: entry) {
                    if again == nil, follower.path == asked {
                        let commit = try source.commit(place)
                        if let making = try teller(of: asked, entry, in: commit) {
                            again = (place.id, commit, making)
                        }
                    }
                    place = parent
                    continue search
                }
            }
            for parentID in place.parents {
                let parent = try source.outline(parentID)
                guard !isCollected(parent.tree) else { continue }
                if let before = try renamed(entry, from: parent.tree, to: place.tree) {
                    (place, follower) = (parent, PathFollower(before, reader: reader))
                    hash = PathHash(before)
                    continue search
                }
            }
            return Origin(
                id: place.id, commit: try source.commit(place), entry: entry, path: follower.path,
                again: again)
        }
    }

    /// Why a walk ends that comes to a commit again.
    static func circle(_ commit: CommitOutline) -> ReadError {
        // Ids make this impossible; only a table that somebody made to do harm can say so.
        .damaged(
            ObjectReference(.commit, commit.id),
            problem:
                "the file 'commits' of the working copy, which can be removed, says that it was made from itself"
        )
    }

    /// The parent of a commit that has nothing to do with a path; nothing where it may have.
    func onlyParent(of commit: CommitOutline, leaving path: PathHash) throws(ReadError) -> CommitOutline? {
        guard let id = commit.parents.first, !source.mayTouch(commit, path) else { return nil }
        let parent = try source.outline(id)
        return isCollected(parent.tree) ? nil : parent
    }

    /// Where a file or directory was that got another name between two trees: what went away with the same content.
    ///
    /// Reads what differs between the two.
    func renamed(
        _ entry: TreeEntry, from parent: ObjectID, to tree: ObjectID
    ) throws(ReadError) -> RepositoryPath? {
        guard entry.size > 0 else { return nil }
        let before = DirectoryTree(root: parent, reader: reader)
        // A directory is where its first file is.
        let (inner, first) = entry.mode == .directory ? try firstFile(of: entry) : ([], entry)
        guard let first else { return nil }
        var found: [RepositoryPath] = []
        try before.changes(to: DirectoryTree(root: tree, reader: reader)) { path, before, after in
            if after == nil, before?.hasContent(of: first) == true { found.append(path) }
        }
        for path in found {
            if inner.isEmpty { return path }
            let names = path.names
            guard names.count > inner.count, names.suffix(inner.count).elementsEqual(inner) else { continue }
            var directory = RepositoryPath.root
            for name in names.dropLast(inner.count) {
                guard let below = try? directory.appending(name) else { break }
                directory = below
            }
            if try before.entry(at: directory)?.hasContent(of: entry) == true { return directory }
        }
        return nil
    }

    /// The first file of a directory that has bytes, and the names that lead to it.
    private func firstFile(of directory: TreeEntry) throws(ReadError) -> (
        names: [EntryName], file: TreeEntry?
    ) {
        var (names, id): ([EntryName], ObjectID) = ([], directory.id)
        while true {
            let entries = try DirectoryTree(root: id, reader: reader).entries.leaves()
            guard let next = entries.first(where: { $0.size > 0 }) else { return ([], nil) }
            names.append(next.name)
            if next.mode != .directory { return (names, next) }
            id = next.id
        }
    }

    /// The first commit that brought some content to a path: of those that another one which has brought it was made from, and if
    /// there is none, of the older ones that any branch or tag knows.
    private func earlier(
        _ path: RepositoryPath, _ entry: TreeEntry, before other: (id: ObjectID, commit: Commit),
        _ state: inout State
    ) throws(ReadError) -> (id: ObjectID, commit: Commit, isElsewhere: Bool)? {
        if state.history == nil { state.history = History(try all()) }
        guard let history = state.history else { return nil }
        let own = try history.ancestors(of: other, source)
        if let first = try first(with: entry, at: path, among: own) {
            return (first.id, try source.commit(first), false)
        }
        let known = Set(own.map(\.id)).union(history.descendants(of: other.id))
        let others = history.commits.filter {
            $0.committed <= other.commit.committed && !known.contains($0.id)
        }
        guard let first = try first(with: entry, at: path, among: others) else { return nil }
        return (first.id, try source.commit(first), true)
    }

    /// The oldest of some commits that brought some content to a path: no parent has it there.
    private func first(
        with entry: TreeEntry, at path: RepositoryPath, among commits: [CommitOutline]
    ) throws(ReadError) -> CommitOutline? {
        var (follower, hash) = (PathFollower(path, reader: reader), PathHash(path))
        func has(_ commit: CommitOutline) -> Bool {
            // The files of a version may have been collected.
            guard let found = try? follower.entry(in: commit.tree) else { return false }
            return found.hasContent(of: entry)
        }
        var first: CommitOutline?
        search: for commit in commits {
            if try onlyParent(of: commit, leaving: hash) != nil || !has(commit) { continue }
            for parent in commit.parents { if has(try source.outline(parent)) { continue search } }
            if commit.committed <= first?.committed ?? .max { first = commit }
        }
        return first
    }

    /// All commits that branches and tags know.
    struct History {
        /// Newest first.
        let commits: [CommitOutline]
        private let numbers: [ObjectID: Int]

        init(_ commits: [CommitOutline]) {
            self.commits = commits
            numbers = Dictionary(uniqueKeysWithValues: commits.enumerated().map { ($1.id, $0) })
        }

        /// Those that a commit was made from, newest first; it need not be one of these itself.
        func ancestors(
            of last: (id: ObjectID, commit: Commit), _ source: CommitSource
        ) throws(ReadError) -> [CommitOutline] {
            guard numbers[last.id] != nil else {
                var walk = CommitWalk(from: last.commit.parents, of: source)
                var found: [CommitOutline] = []
                while let next = try walk.next() { found.append(next) }
                return found
            }
            var isFound = [Bool](repeating: false, count: commits.count)
            var stack = last.commit.parents
            while let id = stack.popLast() {
                guard let number = numbers[id], !isFound[number] else { continue }
                isFound[number] = true
                stack += commits[number].parents
            }
            return commits.indices.filter { isFound[$0] }.map { commits[$0] }
        }

        /// A commit, and those that were made from it.
        func descendants(of first: ObjectID) -> Set<ObjectID> {
            var (found, count): (Set<ObjectID>, Int) = ([first], 0)
            // Parents stand behind their children, but for clocks that were set back.
            while found.count > count {
                count = found.count
                for commit in commits.reversed() where commit.parents.contains(where: found.contains) {
                    found.insert(commit.id)
                }
            }
            return found
        }
    }

    private func all() throws(ReadError) -> [CommitOutline] {
        var walk = CommitWalk(from: tips, of: source)
        var all: [CommitOutline] = []
        while let next = try walk.next() { all.append(next) }
        return all
    }

    /// The commit's run that says to have made what is at a path: a file as it is, or something in a directory.
    func maker(
        of path: RepositoryPath, _ entry: TreeEntry, in commit: Commit
    ) throws(ReadError) -> Blame.Making? {
        for id in commit.runs {
            let run = try reader.run(id)
            let output = try output(of: run, at: path)
            if output?.hasContent(of: entry) == true
                || (output?.mode == .directory && entry.mode == .directory)
            {
                return Blame.Making(id: id, run: run)
            }
        }
        return nil
    }

    /// The commit's run that has something to say and names exactly this as its output.
    private func teller(
        of path: RepositoryPath, _ entry: TreeEntry, in commit: Commit
    ) throws(ReadError) -> Blame.Making? {
        for id in commit.runs {
            let making = Blame.Making(id: id, run: try reader.run(id))
            guard making.isTelling else { continue }
            if try output(of: making.run, at: path)?.hasContent(of: entry) == true { return making }
        }
        return nil
    }

    func output(of run: Run, at path: RepositoryPath) throws(ReadError) -> TreeEntry? {
        do throws(ReadError) {
            return try DirectoryTree(root: run.outputs, reader: reader).entry(at: path)
        } catch {
            // A run's record outlives what it lists.
            guard case .missing = error else { throw error }
            return nil
        }
    }
}
