internal import ArgumentParser
internal import Lineage
internal import MLRepo
internal import ObjectModel

struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Show the commits, newest first.",
        discussion: """
            EXAMPLES
              mlrepo log
              mlrepo log --oneline -n 10
              mlrepo log main~3
              mlrepo log --all --graph --oneline     all branches and tags, with lines
              mlrepo log model/model.safetensors     only commits that changed it
              mlrepo log v1.2 -- data                the same for a path that is gone
            """)

    @Flag(help: "One line a commit.")
    var oneline = false
    @Flag(help: "Draw how the commits hang together.")
    var graph = false
    @Flag(help: "Of all branches and tags, not only of where you stand.")
    var all = false
    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("At most so many.", valueName: "count"))
    var maxCount: Int?
    @Flag(help: "Say of each commit who signed it, and whether that is to be trusted.")
    var showSignature = false
    @OptionGroup var output: OutputOptions
    @Argument(help: "Where to begin, and only commits that changed these.", completion: Completions.revision)
    var words: [String] = []
    /// What stands behind `--` (``RevisionWords/complete(_:)``).
    @Option(name: .customLong("path"), help: .hidden)
    var paths: [String] = []

    func validate() throws {
        if let maxCount, maxCount < 0 { throw ValidationError("-n counts commits: 0 or more") }
        if graph, output.json {
            throw ValidationError("a drawing is for people: leave out --graph or --json")
        }
    }

    /// `-5` and `-n5` are `-n 5`, which the parser cannot know.
    static func complete(_ arguments: [String]) -> [String] {
        guard arguments.first == configuration.commandName else { return arguments }
        let end = arguments.firstIndex(of: "--") ?? arguments.count
        let completed = arguments[..<end].flatMap { argument -> [String] in
            let digits = argument.hasPrefix("-n") ? argument.dropFirst(2) : argument.dropFirst()
            let isCount =
                argument.hasPrefix("-") && !digits.isEmpty
                && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
            return isCount ? ["-n", String(digits)] : [argument]
        }
        return completed + arguments[end...]
    }

    func run() throws {
        let repository = try Repository.here()
        let (revisions, paths) = try RevisionWords.split(words, paths, repository)
        if revisions.count > 1 {
            throw Failure(
                status: .usage, message: "one revision at most",
                hint: (try? repository.commit(named: revisions[1])) != nil
                    ? nil
                    : "what is on disk no more stands behind --: mlrepo log \(Terminal.escaped(revisions[0])) -- \(ShellWord.quoted(ArgumentText.bytes(revisions[1])))"
            )
        }
        if graph, !paths.isEmpty {
            throw Failure(status: .usage, message: "--graph draws all commits: leave out the paths")
        }
        let tips = try tips(repository, revisions.first)
        if tips.isEmpty, !output.json, !output.quiet {
            let others = try repository.refs(in: "branches").map(\.name)
            Terminal.printError(
                "note: no commit here yet"
                    + ((others.first { $0 == Repository.defaultBranch } ?? others.first).map {
                        "; the store has some: mlrepo checkout \($0), or mlrepo log \($0)"
                    } ?? ""))
        }
        let wanted = try repository.paths(paths)
        let names = try CommitNames(repository)
        let notes = try repository.notes()
        let remarks = Remarks(
            signatures: showSignature ? try repository.judgedSignatures(of: nil) : nil,
            notes: Dictionary(grouping: notes) { $0.statement.subject.id })
        SignatureText.warn(repository, of: notes)
        if graph { return try draw(repository, tips, names, remarks) }
        var left = maxCount ?? .max
        guard left > 0 else { return }
        var isEmpty = true
        try repository.history(of: tips, changing: wanted) { (id, commit) throws(RepositoryError) in
            left -= 1
            isEmpty = false
            if output.json {
                let runs = try repository.runs(of: commit).map { RunText.summary($0.0, $0.1) }
                let told = Self.json(id, commit, names, runs: runs)
                Terminal.printJSON(remarks.json(id, with: told))
            } else {
                for line in try lines(id, commit, names, repository, remarks) { Terminal.print(line) }
            }
            return left > 0
        }
        if isEmpty, !wanted.isEmpty, !tips.isEmpty, !output.quiet {
            let names = wanted.map { "\($0)" }.joined(separator: ", ")
            Terminal.printError("note: no commit \(all ? "" : "of this line ")changed \(names)")
        }
        Terminal.flush()
        repository.noteCommits()
    }

    private func tips(_ repository: Repository, _ revision: String?) throws -> [ObjectID] {
        var tips: [ObjectID] = []
        if try revision != nil || repository.base().head.commit != nil {
            tips.append(try RevisionWords.commit(revision ?? "HEAD", "log", repository))
        }
        guard all else { return tips }
        for group in ["branches", "tags", "remotes"] {
            tips += try repository.refs(in: group).map(\.target).filter { $0.kind == .commit }.map(\.id)
        }
        return tips
    }

    private func draw(
        _ repository: Repository, _ tips: [ObjectID], _ names: CommitNames, _ remarks: Remarks
    ) throws {
        var commits: [(id: ObjectID, commit: Commit)] = []
        var failure: RepositoryError?
        do throws(RepositoryError) {
            try repository.history(of: tips) { id, commit in
                commits.append((id, commit))
                return true
            }
        } catch { failure = error }
        var drawing = CommitGraph()
        for (id, commit) in topologicalOrder(commits).prefix(max(0, maxCount ?? .max)) {
            let row = drawing.row(id, parents: commit.parents)
            for (index, line) in try lines(id, commit, names, repository, remarks).enumerated() {
                Terminal.print((index == 0 ? row.commit : row.rest) + line)
            }
            for joint in row.joints { Terminal.print(joint) }
        }
        if let failure { throw failure }
    }

    private func lines(
        _ id: ObjectID, _ commit: Commit, _ names: CommitNames, _ repository: Repository,
        _ remarks: Remarks
    ) throws(RepositoryError) -> [String] {
        let signed = remarks.signatures.map { SignatureText.lines($0[id] ?? [], commit) } ?? []
        if oneline {
            return ["\(id.short)\(names.text(id)) \(Terminal.escaped(commit.subject))"]
                + signed.map { "    \($0)" }
        }
        var lines = [
            "commit \(id.hex)\(names.text(id))", "Author: \(Terminal.escaped("\(commit.author)"))",
            "Date:   \(Terminal.time(commit.authored))",
        ]
        lines += signed + [""]
        for line in commit.messageLines { lines.append("    \(Terminal.escaped(line))") }
        lines.append("")
        let values = try repository.runs(of: commit).flatMap { RunText.values($0.1) }
        lines += values.map { "    \($0)" } + (values.isEmpty ? [] : [""])
        let notes = remarks.notes[id] ?? []
        return lines + notes.flatMap { SignatureText.lines(of: $0) } + (notes.isEmpty ? [] : [""])
    }

    /// - Parameter runs: The commit's runs, told as the command tells them.
    static func json(
        _ id: ObjectID, _ commit: Commit, _ names: CommitNames, runs: [JSONValue]
    ) -> JSONValue {
        .object([
            "commit": id.json, "parents": .array(commit.parents.map(\.json)), "author": commit.author.json,
            "time": .string(Terminal.time(commit.authored)), "message": .string(commit.message),
            "runs": .array(runs), "branches": names.branchesJSON(id),
            "tags": names.tagsJSON(id),
        ])
    }

    /// What was said of commits, by their ids.
    private struct Remarks {
        /// Nothing if nobody asked.
        let signatures: [ObjectID: [JudgedStatement]]?
        let notes: [ObjectID: [JudgedStatement]]

        func json(_ id: ObjectID, with told: JSONValue) -> JSONValue {
            guard case .object(var members) = told else { return told }
            if let signatures {
                members.append(JSONMember("signatures", SignatureText.json(signatures[id] ?? [])))
            }
            if let notes = notes[id] { members.append(JSONMember("notes", SignatureText.notesJSON(notes))) }
            return .object(members, sorting: true)
        }
    }
}
