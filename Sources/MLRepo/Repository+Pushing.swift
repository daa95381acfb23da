internal import FileIO
package import ObjectModel
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
    /// Commits that whoever takes it has, with all that they reach and all statements about that.
    package var assumed: [ObjectID] = []

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
        let (names, way) = try begin(request, remote)
        let (other, watch, isNew) = try openOrMake(remote, by: way, actor)
        let push = push(request, to: other)
        // What somebody collects or merges here meanwhile is found elsewhere.
        var kept: [RefName] = []
        let outcome = try beginningAnew { () throws(RepositoryError) in
            try run(push, request, names, remote, actor, other.session, progress) {
                (changes) throws(RepositoryError) in
                let going = try withoutForbiddenStatements(changes, in: other, watch?.state, actor)
                kept = Set(changes.map(\.name)).subtracting(going.map(\.name)).sorted()
                try requireAllowed(going, Self.pushVerb, in: other, watch?.state, actor)
                return going
            }
        }
        if other.isSealDue {
            // Nothing depends on it: whoever makes the next tile full does it as well.
            try? other.seal(
                in: knownRemotes.files(of: remote, by: way), nonce: Hex.text(environment.random(8)))
        }
        if let name = remote.name {
            try note(outcome.refs, names + outcome.changes.map(\.name), of: name)
            // What others moved meanwhile was not looked at here.
            let memory = knownRemotes.memory(of: remote)
            var seen = memory.recallNames() ?? [:]
            for name in names + outcome.changes.map(\.name) where Self.isLasting(name) {
                seen[name] = outcome.refs[name]?.id
            }
            memory.remember(names: seen)
        }
        return TransferReport(
            remote: remote.label, refs: outcome.changes, objects: outcome.objects, bytes: outcome.bytes,
            alreadyThere: outcome.alreadyThere, losesOnPowerCut: other.losesOnPowerCut, hasMade: isNew,
            notAllowed: kept)
    }

    /// Whether a ref is one that people name: a branch or a tag.
    static func isLasting(_ name: RefName) -> Bool {
        name.name(in: "branches") != nil || name.name(in: "tags") != nil
    }

    /// What a push would do: nothing is done there, nor noted here.
    ///
    /// - Returns: As ``push(_:to:progress:)``; `bytes` is what would be sent, as it is stored here, without what an attempt that was cut
    ///   off may have brought there.
    package func pushPlan(
        _ request: PushRequest, to remote: Remote
    ) throws(RepositoryError) -> TransferReport {
        let (names, way) = try begin(request, remote)
        guard let actor = person else { throw .noIdentity }
        let opened = try openIfMade(remote, by: way)
        let other = opened?.store
        let outcome = try beginningAnew { () throws(RepositoryError) in
            guard let other else {
                let changes = try changes(request, names, [], remote)
                return try reading { () throws(ReadError) in try Push.plan(ofFirst: changes, from: store) }
            }
            return try reporting { (failure) throws(TransferError) in
                try push(request, to: other).plan { (there) throws(TransferError) in
                    try failure.keeping { () throws(RepositoryError) in
                        let state = opened?.guard?.state
                        let going = try withoutForbiddenStatements(
                            try changes(request, names, there, remote), in: other, state, actor)
                        try requireAllowed(
                            going, Self.pushVerb, in: other, state, actor, isPlan: true)
                        return going
                    }
                }
            }
        }
        return TransferReport(
            remote: remote.label, refs: outcome.changes, objects: outcome.objects, bytes: outcome.bytes,
            hasMade: other == nil)
    }

    /// The names that are to go, and the way there.
    private func begin(
        _ request: PushRequest, _ remote: Remote
    ) throws(RepositoryError) -> ([RefName], WayToRemote) {
        // What could not be noted here afterwards is not begun there.
        try storing { () throws(StoreError) in try store.requireNothingLost() }
        let names = try names(of: request)
        if let name = remote.name {
            // What cannot be noted here is not begun there.
            for branch in names.compactMap({ $0.name(in: "branches") }) {
                _ = try naming { () throws(InvalidName) in try RefName.remote(name, branch) }
            }
        }
        let way = try knownRemotes.way(to: remote)
        if way.bundle != nil { throw .bundleIsDone(remote.label) }
        return (names, way)
    }

    private func push(_ request: PushRequest, to other: RemoteStore) -> Push {
        Push(
            from: store, to: other, owner: String(store.format.origin.prefix(16)),
            verifying: request.isVerified, random: environment.random, now: environment.now)
    }

    func run(
        _ push: Push, _ request: PushRequest, _ names: [RefName], _ remote: Remote, _ actor: Person,
        _ session: @autoclosure () -> Event.Session?,
        _ progress: (Int, Int) -> Void,
        allowing allowed: ([RefChange]) throws(RepositoryError) -> [RefChange] = { $0 }
    ) throws(RepositoryError) -> Push.Outcome {
        try reporting { (failure) throws(TransferError) in
            try push.run(
                changes: { (there) throws(TransferError) in
                    try failure.keeping { () throws(RepositoryError) in
                        try allowed(try changes(request, names, there, remote))
                    }
                },
                event: { changes in
                    Event(
                        verb: Self.pushVerb, actor: actor, workingCopy: nil, time: environment.now(),
                        nonce: Hex.text(environment.random(16)), reason: nil, refs: changes,
                        session: session())
                }, progress: progress)
        }
    }

    /// Runs a transfer that asks this side something, and throws what was wrong with that.
    func reporting<Result>(
        _ transfer: (inout KeptFailure) throws(TransferError) -> Result
    ) throws(RepositoryError) -> Result {
        var failure = KeptFailure()
        do throws(TransferError) { return try transfer(&failure) } catch {
            throw failure.error ?? Self.error(error)
        }
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
    ) throws(RepositoryError) -> (RemoteStore, PolicyGuard?, isNew: Bool) {
        if let (store, watch) = try openIfMade(remote, by: way) { return (store, watch, false) }
        if case .directory(let path) = remote.location {
            var request = CreationRequest()
            request.isBare = true
            do throws(RepositoryError) { _ = try Self.create(at: path, request, environment) } catch {
                // Somebody else who pushes there has made it meanwhile.
                guard case .store(.exists) = error else { throw error }
            }
        } else if let line = way.line {
            let format = StoreFormat(origin: Hex.text(environment.random(16)), cutRule: 1, sharedBits: nil)
            do throws(TransferError) {
                try RemoteStore.make(
                    name: remote.label, at: way.root, way.transport, over: line, format,
                    event("init", actor, nil), with: store, random: environment.random)
            } catch { throw Self.error(error) }
        }
        let (store, watch) = try knownRemotes.openGuarded(remote, by: way)
        return (store, watch, true)
    }

    /// Opens another store; nothing if there is none and this side can make it.
    func openIfMade(
        _ remote: Remote, by way: WayToRemote
    ) throws(RepositoryError) -> (store: RemoteStore, guard: PolicyGuard?)? {
        do throws(RepositoryError) { return try knownRemotes.openGuarded(remote, by: way) } catch {
            guard case .remote(let problem) = error, problem.problem == .notAStore else { throw error }
            let canMake =
                if case .directory(let path) = remote.location {
                    try isBegun(path)
                } else {
                    // Where this program is, it makes stores itself.
                    way.isPlain && way.line != nil
                }
            guard canMake else { throw error }
            return nil
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

/// What went wrong in an answer to a transfer, which knows nothing of that.
struct KeptFailure {
    private(set) var error: RepositoryError?

    mutating func keeping<Result>(
        _ answer: () throws(RepositoryError) -> Result
    ) throws(TransferError) -> Result {
        do throws(RepositoryError) { return try answer() } catch {
            self.error = error
            throw .stopped
        }
    }
}
