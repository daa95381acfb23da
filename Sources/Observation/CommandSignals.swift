#if os(Linux)
    internal import CShims
    internal import Glibc

    /// What reaches this process while a command runs goes to the command: it decides what becomes of both.
    ///
    /// Ctrl-C reaches the command by itself, as it does everything that runs in a terminal.
    struct CommandSignals {
        private var before: [(number: Int32, action: sigaction)] = []
        /// Signals that were blocked when this process was started; the command is started with the same.
        private(set) var mask = sigset_t()

        private static let forwarded = [
            SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGPWR,
            SIGIO,
        ]

        /// From now on signals are passed on to a command that is about to be started.
        init() {
            (commandProcess, lastSignal) = (0, 0)
            var none = sigset_t()
            sigemptyset(&none)
            pthread_sigmask(SIG_SETMASK, &none, &mask)
            for number in Self.forwarded {
                var action = sigaction()
                action.__sigaction_handler.sa_sigaction = { number, facts, _ in
                    lastSignal = number
                    // What the kernel sends, from a terminal, it sends to both.
                    guard let facts, facts.pointee.si_code <= 0, commandProcess > 0 else { return }
                    let error = errno
                    kill(commandProcess, number)
                    errno = error
                }
                action.sa_flags = SA_SIGINFO | SA_RESTART
                install(action, for: number)
            }
            // Who reads our output and ends is the command's business.
            var ignoring = sigaction()
            ignoring.__sigaction_handler.sa_handler = SIG_IGN
            install(ignoring, for: SIGPIPE)
            // Else nobody learns how the command ended.
            var waiting = sigaction()
            waiting.__sigaction_handler.sa_handler = SIG_DFL
            install(waiting, for: SIGCHLD, evenIfIgnored: true)
            var resizing = sigaction()
            resizing.__sigaction_handler.sa_handler = { _ in
                let error = errno
                if shownTerminal >= 0 { mlrepo_copy_terminal_size(shownTerminal, commandTerminal) }
                errno = error
            }
            resizing.sa_flags = SA_RESTART
            install(resizing, for: SIGWINCH)
        }

        private mutating func install(_ action: sigaction, for number: Int32, evenIfIgnored: Bool = false) {
            var (action, old) = (action, sigaction())
            guard sigaction(number, nil, &old) == 0 else { return }
            // Who is told to go on goes on (`nohup`, or a shell's background).
            if !evenIfIgnored, old.sa_flags & SA_SIGINFO == 0,
                unsafeBitCast(old.__sigaction_handler.sa_handler, to: Int.self)
                    == unsafeBitCast(SIG_IGN, to: Int.self)
            {
                return
            }
            sigaction(number, &action, nil)
            before.append((number, old))
        }

        /// Whom signals are passed on to.
        func forward(to process: pid_t) { commandProcess = process }

        /// A terminal of the command's whose size follows another one's.
        func follow(_ terminal: Int32, for own: Int32) { (shownTerminal, commandTerminal) = (terminal, own) }

        /// The last signal that came meanwhile; nothing if none came.
        var last: Int32? { lastSignal > 0 ? lastSignal : nil }

        /// Signals do again what they did before.
        func restore() {
            (commandProcess, shownTerminal) = (0, -1)
            for (number, action) in before {
                var action = action
                sigaction(number, &action, nil)
            }
            var mask = mask
            pthread_sigmask(SIG_SETMASK, &mask, nil)
        }
    }

    // A handler knows nothing but what is global.
    private nonisolated(unsafe) var commandProcess: pid_t = 0
    private nonisolated(unsafe) var lastSignal: Int32 = 0
    private nonisolated(unsafe) var shownTerminal: Int32 = -1
    private nonisolated(unsafe) var commandTerminal: Int32 = -1
#endif
