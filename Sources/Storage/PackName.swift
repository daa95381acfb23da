internal import Hashing
package import ObjectModel

/// The name of a pack: the digest of its file, and random digits of its writer (`Documentation/Formats/pack.md`).
package struct PackName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let nonceByteCount = 8

    /// 64 hex digits, a hyphen, 16 hex digits.
    package let text: String

    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, (try? ObjectID(hex: parts[0])) != nil,
            Hex.bytes(parts[1])?.count == Self.nonceByteCount
        else { return nil }
        self.text = text
    }

    /// - Parameter nonce: ``nonceByteCount`` random bytes.
    init(digest: ObjectID, nonce: [UInt8]) { text = "\(digest.hex)-\(Hex.text(nonce))" }

    /// The digest that the file has to have.
    package var digest: ObjectID? { try? ObjectID(hex: text.prefix(64)) }

    /// ``nonceByteCount`` random bytes.
    package var nonce: [UInt8] { Hex.bytes(String(text.suffix(2 * Self.nonceByteCount))) ?? [] }

    /// Where the pack lies below `packs/`: its first two digits, and its name.
    package var directory: String { String(text.prefix(2)) }
    package var fileName: String { text + ".pack" }

    package var description: String { text }

    package static func < (a: Self, b: Self) -> Bool { a.text < b.text }
}
