package import ObjectModel
internal import Storage

extension Repository {
    /// Signs a remark on a commit, on something in it, or on a run.
    ///
    /// - Parameter path: Of what it is about in a commit; nothing for all of it.
    package func addNote(
        _ text: String, on subject: ObjectReference, at path: RepositoryPath?
    ) throws(RepositoryError) -> JudgedStatement {
        guard let actor = person else { throw .noIdentity }
        // What is noted is told, with what it is worth.
        _ = try allowedSigners()
        let place = try path.map { (path) throws(RepositoryError) in
            Statement.Note.Place(path: path, content: try content(of: subject.id, at: path))
        }
        guard text.utf8.count <= Statement.Note.byteLimit else {
            throw .badConfiguration("a note has at most \(Statement.Note.byteLimit) bytes")
        }
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        let change = try sign(.note(Statement.Note(text: text, place: place)), of: subject, by: actor, writer)
        _ = try transact("note", reason: nil, actor: actor, try copy.head(), writer) { [change] }
        guard let name = change.name.statement, let made = try judged([name]).first else {
            throw .store(.outdated)
        }
        return made
    }

    /// What a version has at a path.
    package func content(
        of commit: ObjectID, at path: RepositoryPath
    ) throws(RepositoryError) -> ObjectReference {
        let tree = tree(try reading { () throws(ReadError) in try store.commit(commit) })
        let entry = try reading { () throws(ReadError) in try tree.entry(at: path) }
        guard let entry else { throw .noPath("\(path)") }
        return entry.reference
    }

    /// Remarks on an object; where the files of trusted keys cannot be read, nobody is trusted.
    package func notes(on subject: ObjectReference) throws(RepositoryError) -> [JudgedStatement] {
        try judged(statementNames(["note"], of: subject), leniently: true)
    }

    /// All remarks, or those on files and directories of some content, wherever they are; where the files of trusted keys cannot be read,
    /// nobody is trusted.
    package func notes(on content: Set<ObjectReference>? = nil) throws(RepositoryError) -> [JudgedStatement] {
        let names = try statementNames(["note"])
        guard let content else { return try judged(names, leniently: true) }
        var wanted: [StatementName] = []
        for name in names {
            guard case .note(let note) = try statement(name.id).fact, let place = note.place,
                content.contains(place.content)
            else { continue }
            wanted.append(name)
        }
        return try judged(wanted, leniently: true)
    }
}
