internal import ObjectModel
package import Storage

extension Repository {
    /// What maintenance would code otherwise now.
    ///
    /// - Parameter watch: Is told how far it is, by any thread.
    package func maintenancePlan(
        watch: @Sendable (Rebasing.Step) -> Void = { _ in }
    ) throws(RepositoryError) -> Rebasing.Plan {
        try storing { () throws(StoreError) in try rebasing.plan(watch: watch) }
    }

    /// Has versions of tensors told by the nearest of them, and does what a store needs now and then.
    ///
    /// - Parameter watch: Is told how far it is, by any thread.
    package func maintain(
        watch: @Sendable (Rebasing.Step) -> Void = { _ in }
    ) throws(RepositoryError) -> Rebasing.Outcome {
        guard let actor = person else { throw .noIdentity }
        let workingCopy = copy.isBare ? nil : try copy.head().workingCopy
        return try storing { () throws(StoreError) in
            let outcome = try rebasing.perform(watch: watch) { event(Rebasing.verb, actor, workingCopy) }
            try StoreUpkeep(store, random: environment.random).run {
                event(StoreUpkeep.verb, actor, workingCopy)
            }
            return outcome
        }
    }

    private var rebasing: Rebasing {
        Rebasing(store, threads: environment.width, random: environment.random)
    }
}
