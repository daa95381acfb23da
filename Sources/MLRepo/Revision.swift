internal import Lineage
package import ObjectModel
internal import Storage

extension Repository {
    /// The commit that a person names: `HEAD`, a branch, a tag, the beginning of an id, `run:ID`, `git:REVISION`, `NAME@{…}`, each
    /// with `~N` and `^N` behind it.
    package func commit(named text: String) throws(RepositoryError) -> ObjectID {
        let base = text.prefix { $0 != "~" && $0 != "^" }
        var id = try start(String(base), of: text)
        var rest = text[base.endIndex...]
        while let step = rest.popFirst() {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest[digits.endIndex...]
            guard digits.count < 9, let count = digits.isEmpty ? 1 : Int(digits) else {
                throw .noRevision(text)
            }
            if step == "~" {
                for _ in 0..<count { id = try parent(of: id, 1, text) }
            } else if step == "^" {
                if count > 0 { id = try parent(of: id, count, text) }
            } else {
                throw .noRevision(text)
            }
        }
        return id
    }

    private func parent(of id: ObjectID, _ number: Int, _ text: String) throws(RepositoryError) -> ObjectID {
        let commit = try reading { () throws(ReadError) in try store.commit(id) }
        guard number <= commit.parents.count else { throw .noRevision(text) }
        return commit.parents[number - 1]
    }

    private func start(_ name: String, of text: String) throws(RepositoryError) -> ObjectID {
        if name == "HEAD" || name == "@" {
            guard let id = try base().head.commit else { throw .noCommit }
            return id
        }
        if let id = try past(name, of: text) { return id }
        for group in ["branches/", "tags/", "remotes/"] {
            guard let refName = try? RefName(group + name) else { continue }
            if let target = try ref(refName), target.kind == .commit { return target.id }
        }
        if let id = try recorded(name, of: text) { return id }
        let digits = name.hasPrefix("sha256:") ? String(name.dropFirst(7)) : name
        if let id = try? ObjectID(hex: digits), store.contains(ObjectReference(.commit, id)) { return id }
        return try abbreviated(digits, text)
    }

    private func abbreviated(_ digits: String, _ text: String) throws(RepositoryError) -> ObjectID {
        guard digits.utf8.count >= 4, digits.utf8.count < 64,
            digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { throw .noRevision(text) }
        let found = Set(store.ids(of: .commit, beginning: digits))
        guard let id = found.first else { throw .noRevision(text) }
        guard found.count == 1 else { throw .ambiguous(text) }
        return id
    }

    /// All commits that lead to some others, newest first.
    ///
    /// - Parameter paths: Where there are some, only commits that have something else at one of them than each of their parents
    ///   (a first one, anything), and whose files were not collected.
    /// - Throws: Where a commit or a directory cannot be read, once all others have been handed out.
    package func history(
        of tips: [ObjectID], changing paths: [RepositoryPath] = [],
        _ body: (ObjectID, Commit) throws(RepositoryError) -> Bool
    ) throws(RepositoryError) {
        let source = paths.isEmpty ? CommitSource(store) : knownCommits.source(store)
        defer { knownCommits.add(source.missed) }
        var walk = CommitWalk(from: tips, of: source)
        var changes = PathChanges(of: paths, in: source, isCollected: wasCollected)
        var failure: RepositoryError?
        while let next = try reading({ () throws(ReadError) in try walk.next() }) {
            if !paths.isEmpty {
                if wasCollected(next.tree) { continue }
                do throws(ReadError) {
                    guard try changes.isChanged(by: next, of: walk) else { continue }
                } catch {
                    // Beside a lost commit nobody knows; the others are told first.
                    failure = failure ?? .object(error)
                    continue
                }
            }
            let commit: Commit
            do throws(ReadError) { commit = try source.commit(next) } catch {
                failure = failure ?? .object(error)
                continue
            }
            guard try body(next.id, commit) else { return }
        }
        if let failure { throw failure }
    }

    /// Whether a branch or a tag leads to a commit.
    package func isNamed(_ id: ObjectID) throws(RepositoryError) -> Bool {
        let tips = try (refs(in: "branches") + refs(in: "tags") + refs(in: "remotes")).map(\.target).filter {
            $0.kind == .commit
        }
        .map(\.id)
        var isFound = false
        try history(of: tips) { other, _ in
            isFound = other == id
            return !isFound
        }
        return isFound
    }
}
