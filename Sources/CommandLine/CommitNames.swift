internal import MLRepo
internal import ObjectModel

/// What commits are called: by branches, by tags, and by the working copy that looks.
struct CommitNames {
    private var branches: [ObjectID: [String]] = [:]
    private var tags: [ObjectID: [String]] = [:]
    /// Branches of other stores.
    private var remotes: [ObjectID: [String]] = [:]
    private let head: WorkingCopy.Head

    init(_ repository: Repository) throws(RepositoryError) {
        head = try repository.base().head
        for ref in try repository.refs(in: "branches") {
            branches[ref.target.id, default: []].append(ref.name)
        }
        for ref in try repository.refs(in: "tags") { tags[ref.target.id, default: []].append(ref.name) }
        for ref in try repository.refs(in: "remotes") {
            remotes[ref.target.id, default: []].append(ref.name)
        }
    }

    /// As behind the id of a commit in git: ` (HEAD -> main, tag: v1.2, side)`; nothing where it has no name.
    func text(_ id: ObjectID) -> String {
        var names: [String] = []
        if id == head.commit { names.append("HEAD") }
        for branch in branches[id] ?? [] {
            if branch == head.branch, names.first == "HEAD" {
                names[0] = "HEAD -> \(branch)"
            } else {
                names.append(branch)
            }
        }
        names += (tags[id] ?? []).map { "tag: \($0)" } + (remotes[id] ?? [])
        return names.isEmpty ? "" : " (\(Terminal.escaped(names.joined(separator: ", "))))"
    }

    func branchesJSON(_ id: ObjectID) -> JSONValue { .array((branches[id] ?? []).map { .string($0) }) }
    func tagsJSON(_ id: ObjectID) -> JSONValue { .array((tags[id] ?? []).map { .string($0) }) }
}
