/// Signs what an entry of a log says (``LogEntry/signedBytes(of:behind:)``) for whoever makes it.
///
/// - Returns: A signature as OpenSSH's PROTOCOL.sshsig has it.
package typealias EntrySigner = @Sendable (_ message: [UInt8]) throws(StoreError) -> [UInt8]
