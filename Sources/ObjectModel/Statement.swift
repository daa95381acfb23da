/// A signed fact about an object (`Documentation/Formats/objects.md`, "Statement").
///
/// It stands beside its object, so that signing changes no id. Whether the signature is worth something is not known here.
package struct Statement: Hashable, Sendable {
    /// What is said.
    package enum Fact: Hashable, Sendable {
        /// That the signer stands for the commit.
        case commit
        /// That the signer gives the commit a name.
        case tag(name: String)
        /// A word of this version's, so that an older one keeps what it does not know.
        case other(String)

        /// The word that the body has, and the signature's namespace ends with.
        package var word: String {
            switch self {
            case .commit: "commit"
            case .tag: "tag"
            case .other(let word): word
            }
        }
    }

    package let fact: Fact
    package let subject: ObjectReference
    package let signer: Person
    /// When it was signed, as the signer says: seconds since 1970-01-01T00:00:00Z.
    package let time: Int
    /// The canonical JSON that was signed.
    package let body: [UInt8]
    /// Of `ssh-keygen -Y sign`: base64 between two lines.
    package let signature: String

    /// What is to be signed.
    package static func body(
        _ fact: Fact, of subject: ObjectReference, by signer: Person, at time: Int
    ) -> [UInt8] {
        var name: JSONValue?
        if case .tag(let text) = fact { name = .string(text) }
        return JSONValue.object([
            "kind": .string(fact.word), "name": name, "signer": signer.json, "subject": subject.json,
            "time": .integer(time),
        ]).canonicalBytes
    }

    package init(body: [UInt8], signature: String) throws(MalformedObject) {
        (self.body, self.signature) = (body, signature)
        let json = try JSONValue(metadata: body, kind: .statement)
        guard let subject = try ObjectReference(json: json.member("subject")) else {
            throw .member("subject", expected: "an object")
        }
        self.subject = subject
        signer = try Person(json: json.member("signer"), member: "signer")
        time = try json.time("time")
        let word = try json.string("kind")
        guard !word.isEmpty, word.utf8.count <= 64, word.utf8.allSatisfy({ Self.isAllowed($0) }) else {
            throw .member("kind", expected: "a word of a-z and -")
        }
        switch word {
        case "commit": fact = .commit
        case "tag": fact = .tag(name: try json.string("name"))
        default: fact = .other(word)
        }
        let isOfCommits =
            switch fact {
            case .commit, .tag: true
            case .other: false
            }
        guard !isOfCommits || subject.kind == .commit else { throw .member("subject", expected: "a commit") }
    }

    package init(payload: [UInt8]) throws(MalformedObject) {
        let json = try JSONValue(metadata: payload, kind: .statement)
        try self.init(body: Array(try json.string("body").utf8), signature: json.string("signature"))
    }

    package var payload: [UInt8] {
        JSONValue.object([
            "body": .string(String(decoding: body, as: UTF8.self)), "signature": .string(signature),
        ]).canonicalBytes
    }

    /// The namespace that its signature has to have (OpenSSH's PROTOCOL.sshsig), so that one is not taken for another one.
    package var namespace: String { Self.namespace(fact) }

    package static func namespace(_ fact: Fact) -> String { "mlrepo." + fact.word }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || byte == UInt8(ascii: "-")
    }
}
