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
        try storing { () throws(StoreError) in
            try IntegrityChecker(store, files: environment.files, threads: environment.width).check(watch)
        }
    }

    /// What a repair would do.
    package func plan(_ report: IntegrityReport) throws(RepositoryError) -> StoreRepair.Plan {
        try storing { () throws(StoreError) in try StoreRepair(store, files: environment.files).plan(report) }
    }

    /// Puts what is undamaged of damaged packs into new ones.
    ///
    /// The damaged packs stay on the disk; what is derived and damaged goes.
    package func repair(_ report: IntegrityReport) throws(RepositoryError) -> StoreRepair.Outcome {
        let configuration = (try? copy.configuration()) ?? Configuration()
        guard let actor = Identity.find(configuration, environment).person else { throw .noIdentity }
        let event = Event(
            verb: StoreRepair.verb, actor: actor, workingCopy: nil, time: environment.now(),
            nonce: Hex.text(environment.random(16)), reason: nil, refs: [])
        return try storing { () throws(StoreError) in
            try StoreRepair(store, files: environment.files).perform(
                report, event: event, random: environment.random)
        }
    }
}
