internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a commit with its run: parameters, metrics, code, machine.",
        discussion: """
            EXAMPLES
              mlrepo show
              mlrepo show v1.2 --json
              mlrepo show HEAD~1:params.yaml    the content of a file
              mlrepo show run:1c9e              a run, also one without a version
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "A revision, or REVISION:PATH.")
    var revision = "HEAD"

    func run() throws {
        let repository = try Repository.here()
        if let colon = RevisionPath.colon(in: revision) {
            if output.json {
                throw Failure(
                    status: .usage, message: "--json shows a commit, and not the bytes of a file",
                    hint: "mlrepo cat \(ShellWord.quoted(ArgumentText.bytes(revision)))")
            }
            return try CatCommand.write(revision, colon, repository)
        }
        if let run = try repository.runAlone(named: revision) {
            if output.json { return Terminal.printJSON(RunText.json(run.id, run.run)) }
            let base = run.run.base.flatMap { (try? repository.contents(of: $0))?.0 }
            Terminal.print("run \(run.name)  \(run.state.rawValue)")
            try Self.print(run.id, run.run, in: base, try repository.reproductions(), repository)
            let evaluations = try Self.evaluations([run.run], repository)
            for line in EvaluationText.lines(evaluations) { Terminal.print(line) }
            for note in try repository.notes(on: ObjectReference(.run, run.id)) {
                for line in SignatureText.lines(of: note) { Terminal.print(line) }
            }
            return
        }
        let id = try repository.commit(named: revision)
        let (commit, runs) = try repository.contents(of: id)
        let names = try CommitNames(repository)
        let evaluations = try Self.evaluations(runs.map(\.1), repository)
        let signatures = try repository.judgedSignatures(of: [id], leniently: true)[id] ?? []
        let notes = try repository.notes(on: ObjectReference(.commit, id))
        SignatureText.warn(repository, of: signatures + notes)
        if output.json {
            return Terminal.printJSON(
                Self.json(id, commit, runs, names, evaluations, signatures: signatures, notes: notes))
        }
        Terminal.print("commit \(id.hex)\(names.text(id))")
        for parent in commit.parents { Terminal.print("parent \(parent.hex)") }
        Terminal.print("Author: \(Terminal.escaped("\(commit.author)"))")
        Terminal.print("Date:   \(Terminal.time(commit.authored))")
        if !signatures.isEmpty {
            for line in SignatureText.lines(signatures, commit) { Terminal.print(line) }
        }
        Terminal.print("")
        for line in commit.messageLines { Terminal.print("    \(Terminal.escaped(line))") }
        if !notes.isEmpty { Terminal.print("") }
        for line in notes.flatMap({ SignatureText.lines(of: $0) }) { Terminal.print(line) }
        let again = try repository.reproductions()
        for (runID, run) in runs {
            Terminal.print("")
            try Self.print(runID, run, in: commit, again, repository)
        }
        for line in EvaluationText.lines(evaluations) { Terminal.print(line) }
        let files = try repository.changes(of: commit)
        if !files.isEmpty { Terminal.print("") }
        for file in files.prefix(Self.most) { Terminal.print(DiffCommand.line(file)) }
        if files.count > Self.most {
            Terminal.print("and \(Terminal.files(files.count - Self.most)) more")
        }
    }

    /// What was measured with models that runs made.
    private static func evaluations(_ runs: [Run], _ repository: Repository) throws -> [Evaluation] {
        var measurements = Measurements(repository)
        return try measurements.evaluations(of: runs)
    }

    /// - Parameter commit: A version whose directories need not be told file by file.
    private static func print(
        _ id: ObjectID, _ run: Run, in commit: Commit?, _ again: [ObjectID: [Run]], _ repository: Repository
    ) throws {
        let name = run.name.map { ", name \($0.prefix(8))" } ?? ""
        Terminal.print("run \(id.short) (\(Terminal.escaped(run.observedBy))\(name))")
        for (word, root) in [("data  ", run.inputs), ("wrote ", run.outputs)] {
            let (roots, isAll) = try repository.roots(of: root, in: commit)
            for (path, entry) in roots.prefix(Self.most) {
                let place = word == "data  " ? run.inputCommit(of: path).map { "  from \($0.short)" } : nil
                Terminal.print("  \(word) \(path)  \(BlameText.identity(entry))\(place ?? "")")
            }
            if !isAll {
                Terminal.print("  \(word) and many more")
            } else if roots.count > Self.most {
                Terminal.print("  \(word) and \(Terminal.count(roots.count - Self.most)) more")
            }
        }
        if let sources = run.code?.sources {
            let files = try repository.files(of: sources)
            for (path, entry) in files.prefix(Self.most) {
                Terminal.print("  source \(path)  \(BlameText.identity(entry))")
            }
            if files.count > Self.most {
                Terminal.print("  source and \(Terminal.count(files.count - Self.most)) more")
            }
        }
        for line in RunText.lines(run) { Terminal.print("  \(line)") }
        for line in ReproductionText.lines(again[id] ?? []) { Terminal.print("  \(line)") }
    }

    /// So many lines of a kind are shown.
    private static let most = 20

    private static func json(
        _ id: ObjectID, _ commit: Commit, _ runs: [(ObjectID, Run)], _ names: CommitNames,
        _ evaluations: [Evaluation], signatures: [JudgedStatement], notes: [JudgedStatement]
    ) -> JSONValue {
        let told = LogCommand.json(id, commit, names, runs: runs.map { RunText.json($0.0, $0.1) })
        guard case .object(let members) = told else { return .null }
        let tests = EvaluationText.json(evaluations).map { [JSONMember("evaluations", $0)] } ?? []
        let signed =
            signatures.isEmpty ? [] : [JSONMember("signatures", SignatureText.json(signatures))]
        let noted = notes.isEmpty ? [] : [JSONMember("notes", SignatureText.notesJSON(notes))]
        return .object(
            members + [JSONMember("tree", commit.tree.json)] + tests + signed + noted, sorting: true)
    }
}
