/// What makes signatures of one key.
package protocol Signer {
    /// Signs a message for one purpose.
    ///
    /// - Returns: As `ssh-keygen -Y sign` writes it.
    func sign(_ message: [UInt8], for namespace: String) throws(SigningProblem) -> String
}

/// Why nothing was signed.
package struct SigningProblem: Error, Hashable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }
}
