#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A clock that nobody sets.
package enum MonotonicTime {
    /// Since some moment that stays the same for this process.
    package static func milliseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}
