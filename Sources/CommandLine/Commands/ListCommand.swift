internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List the files of a version.",
        discussion: """
            EXAMPLES
              mlrepo ls
              mlrepo ls data/reviews
              mlrepo ls v1.2 data/reviews
              mlrepo ls run:1c9e            as a run left them
              mlrepo ls --from origin       in another store, without a clone
              mlrepo ls --from host:/srv/store v1.2 data/reviews
            """)

    @Option(
        name: .customLong("from"),
        help: ArgumentHelp("Another store, by its name or place.", valueName: "remote"))
    var remote: String?
    @OptionGroup var output: OutputOptions
    @Argument(help: "The version; a path that is none, of the last commit.")
    var revision: String?
    @Argument(help: "A file or directory in it.")
    var path: String?

    func run() throws {
        if let remote { return try list(remote) }
        let repository = try Repository.here()
        let (revisions, paths) = try RevisionWords.split(
            [revision ?? "HEAD"], [path].compactMap { $0 }, repository)
        if revisions.isEmpty, path != nil {
            throw Failure(
                status: .usage, message: "one file or directory at most",
                hint: "mlrepo ls HEAD \(ShellWord.quoted(ArgumentText.bytes(paths[0])))")
        }
        if let name = revisions.first, let recorded = try repository.runAlone(named: name) {
            return try show(recorded, paths.first, repository)
        }
        let id = try repository.commit(named: revisions.first ?? "HEAD")
        let top = try paths.first.map { try repository.path(ArgumentText.bytes($0)) } ?? .root
        do throws(RepositoryError) { try repository.forEachFile(of: id, at: top) { show($0, $1) } } catch {
            guard case .noPath = error else { throw error }
            throw Failure(status: .notFound, message: "\(top) is not in \(id.short)", path: "\(top)")
        }
    }

    /// The files of a version of another store.
    private func list(_ remote: String) throws {
        try ArgumentText.requireText(remote, "the other store")
        let environment = Environment.process()
        let request = ListRequest(
            url: remote, revision: revision, path: try path.map { try GetCommand.path($0) },
            scratch: GetCommand.scratch(environment))
        try Repository.list(request, environment) { show($0, $1) }
    }

    /// The files as a run left them.
    private func show(_ recorded: RecordedRun, _ typed: String?, _ repository: Repository) throws {
        let top = try typed.map { try repository.path(ArgumentText.bytes($0)) } ?? .root
        let found = try repository.files(after: recorded).filter { $0.path == top || $0.path.isInside(top) }
        guard !found.isEmpty || top.isRoot else {
            throw Failure(
                status: .notFound, message: "run \(recorded.name.prefix(8)) left nothing at \(top)",
                path: "\(top)")
        }
        for (path, entry) in found { show(path, entry) }
    }

    private func show(_ path: RepositoryPath, _ entry: TreeEntry) {
        if output.json {
            return Terminal.printJSON(
                .object([
                    "path": path.json, "id": entry.id.json, "size": .number(entry.size),
                    "mode": .string("\(entry.mode)"),
                ]))
        }
        let mark =
            switch entry.mode {
            case .file: "-"
            case .executable: "x"
            case .link: "l"
            case .directory: "d"
            }
        Terminal.print("\(mark) \(entry.id.hex) \(entry.size) \(path)")
    }
}
