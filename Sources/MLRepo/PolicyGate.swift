internal import FileIO
internal import Governance
internal import Hashing
internal import ObjectModel
internal import Remotes
internal import Storage
internal import Synchronization

/// Lets whoever is served change a store only as its policy allows them.
///
/// The store is opened anew for each change: others may change it at the same time.
final class PolicyGate: ServedGate {
    private let root: FilePath
    /// No link in the store leads out of it.
    private let files: any FileSystem
    private let admission: EntryAdmission
    /// The fingerprint of the key that came in by; nothing where nobody said so.
    private let fingerprint: String?
    /// Whether there was a policy when somebody came: what is asked often is not looked up for stores without one.
    private let isGoverned = Mutex(false)
    /// Whether the store could not be opened when somebody came.
    private let isUnreadable = Mutex(false)
    /// When an attempt was written down last: one in a second.
    private let noted = Mutex(-1)

    private var environment: Environment { admission.environment }

    let session: Event.Session?

    init(_ root: FilePath, key fingerprint: String?, _ environment: Environment) {
        (self.root, self.fingerprint) = (root, fingerprint)
        files = environment.files.confined(to: root) ?? environment.files
        // Of sshd: the client's address and port, and the server's.
        let connection = environment.variable("SSH_CONNECTION")?.split(separator: " ").first.map(String.init)
        session =
            connection == nil && fingerprint == nil
            ? nil
            : Event.Session(
                way: connection == nil ? "pipe" : "ssh", address: connection, key: fingerprint)
        admission = EntryAdmission(environment: environment)
    }

    // MARK: Reading

    /// Whether whoever came may read the store at all.
    ///
    /// One that cannot be opened is served as it is, so that it can be mended from elsewhere: but not to whom a policy may forbid it.
    func mayRead() throws(StoreError) -> Bool {
        var known: (policy: Policy, principal: (name: String?, Void)?)?
        do throws(StoreError) {
            if try ObjectStore.isGoverned(root, files: files) { known = try policy(of: try open()) }
        } catch {
            guard fingerprint == nil else { throw error }
            isUnreadable.withLock { $0 = true }
            return true
        }
        isGoverned.withLock { $0 = known != nil }
        guard let (policy, principal) = known, let principal else { return true }
        guard let name = principal.name else { return false }
        return policy.decision(.read, "*", by: name, at: environment.now()).isAllowed
            // Roots have to see what they sign.
            || policy.roots.members.contains(name)
    }

    /// The policy in force, and who came: nothing for `principal` where nobody said who that is, and no name where nobody knows.
    private func policy(
        of store: ObjectStore
    ) throws(StoreError) -> (policy: Policy, principal: (name: String?, Void)?)? {
        guard store.current.isGoverned, let policy = try admission.state(of: store).policy else { return nil }
        guard let fingerprint else { return (policy, nil) }
        return (policy, (Self.principal(fingerprint, policy, environment.now()), ()))
    }

    private static func principal(_ fingerprint: String, _ policy: Policy, _ now: Int) -> String? {
        policy.principals.first { name, principal in
            principal.keys.contains { $0.fingerprint == fingerprint } && policy.isCurrent(name, at: now)
        }?.key
    }

    private func open() throws(StoreError) -> ObjectStore {
        try ObjectStore.open(root, files: files, remembering: false)
    }

    // MARK: Changing

    func checkCreating(_ path: FilePath, _ bytes: [UInt8]) throws(TransportError) {
        let isEntry = path.bytes.starts(with: "log/new/".utf8) && !isUnreadable.withLock { $0 }
        guard isGoverned.withLock({ $0 }) || isEntry else { return }
        try asking { () throws(StoreError) in
            // Nothing else can bring a policy, or be about one.
            if isEntry, !bytes.contains(StoreState.policy.utf8),
                try !ObjectStore.isGoverned(root, files: files)
            {
                return nil
            }
            let store = try open()
            let names = path.bytes.split(separator: UInt8(ascii: "/")).map {
                String(decoding: $0, as: UTF8.self)
            }
            switch names.prefix(2) {
            case ["log", "new"]: return try checkEntry(names[2...].joined(), bytes, store)
            case ["log", "tile"]:
                return try policy(of: store).map { _ in "tiles of a log with a policy are made here" }
            case ["log", "lists"]:
                let isRight = ObjectID(of: .blob, payload: bytes).hex == names.last
                return try isRight ? known(store) : "the list does not have the digest that its name says"
            default: return try known(store)
            }
        }
    }

    func checkUploading(_ path: FilePath) throws(TransportError) {
        guard isGoverned.withLock({ $0 }) else { return }
        try asking { () throws(StoreError) in try known(try open()) }
    }

    func checkFinishing(_ path: FilePath, _ digest: Digest) throws(TransportError) {
        guard isGoverned.withLock({ $0 }) else { return }
        guard String(decoding: path.name, as: UTF8.self).hasPrefix(Hex.text(digest.bytes)) else {
            throw TransportError(.denied, "the pack does not have the digest that its name says")
        }
    }

