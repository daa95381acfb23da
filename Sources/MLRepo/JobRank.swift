internal import Hashing
internal import ObjectModel

/// Which of several processes this is that a launcher has started with one command, on one machine or on many: `srun`, `mpirun`,
/// `torchrun`.
///
/// All of them make one run: the first one records it, with what the others have seen.
package struct JobRank: Hashable, Sendable {
    /// The same for all of them, and for no others.
    package let job: String
    /// From 0.
    package let rank: Int
    /// At least 2.
    package let count: Int

    /// The variable by which what a rank executes knows that the rank is taken.
    package static let mark = "MLREPO_RANK"

    /// More than these are no ranks of one command that anybody has.
    private static let mostRanks = 1 << 16

    /// What the variables of a launcher say.
    ///
    /// - Parameter variable: Reads one of the environment.
    /// - Returns: Nothing where there is one process, or where they do not say to which job it belongs.
    package init?(_ variable: (String) -> String?) {
        // Somebody says so: each process is a run of its own.
        if variable("MLREPO_JOB") == "" { return nil }
        func number(_ name: String) -> Int? { variable(name).flatMap { Int($0) } }
        func joined(_ kind: String, _ names: String...) -> String? {
            let values = names.compactMap { variable($0) }
            // A job that is started again is another one.
            let attempts = ["SLURM_RESTART_COUNT", "TORCHELASTIC_RESTART_COUNT"].compactMap { variable($0) }
            return values.count == names.count ? ([kind] + values + attempts).joined(separator: "/") : nil
        }
        let launchers: [(job: String?, rank: String, count: String)] = [
            (joined("job", "MLREPO_JOB"), "RANK", "WORLD_SIZE"),
            // torchrun: its own id is "none" unless somebody chose one.
            (joined("torchrun", "TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT"), "RANK", "WORLD_SIZE"),
            (joined("openmpi", "PMIX_NAMESPACE"), "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
            (joined("openmpi", "OMPI_MCA_ess_base_jobid"), "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
            (joined("slurm", "SLURM_JOB_ID", "SLURM_STEP_ID"), "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
        ]
        for launcher in launchers {
            guard let job = launcher.job, let rank = number(launcher.rank),
                let count = number(launcher.count),
                (2...Self.mostRanks).contains(count), (0..<count).contains(rank)
            else { continue }
            // What a rank itself runs is its own business.
            if variable(Self.mark) == job { return nil }
            (self.job, self.rank, self.count) = (job, rank, count)
            return
        }
        return nil
    }

    /// The name of the run: all ranks find the same.
    ///
    /// - Parameter number: How many runs of this command the job had before.
    func name(of arguments: [[UInt8]], in place: [UInt8], number: Int) -> String {
        var bytes = Array("\(job)\u{0}\(count)\u{0}\(number)\u{0}".utf8) + place
        for argument in arguments { bytes += [0] + argument }
        return Hex.text(Array(SHA256.digest(of: bytes).bytes.prefix(16)))
    }
}
