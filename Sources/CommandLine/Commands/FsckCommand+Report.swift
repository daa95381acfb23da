internal import MLRepo
internal import ObjectModel
internal import Storage

/// What a check of a store found, in words and for programs.
extension FsckCommand {
    /// The most of what is hit that is named; programs get all of it.
    private static let lineLimit = 100

    /// Tells it: first which files of which versions are damaged, as that is what matters to people, then what is wrong with the store.
    func show(_ report: IntegrityReport) {
        let hit = DamagedFiles(report.problems.flatMap(\.neededBy))
        // Paths come with their control characters escaped.
        for line in hit.lines.prefix(Self.lineLimit) { Terminal.print(Terminal.oneLine(line)) }
        if hit.lines.count > Self.lineLimit {
            Terminal.print("and \(Terminal.count(hit.lines.count - Self.lineLimit)) more (--json names them)")
        }
        for problem in report.problems { Terminal.print(Terminal.escaped(Self.line(problem))) }
        if !output.quiet || !report.isClean { Terminal.print(Self.verdict(report)) }
    }

    /// A problem with as much of each digest as people need.
    private static func line(_ problem: IntegrityProblem) -> String {
        var text = problem.kind.rawValue
        if let pack = problem.pack {
            text += " pack \(pack.text.prefix(shownDigits))"
        } else if let file = problem.file {
            text += " \(file)"
        }
        if let offset = problem.offset { text += " at offset \(offset)" }
        if let reference = problem.reference {
            text += " \(reference.kind.name) \(reference.id.hex.prefix(shownDigits))"
        }
        return "\(text): \(problem.message)"
    }

    static let shownDigits = 12

    /// Names what is lost by its whole digest, by which a copy is found elsewhere, and what needs it.
    ///
    /// - Parameter isPlan: What the working copy has of it is not known yet.
    func sayLost(_ lost: [ObjectReference], _ report: IntegrityReport, isPlan: Bool = false) {
        guard !output.json, !lost.isEmpty else { return }
        let needs = Dictionary(
            report.problems.compactMap { problem in problem.reference.map { ($0, problem.neededBy) } },
            uniquingKeysWith: +)
        for reference in lost {
            let hit = DamagedFiles(needs[reference] ?? [])
            let places = hit.files + hit.others
            let more = places.count > 1 ? ", and \(Terminal.number(places.count - 1, "other place"))" : ""
            let place = places.first.map { ": \($0)\(more)" } ?? ""
            Terminal.print(
                Terminal.oneLine("\(isPlan ? "nowhere in the store" : "lost"): \(reference)\(place)"))
        }
    }

    static func verdict(_ report: IntegrityReport) -> String {
        let what =
            "\(Terminal.number(report.objects, "object")) in \(Terminal.number(report.packs, "pack")), \(Terminal.size(report.bytes))"
        if report.isClean { return "\(what): no damage" }
        let count = "\(report.problems.count) \(report.problems.count == 1 ? "problem" : "problems")"
        let (files, directories) = damaged(report)
        return "\(what): \(count)" + (files == 0 ? "" : ", \(Terminal.files(files)) damaged")
            + (directories == 0 ? "" : ", \(Terminal.number(directories, "list")) of names lost")
    }

    /// How many files of versions are damaged, and how many directories.
    private static func damaged(_ report: IntegrityReport) -> (files: Int, directories: Int) {
        let lists = report.problems.filter { $0.reference?.kind == .tree }.flatMap(\.neededBy)
        let directories = DamagedFiles(lists).paths
        let all = DamagedFiles(report.problems.flatMap(\.neededBy)).paths
        return (all.subtracting(directories).count, directories.count)
    }

