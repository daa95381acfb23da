internal import ArgumentParser
internal import FileIO
internal import Governance
internal import MLRepo
internal import ObjectModel

struct IdentityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "identity", abstract: "The SSH key that signs for you, and whose keys are trusted.",
        discussion: """
            Commits and tags are signed with an SSH key: that of user.signingKey, else git's where git signs by SSH, else \
            ~/.ssh/id_ed25519, id_ecdsa or id_rsa. ssh-keygen signs, with an agent or a hardware key if that holds it. \
            What is signed keeps its id; signatures go along with push, fetch and clone.

            Whose keys are trusted is said in each working copy, or with --global for all of yours: nothing that comes from another \
            store changes it.

            EXAMPLES
              mlrepo identity                              who you are here
              mlrepo identity use ~/.ssh/id_ed25519        sign with this key
              mlrepo config commit.sign true               sign every commit
              mlrepo identity list                         whose keys are trusted
              mlrepo identity trust ada@example.com ada.pub
              mlrepo identity trust ada@example.com ada.pub --until now
              mlrepo identity trust --global bob@example.com bob.pub
              mlrepo identity trust '*@example.com' ca.pub --authority
              mlrepo identity untrust ada@example.com      or SHA256:..., one key
            """)

    @Flag(help: "The key signs certificates of those people, and is none of theirs.")
    var authority = false
    @Flag(help: "For all working copies of yours: in ~/.config/mlrepo/allowed_signers.")
    var global = false
    @Option(help: ArgumentHelp("Trust it only for what came into the log then or later.", valueName: "time"))
    var from: String?
    @Option(help: ArgumentHelp("Trust it only for what came into the log until then.", valueName: "time"))
    var until: String?
    @OptionGroup var output: OutputOptions
    @Argument(help: ArgumentHelp("What to do: use, list, trust or untrust.", valueName: "verb"))
    var verb: String?
    @Argument(help: "An address, a key's file, or its fingerprint.", completion: .file())
    var words: [String] = []

    func validate() throws {
        let counts = ["use": 1, "list": 0, "trust": 2, "untrust": 1]
        if let verb {
            guard let count = counts[verb] else {
                throw ValidationError(
                    "'identity' takes use, list, trust or untrust, not '\(Terminal.escaped(verb))'")
            }
            guard words.count == count else {
                let needed = [
                    "use": "the file of a key", "list": "nothing more", "trust": "an address and a key",
                    "untrust": "an address or a fingerprint",
                ]
                throw ValidationError("'identity \(verb)' takes \(needed[verb] ?? "")")
            }
        }
        guard verb == "trust" || (!authority && from == nil && until == nil) else {
            throw ValidationError("--authority, --from and --until belong to 'identity trust'")
        }
        guard !global || verb == "trust" || verb == "untrust" else {
            throw ValidationError("--global belongs to 'identity trust' and 'identity untrust'")
        }
    }

    func run() throws {
        for word in words { try ArgumentText.requireText(word, "the argument") }
        let repository = try Repository.here()
        switch verb {
        case "use":
            let path = repository.environment.place(named: words[0])
            let key = try repository.signingKey("\(path)", "the command")
            try repository.set(.signingKey, to: "\(path)")
            if output.json { return try show(try Repository.here()) }
            if !output.quiet { Terminal.print("Signs with \(Self.text(key))") }
        case "list": try list(repository)
        case "trust":
            let key = try key(words[1], repository)
            try repository.trust(
                key, of: words[0], isAuthority: authority, from: from, until: until, in: place)
            if output.json { return try list(repository) }
            if !output.quiet {
                Terminal.print("Trusts \(key.fingerprint) as that of \(Terminal.escaped(words[0]))")
            }
        case "untrust":
            let word = words[0]
            let isMeant = { (signer: AllowedSigners.Signer) in
                signer.principals == word || signer.key.fingerprint == word
            }
            let count = try repository.untrust(in: place, isMeant)
            guard count > 0 else {
                let isElsewhere = try repository.allowedSigners().signers.contains(where: isMeant)
                throw Failure(
                    status: .notFound,
                    message:
                        "no key of '\(Terminal.escaped(word))' is trusted \(global ? "everywhere" : "in this working copy")",
                    hint: isElsewhere && !global
                        ? "with --global, or in another file" : "mlrepo identity list")
            }
            if output.json { return try list(repository) }
            if !output.quiet { Terminal.print("Trusts \(Terminal.number(count, "key")) less") }
        default: try show(repository)
        }
    }

    private var place: Repository.TrustPlace { global ? .everywhere : .here }

    /// The key in a file, or one that was typed.
    private func key(_ text: String, _ repository: Repository) throws -> SSHPublicKey {
        let path = repository.environment.place(named: text)
        let bytes = try? repository.environment.files.contentsIfPresent(path, limit: 1 << 20)
        let line: Substring
        if let bytes = bytes ?? nil {
            line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first ?? ""
        } else if text.contains(" ") {
            line = text[...]
        } else {
            throw Failure(status: .notFound, message: "no file '\(Terminal.escaped(text))'")
        }
        do throws(MalformedTrust) { return try SSHPublicKey(line: line) } catch {
            throw Failure(
                status: .damaged, message: "\(Terminal.escaped(text)) is no public key of SSH: \(error)",
                hint: "it is the file that ends with .pub")
        }
    }

    private static func text(_ key: SigningKey) -> String {
        "\(Terminal.escaped("\(key.path)"))  \(key.key.type) \(key.key.fingerprint)"
    }

    private func show(_ repository: Repository) throws {
        let (person, key) = (repository.person, try repository.findSigningKey())
        let trusted = try repository.allowedSigners().signers
        let isTrusted = key.map { key in trusted.contains { $0.key == key.key.plain } } ?? false
        if output.json {
            let told = key.map { key in
                JSONValue.object([
                    "fingerprint": .string(key.key.fingerprint), "origin": .string(key.origin),
                    "path": .string("\(key.path)"), "trusted": .bool(isTrusted),
                    "type": .string(key.key.type),
                ])
            }
            return Terminal.printJSON(.object(["key": told ?? .null, "person": person?.json ?? .null]))
        }
        Terminal.print(person.map { Terminal.escaped("\($0)") } ?? "nobody is named")
        guard let key else {
            Terminal.print("no key to sign with")
            return Terminal.printError("hint: ssh-keygen -t ed25519, then mlrepo identity use FILE")
        }
        Terminal.print("signs with \(Self.text(key))")
        guard !isTrusted, !output.quiet else { return }
        let email = person.map { ShellWord.quoted(Array($0.email.utf8)) } ?? "ADDRESS"
        Terminal.printError(
            "note: the key is not trusted here: mlrepo identity trust \(email) '\(Terminal.escaped(key.key.line))'"
        )
    }

    private func list(_ repository: Repository) throws {
        let signers = try repository.allowedSigners().signers
        if output.json {
            return Terminal.printJSON(.array(signers.map(Self.json)))
        }
        for signer in signers {
            var words = [
                Terminal.escaped(signer.principals), "\(signer.key.type) \(signer.key.fingerprint)",
            ]
            if signer.isAuthority { words.append("authority") }
            if let namespaces = signer.namespaces { words.append("for \(Terminal.escaped(namespaces))") }
            if let time = signer.validAfter { words.append("from \(Terminal.time(time))") }
            if let time = signer.validBefore { words.append("until \(Terminal.time(time))") }
            Terminal.print(words.joined(separator: "  "))
        }
    }

    private static func json(_ signer: AllowedSigners.Signer) -> JSONValue {
        .object([
            "authority": .bool(signer.isAuthority), "fingerprint": .string(signer.key.fingerprint),
            "namespaces": signer.namespaces.map { .string($0) }, "principals": .string(signer.principals),
            "type": .string(signer.key.type),
            "validAfter": signer.validAfter.map { .string(Terminal.time($0)) },
            "validBefore": signer.validBefore.map { .string(Terminal.time($0)) },
        ])
    }
}
