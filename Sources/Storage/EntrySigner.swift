/// Signs what an entry of a log says (``LogEntry/signedBytes(of:behind:)``) for whoever makes it.
///
/// - Returns: A signature as OpenSSH's PROTOCOL.sshsig has it.
package typealias EntrySigner = @Sendable (_ message: [UInt8]) throws(StoreError) -> [UInt8]

/// What writes to a store that has a policy: whoever does it signs, and is asked whether they may.
package struct StoreGovernance: Sendable {
    /// Refuses an entry that the policy of a store does not allow, before it is made.
    ///
    /// - Parameters:
    ///   - store: Whose entry it is; the packs that come with it are in their place.
    ///   - base: The state that it is made on.
    package typealias Admission =
        @Sendable (_ store: ObjectStore, _ entry: LogEntryFile, _ packs: PackChanges, _ base: StoreState)
        throws(StoreError) -> Void

    let signer: EntrySigner
    let admission: Admission

    package init(signer: @escaping EntrySigner, admission: @escaping Admission) {
        (self.signer, self.admission) = (signer, admission)
    }
}