    func hint(_ report: IntegrityReport, isOfBundle: Bool) {
        let name = remote.map { " " + ShellWord.quoted(Array($0.utf8)) } ?? ""
        if isOfBundle { return Terminal.printError("hint: mlrepo bundle makes another one") }
        if dryRun, report.isLogSound {
            return Terminal.printError("hint: the same without --dry-run does it, and says what is lost then")
        }
        let saving =
            remote == nil
            ? "mlrepo fsck --repair saves what can be saved, and takes good copies from the working copy; with --from, from another store"
            : "mlrepo fsck\(name) --repair saves what can be saved, and takes from this store what is lost there"
        let (files, directories) = Self.damaged(report)
        let naming =
            "a list of names is made anew by mlrepo fsck --repair in a working copy that stands on a version with it"
        let mending =
            "a good copy of a file that is named here mends it: put in its place, by mlrepo fsck --repair, or under another name, by mlrepo add and commit"
        let asking = "mlrepo fsck\(name) --repair --from REMOTE takes what is lost from another store"
        let isOfLog = report.problems.contains {
            [.format, .logEntry, .logGap, .logTile, .logRule].contains($0.kind)
        }
        if report.problems.contains(where: { $0.kind == .head }) {
            let isSeen = report.problems.contains(where: \.isOfRemembered)
            let elsewhere =
                "mlrepo fetch, or pull, from a store that has that commit brings it back"
                + (repair && isSeen ? "; mlrepo fsck --repair --give-up-missing goes on without it" : "")
            return Terminal.printError(
                repair
                    ? "hint: \(elsewhere)"
                    : "hint: mlrepo fsck --repair looks for it in packs that no entry names; \(elsewhere)")
        }
        if report.problems.allSatisfy({ $0.reference?.kind == .event }) {
            return Terminal.printError(
                "hint: only records of operations are lost, and in no other store; names, versions and files are whole"
            )
        }
        var hints = isOfLog ? [repair && remote == nil ? losing(report) : mendingLog] : repair ? [] : [saving]
        if repair, directories > 0, remote == nil { hints.append(naming) }
        if repair, files > 0, remote == nil { hints.append(mending) }
        // What happened in a store is in no other one.
        let isElsewhere = report.lost.contains { ![.event, .refs].contains($0.kind) }
        if repair, from == nil, !isOfLog, isElsewhere { hints.append(asking) }
        if !hints.isEmpty { Terminal.printError("hint: \(hints.joined(separator: "; "))") }
    }

    /// What helps where the log, or `format`, is damaged: it is mended where it lies.
    var mendingLog: String {
        remote == nil
            ? "mlrepo fsck --repair mends entries of the log, and 'format', where what is left tells what they were"
            : "mlrepo fsck --repair, typed in that store's own directory, mends entries of its log, and 'format', where what is left tells what they were"
    }

    /// What can be done where the log cannot be mended.
    func losing(_ report: IntegrityReport) -> String {
        report.problems.contains { $0.isOfRemembered || $0.kind == .logGap }
            ? Self.bringing + (giveUpMissing ? "" : Self.givingUp) : Self.losing
    }

    private static let bringing =
        "bring the files of log/new back from a copy of the store; or mlrepo clone of a store that has its commits makes a new one"

    private static let givingUp = "; mlrepo fsck --repair --give-up-missing goes on without what is lost"

    private static let losing =
        "what cannot be told of a damaged log again is not repaired: mlrepo clone of a store that has its commits makes a new one, and files that only a working copy has come into that by mlrepo add and commit"

    private static func json(_ step: LogRepair.Step) -> [JSONValue] {
        func entry(_ number: Int, _ how: String) -> JSONValue {
            .object(["what": .string("log-entry"), "number": .number(number), "how": .string(how)])
        }
        return switch step {
        case .format: [.object(["what": .string("format"), "how": .string("anew")])]
        case .restore(let entries): entries.map { entry($0.entry.number, "restored") }
        case .remake(let file, _, _): [entry(file.entry.number, "anew")]
        case .forget(let number): [entry(number, "given-up")]
        case .setAside(let number): [entry(number, "set-aside")]
        case .bridge(let bridge):
            [entry(bridge.number, "anew")] + bridge.replaced.map { entry($0, "set-aside") }
        }
    }

    static func json(
        _ report: IntegrityReport, _ done: Repairs
    ) -> JSONValue {
        let (plan, healed, after) = (done.plan, done.healed, done.after)
        return .object([
            "mended": done.mended.isEmpty ? nil : .array(done.mended.flatMap(Self.json)),
            "restored": done.restored.map {
                .object(["objects": .number($0.objects), "bytes": .number($0.bytes)])
            },
            "replaced": plan.map { plan in
                .array(
                    plan.replaced.map {
                        .object([
                            "pack": .string($0.pack.text), "saved": .number($0.saved),
                            "bytes": .number($0.bytes),
                        ])
                    })
            },
            "lost": plan.map { plan in
                .array(
                    (after?.lost ?? plan.lost).map {
                        .object(["kind": .string($0.kind.name), "id": $0.id.json])
                    })
            },
            "taken": after == nil ? nil : .array((healed.directories + healed.files).sorted().map(\.json)),
            "problemsAfter": after.map { .number($0.problems.count) },
            "objects": .number(report.objects), "packs": .number(report.packs),
            "bytes": .number(report.bytes),
            "problems": .array(
                report.problems.map { problem in
                    .object([
                        "kind": .string(problem.kind.rawValue), "id": problem.reference?.id.json,
                        "pack": problem.pack.map { .string($0.text) },
                        "file": problem.file.map { .string($0) },
                        "offset": problem.offset.map { .number($0) },
                        "message": .string(problem.message),
                        "neededBy": .array(problem.neededBy.map { .string($0) }),
                    ])
                }),
        ])
    }
}
