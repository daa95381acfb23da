/// One operation on a store; every log entry names one (`Documentation/Formats/objects.md`).
package struct Event: Hashable, Sendable {
    package var verb: String
    package var actor: Person
    /// The working copy that did it: 32 hex digits.
    package var workingCopy: String?
    /// Seconds since 1970-01-01T00:00:00Z.
    package var time: Int
    /// 32 random hex digits, so that no two events are equal.
    package var nonce: String
    /// The command's own words, such as a commit's subject.
    package var reason: String?
    /// In order of names.
    package var refs: [RefChange]
    /// The event whose changes an `undo` or `redo` takes back.
    package var undoes: ObjectID?
    /// How whoever did it came to the store, as its server says; nothing where none served it.
    package var session: Session?

    /// A way into a store that is served.
    package struct Session: Hashable, Sendable {
        /// The way of authentication, such as `ssh`.
        package let way: String
        /// Where somebody came from: an address of the network; nothing where the server does not know.
        package let address: String?
        /// The fingerprint of the key that came, such as `SHA256:…`; nothing where the server does not know.
        package let key: String?

        /// The most bytes of each part.
        private static let byteLimit = 128

        /// - Returns: Nothing if a part is too long, or has anything but visible ASCII.
        package init?(way: String, address: String?, key: String?) {
            for part in [way, address, key].compactMap({ $0 }) {
                guard (1...Self.byteLimit).contains(part.utf8.count),
                    part.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
                else { return nil }
            }
            (self.way, self.address, self.key) = (way, address, key)
        }

        package var json: JSONValue {
            .object([
                "address": address.map { .string($0) }, "key": key.map { .string($0) }, "way": .string(way),
            ])
        }

        package init(json: JSONValue) throws(MalformedObject) {
            guard
                let session = Session(
                    way: try json.string("way"), address: try json.optionalString("address"),
                    key: try json.optionalString("key"))
            else { throw .member("session", expected: "visible ASCII") }
            self = session
        }
    }

    package init(
        verb: String, actor: Person, workingCopy: String?, time: Int, nonce: String, reason: String?,
        refs: [RefChange], undoes: ObjectID? = nil, session: Session? = nil
    ) {
        self.session = session
        self.verb = verb
        self.actor = actor
        self.workingCopy = workingCopy
        self.time = time
        self.nonce = nonce
        self.reason = reason
        self.refs = refs.sorted { $0.name < $1.name }
        self.undoes = undoes
    }

    package var payload: [UInt8] {
        JSONValue.object([
            "verb": .string(verb), "actor": actor.json, "workingCopy": workingCopy.map { .string($0) },
            "time": .integer(time), "nonce": .string(nonce), "reason": reason.map { .string($0) },
            "refs": .array(refs.map(\.json)), "undoes": undoes.map { .string($0.hex) },
            "session": session?.json,
        ]).canonicalBytes
    }

    package init(payload: [UInt8]) throws(MalformedObject) {
        let json = try JSONValue(metadata: payload, kind: .event)
        verb = try json.string("verb")
        actor = try Person(json: json.member("actor"), member: "actor")
        workingCopy = try json.optionalString("workingCopy")
        time = try json.time("time")
        nonce = try json.string("nonce")
        reason = try json.optionalString("reason")
        undoes = try json.optionalID("undoes")
        if let told = json.member("session") { session = try Session(json: told) }
        refs = []
        for value in try json.array("refs") { refs.append(try RefChange(json: value)) }
        guard zip(refs, refs.dropFirst()).allSatisfy({ $0.name < $1.name }) else {
            throw .member("refs", expected: "sorted by name")
        }
        for (name, text) in [("nonce", nonce), ("workingCopy", workingCopy ?? nonce)] {
            guard Hex.bytes(text)?.count == 16 else { throw .member(name, expected: "32 hex digits") }
        }
    }
}

/// What became of one ref.
package struct RefChange: Hashable, Sendable {
    package let name: RefName
    package let before: ObjectReference?
    package let after: ObjectReference?

    package init(name: RefName, before: ObjectReference?, after: ObjectReference?) {
        self.name = name
        self.before = before
        self.after = after
    }

    var json: JSONValue {
        .object(["name": .string(name.text), "before": before?.json, "after": after?.json])
    }

    init(json: JSONValue) throws(MalformedObject) {
        do throws(InvalidName) { name = try RefName(Self.text(json)) } catch { throw .name(error) }
        before = try ObjectReference(json: json.member("before"))
        after = try ObjectReference(json: json.member("after"))
        guard before != after else { throw .member("refs", expected: "a change") }
        guard let kind = name.targetKind else {
            throw .name(InvalidName(bytes: Array(name.text.utf8), problem: .refName))
        }
        guard before?.kind ?? kind == kind, after?.kind ?? kind == kind else {
            throw .member("refs", expected: "refs of the kind that \(name) says")
        }
        if name.name(in: "policies") != nil, name.policyVersion == nil {
            throw .member("refs", expected: "a number behind policies/")
        }
        if name.name(in: "proposals") != nil {
            guard let id = name.proposal, before?.id ?? id == id, after?.id ?? id == id else {
                throw .member("refs", expected: "the policy that \(name) says")
            }
        }
        if let statement = name.statement {
            guard before?.id ?? statement.id == statement.id, after?.id ?? statement.id == statement.id else {
                throw .member("refs", expected: "the statement that \(name) says")
            }
        }
    }

    private static func text(_ json: JSONValue) -> String { (try? json.string("name")) ?? "" }
}

extension ObjectReference {
    var json: JSONValue { .object(["id": .string(id.hex), "kind": .string(kind.name)]) }

    /// - Returns: Nothing for nothing.
    init?(json: JSONValue?) throws(MalformedObject) {
        guard let json else { return nil }
        guard let kind = ObjectKind(name: try json.string("kind")) else {
            throw .member("kind", expected: "a kind")
        }
        self.init(kind, try json.id("id"))
    }
}
