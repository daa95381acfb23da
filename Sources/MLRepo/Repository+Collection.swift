internal import FileIO
internal import ObjectModel
package import Storage

extension Repository {
    /// What collects: this side's store, or another one.
    ///
    /// - Parameters:
    ///   - remote: Another store, as a person names it; nothing for this side's.
    ///   - immediately: Without the time in which `undo` can bring things back.
    package func collection(
        of remote: String?, immediately: Bool
    ) throws(RepositoryError) -> StoreCollection {
        let times: GarbageCollector.Times = immediately ? .now : .usual
        guard let remote else { return StoreCollection(self, store, nil, times) }
        let known = knownRemotes
        let other = try known.files(of: try known.named(remote), toleratingDamage: false)
        if other.isBundle { throw .bundleIsDone(other.name) }
        let store = try other.calling { () throws(StoreError) in
            try ObjectStore.open(
                other.root, files: other.files, signing: entrySigner, governed: governance)
        }
        return StoreCollection(self, store, other, times)
    }

    /// A collection of one store.
    package struct StoreCollection {
        private let repository: Repository
        private let store: ObjectStore
        private let other: OtherStore?
        private let collector: GarbageCollector

        fileprivate init(
            _ repository: Repository, _ store: ObjectStore, _ other: OtherStore?,
            _ times: GarbageCollector.Times
        ) {
            (self.repository, self.store, self.other) = (repository, store, other)
            collector = GarbageCollector(store, times: times, random: repository.environment.random)
        }

        /// The working copy, with what that store has.
        package var view: Repository { repository.seeing(store) }

        /// What would be done now.
        package func plan() throws(RepositoryError) -> GarbageCollector.Plan {
            try calling { () throws(StoreError) in try collector.plan() }
        }

        /// Takes out of the store what nothing needs any more.
        package func perform() throws(RepositoryError) -> GarbageCollector.Outcome {
            guard let actor = repository.person else { throw .noIdentity }
            let copy = repository.copy
            let workingCopy = copy.isBare || other != nil ? nil : try copy.head().workingCopy
            if other == nil {
                try requireHeads()
                try copy.sweep()
            }
            return try calling { () throws(StoreError) in
                try collector.collect {
                    var event = repository.event(GarbageCollector.verb, actor, workingCopy)
                    event.session = other?.session()
                    return event
                }
            }
        }

        /// Refuses where a working copy stands on what the store has lost: what that needs would go, since nothing names it any more.
        private func requireHeads() throws(RepositoryError) {
            guard try lost() != nil else { return }
            // Somebody may have committed since the store was opened.
            _ = try storing { () throws(StoreError) in try store.refresh() }
            guard let (root, commit) = try lost() else { return }
            throw root == repository.copy.root ? .lostCommit(commit) : .lostCommitThere(root, commit)
        }

        private func lost() throws(RepositoryError) -> (root: FilePath, commit: ObjectID)? {
            let copy = repository.copy
            return StandingCopies(store: store.layout.root, own: copy, repository.environment).commits.first {
                !store.contains(ObjectReference(.commit, $0.commit))
            }
        }

        private func calling<Result>(
            _ body: () throws(StoreError) -> Result
        ) throws(RepositoryError) -> Result {
            guard let other else { return try storing(body) }
            return try other.calling(body)
        }
    }

    /// How much of what is in the store.
    package func statistics() throws(RepositoryError) -> StoreStatistics {
        try storing { () throws(StoreError) in try StoreStatistics(store) }
    }
}
