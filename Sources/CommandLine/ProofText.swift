internal import Governance
internal import MLRepo
internal import ObjectModel

/// What a proof says and is worth, in words and for programs.
enum ProofText {
    static func lines(_ report: ProofReport) -> [String] {
        let head = report.proof.head
        let log = "the log \(head.origin.prefix(12))… of \(AuditText.entries(head.size))"
        var lines: [String] = []
        switch report.proof.fact {
        case .entry(let inclusion, let leaf):
            lines.append(
                report.holds
                    ? "Entry \(Terminal.count(inclusion.index)) is in \(log)"
                    : leaf == nil
                        ? "NOT PROVED: the proof does not have the entry \(Terminal.count(inclusion.index))"
                        : "NOT PROVED: the hashes do not lead from entry \(Terminal.count(inclusion.index)) to the root of \(log)"
            )
            if let leaf { lines.append("  \(Terminal.escaped(leaf))") }
            if let entry = report.entry {
                lines.append("Signed by \(entry.fingerprint): \(SignatureText.words(entry.verdict))")
            }
        case .consistency(let consistency):
            lines.append(
                report.holds
                    ? "It begins with all that the log of \(AuditText.entries(consistency.old)) had: \(log)"
                    : "NOT PROVED: the hashes do not lead from the log of \(AuditText.entries(consistency.old)) to \(log); --older names a proof with its head"
            )
        }
        switch report.isOfThisLog {
        case true?: lines.append("Head: this store's own log has it")
        case false?: lines.append("Head: FORKED OR NEWER: this store's own log does not have it")
        case nil: break
        }
        for head in report.heads { lines.append("Head \(AuditText.words(head))") }
        for (key, answer) in report.answers {
            let name = Terminal.escaped(key.name)
            switch answer {
            case .silent: lines.append("Head: not signed by \(name)")
            case .forged: lines.append("Head: BAD: a signature that says to be of \(name) is not")
            case .signed(let time):
                lines.append("Head: signed by \(name)\(time.map { " at \(Terminal.time($0))" } ?? ""): good")
            }
        }
        if report.heads.isEmpty, report.answers.isEmpty, report.isOfThisLog == nil {
            lines.append("Head: NOT SIGNED: nobody says that this is the log")
        }
        return lines
    }

    static func json(_ report: ProofReport) -> JSONValue {
        var (index, old, entry): (JSONValue?, JSONValue?, JSONValue?)
        switch report.proof.fact {
        case .entry(let inclusion, let leaf):
            index = .number(inclusion.index)
            entry = leaf.flatMap { try? JSONValue(canonical: $0) }
        case .consistency(let consistency): old = .number(consistency.old)
        }
        let answers = report.answers.map { key, answer in
            var time: Int?
            if case .signed(let told) = answer { time = told }
            let word = answer == .silent ? "silent" : answer == .forged ? "forged" : "signed"
            return JSONValue.object([
                "answer": .string(word), "name": .string(key.name),
                "time": time.map { .string(Terminal.time($0)) },
            ])
        }
        return .object([
            "answers": .array(answers), "entry": entry, "heads": .array(report.heads.map(AuditText.json)),
            "holds": .bool(report.holds), "index": index, "old": old,
            "origin": .string(report.proof.head.origin), "own": report.isOfThisLog.map { .bool($0) },
            "proved": .bool(report.isProved), "root": report.proof.head.root.json,
            "signature": report.entry.map {
                .object([
                    "fingerprint": $0.fingerprint.isEmpty ? nil : .string($0.fingerprint),
                    "verdict": .string(SignatureText.word($0.verdict)),
                ])
            },
            "size": .number(report.proof.head.size),
        ])
    }
}
