internal import FileIO
internal import ObjectModel
package import Storage

/// The check of a store, which works also where the store cannot be opened.
package struct IntegrityCheck: Sendable {
    private let environment: Environment
    private let copy: WorkingCopy
    private let store: FilePath

    /// - Parameter environment: Its directory lies in a working copy.
    package init(_ environment: Environment) throws(RepositoryError) {
        self.environment = environment
        copy = try Repository.workingCopy(environment)
        store = try copy.store()
    }

    /// Reads everything and reports what is wrong.
    package func run(
        _ watch: IntegrityChecker.Watch = { _ in }
    ) throws(RepositoryError) -> IntegrityReport {
        var report = try storing { () throws(StoreError) in
            try IntegrityChecker(store, files: environment.files, threads: environment.width).check(watch)
        }
        // Where a pack is damaged that is told already.
        let isAlone = report.problems.allSatisfy { $0.kind == .cache }
        if !copy.isBare, isAlone, let id = (try? copy.head())?.commit,
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

    /// What a repair would do.
    package func plan(_ report: IntegrityReport) throws(RepositoryError) -> StoreRepair.Plan {
        try storing { () throws(StoreError) in try StoreRepair(store, files: environment.files).plan(report) }
    }

    /// Puts what is undamaged of damaged packs into new ones.
    ///
    /// The damaged packs stay on the disk; what is derived and damaged goes.
    package func repair(_ report: IntegrityReport) throws(RepositoryError) -> StoreRepair.Outcome {
        let event = try event()
        return try storing { () throws(StoreError) in
            try StoreRepair(store, files: environment.files).perform(
                report, event: event, random: environment.random)
        }
    }

    /// Saves what replaced packs have that can be read now that something was taken from the working copy.
    ///
    /// - Returns: How many objects.
    package func regain(_ plan: StoreRepair.Plan) throws(RepositoryError) -> Int {
        let event = try event()
        return try storing { () throws(StoreError) in
            try StoreRepair(store, files: environment.files).regain(
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
