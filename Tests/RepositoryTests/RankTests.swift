import FileIO
import ObjectModel
import Observation
import TestSupport
import Testing

@testable import MLRepo

/// Ranks of one job: what launchers say, and what ranks tell each other.
struct RankTests {
    private func rank(_ variables: [String: String]) -> JobRank? { JobRank { variables[$0] } }

    @Test func launchersAreKnownByTheirVariables() throws {
        let slurm = try #require(
            rank([
                "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4",
            ]))
        #expect((slurm.rank, slurm.count) == (3, 4))
        #expect(
            rank([
                "PMIX_NAMESPACE": "prterun-1", "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2",
            ])?.rank == 1)
        #expect(
            rank([
                "TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "a", "MASTER_PORT": "1", "RANK": "1",
                "WORLD_SIZE": "2",
            ])?.job == "torchrun/none/a/1")
        #expect(rank(["MLREPO_JOB": "x", "RANK": "0", "WORLD_SIZE": "2"])?.rank == 0)
    }

    @Test(arguments: [
        [:], ["RANK": "1", "WORLD_SIZE": "2"], ["MLREPO_JOB": "x", "RANK": "0", "WORLD_SIZE": "1"],
        ["MLREPO_JOB": "x", "RANK": "2", "WORLD_SIZE": "2"],
        ["MLREPO_JOB": "x", "RANK": "-1", "WORLD_SIZE": "2"],
        ["MLREPO_JOB": "x", "RANK": "a", "WORLD_SIZE": "2"],
        ["MLREPO_JOB": "x", "RANK": "0", "WORLD_SIZE": "99999999999"],
        // The script that Slurm starts is none of the tasks that it starts.
        ["SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_NTASKS": "4"],
    ])
    func oneProcessIsNoRank(_ variables: [String: String]) { #expect(rank(variables) == nil) }

    @Test func allRanksFindOneNameAndOthersAnother() throws {
        func name(_ job: String, _ words: [String], _ number: Int = 0) throws -> String {
            try #require(rank(["MLREPO_JOB": job, "RANK": "1", "WORLD_SIZE": "2"])).name(
                of: words.map { Array($0.utf8) }, in: [1], number: number)
        }
        let names = [
            try name("x", ["a", "b"]), try name("y", ["a", "b"]), try name("x", ["a", "b"], 1),
            try name("x", ["ab"]), try name("x", ["a", "b", ""]),
        ]
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { Hex.bytes($0)?.count == 16 })
    }

    private func report(_ random: inout SplitMix64) throws -> RankReport {
        var log = AccessLog()
        for number in 0..<Int.random(in: 0..<20, using: &random) {
            let name = (0..<Int.random(in: 1..<9, using: &random)).map { _ in
                UInt8.random(in: 1...255, using: &random)
            }
            let path = FilePath(Array("/\(number)".utf8) + name.filter { $0 != 0x2f })
            let status = FileStatus(
                kind: .file, permissions: .random(in: 0...0o7777, using: &random),
                size: .random(in: 0...(.max), using: &random),
                modified: .random(in: (.min)...(.max), using: &random),
                changed: .random(in: (.min)...(.max), using: &random),
                inode: .random(in: 0...(.max), using: &random),
                device: .random(in: 0...(.max), using: &random))
            log.add(
                path,
                AccessLog.File(
                    before: Bool.random(using: &random) ? status : nil, isRead: .random(using: &random),
                    isWritten: .random(using: &random), isExecuted: .random(using: &random),
                    isUnsteady: .random(using: &random), isRemoved: .random(using: &random)))
            if Bool.random(using: &random) { log.add(movedDirectory: path) }
            if Bool.random(using: &random) { log.note(link: FilePath(Array("/x\t\n".utf8)), to: path) }
            if Bool.random(using: &random) { log.note(absent: path.appending("absent\n")) }
            if Bool.random(using: &random) { log.note(listed: path) }
        }
        let end = ObservedCommand.End(
            status: Bool.random(using: &random) ? 3 : nil, signal: Bool.random(using: &random) ? 9 : nil,
            received: nil, usage: ObservedCommand.Usage(),
            observation: Observation(way: .preload, log: log, gaps: [.late, .ring]))
        return RankReport(
            rank: 1, started: 5, end, copies: [try RepositoryPath("data/a\tb"): "read-0"])
    }

    @Test func whatIsToldIsWhatIsRead() throws {
        let seed = UInt64.random(in: 0...(.max))
        print("seed \(seed)")
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            let told = try report(&random)
            let read = try #require(RankReport(told.bytes), "seed \(seed)")
            #expect(
                (read.rank, read.started, read.status, read.signal) == (
                    told.rank, told.started, told.status, told.signal
                ))
            #expect(read.copies == told.copies)
            #expect(
                read.observation.gaps == told.observation.gaps && read.observation.way == told.observation.way
            )
            let (one, other) = (read.observation.log, told.observation.log)
            #expect(
                one.links == other.links && one.absent == other.absent && one.listed == other.listed
                    && one.movedDirectories == other.movedDirectories)
            #expect(one.files.count == other.files.count)
            for (path, file) in one.files {
                let same = try #require(other.files[path])
                #expect(
                    file.before == same.before && file.isRead == same.isRead
                        && file.isWritten == same.isWritten)
                #expect(file.isExecuted == same.isExecuted && file.isUnsteady == same.isUnsteady)
                #expect(file.isRemoved == same.isRemoved)
            }
            // Cut short it is none.
            #expect(
                RankReport(Array(told.bytes.prefix(.random(in: 0..<told.bytes.count - 1, using: &random))))
                    == nil)
            var spoiled = told.bytes
            spoiled[.random(in: spoiled.indices, using: &random)] = .random(in: 0...255, using: &random)
            _ = RankReport(spoiled)
        }
    }

    @Test func `a path with NUL makes it none`() throws {
        var random = SplitMix64(seed: 1)
        let whole = String(decoding: try report(&random).bytes, as: UTF8.self)
        for (path, isOne) in [("2f61", true), ("2f0061", false), ("00", false)] {
            for line in ["absent\t\(path)", "link\t2f61\t\(path)", "moved\t\(path)"] {
                let told = Array((whole.dropLast(4) + "\(line)\nend\n").utf8)
                #expect((RankReport(told) != nil) == isOne, "\(line)")
            }
        }
    }
}
