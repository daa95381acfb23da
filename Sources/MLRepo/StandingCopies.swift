internal import FileIO
internal import ObjectModel
internal import Storage

/// The working copies of a store, as far as it is known where these are: witnesses of what it had.
struct StandingCopies {
    /// What each stands on, and its directory; the own one first.
    let commits: [(root: FilePath, commit: ObjectID)]

    /// - Parameters:
    ///   - store: The directory of the store.
    ///   - own: The working copy that asks; nothing for none.
    init(store: FilePath, own: WorkingCopy?, _ environment: Environment) {
        var roots: [FilePath] = []
        if let own, !own.isBare { roots.append(own.root) }
        let places = WorkingCopyNotes(StoreLayout(root: store), environment.files).places.values
        for place in places.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) })
        where !roots.contains(place) { roots.append(place) }
        commits = roots.compactMap { root in
            let copy = WorkingCopy(root: root, environment)
            guard (try? copy.store()) == store, let id = (try? copy.head())?.commit else { return nil }
            return (root, id)
        }
    }
}
