internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Storage

/// Putting a store in order: what is done about what a check found.
extension FsckCommand {
    /// What was done about damage.
    struct Repairs {
        /// Of the log, and `format`.
        var mended: [LogRepair.Step] = []
        var restored: (objects: Int, bytes: Int)?
        var plan: StoreRepair.Plan?
        var healed = HealedPaths()
        var after: IntegrityReport?
    }

    /// Mends the log, and `format`, which come before all else.
    ///
    /// - Returns: What a check says then.
    func mendLog(
        _ check: IntegrityCheck, _ report: IntegrityReport, _ done: inout Repairs
    ) throws -> IntegrityReport {
        var last: String?
        while done.mended.count < Self.stepLimit, let step = try check.logRepair(givingUp: giveUpMissing) {
            let words = Self.words(step, done: !dryRun)
            // What does not help is not done again.
            if words == last { break }
            last = words
            if !dryRun { try check.perform(step) }
            done.mended.append(step)
            if !output.json { Terminal.print(words) }
            // What comes next is known when this is done.
            if dryRun { break }
        }
        if done.mended.isEmpty || dryRun { return report }
        let isOther = done.mended.contains { step in
            switch step {
            case .format, .restore: false
            case .remake, .setAside, .forget, .bridge: true
            }
        }
        if isOther, !output.json, !output.quiet {
            Terminal.printError(
                "note: who has seen that entry before (a clone, or who pushes here) takes this for another store, until mlrepo remote forget is typed there"
            )
        }
        return try run(check)
    }

    /// More files of a log are mended by typing it again.
    private static let stepLimit = 1000

    private static func words(_ step: LogRepair.Step, done: Bool) -> String {
        let (has, is_) = done ? ("was", "is") : ("would be", "would be")
        switch step {
        case .format: return "'format' \(has) written anew, with the origin that the log states"
        case .restore(let entries):
            let numbers = entries.map(\.entry.number)
            guard let first = numbers.first, let last = numbers.last, first < last else {
                return
                    "log entry \(numbers.first ?? 0) \(is_) again what it was: what is left of it proves that"
            }
            return
                "log entries \(first) to \(last) \(done ? "are" : "would be") again what they were: what lies behind them, or was seen, proves that"
        case .remake(let file, let event, let others):
            let rest =
                others == 0
                ? "" : " (\(Terminal.number(others, "other record")) would have fitted as well)"
            let reason = event.reason.map { ": " + Terminal.oneLine($0) } ?? ""
            return
                "log entry \(file.entry.number) \(has) made anew, from the record of '\(Terminal.escaped(event.verb))' by \(Terminal.oneLine(event.actor.name)), \(Terminal.time(event.time))\(reason)\(rest)"
        case .forget(let number):
            return
                "entries up to \(number), which were seen, \(done ? "were" : "would be") given up: what is left does not tell what they were"
        case .bridge(let bridge):
            let last = bridge.replaced.last ?? bridge.number
            return
                "log entry \(bridge.number) \(has) made anew, with what entry \(last) had left: entries in between are lost, and \(bridge.replaced.count == 1 ? "it" : "those behind them") \(has) set aside"
        case .setAside(let number):
            return
                "log entry \(number) \(has) set aside: nothing is left that says what it was, and what it did is not done"
        }
    }

    /// Puts a store in order whose log is sound.
    func perform(_ check: IntegrityCheck, _ found: IntegrityReport, _ done: inout Repairs) throws {
        var report = found
        if check.isOfOther {
            // What comes over a line may have been changed on it.
            report = try run(check).confirming(found)
            if report.isClean {
                if !output.json, !output.quiet {
                    Terminal.print(
                        "Read again it is not damaged: what leads there, or a memory, changes bytes")
                }
                done.after = report
                return
            }
        }
        report = try takeFromOthers(check, report, &done)
        let hasRestored = (done.restored?.objects ?? 0) > 0
        if giveUpMissing {
            try requireRefs(check, report)
        } else if done.restored == nil || !report.lost.isEmpty {
            try requirePacks(report, hasRestored: hasRestored)
        }
        let plan = try replacePacks(check, report, &done)
        if !check.isOfOther { healFiles(&done) }
        if !plan.replaced.isEmpty, hasRestored || !done.healed.files.isEmpty {
            let saved = try check.regain(plan)
            if saved > 0, !output.json {
                Terminal.print("told by these, and saved as well: \(Terminal.number(saved, "object"))")
            }
        }
        let after = try run(check)
        sayLost(after.lost, after)
        done.after = after
    }

