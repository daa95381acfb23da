internal import Hashing
internal import ObjectModel

/// A text and signatures of it, each on a line of its own (C2SP signed-note).
package struct SignedNote: Hashable, Sendable {
    /// The most bytes that one may have.
    package static let byteLimit = 1 << 20
    /// The most signatures that one may have.
    package static let signatureLimit = 64

    /// Ends with a line feed.
    package let text: String
    package var signatures: [NoteSignature]

    package init(text: String, signatures: [NoteSignature]) {
        (self.text, self.signatures) = (text, signatures)
    }

    /// Reads one; without signatures it is its text alone.
    package init(parsing bytes: [UInt8]) throws(MalformedTrust) {
        guard bytes.count <= Self.byteLimit else {
            throw MalformedTrust("the note", line: 1, "at most \(Self.byteLimit) bytes")
        }
        guard let whole = String(validating: bytes, as: UTF8.self) else {
            throw MalformedTrust("the note", line: 1, "UTF-8")
        }
        // Lines are told by bytes: Unicode takes a carriage return and a line feed for one letter.
        var lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
        guard lines.popLast()?.isEmpty == true, !lines.isEmpty else {
            throw MalformedTrust("the note", line: 1, "a line feed at its end")
        }
        if let wrong = lines.firstIndex(where: { $0.contains { $0 < 0x20 } }) {
            throw MalformedTrust("the note", line: wrong + 1, "no control characters")
        }
        guard let last = lines.lastIndex(where: \.isEmpty) else {
            self.init(text: whole, signatures: [])
            return
        }
        let text = lines[..<last].map { String(decoding: $0, as: UTF8.self) + "\n" }.joined()
        guard !text.isEmpty else { throw MalformedTrust("the note", line: 1, "a text") }
        guard lines.count - last - 1 <= Self.signatureLimit, last + 1 < lines.count else {
            throw MalformedTrust("the note", line: last + 2, "1 to \(Self.signatureLimit) signatures")
        }
        var signatures: [NoteSignature] = []
        for (number, line) in zip((last + 2)..., lines[(last + 1)...]) {
            guard let signature = NoteSignature(line: String(decoding: line, as: UTF8.self)) else {
                throw MalformedTrust("the note", line: number, "a dash, a name and a signature in base64")
            }
            signatures.append(signature)
        }
        self.init(text: text, signatures: signatures)
    }

    /// What a file of it holds.
    package var bytes: [UInt8] {
        guard !signatures.isEmpty else { return Array(text.utf8) }
        return Array((text + "\n" + signatures.map { $0.line + "\n" }.joined()).utf8)
    }
}

/// A signature of a note.
package struct NoteSignature: Hashable, Sendable {
    /// The key's, such as an address.
    package let name: String
    /// The beginning of a hash of the name and the key, by which keys are told apart.
    package let keyID: [UInt8]
    package let bytes: [UInt8]

    package init(name: String, keyID: [UInt8], bytes: [UInt8]) {
        (self.name, self.keyID, self.bytes) = (name, keyID, bytes)
    }

    init?(line: String) {
        let parts = line.unicodeScalars.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].elementsEqual("\u{2014}".unicodeScalars),
            Self.isName(String(parts[1])), let all = Base64.decode(String(parts[2])), all.count > 4
        else { return nil }
        self.init(name: String(parts[1]), keyID: Array(all[..<4]), bytes: Array(all[4...]))
    }

    package var line: String { "\u{2014} \(name) \(Base64.encode(keyID + bytes))" }

    /// Whether a key can be called so: without spaces, plus signs and control characters.
    package static func isName(_ text: String) -> Bool {
        !text.isEmpty
            && text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "+" && !$0.properties.isWhitespace }
    }

    /// The id of a key: four bytes of SHA-256 over its name, a line feed, and its type and numbers.
    package static func keyID(_ name: String, _ key: [UInt8]) -> [UInt8] {
        Array(SHA256.digest(of: Array(name.utf8) + [0x0a] + key).bytes[..<4])
    }
}
