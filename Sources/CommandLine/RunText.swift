internal import ObjectModel

/// A run as people and programs read it.
enum RunText {
    static func lines(_ run: Run) -> [String] {
        var lines: [String] = []
        if let code = run.code { lines.append("code   \(text(code))") }
        lines += parameters(run, .max)
        let facts = run.environment.sorted { $0.key < $1.key }.map { "\($0.key)=\(text($0.value))" }
        if !facts.isEmpty { lines.append("env    \(Terminal.escaped(facts.joined(separator: " ")))") }
        return lines + metrics(run, .max)
    }

    /// The first of the parameters and metrics.
    static func values(_ run: Run) -> [String] { parameters(run, 8) + metrics(run, 8) }

    private static func parameters(_ run: Run, _ limit: Int) -> [String] {
        run.parameters.isEmpty ? [] : ["params \(Values.line(run.parameters, atMost: limit))"]
    }

    private static func metrics(_ run: Run, _ limit: Int) -> [String] {
        run.metrics.isEmpty ? [] : ["result \(Values.line(run.metrics, atMost: limit))"]
    }

    static func text(_ code: Run.Code) -> String {
        var text = "git \(code.revision.map { String($0.prefix(7)) } ?? "without a commit")"
        if let patch = code.patch {
            text += " + patch \(patch.short)"
        } else if code.dirty {
            text += " + changes that were not recorded"
        }
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
            "system": .string("git"), "dirty": .bool(code.dirty),
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
