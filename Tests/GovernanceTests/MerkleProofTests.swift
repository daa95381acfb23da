import ObjectModel
import TestSupport
import Testing

@testable import Governance

@Suite struct MerkleProofTests {
    /// The entries of which Certificate Transparency's tests know the roots.
    private static let known: [[UInt8]] = [
        [], [0x00], [0x10], [0x20, 0x21], [0x30, 0x31], [0x40, 0x41, 0x42, 0x43], Array(0x50...0x57),
        Array(0x60...0x6f),
    ]

    @Test func `roots are those that Certificate Transparency knows`() {
        var log = MerkleFrontier()
        var roots = [log.root.hex]
        for entry in Self.known {
            log.append(MerkleLog.leaf(entry))
            roots.append(log.root.hex)
        }
        let ends = [
            ("e3b0c442", "b855"), ("6e340b9c", "a01d"), ("fac54203", "c125"), ("aeb6bcfe", "6e77"),
            ("d37ee418", "14b7"), ("4e3bbb1f", "64d4"), ("76e67dad", "87ef"), ("ddb89be4", "4c8c"),
            ("5dc9da79", "4328"),
        ]
        for (root, ends) in zip(roots, ends) { #expect(root.hasPrefix(ends.0) && root.hasSuffix(ends.1)) }
    }

    // MARK: RFC 9162, section 2.1, as it is written

    private static func root(_ leaves: ArraySlice<ObjectID>) -> ObjectID {
        if leaves.count == 1, let only = leaves.first { return only }
        let middle = leaves.startIndex + MerkleLog.split(leaves.count)
        return MerkleLog.node(root(leaves[..<middle]), root(leaves[middle...]))
    }

    private static func path(_ index: Int, _ leaves: ArraySlice<ObjectID>) -> [ObjectID] {
        guard leaves.count > 1 else { return [] }
        let middle = leaves.startIndex + MerkleLog.split(leaves.count)
        return index < middle
            ? path(index, leaves[..<middle]) + [root(leaves[middle...])]
            : path(index, leaves[middle...]) + [root(leaves[..<middle])]
    }

    private static func growth(_ old: Int, _ leaves: ArraySlice<ObjectID>, _ isWhole: Bool) -> [ObjectID] {
        if old == leaves.endIndex { return isWhole ? [] : [root(leaves)] }
        let middle = leaves.startIndex + MerkleLog.split(leaves.count)
        return old <= middle
            ? growth(old, leaves[..<middle], isWhole) + [root(leaves[middle...])]
            : growth(old, leaves[middle...], false) + [root(leaves[..<middle])]
    }

    private static let leaves = (0..<64).map { MerkleLog.leaf(Array("entry \($0)".utf8)) }

    /// What is near a list of hashes and is not it.
    private static func wrong(_ hashes: [ObjectID]) -> [[ObjectID]] {
        var found = [hashes + [leaves[0]], [leaves[0]] + hashes]
        for index in hashes.indices {
            var other = hashes
            other[index] = MerkleLog.leaf([UInt8(index)])
            found.append(other)
            other = hashes
            other.remove(at: index)
            found.append(other)
            if index > 0, hashes[index] != hashes[index - 1] {
                other = hashes
                other.swapAt(index, index - 1)
                found.append(other)
            }
        }
        return found
    }

    @Test func `each entry of each log is proved, and no other one`() {
        for size in 1...64 {
            let leaves = Self.leaves[..<size]
            let root = Self.root(leaves)
            for index in 0..<size {
                let hashes = Self.path(index, leaves)
                let proof = InclusionProof(index: index, size: size, hashes: hashes)
                #expect(proof.root(of: Self.leaves[index]) == root, "\(index) of \(size)")
                #expect(
                    proof.before?.root == (index == 0 ? MerkleFrontier().root : Self.root(leaves[..<index])))
                for other in Self.wrong(hashes) {
                    let wrong = InclusionProof(index: index, size: size, hashes: other)
                    #expect(wrong.root(of: Self.leaves[index]) != root, "\(index) of \(size)")
                }
                #expect(proof.root(of: Self.leaves[(index + 1) % 64]) != root)
            }
            for index in [-1, size, size + 1] {
                #expect(InclusionProof(index: index, size: size, hashes: []).root(of: root) == nil)
            }
        }
        #expect(InclusionProof(index: 0, size: 0, hashes: []).root(of: Self.leaves[0]) == nil)
    }

    @Test func `each log is proved to go on from each shorter one, and no other one`() {
        for new in 1...64 {
            let root = Self.root(Self.leaves[..<new])
            for old in 1...new {
                let hashes = old == new ? [] : Self.growth(old, Self.leaves[..<new], true)
                let older = Self.root(Self.leaves[..<old])
                let proof = ConsistencyProof(old: old, new: new, hashes: hashes)
                #expect(proof.holds(from: older, to: root), "\(old) to \(new)")
                #expect(!proof.holds(from: Self.leaves[1], to: root))
                #expect(!proof.holds(from: older, to: Self.leaves[1]))
                for other in Self.wrong(hashes) {
                    let wrong = ConsistencyProof(old: old, new: new, hashes: other)
                    #expect(!wrong.holds(from: older, to: root), "\(old) to \(new)")
                }
            }
            #expect(
                ConsistencyProof(old: 0, new: new, hashes: []).holds(from: MerkleFrontier().root, to: root))
            #expect(!ConsistencyProof(old: new + 1, new: new, hashes: []).holds(from: root, to: root))
        }
    }
}

