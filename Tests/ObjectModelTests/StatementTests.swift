import ObjectModel
import TestSupport
import Testing

@Suite struct StatementTests {
    private static let subject = ObjectReference(.commit, ObjectID(of: .commit, payload: [1]))

    private static var place: Statement.Note.Place? {
        let path = try? RepositoryPath(Array("a/\u{fc}".utf8) + [0xff])
        return path.map { .init(path: $0, content: ObjectReference(.blob, ObjectID(of: .blob, payload: []))) }
    }

    private static func person() throws -> Person {
        try #require(Person(name: "Ada", email: "ada@example.com"))
    }

    @Test(arguments: [
        Statement.Fact.commit, .tag(name: "v1"), .other("recall"), .note(.init(text: "a\nb", place: nil)),
        .note(.init(text: "c", place: Self.place)),
    ])
    func whatIsWrittenIsReadAgain(_ fact: Statement.Fact) throws {
        let body = Statement.body(fact, of: Self.subject, by: try Self.person(), at: 1_763_888_400)
        let statement = try Statement(body: body, signature: "-----BEGIN\n")
        let read = try Statement(payload: statement.payload)
        #expect(read == statement)
        #expect(read.fact == fact)
        #expect(read.subject == Self.subject)
        #expect(read.signer.email == "ada@example.com")
        #expect(read.time == 1_763_888_400)
        #expect(read.namespace == "mlrepo.\(fact.word)")
    }

    @Test func theBytesAreThoseOfTheFormat() throws {
        let body = Statement.body(.commit, of: Self.subject, by: try Self.person(), at: 1_763_888_400)
        let text =
            #"{"kind":"commit","signer":{"email":"ada@example.com","name":"Ada"},"subject":{"id":"\#(Self.subject.id.hex)","kind":"commit"},"time":1763888400}"#
        #expect(String(decoding: body, as: UTF8.self) == text)
        let payload = try Statement(body: body, signature: "S\n").payload
        let escaped = text.replacing("\"", with: "\\\"")
        #expect(String(decoding: payload, as: UTF8.self) == #"{"body":"\#(escaped)","signature":"S\n"}"#)
    }

    @Test func othersAreRefused() throws {
        let run = ObjectReference(.run, Self.subject.id)
        let person = try Self.person()
        for body in [
            Statement.body(.commit, of: run, by: person, at: 1),
            Statement.body(.tag(name: "v"), of: run, by: person, at: 1),
            Statement.body(.other(""), of: run, by: person, at: 1),
            Statement.body(.other("Note"), of: run, by: person, at: 1),
            Statement.body(.other(String(repeating: "a", count: 65)), of: run, by: person, at: 1),
            Statement.body(.note(.init(text: "", place: nil)), of: Self.subject, by: person, at: 1),
            Statement.body(
                .note(.init(text: String(repeating: "a", count: 65_537), place: nil)), of: Self.subject,
                by: person,
                at: 1),
            Statement.body(.note(.init(text: "a", place: Self.place)), of: run, by: person, at: 1),
            Array(#"{"kind":"commit"}"#.utf8), Array("{}".utf8), Array("[]".utf8), [], [0xff],
        ] {
            #expect(throws: MalformedObject.self) { try Statement(body: body, signature: "") }
        }
        for payload in ["{}", #"{"body":"{}","signature":""}"#, #"{"body":1,"signature":""}"#, ""] {
            #expect(throws: MalformedObject.self) { try Statement(payload: Array(payload.utf8)) }
        }
    }

    @Test func refsSayWhatStatementsAreAbout() throws {
        let id = ObjectID(of: .statement, payload: [2])
        let said = StatementName(word: "commit", subject: Self.subject, id: id)
        let name = try RefName.statement(said)
        #expect(name.statement == said)
        #expect(name.targetKind == .statement)
        for text in [
            "statements/commit/commit/\(id.hex)", "statements/commit/thing/\(id.hex)/\(id.hex)",
            "statements/commit/commit/00/\(id.hex)", "statements/Commit/commit/\(id.hex)/\(id.hex)",
            "statements/commit/commit/\(id.hex)/\(id.hex)/x",
            "statements/commit/commit/\(id.hex)/\(id.hex.uppercased())",
        ] {
            #expect(try RefName(text).targetKind == nil, "\(text)")
        }
        let other = ObjectReference(.statement, ObjectID(of: .statement, payload: [3]))
        let event = Event(
            verb: "tag", actor: try Self.person(), workingCopy: nil, time: 1,
            nonce: String(repeating: "0", count: 32),
            reason: nil, refs: [RefChange(name: name, before: nil, after: other)])
        #expect(throws: MalformedObject.self) { try Event(payload: event.payload) }
    }
}
