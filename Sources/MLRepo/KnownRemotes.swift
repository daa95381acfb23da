internal import FileIO
internal import ObjectModel
package import Remotes
internal import Storage

/// Another store, as people call it.
package struct Remote: Hashable, Sendable {
    /// The name that it has here; nothing if it was named by its place.
    package let name: String?
    /// Its place, as it was written.
    package let url: String
    package let location: RemoteLocation

    /// What messages call it.
    package var label: String { name ?? url }
}

/// The other stores that a working copy knows, and what was seen of them.
///
/// It works also where this side's own store cannot be opened.
package struct KnownRemotes: Sendable {
    package static let defaultName = "origin"

    let configuration: Configuration
    let environment: Environment
    /// This side's store, in whose `cache/` is kept what was seen.
    let layout: StoreLayout
    /// Signs entries that are made in other stores, if they are to be signed.
    var signer: EntrySigner?
    /// What checks a store's log against its policy; nothing where this side's own store cannot be opened.
    var guarding: (@Sendable (RemoteMemory?) -> PolicyGuard)?

    private static let prefix = "remote."
    private static let suffix = ".url"

    /// The setting that has the place of another store.
    static func setting(_ name: String) -> String { prefix + name + suffix }

    /// The other stores that have a name here, sorted by it.
    package var all: [(name: String, url: String)] {
        configuration.all.compactMap { (key, value) in
            guard key.hasPrefix(Self.prefix), key.hasSuffix(Self.suffix) else { return nil }
            return (String(key.dropFirst(Self.prefix.count).dropLast(Self.suffix.count)), value)
        }
    }

    /// The store that a person names: by its name here, or by its place.
    ///
    /// - Parameter text: Nothing for the only one that has a name, or `origin`.
    package func named(_ text: String?) throws(RepositoryError) -> Remote {
        let remotes = all
        let name: String
        if let text {
            name = text
        } else if let only = remotes.first, remotes.count == 1 {
            name = only.name
        } else {
            name = Self.defaultName
            if !remotes.isEmpty, !remotes.contains(where: { $0.name == name }) {
                throw .manyRemotes(remotes.map(\.name))
            }
        }
        if let found = remotes.first(where: { $0.name == name }) {
            return Remote(
                name: name, url: found.url,
                location: try Self.location(found.url, from: environment.workingDirectory))
        }
        guard text != nil,
            name.contains("/") || name.contains(":") || name.hasPrefix(".") || name.hasSuffix(".bundle")
        else {
            let place = environment.workingDirectory.appending(Array(name.utf8))
            throw .noRemote(name, isFile: (try? environment.files.status(place)) ?? nil != nil)
        }
        return Remote(
            name: nil, url: name, location: try Self.location(name, from: environment.workingDirectory))
    }

    static func location(_ text: String, from directory: FilePath) throws(RepositoryError) -> RemoteLocation {
        do throws(RemoteLocation.Problem) {
            return try RemoteLocation(Array(text.utf8), from: directory)
        } catch { throw .badPlace(text, problem: error.problem) }
    }

    /// A place as it is written down: one that does not change with where somebody is.
    static func place(_ location: RemoteLocation, _ url: String) throws(RepositoryError) -> String {
        guard case .directory(let path) = location else { return url }
        let text = "\(path)"
        guard Array(text.utf8) == path.bytes else {
            throw .badPlace(url, problem: "a setting is text, and the path is none")
        }
        return text
    }

    func memory(of remote: Remote) -> RemoteMemory {
        var place = remote.url
        if case .directory(let path) = remote.location { place = "\(path)" }
        return RemoteMemory(
            of: place, in: layout, environment.files, nonce: Hex.text(environment.random(8)))
    }

    /// Opens another store, and checks what is new in its log against its policy.
    func open(_ remote: Remote) throws(RepositoryError) -> RemoteStore {
        try open(remote, by: try way(to: remote))
    }

    func open(_ remote: Remote, by way: WayToRemote) throws(RepositoryError) -> RemoteStore {
        try openGuarded(remote, by: way).store
    }

    /// The same, with what knows the policy.
    func openGuarded(
        _ remote: Remote, by way: WayToRemote
    ) throws(RepositoryError) -> (store: RemoteStore, guard: PolicyGuard?) {
        // Whoever makes a bundle anew makes another store.
        let memory = way.bundle == nil ? memory(of: remote) : nil
        let watch = guarding?(memory)
        var inspection: RemoteStore.Inspection?
        if let watch { inspection = { (store) throws(RemoteError) in try watch.inspect(store) } }
        do throws(RemoteError) {
            let store = try RemoteStore(
                name: remote.label, at: way.root, way.transport, memory: memory,
                losesOnPowerCut: way.line?.losesOnPowerCut, session: { way.line?.session },
                signing: signer, inspecting: inspection)
            return (store, watch)
        } catch {
            // What is not mounted is not made anew.
            guard error.problem == .notAStore else { throw .remote(error) }
            if memory?.recall() != nil { throw .remote(RemoteError(remote.label, .gone)) }
            // Where a name leads may be mistyped.
            let place = remote.name.map { "\($0), \(remote.url)" } ?? remote.url
            throw .remote(RemoteError(place, .notAStore))
        }
    }

    /// Opens another store to be looked through: without a word of what its policy does not allow, and without that being remembered.
    func openUnchecked(_ remote: Remote) throws(RepositoryError) -> RemoteStore {
        let way = try way(to: remote)
        do throws(RemoteError) {
            return try RemoteStore(name: remote.label, at: way.root, way.transport, memory: nil)
        } catch { throw .remote(error) }
    }
}
