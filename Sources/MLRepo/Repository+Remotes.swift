internal import FileIO
internal import ObjectModel
internal import Remotes
internal import Storage

extension Repository {
    /// The other stores that this working copy knows.
    package var knownRemotes: KnownRemotes {
        KnownRemotes(configuration: configuration, environment: environment, layout: store.layout)
    }

    /// The other stores that have a name here, sorted by it.
    package var remotes: [(name: String, url: String)] { knownRemotes.all }

    /// The store that a person names: by its name here, or by its place.
    ///
    /// - Parameter text: Nothing for the only one that has a name, or `origin`.
    package func remote(_ text: String?) throws(RepositoryError) -> Remote { try knownRemotes.named(text) }

    /// Gives another store a name in this working copy.
    ///
    /// - Throws: ``RepositoryError/refExists(_:)`` if another one has that name.
    package func addRemote(_ name: String, _ url: String) throws(RepositoryError) {
        guard !remotes.contains(where: { $0.name == name }) else { throw .refExists(name) }
        try writeRemote(name, url)
    }

    /// Gives a name to another place.
    package func setRemote(_ name: String, _ url: String) throws(RepositoryError) {
        guard remotes.contains(where: { $0.name == name }) else { throw .noRemote(name, isFile: false) }
        try writeRemote(name, url)
    }

    private func writeRemote(_ name: String, _ url: String) throws(RepositoryError) {
        _ = try naming { () throws(InvalidName) in
            let ref = try RefName.remote(name, "main")
            guard !name.contains("/"), ref.text.hasSuffix("/\(name)/main") else {
                throw InvalidName(bytes: Array(name.utf8), problem: .refName)
            }
        }
        try setRemoteSetting(
            name,
            try KnownRemotes.place(try KnownRemotes.location(url, from: environment.workingDirectory), url))
    }

    func setRemoteSetting(_ name: String, _ url: String?) throws(RepositoryError) {
        let key = KnownRemotes.setting(name)
        if let url, Configuration("\(key) = \(url)")[key] != url {
            throw .badConfiguration(
                "a place is one line, without '#' and without spaces at its ends or in a row")
        }
        let bytes = try filing { () throws(FileError) in
            try environment.files.contentsIfPresent(copy.directory / "config", limit: 1 << 20)
        }
        let text = String(decoding: bytes ?? [], as: UTF8.self)
        try copy.setConfiguration(Array(Configuration.text(text, setting: key, to: url).utf8))
    }

    /// Forgets another store: its name, and what was seen there.
    package func removeRemote(_ name: String) throws(RepositoryError) {
        guard remotes.contains(where: { $0.name == name }) else { throw .noRemote(name, isFile: false) }
        let remote = try remote(name)
        try setRemoteSetting(name, nil)
        try filing { () throws(FileError) in try knownRemotes.memory(of: remote).forget() }
        let refs = try refs(in: "remotes").filter { $0.name.hasPrefix(name + "/") }
        guard !refs.isEmpty else { return }
        try noteRemote("remote", "remove \(name)") { () throws(RepositoryError) in
            try refs.map { (ref) throws(RepositoryError) in
                let name = try naming { () throws(InvalidName) in try RefName("remotes/\(ref.name)") }
                return RefChange(name: name, before: ref.target, after: nil)
            }
        }
    }

    /// Takes whatever lies at the place of a store for new, also if it was turned back or exchanged.
    package func forgetRemote(_ name: String) throws(RepositoryError) {
        let remote = try remote(name)
        try filing { () throws(FileError) in try knownRemotes.memory(of: remote).forget() }
    }

    /// Moves refs that tell of another store.
    func noteRemote(
        _ verb: String, _ reason: String, _ changes: () throws(RepositoryError) -> [RefChange]
    ) throws(RepositoryError) {
        guard let actor = person else { throw .noIdentity }
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        _ = try transact(verb, reason: reason, actor: actor, try copy.head(), writer, changes: changes)
    }
}
