#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// State that threads share and wait on: a mutex with a condition, as Hoare and Brinch Hansen have it.
///
/// For waiting threads only; what merely needs exclusion uses `Mutex`.
package final class Monitor<State>: @unchecked Sendable {
    // Both live as long as the monitor, at an address that does not move.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    package init(_ state: sending State) {
        self.state = state
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Has the state for itself, and wakes those who wait when it is done.
    package func withLock<Result>(_ body: (inout State) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
        return body(&state)
    }

    /// Waits until `body` has a result.
    package func wait<Result>(for body: (inout State) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
        while true {
            if let result = body(&state) { return result }
            pthread_cond_wait(condition, mutex)
        }
    }
}

/// Runs `body` on a number of threads at once, and returns when all are done.
///
/// - Parameters:
///   - width: How many; the calling thread is one of them.
///   - body: Is handed the thread's number, 0 to width - 1.
package func onThreads(_ width: Int, _ body: @Sendable (Int) -> Void) {
    precondition(width > 0, "width must be at least 1, is \(width)")
    // The threads end before this call returns, so the closure outlives them.
    withoutActuallyEscaping(body) { body in
        var threads: [pthread_t] = []
        for number in 1..<max(width, 1) {
            let start = Unmanaged.passRetained(ThreadStart { body(number) })
            #if canImport(Glibc)
                var thread = pthread_t()
            #else
                var thread: pthread_t?
            #endif
            let code = pthread_create(
                &thread, nil,
                { argument in
                    #if canImport(Glibc)
                        guard let argument else { return nil }
                    #endif
                    Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue().body()
                    return nil
                }, start.toOpaque())
            guard code == 0 else {
                // A system that grants no more threads gets the work done with those there are.
                start.takeRetainedValue().body()
                continue
            }
            #if canImport(Glibc)
                threads.append(thread)
            #else
                if let thread { threads.append(thread) }
            #endif
        }
        body(0)
        for thread in threads { pthread_join(thread, nil) }
    }
}

private final class ThreadStart: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// The number of processors that this process may use.
package func processorCount() -> Int {
    max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}
