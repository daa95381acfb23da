internal import Lineage
internal import MLRepo
internal import ObjectModel

/// Where something came from, for people and for programs.
struct BlameText {
    /// The runs that repeated others, by the records of these.
    let again: [ObjectID: [Run]]
    /// What was measured with what is asked about.
    let evaluations: [Evaluation]

    static func identity(_ entry: TreeEntry) -> String {
        if entry.mode == .directory {
            return "\(Terminal.files(entry.files))  tree \(entry.id.short)  \(Terminal.size(entry.size))"
        }
        return "sha256:\(entry.id.hex)  \(Terminal.size(entry.size))"
    }

    /// A file or directory, and what is below it, drawn as a tree.
    func lines(_ blame: Blame) -> [String] {
        let origin = blame.origin == blame.path ? "" : "  made as \(blame.origin)"
        return ["\(blame.path)  \(Self.identity(blame.entry))\(origin)"] + tree(blame)
            + EvaluationText.lines(evaluations)
    }

    /// The lines below a file or directory.
    private func tree(_ blame: Blame) -> [String] {
        var lines: [String] = []
        if let returned = blame.returned {
            let word = blame.isElsewhere ? "came with" : "brought back by"
            lines.append("├─ \(word)  \(Self.text(returned.id, returned.commit))")
        }
        if let before = blame.madeBefore {
            lines.append("├─ the same bytes came before with  \(Self.text(before.id, before.commit))")
        }
        let parts = self.parts(blame)
        let (lead, rest) = parts.isEmpty ? ("└─ ", "   ") : ("├─ ", "│  ")
        guard let version = blame.version else {
            guard let making = blame.making else { return lines + parts }
            let name = ReproductionText.name(making.run, making.id)
            let time = making.run.started.map { "  \(Terminal.time($0))" } ?? ""
            let person = making.run.user.map { "  by \(Terminal.escaped("\($0)"))" } ?? ""
            lines.append(
                "\(lead)made by  run \(name), of which no version is made  (\(Terminal.escaped(making.run.observedBy)))\(time)\(person)"
            )
            return lines + run(blame, making).map { rest + $0 } + parts
        }
        let origin = Self.text(version.id, version.commit)
        if let making = blame.making {
            let named =
                "  (run \(ReproductionText.name(making.run, making.id)), \(Terminal.escaped(making.run.observedBy)))"
            let word = blame.isElsewhere ? "the same bytes were made elsewhere by" : "made by"
            lines.append(lead + (making.isTelling ? "\(word)  \(origin)\(named)" : "came with  \(origin)"))
            lines += run(blame, making).map { rest + $0 }
        } else {
            lines.append("\(lead)came with  \(origin)")
        }
        return lines + parts
    }

    /// Lines for the files of a directory that came with several commits.
    private func parts(_ blame: Blame) -> [String] {
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
        return ["└─ its files, by the commits they came with"] + Self.drawn(branches).map { "   \($0)" }
    }

    /// Lines for a run and what went into it.
    private func run(_ blame: Blame, _ making: Blame.Making) -> [String] {
        var branches: [[String]] = blame.inputs.map { input in
            let origin =
                input.commitID.map { "from \($0.short)" } ?? input.maker.map {
                    "from run \(ReproductionText.name($0.run, $0.id))"
                }
                ?? "in no version"
            var branch = [
                "data   \(input.path)  \(Self.identity(input.entry))  \(origin)\(Self.words(input.untold))"
            ]
            if let upstream = input.upstream { branch += tree(upstream) }
            return branch
        }
        branches += (RunText.lines(making.run) + ReproductionText.lines(again[making.id] ?? [])).map { [$0] }
        return Self.drawn(branches)
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
        case .deeper: "  (its own origin lies deeper)"
        }
    }

    private static func text(_ id: ObjectID, _ commit: Commit) -> String {
        "commit \(id.short) \"\(Terminal.escaped(commit.subject))\"  \(Terminal.time(commit.authored))"
            + "  by \(Terminal.escaped("\(commit.author)"))"
    }

    /// The same for programs.
    func json(_ blame: Blame) -> JSONValue {
        guard case .object(let members) = told(blame), let tests = EvaluationText.json(evaluations) else {
            return told(blame)
        }
        return .object(members + [JSONMember("evaluations", tests)], sorting: true)
    }

    private func told(_ blame: Blame) -> JSONValue {
        let run = blame.making?.run
        return .object([
            "path": blame.path.json, "origin": blame.origin.json, "id": blame.entry.id.json,
            "size": .number(blame.entry.size),
            "commit": blame.version?.id.json, "author": (blame.version?.commit.author ?? run?.user)?.json,
            "time": (blame.version?.commit.authored ?? run?.started).map { .string(Terminal.time($0)) },
            "message": blame.version.map { .string($0.commit.message) },
            "broughtBack": blame.isElsewhere ? nil : blame.returned?.id.json,
            "cameWith": blame.isElsewhere ? blame.returned?.id.json : nil,
            "madeBefore": blame.madeBefore?.id.json,
            "run": blame.making.map { making in
                .object([
                    "id": making.id.json, "origin": .string(making.run.origin.rawValue),
                    "observedBy": .string(making.run.observedBy), "name": making.run.name.map { .string($0) },
                    "command": making.run.command.map { .array($0.arguments.map { Terminal.json($0) }) },
                    "reproductions": ReproductionText.json(again[making.id] ?? []),
                ])
            } ?? .null,
            "inputs": .array(
                blame.inputs.map { input in
                    .object([
                        "path": input.path.json, "id": input.entry.id.json,
                        "kind": .string(input.entry.mode.kind.name),
                        "role": .string("data"), "files": .number(input.entry.files),
                        "bytes": .number(input.entry.size),
                        "commit": input.commitID?.json, "run": input.maker?.id.json,
                        "author":
                            (input.upstream?.version?.commit.author ?? input.upstream?.making?.run.user)?
                            .json,
                        "upstream": input.upstream.map(told),
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
                            "example": told(part.example),
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
