/// What was executed, or declared to have been, and what went in and came out (`Documentation/Formats/objects.md`).
package struct Run: Hashable, Sendable {
    /// Who says what went in and came out.
    package enum Origin: String, Sendable {
        /// Stated by whoever committed.
        case declared
        /// Executed by mlrepo.
        case observed
    }

    package var origin: Origin
    /// How inputs and outputs are known: `declared`, or the name of an observer.
    package var observedBy: String
    /// Seconds since 1970-01-01T00:00:00Z.
    package var recorded: Int
    package var started: Int?
    package var ended: Int?
    package var user: Person?
    package var command: [String]?
    package var exitStatus: Int?
    package var signal: Int?
    package var code: Code?
    package var parameters: [String: ParameterValue]
    package var metrics: [String: ParameterValue]
    /// Facts of the machine: strings or integers.
    package var environment: [String: JSONValue]
    /// Roots of directories; a path in them is the path in the repository.
    package var inputs: ObjectID
    package var outputs: ObjectID
    /// Which commit an input was taken from, where it was named by a revision.
    package var inputCommits: [RepositoryPath: ObjectID]

    /// The commit that an input, or a directory with it, was named by.
    package func inputCommit(of path: RepositoryPath) -> ObjectID? {
        var next: RepositoryPath? = path
        while let place = next {
            if let commit = inputCommits[place] { return commit }
            next = place.split?.directory
        }
        return nil
    }

    /// The code that ran: a revision, and what the work tree had beyond it.
    package struct Code: Hashable, Sendable {
        package var revision: String?
        package var remote: String?
        package var dirty: Bool
        /// A blob: the output of `git diff --binary HEAD`.
        package var patch: ObjectID?

        package init(revision: String?, remote: String?, dirty: Bool, patch: ObjectID?) {
            self.revision = revision
            self.remote = remote
            self.dirty = dirty
            self.patch = patch
        }
    }

    /// A run as a person declares it with a commit.
    package init(
        declaredAt recorded: Int, user: Person?, code: Code?, parameters: [String: ParameterValue],
        metrics: [String: ParameterValue], environment: [String: JSONValue], inputs: ObjectID,
        outputs: ObjectID,
        inputCommits: [RepositoryPath: ObjectID]
    ) {
        origin = .declared
        observedBy = "declared"
        self.recorded = recorded
        self.user = user
        self.code = code
        self.parameters = parameters
        self.metrics = metrics
        self.environment = environment
        self.inputs = inputs
        self.outputs = outputs
        self.inputCommits = inputCommits
    }

    package var payload: [UInt8] {
        JSONValue.object([
            "origin": .string(origin.rawValue), "observedBy": .string(observedBy),
            "recorded": .integer(recorded),
            "started": started.map { .integer($0) }, "ended": ended.map { .integer($0) }, "user": user?.json,
            "command": command.map { .object(["arguments": .array($0.map { .string($0) })]) },
            "exitStatus": exitStatus.map { .integer($0) }, "signal": signal.map { .integer($0) },
            "code": code?.json,
            "parameters": ParameterValue.object(parameters), "metrics": ParameterValue.object(metrics),
            "environment": .object(environment.map { JSONMember($0.key, $0.value) }, sorting: true),
            "inputs": .string(inputs.hex), "outputs": .string(outputs.hex),
            "inputCommits": inputCommits.isEmpty ? nil : Self.json(inputCommits),
        ]).canonicalBytes
    }

    package init(payload: [UInt8]) throws(MalformedObject) {
        let json = try JSONValue(metadata: payload, kind: .run)
        guard let origin = Origin(rawValue: try json.string("origin")) else {
            throw .member("origin", expected: "'declared' or 'observed'")
        }
        self.origin = origin
        observedBy = try json.string("observedBy")
        recorded = try json.time("recorded")
        started = try json.optionalInteger("started", atLeast: 0)
        ended = try json.optionalInteger("ended", atLeast: 0)
        user = json.member("user") == nil ? nil : try Person(json: json.member("user"), member: "user")
        command = try json.member("command").map { (value) throws(MalformedObject) in
            if let directory = value.member("directory") {
                _ = try RepositoryPath(json: directory, member: "directory")
            }
            return try value.strings("arguments")
        }
        exitStatus = try json.optionalInteger("exitStatus", atLeast: 0)
        signal = try json.optionalInteger("signal", atLeast: 1)
        code = try json.member("code").map { (value) throws(MalformedObject) in try Code(json: value) }
        parameters = try ParameterValue.values(json.member("parameters"), member: "parameters")
        metrics = try ParameterValue.values(json.member("metrics"), member: "metrics")
        environment = try Self.environment(json.member("environment"))
        inputs = try json.id("inputs")
        outputs = try json.id("outputs")
        inputCommits = try Self.inputCommits(json)
    }

    private static func json(_ commits: [RepositoryPath: ObjectID]) -> JSONValue {
        .array(
            commits.sorted { $0.key < $1.key }.map { path, commit in
                .object(["commit": .string(commit.hex), "path": path.json])
            })
    }

    private static func inputCommits(_ json: JSONValue) throws(MalformedObject) -> [RepositoryPath: ObjectID]
    {
        guard json.member("inputCommits") != nil else { return [:] }
        var commits: [RepositoryPath: ObjectID] = [:]
        var last: RepositoryPath?
        for value in try json.array("inputCommits") {
            guard let path = value.member("path") else { throw .member("path", expected: "there") }
            let next = try RepositoryPath(json: path, member: "path")
            if let last, !(last < next) {
                throw .member("inputCommits", expected: "sorted by path, each path once")
            }
            last = next
            commits[next] = try value.id("commit")
        }
        return commits
    }

    private static func environment(_ json: JSONValue?) throws(MalformedObject) -> [String: JSONValue] {
        guard case .object(let members)? = json else { throw .member("environment", expected: "an object") }
        var facts: [String: JSONValue] = [:]
        for member in members {
            switch member.value {
            case .string, .integer: facts[member.name] = member.value
            default: throw .member("environment", expected: "an object of strings and integers")
            }
        }
        return facts
    }
}

extension Run.Code {
    package var json: JSONValue {
        .object([
            "system": .string("git"), "dirty": .bool(dirty), "revision": revision.map { .string($0) },
            "remote": remote.map { .string($0) }, "patch": patch.map { .string($0.hex) },
        ])
    }

    init(json: JSONValue) throws(MalformedObject) {
        guard try json.string("system") == "git" else { throw .member("system", expected: "'git'") }
        guard case .bool(let dirty)? = json.member("dirty") else {
            throw .member("dirty", expected: "a truth value")
        }
        self.init(
            revision: try json.optionalString("revision"), remote: try json.optionalString("remote"),
            dirty: dirty,
            patch: try json.optionalID("patch"))
    }
}
