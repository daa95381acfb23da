internal import FileIO
internal import ObjectModel
internal import Remotes
internal import Storage

/// The files of another store, for what is done there as on a disk here.
struct OtherStore: Sendable {
    let name: String
    let root: FilePath
    let files: RemoteFileSystem
    /// What a bundle goes on from.
    var needs: [ObjectID] = []
    /// How this side came there, as the other one says.
    var session: @Sendable () -> Event.Session? = { nil }
    /// If it is a bundle, how many packs are in it.
    var bundledPacks: Int?

    var isBundle: Bool { bundledPacks != nil }

    /// Runs calls on the store, and names it where they fail, or where it cannot be reached any more.
    func calling<Result>(_ body: () throws(StoreError) -> Result) throws(RepositoryError) -> Result {
        let result: Result
        do throws(StoreError) { result = try body() } catch { throw self.error(error) }
        // What does not come is no damage.
        if let failure = files.failure { throw .remote(RemoteError(name, .transport(failure))) }
        return result
    }

    private func error(_ error: StoreError) -> RepositoryError {
        if let failure = files.failure { return .remote(RemoteError(name, .transport(failure))) }
        if case .notFound = error { return .remote(RemoteError(name, .notAStore)) }
        return .remote(RemoteError(name, .store(error)))
    }
}

extension KnownRemotes {
    /// The files of another store, after a look at its log: whether it was turned back, forked or exchanged.
    ///
    /// - Parameter toleratesDamage: Whether a store is taken that does not open.
    func files(of remote: Remote, toleratingDamage toleratesDamage: Bool) throws(RepositoryError)
        -> OtherStore
    {
        let way = try way(to: remote)
        let files = files(of: remote, by: way)
        let line = way.line
        let other = OtherStore(
            name: remote.label, root: way.root, files: files, needs: way.bundle?.needs ?? [],
            session: { line?.session }, bundledPacks: way.bundle?.packCount)
        do throws(RepositoryError) {
            let store = try open(remote, by: way)
            let layout = StoreLayout(root: way.root)
            try other.calling { () throws(StoreError) in
                do throws(FileError) {
                    try files.expect(store.state.live.sorted().map { layout.pack($0) })
                } catch { throw .file(error) }
            }
        } catch {
            guard toleratesDamage, case .remote(let problem) = error else { throw error }
            switch problem.problem {
            case .store, .object: break
            default: throw error
            }
        }
        return other
    }

    func files(of remote: Remote, by way: WayToRemote) -> RemoteFileSystem {
        let place = ScratchPlace(
            .files, in: layout, environment.files, key: "other", nonce: Hex.text(environment.random(8)))
        return RemoteFileSystem(
            way.transport, at: way.root, owner: Hex.text(environment.random(8)), in: place)
    }
}
