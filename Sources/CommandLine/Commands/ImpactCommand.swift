internal import ArgumentParser
internal import FileIO
internal import Lineage
internal import MLRepo
internal import ObjectModel

struct ImpactCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "impact",
        abstract: "Show what was made from a file: every run, version and file that descends from it.",
        discussion: """
            What is asked about is known by its bytes, wherever they lay and whatever they were called: a file or directory of the \
            last commit, one of another version, all that a commit brought or a run wrote, a file anywhere, or the id of a file.

            EXAMPLES
              mlrepo impact data/2026-03.jsonl
              mlrepo impact v1.1:data
              mlrepo impact 3f1c2a9
              mlrepo impact run:1c9e
              mlrepo impact ~/Downloads/rows.csv --json
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "A path, REVISION:PATH, a commit, a run, or an id.", completion: .file())
    var subject: String

    func run() throws {
        let repository = try Repository.here()
        let subject = try Subject(self.subject, repository)
        let impact = try repository.impact(of: subject.ids)
        let text = ImpactText(subject: subject, impact: impact, repository: repository)
        if output.json { return Terminal.printJSON(text.json) }
        for line in try text.lines { Terminal.print(line) }
        repository.noteCommits()
    }

    /// What is asked about.
    struct Subject {
        let name: String
        let files: [(path: RepositoryPath?, id: ObjectID, size: Int)]

        var ids: Set<ObjectID> { Set(files.map(\.id)) }

        init(_ text: String, _ repository: Repository) throws {
            name = Terminal.escaped(ArgumentText.bytes(text))
            func known(_ files: [(path: RepositoryPath, entry: TreeEntry)]) -> [(
                RepositoryPath?, ObjectID, Int
            )] {
                files.map { ($0.path, $0.entry.id, $0.entry.size) }
            }
            if let colon = RevisionPath.colon(in: text), try !Self.isFile(text, repository) {
                let tip = try repository.commit(named: String(text[..<colon]))
                let path = try RevisionPath.path(String(text[text.index(after: colon)...]), repository)
                files = known(try repository.files(at: path, of: tip))
            } else if let run = try repository.runAlone(named: text) {
                files = known(try repository.files(of: run.run.outputs).filter { $0.entry.size > 0 })
            } else if text.hasPrefix("sha256:"), let id = try? ObjectID(hex: String(text.dropFirst(7))) {
                files = try Self.files(id, repository)
            } else if let found = try Self.onDisk(text, repository) {
                files = found
            } else {
                files = known(try repository.filesBrought(by: try repository.commit(named: text)))
            }
        }

        private static func files(
            _ id: ObjectID, _ repository: Repository
        ) throws -> [(RepositoryPath?, ObjectID, Int)] {
            if repository.contains(.commit, id) {
                return try repository.filesBrought(by: id).map { ($0.path, $0.entry.id, $0.entry.size) }
            }
            if repository.contains(.tree, id) {
                return try repository.files(of: id).map { ($0.path, $0.entry.id, $0.entry.size) }
            }
            // What was read from outside is known by its digest alone.
            return [(nil, id, 0)]
        }

        private static func isFile(_ text: String, _ repository: Repository) throws -> Bool {
            guard let path = try? repository.path(ArgumentText.bytes(text)) else { return false }
            return try repository.exists(path)
        }

        /// A path of the last commit, or a file on disk that it does not have; nothing if it is neither.
        private static func onDisk(
            _ text: String, _ repository: Repository
        ) throws -> [(RepositoryPath?, ObjectID, Int)]? {
            let place = repository.environment.place(named: text)
            let status = (try? repository.environment.files.status(place)) ?? nil
            let path = try? repository.path(ArgumentText.bytes(text))
            if let path, !path.isRoot, let tip = try? repository.commit(named: "HEAD"),
                let files = try? repository.files(at: path, of: tip), !files.isEmpty
            {
                // What is on disk by now is another file.
                if try !repository.isChanged(path) {
                    return files.map { ($0.path, $0.entry.id, $0.entry.size) }
                }
            }
            if let path, !path.isRoot, status?.kind == .directory {
                let files = try repository.filesOnDisk(below: path)
                return files.isEmpty ? nil : files.map { ($0.path, $0.id, $0.size) }
            }
            guard let status, status.kind == .file else { return nil }
            return [(path, try repository.digest(of: place), status.size)]
        }
    }
}
