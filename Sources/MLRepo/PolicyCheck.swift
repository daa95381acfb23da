internal import FileIO
internal import Governance
internal import ObjectModel
internal import Storage
internal import Synchronization

/// Up to where a log was checked against the policy of its store, and what was in force there.
struct PolicyProgress: Sendable {
    /// The log that was checked.
    var log: MerkleFrontier
    /// Root of the map of all refs behind it.
    var refs: ObjectID
    /// When its last entry was made: seconds since 1970, not before those in front of it.
    var time: Int
    var state: PolicyState

    /// Nothing was checked yet.
    init(origin: String) {
        (log, refs, time) = (MerkleFrontier(), MerkleTree<RefEntry>.emptyRoot, 0)
        state = PolicyState(origin: origin)
    }

    /// As a file keeps it.
    var bytes: [UInt8] {
        let content = JSONValue.object([
            "document": state.policy.map { .string(String(decoding: $0.document, as: UTF8.self)) },
            "origin": .string(state.origin), "refs": .string(refs.hex), "size": .integer(log.size),
            "subtrees": .array(log.subtrees.map { .string($0.hex) }), "time": .integer(time),
        ])
        // What is read is believed, so a flipped digit must not pass.
        let digest = ObjectID(of: .blob, payload: content.canonicalBytes)
        return JSONValue.object(["content": content, "digest": .string(digest.hex)]).canonicalBytes
    }

    /// - Returns: Nothing if the bytes are not as they were written, or of another log.
    init?(bytes: [UInt8], origin: String) {
        guard let json = try? JSONValue(canonical: bytes), let content = json.member("content"),
            let digest = try? json.id("digest"),
            ObjectID(of: .blob, payload: content.canonicalBytes) == digest,
            (try? content.string("origin")) == origin, let refs = try? content.id("refs"),
            let size = try? content.integer("size"), let texts = try? content.strings("subtrees"),
            let time = try? content.integer("time")
        else { return nil }
        let subtrees = texts.compactMap { try? ObjectID(hex: $0) }
        guard subtrees.count == texts.count, let log = MerkleFrontier(size: size, subtrees: subtrees) else {
            return nil
        }
        (self.log, self.refs, self.time) = (log, refs, time)
        guard let document = try? content.optionalString("document") else {
            state = PolicyState(origin: origin)
            return
        }
        guard let state = try? PolicyState(origin: origin, document: Array(document.utf8)) else { return nil }
        self.state = state
    }
}

/// Checks entries of a log against the policy that was in force at each.
///
/// What each entry did to the refs is taken from its event, and the maps of refs are worked out from the newest one back: so that a
/// log is checked of which older maps were collected.
struct PolicyCheck {
    /// An entry that is not allowed.
    struct Refused {
        let number: Int
        let refusal: PolicyRefusal
    }

    /// An entry of the log in its place.
    struct Entry: Sendable {
        let placed: OperationLog.Placed
        let packs: PackChanges

        var dropsPacks: Bool { !packs.dropped.isEmpty || !packs.doomed.isEmpty }
    }

    /// The entries behind those that were checked.
    let entries: [Entry]
    /// Objects of the store with these entries.
    let view: any ObjectReader
    /// Whether what is not in the view is nowhere.
    let isWhole: Bool
    let now: Int
    let width: Int
    /// What would have been if this had been in force all the time: then nothing is asked of the maps of refs.
    var assumed: Policy?

    /// Maps of refs are compared for each of so many entries, and of more for some of them: all changes are taken in nevertheless.
    private static let closeLook = 512
    private static let stride = 256

    /// Reads entries, and sees to it that they hash to what a state is of.
    ///
    /// - Parameter known: The log before them.
    static func entries(
        of log: OperationLog, behind known: MerkleFrontier, until state: StoreState
    ) throws(StoreError) -> [Entry] {
        var entries: [Entry] = []
        try log.forEachEntry(behind: known, until: state) { (placed) throws(StoreError) in
            entries.append(Entry(placed: placed, packs: try log.packChanges(placed.entry)))
        }
        return entries
    }

