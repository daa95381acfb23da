internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Storage

struct GCCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Take out of the store what no version needs any more.",
        discussion: """
            Kept is what branches, tags and working copies name, and what they named in the last 90 days, so that 'undo' can bring \
            it back. The rest is dropped first, and deleted two weeks later by another 'gc': readers and writers at work are \
            not disturbed. What a writer may be making stays for a day, with '--now' for an hour. Records of commits, runs and operations stay for ever; they \
            are small.

            EXAMPLES
              mlrepo gc --plan     what would go, and why; nothing is done
              mlrepo gc
              mlrepo gc --now      what nothing names goes at once, with no way back
              mlrepo gc origin     in another store, over whatever leads there
            """)

    @Argument(
        help: ArgumentHelp("Another store, by its name or place; this one without it.", valueName: "remote"))
    var remote: String?
    @Flag(name: [.long, .customLong("dry-run")], help: "Say what would be done, and do nothing.")
    var plan = false
    @Flag(help: "Without the days in which things can be brought back.")
    var now = false
    @OptionGroup var output: OutputOptions

    func run() throws {
        let collection = try collection()
        if plan {
            let plan = try collection.plan()
            if output.json { return Terminal.printJSON(Self.json(plan, nil)) }
            return try show(plan, collection.view)
        }
        let outcome = try collection.perform()
        if output.json { return Terminal.printJSON(Self.json(outcome.plan, outcome)) }
        guard !output.quiet else { return }
        try sayEmptied(outcome.plan, collection.view)
        Terminal.print(Self.summary(outcome))
        if outcome.plan.isEmpty { sayWindow() }
        sayUnfinished(outcome.plan)
        if outcome.plan.waiting > 0 || (!now && !outcome.plan.dropped.isEmpty) {
            let count = outcome.plan.waiting + (now ? 0 : outcome.plan.dropped.count)
            let (grace, them) = count == 1 ? ("its", "it") : ("their", "them")
            Terminal.print("\(Self.packs(count)) in \(grace) grace: a later 'mlrepo gc' deletes \(them)")
        }
    }

    private func collection() throws -> Repository.StoreCollection {
        let repository: Repository
        do { repository = try Repository.here() } catch {
            guard remote != nil, let error = error as? RepositoryError else { throw error }
            var failure = Failure(error)
            failure.hint =
                "another store is collected from within a repository; or by 'mlrepo gc' in its own directory"
            throw failure
        }
        do throws(RepositoryError) { return try repository.collection(of: remote, immediately: now) } catch {
            var failure = Failure(error)
            if case .bundleIsDone = error { failure.hint = "a bundle has only what was put into it" }
            throw failure
        }
    }

    private static func packs(_ count: Int) -> String {
        count == 1 ? "1 pack" : "\(Terminal.count(count)) packs"
    }

    private static func summary(_ outcome: GarbageCollector.Outcome) -> String {
        let plan = outcome.plan
        if plan.isEmpty { return "Nothing to collect: \(Terminal.count(plan.needed)) objects are needed" }
        let whole = plan.dropped.count == 1 ? "it" : "them"
        var line = "Dropped \(packs(plan.dropped.count))"
        if outcome.writtenBytes > 0 {
            line += ", what is needed of \(whole) rewritten in \(Terminal.size(outcome.writtenBytes))"
        }
        return line + "; freed \(Terminal.size(outcome.freedBytes))"
    }

    private func show(_ plan: GarbageCollector.Plan, _ repository: Repository) throws {
        Terminal.print(
            "Needed: \(Terminal.count(plan.needed)) of \(Terminal.count(plan.objects)) objects;"
                + " \(Terminal.size(plan.permanentBytes)) of records stay for ever")
        for (kind, share) in plan.unneeded.sorted(by: { $0.key < $1.key }) {
            Terminal.print(
                "Not needed: \(Terminal.count(share.count)) of kind \(kind.name), \(Terminal.size(share.bytes))"
            )
        }
        try sayEmptied(plan, repository)
        for pack in plan.dropped {
            let rest =
                pack.needed == 0 ? "" : ", \(Terminal.count(pack.needed)) needed ones go into a new pack"
            Terminal.print(
                "Drop pack \(pack.name.text.prefix(12)), \(Terminal.size(pack.bytes)): \(Terminal.count(pack.objects - pack.needed)) of \(Terminal.count(pack.objects)) objects are not needed\(rest)"
            )
        }
        for pack in plan.doomed {
            Terminal.print(
                "Delete pack \(pack.text.prefix(12)): \(now ? "--now ends" : "it is past") its grace, or no entry names it"
            )
        }
        for pack in plan.leftovers {
            Terminal.print("Delete pack \(pack.text.prefix(12)): it was doomed before")
        }
        for file in plan.temporaries {
            Terminal.print("Delete \(Terminal.escaped(file.bytes)): nobody writes it any more")
        }
        if plan.waiting > 0 {
            Terminal.print(
                "\(Self.packs(plan.waiting)), \(Terminal.size(plan.waitingBytes)), in \(plan.waiting == 1 ? "its" : "their") grace"
            )
        }
        if plan.isEmpty {
            let rest = ": what is not needed lies among what is, and is too little to be worth a new pack"
            Terminal.print("Nothing to collect\(plan.unneeded.isEmpty ? "" : rest)")
            sayWindow()
        }
        sayUnfinished(plan)
    }

    /// Says which versions lose files: none where no pack is dropped.
    private func sayEmptied(_ plan: GarbageCollector.Plan, _ repository: Repository) throws {
        guard !plan.dropped.isEmpty else { return }
        for id in plan.emptied.prefix(20) {
            let (commit, _) = try repository.contents(of: id)
            Terminal.print(
                "No name leads to \(id.short) \"\(Terminal.escaped(commit.subject))\" any more: its record stays, files that no other version has go"
            )
        }
        if plan.emptied.count > 20 {
            Terminal.print("and \(Terminal.count(plan.emptied.count - 20)) more commits")
        }
    }

    /// What a command that was stopped left, or one at work is writing.
    private func sayUnfinished(_ plan: GarbageCollector.Plan) {
        guard plan.temporaryBytes > 0 else { return }
        Terminal.print(
            "\(Terminal.size(plan.temporaryBytes)) unfinished: a command is writing them, or was stopped; gc deletes them after \(now ? "an hour" : "a day (gc --now: an hour)")"
        )
    }

    /// Says what is kept that nothing names any more.
    private func sayWindow() {
        guard !now else { return }
        let name = remote.map { " " + ShellWord.quoted(Array($0.utf8)) } ?? ""
        Terminal.print(
            "What had a name in the last 90 days is kept: mlrepo gc\(name) --now --plan says what would go without that"
        )
    }

    private static func json(_ plan: GarbageCollector.Plan, _ outcome: GarbageCollector.Outcome?) -> JSONValue
    {
        .object([
            "objects": .number(plan.objects), "needed": .number(plan.needed),
            "unneeded": .object(
                plan.unneeded.map { kind, share in
                    JSONMember(
                        kind.name,
                        .object(["objects": .number(share.count), "bytes": .number(share.bytes)]))
                }, sorting: true),
            "permanentBytes": .number(plan.permanentBytes), "emptied": .array(plan.emptied.map(\.json)),
            "dropped": .array(
                plan.dropped.map { pack in
                    .object([
                        "pack": .string(pack.name.text), "bytes": .number(pack.bytes),
                        "objects": .number(pack.objects), "needed": .number(pack.needed),
                    ])
                }),
            "deleted": .array((plan.doomed + plan.leftovers).map { .string($0.text) }),
            "temporaries": .array(plan.temporaries.map { Terminal.json($0.bytes) }),
            "deletedBytes": .number(plan.doomedBytes), "waiting": .number(plan.waiting),
            "waitingBytes": .number(plan.waitingBytes), "done": .bool(outcome != nil),
            "writtenBytes": outcome.map { .number($0.writtenBytes) },
            "freedBytes": outcome.map { .number($0.freedBytes) },
        ])
    }
}
