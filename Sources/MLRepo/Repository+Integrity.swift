internal import FileIO
package import ObjectModel
internal import Remotes
package import Storage

/// The check of a store, which works also where the store cannot be opened: of this side's, or of another one over whatever leads there.
package struct IntegrityCheck: Sendable {
    private let environment: Environment
    private let copy: WorkingCopy
    private let store: FilePath
    private let other: OtherStore?
    private let knownRemotes: KnownRemotes

    /// - Parameters:
    ///   - environment: Its directory lies in a working copy.
    ///   - remote: Another store that is to be checked, as a person names it; nothing for this side's.
    package init(_ environment: Environment, of remote: String? = nil) throws(RepositoryError) {
        self.environment = environment
        copy = try Repository.workingCopy(environment)
        store = try copy.store()
        knownRemotes = KnownRemotes(
            configuration: (try? copy.configuration()) ?? Configuration(), environment: environment,
            layout: StoreLayout(root: store))
        let known = knownRemotes
        other = try remote.map { (name) throws(RepositoryError) in
            try known.files(of: try known.named(name), toleratingDamage: true)
        }
    }

    /// Commits that a bundle goes on from: they, and what they reach, are not in it and not looked at.
    package var needs: [ObjectID] { other?.needs ?? [] }

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
        // Where a pack is damaged that is told already.
        let isAlone = report.problems.allSatisfy { $0.kind == .cache }
        if other == nil, !copy.isBare, isAlone, let id = (try? copy.head())?.commit,
            let store = try? ObjectStore.open(store, files: environment.files),
            !store.contains(ObjectReference(.commit, id))
        {
            report.problems.append(
                IntegrityProblem(
                    .head,
                    "this working copy stands on it, and the store does not have it: the newest entries of its log are lost, or it is another store",
                    reference: ObjectReference(.commit, id)))
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
        let known = knownRemotes
        let from = try source.map { (name) throws(RepositoryError) in
            try known.files(of: try known.named(name), toleratingDamage: true)
        }
        let source: ObjectStore
        if let from {
            source = try from.calling { () throws(StoreError) in
                // What it can read is of use.
                try ObjectStore.open(from.root, files: from.files, leavingOut: [])
            }
        } else {
            source = try storing { () throws(StoreError) in
                try ObjectStore.open(store, files: environment.files, leavingOut: [])
            }
        }
        let restored = try calling { () throws(StoreError) in
            try StoreRepair(root, files: files).restore(
                report, from: source, event: event, random: environment.random)
        }
        if let from { try from.calling { () throws(StoreError) in } }
        return restored
    }

    /// What a repair would do.
    package func plan(_ report: IntegrityReport) throws(RepositoryError) -> StoreRepair.Plan {
        try calling { () throws(StoreError) in try StoreRepair(root, files: files).plan(report) }
    }

    /// Puts what is undamaged of damaged packs into new ones.
    ///
    /// The damaged packs stay on the disk; what is derived and damaged goes.
    package func repair(_ report: IntegrityReport) throws(RepositoryError) -> StoreRepair.Outcome {
        let event = try event()
        return try calling { () throws(StoreError) in
            try StoreRepair(root, files: files).perform(
                report, event: event, random: environment.random)
        }
    }

    /// Saves what replaced packs have that can be read now that something was taken from the working copy.
    ///
    /// - Returns: How many objects.
    package func regain(_ plan: StoreRepair.Plan) throws(RepositoryError) -> Int {
        let event = try event()
        return try calling { () throws(StoreError) in
            try StoreRepair(root, files: files).regain(
                plan.replaced.map(\.pack), event: event, random: environment.random)
        }
    }

    private func event() throws(RepositoryError) -> Event {
        let configuration = (try? copy.configuration()) ?? Configuration()
        guard let actor = Identity.find(configuration, environment).person else { throw .noIdentity }
        return Event(
            verb: StoreRepair.verb, actor: actor, workingCopy: nil, time: environment.now(),
            nonce: Hex.text(environment.random(16)), reason: nil, refs: [])
    }
}
