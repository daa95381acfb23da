internal import ObjectModel

/// A key of a log or of a witness elsewhere, as such write it (C2SP signed-note, "verifier key"): name, id and the key itself, with
/// plus signs between them.
package struct NoteKey: Hashable, Sendable {
    /// What it signs.
    private enum Kind: UInt8, Sendable {
        /// Notes.
        case note = 1
        /// Heads of logs, with the time.
        case head = 4
    }

    package let name: String
    package let keyID: [UInt8]
    private let kind: Kind
    private let key: SSHPublicKey

    package init(_ text: some StringProtocol) throws(MalformedTrust) {
        let parts = text.split(maxSplits: 2, omittingEmptySubsequences: false) { $0 == "+" }
            .map { String($0) }
        guard parts.count == 3, NoteSignature.isName(parts[0]) else {
            throw MalformedTrust("the key", offset: 0, "a name, an id and a key, with + between them")
        }
        guard let numbers = Base64.decode(parts[2]), let type = numbers.first,
            let kind = Kind(rawValue: type),
            numbers.count == 33
        else {
            throw MalformedTrust(
                "the key", offset: parts[0].utf8.count + parts[1].utf8.count + 2, "a key of Ed25519")
        }
        (name, self.kind) = (parts[0], kind)
        keyID = NoteSignature.keyID(name, numbers)
        guard Hex.bytes(parts[1]) == keyID else {
            throw MalformedTrust("the key", offset: name.utf8.count + 1, "the id of name and key")
        }
        var blob = SSHWriter()
        blob.string(Array("ssh-ed25519".utf8))
        blob.string(numbers[1...])
        key = try SSHPublicKey(blob: blob.bytes)
    }

    /// What it says of a note.
    package enum Answer: Hashable, Sendable {
        /// It did not sign it.
        case silent
        /// A signature that has its name and id is not its own: the note is not to be believed.
        case forged
        /// It signed it; with the time that it tells, where it tells any.
        case signed(time: Int?)
    }

    package func answer(to note: SignedNote) -> Answer {
        var answer = Answer.silent
        for signature in note.signatures where signature.name == name && signature.keyID == keyID {
            guard let time = time(signature, note.text) else { return .forged }
            answer = .signed(time: kind == .head ? time : nil)
        }
        return answer
    }

    /// - Returns: Nothing if it is not this key's.
    private func time(_ signature: NoteSignature, _ text: String) -> Int? {
        var (bytes, message, time) = (signature.bytes, Array(text.utf8), 0)
        if kind == .head {
            guard bytes.count > 8,
                let clock = Int(exactly: bytes[..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
            else { return nil }
            (bytes, message, time) = (Array(bytes[8...]), HeadSignature.message(text, at: clock), clock)
        }
        guard bytes.count == 64 else { return nil }
        var signed = SSHWriter()
        signed.string(Array("ssh-ed25519".utf8))
        signed.string(bytes)
        return SignatureCheck(key).accepts(signed.bytes, of: message) ? time : nil
    }
}
