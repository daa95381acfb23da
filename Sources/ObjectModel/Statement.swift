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
        /// What the signer remarks on the commit or run, or on something in it.
        case note(Note)
        /// That the policy in the blob is to be in force in a store, whose log has that origin.
        case policy(origin: String)
        /// That a ref of a store may come to name the commit.
        case approval(Approval)
        /// A word of a later version: kept, and not understood.
        case other(String)

        /// The word that the body has, and the signature's namespace ends with.
        package var word: String {
            switch self {
            case .commit: "commit"
            case .tag: "tag"
            case .note: "note"
            case .policy: "policy"
            case .approval: "approval"
            case .other(let word): word
            }
        }
    }

    /// A remark.
    package struct Note: Hashable, Sendable {
        /// The most bytes that one may have.
        package static let byteLimit = 64 << 10

        package let text: String
        /// What it is about in the commit, and what was there: the remark belongs to that wherever it is.
        package let place: Place?

        package struct Place: Hashable, Sendable {
            package let path: RepositoryPath
            package let content: ObjectReference

            package init(path: RepositoryPath, content: ObjectReference) {
                (self.path, self.content) = (path, content)
            }
        }

        package init(text: String, place: Place?) { (self.text, self.place) = (text, place) }
    }

    /// What is approved: one move of one ref of one store.
    package struct Approval: Hashable, Sendable {
        /// The store's own name.
        package let origin: String
        package let ref: RefName
        /// What the ref names before it; nothing if there is none.
        package let before: ObjectReference?

        package init(origin: String, ref: RefName, before: ObjectReference?) {
            (self.origin, self.ref, self.before) = (origin, ref, before)
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
        var (name, text, path, content): (JSONValue?, JSONValue?, JSONValue?, JSONValue?)
        var (origin, ref, before): (JSONValue?, JSONValue?, JSONValue?)
        switch fact {
        case .tag(let tag): name = .string(tag)
        case .note(let note):
            text = .string(note.text)
            (path, content) = (note.place?.path.json, note.place?.content.json)
        case .policy(let store): origin = .string(store)
        case .approval(let approval):
            (origin, ref) = (.string(approval.origin), .string(approval.ref.text))
            before = approval.before?.json
        case .commit, .other: break
        }
        return JSONValue.object([
            "before": before, "content": content, "kind": .string(fact.word), "name": name,
            "origin": origin, "path": path, "ref": ref, "signer": signer.json, "subject": subject.json,
            "text": text, "time": .integer(time),
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
        guard Self.isWord(word) else {
            throw .member("kind", expected: "a word of a-z and -")
        }
        switch word {
        case "commit": fact = .commit
        case "tag": fact = .tag(name: try json.string("name"))
        case "note": fact = .note(try Note(json: json))
        case "policy": fact = .policy(origin: try json.string("origin"))
        case "approval": fact = .approval(try Approval(json: json))
        default: fact = .other(word)
        }
        let kinds: [ObjectKind] =
            switch fact {
            case .commit, .tag, .approval: [.commit]
            case .policy: [.blob]
            case .note(let note): note.place == nil ? [.commit, .run] : [.commit]
            case .other: ObjectKind.allCases
            }
        guard kinds.contains(subject.kind) else {
            throw .member("subject", expected: kinds.map { "a \($0.name)" }.joined(separator: " or "))
        }
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

    /// Whether a text can say what kind of statement one is.
    static func isWord(_ text: some StringProtocol) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "-")
            }
    }
}

extension Statement.Note {
    fileprivate init(json: JSONValue) throws(MalformedObject) {
        text = try json.string("text")
        guard !text.isEmpty, text.utf8.count <= Self.byteLimit else {
            throw .member("text", expected: "1 to \(Self.byteLimit) bytes")
        }
        guard let path = json.member("path") else {
            guard json.member("content") == nil else { throw .member("path", expected: "a path") }
            place = nil
            return
        }
        guard let content = try ObjectReference(json: json.member("content")),
            [.blob, .tree].contains(content.kind)
        else { throw .member("content", expected: "a blob or a tree") }
        place = Place(path: try RepositoryPath(json: path, member: "path"), content: content)
    }
}

extension Statement.Approval {
    fileprivate init(json: JSONValue) throws(MalformedObject) {
        origin = try json.string("origin")
        let name = try json.string("ref")
        do throws(InvalidName) { ref = try RefName(name) } catch { throw .name(error) }
        before = try ObjectReference(json: json.member("before"))
    }
}
