internal import Hashing
package import ObjectModel

/// A file that proves something of a log to whoever trusts a signature of its head, without the log.
package struct LogProof: Hashable, Sendable {
    /// The most bytes that one may have.
    package static let byteLimit = SignedNote.byteLimit
    /// The most hashes that one may have: a log of 2^63 entries has no more.
    private static let hashLimit = 63

    package enum Fact: Hashable, Sendable {
        /// That an entry is in the log (C2SP tlog-proof); with the entry's own bytes, unless they are left out.
        case entry(InclusionProof, leaf: [UInt8]?)
        /// That the log begins with all that an older one had (as C2SP tlog-witness asks for it).
        case consistency(ConsistencyProof)
    }

    package let fact: Fact
    package let head: LogHead
    /// The head, and who signed it.
    package let note: SignedNote

    package init(_ fact: Fact, head: LogHead, signatures: [NoteSignature]) {
        (self.fact, self.head, note) = (fact, head, SignedNote(text: head.note, signatures: signatures))
    }

    private static let first = "c2sp.org/tlog-proof@v1"

    /// Whether bytes are meant to be one.
    package static func isBeginning(of bytes: [UInt8]) -> Bool {
        bytes.starts(with: Self.first.utf8) || bytes.starts(with: "old ".utf8)
    }

    package init(parsing bytes: [UInt8]) throws(MalformedTrust) {
        let what = "the proof"
        guard bytes.count <= Self.byteLimit else {
            throw MalformedTrust(what, line: 1, "at most \(Self.byteLimit) bytes")
        }
        let lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
        let texts = lines.map { String(decoding: $0, as: UTF8.self) }
        guard let end = lines.firstIndex(where: \.isEmpty) else {
            throw MalformedTrust(what, line: lines.count, "an empty line, and the head")
        }
        let rest = Array(lines[(end + 1)...].joined(separator: [0x0a]))
        note = try SignedNote(parsing: rest)
        do throws(MalformedObject) { head = try LogHead(note: note.text) } catch {
            throw MalformedTrust(what, line: end + 2, "a head of a store's log: three lines")
        }
        var next = 0
        func line(_ word: String) -> Substring? {
            guard next < end, texts[next].hasPrefix(word + " ") else { return nil }
            next += 1
            return texts[next - 1].dropFirst(word.count + 1)
        }
        func number(_ text: Substring?) throws(MalformedTrust) -> Int {
            guard let text, let value = Int(text), value >= 0, String(value) == text else {
                throw MalformedTrust(what, line: max(1, next), "a number")
            }
            return value
        }
        func hashes() throws(MalformedTrust) -> [ObjectID] {
            guard end - next <= Self.hashLimit else {
                throw MalformedTrust(
                    what, line: next + Self.hashLimit + 1, "at most \(Self.hashLimit) hashes")
            }
            var found: [ObjectID] = []
            while next < end {
                guard let bytes = Base64.decode(texts[next]), bytes.count == ObjectID.byteCount,
                    let id = try? ObjectID(hex: Hex.text(bytes))
                else { throw MalformedTrust(what, line: next + 1, "a hash in base64") }
                found.append(id)
                next += 1
            }
            return found
        }
        if let old = line("old") {
            let old = try number(old)
            fact = .consistency(ConsistencyProof(old: old, new: head.size, hashes: try hashes()))
            return
        }
        guard texts[0] == Self.first else { throw MalformedTrust(what, line: 1, Self.first) }
        next = 1
        var leaf: [UInt8]?
        if let extra = line("extra") {
            leaf = Base64.decode(String(extra))
            if leaf == nil { throw MalformedTrust(what, line: 2, "base64") }
        }
        guard let index = line("index") else {
            throw MalformedTrust(what, line: next + 1, "index and a number")
        }
        let number = try number(index)
        fact = .entry(InclusionProof(index: number, size: head.size, hashes: try hashes()), leaf: leaf)
    }

    /// What a file of it holds.
    package var bytes: [UInt8] {
        var lines: [String] = []
        let hashes: [ObjectID]
        switch fact {
        case .entry(let proof, let leaf):
            lines.append(Self.first)
            if let leaf { lines.append("extra \(Base64.encode(leaf))") }
            lines.append("index \(proof.index)")
            hashes = proof.hashes
        case .consistency(let proof):
            lines.append("old \(proof.old)")
            hashes = proof.hashes
        }
        lines += hashes.map { Base64.encode($0.digest.bytes) }
        return Array(lines.map { $0 + "\n" }.joined().utf8) + [0x0a] + note.bytes
    }

    /// Whether the hashes prove it.
    ///
    /// - Parameters:
    ///   - leaf: The entry's hash, where it is about one and does not have its bytes.
    ///   - older: The older log's head, where it is about that.
    package func holds(leaf: ObjectID? = nil, older: LogHead? = nil) -> Bool {
        switch fact {
        case .entry(let proof, let bytes):
            guard let leaf = bytes.map({ MerkleLog.leaf($0) }) ?? leaf else { return false }
            return proof.root(of: leaf) == head.root
        case .consistency(let proof):
            guard let older, older.size == proof.old, older.origin == head.origin else { return false }
            return proof.holds(from: older.root, to: head.root)
        }
    }
}
