internal import FileIO
package import ObjectModel
internal import Remotes
internal import Storage
internal import Synchronization

/// What came from another store, or went there.
package struct TransferReport: Sendable {
    /// What messages call the other store.
    package var remote: String
    /// What became of refs: those of this store by a fetch, those of the other one by a push.
    package var refs: [RefChange] = []
    package var objects = 0
    /// What came or went, in bytes.
    package var bytes = 0
    /// What was there from an attempt before, in bytes.
    package var alreadyThere = 0
    /// What a power cut there may take away of what was sent, in words; nothing if that is nothing.
    package var losesOnPowerCut: String?
    /// Whether the other store was made by it.
    package var hasMade = false
    /// Remarks that the other store's policy does not take from this person: they stay here.
    package var notAllowed: [RefName] = []
    /// Branches of the other store that do not have what they had any more.
    package var backwards: Set<RefName> = []
    /// Tags that both have, and that name something else here: they stay.
    package var differing: [RefName] = []
    /// Branches of the other store whose names are too long here.
    package var unnamed: [RefName] = []
}

extension Repository {
    static let fetchVerb = "fetch"

    /// What comes is made part of the store piece by piece, so that a fetch that is cut off goes on behind the last one: whenever so many
    /// bytes came, or enough for a pack in so many milliseconds.
    ///
    /// The first pieces are waited for a shorter time, each twice as long as
    /// the one before, so that about half of a short fetch is kept as well.
    private static let (pieceLength, pieceTime, leastPiece) = (256 << 20, 1000...10_000, 4 << 20)

    /// Brings what another store has: its branches as `remotes/NAME/…`, its tags, and its runs.
    ///
    /// - Parameters:
    ///   - required: A branch or a tag without which nothing is taken.
    ///   - progress: Takes how many bytes of how many are there.
    package func fetch(
        from remote: Remote, requiring required: String? = nil, progress: (Int, Int) -> Void = { _, _ in }
    ) throws(RepositoryError) -> TransferReport {
        guard let actor = person else { throw .noIdentity }
        guard let name = remote.name else { throw .noRemote(remote.url, isFile: false) }
        let way = try knownRemotes.way(to: remote)
        try requireNeeds(of: way, remote.label)
        let other = try knownRemotes.open(remote, by: way)
        for _ in 1..<RemoteStore.attempts {
            do throws(RepositoryError) {
                return try beginningAnew { () throws(RepositoryError) in
                    try fetch(other, name, actor, requiring: required, isWhole: way.bundle == nil, progress)
                }
            } catch {
                guard case .remote(let problem) = error else { throw error }
                do throws(RemoteError) {
                    guard try other.hasGoneOn(behind: problem) else { throw problem }
                } catch { throw .remote(error) }
            }
        }
        return try fetch(other, name, actor, requiring: required, isWhole: way.bundle == nil, progress)
    }

    /// - Parameter isWhole: Whether what the other store does not name is gone there: a bundle names what somebody put into it.
    private func fetch(
        _ other: RemoteStore, _ name: String, _ actor: Person, requiring required: String?, isWhole: Bool,
        _ progress: (Int, Int) -> Void
    ) throws(RepositoryError) -> TransferReport {
        let there: [RefEntry]
        do throws(RemoteError) { there = try other.refs(with: store) } catch { throw .remote(error) }
        if let required {
            let names = there.compactMap { $0.name.name(in: "branches") ?? $0.name.name(in: "tags") }
            guard names.contains(required) else {
                throw .notThere(remote: name, revision: required, there: names)
            }
        }
        let wanted = there.filter { entry in
            ["branches", "tags", "runs", "statements"].contains { entry.name.name(in: $0) != nil }
        }.map(\.target)
        let here = try reading { () throws(ReadError) in try store.refs.leaves() }.map(\.target)
        let first = ObjectWriter(store, random: environment.random)
        var writer = first
        defer { writer.abandon() }
        let (head, collected) = (try copy.head(), store.current.collected)
        var (length, failure): (Int, RepositoryError?) = (0, nil)
        var (begun, patience) = (MonotonicTime.milliseconds(), Self.pieceTime.lowerBound)
        var outcome = Fetch.Outcome()
        do throws(TransferError) {
            outcome = try Fetch(from: other, to: store, threads: environment.width).receive(
                Array(Set(wanted)).sorted(), knowing: here, from: other.seen, lacks: { first.claim($0) },
                append: { (frame) throws(StoreError) in
                    try writer.append(frame)
                    length += frame.storedLength
                    let isLate = MonotonicTime.milliseconds() - begun >= patience
                    guard length >= Self.pieceLength || (isLate && length >= Self.leastPiece) else { return }
                    length = 0
                    do throws(RepositoryError) {
                        _ = try transact(Self.fetchVerb, reason: name, actor: actor, head, writer) { [] }
                    } catch {
                        failure = error
                        throw .outdated
                    }
                    writer = ObjectWriter(store, random: environment.random)
                    (begun, patience) = (
                        MonotonicTime.milliseconds(), min(patience * 2, Self.pieceTime.upperBound)
                    )
                }, progress: progress)
        } catch { throw failure ?? Self.error(error) }
        try prove(outcome, other, writer)
        // What was found here when it began has to be here still.
        guard store.current.collected == collected else { throw .store(.outdated) }
        var report = TransferReport(remote: name, objects: outcome.objects, bytes: outcome.bytes)
        var isDone = false
        let changes = try self.changes(taking: there, of: name, isWhole: isWhole, &report)
        if !changes.isEmpty || outcome.objects > 0 {
            _ = try transact(Self.fetchVerb, reason: name, actor: actor, head, writer) {
                () throws(RepositoryError) in
                isDone = true
                return try self.changes(taking: there, of: name, isWhole: isWhole, &report)
            }
        }
        if isDone || changes.isEmpty { report.refs = changes }
        if isWhole, let remote = try? self.remote(name) {
            let lasting = there.filter { Self.isLasting($0.name) }.map { ($0.name, $0.target.id) }
            knownRemotes.memory(of: remote).remember(
                names: Dictionary(lasting, uniquingKeysWith: { first, _ in first }))
        }
        for change in changes where change.name.name(in: "remotes") != nil {
            guard let before = change.before, let after = change.after else { continue }
            if try !isAncestor(before.id, of: after.id) { report.backwards.insert(change.name) }
        }
        return report
    }

