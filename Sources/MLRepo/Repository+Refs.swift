package import ObjectModel
internal import Storage

extension Repository {
    /// Makes a branch or a tag.
    ///
    /// - Parameters:
    ///   - group: `branches` or `tags`.
    ///   - isSigned: Whether whoever makes a tag signs that it is one; nothing as the setting says.
    package func makeRef(
        _ group: String, _ name: String, at id: ObjectID, isSigned: Bool? = nil
    ) throws(RepositoryError) {
        let isTag = group == "tags"
        let signs = isTag ? try signs(.signsTags, isAsked: isSigned) : false
        // What cannot be made is not signed.
        _ = try newRef(group, name, at: id)
        try change(verb: isTag ? "tag" : "branch", reason: name) { (writer, actor) throws(RepositoryError) in
            guard signs else { return [] }
            return [try sign(.tag(name: name), of: ObjectReference(.commit, id), by: actor, writer)]
        } _: { () throws(RepositoryError) in
            try newRef(group, name, at: id)
        }
    }

    /// A branch or tag that comes.
    ///
    /// - Throws: ``RepositoryError/refExists(_:)`` if one of that name is there, of either kind: they could not be told apart.
    func newRef(_ group: String, _ name: String, at id: ObjectID) throws(RepositoryError) -> RefChange {
        let refName = try requireFree(group, name)
        return RefChange(name: refName, before: nil, after: ObjectReference(.commit, id))
    }

    /// Makes sure that a branch or a tag could be made.
    @discardableResult
    package func requireFree(_ group: String, _ name: String) throws(RepositoryError) -> RefName {
        let names = try naming { () throws(InvalidName) in
            // A branch of that name could never be told from where one stands.
            if name == "HEAD" { throw InvalidName(bytes: Array(name.utf8), problem: .refName) }
            return (
                try RefName("\(group)/\(name)"),
                try RefName("\(group == "tags" ? "branches" : "tags")/\(name)")
            )
        }
        guard try ref(names.0) == nil, try ref(names.1) == nil else { throw .refExists(name) }
        return names.0
    }

    /// Lets a working copy without a version stand on a branch that its first commit makes.
    package func beginBranch(_ branch: String) throws(RepositoryError) {
        try requireWhole()
        if let lost = try lostCommit() { throw .lostCommit(lost) }
        try requireFree("branches", branch)
        var head = try copy.head()
        head.branch = branch
        try copy.setHead(head)
    }

    /// Whether the last thing that this working copy did was to make a branch at a commit: a command that was killed then is
    /// typed again.
    package func hasJustMade(branch: String, at id: ObjectID) throws(RepositoryError) -> Bool {
        let head = try base().head
        guard try tip(of: branch) == id else { return false }
        var last: Event?
        try operations { (operation) throws(RepositoryError) in
            guard operation.event.workingCopy == head.workingCopy else { return true }
            last = operation.event
            return false
        }
        guard let last, ["branch", "checkout"].contains(last.verb) else { return false }
        return last.refs.contains { $0.name.name(in: "branches") == branch && $0.before == nil }
    }

    /// Takes a branch or a tag away; the commits stay for as long as the store's undo window.
    package func removeRef(_ group: String, _ name: String) throws(RepositoryError) {
        let refName = try naming { () throws(InvalidName) in try RefName("\(group)/\(name)") }
        if group == "branches", let place = place(standingOn: name) { throw .branchInUse(name, place) }
        let verb = ["tags": "tag", "worktrees": "worktree", "kept": "worktree"][group] ?? "branch"
        try change(verb: verb, reason: "delete \(name)") {
            () throws(RepositoryError) in
            guard let before = try ref(refName) else { throw .noRef(name) }
            return RefChange(name: refName, before: before, after: nil)
        }
    }

    /// - Parameters:
    ///   - preparing: Adds what goes with the change, and says which refs name it.
    ///   - make: The change.
    private func change(
        verb: String, reason: String,
        _ preparing: (ObjectWriter, Person) throws(RepositoryError) -> [RefChange] = { _, _ in [] },
        _ make: () throws(RepositoryError) -> RefChange
    ) throws(RepositoryError) {
        guard let actor = person else { throw .noIdentity }
        let writer = ObjectWriter(store, random: environment.random)
        defer { writer.abandon() }
        let more = try preparing(writer, actor)
        _ = try transact(verb, reason: reason, actor: actor, try copy.head(), writer) {
            () throws(RepositoryError) in
            [try make()] + more
        }
    }
}
