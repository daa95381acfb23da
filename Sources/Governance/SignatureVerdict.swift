package import ObjectModel

/// What a statement's signature is worth.
package enum SignatureVerdict: Hashable, Sendable {
    /// A trusted key made it; with the patterns of addresses that the key is trusted for.
    case good(principals: String)
    /// A key made it that nobody vouched for.
    case unknownKey
    /// The key is trusted for somebody else than the statement says.
    case otherPerson(principals: String)
    /// The key is trusted, for other things.
    case otherUse(principals: String)
    /// The key was not trusted yet, or not any more, when the statement came into the log; and whether it was by the time that the
    /// statement tells, which nothing proves.
    case otherTime(principals: String, isClaimed: Bool)
    /// A certificate that its authority did not sign, that is not for this person, or that this version does not understand.
    case badCertificate(principals: String)
    /// It is for something else than the statement says.
    case otherNamespace(String)
    /// The key did not make it.
    case forged
    /// It is no signature.
    case malformed(MalformedTrust)

    package var isGood: Bool {
        if case .good = self { return true }
        return false
    }
}

/// Judges signatures of statements; keeps what is known of keys, since most statements are of few.
package struct SignatureJudge {
    private let signers: AllowedSigners
    private var checks: [SSHPublicKey: SignatureCheck] = [:]

    package init(_ signers: AllowedSigners) { self.signers = signers }

    /// - Parameter time: When the statement came into the log, in seconds since 1970: a key that was given up later stands for what it
    ///   signed before.
    package mutating func judge(
        _ statement: Statement, at time: Int
    ) -> (verdict: SignatureVerdict, signature: SSHSignature?) {
        let signature: SSHSignature
        do throws(MalformedTrust) { signature = try SSHSignature(armored: statement.signature) } catch {
            return (.malformed(error), nil)
        }
        let claim = Claim(
            person: statement.signer.email, namespace: statement.namespace, time: statement.time)
        return (judge(signature, over: statement.body, claim, at: time), signature)
    }

    /// What a message says of its signature.
    package struct Claim: Hashable, Sendable {
        /// The address of who made it; nothing where anybody may be whose key it is.
        let person: String?
        let namespace: String
        /// When, in seconds since 1970.
        let time: Int

        package init(person: String?, namespace: String, time: Int) {
            (self.person, self.namespace, self.time) = (person, namespace, time)
        }
    }

    /// - Parameter time: When it is known to have been there, in seconds since 1970.
    package mutating func judge(
        _ signature: SSHSignature, over message: [UInt8], _ claim: Claim, at time: Int
    ) -> SignatureVerdict {
        guard signature.namespace == claim.namespace else { return .otherNamespace(signature.namespace) }
        let plain = signature.key.plain
        let check = checks[plain] ?? SignatureCheck(plain)
        checks[plain] = check
        guard signature.isGenuine(over: message, by: check) else { return .forged }
        return judge(signature.key, claim, at: time)
    }

    /// What a key is worth that made a signature.
    ///
    /// The best that any line of the trusted says of it.
    private func judge(_ key: SSHPublicKey, _ claim: Claim, at time: Int) -> SignatureVerdict {
        var best = SignatureVerdict.unknownKey
        for signer in signers.signers {
            guard signer.isAuthority ? key.certificate?.authority == signer.key : key == signer.key
            else { continue }
            let verdict = self.verdict(of: signer, key, claim, at: time)
            if verdict.isGood { return verdict }
            if best == .unknownKey { best = verdict }
        }
        return best
    }

    private func verdict(
        of signer: AllowedSigners.Signer, _ key: SSHPublicKey, _ claim: Claim, at time: Int
    ) -> SignatureVerdict {
        let principals = signer.principals
        let person = claim.person
        if let person, !signer.covers(person) { return .otherPerson(principals: principals) }
        if let namespaces = signer.namespaces, !PatternList(namespaces).matches(claim.namespace) {
            return .otherUse(principals: principals)
        }
        guard signer.isValid(at: time) else {
            return .otherTime(principals: principals, isClaimed: signer.isValid(at: claim.time))
        }
        guard signer.isAuthority, let certificate = key.certificate else {
            return .good(principals: principals)
        }
        let isTheirs =
            person.map { certificate.principals.contains($0) }
            ?? certificate.principals.contains(where: signer.covers)
        guard certificate.isGenuine, isTheirs else {
            return .badCertificate(principals: principals)
        }
        if certificate.isValid(at: time) { return .good(principals: principals) }
        return .otherTime(principals: principals, isClaimed: certificate.isValid(at: claim.time))
    }
}
