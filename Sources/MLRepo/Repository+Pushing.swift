internal import FileIO
internal import ObjectModel
internal import Remotes
internal import Storage

/// What is to be pushed.
package struct PushRequest: Sendable {
    /// Names of branches and tags; the branch that the working copy stands on if there are none.
    package var names: [String] = []
    package var allBranches = false
    package var allTags = false
    /// Runs beyond those that made what goes.
    package var allRuns = false
    /// The branch that the working copy stands on goes as well, if it stands on one.
    package var hasOwnBranch = false
    /// The names go there.
    package var isDeletion = false
    /// What the other store has may be lost, if it is what was seen there last.
    package var isForced = false
    /// The other store is asked for each object that its refs reach, what it has lost goes as well, and what was sent is read again,
    /// before anything names it.
    package var isVerified = false

    package init() {}
}

extension Repository {
    static let pushVerb = "push"

    /// Brings branches and tags to another store, with all that they need and the runs that made it, in one step.
    ///
    /// - Parameter progress: Takes how many bytes of how many are there.
    package func push(
        _ request: PushRequest, to remote: Remote, progress: (Int, Int) -> Void = { _, _ in }
    ) throws(RepositoryError) -> TransferReport {
        guard let actor = person else { throw .noIdentity }
        let names = try names(of: request)
        if let name = remote.name {
            // What cannot be noted here is not begun there.
            for branch in names.compactMap({ $0.name(in: "branches") }) {
                _ = try naming { () throws(InvalidName) in try RefName.remote(name, branch) }
            }
        }
        let way = try knownRemotes.way(to: remote)
        if way.bundle != nil { throw .bundleIsDone(remote.label) }
        let (other, isNew) = try openOrMake(remote, by: way, actor)
        let owner = String(store.format.origin.prefix(16))
        let push = Push(
            from: store, to: other, owner: owner, verifying: request.isVerified,
            random: environment.random, now: environment.now)
        // What somebody collects or merges here meanwhile is found elsewhere.
        let outcome = try beginningAnew { () throws(RepositoryError) in
            try run(push, request, names, remote, actor, progress)
        }
        if other.isSealDue {
            // Nothing depends on it: whoever makes the next tile full does it as well.
            try? other.seal(
                in: knownRemotes.files(of: remote, by: way), nonce: Hex.text(environment.random(8)))
        }
        if let name = remote.name { try note(outcome.refs, names + outcome.changes.map(\.name), of: name) }
        return TransferReport(
            remote: remote.label, refs: outcome.changes, objects: outcome.objects, bytes: outcome.bytes,
            alreadyThere: outcome.alreadyThere, losesOnPowerCut: other.losesOnPowerCut, hasMade: isNew)
    }

    func run(
        _ push: Push, _ request: PushRequest, _ names: [RefName], _ remote: Remote, _ actor: Person,
        _ progress: (Int, Int) -> Void
    ) throws(RepositoryError) -> Push.Outcome {
        var failure: RepositoryError?
        do throws(TransferError) {
            return try push.run(
                changes: { (there) throws(TransferError) in
                    do throws(RepositoryError) {
                        return try changes(request, names, there, remote)
                    } catch {
                        failure = error
                        throw .stopped
                    }
                },
                event: { changes in
                    Event(
                        verb: Self.pushVerb, actor: actor, workingCopy: nil, time: environment.now(),
                        nonce: Hex.text(environment.random(16)), reason: nil, refs: changes)
                }, progress: progress)
        } catch { throw failure ?? Self.error(error) }
    }

