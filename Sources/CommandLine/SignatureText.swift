internal import Governance
internal import MLRepo
internal import ObjectModel

/// Signatures in words and for programs.
enum SignatureText {
    /// Says why nobody is trusted, where that is so because a file cannot be read.
    static func warn(_ repository: Repository, of statements: [JudgedStatement]) {
        guard !statements.isEmpty else { return }
        do throws(RepositoryError) { _ = try repository.allowedSigners() } catch {
            Terminal.printError(
                "warning: \(Terminal.escaped("\(error)")); nobody is trusted until it can be read")
        }
    }

    /// What is said of a commit, a line for each statement; one line where nobody says anything.
    static func lines(_ statements: [JudgedStatement], _ commit: Commit) -> [String] {
        if statements.isEmpty { return ["Signed: by nobody"] }
        return statements.map { "Signed: \(line($0, commit))" }
    }

    private static func line(_ judged: JudgedStatement, _ commit: Commit) -> String {
        var text = words(judged)
        let signer = judged.statement.signer
        if judged.statement.fact == .commit, judged.verdict.isGood, signer.email != commit.committer.email {
            text += "; the commit says \(Terminal.escaped("\(commit.committer)"))"
        }
        return text
    }

    /// Whose signature it is, and what it is worth.
    static func words(_ judged: JudgedStatement) -> String {
        let signer = Terminal.escaped("\(judged.statement.signer)")
        let key = judged.fingerprint.map { ", key \($0)" } ?? ""
        let tag: String
        if case .tag(let name) = judged.statement.fact {
            tag = "as \(Terminal.escaped(name)) "
        } else {
            tag = ""
        }
        let verdict = words(judged.verdict, claimed: judged.statement.time)
        return "\(tag)by \(signer)\(key): \(verdict)"
    }

    /// What a signature is worth.
    ///
    /// - Parameter time: When it was made, as it says.
    static func words(_ verdict: SignatureVerdict, claimed time: Int? = nil) -> String {
        func of(_ principals: String) -> String { "that of \(Terminal.escaped(principals))" }
        return switch verdict {
        case .good: "good"
        case .unknownKey: "NOT KNOWN: nobody here vouches for the key"
        case .otherPerson(let principals): "BAD: the key is \(of(principals))"
        case .otherUse(let principals): "BAD: the key, \(of(principals)), is not trusted for this"
        case .otherTime(let principals, isClaimed: false):
            "BAD: the key, \(of(principals)), was not trusted at the time"
        case .otherTime(let principals, isClaimed: true):
            "NOT PROVED: the key, \(of(principals)), was not trusted any more, or not yet, when this came here\(time.map { "; it says to be of \(Terminal.time($0))" } ?? "")"
        case .badCertificate(let principals):
            "BAD: its certificate, \(of(principals)), does not say so, or is none"
        case .otherNamespace(let namespace):
            "BAD: the signature is for \(Terminal.escaped(namespace))"
        case .forged: "BAD: the key did not sign this"
        case .malformed(let problem): "BAD: \(Terminal.escaped("\(problem)"))"
        }
    }

    /// A remark: who made it and what that is worth, and the text below.
    ///
    /// - Parameter isTold: Whether the path is told, too.
    static func lines(of judged: JudgedStatement, path isTold: Bool = true) -> [String] {
        guard case .note(let note) = judged.statement.fact else { return [] }
        let place = isTold ? note.place.map { " on \($0.path)" } ?? "" : ""
        let text = note.text.split(separator: "\n", omittingEmptySubsequences: false)
        return ["Note\(place) \(words(judged))"]
            + text.map { $0.isEmpty ? "" : "    \(Terminal.escaped(String($0)))" }
    }

    static func notesJSON(_ notes: [JudgedStatement]) -> JSONValue { .array(notes.map(noteJSON)) }

    static func noteJSON(_ judged: JudgedStatement) -> JSONValue {
        guard case .note(let note) = judged.statement.fact, case .object(let members) = json(judged) else {
            return .null
        }
        var more = [
            JSONMember("subject", judged.statement.subject.id.json),
            JSONMember("subjectKind", .string(judged.statement.subject.kind.name)),
            JSONMember("text", .string(note.text)),
        ]
        if let place = note.place {
            more += [
                JSONMember("path", Terminal.json(place.path)), JSONMember("content", place.content.id.json),
            ]
        }
        return .object(members + more, sorting: true)
    }

    /// A word for programs.
    static func word(_ verdict: SignatureVerdict) -> String {
        switch verdict {
        case .good: "good"
        case .unknownKey: "unknownKey"
        case .otherPerson: "otherPerson"
        case .otherUse: "otherUse"
        case .otherTime: "otherTime"
        case .badCertificate: "badCertificate"
        case .otherNamespace: "otherNamespace"
        case .forged: "forged"
        case .malformed: "malformed"
        }
    }

    static func json(_ statements: [JudgedStatement]) -> JSONValue {
        .array(statements.map(json))
    }

    private static func json(_ judged: JudgedStatement) -> JSONValue {
        var name: JSONValue?
        if case .tag(let text) = judged.statement.fact { name = .string(text) }
        return .object([
            "fingerprint": judged.fingerprint.map { .string($0) },
            "kind": .string(judged.statement.fact.word),
            "logged": judged.logged.map { .string(Terminal.time($0)) }, "name": name,
            "signer": judged.statement.signer.json, "statement": judged.id.json,
            "time": .string(Terminal.time(judged.statement.time)), "verdict": .string(word(judged.verdict)),
        ])
    }
}
