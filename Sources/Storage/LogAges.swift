internal import FileIO

/// How old entries of a log are: by the age of their files against a file of the same store that was just made, so that no
/// clock but the file system's counts.
struct LogAges {
    static let hour: Int64 = 3_600_000_000_000
    static let day: Int64 = 24 * hour

    private let log: OperationLog
    private let files: any FileSystem
    /// The file system's own time, in nanoseconds since 1970.
    let clock: Int64

    init(_ log: OperationLog, _ files: any FileSystem, clock: Int64) {
        (self.log, self.files, self.clock) = (log, files, clock)
    }

    /// The age of an entry in nanoseconds, or less: that of the tile where the entry's own name has gone.
    func age(_ number: Int) throws(StoreError) -> Int64 {
        for path in [log.layout.entry(number), log.layout.tile("entries", number / OperationLog.tileWidth)] {
            let status = try filing { () throws(FileError) in try files.status(path) }
            if let status { return clock - status.modified }
        }
        return 0
    }
}
