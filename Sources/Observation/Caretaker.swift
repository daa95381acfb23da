#if os(Linux)
    internal import CShims
    internal import Glibc
    internal import Synchronization

    /// A process that lets a command go on when its observer is gone, killed or not: else its calls would fail, and what it prints
    /// would end it.
    final class Caretaker: Sendable {
        private struct State {
            var streams: [CommandOutput]
            /// The process; -1 if the system grants none.
            var process: pid_t = -1
            /// What it waits for the end of.
            var sign: Int32 = -1
        }

        private let listener: Int32
        private let room: UInt
        private let drained: Int32
        private let state: Mutex<State>

        /// - Parameters:
        ///   - drained: What strace writes; -1 where there is none.
        ///   - room: Where the kernel writes of the call that the observer takes, in memory that both see.
        init(listener: Int32, drained: Int32, room: UnsafeMutableRawPointer, _ streams: [CommandOutput]) {
            self.drained = drained
            self.listener = listener
            self.room = UInt(bitPattern: room)
            state = Mutex(State(streams: streams))
            state.withLock { start(&$0) }
        }

        /// - Parameter isKeeping: What is printed is kept, too, and not shown alone.
        private func start(_ state: inout State, isKeeping: Bool = true) {
            var ends: [Int32] = [-1, -1]
            guard mlrepo_open_pipe(&ends) == 0 else { return }
            let first = state.streams.first
            let second = state.streams.count > 1 ? state.streams[1] : nil
            var work = mlrepo_caretaking(
                observer: ends[0], listener: listener, room: UnsafeRawPointer(bitPattern: room),
                drained: drained,
                from: (first?.reading ?? -1, second?.reading ?? -1),
                to: (first?.shown ?? -1, second?.shown ?? -1),
                log: isKeeping ? (first?.kept ?? -1, second?.kept ?? -1) : (-1, -1))
            state.process = mlrepo_start_caretaker(&work)
            state.sign = ends[1]
            Glibc.close(ends[0])
        }

        private func end(_ state: inout State) {
            guard state.process > 0 else { return }
            kill(state.process, SIGKILL)
            while waitpid(state.process, nil, 0) < 0, errno == EINTR {}
            Glibc.close(state.sign)
            state.process = -1
        }

        /// Whether there is one.
        var isThere: Bool { state.withLock { $0.process > 0 } }

        /// Nobody reads a stream any more: whoever prints there is to be told so.
        func drop(_ stream: CommandOutput) {
            state.withLock { state in
                end(&state)
                state.streams.removeAll { $0.reading == stream.reading }
                stream.stopReading()
                start(&state)
            }
        }

        /// - Parameter isNeeded: Whether something of the command is left.
        func release(isNeeded: Bool) {
            state.withLock { state in
                end(&state)
                guard isNeeded else { return }
                // What is kept is about to be read.
                start(&state, isKeeping: false)
                if state.process > 0 { Glibc.close(state.sign) }
            }
        }
    }
#endif
