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
        return try configuration.isOn(setting)
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
        let signature = try keys.sign(body, for: Statement.namespace(fact), as: signer)
        let statement: Statement
        do throws(MalformedObject) { statement = try Statement(body: body, signature: signature) } catch {
            throw .cannotSign("\(error)")
        }
        let id = try storing { () throws(StoreError) in try writer.add(.statement, statement.payload) }
        let name = try naming { () throws(InvalidName) in
            try RefName.statement(StatementName(word: fact.word, subject: subject, id: id))
        }
        return RefChange(name: name, before: nil, after: ObjectReference(.statement, id))
    }

    // MARK: Reading

    /// The statements that refs name, of some kinds, in order of kinds and of what they are about.
    ///
    /// - Parameters:
    ///   - words: Nothing for all kinds.
    ///   - subject: Nothing for those about anything.
    func statementNames(
        _ words: [String]? = nil, of subject: ObjectReference? = nil
    ) throws(RepositoryError) -> [StatementName] {
        var found: [StatementName] = []
        let about = subject.map { "\($0.kind.name)/\($0.id.hex)/" } ?? ""
        for prefix in words.map({ words in words.map { "statements/\($0)/\(about)" } }) ?? ["statements/"] {
            try reading { () throws(ReadError) in
                try store.refs.forEachLeaf(beginning: Array(prefix.utf8)) { entry in
                    if let name = entry.name.statement { found.append(name) }
                }
            }
        }
        return found
    }

    /// The kinds of statements by which somebody vouches for a commit.
    private static let vouching = ["commit", "tag"]

    /// Who vouches for some commits, and what that is worth.
    ///
    /// - Parameters:
    ///   - commits: Nothing for all.
    ///   - isLenient: Where the files of trusted keys cannot be read, nobody is trusted.
    /// - Returns: By commits; those of one commit in order of the times that they tell, and of kinds.
    package func judgedSignatures(
        of commits: [ObjectID]?, leniently isLenient: Bool = false
    ) throws(RepositoryError) -> [ObjectID: [JudgedStatement]] {
        var names: [StatementName] = []
        if let commits {
            for id in Set(commits) {
                names += try statementNames(Self.vouching, of: ObjectReference(.commit, id))
            }
        } else {
            names = try statementNames(Self.vouching)
        }
        return Dictionary(grouping: try judged(names, leniently: isLenient)) { $0.statement.subject.id }
    }

    /// What statements are worth, in order of the times that they tell, and of kinds; without those that say something else than their
    /// refs, or that do not hold any more.
    ///
    /// - Parameter isLenient: Where the files of trusted keys cannot be read, nobody is trusted.
    func judged(
        _ names: [StatementName], leniently isLenient: Bool = false
    ) throws(RepositoryError) -> [JudgedStatement] {
        guard !names.isEmpty else { return [] }
        let logged = try timesLogged(Set(names))
        let signers: AllowedSigners
        do throws(RepositoryError) { signers = try allowedSigners() } catch {
            guard isLenient else { throw error }
            signers = AllowedSigners()
        }
        var judge = SignatureJudge(signers)
        var found: [JudgedStatement] = []
        for name in names {
            let statement = try statement(name.id)
            // A ref says what a statement is only so that it is found.
            guard statement.subject == name.subject, statement.fact.word == name.word, try stands(statement)
            else { continue }
            let time = logged[name]
            let (verdict, signature) = judge.judge(statement, at: time ?? environment.now())
            found.append(
                JudgedStatement(
                    id: name.id, statement: statement, verdict: verdict,
                    fingerprint: signature?.key.fingerprint, logged: time))
        }
        return found.sorted {
            ($0.statement.time, $0.statement.fact.word, $0.id)
                < ($1.statement.time, $1.statement.fact.word, $1.id)
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
        guard case .tag(let text) = statement.fact else { return true }
        guard let name = try? RefName.tag(text) else { return false }
        return try ref(name) == statement.subject
    }

    /// When statements came into the log, by the clock of whoever made the entry: the newest one that names each.
    private func timesLogged(_ names: Set<StatementName>) throws(RepositoryError) -> [StatementName: Int] {
        var (times, missing): ([StatementName: Int], Set<StatementName>) = ([:], names)
        do throws(RepositoryError) {
            try operations { (operation) throws(RepositoryError) in
                for change in operation.event.refs where change.after != nil {
                    guard let name = change.name.statement, missing.remove(name) != nil else { continue }
                    times[name] = operation.event.time
                }
                return !missing.isEmpty
            }
        } catch {
            // Of what lies behind a record that is lost, nobody knows when it came.
            guard case .object(.missing) = error else { throw error }
        }
        return times
    }
}
