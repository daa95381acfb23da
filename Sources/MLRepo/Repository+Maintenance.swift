internal import ObjectModel
package import Storage

extension Repository {
    /// What maintenance would code otherwise now.
    package func maintenancePlan() throws(RepositoryError) -> Rebasing.Plan {
        try storing { () throws(StoreError) in try rebasing.plan() }
    }

    /// Has versions of tensors told by the nearest of them, and does what a store needs now and then.
    ///
    /// - Parameter watch: Is told of how many packs have been made anew, and of how many bytes, of how many.
    package func maintain(
        watch: (_ packs: Int, _ bytes: Int, _ all: Int) -> Void = { _, _, _ in }
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
