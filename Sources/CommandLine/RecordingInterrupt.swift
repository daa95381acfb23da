#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Ctrl-C while a run is being recorded: the command has ended, and so the first one is answered, and only the second one ends this.
struct RecordingInterrupt {
    private static let answer: StaticString =
        "\nnote: the command has ended, and is being recorded; Ctrl-C once more leaves its end out of the record\n"

    private let before: sig_t?

    /// From now on the next Ctrl-C is answered; where it was ignored it stays so.
    init() {
        before = signal(SIGINT) { _ in
            let error = errno
            let answer = RecordingInterrupt.answer
            _ = write(2, answer.utf8Start, answer.utf8CodeUnitCount)
            signal(SIGINT, SIG_DFL)
            errno = error
        }
        if unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) {
            signal(SIGINT, SIG_IGN)
        }
    }

    /// Ctrl-C does again what it did before.
    func end() { signal(SIGINT, before) }
}
