internal import ObjectModel
package import Storage

extension Repository {
    /// What a collection would do now.
    ///
    /// - Parameter immediately: Without the time in which `undo` can bring things back.
    package func collectionPlan(immediately: Bool) throws(RepositoryError) -> GarbageCollector.Plan {
        try storing { () throws(StoreError) in try collector(immediately).plan() }
    }

    /// Takes out of the store what nothing needs any more.
    package func collect(immediately: Bool) throws(RepositoryError) -> GarbageCollector.Outcome {
        guard let actor = person else { throw .noIdentity }
        let workingCopy = copy.isBare ? nil : try copy.head().workingCopy
        try copy.sweep()
        return try storing { () throws(StoreError) in
            try collector(immediately).collect { event(GarbageCollector.verb, actor, workingCopy) }
        }
    }

    private func collector(_ immediately: Bool) -> GarbageCollector {
        GarbageCollector(store, times: immediately ? .now : .usual, random: environment.random)
    }

    /// How much of what is in the store.
    package func statistics() throws(RepositoryError) -> StoreStatistics {
        try storing { () throws(StoreError) in try StoreStatistics(store) }
    }
}
