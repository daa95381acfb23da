package import FileIO

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// What comes in from outside: files, time, randomness, variables, width.
///
/// Passed in, so that a test can fix it.
package struct Environment: Sendable {
    package var files: any FileSystem
    /// Seconds since 1970-01-01T00:00:00Z.
    package var now: @Sendable () -> Int
    package var random: @Sendable (Int) -> [UInt8]
    package var variable: @Sendable (String) -> String?
    package var workingDirectory: FilePath
    /// How many threads work at once.
    package var width: Int
    /// The number of the account; nothing if that is nobody's business.
    package var user: UInt32?

    package init(
        files: any FileSystem, now: @escaping @Sendable () -> Int,
        random: @escaping @Sendable (Int) -> [UInt8],
        variable: @escaping @Sendable (String) -> String?, workingDirectory: FilePath, width: Int,
        user: UInt32? = nil
    ) {
        self.files = files
        self.now = now
        self.random = random
        self.variable = variable
        self.workingDirectory = workingDirectory
        self.width = width
        self.user = user
    }

    /// That of this process.
    ///
    /// `MLREPO_NOW` (seconds) stands for the clock, so that a transcript is the same tomorrow.
    package static func process() -> Environment {
        let variable: @Sendable (String) -> String? = { name in getenv(name).map { String(cString: $0) } }
        return Environment(
            files: POSIXFileSystem(),
            now: {
                // No record can hold a time before 1970 or far behind it.
                let fixed = variable("MLREPO_NOW").flatMap { Int($0) }.flatMap {
                    timeRange.contains($0) ? $0 : nil
                }
                return fixed ?? max(0, time(nil))
            },
            random: { count in
                var generator = SystemRandomNumberGenerator()
                // A word at a time: each one is a call to the system.
                var bytes: [UInt8] = []
                while bytes.count < count { withUnsafeBytes(of: generator.next()) { bytes += $0 } }
                return Array(bytes.prefix(count))
            },
            variable: variable, workingDirectory: currentDirectory(), width: processorCount(), user: getuid())
    }

    /// The second that ``now`` tells, and nanoseconds of it; none where a fixed time stands for the clock.
    ///
    /// Both from one look at the clock: what tells seconds alone lags behind by some milliseconds, and a run that begins as a
    /// second does would seem to have begun before others of the second before.
    var instant: (seconds: Int, nanoseconds: Int) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let seconds = now()
        let isClock = variable("MLREPO_NOW") == nil && (seconds - 1...seconds + 1).contains(Int(time.tv_sec))
        return isClock ? (Int(time.tv_sec), Int(time.tv_nsec)) : (seconds, 0)
    }

    private static let timeRange = 0..<(1 << 53)

    private static func currentDirectory() -> FilePath {
        guard let text = getcwd(nil, 0) else { return FilePath("/") }
        defer { free(text) }
        return FilePath(Array(UnsafeRawBufferPointer(start: text, count: strlen(text))))
    }
}
