internal import ArgumentParser
internal import FileIO
internal import MLRepo
internal import ObjectModel

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The command `mlrepo` with all its subcommands.
struct MLRepoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mlrepo",
        abstract: "A content-addressed store for data sets, models and where they came from.",
        discussion: """
            Begin with 'mlrepo init', 'mlrepo add DIRECTORY' and 'mlrepo commit -m MESSAGE'. \
            'mlrepo help COMMAND' shows a command with examples; 'mlrepo help TOPIC' explains \(Topics.names.dropLast().joined(
                separator: ", ")) and \(Topics.names.last ?? "").
            '-C DIR' before the command works there.
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(
                name: "Start",
                subcommands: [
                    InitCommand.self, CloneCommand.self, WorktreeCommand.self, ConfigCommand.self,
                    DoctorCommand.self,
                    VersionCommand.self,
                ]),
            CommandGroup(
                name: "Work",
                subcommands: [
                    AddCommand.self, UntrackCommand.self, StatusCommand.self, CommitCommand.self,
                    RunCommand.self, RerunCommand.self, CheckoutCommand.self, RestoreCommand.self,
                    MoveCommand.self,
                    RemoveCommand.self,
                ]),
            CommandGroup(
                name: "History",
                subcommands: [
                    LogCommand.self, ShowCommand.self, DiffCommand.self, BranchCommand.self, TagCommand.self,
                    MergeCommand.self,
                    UndoCommand.self, RedoCommand.self, OperationsCommand.self,
                ]),
            CommandGroup(
                name: "Move",
                subcommands: [
                    RemoteCommand.self, PushCommand.self, PullCommand.self, FetchCommand.self,
                    GetCommand.self, BundleCommand.self, ServeCommand.self,
                ]),
            CommandGroup(
                name: "Trace",
                subcommands: [
                    BlameCommand.self, ImpactCommand.self, RunsCommand.self, FindCommand.self,
                    CompareCommand.self,
                    ReproduceCommand.self, ProveCommand.self, VerifyCommand.self,
                ]),
            CommandGroup(
                name: "Keep",
                subcommands: [FsckCommand.self, GCCommand.self, UsageCommand.self, StatsCommand.self]),
            CommandGroup(
                name: "Govern",
                subcommands: [
                    IdentityCommand.self, PolicyCommand.self, ApproveCommand.self, NoteCommand.self,
                    AuditCommand.self,
                ]),
            CommandGroup(
                name: "Plumbing",
                subcommands: [
                    CatCommand.self, ListCommand.self, HashCommand.self, ResolveCommand.self,
                    MaintenanceCommand.self, ObserveCommand.self,
                ]),
        ])
}

/// Runs the program with its own arguments, and ends it.
package func runMain() -> Never {
    openStandardStreams()
    keepFreedMemory()
    // A reader that goes away (`mlrepo log | head`) ends us quietly, like other tools.
    signal(SIGPIPE, SIG_DFL)
    // A file that gets too large is an error like a full disk.
    signal(SIGXFSZ, SIG_IGN)
    TemporaryFiles.removeWhenInterrupted()
    var arguments = ArgumentText.arguments()
    var directory: [UInt8]?
    while arguments.count >= 2, arguments[0] == "-C" {
        let next = ArgumentText.bytes(arguments[1])
        directory = next.first == 0x2f ? next : (directory.map { $0 + [0x2f] } ?? []) + next
        arguments.removeFirst(2)
    }
    if let directory { changeDirectory(directory, json: ArgumentText.wantsJSON(arguments)) }
    let words = RevisionWords.complete(LogCommand.complete(InitCommand.complete(arguments)))
    // A path has at most 2,048 names, and a walk needs some kilobytes for each; the main thread's stack is the system's choice.
    // What is to be executed has options of its own.
    let (own, executed) = RunCommand.split(words)
    exit(onStack(of: 64 << 20) { run(own, executing: executed) })
}

/// Whoever starts this with a standard stream closed must not have a file of the store take its number: what is told there would
/// be written into the file.
private func openStandardStreams() {
    for descriptor: Int32 in 0...2 {
        var status = stat()
        // What is opened takes the lowest free number.
        if fstat(descriptor, &status) != 0, errno == EBADF { _ = fopen("/dev/null", "r+") }
    }
}

private func changeDirectory(_ directory: [UInt8], json: Bool) {
    let code = (directory + [0]).withUnsafeBytes { bytes in
        bytes.bindMemory(to: CChar.self).baseAddress.map { chdir($0) } ?? -1
    }
    guard code != 0 else { return }
    let failure = Failure(
        status: .usage,
        message: "cannot go to \(Terminal.escaped(directory)): \(String(cString: strerror(errno)))")
    failure.report(json: json)
    exit(failure.status.rawValue)
}

/// Takes the arguments apart.
///
/// Looks at the one command that is named: a tree of all commands takes a millisecond. Whatever is wrong or asks for help is for
/// the whole tree, which knows how to say it.
private func parse(_ arguments: [String]) throws -> any ParsableCommand {
    let named = MLRepoCommand.configuration.subcommands.first {
        $0.configuration.commandName == arguments.first
            || $0.configuration.aliases.contains(arguments.first ?? "")
    }
    let rest = Array(arguments.dropFirst())
    let wantsHelp = rest.first == "help" || rest.contains { ["-h", "--help", "--version"].contains($0) }
    if let named, !wantsHelp, let command = try? named.parseAsRoot(rest) { return command }
    return try MLRepoCommand.parseAsRoot(arguments)
}

private var commandNames: [String] {
    MLRepoCommand.configuration.subcommands.flatMap {
        [$0.configuration.commandName].compactMap { $0 } + $0.configuration.aliases
    }
}

private func isCommand(_ word: String) -> Bool {
    MLRepoCommand.configuration.subcommands.contains {
        $0.configuration.commandName == word || $0.configuration.aliases.contains(word)
    } || word == "help" || word.hasPrefix("-")
}

/// Runs a command and tells of its failure.
///
/// - Parameter executed: The words of the command that `run` executes.
/// - Returns: The exit status.
private func run(_ arguments: [String], executing executed: [String]) -> Int32 {
    do {
        try perform(arguments, executing: executed)
        Terminal.flush()
        return 0
    } catch let code as ExitCode {
        Terminal.flush()
        return code.rawValue
    } catch {
        Terminal.flush()
        if var failure = failure(error, arguments) {
            // Every other status is one that the executed command may have.
            if arguments.first == "run" { failure.status = .notTheCommands }
            failure.report(json: ArgumentText.wantsJSON(arguments))
            return failure.status.rawValue
        }
        Terminal.print(MLRepoCommand.fullMessage(for: error))
        Terminal.flush()
        return 0
    }
}

private func perform(_ arguments: [String], executing executed: [String]) throws {
    if let quick = QuickCommand(arguments) { return try quick.run() }
    if let first = arguments.first {
        if let habit = Habits.advice(first) { throw Failure(habit) }
        if first == "help", arguments.count == 2, let page = Topics.page(arguments[1]) {
            return Terminal.print(page)
        }
        if first == "help", arguments.count > 1, !isCommand(arguments[1]) {
            if let habit = Habits.advice(arguments[1]) { throw Failure(habit) }
            if ["git", "dvc", "lfs"].contains(arguments[1]) { return Terminal.print(Habits.table) }
            throw Failure.noCommand(arguments[1], hint: nil)
        }
        if first != "help", !isCommand(first) {
            let near = Suggestion.near(first, among: commandNames)
            throw Failure.noCommand(first, hint: near.map { "mlrepo \($0)" })
        }
    }
    let many = ManyPaths(arguments)
    var command = many.complete(try parse(many.words))
    if var run = command as? RunCommand {
        run.words = executed
        command = run
    }
    try command.run()
}

/// - Returns: Nothing if the error is the parser's way to show help.
private func failure(_ error: any Error, _ arguments: [String]) -> Failure? {
    switch error {
    case let failure as Failure: return failure
    case let error as RepositoryError: return Failure(error)
    case let error as ReadError: return Failure(.object(error))
    case let error as InvalidName: return Failure(.invalidName(error))
    default:
        if MLRepoCommand.exitCode(for: error) == .success { return nil }
        if arguments.first == "commit", arguments.contains("--amend"), let habit = Habits.advice("amend") {
            return Failure(habit)
        }
        let known = MLRepoCommand.configuration.subcommands.compactMap { $0.configuration.commandName }
        let topic = known.first { $0 == arguments.first }.map { " \($0)" } ?? ""
        let message = MLRepoCommand.message(for: error)
        // None of these is an option here: the first one is what the message is about, or as much in the way.
        let advice = arguments.dropFirst().prefix { $0 != "--" }.lazy.compactMap { word in
            Habits.advice(arguments[0], option: String(word.prefix { $0 != "=" }))
        }.first
        return Failure(
            status: .usage, message: Terminal.escaped(message), hint: advice ?? "mlrepo help\(topic)")
    }
}

extension Failure {
    fileprivate init(_ habit: (message: String, hint: String)) {
        self.init(status: .usage, message: habit.message, hint: habit.hint)
    }

    fileprivate static func noCommand(_ name: String, hint: String?) -> Failure {
        Failure(
            status: .usage, message: "there is no command '\(Terminal.escaped(name))'",
            hint: hint ?? "mlrepo help")
    }
}
