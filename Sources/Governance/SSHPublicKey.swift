internal import Hashing
internal import ObjectModel

/// A public key of SSH, or a certificate for one, as RFC 4253 (section 6.6), RFC 5656, RFC 8709 and OpenSSH's PROTOCOL.u2f and
/// PROTOCOL.certkeys write them.
package struct SSHPublicKey: Hashable, Sendable {
    /// The most bytes that one may have; a certificate of a large RSA key has some 2,000.
    package static let byteLimit = 16 << 10

    /// The numbers of a key.
    package enum Numbers: Hashable, Sendable {
        /// 32 bytes (RFC 8032).
        case ed25519([UInt8])
        /// A point of the curve, uncompressed (SEC 1, section 2.3.3).
        case ecdsa(EllipticCurve, point: [UInt8])
        /// Whole numbers above 0, most significant byte first, as two's complement.
        case rsa(exponent: [UInt8], modulus: [UInt8])
    }

    /// Its bytes, by which keys are compared.
    package let blob: [UInt8]
    /// Such as `ssh-ed25519`.
    package let type: String
    package let numbers: Numbers
    /// What a hardware key signs for, such as `ssh:`; nothing for keys in files.
    package let application: [UInt8]?
    /// What a certificate says of the key; nothing for a plain one.
    package let certificate: SSHCertificate?

    package init(blob: [UInt8]) throws(MalformedTrust) {
        guard blob.count <= Self.byteLimit else {
            throw MalformedTrust("the key", offset: 0, "at most \(Self.byteLimit) bytes")
        }
        self.blob = blob
        var reader = SSHReader(blob)
        type = try reader.word("the key's type")
        let suffix = "-cert-v01@openssh.com"
        let isCertificate = type.hasSuffix(suffix)
        var plain = isCertificate ? String(type.dropLast(suffix.count)) : type
        if isCertificate, plain.hasPrefix("sk-") { plain += "@openssh.com" }
        var fields = SSHWriter()
        fields.string(Array(plain.utf8))
        if isCertificate { _ = try reader.string("the certificate's nonce") }
        let start = reader.offset
        (numbers, application) = try Self.numbers(of: plain, &reader)
        fields.raw(blob[start..<reader.offset])
        if isCertificate {
            certificate = try SSHCertificate(of: fields.bytes, &reader, blob)
        } else {
            certificate = nil
        }
        try reader.end("the key")
    }

    /// Reads a line of a file `.pub`: the type, the key in base64, and any comment.
    package init(line: some StringProtocol) throws(MalformedTrust) {
        let words = line.split(maxSplits: 2, whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" })
        guard words.count >= 2, words[1].utf8.count <= Self.byteLimit * 4 / 3 + 4,
            let blob = Base64.decode(String(words[1]))
        else {
            throw MalformedTrust("the key", offset: 0, "its type and base64, as in a file of ssh-keygen")
        }
        try self.init(blob: blob)
        guard words[0] == type else {
            throw MalformedTrust("the key's type", offset: 0, "\(type), as the key itself says")
        }
    }

    /// The key itself, without what a certificate says of it.
    package var plain: SSHPublicKey { certificate.map(\.key) ?? self }

    /// As a line of a file `.pub` has it.
    package var line: String { "\(type) \(Base64.encode(blob))" }

    /// As `ssh-keygen -l` prints it; that of a certificate is that of its key.
    package var fingerprint: String {
        let digest = plain == self ? SHA256.digest(of: blob).bytes : SHA256.digest(of: plain.blob).bytes
        return "SHA256:" + String(Base64.encode(digest).prefix { $0 != "=" })
    }

    private static func numbers(
        of type: String, _ reader: inout SSHReader
    ) throws(MalformedTrust) -> (Numbers, application: [UInt8]?) {
        let start = reader.offset
        switch type {
        case "ssh-ed25519", "sk-ssh-ed25519@openssh.com":
            let key = try reader.string("the key's number")
            guard key.count == 32 else { throw MalformedTrust("the key's number", offset: start, "32 bytes") }
            return (.ed25519(key), try application(of: type, &reader))
        case "ssh-rsa":
            let exponent = try number(&reader, "the key's exponent")
            let modulus = try number(&reader, "the key's modulus")
            // What OpenSSL takes at most, and what a forger cannot do today.
            guard (256...2049).contains(modulus.count), exponent.count <= 8 else {
                throw MalformedTrust("the key's numbers", offset: start, "RSA of 2,048 to 16,384 bits")
            }
            return (.rsa(exponent: exponent, modulus: modulus), nil)
        default:
            let hardware = "sk-ecdsa-sha2-nistp256@openssh.com"
            guard let curve = type == hardware ? .p256 : EllipticCurve(keyType: type) else {
                throw MalformedTrust("the key's type", offset: 0, "Ed25519, ECDSA, RSA or a hardware key")
            }
            guard try reader.word("the key's curve") == curve.name else {
                throw MalformedTrust("the key's curve", offset: start, curve.name)
            }
            let point = try reader.string("the key's point")
            guard point.count == curve.pointLength, point.first == 4 else {
                throw MalformedTrust(
                    "the key's point", offset: start, "\(curve.pointLength) bytes, uncompressed")
            }
            return (.ecdsa(curve, point: point), try application(of: type, &reader))
        }
    }

    private static func application(
        of type: String, _ reader: inout SSHReader
    ) throws(MalformedTrust) -> [UInt8]? {
        type.hasPrefix("sk-") ? try reader.string("the key's application") : nil
    }

    /// A whole number above 0 in its shortest form (`mpint` of RFC 4251).
    static func number(_ reader: inout SSHReader, _ what: String) throws(MalformedTrust) -> [UInt8] {
        let start = reader.offset
        let bytes = try reader.string(what)
        guard let first = bytes.first, first < 0x80,
            bytes.count == 1 ? first > 0 : first > 0 || bytes[1] >= 0x80
        else { throw MalformedTrust(what, offset: start, "a whole number above 0 in its shortest form") }
        return bytes
    }
}

/// A curve of ECDSA (FIPS 186-4, section D.1.2) as SSH names it (RFC 5656, section 10.1).
package enum EllipticCurve: String, CaseIterable, Sendable {
    case p256 = "nistp256"
    case p384 = "nistp384"
    case p521 = "nistp521"

    var name: String { rawValue }
    var keyType: String { "ecdsa-sha2-" + rawValue }

    init?(keyType: String) {
        guard let curve = Self.allCases.first(where: { $0.keyType == keyType }) else { return nil }
        self = curve
    }

    /// Bytes of an uncompressed point.
    var pointLength: Int {
        switch self {
        case .p256: 65
        case .p384: 97
        case .p521: 133
        }
    }

    /// The contents of its object identifier in DER.
    var identifier: [UInt8] {
        switch self {
        case .p256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]
        case .p384: [0x2b, 0x81, 0x04, 0x00, 0x22]
        case .p521: [0x2b, 0x81, 0x04, 0x00, 0x23]
        }
    }

    /// The hash that signatures with it are made over.
    var hash: SignatureHash {
        switch self {
        case .p256: .sha256
        case .p384: .sha384
        case .p521: .sha512
        }
    }
}
