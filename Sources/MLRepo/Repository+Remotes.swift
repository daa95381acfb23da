package import FileIO
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

extension Repository {
    package static let defaultRemote = "origin"

    private static let prefix = "remote."
    private static let suffix = ".url"

    /// The setting that has the place of another store.
    static func remoteSetting(_ name: String) -> String { prefix + name + suffix }

    /// The other stores that have a name here, sorted by it.
    package var remotes: [(name: String, url: String)] {
        configuration.all.compactMap { (key, value) in
            guard key.hasPrefix(Self.prefix), key.hasSuffix(Self.suffix) else { return nil }
            return (String(key.dropFirst(Self.prefix.count).dropLast(Self.suffix.count)), value)
        }
    }

    /// The store that a person names: by its name here, or by its place.
    ///
    /// - Parameter text: Nothing for the only one that has a name, or `origin`.
    package func remote(_ text: String?) throws(RepositoryError) -> Remote {
        let remotes = remotes
        let name: String
        if let text {
            name = text
        } else if let only = remotes.first, remotes.count == 1 {
            name = only.name
        } else {
            name = Self.defaultRemote
        }
        if let found = remotes.first(where: { $0.name == name }) {
            return Remote(name: name, url: found.url, location: try location(found.url))
        }
        guard text != nil, name.contains("/") || name.contains(":") || name.hasPrefix(".") else {
            throw .noRemote(name)
        }
        return Remote(name: nil, url: name, location: try location(name))
    }

    private func location(_ text: String) throws(RepositoryError) -> RemoteLocation {
        try Self.location(text, from: environment.workingDirectory)
    }

    static func location(_ text: String, from directory: FilePath) throws(RepositoryError) -> RemoteLocation {
        do throws(RemoteLocation.Problem) {
            return try RemoteLocation(Array(text.utf8), from: directory)
        } catch { throw .badPlace(text, problem: error.problem) }
    }

    /// Gives another store a name in this working copy.
    ///
    /// - Throws: ``RepositoryError/refExists(_:)`` if another one has that name.
    package func addRemote(_ name: String, _ url: String) throws(RepositoryError) {
        guard !remotes.contains(where: { $0.name == name }) else { throw .refExists(name) }
        try writeRemote(name, url)
    }

    /// Gives a name to another place.
    package func setRemote(_ name: String, _ url: String) throws(RepositoryError) {
        guard remotes.contains(where: { $0.name == name }) else { throw .noRemote(name) }
        try writeRemote(name, url)
    }