    /// Checks what the ids of what came do not prove, and takes over recipes of large files once what they make was hashed as a whole:
    /// else what somebody calls a file of ours would be taken for that file.
    private func prove(
        _ outcome: Fetch.Outcome, _ other: RemoteStore, _ writer: ObjectWriter
    ) throws(RepositoryError) {
        guard !outcome.metadata.isEmpty else { return }
        let view = try storing { () throws(StoreError) in try writer.view() }
        do throws(ReadError) {
            var shapes = ReceivedShapes(in: view, with: outcome.recipes)
            let held = Set(outcome.recipes.map(\.reference))
            for reference in outcome.metadata where !held.contains(reference) { try shapes.check(reference) }
            for recipe in outcome.recipes { try shapes.check(recipe) }
        } catch {
            writer.discard()
            throw .remote(RemoteError(other.name, .object(error)))
        }
        try prove(outcome.recipes, in: view, other, writer)
        for recipe in outcome.recipes { try storing { () throws(StoreError) in try writer.add(recipe) } }
    }

    private func prove(
        _ recipes: [UnprovedRecipe], in view: ObjectStore, _ other: RemoteStore, _ writer: ObjectWriter
    ) throws(RepositoryError) {
        // What could be written nowhere is not worth being hashed for years.
        let free = try filing { () throws(FileError) in try environment.files.freeSpace(store.layout.root) }
        if let large = recipes.first(where: { $0.length > free }) {
            writer.discard()
            throw .store(.noSpace(needed: large.length, free: free))
        }
        let problems = Mutex<[Int: ReadError]>([:])
        let next = WorkIndices(recipes.count)
        onThreads(max(1, min(environment.width, recipes.count))) {
            while let index = next.next() {
                do throws(ReadError) { try recipes[index].prove(in: view) } catch {
                    problems.withLock { $0[index] = error }
                }
            }
        }
        guard let problem = problems.withLock({ $0.min { $0.key < $1.key }?.value }) else { return }
        writer.discard()
        throw .remote(RemoteError(other.name, .object(problem)))
    }

    /// What becomes of this store's refs by what another one has.
    private func changes(
        taking there: [RefEntry], of remote: String, isWhole: Bool, _ report: inout TransferReport
    ) throws(RepositoryError) -> [RefChange] {
        var (changes, branches): ([RefChange], Set<String>) = ([], [])
        (report.differing, report.unnamed) = ([], [])
        for entry in there {
            var name = entry.name
            if let branch = entry.name.name(in: "branches") {
                branches.insert(branch)
                guard let here = try? RefName.remote(remote, branch) else {
                    // With the other store's name before it, it is too long for a name.
                    report.unnamed.append(entry.name)
                    continue
                }
                name = here
            } else if ["tags", "runs", "statements"].allSatisfy({ entry.name.name(in: $0) == nil }) {
                continue
            }
            let before = try ref(name)
            if before == entry.target { continue }
            if let before, entry.name.name(in: "tags") != nil {
                // Somebody may rely on what a tag names here.
                if before != entry.target { report.differing.append(name) }
                continue
            }
            if let before, before.kind == .run {
                let run = try reading { () throws(ReadError) in try store.run(before.id) }
                // One that has ended here is known better than there.
                if run.ended != nil { continue }
            }
            changes.append(RefChange(name: name, before: before, after: entry.target))
        }
        guard isWhole else { return changes.sorted { $0.name < $1.name } }
        for (name, target) in try refs(in: "remotes") {
            let parts = name.split(separator: "/", maxSplits: 1)
            guard parts.count == 2, parts[0] == remote, !branches.contains(String(parts[1])) else { continue }
            let gone = try naming { () throws(InvalidName) in try RefName("remotes/\(name)") }
            changes.append(RefChange(name: gone, before: target, after: nil))
        }
        return changes.sorted { $0.name < $1.name }
    }

    /// Whose fault it is that objects could not be moved.
    static func error(_ error: TransferError) -> RepositoryError {
        switch error {
        case .here(let error): .store(error)
        case .there(let error):
            if case .store(.cannotSign(let text)) = error.problem {
                .cannotSign(text)
            } else {
                .remote(error)
            }
        case .stopped: .store(.outdated)
        }
    }
}
