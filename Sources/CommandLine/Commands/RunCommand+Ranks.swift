internal import MLRepo
internal import Observation

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// What a rank does that is not the first one of its job: it tells the first one, which records the run of all.
extension RunCommand {
    func execute(_ request: RunRequest, as ranked: RankedRun) throws {
        for (name, value) in RunLog.variables(of: ranked.name, in: ranked.directory) {
            setenv(name, value, 1)
        }
        let end: ObservedCommand.End
        do { end = try ranked.execute(request, leavesOutput: output.json) } catch {
            switch error {
            case .repository(let failure): throw failure
            case .start(let failure): throw RunExecution.failure(failure)
            }
        }
        RunExecution.tell(end, words, quiet: output.quiet)
        if !output.quiet {
            Terminal.printError(
                "note: rank \(ranked.rank.rank) of \(ranked.rank.count): rank 0 records the run, \(ranked.name.prefix(8))"
            )
        }
        try finish(end)
    }
}
