import Testing

@testable import Governance

@Suite struct AllowedSignersTests {
    @Test func patternsMatchAsThoseOfOpenSSH() {
        for (patterns, text, isMatched) in [
            ("ada@example.com", "ada@example.com", true), ("ada@example.com", "Ada@example.com", false),
            ("*", "", true), ("*@example.com", "ada@example.com", true),
            ("*@example.com", "ada@example.org", false), ("a?a@*", "ada@x", true), ("a?a@*", "aa@x", false),
            ("*,!bob@*", "bob@x", false), ("!bob@*,*", "bob@x", false), ("!bob@*", "ada@x", false),
            ("bob@x,ada@x", "ada@x", true), ("", "", false), ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false), ("**", "x", true), ("?", "", false),
        ] {
            #expect(PatternList(patterns).matches(text) == isMatched, "\(patterns) \(text)")
        }
    }

    @Test func patternsOfManyStarsTakeNoTime() {
        let pattern = String(repeating: "*a", count: 2000) + "b"
        let text = String(repeating: "a", count: 20_000)
        let took = ContinuousClock().measure { #expect(!PatternList(pattern).matches(text)) }
        #expect(took < .seconds(20))
    }

    @Test func linesAreReadAsOpenSSHWritesThem() throws {
        let key = try #require(Vectors.made["ed25519"]).key
        let text = """
            # people
            ada@example.com,*@ada.example \(key) a comment

            "Ada Lovelace" cert-authority,namespaces="git,mlrepo.*",valid-after="20260101Z",valid-before="202612312359Z" \(key)
            \tbob@example.com valid-before="19700101000001Z" \(key)\r
            """
        let signers = try AllowedSigners(text, localTime: { _ in nil }).signers
        #expect(
            signers.map(\.principals) == ["ada@example.com,*@ada.example", "Ada Lovelace", "bob@example.com"])
        #expect(signers.map(\.isAuthority) == [false, true, false])
        #expect(signers[1].namespaces == "git,mlrepo.*")
        #expect(signers.map(\.validAfter) == [nil, 1_767_225_600, nil])
        #expect(signers.map(\.validBefore) == [nil, 1_798_761_540, 1])
        #expect(signers.allSatisfy { $0.key.line == key })
        let windows = try AllowedSigners(
            "\u{feff}" + text.replacing("\n", with: "\r\n"), localTime: { _ in nil })
        #expect(windows.signers == signers)
        let local = try AllowedSigners("a valid-after=\"20260102\" \(key)", localTime: { $0.reduce(0, +) })
        #expect(local.signers[0].validAfter == 2029)
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        let key = try SSHPublicKey(line: #require(Vectors.made["p256"]).key)
        let line = AllowedSigners.line(
            key, of: "ada@example.com", isAuthority: true, times: ("20260101000000Z", "20270101000000Z"))
        let signer = try #require(AllowedSigners(line, localTime: { _ in nil }).signers.first)
        #expect(signer.principals == "ada@example.com")
        #expect(signer.key == key)
        #expect(signer.isAuthority)
        #expect(signer.validAfter == 1_767_225_600)
        #expect(signer.validBefore == 1_798_761_600)
        let plain = AllowedSigners.line(key, of: "ada@example.com", isAuthority: false)
        #expect(plain == "ada@example.com \(key.line)")
    }
}
