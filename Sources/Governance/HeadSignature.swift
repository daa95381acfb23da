internal import ObjectModel

/// What somebody says of a log by a signature of its head: that this is the largest one that they saw by some time, and that it goes on from
/// all that they saw before.
///
/// It is a cosignature (C2SP tlog-cosignature, version 1) by an SSH key: eight bytes of the time, big-endian, and a signature of OpenSSH
/// over the same message. Its type is 0xff and ``type``, since C2SP has none for keys of SSH.
package struct HeadSignature: Hashable, Sendable {
    /// What an SSH signature of a head is for.
    package static let namespace = "mlrepo.head"
    /// What tells its kind in the key's id.
    private static let type: [UInt8] = [0xff] + Array("mlrepo.head/v1".utf8)

    /// Whose it is: an address.
    package let signer: String
    /// When the head was the newest, as the signer says: seconds since 1970-01-01T00:00:00Z.
    package let time: Int
    package let signature: SSHSignature

    package init(signer: String, time: Int, signature: SSHSignature) {
        (self.signer, self.time, self.signature) = (signer, time, signature)
    }

    /// - Returns: Nothing for a signature of another kind.
    package init?(_ note: NoteSignature) {
        guard note.bytes.count > 8, let signature = try? SSHSignature(blob: Array(note.bytes[8...])),
            note.keyID == Self.keyID(note.name, signature.key)
        else { return nil }
        let time = note.bytes[..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard let time = Int(exactly: time) else { return nil }
        self.init(signer: note.name, time: time, signature: signature)
    }

    /// As it stands behind the head.
    package var note: NoteSignature {
        let clock = (0..<8).reversed().map { UInt8(truncatingIfNeeded: time >> (8 * $0)) }
        return NoteSignature(
            name: signer, keyID: Self.keyID(signer, signature.key), bytes: clock + signature.blob)
    }

    /// What is to be signed.
    package static func message(_ head: String, at time: Int) -> [UInt8] {
        Array("cosignature/v1\ntime \(time)\n\(head)".utf8)
    }

    package static func keyID(_ name: String, _ key: SSHPublicKey) -> [UInt8] {
        NoteSignature.keyID(name, type + key.blob)
    }
}
