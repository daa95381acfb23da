#if os(Linux)
    internal import CShims
    internal import FileIO
    internal import Glibc

    /// Watches over processes, on threads of its own.
    ///
    /// Answers the calls that a listener tells of, has the files looked at that they name, and passes on what is printed. If this
    /// process is killed meanwhile they go on, unobserved. Has to be finished, once.
    struct Supervision {
        /// Who tells of what a command does with files.
        enum Source: Sendable {
            case nobody
            /// The kernel, through a listener.
            case calls(Int32)
            /// The library in each program, of which the first is a process's.
            case reports(PreloadPlace, first: pid_t)
            /// strace, through a pipe, of which the first process is a process's.
            case trace(Int32, first: pid_t)

            var way: Observation.Way {
                switch self {
                case .nobody: .declared
                case .calls: .seccomp
                case .reports: .preload
                case .trace: .strace
                }
            }

            /// What it is told by, which is closed at the end; -1 where that is nothing.
            fileprivate var descriptor: Int32 {
                switch self {
                case .nobody: -1
                case .calls(let listener): listener
                case .reports(let place, _): place.socket
                case .trace(let pipe, _): pipe
                }
            }

            fileprivate var pipe: Int32 { if case .trace(let pipe, _) = self { pipe } else { -1 } }

            fileprivate var listener: Int32 { if case .calls(let listener) = self { listener } else { -1 } }
        }

        let files: SharedWatch
        private let source: Source
        /// Where the kernel writes of the call that is taken, in memory that the caretaker sees.
        private let room: UnsafeMutableRawPointer
        private let caretaker: Caretaker
        private let streams: [CommandOutput]
        private let threads = Monitor(Threads())
        /// A pipe: the threads are told that it is enough by closing what is written to.
        private let ending: Int32
        private let enough: Int32
        /// What the signal did before that wakes who waits in the kernel.
        private let before: sigaction

        /// What the threads share.
        private struct Threads {
            var running = 0
            /// What was started has ended, and only what it left may go on.
            var isEnding = false
            /// The one that answers calls; nothing when it has ended, or has not begun.
            var observer: pthread_t?
            var outputFailure: Int32?
        }

        /// - Parameters:
        ///   - source: Is closed at the end.
        ///   - streams: What is printed, and has to be passed on.
        init(
            _ source: Source, _ files: SharedWatch, _ streams: [CommandOutput]
        ) throws(ObservedCommand.StartFailure) {
            (self.source, self.files, self.streams) = (source, files, streams)
            room = Self.sharedRoom()
            caretaker = Caretaker(listener: source.listener, drained: source.pipe, room: room, streams)
            var ends: [Int32] = [-1, -1]
            guard mlrepo_open_pipe(&ends) == 0 else {
                throw ObservedCommand.StartFailure(code: errno)
            }
            (ending, enough) = (ends[0], ends[1])
            // Nobody else sends this one.
            var (waking, before) = (sigaction(), sigaction())
            waking.__sigaction_handler.sa_handler = { _ in }
            sigaction(SIGURG, &waking, &before)
            self.before = before
        }

        /// Starts the threads.
        ///
        /// - Returns: Whether the system grants them, and a caretaker; else no call is answered, and nobody may be left waiting.
        func begin() -> Bool {
            let isWatched =
                caretaker.isThere && (source.descriptor < 0 || listen()) && streams.allSatisfy { pass($0) }
            if !isWatched { files.close() }
            return isWatched
        }

        /// Ends the threads when nobody is left who asks or prints.
        ///
        /// - Parameter milliseconds: Those who are left get so long to end by themselves; nothing where they get as long as they want.
        func finish(within milliseconds: Int32?) {
            threads.withLock { $0.isEnding = true }
            var passed: Int32 = 0
            while !isOver, milliseconds.map({ passed < $0 }) ?? true {
                // Who is waited for without an end need not be asked so often.
                let pause: Int32 = milliseconds == nil ? min(200, 2 + passed / 8) : 2
                usleep(UInt32(pause) * 1_000)
                passed = min(passed + pause, 1 << 20)
            }
            end(isNeeded: !isOver)
        }

        /// Ends the threads; who is left goes on, unobserved.
        func abandon() { end(isNeeded: true) }

        private func end(isNeeded: Bool) {
            // What is left gets what waits, and no more.
            close(enough)
            while !isOver { usleep(2_000) }
            close(ending)
            caretaker.release(isNeeded: isNeeded)
            for stream in streams { stream.close() }
            if source.descriptor >= 0 { close(source.descriptor) }
            munmap(room, Int(MLREPO_NOTICE_SIZE))
            var action = before
            sigaction(SIGURG, &action, nil)
        }

        /// Whether all threads have ended; who waits in the kernel is asked to look whether there is anything to wait for.
        private var isOver: Bool {
            threads.withLock { threads in
                if let observer = threads.observer { pthread_kill(observer, SIGURG) }
                return threads.running == 0
            }
        }

        /// Why what was printed could not be shown: an error number; nothing if it could.
        var outputFailure: Int32? { threads.withLock { $0.outputFailure } }

        /// What was found out by now.
        var observation: Observation {
            let (log, gaps) = files.findings
            // Who may do anything gave nothing up.
            let isPowerless = [.seccomp, .strace].contains(source.way) && geteuid() != 0 && log.hasPrivileged
            return Observation(
                way: source.way, log: log,
                gaps: isPowerless ? gaps.union([.privileges]) : gaps)
        }

        /// Starts the threads that are told and look at files.
        ///
        /// - Returns: Whether the system grants them.
        private func listen() -> Bool {
            nonisolated(unsafe) let room = room
            let (source, ending, files, threads) = (source, ending, files, threads)
            let isAnswering = start {
                threads.withLock { $0.observer = pthread_self() }
                switch source {
                case .nobody: break
                case .calls(let listener):
                    var observer = CallObserver(listener: listener, room: room, files)
                    observer.run(until: ending)
                case .trace(let pipe, let first):
                    var observer = StraceObserver(pipe: pipe, first: first, files)
                    observer.run(until: ending)
                case .reports(let place, let first):
                    var observer = PreloadObserver(
                        socket: place.socket, library: place.library, first: first, files)
                    observer.run(until: ending) { threads.withLock { $0.isEnding } }
                }
                files.close()
                threads.withLock { $0.observer = nil }
            }
            return isAnswering && start { files.run() }
        }

        /// Starts the thread that passes on what is printed.
        ///
        /// - Returns: Whether the system grants it.
        private func pass(_ stream: CommandOutput) -> Bool {
            let (ending, caretaker, threads) = (ending, caretaker, threads)
            return start {
                guard let failure = stream.pass(until: ending) else { return }
                // Who prints is told, as it would be without us.
                caretaker.drop(stream)
                if failure != EPIPE { threads.withLock { $0.outputFailure = failure } }
            }
        }

        /// Starts a thread that is counted as long as it runs.
        ///
        /// - Returns: Whether the system grants one.
        private func start(_ body: @escaping @Sendable () -> Void) -> Bool {
            let threads = threads
            threads.withLock { $0.running += 1 }
            let thread = Thread {
                body()
                threads.withLock { $0.running -= 1 }
            }
            guard let thread else {
                threads.withLock { $0.running -= 1 }
                return false
            }
            thread.detach()
            return true
        }

        /// Memory that another process sees, too.
        private static func sharedRoom() -> UnsafeMutableRawPointer {
            let place = mmap(
                nil, Int(MLREPO_NOTICE_SIZE), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
            guard let place, place != MAP_FAILED else {
                // A page is always to be had, or nothing else is.
                preconditionFailure("no memory")
            }
            return place
        }
    }
#endif
