import ObjectModel
import Testing

/// What a run looked for: what is written is read again, and nothing else is.
struct LookupsTests {
    private func lookups() throws -> Lookups {
        var lookups = Lookups()
        lookups.absent = [try RepositoryPath("b"), try RepositoryPath([0xff, 0x0a])]
        lookups.directories = [.root, try RepositoryPath("data")]
        lookups.beside = [try RepositoryPath("src")]
        lookups.more = [try RepositoryPath("data/new")]
        lookups.less = [try RepositoryPath("data/gone")]
        lookups.links = [
            .init(place: Array("/latest".utf8), target: [UInt8(ascii: "/"), 0xfe]),
            .init(place: Array("data/now".utf8), target: Array("data/a".utf8)),
        ]
        lookups.copies = [.init(place: Array("/scratch/a".utf8), input: try RepositoryPath("data/a"))]
        return lookups
    }

    @Test func everyMemberComesBack() throws {
        let lookups = try lookups()
        #expect(try Lookups(lookups.bytes) == lookups)
    }

    @Test func nothingIsAnObjectWithoutMembers() throws {
        #expect(Lookups().bytes == Array("{}".utf8))
        #expect(try Lookups(Array("{}".utf8)) == Lookups())
    }

    @Test(arguments: [
        "", "[]", #"{"absent":"a"}"#, #"{"absent":["b","a"]}"#, #"{"absent":["../a"]}"#,
        #"{"links":[{"place":"a"}]}"#, #"{"links":[{"place":"","target":"b"}]}"#,
        #"{"links":[{"place":"a","target":{"bytes":"AA=="}}]}"#, #"{"copies":[{"place":"a"}]}"#,
        #"{"copies":[{"input":"/a","place":"a"}]}"#,
        #"{"links":[{"place":"b","target":"c"},{"place":"a","target":"c"}]}"#, #"{"more": []}"#,
    ]) func whatIsNothingOfTheKindIsRefused(text: String) {
        #expect(throws: MalformedObject.self) { try Lookups(Array(text.utf8)) }
    }
}