    private func writeRemote(_ name: String, _ url: String) throws(RepositoryError) {
        _ = try naming { () throws(InvalidName) in
            let ref = try RefName.remote(name, "main")
            guard !name.contains("/"), ref.text.hasSuffix("/\(name)/main") else {
                throw InvalidName(bytes: Array(name.utf8), problem: .refName)
            }
        }
        try setRemoteSetting(name, try Self.place(try location(url), url))
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

    func setRemoteSetting(_ name: String, _ url: String?) throws(RepositoryError) {
        let key = Self.remoteSetting(name)
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
        guard remotes.contains(where: { $0.name == name }) else { throw .noRemote(name) }
        let remote = try remote(name)
        try setRemoteSetting(name, nil)
        try filing { () throws(FileError) in try memory(of: remote).forget() }
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
        try filing { () throws(FileError) in try memory(of: remote).forget() }
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

    // MARK: Reaching it

    func memory(of remote: Remote) -> RemoteMemory {
        var place = remote.url
        if case .directory(let path) = remote.location { place = "\(path)" }
        return RemoteMemory(
            of: place, in: store.layout, environment.files, nonce: Hex.text(environment.random(8)))
    }

    /// Opens another store.
    func open(_ remote: Remote) throws(RepositoryError) -> RemoteStore {
        try open(remote, by: try way(to: remote))
    }

    func open(_ remote: Remote, by way: Way) throws(RepositoryError) -> RemoteStore {
        let memory = memory(of: remote)
        do throws(RemoteError) {
            return try RemoteStore(
                name: remote.label, at: way.root, way.transport, memory: memory,
                losesOnPowerCut: way.line?.losesOnPowerCut)
        } catch {
            // What is not mounted is not made anew.
            guard error.problem == .notAStore, memory.recall() != nil else { throw .remote(error) }
            throw .remote(RemoteError(remote.label, .gone))
        }
    }

    /// The way to another store.
    struct Way {
        let transport: any Transport
        /// Where the store lies there.
        let root: FilePath
        /// The line that leads there, if there is one.
        var line: LineTransport?
        /// Whether the other side only keeps files.
        var isPlain = false
    }

    func way(to remote: Remote) throws(RepositoryError) -> Way {
        switch remote.location {
        case .directory(let path):
            let root = try Self.storeDirectory(path, environment)
            let transport = try Self.directory(root, remote.label, environment.files, environment)
            return Way(transport: transport, root: root)
        case .ssh(let user, let host, let port, let path):
            let program = environment.variable("MLREPO_SSH").flatMap { $0.isEmpty ? nil : $0 } ?? "ssh"
            let command = SSHCommand(
                program: program.split(separator: " ").map(String.init), user: user, host: host, port: port,
                path: path, server: environment.variable("MLREPO_SERVER") ?? "mlrepo")
            FramedTransport.ignoreBrokenPipes()
            do throws(TransportError) { return try way(command, remote.label, path) } catch {
                throw .remote(RemoteError(remote.label, .transport(error)))
            }
        }
    }

    /// The way over ssh: to this program there, or to nothing but files.
    private func way(_ command: SSHCommand, _ name: String, _ path: FilePath) throws(TransportError) -> Way {
        let line: LineTransport
        do throws(TransportError) {
            let words = try command.words()
            line = try LineTransport(name: name) { () throws(TransportError) in
                try FramedTransport(name: name, starting: words)
            }
        } catch {
            guard Self.lacksProgram(error), let plain = try? plainLine(command, name, path) else {
                throw error
            }
            return Way(
                transport: RetryingTransport(plain) { RetryingTransport.sleep($0) }, root: path, line: plain,
                isPlain: true)
        }
        return Way(
            transport: RetryingTransport(line) { RetryingTransport.sleep($0) }, root: path, line: line)
    }

    /// Whether a machine was reached that does not have this program, or gives no shell.
    private static func lacksProgram(_ error: TransportError) -> Bool {
        error.kind == .malformed || error.problem.contains("ended with status 127")
            || error.problem.contains("ended with status 126")
            || error.problem.contains("ended with status 1:")
    }

    private func plainLine(
        _ command: SSHCommand, _ name: String, _ path: FilePath
    ) throws(TransportError) -> LineTransport {
        let words = try command.subsystemWords()
        let random = environment.random
        func line(_ root: FilePath) throws(TransportError) -> LineTransport {
            try LineTransport(name: name) { () throws(TransportError) in
                try SFTPTransport(name: name, root: root, starting: words, random: random)
            }
        }
        let first = try line(path)
        let found = try first.properties(of: [FilePath("format"), FilePath(".mlrepo/format")])
        // A working copy has its store in it.
        return found[0] == nil && found[1] != nil ? try line(path / ".mlrepo") : first
    }

    /// The way to a store in a directory.
    private static func directory(
        _ root: FilePath, _ name: String, _ files: any FileSystem, _ environment: Environment
    ) throws(RepositoryError) -> DirectoryTransport {
        let layout = StoreLayout(root: root)
        let bytes = try filing { () throws(FileError) in
            try files.contentsIfPresent(layout.format, limit: 4096)
        }
        // What is no format of ours is told by who reads it.
        let format = bytes.flatMap { try? StoreFormat(bytes: $0, layout: layout) }
        let shared = format?.sharedBits ?? 0
        return DirectoryTransport(
            name: name, root: root,
            files: shared & 0o060 == 0o060 ? SharedFileSystem(files) : files,
            directoryPermissions: 0o777 | UInt16(truncatingIfNeeded: shared), random: environment.random)
    }

    /// The store at a path: the directory itself, or what a working copy there uses; the directory itself also where nothing is.
    private static func storeDirectory(
        _ path: FilePath, _ environment: Environment
    ) throws(RepositoryError) -> FilePath {
        if try exists(path / "format", environment.files) { return path }
        if try exists(path / ".mlrepo/HEAD", environment.files) {
            return try WorkingCopy(root: path, environment).store()
        }
        return path
    }

    // MARK: Serving one

    /// What serves a store to whoever is at the other end of a pair of descriptors.
    ///
    /// - Parameters:
    ///   - path: The store, or a working copy that has one.
    ///   - isReadOnly: Whether everything is refused that would change it.
    package static func server(
        of path: FilePath, isReadOnly: Bool, _ environment: Environment
    ) throws(RepositoryError) -> FramedServer {
        let root = try storeDirectory(path, environment)
        guard try exists(root / "format", environment.files) else { throw .store(.notFound(path)) }
        // No link in it leads anybody out of it.
        let files = environment.files.confined(to: root) ?? environment.files
        return FramedServer(try directory(root, "\(path)", files, environment), isReadOnly: isReadOnly)
    }
}
