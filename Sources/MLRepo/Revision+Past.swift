internal import Lineage
package import ObjectModel
internal import Storage

/// What a name stood for at a time.
package struct PastValue: Sendable {
    package let commit: ObjectID
    /// Seconds since 1970-01-01T00:00:00Z.
    package let instant: Int
    /// The newest operation that was done by then, if the clocks of those who did it and the later ones were right.
    package let operation: Operation
}

/// Revisions that are found in the records: by run, by code, and by what a name stood for earlier.
extension Repository {
    /// The commit that `run:ID` or `git:REVISION` names; nothing if the text is of neither form.
    func recorded(_ name: String, of text: String) throws(RepositoryError) -> ObjectID? {
        if let digits = name.afterPrefix("run:") { return try commit(ofRun: digits, text) }
        if let digits = name.afterPrefix("git:") { return try commit(ofCode: digits, text) }
        return nil
    }

    private func commit(ofRun digits: String, _ text: String) throws(RepositoryError) -> ObjectID {
        guard digits.utf8.count >= 4 else { throw .noRevision(text) }
        var found: [ObjectID: ObjectID] = [:]
        let named = Set(try refs(in: "runs").filter { $0.name.hasPrefix(digits) }.map(\.target.id))
        try history(of: allCommits()) { (id, commit) throws(RepositoryError) in
            // The oldest commit that has a run is the one that brought it.
            for run in commit.runs where run.hex.hasPrefix(digits) || named.contains(run) { found[run] = id }
            return true
        }
        guard let commit = found.values.first else { throw .noRevision(text) }
        guard found.count == 1 else { throw .ambiguous(text) }
        return commit
    }

    /// The newest commit that was made with some revision of the code.
    private func commit(ofCode digits: String, _ text: String) throws(RepositoryError) -> ObjectID {
        guard digits.utf8.count >= 4 else { throw .noRevision(text) }
        var (newest, revision): (ObjectID?, String?)
        var isAmbiguous = false
        try history(of: allCommits()) { (id, commit) throws(RepositoryError) in
            for run in commit.runs {
                let code = try reading { () throws(ReadError) in try store.run(run) }.code
                guard let found = code?.revision, found.hasPrefix(digits) else { continue }
                if newest == nil { (newest, revision) = (id, found) }
                isAmbiguous = isAmbiguous || found != revision
            }
            return !isAmbiguous
        }
        guard !isAmbiguous else { throw .ambiguous(text) }
        guard let newest else { throw .noRevision(text) }
        return newest
    }

    /// Every commit that a ref names.
    private func allCommits() throws(RepositoryError) -> [ObjectID] {
        let all = try reading { () throws(ReadError) in try store.refs.leaves() }
        return Array(Set(all.map(\.target).filter { $0.kind == .commit }.map(\.id)))
    }

    // MARK: NAME@{…}

    /// What `NAME@{COUNT}` or `NAME@{TIME}` names: so many moves ago, or at a time.
    ///
    /// Times are those of the clocks of the machines that did the operations.
    /// - Returns: Nothing if the text has no `@{…}` at its end.
    func past(_ name: String, of text: String) throws(RepositoryError) -> ObjectID? {
        guard let (ref, specification) = try pastParts(name, of: text) else { return nil }
        if let count = Self.count(specification) { return try value(of: ref, movesAgo: count, text) }
        return try value(of: ref, at: specification, text).commit
    }

    /// What the part `NAME@{TIME}` of a revision names, and how that was found.
    ///
    /// - Returns: Nothing if the revision has no such part.
    package func pastValue(in revision: String) throws(RepositoryError) -> PastValue? {
        let name = String(revision.prefix { $0 != "~" && $0 != "^" })
        guard let (ref, specification) = try pastParts(name, of: revision), Self.count(specification) == nil
        else { return nil }
        return try value(of: ref, at: specification, revision)
    }

    /// The name and what stands in the braces of `NAME@{…}`.
    private func pastParts(
        _ name: String, of text: String
    ) throws(RepositoryError) -> (ref: RefName, specification: String)? {
        guard name.hasSuffix("}"), let open = name.range(ofLast: "@{") else { return nil }
        let ref = try self.refName(String(name[..<open.lowerBound]), text)
        return (ref, String(name[open.upperBound...].dropLast()))
    }

    private static func count(_ specification: String) -> Int? {
        specification.utf8.allSatisfy({ (0x30...0x39).contains($0) }) ? Int(specification) : nil
    }

    private func refName(_ name: String, _ text: String) throws(RepositoryError) -> RefName {
        if name.isEmpty || name == "HEAD" {
            let workingCopy = try copy.head().workingCopy
            return try naming { () throws(InvalidName) in try RefName.worktree(workingCopy) }
        }
        for group in ["branches/", "tags/"] {
            if let ref = try? RefName(group + name), try self.ref(ref) != nil { return ref }
        }
        throw .noRevision(text)
    }

    private func value(of name: RefName, movesAgo count: Int, _ text: String) throws(RepositoryError)
        -> ObjectID
    {
        var (value, left) = (try ref(name), count)
        if left > 0 {
            try operations { (operation) throws(RepositoryError) in
                for change in operation.event.refs where change.name == name && left > 0 {
                    (value, left) = (change.before, left - 1)
                }
                return left > 0
            }
        }
        guard left == 0, let value, value.kind == .commit else { throw .noRevision(text) }
        return value.id
    }

    private func value(
        of name: RefName, at specification: String, _ text: String
    ) throws(RepositoryError) -> PastValue {
        guard let time = PointInTime.seconds(specification, now: environment.now()) else {
            throw .noRevision(text)
        }
        var (value, newest): (ObjectReference?, Operation?) = (try ref(name), nil)
        try operations { (operation) throws(RepositoryError) in
            guard operation.event.time > time else {
                newest = operation
                return false
            }
            for change in operation.event.refs where change.name == name { value = change.before }
            return true
        }
        guard let newest, let value, value.kind == .commit else { throw .noRevision(text) }
        return PastValue(commit: value.id, instant: time, operation: newest)
    }
}

extension String {
    fileprivate func afterPrefix(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }

    /// Where a text stands last in this one.
    fileprivate func range(ofLast text: String) -> Range<Index>? {
        var end = endIndex
        while end > startIndex {
            end = index(before: end)
            if self[end...].hasPrefix(text) { return end..<index(end, offsetBy: text.count) }
        }
        return nil
    }
}