    func checkRemoving(_ path: FilePath) throws(TransportError) {
        guard isGoverned.withLock({ $0 }) else { return }
        try asking { () throws(StoreError) in
            let store = try open()
            if let problem = try known(store) { return problem }
            guard try policy(of: store) != nil else { return nil }
            let names = path.bytes.split(separator: UInt8(ascii: "/")).map {
                String(decoding: $0, as: UTF8.self)
            }
            switch names.first {
            case "packs":
                // Where it cannot be told what it is, it stays.
                guard let file = names.last, file.hasSuffix(".pack"),
                    let name = PackName(String(file.dropLast(".pack".count)))
                else { return "it is no pack" }
                if store.current.isLive(name) { return "the pack is in use" }
                // Somebody may be about to name it.
                guard let (policy, principal) = try policy(of: store), let name = principal?.name else {
                    return nil
                }
                let isAdmin = policy.decision(.admin, "*", by: name, at: environment.now()).isAllowed
                return isAdmin ? nil : "\(name) may not admin packs"
            case "log":
                guard let number = names.last.flatMap({ Int($0) }) else { return "it is no entry" }
                let isSealed = try store.log.tile(number / OperationLog.tileWidth) != nil
                return isSealed ? nil : "the entry is in use"
            default: return nil
            }
        }
    }

    func hasCreated(_ path: FilePath) {
        guard isGoverned.withLock({ $0 }), path.bytes.starts(with: "log/new/".utf8),
            let store = try? open(), store.current.isGoverned, LogSealing.isDue(store.current)
        else { return }
        try? LogSealing.seal(
            store.current, in: store.layout, origin: store.format.origin, files: files,
            nonce: Hex.text(environment.random(8)))
    }

    /// Why somebody may change nothing; nothing if they may.
    private func known(_ store: ObjectStore) throws(StoreError) -> String? {
        guard let (policy, principal) = try policy(of: store), let principal, principal.name == nil else {
            return nil
        }
        return "policy \(policy.version) knows nobody with this key"
    }

    private func checkEntry(
        _ name: String, _ bytes: [UInt8], _ store: ObjectStore
    ) throws(StoreError) -> String? {
        guard let number = Int(name) else { return "it is no entry" }
        let base = store.current
        // Somebody else was faster: that is told by the name.
        guard number > base.number else { return nil }
        let (file, packs): (LogEntryFile, PackChanges)
        do throws(MalformedObject) {
            file = try LogEntryFile(bytes: bytes, number: number, origin: store.format.origin)
        } catch { return base.isGoverned ? "it is no entry: \(error)" : nil }
        guard base.isGoverned || file.entry.features.contains(StoreState.policy) else { return nil }
        packs = try store.log.packChanges(file.entry)
        let refusal = try admission.refusal(of: file, packs, on: base, in: store) {
            policy, operation, event in
            guard let fingerprint else { return nil }
            guard let name = Self.principal(fingerprint, policy, environment.now()) else {
                return PolicyRefusal("policy \(policy.version) knows nobody with this key")
            }
            // Here also of what changes nothing: who fills a log with words is to be known.
            switch PolicyState.principal(of: operation, in: policy) {
            case .failure(let refusal): return refusal
            case .success(name): break
            case .success:
                return PolicyRefusal(
                    "\(name) came in by a key, and another one than theirs signed the entry", principal: name)
            }
            guard event?.session == session else {
                return PolicyRefusal(
                    "the entry does not tell the way by which \(name) came, as the server has told it",
                    principal: name)
            }
            return nil
        }
        guard let refusal else { return nil }
        note(refusal, store)
        return refusal.description
    }

    /// Makes an entry of an attempt that was refused: that changes nothing else, so that nobody has to sign it.
    private func note(_ refusal: PolicyRefusal, _ store: ObjectStore) {
        let now = environment.now()
        let isFirst = noted.withLock { noted in
            defer { noted = now }
            return noted != now
        }
        guard isFirst else { return }
        do throws(StoreError) {
            let known = try policy(of: store)
            let principal = known?.principal?.name.flatMap { known?.policy.principals[$0] }
            let name = principal.map(\.name) ?? ""
            let actor =
                Person(name: name, email: principal?.email ?? "") ?? Person(name: "somebody", email: "")
            guard let actor else { return }
            let writer = ObjectWriter(store, random: environment.random)
            defer { writer.abandon() }
            let event = Event(
                verb: Repository.refusalVerb, actor: actor, workingCopy: nil, time: now,
                nonce: Hex.text(environment.random(16)),
                reason: refusal.description, refs: [], session: session)
            let id = try writer.add(.event, event.payload)
            let packs = PackChanges(added: try writer.finish().packs.map(\.name))
            let state = store.current
            _ = try store.append(
                StoreOperation(event: id, refs: state.refs, packs: packs, time: now), on: state,
                nonce: Hex.text(environment.random(8)))
        } catch { return }
    }

    /// - Parameter question: Answers why not.
    private func asking(_ question: () throws(StoreError) -> String?) throws(TransportError) {
        let problem: String?
        do throws(StoreError) { problem = try question() } catch {
            problem = "the store's policy cannot be read: \(error)"
        }
        if let problem { throw TransportError(.denied, problem) }
    }
}
