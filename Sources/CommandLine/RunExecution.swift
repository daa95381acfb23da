internal import FileIO
internal import MLRepo
internal import ObjectModel
internal import Observation

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Executes a command that a recorder has begun with, and records how it ended, telling what goes wrong.
struct RunExecution {
    private let recorder: RunRecorder
    private let words: [String]
    private let output: OutputOptions
    /// What the command was told by the person, beyond its words.
    var parameters: [String: ParameterValue] = [:]
    /// The same of the run that is executed again.
    var earlier: [String: ParameterValue] = [:]
    var parameterFiles: [String] = []
    var metricFiles: [String] = []
    /// What it is to write, by the person's word.
    var outputs: [RepositoryPath] = []

    init(_ recorder: RunRecorder, words: [String], _ output: OutputOptions) {
        (self.recorder, self.words, self.output) = (recorder, words, output)
    }

    /// Lets the process, and what it executes, stand in a directory.
    static func enter(_ place: FilePath) throws {
        let bytes = place.bytes.map { CChar(bitPattern: $0) } + [0]
        guard chdir(bytes) == 0 else {
            throw Failure(
                status: .inputOutput,
                message: "cannot go to \(Terminal.escaped(place.bytes)): \(RunText.reason(errno))")
        }
        setenv("PWD", bytes, 1)
    }

    /// Makes sure that somebody wants what was shown to be executed.
    ///
    /// - Parameter alternative: What can be had without a terminal, beside `--yes`.
    static func requireConsent(alternative: String = "") throws {
        guard isatty(0) == 1 else {
            throw Failure(
                status: .usage, message: "nothing was executed: there is no terminal to ask on",
                hint: "--yes executes what is shown\(alternative)")
        }
        guard Terminal.confirms("Execute it?") else {
            throw Failure(status: .no, message: "nothing was executed")
        }
    }

    /// Returns when the command has ended and is recorded.
    ///
    /// - Parameter leavesOutput: Standard output is left for an answer.
    func perform(leavesOutput: Bool) throws -> (RunReport, ObservedCommand.End) {
        let end: ObservedCommand.End
        for (name, value) in RunLog.variables(of: recorder) { setenv(name, value, 1) }
        do { end = try recorder.execute(leavesOutput: leavesOutput) } catch {
            try? recorder.takeBack()
            throw Self.failure(error)
        }
        let all = recorder.joining(end) { missing in
            if output.quiet { return }
            let names = missing.prefix(8).map { "\($0)" }.joined(separator: ", ")
            Terminal.printError("note: waiting for rank \(names)\(missing.count > 8 ? ", …" : "")")
        }
        return (try finish(all), end)
    }

    /// Why a command was not started.
    static func failure(_ failure: ObservedCommand.StartFailure) -> Failure {
        if let refused = failure.refused {
            return Failure(
                status: .inputOutput,
                message:
                    "the command cannot be watched by \(refused.way.rawValue): \(RunText.reason(refused.refusal))",
                hint: "without --observe the best way that there is is taken")
        }
        return Failure(
            status: .inputOutput,
            message: "the command cannot be started: \(RunText.reason(failure.code))")
    }

    /// Says why a command was not watched as usual, or not executed.
    static func tell(_ end: ObservedCommand.End, _ words: [String], quiet: Bool) {
        if !end.refusals.isEmpty, !quiet {
            Terminal.printError("note: \(RunText.note(end.refusals, instead: end.observation.way))")
        }
        guard let failure = end.failure else { return }
        Terminal.printError(
            "error: \(ShellWord.word(ArgumentText.bytes(words[0]))) cannot be executed: \(RunText.reason(failure))"
        )
        if let hint = CommandWords.hint(for: words[0]) { Terminal.printError("hint: \(hint)") }
    }

    /// Records how the command has ended.
    func finish(_ end: ObservedCommand.End) throws -> RunReport {
        let interrupt = RecordingInterrupt()
        defer { interrupt.end() }
        do { return try record(end) } catch {
            // How it ended is told and recorded all the same.
            try? recorder.finishInShort(end)
            let words = end.signal.map { "signal \($0)" } ?? "status \(end.status ?? 0)"
            Terminal.printError(
                "note: the command has ended with \(words); what it wrote is where it wrote it")
            throw error
        }
    }

    private func record(_ end: ObservedCommand.End) throws -> RunReport {
        Self.tell(end, words, quiet: output.quiet)
        for path in outputs where try !recorder.repository.exists(path) {
            Terminal.printError("warning: it wrote no \(path)")
        }
        let findings = try recorder.findings(end)
        let values = RunValues(recorder.repository, findings, isObserved: end.observation.way != .declared)
        let log = RunLog.read(of: recorder)
        let parameters = values.parameters(
            files: parameterFiles, logged: log.parameters, words: words, given: parameters,
            earlier: earlier)
        let metrics = try values.metrics(
            files: metricFiles, logged: log.metrics, hasSucceeded: end.status == 0)
        let progress = output.progress("recording")
        defer { progress.finish() }
        return try recorder.finish(end, findings, parameters: parameters, metrics: metrics) {
            progress.add($0)
        }
    }
}
