internal import COpenSSL
internal import Hashing

/// A hash function that a signature is made over.
enum SignatureHash: String, Sendable {
    case sha256, sha384, sha512

    /// The hash of bytes.
    func digest(of bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .sha256:
            return Hashing.SHA256.digest(of: bytes).bytes
        case .sha384:
            var digest = [UInt8](repeating: 0, count: 48)
            COpenSSL.SHA384(bytes, bytes.count, &digest)
            return digest
        case .sha512:
            var digest = [UInt8](repeating: 0, count: 64)
            COpenSSL.SHA512(bytes, bytes.count, &digest)
            return digest
        }
    }

    /// For OpenSSL.
    fileprivate var method: OpaquePointer? {
        switch self {
        case .sha256: EVP_sha256()
        case .sha384: EVP_sha384()
        case .sha512: EVP_sha512()
        }
    }
}

/// Checks signatures of one key, by libcrypto.
package final class SignatureCheck {
    private let key: SSHPublicKey
    /// Nothing for numbers that are no key, such as a point that lies on no curve.
    private let loaded: OpaquePointer?

    /// - Parameter key: Of a certificate, the key that it is for.
    package init(_ key: SSHPublicKey) {
        self.key = key.plain
        let info = self.key.numbers.subjectPublicKeyInfo
        loaded = info.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_PUBKEY(nil, &start, bytes.count)
        }
    }

    deinit { EVP_PKEY_free(loaded) }

    /// Whether a signature in SSH's encoding (its algorithm, and what that makes) is the key's over a message.
    ///
    /// Signatures over SHA-1 are refused. Of a hardware key it is asked that somebody touched it, as OpenSSH's servers do.
    package func accepts(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        (try? check(signature, of: message)) ?? false
    }

    private func check(_ signature: [UInt8], of message: [UInt8]) throws(MalformedTrust) -> Bool {
        var reader = SSHReader(signature)
        let algorithm = try reader.word("the signature's algorithm")
        let content = try reader.string("the signature")
        var signed = message
        if let application = key.application {
            guard algorithm == key.type else { return false }
            let state = try reader.take(5, "the hardware key's flags and counter")
            guard state[0] & 1 == 1 else { return false }
            signed = SignatureHash.sha256.digest(of: application) + state
            signed += SignatureHash.sha256.digest(of: message)
        }
        try reader.end("the signature")
        switch key.numbers {
        case .ed25519:
            guard algorithm == key.type, content.count == 64 else { return false }
            return accepts(content, of: signed, nil)
        case .ecdsa(let curve, _):
            guard algorithm == key.type else { return false }
            var numbers = SSHReader(content)
            let r = try SSHPublicKey.number(&numbers, "the signature's first number")
            let s = try SSHPublicKey.number(&numbers, "the signature's second number")
            try numbers.end("the signature")
            return accepts(DER.sequence(DER.integer(r), DER.integer(s)), of: signed, curve.hash)
        case .rsa(_, let modulus):
            let hashes = ["rsa-sha2-256": SignatureHash.sha256, "rsa-sha2-512": .sha512]
            let length = modulus.first == 0 ? modulus.count - 1 : modulus.count
            guard let hash = hashes[algorithm], content.count <= length else { return false }
            return accepts([UInt8](repeating: 0, count: length - content.count) + content, of: signed, hash)
        }
    }

    private func accepts(_ signature: [UInt8], of message: [UInt8], _ hash: SignatureHash?) -> Bool {
        guard let loaded, let context = EVP_MD_CTX_new() else { return false }
        defer {
            EVP_MD_CTX_free(context)
            // What was refused leaves its reason in the thread's queue of errors.
            ERR_clear_error()
        }
        guard EVP_DigestVerifyInit(context, nil, hash?.method, nil, loaded) == 1 else { return false }
        return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}
