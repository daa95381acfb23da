internal import ArgumentParser
internal import MLRepo
internal import ObjectModel

/// How a merge settles what both sides changed.
struct MergeOptions: ParsableArguments {
    @Flag(help: "Where both changed a path, keep yours.")
    var ours = false
    @Flag(help: "Where both changed a path, take theirs.")
    var theirs = false
    @Flag(name: .customLong("ff-only"), help: "Go forward only, and make no commit.")
    var forwardOnly = false

    var choice: MergeChoice { ours ? .ours : theirs ? .theirs : .both }

    func check() throws {
        guard !ours || !theirs else { throw ValidationError("--ours and --theirs contradict each other") }
    }
}

struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge", abstract: "Take another version into the branch that you stand on.",
        discussion: """
            What only one side changed is as that side has it. Where both changed a path, each in its own way, both are kept: \
            yours in its place, theirs beside it as PATH~ID, and the exit status is 1. Then the shell's 'mv PATH~ID PATH' \
            or 'rm PATH~ID' chooses ('mlrepo status' lists what is open), and 'mlrepo commit' keeps the choice. Changed and untracked files are never overwritten.

            EXAMPLES
              mlrepo merge experiment
              mlrepo merge origin/main --theirs    where both changed a path, take theirs
              mlrepo merge --ff-only origin/main
            """)

    @Option(name: .shortAndLong, help: "The message of the commit.")
    var message: String?
    @OptionGroup var merging: MergeOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "The other version.", completion: Completions.revision)
    var revision: String

    func validate() throws { try merging.check() }

    func run() throws {
        let repository = try Repository.alone()
        let id = try repository.commit(named: revision)
        let progress = output.progress("writing")
        defer { progress.finish() }
        let report = try MergeText.hinting { () throws(RepositoryError) in
            try repository.merge(
                id, named: revision, choice: merging.choice, message: message,
                onlyForward: merging.forwardOnly
            ) { progress.add($0) }
        }
        progress.finish()
        try MergeText.end(report, output, fetched: nil)
    }
}

/// What a merge did, in words and for programs.
enum MergeText {
    /// Runs a merge, which has no way to overwrite what is changed.
    static func hinting(_ merge: () throws(RepositoryError) -> MergeReport) throws -> MergeReport {
        do throws(RepositoryError) { return try merge() } catch {
            guard case .wouldLose = error else { throw error }
            var failure = Failure(error)
            failure.hint = "commit or move what is named, then type the command again"
            throw failure
        }
    }

    /// Tells it, and ends with 1 where both sides' versions of a path were kept.
    static func end(_ report: MergeReport, _ output: OutputOptions, fetched: TransferReport?) throws {
        if output.json {
            Terminal.printJSON(json(report, fetched))
        } else {
            if !output.quiet { show(report) }
            tell(report.conflicts)
        }
        guard report.conflicts.contains(where: \.isOpen) else { return }
        throw ExitCode(ExitStatus.no.rawValue)
    }

    private static func show(_ report: MergeReport) {
        let files =
            "\(Terminal.number(report.written, "file")) written"
            + (report.removed > 0 ? ", \(Terminal.count(report.removed)) removed" : "")
        switch report.kind {
        case .nothing: Terminal.print("Nothing to take over: \(report.commit.short) has it all")
        case .fastForward: Terminal.print("Went forward to \(report.commit.short): \(files)")
        case .merged: Terminal.print("Merged as \(report.commit.short): \(files)")
        }
    }

    /// Which paths both sides changed, and what became of them: part of the answer.
    private static func tell(_ conflicts: [MergeConflict]) {
        for conflict in conflicts {
            let name = Terminal.escaped(conflict.path.bytes)
            switch conflict.outcome {
            case .both(let other):
                Terminal.print("both changed \(name): theirs is \(Terminal.escaped(other.bytes))")
            case .ours: Terminal.print("both changed \(name): yours stays")
            case .theirs: Terminal.print("both changed \(name): it is as theirs")
            case .removedThere: Terminal.print("they removed \(name), which you changed: yours stays")
            case .removedHere: Terminal.print("you removed \(name), which they changed: theirs is there")
            }
        }
        if let removed = conflicts.first(where: { [.removedHere, .removedThere].contains($0.outcome) }) {
            Terminal.printError(
                "hint: mlrepo rm \(ShellWord.path(removed.path)), then mlrepo commit, if it is to go after all"
            )
        }
        // What lies right beside can be moved over it.
        let open = conflicts.first { $0.other?.split?.directory == $0.path.split?.directory }
        guard let open, let other = open.other else { return }
        Terminal.printError(
            "hint: mv \(ShellWord.path(other)) \(ShellWord.path(open.path)) takes theirs, rm \(ShellWord.path(other)) keeps yours; then mlrepo commit keeps the choice"
        )
    }

    private static func json(_ report: MergeReport, _ fetched: TransferReport?) -> JSONValue {
        let kind =
            switch report.kind {
            case .nothing: "nothing"
            case .fastForward: "fastForward"
            case .merged: "merged"
            }
        let merge: [JSONMember] = [
            JSONMember("merge", .string(kind)), JSONMember("commit", report.commit.json),
            JSONMember("base", report.before?.json ?? .null), JSONMember("written", .number(report.written)),
            JSONMember("removed", .number(report.removed)),
            JSONMember(
                "conflicts",
                .array(
                    report.conflicts.map { conflict in
                        .object([
                            "path": Terminal.json(conflict.path.bytes),
                            "theirs": conflict.other.map { Terminal.json($0.bytes) } ?? .null,
                        ])
                    })),
        ]
        guard let fetched, case .object(let members) = TransferText.json(fetched) else {
            return .object(merge, sorting: true)
        }
        return .object(members + merge, sorting: true)
    }
}
