internal import ObjectModel
internal import Remotes
internal import Storage

/// Which refs a push moves in the other store, and to what.
extension Repository {
    /// The refs that a request names.
    func names(of request: PushRequest) throws(RepositoryError) -> [RefName] {
        var names: [RefName] = []
        for text in request.names {
            if text == "HEAD", !request.isDeletion {
                guard let branch = try copy.head().branch else { throw .noBranch }
                names.append(try naming { () throws(InvalidName) in try RefName.branch(branch) })
                continue
            }
            if let whole = try? RefName(text),
                whole.name(in: "branches") != nil || whole.name(in: "tags") != nil
            {
                if !request.isDeletion, try ref(whole) == nil { throw .noRef(text) }
                names.append(whole)
                continue
            }
            let both = try naming { () throws(InvalidName) in
                (try RefName.branch(text), try RefName.tag(text))
            }
            if request.isDeletion {
                names += [both.0, both.1]
            } else if try ref(both.0) != nil {
                names.append(both.0)
            } else if try ref(both.1) != nil {
                names.append(both.1)
            } else {
                throw .noRef(text)
            }
        }
        for (group, isWanted) in [("branches", request.allBranches), ("tags", request.allTags)] where isWanted
        {
            for (name, _) in try refs(in: group) {
                names.append(try naming { () throws(InvalidName) in try RefName("\(group)/\(name)") })
            }
        }
        let isNothingNamed =
            names.isEmpty && !request.allRuns && !request.allBranches && !request.allTags
        if isNothingNamed || request.hasOwnBranch, let branch = try copy.head().branch {
            let name = try naming { () throws(InvalidName) in try RefName.branch(branch) }
            guard try ref(name) != nil else { throw .noCommit }
            names.append(name)
        } else if isNothingNamed {
            throw .noBranch
        }
        return Array(Set(names)).sorted()
    }

    /// What becomes of another store's refs.
    func changes(
        _ request: PushRequest, _ names: [RefName], _ there: [RefEntry], _ remote: Remote
    ) throws(RepositoryError) -> [RefChange] {
        let known = Dictionary(there.map { ($0.name, $0.target) }, uniquingKeysWith: { first, _ in first })
        if request.isDeletion { return try deletions(request, names, known, remote) }
        var (changes, behind): ([RefChange], [RefName]) = ([], [])
        var areKnown = true
        for name in names {
            let (before, after) = (known[name], try ref(name))
            if before == after { continue }
            changes.append(RefChange(name: name, before: before, after: after))
            guard let before else { continue }
            if let after, name.name(in: "branches") != nil, try isAncestor(before.id, of: after.id) {
                continue
            }
            if request.isForced {
                try requireSeen(before, name, remote)
            } else {
                behind.append(name)
                areKnown = areKnown && store.contains(before)
            }
        }
        let tags = behind.filter { $0.name(in: "tags") != nil }
        guard tags.isEmpty else { throw .differingTags(remote: remote.label, names: tags) }
        guard behind.isEmpty else {
            throw .notFastForward(remote: remote.label, names: behind, areKnown: areKnown)
        }
        let runs = try runs(of: changes, known, all: request.allRuns)
        let statements = try statements(known, after: changes + runs, names, request)
        return (changes + runs + statements).sorted { $0.name < $1.name }
    }

    /// Names that go there: each has to be there, and what it names to have been seen here.
    private func deletions(
        _ request: PushRequest, _ names: [RefName], _ known: [RefName: ObjectReference], _ remote: Remote
    ) throws(RepositoryError) -> [RefChange] {
        for text in request.names {
            let whole = (try? RefName(text)).flatMap { known[$0] }
            let both = [known["branches", text], known["tags", text]].compactMap { $0 }
            guard whole != nil || !both.isEmpty else {
                let there = known.keys.compactMap { $0.name(in: "branches") ?? $0.name(in: "tags") }
                throw .notThere(remote: remote.label, revision: text, there: there.sorted())
            }
            guard both.count < 2 else { throw .twoNames(text) }
        }
        var changes: [RefChange] = []
        for name in names {
            guard let before = known[name] else { continue }
            try requireSeen(before, name, remote)
            changes.append(RefChange(name: name, before: before, after: nil))
        }
        return changes
    }

