internal import FileIO
internal import Governance
internal import ObjectModel

/// Signs by OpenSSH's `ssh-keygen`, which asks an agent, a hardware key or, on a terminal, the person for a passphrase.
struct KeygenSigner: Signer {
    /// The file of the private key, or of the public one where an agent holds the private one.
    let key: FilePath
    let files: any FileSystem
    /// Where what is to be signed lies for the moment.
    let directory: FilePath
    let nonce: String

    /// Seconds in which a person finds a passphrase, or touches a key.
    private static let patience = 600

    func sign(_ message: [UInt8], for namespace: String) throws(SigningProblem) -> String {
        let input = directory / "\(WorkingCopy.temporaryPrefix)sign-\(nonce)"
        let errors = directory / "\(WorkingCopy.temporaryPrefix)sign-\(nonce)-errors"
        TemporaryFiles.note(errors)
        defer {
            for path in [input, errors] {
                try? files.removeIfPresent(path)
                TemporaryFiles.forget(path)
            }
        }
        do throws(FileError) {
            let file = try TemporaryFiles.making(input) { () throws(FileError) in
                try files.create(input, permissions: 0o600)
            }
            defer { files.close(file) }
            try files.write(file, message)
        } catch { throw SigningProblem("\(error)") }
        let output = Subprocess.output(
            ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key.description],
            variables: Subprocess.variables, input: input, errors: errors, limit: SSHSignature.byteLimit * 2,
            patience: Self.patience)
        guard let output else {
            let said = (try? files.contentsIfPresent(errors, limit: 1 << 16)) ?? nil
            let lines = String(decoding: said ?? [], as: UTF8.self).split(whereSeparator: {
                "\r\n".contains($0)
            })
            guard let last = lines.last(where: { !$0.allSatisfy(\.isWhitespace) }) else {
                throw SigningProblem("ssh-keygen, of OpenSSH, is not there, or failed without a word")
            }
            throw SigningProblem("ssh-keygen: \(escapedText(last.utf8))")
        }
        let text = String(decoding: output, as: UTF8.self)
        // What is recorded for ever is what it is called.
        let signature: SSHSignature
        do throws(MalformedTrust) { signature = try SSHSignature(armored: text) } catch {
            throw SigningProblem("ssh-keygen made no signature: \(error)")
        }
        guard signature.namespace == namespace, signature.isGenuine(over: message) else {
            throw SigningProblem("ssh-keygen made a signature of something else")
        }
        return text
    }
}
