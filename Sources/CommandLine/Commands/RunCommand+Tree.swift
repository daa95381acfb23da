internal import FileIO
internal import MLRepo
internal import ObjectModel

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// What a run finds before it begins: a tree of its own, and what the run wrote from which it goes on.
extension RunCommand {
    /// Makes a tree for the run, and lets the process stand in it.
    func prepare(_ request: inout RunRequest, in parent: String, _ home: Repository) throws {
        let directory = try home.path([UInt8(ascii: ".")])
        // What a run has written here is no data that somebody changed.
        let changes = try home.withoutThoseOfRuns(home.status().changes)
        if let first = changes.first, !output.quiet {
            let rest = changes.count == 1 ? "" : " and \(Terminal.count(changes.count - 1)) more"
            Terminal.printError(
                "note: \(first.path)\(rest) is not as in the version that the tree is made of: mlrepo commit, if the run is to have it"
            )
        }
        let progress = output.progress("writing")
        defer { progress.finish() }
        let tree = try ScratchTree(of: home, in: home.environment.place(named: parent)) { progress.add($0) }
        do {
            try RunExecution.enter(tree.place(of: directory))
            if let program = tree.program(request.arguments[0], in: directory) {
                request.arguments[0] = program
                if !output.quiet {
                    Terminal.printError(
                        "note: \(ShellWord.word(ArgumentText.bytes(words[0]))) is not in the tree: that of the working copy is executed"
                    )
                }
            }
            // Who is named in the settings of the working copy goes by that name there, too.
            if let person = home.person {
                setenv("MLREPO_USER_NAME", person.name, 1)
                setenv("MLREPO_USER_EMAIL", person.email, 1)
            }
            request.scratch = tree
        } catch {
            try? tree.discard()
            throw error
        }
    }

    /// The run that this one goes on from.
    func resumed(_ name: String, _ home: Repository) throws -> RecordedRun {
        let recorded = try home.recordedRun(named: name)
        switch recorded.state {
        case .running:
            throw Failure(status: .busy, message: "run \(recorded.name.prefix(8)) is running")
        case .ok:
            throw Failure(
                status: .usage,
                message: "run \(recorded.name.prefix(8)) has ended well: nothing is left to do",
                hint: "mlrepo run COMMAND executes another one")
        case .failed, .interrupted: return recorded
        }
    }

    /// Writes what a run had written and is not there, as in a tree of its own: its checkpoints.
    func bringBack(_ earlier: RecordedRun, _ request: RunRequest, _ home: Repository) throws {
        do {
            let progress = output.progress("writing")
            defer { progress.finish() }
            let files = try Repository.here().takeOutputs(of: earlier, onlyMissing: true) { progress.add($0) }
            let isNothing = try home.files(of: earlier.run.outputs).isEmpty
            if files == 0, !output.quiet, isNothing {
                Terminal.printError(
                    "note: nothing that run \(earlier.name.prefix(8)) wrote is recorded: nothing comes back; what a killed run has left lies where it was executed"
                )
            }
            guard files > 0, !output.quiet else { return }
            Terminal.printError(
                "note: \(Terminal.files(files)) of run \(earlier.name.prefix(8)) \(files == 1 ? "is" : "are") here again"
            )
        } catch {
            if let tree = request.scratch {
                try RunExecution.enter(FilePath("/"))
                try? tree.discard()
            }
            throw error
        }
    }
}
