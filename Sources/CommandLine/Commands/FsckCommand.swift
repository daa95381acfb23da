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
            new ones, takes what is lost from packs that were dropped before and from the working copy, if that has files as the version \
            that it stands on, and says what \
            is lost for good; the damaged files stay for two weeks or longer. Packs that are not there may come \
            back with a disk that is not mounted: they are given up with '--give-up-missing' only, or where another store had all of it. Files of 'cache' that are \
            damaged go, and are made anew. A damaged newest entry of the log comes back as it was where what is left proves it; else it is made \
            anew from the record of its operation, or set aside; one before it comes back where the entry behind it proves what it was. 'format' is \
            made anew from the log. Entries that were seen and are gone are given up with '--give-up-missing' only.

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
        var rest = report
        if !report.isClean, repair {
            rest = try mendLog(check, report, &done)
            if !done.mended.isEmpty { done.after = dryRun ? nil : rest }
        }
        if !rest.isClean, repair, !(dryRun && !done.mended.isEmpty) {
            try requireLog(rest)
            if dryRun {
                done.plan = try check.plan(rest)
                if let plan = done.plan { say(plan, rest, done: false) }
                try sayWhatOthersHave(check, rest)
                if check.hasOwn, !check.isOfOther, !rest.lost.isEmpty, !output.json {
                    Terminal.print("What the working copy has of it would be taken from there")
                }
            } else {
                try perform(check, rest, &done)
            }
        }
        if output.json {
            Terminal.printJSON(Self.json(report, done))
        } else if let after = done.after {
            Terminal.print("Now: \(Self.verdict(after))")
        }
        if (done.after ?? report).isClean { return }
        // What comes next is known when this is done.
        let isBegun = dryRun && !done.mended.isEmpty
        if !output.json, !output.quiet, !isBegun { hint(done.after ?? report, isOfBundle: check.isOfBundle) }
        throw ExitCode(ExitStatus.no.rawValue)
    }

    func run(_ check: IntegrityCheck) throws -> IntegrityReport {
        let progress = output.progress("checking", unit: "object")
        defer { progress.finish() }
        return try check.run { progress.set(count: $0.objects, bytes: $0.bytes, of: $0.totalBytes) }
    }
}
