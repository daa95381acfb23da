internal import ArgumentParser
internal import Lineage
internal import MLRepo
internal import ObjectModel

struct BlameCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "blame",
        abstract: "Show where a file came from: its run, its data, its code, and theirs.",
        discussion: """
            EXAMPLES
              mlrepo blame model/model.safetensors
              mlrepo blame model.bin --revision v1.1 --json
              mlrepo blame v1.1:model.bin
            """,
        aliases: ["annotate", "lineage"])

    @Option(name: [.customShort("r"), .long], help: "The version to ask about.")
    var revision = "HEAD"
    @OptionGroup var output: OutputOptions
    @Argument(help: "A file or directory of that version.", completion: .file())
    var path: String

    func run() throws {
        let repository = try Repository.here()
        let (revision, path) = try asked(repository)
        guard !path.isRoot else {
            throw Failure(
                status: .usage, message: "name a file or directory of the version", hint: "mlrepo ls")
        }
        let tip = try repository.commit(named: revision)
        guard let blame = try repository.blame(path, at: tip) else {
            // The revision may be what is wrong.
            if let colon = RevisionPath.colon(in: self.path) {
                _ = try repository.commit(named: String(self.path[..<colon]))
            }
            throw Failure(
                status: .notFound, message: "\(path) is not in \(tip.short)",
                hint:
                    "mlrepo log -- \(ShellWord.path(path)) names the commits that changed it, if any did",
                path: "\(path)")
        }
        if output.json {
            Terminal.printJSON(Self.json(blame))
        } else {
            let origin = blame.origin == path ? "" : "  made as \(blame.origin)"
            Terminal.print("\(path)  \(Self.identity(blame.entry))\(origin)")
            for line in Self.tree(blame) { Terminal.print(line) }
        }
        Terminal.flush()
        repository.noteCommits()
    }

    /// The path that was typed, or `REVISION:PATH`: a file of that name comes first.
    private func asked(_ repository: Repository) throws -> (revision: String, path: RepositoryPath) {
        let path = try? repository.path(ArgumentText.bytes(self.path))
        if revision == "HEAD", let colon = RevisionPath.colon(in: self.path),
            try path.map(repository.exists) != true
        {
            let named = String(self.path[..<colon])
            if (try? repository.commit(named: named)) != nil {
                let rest = String(self.path[self.path.index(after: colon)...])
                return (named, try RevisionPath.path(rest, repository))
            }
        }
        return (revision, try path ?? repository.path(ArgumentText.bytes(self.path)))
    }

    static func identity(_ entry: TreeEntry) -> String {
        if entry.mode == .directory {
            return "\(Terminal.files(entry.files))  tree \(entry.id.short)  \(Terminal.size(entry.size))"
        }
        return "sha256:\(entry.id.hex)  \(Terminal.size(entry.size))"
    }

    /// The lines below a file or directory, drawn as a tree.
    private static func tree(_ blame: Blame) -> [String] {
        var lines: [String] = []
        if let returned = blame.returned {
            let word = blame.isElsewhere ? "came with" : "brought back by"
            lines.append("├─ \(word)  \(text(returned.id, returned.commit))")
        }
        if let before = blame.madeBefore {
            lines.append("├─ the same bytes came before with  \(text(before.id, before.commit))")
        }
        let parts = self.parts(blame)
        let (lead, rest) = parts.isEmpty ? ("└─ ", "   ") : ("├─ ", "│  ")
        let origin = text(blame.commitID, blame.commit)
        if let making = blame.making {
            let named = "  (run \(making.id.short), \(Terminal.escaped(making.run.observedBy)))"
            let word = blame.isElsewhere ? "the same bytes were made elsewhere by" : "made by"
            lines.append(lead + (making.isTelling ? "\(word)  \(origin)\(named)" : "came with  \(origin)"))
            lines += run(blame, making).map { rest + $0 }
        } else {
            lines.append("\(lead)came with  \(origin)")
        }
        return lines + parts
    }

    /// Lines for the files of a directory that came with several commits.
    private static func parts(_ blame: Blame) -> [String] {
        guard !blame.parts.isEmpty else { return [] }
        var branches = blame.parts.map { part in
            let more = part.files == 1 ? "" : " and \(Terminal.count(part.files - 1)) more"
            let origin = part.example.origin == part.example.path ? "" : "  made as \(part.example.origin)"
            return ["\(part.example.path)\(more)  \(Terminal.size(part.bytes))\(origin)"] + tree(part.example)
        }
        let others = blame.otherParts
        if others.commits > 0 {
            branches.append([
                "\(Terminal.files(others.files)) of \(Terminal.number(others.commits, "earlier commit"))"
            ])
        } else if others.files > 0 {
            branches.append(["\(Terminal.files(others.files)) of versions that were collected"])
        }
        return ["└─ its files, by the commits they came with"] + drawn(branches).map { "   \($0)" }
    }

    /// Lines for a run and what went into it.
    private static func run(_ blame: Blame, _ making: Blame.Making) -> [String] {
        var branches: [[String]] = blame.inputs.map { input in
            let origin = input.commitID.map { "from \($0.short)" } ?? "in no version"
            var branch = ["data   \(input.path)  \(identity(input.entry))  \(origin)\(words(input.untold))"]
            if let upstream = input.upstream { branch += tree(upstream) }
            return branch
        }
        branches += RunText.lines(making.run).map { [$0] }
        return drawn(branches)
    }

    private static func drawn(_ branches: [[String]]) -> [String] {
        branches.enumerated().flatMap { (index, branch) in
            let isLast = index == branches.count - 1
            return branch.enumerated().map { (number, line) in
                (number == 0 ? (isLast ? "└─ " : "├─ ") : (isLast ? "   " : "│  ")) + line
            }
        }
    }

    private static func words(_ untold: Blame.Untold?) -> String {
        switch untold {
        case nil: ""
        case .told: "  (told before)"
        case .collected: "  (the files of that commit were collected)"
        case .deeper:
            "  (its own origin is not told: \(Terminal.count(BlameWalk.depthLimit)) runs lie before it)"
        }
    }

    private static func text(_ id: ObjectID, _ commit: Commit) -> String {
        "commit \(id.short) \"\(Terminal.escaped(commit.subject))\"  \(Terminal.time(commit.authored))"
            + "  by \(Terminal.escaped("\(commit.author)"))"
    }

    private static func json(_ blame: Blame) -> JSONValue {
        let run = blame.making?.run
        return .object([
            "path": blame.path.json, "origin": blame.origin.json, "id": blame.entry.id.json,
            "size": .number(blame.entry.size),
            "commit": blame.commitID.json, "author": blame.commit.author.json,
            "time": .string(Terminal.time(blame.commit.authored)), "message": .string(blame.commit.message),
            "broughtBack": blame.isElsewhere ? nil : blame.returned?.id.json,
            "cameWith": blame.isElsewhere ? blame.returned?.id.json : nil,
            "madeBefore": blame.madeBefore?.id.json,
            "run": blame.making.map { making in
                .object([
                    "id": making.id.json, "origin": .string(making.run.origin.rawValue),
                    "observedBy": .string(making.run.observedBy),
                ])
            } ?? .null,
            "inputs": .array(
                blame.inputs.map { input in
                    .object([
                        "path": input.path.json, "id": input.entry.id.json,
                        "kind": .string(input.entry.mode.kind.name),
                        "role": .string("data"), "files": .number(input.entry.files),
                        "bytes": .number(input.entry.size),
                        "commit": input.commitID?.json, "author": input.upstream?.commit.author.json,
                        "upstream": input.upstream.map(json),
                        "untold": input.untold.map { .string($0.rawValue) },
                    ])
                }),
            "code": run?.code.map { RunText.json($0) }, "parameters": Values.json(run?.parameters ?? [:]),
            "metrics": Values.json(run?.metrics ?? [:]),
            "environment": .object(
                (run?.environment ?? [:]).map { JSONMember($0.key, $0.value) }, sorting: true),
            "parts": blame.parts.isEmpty
                ? nil
                : .array(
                    blame.parts.map { part in
                        .object([
                            "files": .number(part.files), "bytes": .number(part.bytes),
                            "example": json(part.example),
                        ])
                    }),
            "otherParts": blame.otherParts.files == 0
                ? nil
                : .object([
                    "files": .number(blame.otherParts.files), "commits": .number(blame.otherParts.commits),
                ]),
        ])
    }
}
