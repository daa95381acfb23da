internal import FileIO
package import Governance
package import ObjectModel
internal import Storage

/// A statement about an object, and what its signature is worth.
package struct JudgedStatement: Sendable {
    package let id: ObjectID
    package let statement: Statement
    package let verdict: SignatureVerdict
    /// Such as `SHA256:…`; nothing for what is no signature.
    package let fingerprint: String?
    /// When it came into this store's log; nothing if no entry of that log can be read that says so.
    package let logged: Int?
}

extension Repository {
    // MARK: Making

    /// Whether what is made is signed.
    ///
    /// - Parameters:
    ///   - setting: Says so where nobody was asked.
    ///   - isAsked: What a person says of this one.
    func signs(_ setting: Setting, isAsked: Bool?) throws(RepositoryError) -> Bool {
        if let isAsked { return isAsked }
        switch configuration[setting.rawValue] {
        case nil, "false"?: return false
        case "true"?: return true
        case let value?:
            throw .badConfiguration(
                "\(setting.rawValue) is true or false, and not '\(escapedText(Array(value.utf8)))'")
        }
    }

    /// Signs a new commit, if it is to be signed.
    ///
    /// - Returns: The ref that is to name the signature.
    func signature(
        of commit: ObjectID, by signer: Person, isAsked: Bool?, _ writer: ObjectWriter
    ) throws(RepositoryError) -> RefChange? {
        guard try signs(.signsCommits, isAsked: isAsked) else { return nil }
        return try sign(.commit, of: ObjectReference(.commit, commit), by: signer, writer)
    }

    /// Signs a statement and adds it to what is written.
    ///
    /// - Returns: The ref that is to name it.
    func sign(
        _ fact: Statement.Fact, of subject: ObjectReference, by signer: Person, _ writer: ObjectWriter
    ) throws(RepositoryError) -> RefChange {
        let body = Statement.body(fact, of: subject, by: signer, at: environment.now())
        let key = try self.signer(signer)
        let signature: String
        do throws(SigningProblem) { signature = try key.sign(body, for: Statement.namespace(fact)) } catch {
            throw .cannotSign(error.text)
        }
        let statement: Statement
        do throws(MalformedObject) { statement = try Statement(body: body, signature: signature) } catch {
            throw .cannotSign("\(error)")
        }
        let id = try storing { () throws(StoreError) in try writer.add(.statement, statement.payload) }
        let name = try naming { () throws(InvalidName) in try RefName.statement(id, of: subject) }
        return RefChange(name: name, before: nil, after: ObjectReference(.statement, id))
    }

    // MARK: Reading

    /// All statements that refs name, in order of what they are about.
    func statementRefs(
        of subject: ObjectReference? = nil
    ) throws(RepositoryError) -> [(name: RefName, id: ObjectID, subject: ObjectReference)] {
        var prefix = "statements/"
        if let subject { prefix += "\(subject.kind.name)/\(subject.id.hex)/" }
        var found: [(RefName, ObjectID, ObjectReference)] = []
        try reading { () throws(ReadError) in
            try store.refs.forEachLeaf(beginning: Array(prefix.utf8)) { entry in
                guard let (id, subject) = entry.name.statement else { return }
                found.append((entry.name, id, subject))
            }
        }
        return found
    }

    /// What is said of some commits, and what that is worth.
    ///
    /// - Parameter commits: Nothing for all that is said of any.
    /// - Returns: By commits; those of one commit in order of the times that they tell, and of kinds.
    package func judgedStatements(
        of commits: [ObjectID]?
    ) throws(RepositoryError) -> [ObjectID: [JudgedStatement]] {
        var refs: [(name: RefName, id: ObjectID, subject: ObjectReference)] = []
        if let commits {
            for id in Set(commits) { refs += try statementRefs(of: ObjectReference(.commit, id)) }
        } else {
            refs = try statementRefs().filter { $0.subject.kind == .commit }
        }
        guard !refs.isEmpty else { return [:] }
        let logged = try timesLogged(Set(refs.map(\.name)))
        var judge = SignatureJudge(try allowedSigners())
        var judged: [ObjectID: [JudgedStatement]] = [:]
        for (name, id, subject) in refs {
            let statement = try statement(id)
            // A ref says what a statement is about only so that it is found.
            guard statement.subject == subject, try stands(statement) else { continue }
            let time = logged[name]
            let (verdict, signature) = judge.judge(statement, at: time ?? environment.now())
            judged[subject.id, default: []].append(
                JudgedStatement(
                    id: id, statement: statement, verdict: verdict, fingerprint: signature?.key.fingerprint,
                    logged: time))
        }
        return judged.mapValues { statements in
            statements.sorted {
                ($0.statement.time, $0.statement.fact.word, $0.id)
                    < ($1.statement.time, $1.statement.fact.word, $1.id)
            }
        }
    }

    func statement(_ id: ObjectID) throws(RepositoryError) -> Statement {
        let payload = try reading { () throws(ReadError) in try store.required(.statement, id) }
        do throws(MalformedObject) { return try Statement(payload: payload) } catch {
            throw .object(.damaged(ObjectReference(.statement, id), problem: "\(error)"))
        }
    }

    /// Whether what a statement says of names is so: that of a tag holds as long as the tag names the commit.
    private func stands(_ statement: Statement) throws(RepositoryError) -> Bool {
        switch statement.fact {
        case .commit: return true
        case .tag(let text):
            guard let name = try? RefName.tag(text) else { return false }
            return try ref(name) == statement.subject
        // What a later version says of a commit need not be in its favour.
        case .other: return false
        }
    }

    /// When refs came into the log, by the clock of whoever made the entry: the newest one that made each.
    private func timesLogged(_ names: Set<RefName>) throws(RepositoryError) -> [RefName: Int] {
        var (times, missing): ([RefName: Int], Set<RefName>) = ([:], names)
        try operations { (operation) throws(RepositoryError) in
            for change in operation.event.refs where change.after != nil {
                if missing.remove(change.name) != nil { times[change.name] = operation.event.time }
            }
            return !missing.isEmpty
        }
        return times
    }
}
