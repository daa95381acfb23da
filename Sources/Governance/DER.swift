/// The few forms of DER (X.690) that keys and signatures need.
enum DER {
    static func sequence(_ parts: [UInt8]...) -> [UInt8] { value(0x30, parts.flatMap { $0 }) }

    /// - Parameter bytes: Two's complement in its shortest form, most significant byte first.
    static func integer(_ bytes: [UInt8]) -> [UInt8] { value(0x02, bytes) }

    static func bits(_ bytes: [UInt8]) -> [UInt8] { value(0x03, [0] + bytes) }

    /// - Parameter bytes: The contents, encoded.
    static func identifier(_ bytes: [UInt8]) -> [UInt8] { value(0x06, bytes) }

    static let null: [UInt8] = [0x05, 0x00]

    private static func value(_ tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
        var length: [UInt8] = []
        if contents.count < 0x80 {
            length = [UInt8(contents.count)]
        } else {
            var rest = contents.count
            while rest > 0 {
                length.insert(UInt8(truncatingIfNeeded: rest), at: 0)
                rest >>= 8
            }
            length.insert(0x80 | UInt8(length.count), at: 0)
        }
        return [tag] + length + contents
    }
}

extension SSHPublicKey.Numbers {
    /// As X.509 writes a public key: SubjectPublicKeyInfo (RFC 5280, section 4.1; RFC 8410; RFC 5480; RFC 3279).
    var subjectPublicKeyInfo: [UInt8] {
        switch self {
        case .ed25519(let key):
            DER.sequence(DER.sequence(DER.identifier([0x2b, 0x65, 0x70])), DER.bits(key))
        case .ecdsa(let curve, let point):
            DER.sequence(
                DER.sequence(
                    DER.identifier([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]),
                    DER.identifier(curve.identifier)),
                DER.bits(point))
        case .rsa(let exponent, let modulus):
            DER.sequence(
                DER.sequence(
                    DER.identifier([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]), DER.null),
                DER.bits(DER.sequence(DER.integer(modulus), DER.integer(exponent))))
        }
    }
}
