internal import MLRepo
internal import ObjectModel
internal import Observation

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A run as people and programs read it.
enum RunText {
    static func lines(_ run: Run) -> [String] {
        var lines: [String] = []
        if let command = run.command { lines.append("command \(self.command(command))") }
        if let end = end(run) { lines.append("ended  \(end)") }
        if let earlier = run.continues { lines.append("after  run \(earlier.short), from which it goes on") }
        if let reproduction = run.reproduction {
            lines.append("again  run \(reproduction.run.short): \(ReproductionText.summary(reproduction))")
        }
        if let ranks = run.ranks { lines.append("ranks  \(ranks) processes, which a launcher started") }
        if let code = run.code { lines.append("code   \(text(code))") }
        lines += parameters(run, .max)
        let facts = run.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\(text($0.value))" }
        if !facts.isEmpty { lines.append("env    \(Terminal.escaped(facts.joined(separator: " ")))") }
        if let external = run.external {
            lines.append(
                "extern \(Terminal.files(external.files)) that no version has, \(Terminal.size(external.bytes))  digests \(external.list.short)"
            )
        }
        if !run.uncertain.isEmpty {
            lines.append(
                "unsure \(run.uncertain.map { "\($0)" }.joined(separator: ", ")): changed before the run had ended"
            )
        }
        for (word, text) in [
            ("output", run.standardOutput), ("errors", run.standardError), ("pkgs  ", run.packages),
        ] {
            if let text { lines.append("\(word) mlrepo cat sha256:\(text.hex.prefix(12))") }
        }
        if let saved = run.saved {
            lines.append(
                "saved  mlrepo ls run:\(run.name?.prefix(8) ?? "") has what was saved while it ran (\(saved.short))"
            )
        }
        if !run.removed.isEmpty {
            lines.append("gone   \(run.removed.map { "\($0)" }.joined(separator: ", "))")
        }
        lines += run.gaps.map { "gap    \(gap($0))" }
        return lines + metrics(run, .max)
    }

    /// The words of a command as a shell takes them, with where it was executed.
    static func command(_ command: Run.Command) -> String {
        let words = command.arguments.map { ShellWord.word($0) }.joined(separator: " ")
        return words + (command.directory.isRoot ? "" : "  in \(command.directory)")
    }

    /// How a run ended, when, and what it took.
    static func end(_ run: Run) -> String? {
        guard let started = run.started else { return nil }
        var text = "started \(Terminal.time(started))"
        guard let ended = run.ended else { return text + "; it has not ended, or its end was not seen" }
        text += ", \(duration(max(0, ended - started)))"
        if let signal = run.signal {
            text += ", ended by signal \(signal)"
        } else {
            text += ", status \(run.exitStatus ?? 0)"
            if let received = run.received { text += " after signal \(received)" }
        }
        if let usage = run.usage {
            let seconds = Double(usage.userMicroseconds + usage.systemMicroseconds) / 1e6
            text +=
                ", \(Terminal.decimal(seconds, digits: 1)) CPU s, \(Terminal.size(usage.maximumResidentBytes)) of memory"
        }
        return text
    }

    /// How long a run took; nothing if its end was not seen.
    static func seconds(_ run: Run) -> Int? {
        guard let started = run.started, let ended = run.ended else { return nil }
        return max(0, ended - started)
    }

    /// `12 s`, `3 min 5 s`, `2 h 10 min`.
    static func duration(_ seconds: Int) -> String {
        if seconds < 60 { return "\(seconds) s" }
        if seconds < 3600 { return "\(seconds / 60) min \(seconds % 60) s" }
        return "\(seconds / 3600) h \(seconds / 60 % 60) min"
    }

    /// The first of the parameters and metrics.
    static func values(_ run: Run) -> [String] { parameters(run, 8) + metrics(run, 8) }

    private static func parameters(_ run: Run, _ limit: Int) -> [String] {
        run.parameters.isEmpty ? [] : ["params \(Values.line(run.parameters, atMost: limit))"]
    }

    private static func metrics(_ run: Run, _ limit: Int) -> [String] {
        run.metrics.isEmpty ? [] : ["result \(Values.line(run.metrics, atMost: limit))"]
    }

    /// What somebody is told of the code in passing: `9be2f10 + patch`.
    static func short(_ code: Run.Code) -> String {
        guard code.isInGit else { return "kept with the run" }
        let text = code.revision.map { String($0.prefix(7)) } ?? "without a commit"
        return text + (code.patch != nil ? " + patch" : code.dirty ? " + changes that were not recorded" : "")
    }

