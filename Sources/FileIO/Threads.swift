#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A thread of the system that runs one closure; ``join()`` waits for its end; it or ``detach()`` has to be called.
package struct Thread: ~Copyable {
    private let handle: pthread_t

    private final class Start: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// - Parameter stackSize: In bytes; the system's choice if there is none.
    /// - Returns: Nothing if the system grants no more threads; then nothing was run.
    package init?(stackSize: Int? = nil, _ body: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        if let stackSize { pthread_attr_setstacksize(&attributes, stackSize) }
        let start = Unmanaged.passRetained(Start(body))
        #if canImport(Glibc)
            var thread = pthread_t()
        #else
            var thread: pthread_t?
        #endif
        let code = pthread_create(
            &thread, &attributes,
            { argument in
                #if canImport(Glibc)
                    guard let argument else { return nil }
                #endif
                Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        #if canImport(Glibc)
            let handle: pthread_t? = code == 0 ? thread : nil
        #else
            let handle = code == 0 ? thread : nil
        #endif
        guard let handle else {
            start.release()
            return nil
        }
        self.handle = handle
    }

    package consuming func join() { pthread_join(handle, nil) }

    /// Nobody waits for its end.
    package consuming func detach() { pthread_detach(handle) }
}

/// Runs `body` on a number of threads at once, and returns when all are done.
///
/// Where the system grants fewer, it gets as many.
/// - Parameters:
///   - width: How many; the calling thread is one of them.
///   - body: Has its share of the work handed out by itself, so that any number of threads does all of it.
package func onThreads(_ width: Int, _ body: @Sendable () -> Void) {
    precondition(width > 0, "width must be at least 1, is \(width)")
    // The threads end before this call returns, so the closure outlives them.
    withoutActuallyEscaping(body) { body in
        guard width > 1, let thread = Thread(body) else { return body() }
        onThreads(width - 1, body)
        thread.join()
    }
}

/// Hands out the indices of some work to several threads, each once, lowest first.
package final class WorkIndices: Sendable {
    private let count: Int
    private let first = Monitor(0)

    package init(_ count: Int) { self.count = count }

    /// Nothing when all were handed out.
    package func next() -> Int? {
        let index = first.withLock { first in
            defer { first += 1 }
            return first
        }
        return index < count ? index : nil
    }
}

/// Runs `body` on a stack of a size of its own, in bytes; on the caller's where the system grants no thread.
package func onStack<Result: Sendable>(
    of size: Int, _ body: @escaping @Sendable () -> Result
) -> Result {
    let result = Monitor<Result?>(nil)
    guard
        let thread = Thread(
            stackSize: size,
            {
                let end = body(); result.withLock { $0 = end }
            })
    else {
        return body()
    }
    thread.join()
    return result.wait { $0 }
}

/// The number of processors that this process may use.
package func processorCount() -> Int {
    max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}
