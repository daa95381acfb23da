package import FileIO
package import Governance
internal import ObjectModel
internal import Storage

/// The key that somebody signs with.
package struct SigningKey: Sendable {
    /// The file of the private key, or of the public one.
    package let path: FilePath
    package let key: SSHPublicKey
    /// Where it is named: a setting, git's, or nowhere, so that it is the usual file.
    package let origin: String
}

/// The key that whoever works in a working copy signs with.
struct SigningKeys: Sendable {
    private let configuration: Configuration
    private let environment: Environment
    private let copy: WorkingCopy
    /// Asked for once: git may have to be started for it.
    private let found: Lazy<Result<SigningKey?, RepositoryError>>

    init(_ configuration: Configuration, _ environment: Environment, _ copy: WorkingCopy) {
        (self.configuration, self.environment, self.copy) = (configuration, environment, copy)
        found = Lazy {
            do throws(RepositoryError) {
                return .success(try Self.find(configuration, environment, copy))
            } catch { return .failure(error) }
        }
    }

    /// The key that signs, if there is one.
    ///
    /// - Throws: ``RepositoryError/badConfiguration(_:)`` if one is named that cannot be read.
    func find() throws(RepositoryError) -> SigningKey? { try found.value.get() }

    private static func find(
        _ configuration: Configuration, _ environment: Environment, _ copy: WorkingCopy
    ) throws(RepositoryError) -> SigningKey? {
        func key(_ text: String, _ origin: String) throws(RepositoryError) -> SigningKey {
            try self.key(text, origin, environment, copy)
        }
        if let named = configuration[Setting.signingKey.rawValue] {
            return try key(named, Setting.signingKey.rawValue)
        }
        if let named = gitKey(environment) { return try key(named, "git's user.signingkey") }
        guard let home = environment.variable("HOME"), !home.isEmpty else { return nil }
        for name in ["id_ed25519", "id_ecdsa", "id_rsa"] {
            let path = FilePath(home) / ".ssh/\(name)"
            guard let there = try? Repository.exists(path.suffixed(".pub"), environment.files), there else {
                continue
            }
            return try key("\(path)", "\(path)")
        }
        return nil
    }

    /// The key that git signs with, where that is one of SSH.
    private static func gitKey(_ environment: Environment) -> String? {
        let git = Git(root: environment.workingDirectory)
        guard git.line(["config", "--get", "gpg.format"]) == "ssh",
            let key = git.line(["config", "--get", "user.signingkey"]), !key.hasPrefix("key::"),
            !key.hasPrefix("ssh-")
        else { return nil }
        return key
    }

    /// The key that a text names.
    ///
    /// - Parameter origin: Where the text stands.
    static func key(
        _ text: String, _ origin: String, _ environment: Environment, _ copy: WorkingCopy
    ) throws(RepositoryError) -> SigningKey {
        let path = place(text, environment, copy)
        // Beside a private key lies the public one.
        let isPublic = text.hasSuffix(".pub")
        let files = environment.files
        let publicPath = isPublic ? path : path.suffixed(".pub")
        guard let bytes = (try? files.contentsIfPresent(publicPath, limit: SSHPublicKey.byteLimit * 2)) ?? nil
        else { throw .badConfiguration("there is no public key \(publicPath), which \(origin) names") }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        do throws(MalformedTrust) {
            return SigningKey(path: path, key: try SSHPublicKey(line: lines.first ?? ""), origin: origin)
        } catch { throw .badConfiguration("\(publicPath) is no public key of SSH: \(error)") }
    }

    /// Where a file is that a setting names: from the top of the working copy, or from home.
    static func place(_ named: String, _ environment: Environment, _ copy: WorkingCopy) -> FilePath {
        if named.hasPrefix("~/"), let home = environment.variable("HOME") {
            return FilePath(home).appending(Array(named.utf8.dropFirst(2))).normalized
        }
        return copy.root.appending(named).normalized
    }

    // MARK: Signing

    /// Signs a message for one purpose, as somebody.
    ///
    /// - Returns: As `ssh-keygen -Y sign` writes it.
    func sign(
        _ message: [UInt8], for namespace: String, as person: Person
    ) throws(RepositoryError) -> String {
        guard let key = try find() else { throw .noSigningKey }
        guard !person.email.isEmpty else {
            throw .cannotSign("nobody is named whose signature it is: there is no address (user.email)")
        }
        let signer = KeygenSigner(
            key: key.path, files: environment.files, directory: copy.directory,
            nonce: Hex.text(environment.random(8)))
        do throws(SigningProblem) { return try signer.sign(message, for: namespace) } catch {
            throw .cannotSign(error.text)
        }
    }

    /// What signs entries of logs, if they are to be signed.
    ///
    /// - Parameter person: Who makes them.
    func wantedEntrySigner(
        _ person: @escaping @Sendable () -> Person?
    ) throws(RepositoryError) -> EntrySigner? {
        try configuration.isOn(.signsLog) ? entrySigner(person) : nil
    }

    /// What signs entries of logs.
    ///
    /// - Parameter person: Who makes them.
    func entrySigner(_ person: @escaping @Sendable () -> Person?) -> EntrySigner {
        { (message) throws(StoreError) in
            do throws(RepositoryError) {
                guard let person = person() else { throw .noIdentity }
                let text = try sign(message, for: LogEntry.signatureNamespace, as: person)
                do throws(MalformedTrust) { return try SSHSignature(armored: text).blob } catch {
                    throw .cannotSign("\(error)")
                }
            } catch {
                if case .cannotSign(let text) = error { throw .cannotSign(text) }
                throw .cannotSign("\(error)")
            }
        }
    }
}
