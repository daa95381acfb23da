internal import FileIO
internal import ObjectModel

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The last of what a program says on its error output, taken from a pipe by a thread of its own.
///
/// The thread ends when the last program that holds the pipe does, which nobody waits for.
final class ErrorTail: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var isOver = false
    }

    /// Bytes that are kept.
    private static let limit = 4096
    private let state: Monitor<State>

    /// - Parameter descriptor: The pipe, which belongs to this from now on.
    init(reading descriptor: Int32) {
        let state = Monitor(State())
        self.state = state
        let thread = Thread(stackSize: 256 << 10) {
            var buffer = [UInt8](repeating: 0, count: Self.limit)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                let come = buffer[..<count]
                state.withLock { state in
                    state.bytes += come
                    if state.bytes.count > Self.limit {
                        state.bytes.removeFirst(state.bytes.count - Self.limit)
                    }
                }
            }
            close(descriptor)
            state.withLock { $0.isOver = true }
        }
        guard let thread else {
            // Without a reader, the program's words are lost; it must not wait for one.
            close(descriptor)
            state.withLock { $0.isOver = true }
            return
        }
        thread.detach()
    }

    /// The last line that tells of an error, or that has any text, escaped; empty if there is none.
    ///
    /// - Parameter milliseconds: How long the end is waited for.
    func lastLine(within milliseconds: Int) -> String {
        let began = MonotonicTime.milliseconds()
        while !state.withLock({ $0.isOver }), MonotonicTime.milliseconds() - began < milliseconds {
            poll(nil, 0, 10)
        }
        let lines = state.withLock { $0.bytes }.split { $0 == 0x0a || $0 == 0x0d }
        // What went wrong, rather than what to do about it there.
        let error = lines.last { $0.starts(with: "error: ".utf8) }
        let last = error ?? lines.last { line in line.contains { $0 > 0x20 } }
        return escapedText((last ?? []).prefix(500))
    }
}
