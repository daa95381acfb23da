internal import ArgumentParser
internal import MLRepo
internal import ObjectModel
internal import WorkingTree

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what differs from the last commit.",
        discussion: """
            EXAMPLES
              mlrepo status
              mlrepo status --json
            """,
        aliases: ["st"])

    @OptionGroup var output: OutputOptions

    func run() throws { try Self.run(json: output.json, quiet: output.quiet) }

    static func run(json: Bool, quiet: Bool) throws {
        let repository = try Repository.here()
        let status = try repository.status()
        if json { return Terminal.printJSON(Self.json(status)) }
        if let branch = status.head.branch {
            Terminal.print("On branch \(branch)")
        } else {
            Terminal.print("On no branch")
        }
        if let commit = status.head.commit {
            Terminal.print("Last commit \(commit.short)")
        } else {
            Terminal.print("No commit yet")
        }
        if let tip = status.branchTip, tip != status.head.commit, let branch = status.head.branch {
            Terminal.print("'\(branch)' is at \(tip.short) by now: mlrepo checkout \(branch)")
        }
        if let distance = status.distance, let line = Self.line(distance) { Terminal.print(line) }
        if status.isMerging {
            Terminal.print(
                "A commit was interrupted before it wrote what others committed: the next one, or undo, writes it"
            )
        } else if status.isPending {
            let isAtTip = status.head.commit != nil && status.branchTip == status.head.commit
            let back = isAtTip ? status.head.branch.map { "; mlrepo checkout \($0) goes back" } ?? "" : ""
            Terminal.print("A checkout, merge or pull was interrupted: type it again to finish it\(back)")
        }
        for choice in status.choices.prefix(Self.mostChoices) {
            Terminal.print(
                "Both versions were kept of \(choice.path): mv \(ShellWord.path(choice.other)) \(ShellWord.path(choice.path)) takes theirs, rm \(ShellWord.path(choice.other)) keeps yours"
            )
        }
        if status.choices.count > Self.mostChoices {
            Terminal.print(
                "and of \(Terminal.count(status.choices.count - Self.mostChoices)) more (mlrepo status --json names them)"
            )
        }
        for change in status.changes.prefix(Self.mostChanges) {
            let isLeft =
                change.state == .deleted && status.tracking.isUntracked(change.path)
                && (try? repository.exists(change.path)) == true
            Terminal.print("  \(isLeft ? "untracked" : Self.word(change.state)) \(change.path)")
        }
        if status.changes.count > Self.mostChanges {
            let words: [(String, FileChange.State)] = [
                ("added", .added), ("modified", .modified), ("deleted", .deleted),
                ("of another type", .typeChanged),
            ]
            let counts =
                words
                .map { (word, state) in (word, status.changes.count { $0.state == state }) }
                .filter { $0.1 > 0 }.map { "\(Terminal.count($0.1)) \($0.0)" }
            let rest = status.changes.count - Self.mostChanges
            Terminal.print("  and \(Terminal.count(rest)) more; in all \(counts.joined(separator: ", "))")
        }
        for root in status.missing where !quiet {
            let word = ShellWord.path(root)
            Terminal.print(
                "\(root) is gone, and tracked: mlrepo restore \(word) brings it back, mlrepo untrack \(word) forgets it"
            )
        }
        for skipped in status.skipped where !quiet {
            Terminal.printError("skipped: \(skipped.path) (\(Self.words(skipped.reason)))")
        }
        if status.changes.isEmpty {
            let isNew = status.head.commit == nil && status.tracking == Tracking()
            let remote = repository.remotes.first?.name
            let isRetracked = status.head.commit != nil && status.isRetracked
            Terminal.print(
                isNew
                    ? remote.map {
                        "Nothing is tracked yet: mlrepo pull takes what \(Terminal.escaped($0)) has; a clone that was cut off goes on when it is typed again"
                    } ?? "Nothing is tracked yet: mlrepo add PATH"
                    : isRetracked ? "No file has changed; what is tracked has" : "Nothing has changed")
        }
        if !status.untracked.isEmpty, !quiet {
            let names = status.untracked.prefix(Self.most).map { "\($0)" }.joined(separator: ", ")
            let rest = status.untracked.count - Self.most
            Terminal.print("Not tracked: \(names)\(rest > 0 ? " and \(Terminal.count(rest)) more" : "")")
        }
    }

    /// So many changes are named; programs are told of all.
    private static let mostChanges = 100
    private static let mostChoices = 10
    /// So many names that are not tracked are shown.
    private static let most = 8

    private static func line(_ distance: Distance) -> String? {
        let ahead = Terminal.number(distance.ahead, "commit")
        let behind = Terminal.number(distance.behind, "commit")
        return switch (distance.ahead, distance.behind) {
        case (0, 0): nil
        case (_, 0): "\(ahead) ahead of \(distance.name): mlrepo push"
        case (0, _): "\(behind) behind \(distance.name): mlrepo pull"
        default: "\(ahead) here and \(behind) in \(distance.name) have gone apart: mlrepo pull merges them"
        }
    }

    static func word(_ state: FileChange.State) -> String {
        switch state {
        case .added: "added   "
        case .modified: "modified"
        case .deleted: "deleted "
        case .typeChanged: "type    "
        }
    }

    static func words(_ reason: SkippedFile.Reason) -> String {
        switch reason {
        case .special: "a socket, pipe or device"
        case .name(let problem): problem
        case .repository: "a repository of its own"
        case .ignored:
            "left out as another tool's; 'mlrepo add' takes it in, a line in .mlrepoignore ends this word"
        }
    }

    private static func json(_ status: WorkingCopyStatus) -> JSONValue {
        .object([
            "branch": status.head.branch.map { .string($0) } ?? .null,
            "head": status.head.commit?.json ?? .null,
            "clean": .bool(status.changes.isEmpty && !status.isPending),
            "interrupted": .bool(status.isPending),
            "upstream": status.distance.map {
                .object([
                    "name": .string($0.name), "ahead": .number($0.ahead), "behind": .number($0.behind),
                ])
            },
            "choices": status.choices.isEmpty
                ? nil
                : .array(
                    status.choices.map { .object(["path": $0.path.json, "other": $0.other.json]) }),
            "missing": status.missing.isEmpty ? nil : .array(status.missing.map(\.json)),
            "untracked": .array(status.untracked.map(\.json)),
            "skipped": .array(
                status.skipped.map {
                    .object(["path": .string($0.path), "reason": .string(Self.words($0.reason))])
                }),
            "entries": .array(
                status.changes.map { .object(["path": $0.path.json, "state": .string($0.state.rawValue)]) }),
        ])
    }
}
