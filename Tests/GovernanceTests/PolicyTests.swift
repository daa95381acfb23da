import ObjectModel
import TestSupport
import Testing

@testable import Governance

/// What a policy allows, and which documents are none.
@Suite struct PolicyTests {
    private static let keys = (0..<4).map { number in
        var generator = SplitMix64(seed: UInt64(number))
        let bytes = generator.bytes(32)
        func field(_ bytes: [UInt8]) -> [UInt8] {
            [0, 0, 0, UInt8(bytes.count)] + bytes
        }
        return "ssh-ed25519 \(Base64.encode(field(Array("ssh-ed25519".utf8)) + field(bytes)))"
    }

    private static func principal(_ key: Int, _ more: [JSONMember] = []) -> JSONValue {
        .object(
            [
                JSONMember("email", .string("p\(key)@example.com")), JSONMember("name", .string("")),
                JSONMember("keys", .array([.string(keys[key])])),
            ] + more, sorting: true)
    }

    private static func texts(_ texts: String...) -> JSONValue { .array(texts.map { .string($0) }) }

    private static func rule(_ allow: [String], _ refs: [String], _ roles: [String], approvals: Int = 0)
        -> JSONValue
    {
        .object([
            "allow": .array(allow.map { .string($0) }),
            "approvals": approvals == 0 ? nil : .integer(approvals),
            "approvers": approvals == 0 ? nil : texts("boss"),
            "refs": .array(refs.map { .string($0) }), "roles": .array(roles.map { .string($0) }),
        ])
    }

    private static func json(_ rules: [JSONValue], version: Int = 1) -> JSONValue {
        .object([
            "groups": .object(["all": texts("ann", "bea")]),
            "previous": version == 1 ? nil : .string(String(repeating: "0", count: 64)),
            "principals": .object([
                "ann": principal(0), "bea": principal(1),
                "cec": principal(2, [JSONMember("expires", .string("2025-01-31"))]), "dot": principal(3),
            ]),
            "roles": .object([
                "boss": .object(["description": .string(""), "members": texts("dot", "cec")]),
                "worker": .object(["description": .string(""), "members": texts("@all")]),
            ]),
            "roots": .object(["members": texts("ann", "dot"), "threshold": .integer(2)]),
            "rules": .array(rules), "version": .integer(version),
        ])
    }

    private let now = 1_763_888_400

    @Test func `nothing is allowed that no rule says`() throws {
        let policy = try Policy(
            Self.json([Self.rule(["push"], ["branches/a*", "!branches/ab"], ["worker"])]))
        for (permission, name, who, allowed) in [
            (Policy.Permission.push, "branches/a", "ann", true), (.push, "branches/a/b", "bea", true),
            (.push, "branches/ab", "ann", false), (.push, "branches/b", "ann", false),
            (.push, "branches/a", "dot", false), (.push, "branches/a", "zoe", false),
            (.create, "branches/a", "ann", false), (.read, "*", "ann", false),
        ] {
            #expect(
                policy.decision(permission, name, by: who, at: now).isAllowed == allowed, "\(name) \(who)")
        }
        for permission in Policy.Permission.allCases where permission != .push {
            for name in ["branches/a", "*", "tags/v1"] {
                #expect(!policy.decision(permission, name, by: "ann", at: now).isAllowed)
            }
        }
    }

    @Test func `approvals are of others with the role`() throws {
        let policy = try Policy(
            Self.json([Self.rule(["push"], ["branches/main"], ["worker", "boss"], approvals: 1)]))
        func decision(_ who: String, _ others: Set<String>, _ time: Int) -> PolicyDecision {
            policy.decision(.push, "branches/main", by: who, approvedBy: others, at: time)
        }
        #expect(decision("ann", ["dot"], now).isAllowed)
        #expect(!decision("ann", ["ann", "bea"], now).isAllowed)
        // Whoever acts does not count again.
        #expect(!decision("dot", ["dot"], now).isAllowed)
        // Of the last day, all counts.
        #expect(decision("ann", ["cec"], 1_738_367_999).isAllowed)
        #expect(!decision("ann", ["cec"], 1_738_368_000).isAllowed)
    }

    @Test func `roots count as people`() throws {
        let policy = try Policy(Self.json([]))
        #expect(policy.isChanged(by: ["ann", "dot"], at: now))
        #expect(!policy.isChanged(by: ["ann", "bea", "cec"], at: now))
        #expect(policy.principals(of: try SSHPublicKey(line: Self.keys[0])) == ["ann"])
    }

    @Test func `documents are read as they are written`() throws {
        for version in [1, 7] {
            let policy = try Policy(
                Self.json(
                    [
                        Self.rule(["read"], ["*"], ["boss"]),
                        Self.rule(["push"], ["tags/*"], ["worker"], approvals: 3),
                    ],
                    version: version))
            #expect(try Policy(document: policy.document) == policy)
            #expect(throws: PolicyProblem.self) { try Policy(document: policy.document + [0x0a]) }
            var json = policy.json
            if case .object(let members) = json {
                json = .object(members + [JSONMember("zzz", .integer(1))], sorting: true)
            }
            #expect(throws: PolicyProblem.self) { try Policy(document: json.canonicalBytes) }
        }
        #expect(throws: PolicyProblem.self) {
            try Policy(document: [UInt8](repeating: 0x20, count: Policy.byteLimit + 1))
        }
    }

    @Test func `a document of which a byte is changed is another one, or none`() throws {
        let policy = try Policy(Self.json([Self.rule(["push"], ["branches/*"], ["worker"], approvals: 1)]))
        var generator = SplitMix64(seed: 2026)
        for _ in 0..<2000 {
            var bytes = policy.document
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            bytes[place] ^= UInt8.random(in: 1...255, using: &generator)
            if let other = try? Policy(document: bytes) { #expect(other != policy) }
        }
    }

    @Test func `patterns do not go back and forth`() throws {
        let star = "branches/" + String(repeating: "a*", count: 200) + "b"
        let policy = try Policy(Self.json([Self.rule(["push"], [star], ["worker"])]))
        let name = "branches/" + String(repeating: "a", count: 240)
        // One that tries all ways would not be done in a lifetime.
        #expect(!policy.decision(.push, name, by: "ann", at: now).isAllowed)
    }
}
