internal import MLRepo
internal import ObjectModel
internal import Remotes

/// What came from another store, or went there, in words and for programs.
enum TransferText {
    enum Kind {
        case fetch
        case push
        /// A push that is only tried.
        case plan
    }

    /// - Parameters:
    ///   - isVerified: Whether the other store was asked for each object.
    ///   - isOfBranches: Whether branches were to go.
    ///   - openChoices: Of how many files that went a merge has kept both versions.
    static func show(
        _ report: TransferReport, _ output: OutputOptions, _ kind: Kind, isVerified: Bool = false,
        isOfBranches: Bool = true, openChoices: Int = 0
    ) {
        if output.json {
            return Terminal.printJSON(json(report, isPlan: kind == .plan, openChoices: openChoices))
        }
        // Who asks what would be done wants to read it.
        guard !output.quiet || kind == .plan else { return }
        if report.hasMade {
            let verb = kind == .plan ? "Would make" : "Made"
            Terminal.print("\(verb) a store in \(Terminal.escaped(report.remote))")
        }
        for change in report.refs where change.name.name(in: "runs") == nil && change.name.statement == nil {
            let isBack = report.backwards.contains(change.name)
            Terminal.print(
                Terminal.escaped(line(change))
                    + (isBack ? "  (went back: what it had is no longer there)" : ""))
        }
        let runs = report.refs.count { $0.name.name(in: "runs") != nil }
        let remote = Terminal.escaped(report.remote)
        guard !report.refs.isEmpty || report.objects > 0 else {
            let all =
                isVerified
                ? "\(remote) has it all by its indexes, object by object; mlrepo fsck reads the bytes"
                : isOfBranches ? "\(remote) has it all" : "\(remote) has all of these; no branch was named"
            Terminal.print(kind == .fetch ? "Nothing is new in \(remote)" : all)
            return tellTags(report)
        }
        let about = kind == .plan && report.bytes > 0 ? "about " : ""
        var parts = [Terminal.number(report.objects, "object"), about + Terminal.size(report.bytes)]
        if report.alreadyThere > 0 {
            parts.append("\(Terminal.size(report.alreadyThere)) were there already")
        }
        if runs > 0 { parts.append(Terminal.number(runs, "run")) }
        let signatures = report.refs.count { $0.name.statement != nil }
        if signatures > 0 { parts.append(Terminal.number(signatures, "signature")) }
        let lost = kind != .fetch && report.refs.isEmpty ? ", which had lost it" : ""
        let verb =
            switch kind {
            case .fetch: "Taken from"
            case .push: "Sent to"
            case .plan: "Would send to"
            }
        Terminal.print(
            "\(verb) \(remote)\(lost): \(parts.joined(separator: ", "))")
        tellTags(report)
    }

    private static func tellTags(_ report: TransferReport) {
        if let lost = report.losesOnPowerCut, !report.refs.isEmpty {
            Terminal.printError(
                "note: \(Terminal.escaped(report.remote)) is reached by SFTP: a power cut there, within seconds, can take \(lost)"
            )
        }
        if !report.notAllowed.isEmpty {
            Terminal.printError(
                "note: \(Terminal.number(report.notAllowed.count, "note")) \(report.notAllowed.count == 1 ? "stays" : "stay") here: the policy of \(Terminal.escaped(report.remote)) takes none from you"
            )
        }
        for name in report.unnamed {
            Terminal.printError(
                "note: \(name) of \(Terminal.escaped(report.remote)) has too long a name for here, and was left out"
            )
        }
        for name in report.differing {
            Terminal.printError(
                "note: \(name) names something else in \(Terminal.escaped(report.remote)); yours stays")
        }
    }

    private static func line(_ change: RefChange) -> String {
        let (before, after) = (change.before?.id.short, change.after?.id.short)
        return switch (before, after) {
        case (nil, let after?): "\(change.name)  new, \(after)"
        case (let before?, nil): "\(change.name)  gone, it was \(before)"
        case (let before?, let after?): "\(change.name)  \(before) -> \(after)"
        case (nil, nil): "\(change.name)"
        }
    }

    static func json(_ report: TransferReport, isPlan: Bool = false, openChoices: Int = 0) -> JSONValue {
        .object([
            "remote": .string(report.remote),
            "refs": .array(
                report.refs.map { change in
                    .object([
                        "name": .string(change.name.text), "before": change.before?.id.json ?? .null,
                        "after": change.after?.id.json ?? .null,
                    ])
                }),
            "kept": report.differing.isEmpty ? nil : .array(report.differing.map { .string($0.text) }),
            "objects": .number(report.objects), "bytes": .number(report.bytes),
            "alreadyThere": .number(report.alreadyThere), "dryRun": isPlan ? .bool(true) : nil,
            "notAllowed": report.notAllowed.isEmpty
                ? nil : .array(report.notAllowed.map { .string($0.text) }),
            "openChoices": openChoices > 0 ? .number(openChoices) : nil,
        ])
    }
}
