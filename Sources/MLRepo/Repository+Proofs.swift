internal import FileIO
package import Governance
package import ObjectModel
internal import Storage

/// What a file that proves something of a log is worth.
package struct ProofReport: Sendable {
    package let proof: LogProof
    /// Whether the hashes prove it.
    package let holds: Bool
    /// Signatures of its head by SSH keys.
    package let heads: [JudgedHead]
    /// What keys of logs and witnesses elsewhere say of the head, in the order in which they were given.
    package let answers: [(key: NoteKey, answer: NoteKey.Answer)]
    /// What the signature of the entry is worth, where it is about a signed one.
    package let entry: (verdict: SignatureVerdict, fingerprint: String)?
    /// Whether the log of the store that one stands in has this head; nothing if it is another log, or there is none.
    package let isOfThisLog: Bool?

    /// Whether the entry is not signed, or the signature is a genuine one of an entry, whoever's.
    private var entryIsSound: Bool {
        switch entry?.verdict {
        case .forged?, .malformed?, .otherNamespace?: false
        default: true
        }
    }

    /// Whether it is proved to who trusts the keys that are trusted here.
    package var isProved: Bool {
        let isForged = answers.contains { $0.answer == .forged } || heads.contains { $0.verdict == .forged }
        let isSigned =
            heads.contains { $0.verdict.isGood }
            || answers.contains {
                if case .signed = $0.answer { true } else { false }
            }
        return holds && !isForged && entryIsSound && isOfThisLog != false && (isSigned || isOfThisLog == true)
    }
}

extension Repository {
    /// Proves of an entry that it is in a log.
    ///
    /// - Parameters:
    ///   - size: The log as it was when it had so many entries; as it is now without it.
    ///   - isSigned: Whether the head is signed by whoever works here, beside those who have signed it already.
    package func proveEntry(
        _ number: Int, in audited: AuditedLog, of size: Int?, signing isSigned: Bool
    ) throws(RepositoryError) -> LogProof {
        let size = try self.size(size, of: audited, above: number)
        var hashes = LogHashes(audited.log)
        let (leaf, path) = try audited.call { () throws(StoreError) in
            (try audited.log.leaf(number), try hashes.inclusion(of: number, in: size))
        }
        let fact = LogProof.Fact.entry(
            InclusionProof(index: number, size: size, hashes: path), leaf: leaf)
        return try proof(fact, audited, size, &hashes, signing: isSigned)
    }

    /// Proves of a log that it begins with all that it had when it was shorter.
    package func proveConsistency(
        from old: Int, in audited: AuditedLog, of size: Int?, signing isSigned: Bool
    ) throws(RepositoryError) -> LogProof {
        let size = try self.size(size, of: audited, above: old - 1)
        var hashes = LogHashes(audited.log)
        let path = try audited.call { () throws(StoreError) in
            try hashes.consistency(from: old, to: size)
        }
        let fact = LogProof.Fact.consistency(ConsistencyProof(old: old, new: size, hashes: path))
        return try proof(fact, audited, size, &hashes, signing: isSigned)
    }

    private func size(
        _ size: Int?, of audited: AuditedLog, above number: Int
    ) throws(RepositoryError) -> Int {
        let newest = audited.head.size
        guard (-1..<newest).contains(number) else { throw .noEntry(number, size: newest) }
        guard let size else { return newest }
        guard size > number, (1...newest).contains(size) else { throw .noEntry(size - 1, size: newest) }
        return size
    }

    /// - Throws: If the hashes do not prove it, because the log is damaged.
    private func proof(
        _ fact: LogProof.Fact, _ audited: AuditedLog, _ size: Int, _ hashes: inout LogHashes,
        signing isSigned: Bool
    ) throws(RepositoryError) -> LogProof {
        var copy = hashes
        let root = try audited.call { () throws(StoreError) in try copy.root(of: size) }
        let head = LogHead(origin: audited.origin, size: size, root: root)
        if size == audited.head.size, head != audited.head {
            throw .store(.damaged(store.layout.log, problem: "its entries do not hash to its root"))
        }
        // Whoever witnessed this very head.
        var signatures: [NoteSignature] = []
        let kept = try audited.call { () throws(StoreError) in try audited.log.heads(of: audited.origin) }
        for file in kept where file.name.size == size {
            guard let note = file.note, note.text == head.note else { continue }
            for signature in note.signatures where !signatures.contains(signature) {
                signatures.append(signature)
            }
        }
        if isSigned { signatures.append(try sign(head).note) }
        return LogProof(fact, head: head, signatures: Array(signatures.suffix(SignedNote.signatureLimit)))
    }