    /// Goes on from what was checked.
    ///
    /// - Parameter progress: Is behind all entries then; an entry that is refused leaves the policy as it was.
    func run(_ progress: inout PolicyProgress) throws(ReadError) -> [Refused] {
        guard let last = entries.last?.placed else { return [] }
        var events: [Event?] = []
        for entry in entries { events.append(try event(entry.placed.entry)) }
        let first = progress.state.policy == nil && assumed == nil ? firstWithPolicy(events) : 0
        var refused: [Refused] = []
        var added: [RefName: Int] = [:]
        for (index, event) in events.enumerated() {
            for change in event?.refs ?? [] where change.name.statement != nil && change.after != nil {
                added[change.name] = added[change.name] ?? index
            }
        }
        let statements = AddedStatements(added)
        // From the first entry on, events say which statements there are. Else the newest map that is not forged.
        let isFromStart = progress.log.size == 0
        var refs = last.entry.refs
        var wrong: Refused?
        if let first, assumed == nil { wrong = try wrongRefs(events, from: first, before: progress.refs) }
        if let wrong {
            refused.append(wrong)
            let index = wrong.number - entries[0].placed.entry.number
            refs = index > 0 ? entries[index - 1].placed.entry.refs : progress.refs
        }
        let keys = first.map { self.keys($0, progress.state.origin) } ?? [:]
        for (index, asked) in entries.enumerated() {
            let entry = asked.placed.entry
            if entry.time <= now { progress.time = max(progress.time, entry.time) }
            guard let first, index >= first else { continue }
            guard let event = events[index] else {
                let refusal = PolicyRefusal("what it did is lost, its event is not there")
                refused.append(Refused(number: entry.number, refusal: refusal))
                continue
            }
            let changes =
                assumed == nil ? event.refs : event.refs.filter { $0.name.policyVersion == nil }
            let operation = PolicyOperation(
                key: keys[index], actor: event.actor, time: max(progress.time, entry.time),
                changes: changes, dropsPacks: asked.dropsPacks)
            let facts = StoreFacts(
                view: view, isWhole: isWhole, refs: isFromStart ? nil : refs,
                isThere: { added[$0].map { $0 <= index } ?? true },
                coming: isFromStart ? { prefix in statements.names(prefix, until: index) } : { _ in [] })
            // It is named already; behind it, a map of refs is missing by which others could be judged.
            if let wrong, entry.number == wrong.number || (entry.number > wrong.number && !isFromStart) {
                continue
            }
            if let refusal = try progress.state.admit(operation, facts) {
                refused.append(Refused(number: entry.number, refusal: refusal))
            }
        }
        progress.log = last.before
        progress.log.append(MerkleLog.leaf(last.leaf))
        progress.refs = last.entry.refs
        return refused.sorted { $0.number < $1.number }
    }

    private func event(_ entry: LogEntry) throws(ReadError) -> Event? {
        do throws(ReadError) { return try view.event(entry.event) } catch {
            guard case .missing = error, isWhole else { throw error }
            return nil
        }
    }

    private func firstWithPolicy(_ events: [Event?]) -> Int? {
        events.firstIndex { $0?.refs.contains { $0.name.name(in: "policies") != nil } ?? false }
    }

    // MARK: Maps of refs

    /// The last entry whose event does not say what became of the refs; nothing if all do.
    private func wrongRefs(
        _ events: [Event?], from first: Int, before: ObjectID
    ) throws(ReadError) -> Refused? {
        guard let last = entries.last?.placed else { return nil }
        let isClose = entries.count - first <= Self.closeLook
        var tree = MerkleTree<RefEntry>(root: last.entry.refs, reader: view)
        var nodes = AddedNodes(base: view)
        var edits: [RefName: ObjectReference?] = [:]
        func wrong(_ index: Int, _ text: String) -> Refused {
            Refused(number: entries[index].placed.entry.number, refusal: PolicyRefusal(text))
        }
        for index in (first..<entries.count).reversed() {
            for change in events[index]?.refs ?? [] {
                let now: ObjectReference?
                if let known = edits[change.name] {
                    now = known
                } else {
                    now = try tree.lookup(Array(change.name.text.utf8))?.target
                }
                guard now == change.after else {
                    return wrong(index, "it says of \(change.name) what is not so")
                }
                edits[change.name] = .some(change.before)
            }
            guard isClose || index == first || index % Self.stride == 0 else { continue }
            if !edits.isEmpty {
                let sorted = edits.sorted { $0.key < $1.key }.map { name, target in
                    target.map { MerkleEdit(setting: RefEntry(name: name, target: $0)) }
                        ?? MerkleEdit<RefEntry>(removing: Array(name.text.utf8))
                }
                let built = try tree.editing(sorted)
                nodes.add(built.nodes)
                tree = MerkleTree<RefEntry>(root: built.root, reader: nodes)
                edits = [:]
            }
            let expected = index == 0 ? before : entries[index - 1].placed.entry.refs
            guard tree.root == expected else {
                return wrong(index, "it changes refs of which it does not say so")
            }
        }
        return nil
    }

    // MARK: Signatures

    /// The keys whose genuine signatures entries have, by their places.
    private func keys(_ first: Int, _ origin: String) -> [Int: SSHPublicKey] {
        let signed = (first..<entries.count).filter { entries[$0].placed.entry.signature != nil }
        let found = Mutex<[Int: SSHPublicKey]>([:])
        let parts = max(1, min(width, signed.count / 16))
        let size = (signed.count + parts - 1) / parts
        let indices = WorkIndices(parts)
        onThreads(parts) {
            var checks: [SSHPublicKey: SignatureCheck] = [:]
            while let part = indices.next() {
                var own: [Int: SSHPublicKey] = [:]
                for index in signed.dropFirst(part * size).prefix(size) {
                    own[index] = Self.key(entries[index].placed, origin, &checks)
                }
                found.withLock { $0.merge(own) { first, _ in first } }
            }
        }
        return found.withLock { $0 }
    }

