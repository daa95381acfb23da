internal import Hashing

/// The head of a store's log: how long it was, and the hash of all of it (C2SP tlog-checkpoint, without extension lines).
package struct LogHead: Hashable, Sendable {
    /// The store's own name: 32 hex digits.
    package let origin: String
    /// Entries.
    package let size: Int
    package let root: ObjectID

    package init(origin: String, size: Int, root: ObjectID) {
        (self.origin, self.size, self.root) = (origin, size, root)
    }

    package init(origin: String, _ log: MerkleFrontier) {
        self.init(origin: origin, size: log.size, root: log.root)
    }

    /// Three lines: `mlrepo/` and the origin, the size in decimal digits, the root hash in base64.
    package var note: String { "mlrepo/\(origin)\n\(size)\n\(Base64.encode(root.digest.bytes))\n" }

    package init(note: some StringProtocol) throws(MalformedObject) {
        let lines = note.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 4, lines[3].isEmpty else {
            throw .member("head", expected: "three lines: origin, size and root")
        }
        let prefix = "mlrepo/"
        guard lines[0].hasPrefix(prefix), Hex.bytes(String(lines[0].dropFirst(prefix.count)))?.count == 16
        else { throw .member("head", expected: "mlrepo/ and 32 hex digits in its first line") }
        guard let size = Int(lines[1]), size >= 0, String(size) == lines[1] else {
            throw .member("head", expected: "a number in its second line")
        }
        guard let root = Base64.decode(String(lines[2])), root.count == ObjectID.byteCount,
            let id = try? ObjectID(hex: Hex.text(root))
        else { throw .member("head", expected: "a hash in base64 in its third line") }
        self.init(origin: String(lines[0].dropFirst(prefix.count)), size: size, root: id)
    }
}
