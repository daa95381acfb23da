internal import FileIO
internal import MLRepo
internal import ObjectModel

/// What is told of a run that is executed again.
enum ReproductionText {
    /// What is going to be executed, with what it gets.
    static func plan(
        _ reproducer: Reproducer, _ words: [[UInt8]], in target: FilePath, _ exchanged: [RepositoryPath],
        _ repository: Repository
    ) throws -> [String] {
        let run = reproducer.run
        let place = reproducer.top(in: target).appending(reproducer.command.directory.bytes)
        var lines = [
            "run \(name(run, reproducer.id))  \(run.started.map(Terminal.time) ?? "")\(run.user.map { "  by \(Terminal.escaped("\($0)"))" } ?? "")"
        ]
        lines.append("in       \(Terminal.escaped(place.bytes))")
        let changed = reproducer.changedInputs
        var data =
            reproducer.isBaseKnown
            ? run.base.map { "of \($0.short)" } ?? "of no version"
            : "only what it read: the version that it began with is gone"
        if !changed.isEmpty {
            data += ", and \(names(changed)) as the run read \(changed.count == 1 ? "it" : "them")"
        }
        lines.append("data     \(data)")
        if !exchanged.isEmpty { lines.append("instead  \(names(exchanged)) from here") }
        if let code = run.code {
            lines.append("code     \(RunText.text(code))")
            if code.isInGit, code.dirty, code.patch == nil {
                lines.append("warning: the code had changes that were not recorded")
            }
        }
        for (name, value) in reproducer.settings {
            if let value {
                lines.append("sets     \(name)=\(ShellWord.word(Array(value.utf8)))")
            } else if repository.environment.variable(name) != nil {
                lines.append("unsets   \(name)")
            }
        }
        for difference in try repository.environmentDifferences(to: run) {
            lines.append("differs  \(text(difference))")
        }
        if let external = run.external {
            lines.append(
                "warning: it read \(Terminal.files(external.files)) that no version has; \(external.files == 1 ? "it is" : "they are") read where \(external.files == 1 ? "it was" : "they were"), if still there"
            )
        }
        if !run.uncertain.isEmpty {
            lines.append("warning: what it read of \(names(run.uncertain)) is not known")
        }
        lines.append("executes \(words.map { ShellWord.word($0) }.joined(separator: " "))")
        return lines
    }

    static func name(_ run: Run, _ id: ObjectID) -> String {
        run.name.map { String($0.prefix(8)) } ?? id.short
    }

    static func names(_ paths: [RepositoryPath]) -> String {
        paths.prefix(4).map { "\($0)" }.joined(separator: ", ")
            + (paths.count > 4 ? " and \(Terminal.count(paths.count - 4)) more" : "")
    }

    static func text(_ difference: RunDifference) -> String {
        let (before, after) = (difference.before ?? "none", difference.after ?? "none")
        return Terminal.escaped(
            "\(String(decoding: difference.name, as: UTF8.self)): \(before), now \(after)")
    }

    /// What became of a run that was executed again, on one line.
    static func summary(_ reproduction: Run.Reproduction) -> String {
        var text = reproduction.result.rawValue
        switch reproduction.result {
        case .identical: text += ": \(Terminal.number(reproduction.outputs, "output")), the same bytes"
        case .equivalent:
            text +=
                ": \(Terminal.number(reproduction.outputs, "output")) within \(reproduction.tolerance ?? "0")"
        case .different: text += reproduction.differences.first.map { ": \(line($0))" } ?? ""
        case .failed: text += ": it did not end as the run did"
        }
        if !reproduction.paths.isEmpty { text += "; only \(names(reproduction.paths)) counted" }
        if !reproduction.exchanged.isEmpty { text += "; it had another \(names(reproduction.exchanged))" }
        return text
    }

    static func line(_ difference: Run.Reproduction.Difference) -> String {
        let greatest = difference.greatest.map { "; greatest difference \($0)" } ?? ""
        return Terminal.escaped("\(difference.path): \(difference.detail)\(greatest)")
    }

    static func json(_ reproduction: Run.Reproduction) -> JSONValue {
        .object([
            "run": reproduction.run.json, "result": .string(reproduction.result.rawValue),
            "tolerance": reproduction.tolerance.map { number($0) },
            "outputs": .number(reproduction.outputs),
            "differences": .array(
                reproduction.differences.map { difference in
                    .object([
                        "path": difference.path.json, "equivalent": .bool(difference.isEquivalent),
                        "detail": .string(difference.detail),
                        "maxAbsoluteDifference": difference.greatest.map { number($0) },
                    ])
                }),
            "paths": reproduction.paths.isEmpty ? nil : .array(reproduction.paths.map(\.json)),
            "exchanged": reproduction.exchanged.isEmpty ? nil : .array(reproduction.exchanged.map(\.json)),
        ])
    }

    /// A decimal number of a record.
    static func number(_ text: String) -> JSONValue {
        Values.json(ParameterValue.isInteger(text) ? .integer(text) : .float(text))
    }

    /// How often a run was executed again, and what came of it: a line for each time.
    static func lines(_ runs: [Run]) -> [String] {
        runs.compactMap { run in
            run.reproduction.map { reproduction in
                let host = if case .string(let host)? = run.environment["host"] { " on \(host)" } else { "" }
                let place = Terminal.escaped("\(run.started.map(Terminal.time) ?? "")\(host)")
                return "again  \(summary(reproduction))  (run \(run.name?.prefix(8) ?? ""), \(place))"
            }
        }
    }

    /// The same for programs.
    static func json(_ runs: [Run]) -> JSONValue? {
        guard !runs.isEmpty else { return nil }
        return .array(
            runs.map { run in
                .object([
                    "run": .string(run.name ?? ""),
                    "started": .string(Terminal.time(run.started ?? run.recorded)),
                    "result": .string(run.reproduction?.result.rawValue ?? ""),
                ])
            })
    }
}
