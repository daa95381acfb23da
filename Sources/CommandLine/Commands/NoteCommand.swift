internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

struct NoteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "note", abstract: "Remark something on a commit, a file of it or a run; signed.",
        discussion: """
            A note is signed by you (mlrepo help identity), changes nothing that it is about, and goes along with push. One on a file \
            belongs to its content: 'blame' tells it wherever the same bytes are. 'log' and 'show' tell notes, too.

            EXAMPLES
              mlrepo note                                     all notes
              mlrepo note -m "Reviewed" main~2
              mlrepo note -m "Rows 100-200 are doubtful" main:data/train.csv
              mlrepo note -m "Disk was full" run:1c9e
              mlrepo note v1.2                                what was remarked on it
            """)

    @Option(
        name: [.customShort("m"), .long], parsing: .unconditionalSingleValue,
        help: "What to remark; a further one is a further paragraph.")
    var message: [String] = []
    @OptionGroup var output: OutputOptions
    @Argument(
        help: ArgumentHelp("A revision, REVISION:PATH or run:ID; the last commit.", valueName: "what"),
        completion: Completions.revision)
    var subject: String?

    func validate() throws {
        guard message.isEmpty || message.contains(where: CommitCommand.isMessage) else {
            throw ValidationError("the note says nothing")
        }
    }

    func run() throws {
        for paragraph in message { try ArgumentText.requireText(paragraph, "the note") }
        let repository = try Repository.here()
        guard !message.isEmpty else { return try list(repository) }
        let (subject, path) = try place(subject ?? "HEAD", repository)
        let note = try repository.addNote(message.joined(separator: "\n\n"), on: subject, at: path)
        if output.json { return Terminal.printJSON(SignatureText.noteJSON(note)) }
        if !output.quiet { tell(note) }
    }

    private func list(_ repository: Repository) throws {
        let notes: [JudgedStatement]
        if let text = subject {
            let (subject, path) = try place(text, repository)
            notes =
                try path.map { (path) throws in
                    try repository.notes(on: [repository.content(of: subject.id, at: path)])
                } ?? repository.notes(on: subject)
        } else {
            notes = try repository.notes()
        }
        SignatureText.warn(repository, of: notes)
        if output.json { return Terminal.printJSON(SignatureText.notesJSON(notes)) }
        for note in notes { tell(note) }
    }

    private func tell(_ judged: JudgedStatement) {
        let subject = judged.statement.subject
        Terminal.print("\(subject.kind.name) \(subject.id.short)  \(Terminal.time(judged.statement.time))")
        for line in SignatureText.lines(of: judged) { Terminal.print(line.isEmpty ? "" : "  \(line)") }
    }

    /// What a text names.
    private func place(
        _ text: String, _ repository: Repository
    ) throws -> (ObjectReference, RepositoryPath?) {
        if let colon = RevisionPath.colon(in: text) {
            let id = try repository.commit(named: String(text[..<colon]))
            let path = try RevisionPath.path(String(text[text.index(after: colon)...]), repository)
            return (ObjectReference(.commit, id), path.isRoot ? nil : path)
        }
        if text.hasPrefix("run:") {
            let run = try repository.recordedRun(named: text)
            guard run.state != .running else {
                throw Failure(status: .busy, message: "run \(run.name.prefix(8)) is running")
            }
            return (ObjectReference(.run, run.id), nil)
        }
        return (ObjectReference(.commit, try repository.commit(named: text)), nil)
    }
}