    /// The key whose genuine signature an entry has; nothing if it has none.
    static func key(of placed: OperationLog.Placed, in origin: String) -> SSHPublicKey? {
        var checks: [SSHPublicKey: SignatureCheck] = [:]
        return key(placed, origin, &checks)
    }

    private static func key(
        _ placed: OperationLog.Placed, _ origin: String, _ checks: inout [SSHPublicKey: SignatureCheck]
    ) -> SSHPublicKey? {
        guard let blob = placed.entry.signature, let signature = try? SSHSignature(blob: blob),
            signature.namespace == LogEntry.signatureNamespace,
            let message = try? LogEntry.signedBytes(
                of: placed.leaf, behind: LogHead(origin: origin, placed.before))
        else { return nil }
        let plain = signature.key.plain
        let check = checks[plain] ?? SignatureCheck(plain)
        checks[plain] = check
        return signature.isGenuine(over: message, by: check) ? plain : nil
    }
}

/// Statements that entries bring, in order of names.
private struct AddedStatements {
    private var added: [(name: RefName, index: Int)]

    init(_ added: [RefName: Int]) {
        self.added = added.map { ($0.key, $0.value) }.sorted { $0.name < $1.name }
    }

    /// Those whose names have a beginning, and that came by an entry or one before it.
    func names(_ prefix: String, until index: Int) -> [RefName] {
        var (low, high) = (0, added.count)
        while low < high {
            let middle = (low + high) / 2
            if added[middle].name.text.utf8.lexicographicallyPrecedes(prefix.utf8) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return added[low...].prefix { $0.name.text.utf8.starts(with: prefix.utf8) }
            .filter { $0.index <= index }.map(\.name)
    }
}

/// A reader that knows some nodes more.
private struct AddedNodes: ObjectReader {
    let base: any ObjectReader
    private var nodes: [ObjectID: [UInt8]] = [:]

    init(base: any ObjectReader) { self.base = base }

    mutating func add(_ new: [(id: ObjectID, payload: [UInt8])]) {
        for node in new { nodes[node.id] = node.payload }
    }

    func payload(of reference: ObjectReference) throws(ReadError) -> [UInt8]? {
        if reference.kind == .refs, let known = nodes[reference.id] { return known }
        return try base.payload(of: reference)
    }
}

/// What a policy has to know, of the objects of a store.
struct StoreFacts: PolicyFacts {
    let view: any ObjectReader
    /// Whether what is not in the view is nowhere.
    let isWhole: Bool
    /// The newest map of refs; nothing where it is not asked.
    let refs: ObjectID?
    /// Whether a ref of that map is there already.
    let isThere: (RefName) -> Bool
    /// Refs besides, whose names have a beginning: such as are about to come.
    var coming: (String) -> [RefName] = { _ in [] }

    func document(_ id: ObjectID) throws(ReadError) -> [UInt8]? {
        let reference = ObjectReference(.blob, id)
        if let found = try view.payload(of: reference) { return found }
        if isWhole { return nil }
        throw .missing(reference)
    }

    func statements(_ word: String, about subject: ObjectReference) throws(ReadError) -> [Statement] {
        var names: Set<RefName> = []
        let prefix = "statements/\(word)/\(subject.kind.name)/\(subject.id.hex)/"
        if let refs {
            let tree = MerkleTree<RefEntry>(root: refs, reader: view)
            try tree.forEachLeaf(beginning: Array(prefix.utf8)) { entry in
                if isThere(entry.name) { names.insert(entry.name) }
            }
        }
        names.formUnion(coming(prefix))
        var found: [Statement] = []
        for name in names {
            guard let id = name.statement?.id else { continue }
            let payload: [UInt8]
            do throws(ReadError) { payload = try view.required(.statement, id) } catch {
                // One that is nowhere says nothing.
                guard case .missing = error, isWhole else { throw error }
                continue
            }
            guard let statement = try? Statement(payload: payload), statement.subject == subject,
                statement.fact.word == word
            else { continue }
            found.append(statement)
        }
        return found
    }

    func isAncestor(_ id: ObjectID, of other: ObjectID) throws(ReadError) -> Bool? {
        var (seen, waiting, next): (Set<ObjectID>, [ObjectID], Int) = ([other], [other], 0)
        while next < waiting.count {
            let current = waiting[next]
            next += 1
            if current == id { return true }
            do throws(ReadError) {
                for parent in try view.commit(current).parents where seen.insert(parent).inserted {
                    waiting.append(parent)
                }
            } catch {
                guard case .missing = error, isWhole else { throw error }
                // Of a commit that was collected nobody can say what it went on from; what followed was checked by itself. One that
                // is there has all before it: else nobody has shown that it goes on from there.
                return current == other ? nil : false
            }
        }
        return false
    }
}
