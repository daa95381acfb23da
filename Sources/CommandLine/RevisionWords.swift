internal import MLRepo
internal import ObjectModel

/// Revisions and paths, in this order, as people type them without `--` between.
enum RevisionWords {
    /// What stands behind `--` as values of an option: the parser knows either words on both sides of it, or none that are
    /// optional before.
    static func complete(_ arguments: [String]) -> [String] {
        guard let command = arguments.first, command == "log" || command == "diff",
            let end = arguments.firstIndex(of: "--")
        else { return arguments }
        return arguments[..<end] + arguments[(end + 1)...].map { "--path=\($0)" }
    }

    /// The commit of a word; where there is none, what is gone may have been meant.
    static func commit(_ word: String, _ command: String, _ repository: Repository) throws -> ObjectID {
        do throws(RepositoryError) { return try repository.commit(named: word) } catch {
            var failure = Failure(error)
            guard case .noRevision(let text) = error else { throw failure }
            if let range = range(text, command, repository) {
                failure.hint = range
            } else if failure.hint == "mlrepo log", text.contains("/") || text.contains(".") {
                failure.hint =
                    "a path that is gone stands behind --: mlrepo \(command) -- \(ShellWord.quoted(ArgumentText.bytes(text)))"
            }
            throw failure
        }
    }

    /// What to type for two revisions with dots between, as git takes them.
    private static func range(_ text: String, _ command: String, _ repository: Repository) -> String? {
        guard let dots = text.firstRange(of: "..") else { return nil }
        let first = String(text[..<dots.lowerBound])
        let second = String(text[dots.upperBound...].drop { $0 == "." })
        let ends = [first, second].map { $0.isEmpty ? "HEAD" : $0 }
        guard ends.allSatisfy({ (try? repository.commit(named: $0)) != nil }) else { return nil }
        return command == "diff"
            ? "mlrepo diff \(ends[0]) \(ends[1])" : "there are no ranges here: mlrepo log \(ends[1])"
    }

    /// Takes the words before `--` apart.
    ///
    /// The first word that is no revision, and is there on disk or in a version, is a path, and so are all behind it. What is
    /// neither is taken for a revision, so that it is named in the error.
    static func split(
        _ words: [String], _ paths: [String], _ repository: Repository
    ) throws -> (revisions: [String], paths: [String]) {
        let first = try words.firstIndex { word in
            guard (try? repository.commit(named: word)) == nil,
                let path = try? repository.path(ArgumentText.bytes(word))
            else { return false }
            if try repository.exists(path) { return true }
            return ([words[0], "HEAD"]).contains { name in
                guard let id = try? repository.commit(named: name),
                    let version = try? repository.contents(of: id).0
                else { return false }
                return ((try? repository.tree(version).entry(at: path)) ?? nil) != nil
            }
        }
        let end = first ?? words.count
        return (Array(words[..<end]), Array(words[end...]) + paths)
    }
}
