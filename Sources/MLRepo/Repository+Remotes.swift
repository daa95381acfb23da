internal import FileIO
internal import ObjectModel
internal import Remotes
internal import Storage

extension Repository {
    /// The other stores that this working copy knows.
    package var knownRemotes: KnownRemotes {
        let (local, environment, keys, identity) = (store, self.environment, self.keys, self.identity)
        return KnownRemotes(
            configuration: configuration, environment: environment, layout: store.layout, signer: entrySigner,
            guarding: { memory in
                PolicyGuard(local, memory, environment, signer: keys.entrySigner { identity.value.person })
            })
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

    /// Gives a name to another place: the store that lies there has to be the one that it was, or ``forgetRemote(_:)`` says so.
    package func setRemote(_ name: String, _ url: String) throws(RepositoryError) {
        guard remotes.contains(where: { $0.name == name }) else { throw .noRemote(name, isFile: false) }
        // A place that cannot be read any more is given up for this one.
        let before = try? remote(name)
        try writeRemote(name, url)
        let location = try KnownRemotes.location(url, from: environment.workingDirectory)
        let after = Remote(name: name, url: try KnownRemotes.place(location, url), location: location)
        if let before { knownRemotes.memory(of: after).takeOver(knownRemotes.memory(of: before)) }
    }

    /// Gives another store another name: what was fetched from it has that name then, too.
    ///
    /// - Throws: ``RepositoryError/refExists(_:)`` if another one has that name.
    package func renameRemote(_ old: String, to new: String) throws(RepositoryError) {
        guard let known = remotes.first(where: { $0.name == old }) else {
            throw .noRemote(old, isFile: false)
        }
        guard !remotes.contains(where: { $0.name == new }) else { throw .refExists(new) }
        try requireName(new)
        // Refs are the store's, and names of other stores a working copy's: another one may use this name. Where only the new name has
        // refs, a renaming was cut off behind them.
        let refs = try refs(in: "remotes").map(\.name)
        guard
            !refs.contains(where: { $0.hasPrefix(old + "/") })
                || !refs.contains(where: { $0.hasPrefix(new + "/") })
        else { throw .refExists("remotes/\(new)") }
        // Where this is cut off, it is begun anew by the same words, as long as the old name is there.
        try moveRemoteRefs("rename \(old) \(new)", of: old) { (branch) throws(InvalidName) in
            try RefName.remote(new, branch)
        }
        try setRemoteSettings([(new, known.url), (old, nil)])
    }

    private func requireName(_ name: String) throws(RepositoryError) {
        guard !name.contains("/") else {
            throw .badConfiguration(
                "'\(escapedText(name.utf8))' has a slash: the name of a store is one word")
        }
        _ = try naming { () throws(InvalidName) in
            let ref = try RefName.remote(name, "main")
            guard ref.text.hasSuffix("/\(name)/main") else {
                throw InvalidName(bytes: Array(name.utf8), problem: .refName)
            }
        }
    }

    private func writeRemote(_ name: String, _ url: String) throws(RepositoryError) {
        try requireName(name)
        let location = try KnownRemotes.location(url, from: environment.workingDirectory)
        try setRemoteSettings([(name, try KnownRemotes.place(location, url))])
    }

    /// Writes places of other stores down, all in one step; a name without one goes.
    private func setRemoteSettings(_ settings: [(name: String, url: String?)]) throws(RepositoryError) {
        let bytes = try filing { () throws(FileError) in
            try environment.files.contentsIfPresent(copy.directory / "config", limit: 1 << 20)
        }
        var text = String(decoding: bytes ?? [], as: UTF8.self)
        for (name, url) in settings {
            let key = KnownRemotes.setting(name)
            if let url, Configuration("\(key) = \(url)")[key] != url {
                throw .badConfiguration(
                    "a place is one line, without '#' and without spaces at its ends or in a row")
            }
            text = Configuration.text(text, setting: key, to: url)
        }
        try copy.setConfiguration(Array(text.utf8))
    }

    /// Forgets the name of another store; what was seen at its place counts for whoever goes there again (``forgetRemote(_:)``).
    package func removeRemote(_ name: String) throws(RepositoryError) {
        guard remotes.contains(where: { $0.name == name }) else { throw .noRemote(name, isFile: false) }
        try moveRemoteRefs("remove \(name)", of: name) { _ in nil }
        try setRemoteSettings([(name, nil)])
    }

    /// Gives the refs that tell of another store's branches other names, or takes them away.
    private func moveRemoteRefs(
        _ reason: String, of remote: String, _ name: (String) throws(InvalidName) -> RefName?
    ) throws(RepositoryError) {
        func changes() throws(RepositoryError) -> [RefChange] {
            var changes: [RefChange] = []
            for ref in try refs(in: "remotes") where ref.name.hasPrefix(remote + "/") {
                let branch = String(ref.name.dropFirst(remote.utf8.count + 1))
                let (before, after) = try naming { () throws(InvalidName) in
                    (try RefName("remotes/\(ref.name)"), try name(branch))
                }
                changes.append(RefChange(name: before, before: ref.target, after: nil))
                guard let after else { continue }
                let held = try self.ref(after)
                if held != ref.target {
                    changes.append(RefChange(name: after, before: held, after: ref.target))
                }
            }
            return changes.sorted { $0.name < $1.name }
        }
        guard try !changes().isEmpty else { return }
        try noteRemote("remote", reason, changes)
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
