internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A line on standard error that tells how far long work is: on a terminal only, and not in the first half second.
final class Progress: Sendable {
    private struct State {
        var files = 0
        var bytes = 0
        var start: Int
        var last: Int
        var isShown = false
    }

    private let what: String
    private let isOn: Bool
    private let state: Mutex<State>

    init(_ what: String, isOn: Bool) {
        self.what = what
        self.isOn = isOn && isatty(2) == 1
        let now = Self.milliseconds()
        state = Mutex(State(start: now, last: now))
    }

    private static func milliseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    /// One more file is done.
    func add(_ bytes: Int) {
        guard isOn else { return }
        state.withLock { state in
            state.files += 1
            state.bytes += bytes
            let now = Self.milliseconds()
            guard now - state.start > 500, now - state.last > 100 else { return }
            state.last = now
            state.isShown = true
            let rate = state.bytes / max(1, now - state.start) * 1000
            show(
                "\r\(what) \(Terminal.files(state.files)), \(Terminal.size(state.bytes)), \(Terminal.size(rate))/s\u{1b}[K"
            )
        }
    }

    /// Takes the line away.
    func finish() { state.withLock { if $0.isShown { show("\r\u{1b}[K") } } }

    private func show(_ text: String) { Terminal.send(Array(text.utf8), to: 2) }
}
