internal import ArgumentParser
internal import MLRepo
internal import ObjectModel
internal import Storage

struct FsckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fsck", abstract: "Read the whole store and name everything that is damaged.",
        discussion: """
            Checks every byte of log and packs against its digest, every object against its id, and that everything the branches
            and tags need is there. Ends with 0 if all is well, with 1 if not. '--repair' puts what is undamaged of damaged packs into
            new ones and says what is lost; it deletes nothing.

            EXAMPLES
              mlrepo fsck
              mlrepo fsck --json
              mlrepo fsck --repair --dry-run
            """)

    @Flag(help: "Replace damaged packs by what is undamaged of them.")
    var repair = false
    @Flag(help: "With --repair: say what would be done, and do nothing.")
    var dryRun = false
    @OptionGroup var output: OutputOptions

    func run() throws {
        let check = try IntegrityCheck(Environment.process())
        let report = try check.run()
        if output.json { Terminal.printJSON(Self.json(report)) } else { show(report) }
        guard !report.isClean else { return }
        if repair, dryRun {
            say(try check.plan(report), done: false)
        } else if repair {
            say(try check.repair(report).plan, done: true)
            let after = try check.run()
            if !output.json { Terminal.print("Now: \(Self.verdict(after))") }
            if after.isClean { return }
        }
        throw ExitCode(ExitStatus.no.rawValue)
    }

    private func show(_ report: IntegrityReport) {
        for problem in report.problems {
            Terminal.print(Terminal.escaped("\(problem)"))
            for need in problem.neededBy { Terminal.print("  needed by \(Terminal.escaped(need))") }
        }
        if !output.quiet || !report.isClean { Terminal.print(Self.verdict(report)) }
    }

    private static func verdict(_ report: IntegrityReport) -> String {
        let what =
            "\(Terminal.count(report.objects)) objects in \(Terminal.count(report.packs)) packs, \(Terminal.size(report.bytes))"
        if report.isClean { return "\(what): no damage" }
        return "\(what): \(report.problems.count) \(report.problems.count == 1 ? "problem" : "problems")"
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

    private static func json(_ report: IntegrityReport) -> JSONValue {
        .object([
            "objects": .integer(report.objects), "packs": .integer(report.packs),
            "bytes": .integer(report.bytes),
            "problems": .array(
                report.problems.map { problem in
                    .object([
                        "kind": .string(problem.kind.rawValue), "id": problem.reference?.id.json,
                        "pack": problem.pack.map { .string($0.text) },
                        "offset": problem.offset.map { .integer($0) },
                        "message": .string(problem.message),
                        "neededBy": .array(problem.neededBy.map { .string($0) }),
                    ])
                }),
        ])
    }
}