    /// Takes what is lost from the store that a person names, and what that lacks from this one.
    ///
    /// - Returns: What a check says then.
    private func takeFromOthers(
        _ check: IntegrityCheck, _ found: IntegrityReport, _ done: inout Repairs
    ) throws -> IntegrityReport {
        var report = found
        for source in sources(check) where !report.lost.isEmpty {
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
            let next = try run(check)
            report = check.isOfOther ? next.confirming(report) : next
        }
        return report
    }

    /// Stores that may have what is lost: nothing stands for this side's.
    private func sources(_ check: IntegrityCheck) -> [String?] {
        (from.map { [$0] } ?? []) + (check.isOfOther && check.hasOwn ? [nil] : [])
    }

    private func replacePacks(
        _ check: IntegrityCheck, _ report: IntegrityReport, _ done: inout Repairs
    ) throws -> StoreRepair.Plan {
        let outcome = try check.repair(report)
        done.plan = outcome.plan
        say(outcome.plan, report, done: true)
        if outcome.regained > 0, !output.json {
            Terminal.print(
                "found in packs that were dropped before: \(Terminal.number(outcome.regained, "object"))")
        }
        if outcome.hasNewRefs, !output.json {
            Terminal.print("made anew, from the record of operations: the list of branches and tags")
        }
        return outcome.plan
    }

    private func healFiles(_ done: inout Repairs) {
        done.healed = heal()
        guard !output.json else { return }
        for path in done.healed.directories {
            Terminal.print("made anew, from what the working copy knows: the list of names of \(path)")
        }
        for path in done.healed.files { Terminal.print("taken from the working copy: \(path)") }
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

    /// Refuses what would be built on a log that does not hold together.
    func requireLog(_ report: IntegrityReport) throws {
        guard !report.isLogSound, !report.damagedPacks.isEmpty || !report.lost.isEmpty else { return }
        throw Failure(
            status: .damaged, message: "the log is damaged, so that nothing was repaired",
            hint: remote == nil ? losing(report) : mendingLog)
    }

    /// Refuses to do without the list of branches and tags: nothing would be found any more.
    private func requireRefs(_ check: IntegrityCheck, _ report: IntegrityReport) throws {
        guard report.lost.contains(where: { $0.kind == .refs }),
            report.problems.contains(where: { $0.kind == .missingPack }), try !check.canRemakeRefs(report)
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
    func sayWhatOthersHave(_ check: IntegrityCheck, _ report: IntegrityReport) throws {
        guard !output.json, !report.lost.isEmpty else { return }
        for source in sources(check) {
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
        let place = remote.map { " " + ShellWord.quoted(Array($0.utf8)) } ?? ""
        let source = from.map { " --from " + ShellWord.quoted(Array($0.utf8)) } ?? ""
        throw Failure(
            status: .wouldLose,
            message:
                "pack \(first) \(subject) not there, so that \(hasRestored ? "no more" : "nothing") was repaired",
            hint:
                "mount the disk, or bring the files back; mlrepo fsck\(place) --repair\(source) --give-up-missing does without them"
        )
    }

    func say(_ plan: StoreRepair.Plan, _ report: IntegrityReport, done: Bool) {
        guard !output.json else { return }
        for replacement in plan.replaced {
            let words = done ? "was replaced, with" : "would be replaced, with"
            Terminal.print(
                "pack \(replacement.pack.text.prefix(Self.shownDigits)) \(words) \(Terminal.count(replacement.saved)) objects saved"
            )
        }
        // Some of what seemed lost may come from elsewhere; what is lost in the end is told then.
        if !done { sayLost(plan.lost, report, isPlan: true) }
    }
}
