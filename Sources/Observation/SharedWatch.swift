internal import FileIO
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A ``FileWatch`` between who answers calls and who looks at files.
///
/// What is only read waits up to some milliseconds until it is looked at; what is about to change is looked at at once, and before it
/// everything that waits.
final class SharedWatch: Sendable {
    private struct Waiting {
        var requests: [FileRequest] = []
        var isClosed = false
        /// A file system did not answer when it was waited for: nobody waits for it again until it has.
        var isStuck = false
    }

    private let waiting = Monitor(Waiting())
    /// Held while files are looked at; before ``waiting``, so that everything keeps its order.
    private let watch: Mutex<FileWatch>

    init(_ watch: FileWatch) { self.watch = Mutex(watch) }

    var log: AccessLog { watch.withLock { $0.log } }

    /// - Returns: Whether what is about to change was looked at; else a file system does not answer, and to wait for it could be to
    ///   wait for ever: the command may be what serves it.
    func note(_ request: FileRequest) -> Bool {
        let isFull = waiting.withLock { waiting in
            waiting.requests.append(request)
            return waiting.requests.count >= Self.most
        }
        guard request.isChange || isFull else { return true }
        let patience = waiting.withLock { $0.isStuck } ? 1 : Self.milliseconds
        for _ in 0..<patience {
            if lookIfFree() {
                if patience == 1 { waiting.withLock { $0.isStuck = false } }
                return true
            }
            usleep(1_000)
        }
        waiting.withLock { $0.isStuck = true }
        return false
    }

    /// How long a call waits for somebody who looks.
    private static let milliseconds = 2_000

    /// No more comes.
    func close() { waiting.withLock { $0.isClosed = true } }

    /// Looks at files until no more comes.
    func run() {
        var idle = 0
        while true {
            let isClosed = waiting.withLock { $0.isClosed }
            idle = look() ? 0 : idle + 1
            if isClosed { return }
            if idle < Self.patience {
                // A sleeper costs whoever has something for it more than it takes to look.
                usleep(1_000)
            } else {
                waiting.wait { !$0.requests.isEmpty || $0.isClosed ? () : nil }
                idle = 0
            }
        }
    }

    /// So many wait at most.
    private static let most = 4_096
    /// So many milliseconds without anything, and it is waited for.
    private static let patience = 20

    /// Looks at everything that waits.
    ///
    /// - Returns: Whether something did.
    private func look() -> Bool { watch.withLock { look(&$0) } }

    /// The same, unless somebody is at it.
    ///
    /// - Returns: Whether nobody was.
    private func lookIfFree() -> Bool {
        watch.withLockIfAvailable { watch in
            _ = look(&watch)
            return true
        } ?? false
    }

    private func look(_ watch: inout FileWatch) -> Bool {
        let requests = waiting.withLock { waiting in
            defer { waiting.requests.removeAll(keepingCapacity: true) }
            return waiting.requests
        }
        for request in requests { watch.note(request) }
        return !requests.isEmpty
    }
}
