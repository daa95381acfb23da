internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import WorkingTree

struct GetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Take a file or a directory out of another store, without a clone.",
        discussion: """
            Only what it needs is read, and every byte is checked against the ids that lead to it.
            After a Ctrl-C or a broken line, the same command goes on where it was.

            EXAMPLES
              mlrepo get /srv/store model/weights.safetensors
              mlrepo get host:/srv/store data --revision v1.0 --to data-v1
              mlrepo get /srv/store . --to all         the whole version
              mlrepo ls --from /srv/store              what is there
            """)

    @Option(
        name: [.customShort("r"), .long], help: "A branch, a tag or a commit; main if none is named.")
    var revision: String?
    @Option(
        name: .customLong("to"),
        help: ArgumentHelp(
            "Where it is written, or with a slash at its end the directory for it; its own name here if that is not said.",
            valueName: "path"))
    var target: String?
    @OptionGroup var output: OutputOptions
    @Argument(help: "The other store, by its place, or its name in the repository around.")
    var place: String
    @Argument(help: "The path there; . is everything.")
    var path: String

    func run() throws {
        try ArgumentText.requireText(place, "the place")
        let environment = Environment.process()
        let path = try Self.path(path)
        let own = path.bytes.split(separator: 0x2f).last.map(Array.init)
        // As cp(1) has it: behind a slash it gets its own name.
        let name = target.map { text in
            ArgumentText.bytes(text) + (text.hasSuffix("/") ? own ?? [] : [])
        }
        guard let name = name ?? own else {
            throw Failure(
                status: .usage, message: "a whole version needs a directory",
                hint: "mlrepo get PLACE . --to DIR")
        }
        let request = GetRequest(
            url: place, path: path, revision: revision,
            target: environment.workingDirectory.appending(name).normalized,
            scratch: Self.scratch(environment))
        let progress = output.progress("writing")
        defer { progress.finish() }
        let report: GetReport
        do throws(RepositoryError) {
            report = try Repository.get(request, environment) { progress.add($0) }
        } catch {
            if case .tree(let problem) = error, case .content = problem {
                // Not of this store, as the hint for that would say.
                var failure = Failure(error)
                failure.hint = "mlrepo fsck \(ShellWord.quoted(Array(place.utf8))) names all that is damaged"
                throw failure
            }
            if case .bundleNeeds = error {
                var failure = Failure(error)
                failure.hint =
                    "get takes bundles that hold everything; mlrepo fetch takes this one into a repository that has what it goes on from"
                throw failure
            }
            if case .noPath = error {
                var failure = Failure(error)
                let words = [place] + (revision.map { [$0] } ?? [])
                failure.hint =
                    "mlrepo ls --from \(words.map { ShellWord.quoted(Array($0.utf8)) }.joined(separator: " ")) lists what is there"
                throw failure
            }
            guard case .refExists = error else { throw error }
            throw Failure(
                status: .wouldLose, message: "\(Terminal.escaped(request.target.bytes)) exists already",
                hint: "--to PATH writes it elsewhere")
        }
        progress.finish()
        if output.json {
            Terminal.printJSON(
                .object([
                    "commit": report.commit.json, "path": Terminal.json(request.target.bytes),
                    "files": .number(report.files), "bytes": .number(report.bytes),
                ]))
        } else if !output.quiet {
            Terminal.print(
                "\(Terminal.escaped(request.target.bytes)): \(Terminal.number(report.files, "file")), \(Terminal.size(report.bytes)), of \(report.commit.short)"
            )
        }
    }
    /// A path in another store, whose top is everything.
    static func path(_ text: String) throws -> RepositoryPath {
        let wanted = FilePath("/").appending(ArgumentText.bytes(text)).normalized
        return try RepositoryPath(wanted.relative(to: FilePath("/")) ?? [])
    }

    /// A directory for a look into another store.
    static func scratch(_ environment: Environment) -> FilePath {
        FilePath(environment.variable("TMPDIR") ?? "/tmp")
            .appending("mlrepo-get-\(Hex.text(environment.random(8)))")
    }
}
