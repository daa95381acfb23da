internal import FileIO
package import ObjectModel
internal import Remotes
package import Storage

/// The check of a store, which works also where the store cannot be opened: of this side's, or of another one over whatever leads there.
package struct IntegrityCheck: Sendable {
    private let environment: Environment
    /// Nothing where a store is checked from a directory that is none.
    private let copy: WorkingCopy?
    private let store: FilePath
    private let other: OtherStore?
    private let knownRemotes: KnownRemotes
    private let configuration: Configuration
    /// Signs what a repair adds to a log, if entries are to be signed.
    private let signer: EntrySigner?
    private let governance: StoreGovernance?

    /// - Parameters:
    ///   - environment: Its directory lies in a working copy.
    ///   - remote: Another store that is to be checked, as a person names it; nothing for this side's.
    ///   - source: A store that what is lost may come from.
    package init(
        _ environment: Environment, of remote: String? = nil, from source: String? = nil
    ) throws(RepositoryError) {
        self.environment = environment
        do throws(RepositoryError) {
            let copy = try Repository.workingCopy(environment)
            (self.copy, store) = (copy, try copy.store())
        } catch {
            guard case .noRepository = error, remote != nil else { throw error }
            // Whoever was given a store, or a bundle, looks at it before anything else.
            copy = nil
            store = FilePath(environment.variable("TMPDIR") ?? "/tmp")
                .appending(Array("mlrepo-fsck-\(Hex.text(environment.random(8)))".utf8))
            TemporaryFiles.note(directory: store)
            let store = store
            try filing { () throws(FileError) in
                try environment.files.makeDirectory(store, permissions: 0o700)
            }
        }
        let configuration = (try? copy?.configuration()) ?? Configuration()
        self.configuration = configuration
        let keys = copy.map { SigningKeys(configuration, environment, $0) }
        let person: @Sendable () -> Person? = { Identity.find(configuration, environment).person }
        signer = try keys.map { (keys) throws(RepositoryError) in try keys.wantedEntrySigner(person) } ?? nil
        governance = keys.map { keys in
            EntryAdmission(environment: environment).governance(keys.entrySigner(person))
        }
        knownRemotes = KnownRemotes(
            configuration: configuration, environment: environment, layout: StoreLayout(root: store))
        let known = knownRemotes
        do throws(RepositoryError) {
            other = try remote.map { (name) throws(RepositoryError) in
                try known.files(of: try known.named(name), toleratingDamage: true)
            }
            // A name that is none is told before the night in which it is needed.
            if let source { _ = try known.named(source) }
        } catch {
            if copy == nil { environment.files.removeAll(store) }
            throw error
        }
    }

    /// Commits that a bundle goes on from: they, and what they reach, are not in it and not looked at.
    package var needs: [ObjectID] { other?.needs ?? [] }

    /// Removes what was made for it, where that was not in a working copy.
    package func end() {
        guard copy == nil else { return }
        environment.files.removeAll(store)
        TemporaryFiles.forget(directory: store)
    }

    /// Whether there is a store of this side.
    package var hasOwn: Bool { copy != nil }

    /// Whether that is a bundle, which nobody mends.
    package var isOfBundle: Bool { other?.isBundle ?? false }

    /// Whether another store is checked.
    package var isOfOther: Bool { other != nil }

    private var root: FilePath { other?.root ?? store }
    private var files: any FileSystem { other?.files ?? environment.files }

    private func calling<Result>(_ body: () throws(StoreError) -> Result) throws(RepositoryError) -> Result {
        guard let other else { return try storing(body) }
        return try other.calling(body)
    }

    /// Reads everything and reports what is wrong.
    package func run(
        _ watch: IntegrityChecker.Watch = { _ in }
    ) throws(RepositoryError) -> IntegrityReport {
        var report = try calling { () throws(StoreError) in
            try IntegrityChecker(root, files: files, threads: environment.width).check(watch)
        }
        if let other, !other.needs.isEmpty {
            // What it goes on from is elsewhere.
            report.problems.removeAll { $0.kind == .missingObject }
            report.lost = []
        }
        if let packs = other?.bundledPacks, packs > report.packs, report.isClean {
            report.problems.append(
                IntegrityProblem(
                    .logGap, "packs are in the bundle that no entry of its log names: entries are missing"))
        }
        // Where a pack is damaged that is told already.
        let isAlone = report.problems.allSatisfy { $0.kind == .cache || $0.isOfRemembered }
        if other == nil, isAlone, let store = try? ObjectStore.open(store, files: environment.files) {
            for (root, id) in standing() where !store.contains(ObjectReference(.commit, id)) {
                let which = root == copy?.root ? "this working copy" : "the working copy in \(root)"
                report.problems.append(
                    IntegrityProblem(
                        .head,
                        "\(which) stands on it, and the store does not have it: the newest entries of its log are lost, or it is another store",
                        reference: ObjectReference(.commit, id)))
            }
        }
        return report
    }

    /// Takes what the store has lost from another one.
    ///
    /// - Parameter source: That store, as a person names it; nothing for this side's.
    package func restore(
        _ report: IntegrityReport, from source: String?
    ) throws(RepositoryError) -> StoreRepair.Restored {
        let event = try event()
        let (source, from) = try self.source(source)
        let restored = try calling { () throws(StoreError) in
            try StoreRepair(root, files: files, signing: signer, governed: governance).restore(
                report, from: source, event: event, random: environment.random)
        }
        if let from { try from.calling { () throws(StoreError) in } }
        return restored
    }

    /// How many of some objects another store has.
    ///
    /// - Parameter source: That store, as a person names it; nothing for this side's.
    package func count(_ lost: [ObjectReference], in source: String?) throws(RepositoryError) -> Int {
        let (source, from) = try self.source(source)
        let count = lost.count { source.contains($0) }
        if let from { try from.calling { () throws(StoreError) in } }
        return count
    }

    /// A store that what is lost may come from, and the way there if it is another one.
    private func source(_ name: String?) throws(RepositoryError) -> (ObjectStore, OtherStore?) {
        guard let name else {
            guard copy != nil else { throw .noRepository(environment.workingDirectory) }
            return (
                try storing { () throws(StoreError) in
                    try ObjectStore.open(store, files: environment.files, leavingOut: [])
                }, nil
            )
        }
        let from = try knownRemotes.files(of: try knownRemotes.named(name), toleratingDamage: true)
        let source = try from.calling { () throws(StoreError) in
            // What it can read is of use.
            try ObjectStore.open(from.root, files: from.files, leavingOut: [])
        }
        return (source, from)
    }

    /// What is to be done about the log, or `format`, before anything else; nothing if nothing is, or can be.
    ///
    /// - Parameter givesUp: Whether entries that were seen, and of which nothing is left, are given up.
    package func logRepair(givingUp givesUp: Bool) throws(RepositoryError) -> LogRepair.Step? {
        guard other == nil else { return nil }
        return try storing { () throws(StoreError) in
            try LogRepair(
                store, files: files, standing: Set(standing().map(\.commit)), givingUp: givesUp
            ).next()
        }
    }

    private func standing() -> [(root: FilePath, commit: ObjectID)] {
        StandingCopies(store: store, own: copy, environment).commits
    }

    /// Does what is to be done about the log, or `format`.
    package func perform(_ step: LogRepair.Step) throws(RepositoryError) {
        try storing { () throws(StoreError) in
            try LogRepair(store, files: files).perform(step, nonce: Hex.text(environment.random(8)))
        }
    }

    /// Whether the list of all refs, if it is lost, can be made anew from the record of operations.
    package func canRemakeRefs(_ report: IntegrityReport) throws(RepositoryError) -> Bool {
        try calling { () throws(StoreError) in
            try StoreRepair(root, files: files, signing: signer, governed: governance).canRemakeRefs(report)
        }
    }

    /// What a repair would do.
    package func plan(_ report: IntegrityReport) throws(RepositoryError) -> StoreRepair.Plan {
        try calling { () throws(StoreError) in
            try StoreRepair(root, files: files, signing: signer, governed: governance).plan(report)
        }
    }

    /// Puts what is undamaged of damaged packs into new ones.
    ///
    /// The damaged packs stay on the disk; what is derived and damaged goes.
    package func repair(_ report: IntegrityReport) throws(RepositoryError) -> StoreRepair.Outcome {
        let event = try event()
        return try calling { () throws(StoreError) in
            try StoreRepair(root, files: files, signing: signer, governed: governance).perform(
                report, event: event, random: environment.random)
        }
    }

    /// Saves what replaced packs have that can be read now that something was taken from the working copy.
    ///
    /// - Returns: How many objects.
    package func regain(_ plan: StoreRepair.Plan) throws(RepositoryError) -> Int {
        let event = try event()
        return try calling { () throws(StoreError) in
            try StoreRepair(root, files: files, signing: signer, governed: governance).regain(
                plan.replaced.map(\.pack), event: event, random: environment.random)
        }
    }

    private func event() throws(RepositoryError) -> Event {
        guard let actor = Identity.find(configuration, environment).person else { throw .noIdentity }
        return Event(
            verb: StoreRepair.verb, actor: actor, workingCopy: nil, time: environment.now(),
            nonce: Hex.text(environment.random(16)), reason: nil, refs: [], session: other?.session())
    }
}