    /// Refuses to give up what nobody here has seen.
    private func requireSeen(
        _ before: ObjectReference, _ name: RefName, _ remote: Remote
    ) throws(RepositoryError) {
        // Of a place without a name nothing is fetched.
        var isSeen = remote.name == nil && store.contains(before)
        if let remoteName = remote.name {
            isSeen = knownRemotes.memory(of: remote).recallNames()?[name] == before.id
            if !isSeen, let branch = name.name(in: "branches") {
                let seen = try naming { () throws(InvalidName) in try RefName.remote(remoteName, branch) }
                isSeen = try ref(seen) == before
            }
        }
        guard isSeen else { throw .movedThere(remote: remote.label, name) }
    }

    func isAncestor(_ id: ObjectID, of other: ObjectID) throws(RepositoryError) -> Bool {
        guard store.contains(ObjectReference(.commit, id)) else { return false }
        var isFound = false
        try history(of: [other]) { commit, _ in
            isFound = commit == id
            return !isFound
        }
        return isFound
    }

    /// The refs of runs that go with commits: those that made them.
    private func runs(
        of changes: [RefChange], _ known: [RefName: ObjectReference], all: Bool
    ) throws(RepositoryError) -> [RefChange] {
        var named: Set<ObjectID> = []
        let before = Set(known.values.filter { $0.kind == .commit }.map(\.id))
        if !all {
            let tips = changes.compactMap(\.after).filter { $0.kind == .commit }.map(\.id)
            try history(of: tips) { id, commit in
                // Histories are walked with the newest commits first: behind what is there, more new ones may come.
                if !before.contains(id) { named.formUnion(commit.runs) }
                return true
            }
        }
        var found: [RefChange] = []
        for (name, target) in try refs(in: "runs") where all || named.contains(target.id) {
            let name = try naming { () throws(InvalidName) in try RefName("runs/\(name)") }
            if known[name] != target {
                found.append(RefChange(name: name, before: known[name], after: target))
            }
        }
        return found
    }

    /// The refs of statements that go with commits: those about a commit that names here reach, or a run of one, also where that is there already.
    private func statements(
        _ known: [RefName: ObjectReference], after changes: [RefChange], _ names: [RefName],
        _ request: PushRequest
    ) throws(RepositoryError) -> [RefChange] {
        var wanted: [ObjectReference: [RefChange]] = [:]
        for statement in try statementNames() where [.commit, .run].contains(statement.subject.kind) {
            // An approval is about one store, and is there already.
            if statement.word == "approval" { continue }
            let name = try naming { () throws(InvalidName) in try RefName.statement(statement) }
            if known[name] != nil { continue }
            let change = RefChange(name: name, before: nil, after: ObjectReference(.statement, statement.id))
            wanted[statement.subject, default: []].append(change)
        }
        guard !wanted.isEmpty else { return [] }
        var old: Set<ObjectID> = []
        if !request.assumed.isEmpty {
            try history(of: request.assumed) { id, _ in
                old.insert(id)
                return true
            }
        }
        var tips: [ObjectID] = []
        for name in names { if let tip = try ref(name)?.id { tips.append(tip) } }
        var found: [RefChange] = []
        tips += changes.compactMap(\.after).filter { $0.kind == .commit }.map(\.id)
        for run in changes.compactMap(\.after) + known.values where run.kind == .run {
            found += wanted.removeValue(forKey: run) ?? []
        }
        try history(of: tips) { id, commit in
            for subject in [ObjectReference(.commit, id)] + commit.runs.map({ ObjectReference(.run, $0) }) {
                if let changes = wanted.removeValue(forKey: subject), !old.contains(id) { found += changes }
            }
            return !wanted.isEmpty
        }
        // That a commit is a tag concerns those who have the tag.
        var goes = Set(known.keys)
        for change in changes { goes.insert(change.name) }
        var fitting: [RefChange] = []
        for change in found {
            guard let id = change.after?.id else { continue }
            if case .tag(let text) = try statement(id).fact, let name = try? RefName.tag(text),
                !goes.contains(name)
            {
                continue
            }
            fitting.append(change)
        }
        return fitting
    }
}

extension [RefName: ObjectReference] {
    fileprivate subscript(_ group: String, _ name: String) -> ObjectReference? {
        (try? RefName("\(group)/\(name)")).flatMap { self[$0] }
    }
}
