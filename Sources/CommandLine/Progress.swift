internal import Synchronization
internal import WorkingTree

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A line on standard error that tells how far long work is: what, how many, bytes, rate and the time that is left; not in the first
/// half second, unless somebody asked for it.
final class Progress: Sendable {
    private struct State {
        var files = 0
        var bytes = 0
        var plannedFiles = 0
        var plannedBytes = 0
        var start: Int
        var last: Int
        var isShown = false
    }

    private let what: String
    /// Nothing where nothing is counted.
    private let unit: String?
    private let isOn: Bool
    /// Milliseconds before anything is told.
    private let patience: Int
    private let state: Mutex<State>

    /// - Parameters:
    ///   - what: What is being done, as in "writing".
    ///   - unit: What is counted, in the singular; nothing for bytes alone.
    ///   - isAskedFor: Whether somebody wants it of short work, too.
    init(_ what: String, unit: String? = "file", isOn: Bool, isAskedFor: Bool) {
        self.what = what
        self.unit = unit
        self.isOn = isOn
        patience = isAskedFor ? 0 : 500
        let now = Self.milliseconds()
        state = Mutex(State(start: now, last: now))
    }

    private static func milliseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    func add(_ step: WorkStep) {
        guard isOn else { return }
        state.withLock { state in
            switch step {
            case .planned(let files, let bytes):
                state.plannedFiles += files
                state.plannedBytes += bytes
            case .bytes(let count): state.bytes += count
            case .file: state.files += 1
            case .contradiction: return
            }
            tell(&state)
        }
    }

    /// How far work is whose parts are not counted one by one.
    func set(count: Int, bytes: Int, of plannedBytes: Int) {
        guard isOn else { return }
        state.withLock { state in
            (state.files, state.bytes, state.plannedBytes) = (count, bytes, plannedBytes)
            tell(&state)
        }
    }

    private func tell(_ state: inout State) {
        let now = Self.milliseconds()
        guard now - state.start > patience, now - state.last > 100 else { return }
        state.last = now
        state.isShown = true
        show("\r" + line(state, after: now - state.start) + "\u{1b}[K")
    }

    private func line(_ state: State, after milliseconds: Int) -> String {
        let rate = state.bytes * 1000 / max(1, milliseconds)
        var line = "\(what) "
        if let unit {
            let files =
                state.plannedFiles > 0
                ? "\(Terminal.count(state.files)) of \(Terminal.number(state.plannedFiles, unit))"
                : Terminal.number(state.files, unit)
            line += "\(files), "
        }
        line += Terminal.size(state.bytes)
        if state.plannedBytes > 0 { line += " of \(Terminal.size(state.plannedBytes))" }
        line += ", \(Terminal.size(rate))/s"
        // What the first moment says of the last is nothing.
        if rate > 0, state.plannedBytes > state.bytes, milliseconds > 2_000 {
            line += ", \(Self.duration((state.plannedBytes - state.bytes) / rate)) left"
        }
        return line
    }

    private static func duration(_ seconds: Int) -> String {
        switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3600: "\(seconds / 60) min"
        default: "\(seconds / 3600) h \(seconds / 60 % 60) min"
        }
    }

    /// Takes the line away.
    func finish() {
        state.withLock { state in
            if state.isShown { show("\r\u{1b}[K") }
            state.isShown = false
        }
    }

    private func show(_ text: String) { Terminal.send(Array(text.utf8), to: 2) }
}
