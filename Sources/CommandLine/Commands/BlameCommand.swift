internal import ArgumentParser
internal import FileIO
internal import Lineage
internal import MLRepo
internal import ObjectModel

struct BlameCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "blame",
        abstract: "Show where a file came from: its run, its data, its code, and theirs.",
        discussion: """
            A file on disk that is not as the last commit has it, or that lies elsewhere, is known by its bytes: any version that \
            has them tells, or the run that wrote them. The exit status is 1 where nobody knows them.

            EXAMPLES
              mlrepo blame model/model.safetensors
              mlrepo blame model.bin --revision v1.1 --json
              mlrepo blame v1.1:model.bin
              mlrepo blame ~/Downloads/model.bin
              mlrepo blame model.bin --depth 1
              mlrepo blame model.bin --graph dot | dot -Tsvg > model.svg
            """,
        aliases: ["annotate", "lineage"])

    @Option(name: [.customShort("r"), .long], help: "The version to ask about.")
    var revision: String?
    @Option(help: "Tell so many runs, one behind the other, and no more.")
    var depth: Int?
    @Option(help: ArgumentHelp("Draw it instead: dot, the language of Graphviz.", valueName: "form"))
    var graph: GraphForm?
    @OptionGroup var output: OutputOptions
    @Argument(help: "A file or directory of that version, or a file anywhere.", completion: .file())
    var path: String

    enum GraphForm: String, ExpressibleByArgument { case dot }

    func validate() throws {
        if let depth, depth < 1 { throw ValidationError("--depth is at least 1") }
        if graph != nil, output.json { throw ValidationError("--graph and --json are two answers") }
    }

    func run() throws {
        let repository = try Repository.here()
        let (blame, asked) = try find(repository)
        var measurements = Measurements(repository)
        let text = BlameText(
            again: try repository.reproductions(),
            evaluations: try measurements.evaluations(of: blame.entry, at: blame.path))
        let notes = try repository.notes(on: [blame.entry.reference])
        SignatureText.warn(repository, of: notes)
        if output.json {
            var told = text.json(blame)
            if !notes.isEmpty, case .object(let members) = told {
                let json = JSONMember("notes", SignatureText.notesJSON(notes))
                told = .object(members + [json], sorting: true)
            }
            Terminal.printJSON(told)
        } else if graph != nil {
            for line in BlameGraph(blame).lines { Terminal.print(line) }
        } else {
            if let asked { Terminal.print("\(asked)  has the bytes of") }
            for line in text.lines(blame) { Terminal.print(line) }
            for line in notes.flatMap({ SignatureText.lines(of: $0) }) { Terminal.print(line) }
        }
        Terminal.flush()
        repository.noteCommits()
    }

    private var limit: Int { depth ?? BlameWalk.greatestDepth }

    /// Where it came from, and what was asked about, if that is told under another name.
    private func find(_ repository: Repository) throws -> (Blame, asked: String?) {
        let blame = try find(all: repository)
        let path = try? asked(repository)?.path
        return (blame, path == blame.path ? nil : path.map { "\($0)" } ?? typed)
    }

    private func find(all repository: Repository) throws -> Blame {
        if let (revision, path) = try asked(repository) {
            guard !path.isRoot else {
                throw Failure(
                    status: .usage, message: "name a file or directory of the version", hint: "mlrepo ls")
            }
            if revision == nil, try repository.isChanged(path) {
                if let found = try byBytes(path, repository) { return found }
                Terminal.printError(
                    "note: \(path) has changed, and nobody knows its bytes: this is what the last commit has")
            }
            return try find(path, revision ?? "HEAD", repository)
        }
        // It lies elsewhere.
        guard let found = try byBytes(nil, repository) else { throw try unknown(typed, repository) }
        return found
    }

    private func find(_ path: RepositoryPath, _ revision: String, _ repository: Repository) throws -> Blame {
        let tip: ObjectID
        do throws(RepositoryError) { tip = try repository.commit(named: revision) } catch {
            // Before the first commit there are runs.
            guard case .noCommit = error, let found = try byBytes(path, repository) else { throw error }
            return found
        }
        if let blame = try repository.blame(path, at: tip, depth: limit) { return blame }
        if self.revision == nil, revision == "HEAD" {
            if let found = try byBytes(path, repository) { return found }
            if try repository.exists(path), try !repository.isDirectory(path) {
                throw try unknown("\(path)", repository)
            }
        }
        // The revision may be what is wrong.
        if let colon = RevisionPath.colon(in: self.path) {
            _ = try repository.commit(named: String(self.path[..<colon]))
        }
        throw Failure(
            status: .notFound, message: "\(path) is not in \(tip.short)",
            hint: "mlrepo log -- \(ShellWord.path(path)) names the commits that changed it, if any did",
            path: "\(path)")
    }

    private var typed: String { Terminal.escaped(ArgumentText.bytes(path)) }

    private func unknown(_ name: String, _ repository: Repository) throws -> Failure {
        let id = try repository.digest(of: repository.environment.place(named: path))
        if try repository.isCode(id) {
            return Failure(
                status: .no, message: "\(name) is code that runs read, and that none of them made",
                hint:
                    "mlrepo impact \(ShellWord.quoted(ArgumentText.bytes(path))) names what was made with it",
                path: name)
        }
        return Failure(
            status: .no, message: "no version and no run here has the bytes of \(name)",
            hint: "mlrepo hash \(ShellWord.quoted(ArgumentText.bytes(path)))", path: name)
    }

    /// Where a file on disk came from, by its bytes; nothing if nobody has them, or it is no file.
    private func byBytes(_ path: RepositoryPath?, _ repository: Repository) throws -> Blame? {
        let place =
            path.map { repository.copy.root.appending($0.bytes) }
            ?? repository.environment.place(named: self.path)
        let status: FileStatus?
        do { status = try repository.environment.files.status(place) } catch {
            throw Failure(error, reading: self.path)
        }
        guard let status, status.kind == .file else {
            if path != nil { return nil }
            throw Failure(
                status: .notFound,
                message: status == nil
                    ? "no file \(typed)" : "\(typed) is no file: elsewhere, files are known by their bytes",
                path: typed)
        }
        let id = try repository.digest(of: place)
        switch try repository.whereabouts(of: id, near: path) {
        case .version(let commit, let found)?: return try repository.blame(found, at: commit, depth: limit)
        case .run(let making, let found, let entry)?:
            return try repository.blame(found, entry, by: making, depth: limit)
        case nil: return nil
        }
    }

    /// The path that was typed, or `REVISION:PATH`: a file of that name comes first; nothing for one outside.
    private func asked(_ repository: Repository) throws -> (revision: String?, path: RepositoryPath)? {
        let path = try? repository.path(ArgumentText.bytes(self.path))
        if revision == nil, let colon = RevisionPath.colon(in: self.path),
            try path.map(repository.exists) != true
        {
            let named = String(self.path[..<colon])
            if (try? repository.commit(named: named)) != nil {
                let rest = String(self.path[self.path.index(after: colon)...])
                return (named, try RevisionPath.path(rest, repository))
            }
        }
        if let path { return (revision, path) }
        do throws(RepositoryError) {
            return (revision, try repository.path(ArgumentText.bytes(self.path)))
        } catch {
            guard case .outside = error, revision == nil else { throw error }
            return nil
        }
    }
}
