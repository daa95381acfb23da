internal import ObjectModel

/// A signature of a message by an SSH key for one purpose (OpenSSH's PROTOCOL.sshsig), as `ssh-keygen -Y sign` makes it.
package struct SSHSignature: Hashable, Sendable {
    /// The most bytes that one may have: a certificate of a large key, and a signature of it.
    package static let byteLimit = SSHPublicKey.byteLimit + (8 << 10)

    private static let magic = Array("SSHSIG".utf8)
    private static let first = "-----BEGIN SSH SIGNATURE-----"
    private static let last = "-----END SSH SIGNATURE-----"

    /// What PROTOCOL.sshsig calls a signature, without the text around it.
    package let blob: [UInt8]
    package let key: SSHPublicKey
    /// What it is for, so that it cannot be taken for another one.
    package let namespace: String
    let hash: SignatureHash
    /// The key's signature in SSH's encoding.
    let signature: [UInt8]

    package init(blob: [UInt8]) throws(MalformedTrust) {
        guard blob.count <= Self.byteLimit else {
            throw MalformedTrust("the signature", offset: 0, "at most \(Self.byteLimit) bytes")
        }
        var reader = SSHReader(blob)
        guard try reader.take(Self.magic.count, "the signature") == Self.magic else {
            throw MalformedTrust("the signature", offset: 0, "SSHSIG")
        }
        guard try reader.u32("the signature's version") == 1 else {
            throw MalformedTrust("the signature's version", offset: 6, "1")
        }
        var start = reader.offset
        do throws(MalformedTrust) {
            key = try SSHPublicKey(blob: reader.string("the signature's key"))
        } catch {
            throw MalformedTrust(error.what, offset: start + 4 + error.place, error.expected)
        }
        start = reader.offset
        namespace = try reader.word("the signature's namespace")
        guard !namespace.isEmpty else {
            throw MalformedTrust("the signature's namespace", offset: start, "a word")
        }
        // What later versions may put here says nothing now.
        _ = try reader.string("what the signature reserves")
        start = reader.offset
        let name = try reader.word("the signature's hash")
        guard let hash = SignatureHash(rawValue: name), hash != .sha384 else {
            throw MalformedTrust("the signature's hash", offset: start, "sha256 or sha512")
        }
        self.hash = hash
        signature = try reader.string("the signature itself")
        try reader.end("the signature")
        self.blob = blob
    }

    /// Reads what `ssh-keygen -Y sign` writes: base64 between two lines.
    package init(armored text: String) throws(MalformedTrust) {
        guard text.utf8.count <= Self.byteLimit * 3 / 2 else {
            throw MalformedTrust("the signature", offset: 0, "at most \(Self.byteLimit) bytes")
        }
        // A carriage return and a line feed are one character.
        let lines = text.split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }
        )
        .map { $0.hasSuffix("\r") ? $0.dropLast() : $0 }
        guard lines.first == Self.first[...] else {
            throw MalformedTrust("the signature", line: 1, Self.first)
        }
        guard let end = lines.firstIndex(of: Self.last[...]), lines[(end + 1)...].allSatisfy(\.isEmpty) else {
            throw MalformedTrust("the signature", line: lines.count, "\(Self.last) at its end")
        }
        guard let blob = Base64.decode(lines[1..<end].joined()) else {
            throw MalformedTrust("the signature", line: 2, "base64")
        }
        try self.init(blob: blob)
    }

    /// Whether it is the key's over a message; what the key is worth is another question.
    ///
    /// - Parameter check: Of the signature's key.
    package func isGenuine(over message: [UInt8], by check: SignatureCheck? = nil) -> Bool {
        var signed = SSHWriter()
        signed.raw(Self.magic)
        signed.string(Array(namespace.utf8))
        signed.string([])
        signed.string(Array(hash.rawValue.utf8))
        signed.string(hash.digest(of: message))
        return (check ?? SignatureCheck(key)).accepts(signature, of: signed.bytes)
    }
}
