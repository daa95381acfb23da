internal import Lineage
internal import MLRepo
internal import ObjectModel

/// What descends from something, for people and for programs.
struct ImpactText {
    let subject: ImpactCommand.Subject
    let impact: Impact
    let repository: Repository

    /// So many files of a run are named.
    private static let most = 10

    var lines: [String] {
        get throws {
            var lines = [head]
            for descendant in impact.descendants {
                let making = descendant.making
                let command = making.run.command.map { RunText.command($0) } ?? "declared with a commit"
                let time = (making.run.started ?? making.run.recorded)
                let person = making.run.user.map { "  by \(Terminal.escaped("\($0)"))" } ?? ""
                lines.append(
                    "\(descendant.distance)  run \(ReproductionText.name(making.run, making.id))  \(command)  \(Terminal.time(time))\(person)"
                )
                for commit in descendant.commits.prefix(Self.most) {
                    let subject = try repository.contents(of: commit).0.subject
                    lines.append("     version \(commit.short) \"\(Terminal.escaped(subject))\"")
                }
                for output in descendant.outputs.prefix(Self.most) {
                    lines.append(
                        "     \(output.path)  \(Terminal.size(output.entry.size))  sha256:\(output.entry.id.hex.prefix(12))\(holders(output.entry.id, at: output.path))"
                    )
                }
                if descendant.outputs.count > Self.most {
                    lines.append("     and \(Terminal.files(descendant.outputs.count - Self.most)) more")
                }
            }
            lines.append(summary)
            return lines
        }
    }

    private var head: String {
        let size = Terminal.size(subject.files.reduce(0) { $0 + $1.size })
        let what =
            subject.files.count == 1
            ? "sha256:\(subject.files[0].id.hex)" : Terminal.files(subject.files.count)
        let refs = refs(of: subject.ids)
        return "\(subject.name)  \(what)  \(size)\(refs.isEmpty ? "" : "  in \(Self.list(refs))")"
    }

    private var summary: String {
        if impact.descendants.isEmpty { return "nothing that is recorded here descends from it" }
        let files = Set(impact.descendants.flatMap { $0.outputs.map(\.entry.id) })
        let refs = refs(of: files)
        return
            "\(Terminal.number(impact.descendants.count, "run")), \(Terminal.files(files.count)), \(Terminal.number(Set(impact.descendants.flatMap(\.commits)).count, "version"))"
            + (refs.isEmpty ? "; no branch or tag has any of these files now" : "; in \(Self.list(refs))")
    }

    /// The branches and tags that have a file now, and under which names where these are others.
    private func holders(_ id: ObjectID, at path: RepositoryPath) -> String {
        guard let places = impact.places[id], !places.isEmpty else { return "" }
        let names = places.map { $0.path == path ? $0.ref : "\($0.ref) as \($0.path)" }
        return "  in \(Self.list(names))"
    }

    private func refs(of ids: Set<ObjectID>) -> [String] {
        Set(ids.flatMap { (impact.places[$0] ?? []).map(\.ref) }).sorted()
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(6).map { Terminal.escaped($0) }.joined(separator: ", ")
            + (names.count > 6 ? " and \(Terminal.count(names.count - 6)) more" : "")
    }

    var json: JSONValue {
        .object([
            "of": .object([
                "name": .string(subject.name),
                "files": .array(
                    subject.files.map { .object(["path": $0.path?.json, "id": $0.id.json]) }),
                "refs": .array(refs(of: subject.ids).map { .string($0) }),
            ]),
            "runs": .array(
                impact.descendants.map { descendant in
                    .object([
                        "id": descendant.making.id.json,
                        "name": descendant.making.run.name.map { .string($0) },
                        "distance": .number(descendant.distance),
                        "command": descendant.making.run.command.map {
                            .array($0.arguments.map { Terminal.json($0) })
                        },
                        "commits": .array(descendant.commits.map(\.json)),
                    ])
                }),
            "commits": .array(commits.map(\.json)), "artifacts": .array(artifacts),
        ])
    }

    /// Each once, those nearest to what was asked about first.
    private var commits: [ObjectID] {
        var seen: Set<ObjectID> = []
        return impact.descendants.flatMap(\.commits).filter { seen.insert($0).inserted }
    }

    private var artifacts: [JSONValue] {
        impact.descendants.flatMap { descendant in
            descendant.outputs.map { output in
                let refs = Set((impact.places[output.entry.id] ?? []).map(\.ref)).sorted()
                return .object([
                    "path": output.path.json, "id": output.entry.id.json,
                    "run": descendant.making.id.json, "commit": descendant.commits.last?.json,
                    "distance": .number(descendant.distance), "refs": .array(refs.map { .string($0) }),
                ])
            }
        }
    }
}
