/// What was executed, or declared to have been, and what went in and came out (`Documentation/Formats/objects.md`).
package struct Run: Hashable, Sendable {
    /// Who says what went in and came out.
    package enum Origin: String, Sendable {
        /// Stated by whoever committed.
        case declared
        /// Executed by mlrepo.
        case observed
    }

    /// What an executed run was, where it was not a command in the working copy.
    package enum Setting: String, Sendable {
        /// A command in a tree that was made for it, and is gone.
        case tree
        /// A part of what a process did that ran before and goes on.
        case process
    }

    package var origin: Origin
    /// How inputs and outputs are known: `declared`, or the name of an observer.
    package var observedBy: String
    /// Seconds since 1970-01-01T00:00:00Z.
    package var recorded: Int
    /// 32 hex digits: what an executed run is called from its start on, whatever becomes of its record.
    package var name: String?
    /// The commit that the working copy stood on.
    package var base: ObjectID?
    package var started: Int?
    /// Nanoseconds that had passed of the second in which it started: runs that began in one second are told in order.
    package var startedFraction: Int?
    /// Nothing for a run that goes on, or whose end nobody saw.
    package var ended: Int?
    package var user: Person?
    package var command: Command?
    package var exitStatus: Int?
    package var signal: Int?
    /// The last signal that reached the recorder while the command ran: Ctrl-C, a scheduler's time limit.
    package var received: Int?
    package var usage: Usage?
    /// What it printed: blobs.
    package var standardOutput: ObjectID?
    package var standardError: ObjectID?
    package var code: Code?
    package var parameters: [String: ParameterValue] = [:]
    package var metrics: [String: ParameterValue] = [:]
    /// Facts of the machine: strings or integers.
    package var environment: [String: JSONValue] = [:]
    /// A blob: a line `name==version` for each installed package.
    package var packages: ObjectID?
    /// Roots of directories; a path in them is the path in the repository.
    package var inputs: ObjectID
    package var outputs: ObjectID
    /// Which commit an input was taken from, where it was named by a revision.
    package var inputCommits: [RepositoryPath: ObjectID] = [:]
    /// Data that was read and is in no version.
    package var external: External?
    /// A blob: ``Lookups``; nothing where nobody saw them.
    package var lookups: ObjectID?
    /// Files that were read and are something else by now, so that nobody knows what was read.
    package var uncertain: [RepositoryPath] = []
    /// Files of the base version that it removed, or renamed away.
    package var removed: [RepositoryPath] = []
    /// What the observer could not see, in words of the format.
    package var gaps: [String] = []
    /// The record of the run that it goes on from: one that had failed or was interrupted.
    package var continues: ObjectID?
    /// The root of a directory: files that were stored while it ran, and that it removed again (`--save`).
    package var saved: ObjectID?
    /// How many processes made it together, each with the same command, where there are several (`srun`, `mpirun`).
    package var ranks: Int?
    /// Nothing for a command in the working copy.
    package var within: Setting?
    /// Its standard input was a file: what came of that is in no record.
    package var readsFile = false
    /// What became of it, where it was executed to repeat another run.
    package var reproduction: Reproduction?

    /// The commit that an input, or a directory with it, was named by.
    package func inputCommit(of path: RepositoryPath) -> ObjectID? {
        var next: RepositoryPath? = path
        while let place = next {
            if let commit = inputCommits[place] { return commit }
            next = place.split?.directory
        }
        return nil
    }

    /// What was executed.
    package struct Command: Hashable, Sendable {
        /// The program's name and its arguments.
        package var arguments: [[UInt8]]
        /// Where in the working copy it was executed.
        package var directory: RepositoryPath

        package init(arguments: [[UInt8]], directory: RepositoryPath = .root) {
            (self.arguments, self.directory) = (arguments, directory)
        }
    }

    /// What a command took of the machine.
    package struct Usage: Hashable, Sendable {
        package var userMicroseconds: Int
        package var systemMicroseconds: Int
        package var maximumResidentBytes: Int

        package init(userMicroseconds: Int, systemMicroseconds: Int, maximumResidentBytes: Int) {
            self.userMicroseconds = userMicroseconds
            self.systemMicroseconds = systemMicroseconds
            self.maximumResidentBytes = maximumResidentBytes
        }
    }

    /// Files that were read and are in no version: known by their digests alone.
    package struct External: Hashable, Sendable {
        package var files: Int
        package var bytes: Int
        /// A blob in the form that `sha256sum` prints and checks.
        package var list: ObjectID

        package init(files: Int, bytes: Int, list: ObjectID) {
            (self.files, self.bytes, self.list) = (files, bytes, list)
        }
    }

    /// The code that ran: a revision, and what the work tree had beyond it.
    package struct Code: Hashable, Sendable {
        /// Whether a revision of git stands behind it.
        package var isInGit = true
        package var revision: String?
        package var remote: String?
        package var dirty: Bool
        /// A blob: the output of `git diff --binary HEAD`.
        package var patch: ObjectID?
        /// The root of a directory: files of code that were read, and that git does not know.
        package var sources: ObjectID?
        /// A blob in the form that `sha256sum` prints: files of git's that were read, as they were.
        package var files: ObjectID?
        /// Where the working copy lies in the repository of git: its top for the root.
        package var directory = RepositoryPath.root

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
        self.init(
            origin: .declared, observedBy: "declared", recorded: recorded, inputs: inputs, outputs: outputs)
        self.user = user
        self.code = code
        self.parameters = parameters
        self.metrics = metrics
        self.environment = environment
        self.inputCommits = inputCommits
    }

    package init(
        origin: Origin, observedBy: String, recorded: Int, inputs: ObjectID, outputs: ObjectID
    ) {
        self.origin = origin
        self.observedBy = observedBy
        self.recorded = recorded
        self.inputs = inputs
        self.outputs = outputs
    }

    package var payload: [UInt8] {
        JSONValue.object([
            "origin": .string(origin.rawValue), "observedBy": .string(observedBy),
            "recorded": .integer(recorded),
            "name": name.map { .string($0) }, "base": base.map { .string($0.hex) },
            "started": started.map { .integer($0) },
            "startedFraction": startedFraction.map { .integer($0) }, "ended": ended.map { .integer($0) },
            "user": user?.json,
            "command": command?.json,
            "exitStatus": exitStatus.map { .integer($0) }, "signal": signal.map { .integer($0) },
            "received": received.map { .integer($0) },
            "usage": usage?.json, "standardOutput": standardOutput.map { .string($0.hex) },
            "standardError": standardError.map { .string($0.hex) },
            "code": code?.json, "packages": packages.map { .string($0.hex) },
            "parameters": ParameterValue.object(parameters), "metrics": ParameterValue.object(metrics),
            "environment": .object(environment.map { JSONMember($0.key, $0.value) }, sorting: true),
            "inputs": .string(inputs.hex), "outputs": .string(outputs.hex),
            "inputCommits": inputCommits.isEmpty ? nil : Self.json(inputCommits),
            "external": external?.json, "lookups": lookups.map { .string($0.hex) },
            "uncertain": uncertain.isEmpty ? nil : .array(uncertain.sorted().map(\.json)),
            "removed": removed.isEmpty ? nil : .array(removed.sorted().map(\.json)),
            "gaps": gaps.isEmpty ? nil : .array(gaps.sorted().map { .string($0) }),
            "reproduction": reproduction?.json, "continues": continues.map { .string($0.hex) },
            "saved": saved.map { .string($0.hex) }, "ranks": ranks.map { .integer($0) },
            "within": within.map { .string($0.rawValue) },
            "standardInput": readsFile ? .string("file") : nil,
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
        startedFraction = try json.optionalInteger("startedFraction", atLeast: 0)
        ended = try json.optionalInteger("ended", atLeast: 0)
        user = json.member("user") == nil ? nil : try Person(json: json.member("user"), member: "user")
        name = try json.optionalString("name")
        if let name, Hex.bytes(name)?.count != 16 { throw .member("name", expected: "32 hex digits") }
        base = try json.optionalID("base")
        command = try json.member("command").map { (value) throws(MalformedObject) in try Command(json: value)
        }
        exitStatus = try json.optionalInteger("exitStatus", atLeast: 0)
        signal = try json.optionalInteger("signal", atLeast: 1)
        received = try json.optionalInteger("received", atLeast: 1)
        usage = try json.member("usage").map { (value) throws(MalformedObject) in try Usage(json: value) }
        standardOutput = try json.optionalID("standardOutput")
        standardError = try json.optionalID("standardError")
        packages = try json.optionalID("packages")
        external = try json.member("external").map { (value) throws(MalformedObject) in
            try External(json: value)
        }
        lookups = try json.optionalID("lookups")
        uncertain = try Self.paths("uncertain", json)
        removed = try Self.paths("removed", json)
        gaps = json.member("gaps") == nil ? [] : try json.strings("gaps")
        guard zip(gaps, gaps.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw .member("gaps", expected: "sorted, each once")
        }
        continues = try json.optionalID("continues")
        saved = try json.optionalID("saved")
        ranks = try json.optionalInteger("ranks", atLeast: 2)
        within = try json.optionalString("within").map { (word) throws(MalformedObject) in
            guard let within = Setting(rawValue: word) else {
                throw .member("within", expected: "'tree' or 'process'")
            }
            return within
        }
        if let word = try json.optionalString("standardInput") {
            guard word == "file" else { throw .member("standardInput", expected: "'file'") }
            readsFile = true
        }
        reproduction = try json.member("reproduction").map { (value) throws(MalformedObject) in
            try Reproduction(json: value)
        }
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

    /// Paths in their order, each once; none where there is no such member.
    static func paths(_ member: String, _ json: JSONValue) throws(MalformedObject) -> [RepositoryPath] {
        guard json.member(member) != nil else { return [] }
        var paths: [RepositoryPath] = []
        for value in try json.array(member) {
            let path = try RepositoryPath(json: value, member: member)
            if let last = paths.last, !(last < path) {
                throw .member(member, expected: "sorted paths, each once")
            }
            paths.append(path)
        }
        return paths
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

extension Run.Command {
    var json: JSONValue {
        .object([
            "arguments": .array(
                arguments.map { bytes in
                    String(validating: bytes, as: UTF8.self).map { .string($0) }
                        ?? .object(["bytes": .string(Base64.encode(bytes))])
                }),
            "directory": directory.isRoot ? nil : directory.json,
        ])
    }

    init(json: JSONValue) throws(MalformedObject) {
        var arguments: [[UInt8]] = []
        for value in try json.array("arguments") {
            if case .string(let text) = value {
                arguments.append(Array(text.utf8))
                continue
            }
            guard case .object(let members) = value, members.count == 1,
                let bytes = Base64.decode(try value.string("bytes")),
                String(validating: bytes, as: UTF8.self) == nil
            else { throw .member("arguments", expected: "an array of strings") }
            arguments.append(bytes)
        }
        let directory = try json.member("directory").map { (value) throws(MalformedObject) in
            try RepositoryPath(json: value, member: "directory")
        }
        self.init(arguments: arguments, directory: directory ?? .root)
    }
}

extension Run.Usage {
    var json: JSONValue {
        .object([
            "userMicroseconds": .integer(userMicroseconds),
            "systemMicroseconds": .integer(systemMicroseconds),
            "maximumResidentBytes": .integer(maximumResidentBytes),
        ])
    }

    init(json: JSONValue) throws(MalformedObject) {
        self.init(
            userMicroseconds: try json.integer("userMicroseconds", atLeast: 0),
            systemMicroseconds: try json.integer("systemMicroseconds", atLeast: 0),
            maximumResidentBytes: try json.integer("maximumResidentBytes", atLeast: 0))
    }
}

extension Run.External {
    var json: JSONValue {
        .object(["files": .integer(files), "bytes": .integer(bytes), "list": .string(list.hex)])
    }

    init(json: JSONValue) throws(MalformedObject) {
        self.init(
            files: try json.integer("files", atLeast: 1), bytes: try json.integer("bytes", atLeast: 0),
            list: try json.id("list"))
    }
}

extension Run.Code {
    package var json: JSONValue {
        .object([
            "system": .string(isInGit ? "git" : "none"), "dirty": .bool(dirty),
            "revision": revision.map { .string($0) },
            "remote": remote.map { .string($0) }, "patch": patch.map { .string($0.hex) },
            "sources": sources.map { .string($0.hex) }, "files": files.map { .string($0.hex) },
            "directory": directory.isRoot ? nil : directory.json,
        ])
    }

    init(json: JSONValue) throws(MalformedObject) {
        let system = try json.string("system")
        guard ["git", "none"].contains(system) else {
            throw .member("system", expected: "'git' or 'none'")
        }
        guard case .bool(let dirty)? = json.member("dirty") else {
            throw .member("dirty", expected: "a truth value")
        }
        self.init(
            revision: try json.optionalString("revision"), remote: try json.optionalString("remote"),
            dirty: dirty,
            patch: try json.optionalID("patch"))
        isInGit = system == "git"
        sources = try json.optionalID("sources")
        files = try json.optionalID("files")
        if let place = json.member("directory") {
            directory = try RepositoryPath(json: place, member: "directory")
        }
    }
}
