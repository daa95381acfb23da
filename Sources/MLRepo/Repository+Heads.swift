internal import FileIO
package import Governance
package import ObjectModel
internal import Remotes
internal import Storage

/// A signed head of a log, and what that is worth.
package struct JudgedHead: Sendable {
    package let head: LogHead
    /// An address, as the signature says.
    package let signer: String
    /// When the signer saw it, as they say: seconds since 1970-01-01T00:00:00Z.
    package let time: Int
    package let verdict: SignatureVerdict
    package let fingerprint: String
}

/// How a log is not the one that somebody signed a head of.
package enum LogContradiction: Hashable, Sendable {
    /// It is shorter than what was signed.
    case rolledBack(size: Int)
    /// It had another root at that size.
    case forked
}

/// What a witness did.
package struct WitnessReport: Sendable {
    package let place: String
    package let head: LogHead
    package let time: Int
    /// The size that this store had witnessed before; nothing for none.
    package let before: Int?
    /// Why the signature is not in the other store as well.
    package let problem: String?
}

extension KeptHead {
    /// What it holds; nothing if that is no note.
    var note: SignedNote? {
        guard let bytes else { return nil }
        return try? SignedNote(parsing: bytes)
    }
}

extension Repository {
    /// Signs a head: that it is the largest one that was seen of its log, and goes on from those before.
    func sign(_ head: LogHead) throws(RepositoryError) -> HeadSignature {
        guard let person else { throw .noIdentity }
        guard NoteSignature.isName(person.email) else {
            throw .cannotSign("'\(escapedText(person.email.utf8))' cannot name a signature of a log's head")
        }
        let time = environment.now()
        let text = try keys.sign(
            HeadSignature.message(head.note, at: time), for: HeadSignature.namespace, as: person)
        do throws(MalformedTrust) {
            let signature = try SSHSignature(armored: text)
            return HeadSignature(signer: person.email, time: time, signature: signature)
        } catch { throw .cannotSign("\(error)") }
    }

    /// What signatures of a head are worth; those of other kinds are left out.
    package func judge(_ note: SignedNote, of head: LogHead) throws(RepositoryError) -> [JudgedHead] {
        var judge = SignatureJudge(try allowedSigners())
        return note.signatures.compactMap { HeadSignature($0) }.map { signature in
            let claim = SignatureJudge.Claim(
                person: signature.signer, namespace: HeadSignature.namespace, time: signature.time)
            let verdict = judge.judge(
                signature.signature, over: HeadSignature.message(head.note, at: signature.time), claim,
                at: signature.time)
            return JudgedHead(
                head: head, signer: signature.signer, time: signature.time, verdict: verdict,
                fingerprint: signature.signature.key.fingerprint)
        }
    }

    /// Signed heads of a log that lie in its store, in this one, and with witnesses.
    ///
    /// Files that hold none count as not there: whoever can write to a store can remove them as well.
    /// - Parameters:
    ///   - witnesses: Other stores that keep some.
    ///   - limit: At most so many of each place, the largest first.
    package func signedHeads(
        of audited: AuditedLog, and witnesses: [Remote] = [], limit: Int = 1000
    ) throws(RepositoryError) -> [JudgedHead] {
        var files = try audited.call { () throws(StoreError) in
            try audited.log.heads(of: audited.origin, limit: limit)
        }
        if audited.place != nil {
            files += try storing { () throws(StoreError) in
                try store.log.heads(of: audited.origin, limit: limit)
            }
        }
        for witness in witnesses {
            let other = try knownRemotes.open(witness)
            do throws(StoreError) { files += try other.log.heads(of: audited.origin, limit: limit) } catch {
                throw .remote(RemoteError(witness.label, .store(error)))
            }
        }
        var (found, seen): ([JudgedHead], Set<[UInt8]>) = ([], [])
        for file in files {
            guard let bytes = file.bytes, seen.insert(bytes).inserted, let note = file.note,
                let head = try? LogHead(note: note.text),
                head.origin == audited.origin
            else { continue }
            found += try judge(note, of: head)
        }
        return found.sorted { ($0.head.size, $0.time, $0.signer) > ($1.head.size, $1.time, $1.signer) }
    }

    /// Whether a log is the one of which somebody signed a head.
    ///
    /// - Parameter hashes: Of the log.
    /// - Returns: Nothing if it is.
    func contradiction(
        _ head: LogHead, to audited: AuditedLog, _ hashes: inout LogHashes
    ) throws(RepositoryError) -> LogContradiction? {
        guard head.size <= audited.head.size else { return .rolledBack(size: audited.head.size) }
        var copy = hashes
        let root = try audited.call { () throws(StoreError) in try copy.root(of: head.size) }
        hashes = copy
        return root == head.root ? nil : .forked
    }

    /// Signed heads that a log contradicts, of those that are good; with how.
    package func contradictions(
        of heads: [JudgedHead], to audited: AuditedLog
    ) throws(RepositoryError) -> [(JudgedHead, LogContradiction)] {
        var hashes = LogHashes(audited.log)
        var found: [(JudgedHead, LogContradiction)] = []
        for head in heads where head.verdict.isGood {
            if let problem = try contradiction(head.head, to: audited, &hashes) {
                found.append((head, problem))
            }
        }
        return found
    }

    /// Signs the head of another store's log as its witness: if it goes on from all that this store has witnessed of it.
    ///
    /// What is signed is kept here, and there as well.
    package func witness(_ remote: Remote) throws(RepositoryError) -> WitnessReport {
        let audited = try auditedLog(of: remote)
        var hashes = LogHashes(audited.log)
        // What this store keeps was right when it was kept: whoever signed it.
        let kept = try storing { () throws(StoreError) in try store.log.heads(of: audited.origin) }
        var before: Int?
        for file in kept {
            guard let note = file.note, let head = try? LogHead(note: note.text),
                head.origin == audited.origin
            else {
                throw .damaged(
                    store.layout.heads(of: audited.origin).appending(Array(file.name.text.utf8)),
                    "it is no signed head")
            }
            switch try contradiction(head, to: audited, &hashes) {
            case .rolledBack(let size)?:
                throw .remote(
                    RemoteError(remote.label, .rolledBack(known: head.size - 1, found: size - 1)))
            case .forked?: throw .remote(RemoteError(remote.label, .forked(known: head.size - 1)))
            case nil: before = max(before ?? 0, head.size)
            }
        }
        let head = audited.head
        let signature = try sign(head)
        let bytes = SignedNote(text: head.note, signatures: [signature.note]).bytes
        let name = LogHeadName(
            size: head.size, time: signature.time, keyID: Hex.text(signature.note.keyID))
        try storing { () throws(StoreError) in
            try store.log.keepHead(
                bytes, of: audited.origin, as: name, nonce: Hex.text(environment.random(8)))
        }
        var problem: String?
        do throws(StoreError) {
            try audited.log.keepHead(
                bytes, of: audited.origin, as: name, nonce: Hex.text(environment.random(8)))
        } catch { problem = "\(error)" }
        return WitnessReport(
            place: remote.label, head: head, time: signature.time, before: before, problem: problem)
    }
}