    // MARK: Files

    /// Writes a proof under a name that is free.
    package func save(_ proof: LogProof, to name: [UInt8]) throws(RepositoryError) {
        try save(proof.bytes, to: name)
    }

    /// Writes a file where nothing is.
    package func save(_ bytes: [UInt8], to name: [UInt8]) throws(RepositoryError) {
        let (path, files) = (environment.workingDirectory.appending(name).normalized, environment.files)
        guard try !Self.exists(path, files) else { throw .refExists("\(path)") }
        try filing { () throws(FileError) in
            let file = try files.create(path, permissions: 0o666)
            defer { files.close(file) }
            try files.write(file, bytes)
        }
    }

    /// Reads a proof, if that is what a file holds.
    ///
    /// - Returns: Nothing for a file that is not there, or that is meant to be something else.
    package func proof(in name: [UInt8]) throws(RepositoryError) -> LogProof? {
        let path = environment.workingDirectory.appending(name)
        guard let status = try? environment.files.status(path), status.kind == .file else { return nil }
        let bytes = try filing { () throws(FileError) in
            try environment.files.contentsIfPresent(path, limit: LogProof.byteLimit)
        }
        guard let bytes, LogProof.isBeginning(of: bytes) else { return nil }
        do throws(MalformedTrust) { return try LogProof(parsing: bytes) } catch {
            throw .damaged(path, "\(error)")
        }
    }

    // MARK: Judging

    /// Judges a proof; of another log, too.
    ///
    /// - Parameters:
    ///   - leaf: The bytes of the entry, where it is about one and does not have them.
    ///   - older: A head of the older log, where it is about that; the own log knows its own.
    ///   - keys: Keys of logs and witnesses elsewhere that are trusted.
    package func check(
        _ proof: LogProof, older: LogHead?, keys: [NoteKey]
    ) throws(RepositoryError) -> ProofReport {
        let audited = try auditedLog()
        var (older, isOfThisLog): (LogHead?, Bool?) = (older, nil)
        if proof.head.origin == audited.origin {
            var hashes = LogHashes(audited.log)
            isOfThisLog = try contradiction(proof.head, to: audited, &hashes) == nil
            if case .consistency(let fact) = proof.fact, older == nil, fact.old <= audited.head.size {
                var copy = hashes
                let root = try audited.call { () throws(StoreError) in try copy.root(of: fact.old) }
                older = LogHead(origin: audited.origin, size: fact.old, root: root)
            }
        }
        return ProofReport(
            proof: proof, holds: proof.holds(older: older), heads: try judge(proof.note, of: proof.head),
            answers: keys.map { ($0, $0.answer(to: proof.note)) }, entry: try judgedEntry(of: proof),
            isOfThisLog: isOfThisLog)
    }

    /// What the signature of an entry is worth, by the proof alone: that has the head of the log before it.
    private func judgedEntry(
        of proof: LogProof
    ) throws(RepositoryError) -> (verdict: SignatureVerdict, fingerprint: String)? {
        guard case .entry(let inclusion, let leaf?) = proof.fact, let entry = try? LogEntry(leaf: leaf),
            let blob = entry.signature, let before = inclusion.before
        else { return nil }
        let signers = try allowedSigners()
        do throws(MalformedTrust) {
            let signature = try SSHSignature(blob: blob)
            let head = LogHead(origin: proof.head.origin, before)
            let message = (try? LogEntry.signedBytes(of: leaf, behind: head)) ?? []
            var judge = SignatureJudge(signers)
            let claim = SignatureJudge.Claim(
                person: nil, namespace: LogEntry.signatureNamespace, time: entry.time)
            return (
                judge.judge(signature, over: message, claim, at: entry.time), signature.key.fingerprint
            )
        } catch { return (.malformed(error), "") }
    }
}
