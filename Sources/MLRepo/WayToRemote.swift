package import FileIO
package import Remotes
internal import Storage

/// The way to another store.
struct WayToRemote {
    let transport: any Transport
    /// Where the store lies there.
    let root: FilePath
    /// The line that leads there, if there is one.
    var line: LineTransport?
    /// The bundle that it leads into, if it is one.
    var bundle: BundleFile?
    /// Whether the other side only keeps files.
    var isPlain = false
}

extension KnownRemotes {
    func way(to remote: Remote) throws(RepositoryError) -> WayToRemote {
        switch remote.location {
        case .directory(let path):
            if try filing({ () throws(FileError) in try environment.files.status(path)?.kind }) == .file {
                do throws(TransportError) {
                    let bundle = try BundleFile(name: remote.label, opening: path, files: environment.files)
                    return WayToRemote(transport: bundle, root: path, bundle: bundle)
                } catch {
                    throw .remote(RemoteError(remote.label, .transport(error)))
                }
            }
            let root = try Repository.storeDirectory(path, environment)
            let transport = try Repository.directory(root, remote.label, environment.files, environment)
            return WayToRemote(transport: transport, root: root)
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
    private func way(_ command: SSHCommand, _ name: String, _ path: FilePath) throws(TransportError)
        -> WayToRemote
    {
        let line: LineTransport
        do throws(TransportError) {
            let words = try command.words()
            line = try LineTransport(name: name) { () throws(TransportError) in
                try FramedTransport(name: name, starting: words)
            }
        } catch {
            guard Self.lacksProgram(error) else { throw error }
            let first = error
            let plain: LineTransport
            do throws(TransportError) { plain = try plainLine(command, name, path) } catch {
                // Where there is no SFTP either, how the first program ended tells more.
                if error.kind == .unreachable { throw first }
                throw TransportError(.unreachable, "\(first); and by SFTP: \(error)", end: first.end)
            }
            return WayToRemote(
                transport: RetryingTransport(plain) { RetryingTransport.sleep($0) }, root: path, line: plain,
                isPlain: true)
        }
        return WayToRemote(
            transport: RetryingTransport(line) { RetryingTransport.sleep($0) }, root: path, line: line)
    }

    /// Whether a machine was reached that does not have this program, or gives no shell.
    private static func lacksProgram(_ error: TransportError) -> Bool {
        // 127 and 126 are a shell's words for a command that is not there or may not be run; 1 is what a server ends with that gives
        // nothing but SFTP.
        error.kind == .malformed || [1, 126, 127].contains { error.end == .status($0) }
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
}

extension Repository {
    /// The way to a store in a directory.
    static func directory(
        _ root: FilePath, _ name: String, _ files: any FileSystem, _ environment: Environment
    ) throws(RepositoryError) -> DirectoryTransport {
        let layout = StoreLayout(root: root)
        let bytes = try filing { () throws(FileError) in
            try files.contentsIfPresent(layout.format, limit: 4096)
        }
        // What is no format of ours is told by who reads it.
        let format = bytes.flatMap { try? StoreFormat(bytes: $0, layout: layout) }
        let shared = format?.sharedBits ?? 0
        // No link in it leads anybody out of it.
        let files = files.confined(to: root) ?? files
        return DirectoryTransport(
            name: name, root: root,
            files: shared & 0o060 == 0o060 ? SharedFileSystem(files) : files,
            directoryPermissions: 0o777 | UInt16(truncatingIfNeeded: shared), random: environment.random)
    }

    /// The store at a path: the directory itself, or what a working copy there uses; the directory itself also where nothing is.
    static func storeDirectory(
        _ path: FilePath, _ environment: Environment
    ) throws(RepositoryError) -> FilePath {
        if try exists(path / "format", environment.files) { return path }
        if try exists(path / ".mlrepo/HEAD", environment.files) {
            return try WorkingCopy(root: path, environment).store()
        }
        return path
    }

    /// What serves a store to whoever is at the other end of a pair of descriptors.
    ///
    /// - Parameters:
    ///   - path: The store, or a working copy that has one.
    ///   - isReadOnly: Whether everything is refused that would change it.
    ///   - key: The fingerprint of the key by which somebody came, as `SHA256:…`; nothing if that is not known.
    /// - Throws: The same for a store that is not there and for one that whoever came may not read.
    package static func server(
        of path: FilePath, isReadOnly: Bool, key: String? = nil, _ environment: Environment
    ) throws(RepositoryError) -> FramedServer {
        let root = try storeDirectory(path, environment)
        guard try exists(root / "format", environment.files) else { throw .store(.notFound(path)) }
        let gate = PolicyGate(root, key: key, environment)
        let mayRead = try storing { () throws(StoreError) in try gate.mayRead() }
        guard mayRead else { throw .notServed(path) }
        return FramedServer(
            try directory(root, "\(path)", environment.files, environment), isReadOnly: isReadOnly, gate: gate
        )
    }
}