    /// The refs that a request names.
    func names(of request: PushRequest) throws(RepositoryError) -> [RefName] {
        var names: [RefName] = []
        for text in request.names {
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
    private func changes(
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
        return (changes + runs).sorted { $0.name < $1.name }
    }

    /// Names that go there: each has to be there, and what it names to have been seen here.
    private func deletions(
        _ request: PushRequest, _ names: [RefName], _ known: [RefName: ObjectReference], _ remote: Remote
    ) throws(RepositoryError) -> [RefChange] {
        for text in request.names {
            let whole = (try? RefName(text)).flatMap { known[$0] }
            let both = [known["branches", text], known["tags", text]].compactMap { $0 }
            guard whole != nil || !both.isEmpty else { throw .noRef(text) }
            guard both.count < 2 else { throw .twoNames(text) }
        }
        var changes: [RefChange] = []
        for name in names {
            guard let before = known[name] else { continue }
            guard store.contains(before) else { throw .movedThere(remote: remote.label, name) }
            changes.append(RefChange(name: name, before: before, after: nil))
        }
        return changes
    }

    /// Refuses to give up what nobody here has seen.
    private func requireSeen(
        _ before: ObjectReference, _ name: RefName, _ remote: Remote
    ) throws(RepositoryError) {
        var isSeen = store.contains(before)
        if let branch = name.name(in: "branches"), let remoteName = remote.name {
            let seen = try naming { () throws(InvalidName) in try RefName.remote(remoteName, branch) }
            isSeen = try ref(seen) == before
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

    /// Notes what another store has now of some names.
    private func note(
        _ there: [RefName: ObjectReference], _ names: [RefName], of remote: String
    ) throws(RepositoryError) {
        func changes() throws(RepositoryError) -> [RefChange] {
            var noted: [RefChange] = []
            for name in Set(names).sorted() {
                guard let branch = name.name(in: "branches") else { continue }
                let here = try naming { () throws(InvalidName) in try RefName.remote(remote, branch) }
                let (before, after) = (try ref(here), there[name])
                // What is there and was never here is not known by its name alone.
                if before == after || after.map({ !store.contains($0) }) ?? false { continue }
                noted.append(RefChange(name: here, before: before, after: after))
            }
            return noted
        }
        guard try !changes().isEmpty else { return }
        try noteRemote(Self.pushVerb, remote, changes)
    }

    /// Opens another store; an empty directory, or one that is not there, becomes one, where this side can make it.
    private func openOrMake(
        _ remote: Remote, by way: WayToRemote, _ actor: Person
    ) throws(RepositoryError) -> (RemoteStore, isNew: Bool) {
        do throws(RepositoryError) { return (try knownRemotes.open(remote, by: way), false) } catch {
            guard case .remote(let problem) = error, problem.problem == .notAStore
            else { throw error }
            if case .directory(let path) = remote.location {
                guard try isBegun(path) else { throw error }
                var request = CreationRequest()
                request.isBare = true
                do throws(RepositoryError) { _ = try Self.create(at: path, request, environment) } catch {
                    // Somebody else who pushes there has made it meanwhile.
                    guard case .store(.exists) = error else { throw error }
                }
            } else {
                // Where this program is, it makes stores itself.
                guard way.isPlain, let line = way.line else { throw error }
                let format = StoreFormat(
                    origin: Hex.text(environment.random(16)), cutRule: 1, sharedBits: nil)
                do throws(TransferError) {
                    try RemoteStore.make(
                        name: remote.label, at: way.root, way.transport, over: line, format,
                        event("init", actor, nil), with: store, random: environment.random)
                } catch { throw Self.error(error) }
            }
            return (try knownRemotes.open(remote, by: way), true)
        }
    }

    /// Whether a directory can become a store: it is empty, or not there in one that is, or the making of one was interrupted in it.
    private func isBegun(_ path: FilePath) throws(RepositoryError) -> Bool {
        let files = environment.files
        let status = try filing { () throws(FileError) in try files.status(path) }
        guard let status else { return try Self.exists(path.parent, files) }
        guard status.kind == .directory else { return false }
        let names = try filing { () throws(FileError) in try files.names(in: path) }
        let own = ["format", "packs", "log", "tmp", "cache"].map { Array($0.utf8) }
        return names.allSatisfy { own.contains($0) }
    }
}

extension [RefName: ObjectReference] {
    fileprivate subscript(_ group: String, _ name: String) -> ObjectReference? {
        (try? RefName("\(group)/\(name)")).flatMap { self[$0] }
    }
}
