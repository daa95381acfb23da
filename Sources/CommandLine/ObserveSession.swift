internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Observation

/// The server's part of `mlrepo observe`, for one client (`Documentation/Formats/observe.md`).
struct ObserveSession {
    private let socket: ClientSocket
    /// Nothing before the client has handed over the listener of its filter.
    private var process: AttachedProcess?

    init(_ socket: ClientSocket) { self.socket = socket }

    /// Speaks with the client until it has gone, and answers calls until nobody has its filter any more.
    mutating func serve() {
        say(
            .object([
                "version": .integer(1), "filter": .string(Base64.encode(AttachedProcess.filter)),
            ]))
        while let line = socket.line() {
            do { say(try block(ObserveMessage(line).members(of: "begin"))) } catch { say(failure: error) }
        }
        process?.release()
    }

    private func say(_ value: JSONValue) { socket.say(Terminal.json(value)) }

    private func say(failure error: any Error) {
        let failure =
            switch error {
            case let failure as Failure: failure
            case let error as RepositoryError: Failure(error)
            case let error as ReadError: Failure(RepositoryError.object(error))
            case let error as InvalidName: Failure(RepositoryError.invalidName(error))
            default: Failure(status: .inputOutput, message: Terminal.oneLine("\(error)"))
            }
        say(failure.json)
    }

    /// One block: a run, from its name to its record.
    ///
    /// - Returns: What is said of it.
    private mutating func block(_ begin: ObserveMessage.Members) throws -> JSONValue {
        let message = try begin.text("message")
        if let message {
            guard CommitCommand.isMessage(message) else {
                throw Failure(status: .usage, message: "the message says nothing")
            }
        }
        if let directory = try begin.bytes("directory") { try RunExecution.enter(FilePath(directory)) }
        let repository = try Repository.open(Self.environment(begin))
        var request = RunRequest(arguments: try begin.listOfBytes("arguments"))
        request.isPart = true
        for path in try begin.listOfBytes("inputs") { request.inputs.append(try repository.path(path)) }
        for path in try begin.listOfBytes("outputs") { request.outputs.append(try repository.path(path)) }
        let before = try Self.touchedBefore(begin, repository.environment.files)
        let recorder = try RunRecorder(repository, request)
        let output = try OutputOptions.parse(["--quiet", "--no-progress"])
        let words = request.arguments.map { ArgumentText.text($0) }
        var execution = RunExecution(recorder, words: words, output)
        (execution.parameters, execution.outputs) = (try begin.object("parameters"), request.outputs)
        say(.object(["run": .string(recorder.name), "log": .string("\(RunLog.place(of: recorder))")]))
        let end: ObservedCommand.End
        do { end = try watch(recorder, before) } catch {
            // That it ended is to be seen, whatever was said of it.
            try? recorder.finishInShort(
                ObservedCommand.End(
                    status: 1, signal: nil, received: nil, usage: ObservedCommand.Usage(),
                    observation: Observation(way: .declared)))
            throw error
        }
        let report = try execution.finish(end)
        var commit: CommitReport?
        if let message, end.status == 0 {
            commit = try Self.commit(
                report, message, on: recorder.branch, Repository.open(repository.environment))
        }
        return RunCommand.json(report, end, commit)
    }

    /// What the client has in its environment now; what it had when it started this is not what it runs with.
    private static func environment(_ begin: ObserveMessage.Members) throws -> Environment {
        var environment = Environment.process()
        let variables = try begin.object("variables")
        guard !variables.isEmpty else { return environment }
        environment.variable = { name in
            guard case .string(let value)? = variables[name] else { return nil }
            return value
        }
        return environment
    }

    /// The program and code of the client, and files that it has open.
    private static func touchedBefore(
        _ begin: ObserveMessage.Members, _ files: any FileSystem
    ) throws -> AccessLog {
        var log = AccessLog()
        func found(_ path: [UInt8]) -> (place: FilePath, status: FileStatus)? {
            guard path.first == UInt8(ascii: "/"), let place = AccessLog.realPath(FilePath(path)),
                let status = (try? files.status(place)) ?? nil
            else { return nil }
            return (place, status)
        }
        if let program = try begin.bytes("program"), let (place, status) = found(program) {
            log.note(.execute(place, was: status))
        }
        for path in try begin.listOfBytes("modules") {
            if let (place, status) = found(path) { log.note(.open(place, .reading, was: status)) }
        }
        for file in try begin.objects("open") {
            guard let path = try file.bytes("path"), let (place, status) = found(path) else { continue }
            var opening: FileAccess.Opening = []
            if file.isTrue("reading") { opening.insert(.reading) }
            if file.isTrue("writing") { opening.insert(.writing) }
            log.note(.open(place, opening, was: status))
        }
        return log
    }

    /// Notes what the client does until it ends the block, if it lets itself be watched.
    private mutating func watch(
        _ recorder: RunRecorder, _ before: AccessLog
    ) throws -> ObservedCommand.End {
        guard let line = socket.line() else { return end(observation: nil) }
        let isWanted = try ObserveMessage(line).isTrue("watch")
        if process == nil, let listener = socket.takeListener() {
            process = try? AttachedProcess(listener: listener, recorder.repository.environment.files)
        }
        let watched = isWanted ? process : nil
        if let watched { recorder.watch(watched, log: before) }
        say(.object(["watching": .bool(watched != nil)]))
        let last = socket.line()
        let observation = watched?.end()
        guard let last else { return end(observation: observation) }
        let message = try ObserveMessage(last).members(of: "end")
        if let text = try message.text("error") { keep(text, recorder) }
        var usage = ObservedCommand.Usage()
        usage.userMicroseconds = try message.number("userMicroseconds") ?? 0
        usage.systemMicroseconds = try message.number("systemMicroseconds") ?? 0
        usage.maximumResidentBytes = try message.number("maximumResidentBytes") ?? 0
        return ObservedCommand.End(
            status: try message.number("status", in: 0...255) ?? 0, signal: nil,
            received: try message.number("received", in: 1...64), usage: usage,
            observation: observation ?? Observation(way: .declared))
    }

    /// The end of a client that has gone without a word.
    private func end(observation: Observation?) -> ObservedCommand.End {
        let (status, signal) = socket.lastStatus() ?? (nil, 9)
        return ObservedCommand.End(
            status: status, signal: signal, received: nil, usage: ObservedCommand.Usage(),
            observation: observation ?? Observation(way: .declared))
    }

    /// Keeps what went wrong where what a command prints is kept.
    private func keep(_ text: String, _ recorder: RunRecorder) {
        let files = recorder.repository.environment.files
        guard let file = try? files.create(recorder.directory / "stderr", permissions: 0o666) else { return }
        defer { files.close(file) }
        try? files.write(file, Array(text.utf8))
    }

    /// Makes a version of what a run wrote, unless the working copy stands on another branch by now.
    private static func commit(
        _ report: RunReport, _ message: String, on branch: String?, _ repository: Repository
    ) throws -> CommitReport? {
        guard try repository.base().head.branch == branch else { return nil }
        try repository.occupy()
        defer { repository.copy.leave() }
        return try RunCommand.adopt(AdoptedRun(report), message, repository)
    }
}