@Suite struct SignedNoteTests {
    /// As in the documentation of Go's golang.org/x/mod/sumdb/note.
    private static let (key, note) = (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        """
        If you think cryptography is the answer to your problem,
        then you don't know what your problem is.

        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=

        """
    )

    @Test func `a note that Go signed is believed, and none that is near it`() throws {
        let key = try NoteKey(Self.key)
        let bytes = Array(Self.note.utf8)
        let note = try SignedNote(parsing: bytes)
        #expect(note.bytes == bytes)
        #expect(key.answer(to: note) == .signed(time: nil))
        for index in bytes.indices {
            var other = bytes
            other[index] ^= 1
            guard let wrong = try? SignedNote(parsing: other) else { continue }
            #expect(key.answer(to: wrong) != .signed(time: nil), "byte \(index)")
        }
    }

    @Test func `keys are told by their names and themselves`() throws {
        _ = try NoteKey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
        for wrong in [
            "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l",
            "example.com/foo+530d903a", "", "++", "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        ] {
            #expect(throws: MalformedTrust.self, "\(wrong)") { try NoteKey(wrong) }
        }
    }

    @Test func `what is no note is refused with the line`() {
        let line = "\u{2014} a AAAAAAA=\n"
        for (text, place) in [
            ("", 1), ("a", 1), ("a\r\n", 1), ("a\n\n", 3), ("\n" + line, 1), ("a\n\n- a AAAAAAA=\n", 3),
            ("a\n\n\u{2014}  AAAAAAA=\n", 3), ("a\n\n\u{2014} a+b AAAAAAA=\n", 3),
            ("a\n\n\u{2014} a AAAA\n", 3),
            ("a\n\n\u{2014} a\u{a0}b AAAAAAA=\n", 3),
            ("a\n\n" + String(repeating: line, count: SignedNote.signatureLimit + 1), 3),
        ] {
            do throws(MalformedTrust) {
                let note = try SignedNote(parsing: Array(text.utf8))
                Issue.record("\(text) is a note: \(note)")
            } catch { #expect(error.place == place && error.isLine, "\(text): \(error)") }
        }
        #expect(throws: MalformedTrust.self) { try SignedNote(parsing: [0xff, 0x0a]) }
        #expect((try? SignedNote(parsing: Array(("a\n\n" + String(repeating: line, count: 16)).utf8))) != nil)
    }

    @Test func `proofs are read as they are written, and nothing else is`() throws {
        let head = LogHead(origin: String(repeating: "0a", count: 16), size: 3, root: MerkleLog.leaf([1]))
        let hashes = [MerkleLog.leaf([2]), MerkleLog.leaf([3])]
        let signature = NoteSignature(name: "ada@example.com", keyID: [1, 2, 3, 4], bytes: [5])
        for fact: LogProof.Fact in [
            .entry(InclusionProof(index: 1, size: 3, hashes: hashes), leaf: Array("{}".utf8)),
            .entry(InclusionProof(index: 0, size: 3, hashes: []), leaf: nil),
            .consistency(ConsistencyProof(old: 2, new: 3, hashes: hashes)),
        ] {
            for signatures in [[], [signature], [signature, signature]] {
                let proof = LogProof(fact, head: head, signatures: signatures)
                #expect(try LogProof(parsing: proof.bytes) == proof)
                for length in 0..<proof.bytes.count - 1 {
                    // What is cut off is refused, or says less.
                    if let short = try? LogProof(parsing: Array(proof.bytes[..<length])) {
                        #expect(short.note.signatures.count < signatures.count)
                    }
                }
            }
        }
        for text in [
            "", "old", "old x\n\n", "old 01\n\n" + head.note, "old -1\n\n" + head.note,
            "c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\n" + head.note,
            "c2sp.org/tlog-proof@v2\nindex 1\n\n" + head.note, "c2sp.org/tlog-proof@v1\n\n" + head.note,
            "c2sp.org/tlog-proof@v1\nindex 99999999999999999999\n\n" + head.note,
            "c2sp.org/tlog-proof@v1\nextra !\nindex 1\n\n" + head.note,
            "c2sp.org/tlog-proof@v1\nindex 1\n\nexample.com/log\n3\n\(Base64.encode(Array(repeating: 0, count: 32)))\n",
            "old 1\n" + String(repeating: Base64.encode(Array(repeating: 0, count: 32)) + "\n", count: 64)
                + "\n"
                + head.note,
        ] { #expect(throws: MalformedTrust.self, "\(text)") { try LogProof(parsing: Array(text.utf8)) } }
    }
}
