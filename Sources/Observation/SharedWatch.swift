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
/// everything that waits. Who answers calls goes on with that where nothing is to be noted any more, or not yet.
final class SharedWatch: Sendable {
    private struct Waiting {
        var requests: [FileRequest] = []
        var gaps: Set<Observation.Gap> = []
        /// Those that will not go away: what was made once is used later.
        var lasting: Set<Observation.Gap> = []
        var isClosed = false
        /// A file system did not answer when it was waited for: nobody waits for it again until it has.
        var isStuck = false
    }

    private let waiting = Monitor(Waiting())
    /// Held while files are looked at; before ``waiting``, so that everything keeps its order.
    private let watch: Mutex<FileWatch>
    private let noting: Atomic<Bool>

    /// - Parameter isNoting: Else nothing is noted before ``begin(_:)``.
    init(_ watch: FileWatch, isNoting: Bool = true) {
        self.watch = Mutex(watch)
        noting = Atomic(isNoting)
    }

    /// What was noted, and what could not be seen meanwhile.
    var findings: (log: AccessLog, gaps: Set<Observation.Gap>) {
        (watch.withLock { $0.log }, waiting.withLock { $0.gaps })
    }

    /// Whether anybody wants to know what is asked for.
    var isNoting: Bool { noting.load(ordering: .acquiring) }

    /// From now on everything is noted, in another watch than before.
    func begin(_ next: FileWatch) {
        watch.withLock { watch in
            watch = next
            waiting.withLock { waiting in
                waiting.requests.removeAll()
                waiting.gaps = waiting.lasting
            }
        }
        noting.store(true, ordering: .releasing)
    }

    /// From now on nothing is noted; what waits is looked at.
    func end() {
        noting.store(false, ordering: .releasing)
        _ = look()
    }

    /// Something that cannot be seen.
    func note(_ gap: Observation.Gap) {
        waiting.withLock { waiting in
            if gap == .ring { waiting.lasting.insert(gap) }
            waiting.gaps.insert(gap)
        }
    }

    /// Takes what is asked for.
    ///
    /// What is about to change is looked at before this returns, unless a file system does not answer: to wait for it could be to
    /// wait for ever, since the command may be what serves it.
    func note(_ request: FileRequest) {
        let isFull = waiting.withLock { waiting in
            waiting.requests.append(request)
            return waiting.requests.count >= Self.most
        }
        guard request.isChange || isFull else { return }
        let patience = waiting.withLock { $0.isStuck } ? 1 : Self.milliseconds
        for _ in 0..<patience {
            if lookIfFree() {
                if patience == 1 { waiting.withLock { $0.isStuck = false } }
                return
            }
            usleep(1_000)
        }
        waiting.withLock { waiting in
            waiting.isStuck = true
            waiting.gaps.insert(.late)
        }
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
