internal import ArgumentParser
internal import MLRepo
internal import ObjectModel
internal import Storage

struct MaintenanceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "maintenance", abstract: "Make a store smaller that has many versions of models.",
        discussion: """
            A commit tells a tensor by how it differs from an earlier version of it. Here all versions are there: those that are nearest to \
            most are stored by themselves, and the others by how they differ from these, if that saves something. Tensors are \
            found by what they are like, also in other directories, under other names and on other branches. Each is read \
            from one place or two, as before.

            What is coded anew is decoded and compared first. The packs that are replaced stay for an hour, for readers at work; a later \
            'maintenance', 'gc' or commit deletes them. Until then the store takes that much more room. Tensors of which there is one \
            version only are not counted.

            EXAMPLES
              mlrepo maintenance --plan     what would be saved; nothing is done
              mlrepo maintenance
            """)

    @Flag(name: [.long, .customLong("dry-run")], help: "Say what would be done, and do nothing.")
    var plan = false
    @OptionGroup var output: OutputOptions

    func run() throws {
        let repository = try Repository.here()
        let (looking, coding) = (
            output.progress("looking at", unit: "tensor"), output.progress("coding anew", unit: "pack")
        )
        let watch = { @Sendable (step: Rebasing.Step) in
            switch step {
            case .looked(let tensors, let bytes, let all): looking.set(count: tensors, bytes: bytes, of: all)
            case .coded(let packs, let bytes, let all):
                looking.finish()
                coding.set(count: packs, bytes: bytes, of: all)
            }
        }
        let outcome: Rebasing.Outcome?
        let plan: Rebasing.Plan
        do {
            defer { for progress in [looking, coding] { progress.finish() } }
            outcome = self.plan ? nil : try repository.maintain(watch: watch)
            plan = try outcome?.plan ?? repository.maintenancePlan(watch: watch)
        }
        if output.json { return Terminal.printJSON(Self.json(plan, outcome)) }
        guard self.plan || !output.quiet else { return }
        Terminal.print(Self.text(plan, outcome))
        if plan.unreadable > 0 {
            Terminal.printError(
                "note: \(plan.unreadable == 1 ? "1 tensor" : "\(Terminal.count(plan.unreadable)) tensors") could not be read: mlrepo fsck says why"
            )
        }
    }

    private static func text(_ plan: Rebasing.Plan, _ outcome: Rebasing.Outcome?) -> String {
        if plan.tensors == 0 {
            let readable = plan.unreadable > 0 ? " that can be read" : ""
            return "Nothing to do: no tensor\(readable) is there in several versions"
        }
        let tensors = plan.tensors == 1 ? "1 tensor" : "\(Terminal.count(plan.tensors)) tensors"
        if plan.changed == 0 || outcome?.writtenBytes == 0 {
            return
                "Nothing to do: of \(tensors) there are several versions, in \(Terminal.size(plan.bytes)); nearer bases would save next to nothing"
        }
        let changed = "\(Terminal.count(outcome?.changed ?? plan.changed)) of \(tensors)"
        guard let outcome else {
            return
                "Would code \(changed) anew: about \(Terminal.size(plan.saving)) of \(Terminal.size(plan.bytes)) less;"
                + " packs of \(Terminal.size(plan.packBytes)) are written anew"
        }
        return "Coded \(changed) anew: packs of \(Terminal.size(outcome.replacedBytes)) became"
            + " \(Terminal.size(outcome.writtenBytes)), and the old ones go with the first commit or 'mlrepo gc' after an hour"
    }

    private static func json(_ plan: Rebasing.Plan, _ outcome: Rebasing.Outcome?) -> JSONValue {
        .object([
            "tensors": .number(plan.tensors), "bytes": .number(plan.bytes),
            "unreadable": .number(plan.unreadable), "changed": .number(outcome?.changed ?? plan.changed),
            "saving": .number(outcome.map { $0.replacedBytes - $0.writtenBytes } ?? plan.saving),
            "done": .bool(outcome != nil),
            "writtenBytes": outcome.map { .number($0.writtenBytes) },
            "replacedBytes": outcome.map { .number($0.replacedBytes) },
        ])
    }
}
