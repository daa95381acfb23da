/// What a certificate of SSH says of a key (OpenSSH's PROTOCOL.certkeys): whose it is, until when, and who says so.
package final class SSHCertificate: Hashable, Sendable {
    /// The key that it is for.
    package let key: SSHPublicKey
    package let serial: UInt64
    package let keyID: String
    /// Whom the key may stand for; empty for anybody.
    package let principals: [String]
    /// Seconds since 1970: from the first on, before the second.
    package let validAfter: UInt64
    package let validBefore: UInt64
    /// Who says so.
    package let authority: SSHPublicKey
    /// Names of options that a verifier has to know.
    package let criticalOptions: [String]
    /// What the authority signed, and its signature.
    let signed: [UInt8]
    let signature: [UInt8]

    /// - Parameters:
    ///   - plain: The key that it is for, as one without a certificate is written.
    ///   - reader: Stands behind the key's numbers.
    ///   - whole: All of the certificate.
    init(of plain: [UInt8], _ reader: inout SSHReader, _ whole: [UInt8]) throws(MalformedTrust) {
        key = try SSHPublicKey(blob: plain)
        serial = try reader.u64("the certificate's serial number")
        let start = reader.offset
        guard try reader.u32("the certificate's type") == 1 else {
            throw MalformedTrust("the certificate's type", offset: start, "1, that of a user")
        }
        keyID = String(decoding: try reader.string("the certificate's key id"), as: UTF8.self)
        var names = SSHReader(try reader.string("the certificate's principals"))
        var principals: [String] = []
        while names.remaining > 0 { principals.append(try names.word("a principal of the certificate")) }
        self.principals = principals
        validAfter = try reader.u64("the certificate's beginning")
        validBefore = try reader.u64("the certificate's end")
        var options = SSHReader(try reader.string("the certificate's critical options"))
        var critical: [String] = []
        while options.remaining > 0 {
            critical.append(try options.word("a critical option's name"))
            _ = try options.string("a critical option's value")
        }
        criticalOptions = critical
        _ = try reader.string("the certificate's extensions")
        _ = try reader.string("what the certificate reserves")
        let place = reader.offset
        authority = try SSHPublicKey(blob: reader.string("the certificate's authority"))
        guard authority.certificate == nil else {
            throw MalformedTrust("the certificate's authority", offset: place, "a key without a certificate")
        }
        signed = Array(whole[..<reader.offset])
        signature = try reader.string("the certificate's signature")
    }

    /// Whether it is what its authority signed, and nothing in it is unknown here that has to be known.
    package var isGenuine: Bool {
        criticalOptions.isEmpty && SignatureCheck(authority).accepts(signature, of: signed)
    }

    /// - Parameter time: Seconds since 1970.
    package func isValid(at time: Int) -> Bool {
        time >= 0 && validAfter <= UInt64(time) && UInt64(time) < validBefore
    }

    package static func == (a: SSHCertificate, b: SSHCertificate) -> Bool {
        a.signed == b.signed && a.signature == b.signature
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(signed)
        hasher.combine(signature)
    }
}
