package import FileIO
internal import ObjectModel
package import Observation
internal import Storage

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The run that several ranks make together, as one of them sees it: where they meet, in the working copy that all of them see.
package struct RankedRun: Sendable {
    package let rank: JobRank
    /// The name of the run.
    package let name: String
    /// The run's own directory.
    package let directory: FilePath
    private let repository: Repository
    private let started: Int64

    /// - Parameter arguments: The command.
    package init(
        _ rank: JobRank, _ arguments: [[UInt8]], _ repository: Repository
    ) throws(RepositoryError) {
        (self.rank, self.repository) = (rank, repository)
        let now = repository.environment.instant
        started = Int64(now.seconds) * 1_000_000_000 + Int64(now.nanoseconds)
        let place = try repository.path([UInt8(ascii: ".")]).bytes
        let store = repository.store.layout.root.bytes
        // A job may execute one command again and again.
        for number in 0..<Self.mostRuns {
            let name = rank.name(of: arguments, in: store + [0] + place, number: number)
            let directory = repository.copy.directory / "runs" / name
            let ref = try naming { () throws(InvalidName) in try RefName("runs/\(name)") }
            let report = Self.place(of: rank.rank, in: directory) / Self.reportName
            if try Repository.exists(report, repository.environment.files) { continue }
            if let id = try repository.ref(ref)?.id {
                let run = try reading { () throws(ReadError) in try repository.store.run(id) }
                if rank.rank == 0 || run.ended != nil { continue }
            }
            (self.name, self.directory) = (name, directory)
            return
        }
        throw .badConfiguration("job '\(escapedText(rank.job.utf8))' has executed this command too often")
    }

    private static let mostRuns = 100_000
    private static let reportName = "report"

    private static func place(of rank: Int, in directory: FilePath) -> FilePath { directory / "rank-\(rank)" }

    private var files: any FileSystem { repository.environment.files }

    // MARK: Any rank but the first

    /// Executes the command and leaves what it did for the first rank.
    package func execute(
        _ request: RunRequest, leavesOutput: Bool
    ) throws(RankFailure) -> ObservedCommand.End {
        let own = Self.place(of: rank.rank, in: directory)
        let (lease, keeper): (FileDescriptor?, ReadFileKeeper)
        do throws(RepositoryError) {
            let (tracking, cache) = try repository.steadyCache()
            keeper = ReadFileKeeper(
                root: repository.real(repository.copy.root), cache: cache, tracking: tracking, earlier: [],
                directory: own, files, saver: nil)
            lease = try filing { () throws(FileError) in
                try files.makeDirectories(own, permissions: 0o777)
                return try files.occupy(own / "lease")
            }
        } catch { throw .repository(error) }
        defer { if let lease { files.close(lease) } }
        let command = ObservedCommand(
            arguments: request.arguments, output: own / "stdout", error: own / "stderr", way: request.way,
            leavesOutput: leavesOutput)
        let end: ObservedCommand.End
        do throws(ObservedCommand.StartFailure) { end = try command.run(files, keeper: keeper) } catch {
            throw .start(error)
        }
        let report = RankReport(rank: rank.rank, started: started, end, copies: keeper.copies)
        do throws(RepositoryError) {
            try repository.copy.replaceFile(own / Self.reportName, report.bytes)
        } catch { throw .repository(error) }
        return end
    }

    package enum RankFailure: Error {
        case repository(RepositoryError)
        case start(ObservedCommand.StartFailure)
    }

    // MARK: The first rank

    /// What the ranks did together.
    struct Joined {
        var end: ObservedCommand.End
        /// Names in the run's directory.
        var copies: [RepositoryPath: String]
        var reports: [RankReport]
        var isWhole: Bool
    }

    /// Seconds/20 that a rank gets of which nothing is seen yet.
    private static let patience = 600
    /// Seconds/20 that one gets which was there and is gone: another machine may see its last file later.
    private static let gonePatience = 200

    /// Waits for the other ranks and joins what they did with what the first one did.
    ///
    /// - Parameter onWait: Called with the numbers of those that are waited for, once, when it takes longer than a moment.
    func join(
        _ end: ObservedCommand.End, copies: [RepositoryPath: String], onWait: ([Int]) -> Void
    ) -> Joined {
        var reports: [Int: RankReport] = [:]
        var missing = Array(1..<rank.count)
        var (looks, silent) = (0, 0)
        while true {
            var (isBusy, isExpected) = (false, false)
            missing.removeAll { number in
                let place = Self.place(of: number, in: directory)
                if let report = report(in: place) {
                    reports[number] = report
                    return true
                }
                switch isOccupied(place) {
                case true?: isBusy = true
                case false?: break
                case nil: isExpected = true
                }
                return false
            }
            silent = isBusy ? 0 : silent + 1
            if missing.isEmpty || silent > (isExpected ? Self.patience : Self.gonePatience) { break }
            looks += 1
            if looks == 40 { onWait(missing) }
            usleep(50_000)
        }
        return joined(end, copies, reports.values.sorted { $0.rank < $1.rank }, isWhole: missing.isEmpty)
    }

    private func report(in place: FilePath) -> RankReport? {
        let bytes = (try? files.contentsIfPresent(place / Self.reportName, limit: 1 << 30)) ?? nil
        return bytes.flatMap { RankReport($0) }
    }

    /// Whether somebody is at work there; nothing where nobody was yet.
    private func isOccupied(_ place: FilePath) -> Bool? {
        guard ((try? files.status(place / "lease")) ?? nil) != nil else { return nil }
        guard let lease = try? files.occupy(place / "lease") else { return true }
        files.close(lease)
        return false
    }

    private func joined(
        _ end: ObservedCommand.End, _ copies: [RepositoryPath: String], _ reports: [RankReport], isWhole: Bool
    ) -> Joined {
        var joined = Joined(end: end, copies: copies, reports: reports, isWhole: isWhole)
        let first = reports.map(\.started).reduce(started, min)
        joined.end.observation.log = AccessLog.joined(
            [end.observation.log] + reports.map(\.observation.log), since: first)
        for report in reports {
            joined.end.observation.gaps.formUnion(report.observation.gaps)
            // The least that is known of any is what is known of all.
            let ways = Observation.Way.allCases
            if let (one, other) = Self.places(joined.end.observation.way, report.observation.way), other > one
            {
                joined.end.observation.way = ways[other]
            }
            joined.end.usage.userMicroseconds += report.usage.userMicroseconds
            joined.end.usage.systemMicroseconds += report.usage.systemMicroseconds
            joined.end.usage.maximumResidentBytes = max(
                joined.end.usage.maximumResidentBytes, report.usage.maximumResidentBytes)
            if joined.end.status == 0, report.status != 0 {
                (joined.end.status, joined.end.signal) = (report.status, report.signal)
            }
            for (path, name) in report.copies where joined.copies[path] == nil {
                joined.copies[path] = "rank-\(report.rank)/\(name)"
            }
        }
        if !isWhole { joined.end.observation.gaps.insert(.missingRank) }
        return joined
    }

    private static func places(_ one: Observation.Way, _ other: Observation.Way) -> (Int, Int)? {
        let ways = Observation.Way.allCases
        guard let first = ways.firstIndex(of: one), let second = ways.firstIndex(of: other) else {
            return nil
        }
        return (first, second)
    }

    /// Adds what the others printed to what the first rank did, and removes what they left.
    func gatherOutput(_ reports: [RankReport]) {
        for report in reports {
            for name in ["stdout", "stderr"] {
                let from = Self.place(of: report.rank, in: directory) / name
                append(from, to: directory / name, title: "--- rank \(report.rank)\n")
            }
        }
    }

    private func append(_ from: FilePath, to: FilePath, title: String) {
        // A record without it is better than none.
        guard let text = (try? files.contentsIfPresent(from, limit: 1 << 28)) ?? nil, !text.isEmpty else {
            return
        }
        let before = ((try? files.contentsIfPresent(to, limit: 1 << 28)) ?? nil) ?? []
        try? repository.copy.replaceFile(to, before + Array(title.utf8) + text)
    }

    /// Removes what the ranks left for the first one.
    func forget() {
        for number in 1..<rank.count {
            try? Repository.removeAll(Self.place(of: number, in: directory), files)
        }
    }
}