    /// What an error number of the system says.
    static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }

    /// Why a way of watching cannot be gone.
    static func reason(_ refusal: Observation.Refusal) -> String {
        switch refusal {
        case .system(let code): reason(code)
        case .noLibrary: "there is no libmlrepo-preload.so beside mlrepo, nor in it"
        case .notLoaded: "programs do not load the library"
        case .notTraced: "there is no strace that can trace here"
        }
    }

    /// What is told of a command that is not watched in the best way.
    static func note(_ refusals: [ObservedCommand.RefusedWay], instead way: Observation.Way) -> String {
        let reasons = refusals.map { "\($0.way.rawValue): \(reason($0.refusal))" }.joined(separator: "; ")
        let words =
            switch way {
            case .seccomp: "the kernel tells of its files"
            case .preload:
                "a library in it tells of its files, which misses static programs and calls past the C library"
            case .strace:
                "strace tells of its files when it has opened them, which does not know what they were before"
            case .declared: "only what is declared counts"
            }
        return "the system does not let the command be watched as usual (\(reasons)): \(words)"
    }

    /// Why no recorded run was taken instead of executing its command again.
    static func note(executedSince run: RecordedRun, _ reasons: [String]) -> String {
        let rest = reasons.count > 2 ? " and \(Terminal.count(reasons.count - 2)) more" : ""
        return
            "note: executed, since run \(run.name.prefix(8)) is not the same: \(Terminal.oneLine(reasons.prefix(2).joined(separator: ", ")))\(rest)"
    }

    /// What an observer could not see.
    static func gap(_ word: String) -> String {
        switch Observation.Gap(rawValue: word) {
        case .otherRoot:
            "a process of it ran with another root or other mounts: what it read and wrote is not known"
        case .unreadName: "the names of some files could not be read from a process of it"
        case .ring: "it made an io_uring, through which files are opened unseen"
        case .handle: "it opened files by handles, which are not seen"
        case .late:
            "a file system did not answer for a while: what some files were before the run changed them is not known"
        case .lostExternal:
            "data from outside that it read was gone, or another one, at the end: it is not named"
        case .moreUncertain: "more files than are named were changed before it had ended"
        case .unrecorded: "what it read and wrote could not be recorded"
        case .leftRunning: "it left processes running: what they do from now on is not recorded"
        case .secrets: "it read files that are not recorded, since their names tell of secrets"
        case .privileges:
            "it started a program that works with another user's rights, which nobody gets who is watched: --observe declared, if it failed for that"
        case .unwatched:
            "it started a program that does not load libraries (a static one, another C library, another user's rights): what that read and wrote is not known"
        case .unreadable: "it left files that may not be read: they are not recorded"
        case .moreLookups:
            "it looked for more names, or listed more directories, than are recorded: rerun does not know of these"
        case .missingRank: "not all ranks of the job told what they read and wrote"
        case nil: "something was not seen (\(Terminal.escaped(word)))"
        }
    }

    static func text(_ code: Run.Code) -> String {
        guard code.isInGit else {
            return "no git; \(code.sources.map { "files \($0.short)" } ?? "nothing is known")"
        }
        var text = "git \(code.revision.map { String($0.prefix(7)) } ?? "without a commit")"
        if let patch = code.patch {
            text += " + patch \(patch.short)"
        } else if code.dirty {
            text += " + changes that were not recorded"
        }
        if let sources = code.sources { text += " + files that git does not know \(sources.short)" }
        if let remote = code.remote { text += "  \(remote)" }
        return Terminal.escaped(text)
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .integer(let number): String(number)
        default: ""
        }
    }

    /// As programs read it: ids as everywhere in answers.
    static func json(_ code: Run.Code) -> JSONValue {
        .object([
            "system": .string(code.isInGit ? "git" : "none"), "dirty": .bool(code.dirty),
            "sources": code.sources?.json,
            "files": code.files?.json, "directory": code.directory.isRoot ? nil : code.directory.json,
            "revision": code.revision.map { .string($0) },
            "remote": code.remote.map { .string($0) }, "patch": code.patch?.json,
        ])
    }

    /// What a list of commits tells of each run.
    static func summary(_ id: ObjectID, _ run: Run) -> JSONValue {
        .object([
            "id": id.json, "parameters": Values.json(run.parameters), "metrics": Values.json(run.metrics),
        ])
    }

    /// All of a run.
    static func json(_ id: ObjectID, _ run: Run) -> JSONValue {
        .object([
            "id": id.json, "origin": .string(run.origin.rawValue), "observedBy": .string(run.observedBy),
            "recorded": .string(Terminal.time(run.recorded)), "code": run.code.map { json($0) },
            "name": run.name.map { .string($0) }, "base": run.base?.json,
            "continues": run.continues?.json, "saved": run.saved?.json,
            "ranks": run.ranks.map { .number($0) }, "within": run.within.map { .string($0.rawValue) },
            "standardInput": run.readsFile ? .string("file") : nil,
            "started": run.started.map { .string(Terminal.time($0)) },
            "ended": run.ended.map { .string(Terminal.time($0)) },
            "command": run.command.map { .array($0.arguments.map { Terminal.json($0) }) },
            "directory": run.command.map { Terminal.json($0.directory) },
            "exitStatus": run.exitStatus.map { .number($0) }, "signal": run.signal.map { .number($0) },
            "received": run.received.map { .number($0) },
            "usage": run.usage.map { usage in
                .object([
                    "userMicroseconds": .number(usage.userMicroseconds),
                    "systemMicroseconds": .number(usage.systemMicroseconds),
                    "maximumResidentBytes": .number(usage.maximumResidentBytes),
                ])
            },
            "standardOutput": run.standardOutput?.json, "standardError": run.standardError?.json,
            "packages": run.packages?.json, "lookups": run.lookups?.json,
            "external": run.external.map { external in
                .object([
                    "files": .number(external.files), "bytes": .number(external.bytes),
                    "list": external.list.json,
                ])
            },
            "uncertain": run.uncertain.isEmpty ? nil : .array(run.uncertain.map(\.json)),
            "removed": run.removed.isEmpty ? nil : .array(run.removed.map(\.json)),
            "gaps": run.gaps.isEmpty ? nil : .array(run.gaps.map { .string($0) }),
            "reproduction": run.reproduction.map { ReproductionText.json($0) },
            "parameters": Values.json(run.parameters),
            "metrics": Values.json(run.metrics), "inputs": run.inputs.json, "outputs": run.outputs.json,
            "environment": .object(run.environment.map { JSONMember($0.key, $0.value) }, sorting: true),
            "user": run.user?.json,
            "inputCommits": .array(
                run.inputCommits.sorted { $0.key < $1.key }.map {
                    .object(["path": $0.key.json, "commit": $0.value.json])
                }),
        ])
    }
}
