internal import ArgumentParser
internal import MLRepo
internal import ObjectModel
internal import Storage

struct FsckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fsck", abstract: "Read the whole store and name everything that is damaged.",
        discussion: """
            Checks every byte of log and packs against its digest, every object against its id, and that everything the branches \
            and tags need is there. Ends with 0 if all is well, with 1 if not. '--repair' puts what is undamaged of damaged packs into \
            new ones, takes files that are lost from the working copy, if it has them as the version that it stands on, and says what \
            is lost for good; the damaged files stay for two weeks or longer. Packs that are not there may come \
            back with a disk that is not mounted: they are given up with '--give-up-missing' only, or where another store had all of it. Files of 'cache' that are \
            damaged go, and are made anew. A damaged log, or 'format', is only named.

            With the name or place of another store, every byte of that one is read and checked, over whatever leads there; \
            '--repair' then puts it in order, with what this store has of what is lost there. '--from' takes what is lost from a \
            further store: each object counts by its digest, whoever has it.

            EXAMPLES
              mlrepo fsck
              mlrepo fsck --repair --dry-run
              mlrepo fsck --repair --from origin
              mlrepo fsck origin
              mlrepo fsck origin --repair
              mlrepo fsck project.bundle
            """)

    @Argument(
        help: ArgumentHelp("Another store, by its name or place; this one without it.", valueName: "remote"))
    var remote: String?
    @Flag(
        help:
            "Replace damaged packs by what is undamaged of them, and take good copies from the working copy.")
    var repair = false
    @Flag(help: "With --repair: say what would be done, and replace nothing.")
    var dryRun = false
    @Flag(help: "With --repair: do without packs that are not there, and with what only they hold.")
    var giveUpMissing = false
    @Option(help: ArgumentHelp("With --repair: take what is lost from this store.", valueName: "remote"))
    var from: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard repair || from == nil else { throw ValidationError("--from goes with --repair") }
        guard repair || !(dryRun || giveUpMissing) else {
            throw ValidationError("\(dryRun ? "--dry-run" : "--give-up-missing") goes with --repair")
        }
    }

    func run() throws {
        let check = try IntegrityCheck(Environment.process(), of: remote, from: from)
        defer { check.end() }
        let report = try run(check)
        if !output.json { show(report) }
        for id in check.needs where !output.json && !output.quiet {
            Terminal.print("It goes on from \(id.short), which is not in it, and was not looked at")
        }
        var done = Repairs()
        if !report.isClean, repair, check.isOfBundle {
            throw Failure(
                status: .usage, message: "a bundle is not mended", hint: "mlrepo bundle makes another one")
        }
        if !report.isClean, repair {
            try requireLog(report)
            if dryRun {
                done.plan = try check.plan(report)
                if let plan = done.plan { say(plan, done: false) }
                try sayWhatOthersHave(check, report)
            } else {
                done = try perform(check, report)
            }
        }
        if output.json {
            Terminal.printJSON(Self.json(report, done))
        } else if let after = done.after {
            Terminal.print("Now: \(Self.verdict(after))")
        }
        if (done.after ?? report).isClean { return }
        if !output.json, !output.quiet { hint(done.after ?? report, isOfBundle: check.isOfBundle) }
        throw ExitCode(ExitStatus.no.rawValue)
    }

    /// What was done about damage.
    private struct Repairs {
        var restored: (objects: Int, bytes: Int)?
        var plan: StoreRepair.Plan?
        var healed = HealedPaths()
        var after: IntegrityReport?
    }

    private func perform(_ check: IntegrityCheck, _ found: IntegrityReport) throws -> Repairs {
        var (report, done) = (found, Repairs())
        if check.isOfOther {
            // What comes over a line may have been changed on it.
            report = try run(check).confirming(found)
            if report.damagedPacks.isEmpty, report.lost.isEmpty, found.damagedPacks != [] {
                if !output.json, !output.quiet {
                    Terminal.print(
                        "Read again it is not damaged: what leads there, or a memory, changes bytes")
                }
                done.after = report
                return done
            }
        }
        // A store that a person names comes first; what that lacks, this one may have.
        let sources = (from.map { [$0] } ?? []) + (check.isOfOther && check.hasOwn ? [nil] : [])
        for source in sources where !report.lost.isEmpty {
            let restored = try check.restore(report, from: source)
            let before = done.restored ?? (0, 0)
            done.restored = (before.objects + restored.objects, before.bytes + restored.bytes)
            let name = source.map { Terminal.escaped($0) } ?? "this store"
            guard restored.objects > 0 else {
                if !output.json, !output.quiet {
                    Terminal.print("taken from \(name): nothing, it does not have what is lost")
                }
                continue
            }
            if !output.json {
                Terminal.print(
                    "taken from \(name): \(Terminal.number(restored.objects, "object")), \(Terminal.size(restored.bytes))"
                )
            }
            report = try run(check)
        }
        if giveUpMissing { try requireRefs(report) }
        if !giveUpMissing, done.restored == nil || !report.lost.isEmpty {
            try requirePacks(report, hasRestored: (done.restored?.objects ?? 0) > 0)
        }
        let outcome = try check.repair(report)
        let plan = outcome.plan
        done.plan = plan
        say(plan, done: true)
        if outcome.regained > 0, !output.json {
            Terminal.print(
                "found in packs that were dropped before: \(Terminal.number(outcome.regained, "object"))")
        }
        if !check.isOfOther {
            done.healed = heal()
            if !output.json {
                for path in done.healed.directories {
                    Terminal.print(
                        "made anew, from what the working copy knows: the list of names of \(path)")
                }
                for path in done.healed.files { Terminal.print("taken from the working copy: \(path)") }
            }
        }
        if !plan.replaced.isEmpty, !done.healed.files.isEmpty || (done.restored?.objects ?? 0) > 0 {
            let saved = try check.regain(plan)
            if saved > 0, !output.json {
                Terminal.print("told by these, and saved as well: \(Terminal.number(saved, "object"))")
            }
        }
        done.after = try run(check)
        return done
    }

    private func hint(_ report: IntegrityReport, isOfBundle: Bool) {
        let name = remote.map { " " + ShellWord.quoted(Array($0.utf8)) } ?? ""
        if isOfBundle { return Terminal.printError("hint: mlrepo bundle makes another one") }
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
            return Terminal.printError(
                "hint: mlrepo fetch, or pull, from a store that has that commit brings it back")
        }
        var hints = isOfLog ? [Self.losing] : repair ? [] : [saving]
        if repair, directories > 0, remote == nil { hints.append(naming) }
        if repair, files > 0, remote == nil { hints.append(mending) }
        // What happened in a store is in no other one.
        let isElsewhere = report.lost.contains { ![.event, .refs].contains($0.kind) }
        if repair, from == nil, !isOfLog, isElsewhere { hints.append(asking) }
        if !hints.isEmpty { Terminal.printError("hint: \(hints.joined(separator: "; "))") }
    }

    /// Takes from the working copy what the store has lost.
    ///
    /// A store that has lost what leads to the version that is stood on cannot say what that would be.
    private func heal() -> HealedPaths {
        do { return try Repository.open(Environment.process()).heal() } catch {
            if !output.quiet {
                Terminal.printError(
                    Terminal.oneLine("note: nothing was taken from the working copy: \(error)"))
            }
            return HealedPaths()
        }
    }

    private static let losing =
        "a damaged log, or 'format', is not repaired: mlrepo clone of a store that has its commits makes a new one, and files that only a working copy has come into that by mlrepo add and commit"

    /// Refuses what would be built on a log that does not hold together.
    private func requireLog(_ report: IntegrityReport) throws {
        guard !report.isLogSound, !report.damagedPacks.isEmpty || !report.lost.isEmpty else { return }
        throw Failure(
            status: .damaged, message: "the log is damaged, so that nothing was repaired", hint: Self.losing)
    }

    /// Refuses to do without the list of branches and tags: nothing would be found any more.
    private func requireRefs(_ report: IntegrityReport) throws {
        guard report.lost.contains(where: { $0.kind == .refs }),
            report.problems.contains(where: { $0.kind == .missingPack })
        else { return }
        throw Failure(
            status: .wouldLose,
            message:
                "the list of branches and tags is in a pack that is not there: without it nothing is found, so that nothing was given up",
            hint:
                "mount the disk, or bring the files back; mlrepo clone of a store that has its commits makes a new one"
        )
    }

    /// Says how much of what is lost other stores have.
    private func sayWhatOthersHave(_ check: IntegrityCheck, _ report: IntegrityReport) throws {
        guard !output.json, !report.lost.isEmpty else { return }
        for source in (from.map { [$0] } ?? []) + (check.isOfOther && check.hasOwn ? [nil] : []) {
            let count = try check.count(report.lost, in: source)
            let name = source.map { Terminal.escaped($0) } ?? "this store"
            Terminal.print(
                "\(name) has \(Terminal.count(count)) of \(Terminal.number(report.lost.count, "lost object"))"
            )
        }
    }

    /// Refuses where a repair would give up what may only be elsewhere.
    private func requirePacks(_ report: IntegrityReport, hasRestored: Bool) throws {
        let missing = report.problems.filter { $0.kind == .missingPack }
        guard let first = missing.first?.pack else { return }
        let subject =
            missing.count == 1 ? "is" : "and \(Terminal.count(missing.count - 1)) more are"
        throw Failure(
            status: .wouldLose,
            message:
                "pack \(first) \(subject) not there, so that \(hasRestored ? "no more" : "nothing") was repaired",
            hint:
                "mount the disk, or bring the files back; mlrepo fsck\(remote.map { " " + ShellWord.quoted(Array($0.utf8)) } ?? "") --repair\(from.map { " --from " + ShellWord.quoted(Array($0.utf8)) } ?? "") --give-up-missing does without them"
        )
    }

    private func run(_ check: IntegrityCheck) throws -> IntegrityReport {
        let progress = output.progress("checking", unit: "object")
        defer { progress.finish() }
        return try check.run { progress.set(count: $0.objects, bytes: $0.bytes, of: $0.totalBytes) }
    }

    private func show(_ report: IntegrityReport) {
        // What lay in a damaged frame is named object by object.
        let missing = Set(report.problems.filter { $0.reference != nil }.compactMap(Self.place))
        for problem in report.problems {
            Terminal.print(Terminal.escaped("\(problem)"))
            if problem.reference == nil, let place = Self.place(problem), missing.contains(place) { continue }
            for line in DamagedFiles(problem.neededBy).lines {
                Terminal.print("  needed by \(Terminal.escaped(line))")
            }
        }
        if !output.quiet || !report.isClean { Terminal.print(Self.verdict(report)) }
    }

    private static func verdict(_ report: IntegrityReport) -> String {
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

    /// Where in a pack a problem lies: the same for a frame and the objects in it.
    private static func place(_ problem: IntegrityProblem) -> String? {
        guard let pack = problem.pack, let offset = problem.offset else { return nil }
        return "\(pack.text) \(offset)"
    }

    private func say(_ plan: StoreRepair.Plan, done: Bool) {
        guard !output.json else { return }
        for replacement in plan.replaced {
            let words = done ? "was replaced, with" : "would be replaced, with"
            Terminal.print(
                "pack \(replacement.pack) \(words) \(Terminal.count(replacement.saved)) objects saved")
        }
        for reference in plan.lost { Terminal.print("lost: \(reference)") }
    }

    private static func json(
        _ report: IntegrityReport, _ done: Repairs
    ) -> JSONValue {
        let (plan, healed, after) = (done.plan, done.healed, done.after)
        return .object([
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
                .array(plan.lost.map { .object(["kind": .string($0.kind.name), "id": $0.id.json]) })
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

/// What needs a damaged object, as people read it: each file once, however many versions and runs have it.
private struct DamagedFiles {
    /// In order of paths.
    private(set) var lines: [String] = []
    /// Of files and directories of versions.
    let paths: Set<String>

    /// - Parameter needs: As ``IntegrityProblem/neededBy`` has them.
    init(_ needs: [String]) {
        var refs: [String: Set<String>] = [:]
        var others: [(path: String, need: String)] = []
        for need in needs {
            // Names of refs have neither a colon nor a space in them.
            guard let colon = need.firstIndex(of: ":") else {
                others.append(("", need))
                continue
            }
            let (ref, path) = (String(need[..<colon]), String(need[need.index(after: colon)...]))
            if ref.contains(" ") { others.append((path, need)) } else { refs[path, default: []].insert(ref) }
        }
        paths = Set(refs.keys)
        for (path, names) in refs.sorted(by: { $0.key < $1.key }) {
            // A branch tells more than the working copy that stands on it.
            let named = names.filter { !$0.hasPrefix("worktrees/") }.sorted()
            let first = named.first ?? names.min() ?? ""
            let more = max(named.count, 1) - 1
            lines.append(Self.place(path, first) + (more == 0 ? "" : " and \(more) more"))
        }
        for other in others where refs[other.path] == nil { lines.append(other.need) }
    }

    /// A file as a revision names it: `REF~COMMIT` stands for a commit behind a ref.
    private static func place(_ path: String, _ version: String) -> String {
        guard let mark = version.firstIndex(of: "~") else { return "\(version):\(path)" }
        return "\(version[version.index(after: mark)...]):\(path), behind \(version[..<mark])"
    }
}
