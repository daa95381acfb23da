package import FileIO

#if os(Linux)
    internal import CShims
    internal import Glibc
#endif

/// A command that is run and watched.
package struct ObservedCommand: Sendable {
    /// The program's name, found on `PATH`, and its arguments; no shell sees them.
    package let arguments: [[UInt8]]
    /// Where what it prints is kept.
    package let output: FilePath
    package let error: FilePath
    /// How files are to be found.
    package let way: Observation.Way
    /// What the command prints is all shown on standard error: standard output is for somebody else.
    package let leavesOutput: Bool

    package init(
        arguments: [[UInt8]], output: FilePath, error: FilePath, way: Observation.Way,
        leavesOutput: Bool = false
    ) {
        (self.arguments, self.output, self.error, self.way) = (arguments, output, error, way)
        self.leavesOutput = leavesOutput
    }

    /// How a command ended, and what it took.
    package struct End: Sendable {
        /// Its exit status; nothing where a signal ended it.
        package let status: Int?
        package let signal: Int?
        /// Why it could not be executed: an error number of the system; nothing if it could.
        package let failure: Int32?
        /// Why it could not be watched as was wanted: an error number; nothing if it could.
        package let refusal: Int32?
        /// A signal that reached this process meanwhile.
        package let received: Int?
        /// Why what it printed could not be shown: an error number; nothing if it could, or nobody wanted to read it.
        package let outputFailure: Int32?
        package let usage: Usage
        package let observation: Observation

        init(
            status: Int?, signal: Int?, failure: Int32?, refusal: Int32?, received: Int?,
            outputFailure: Int32?, usage: Usage, observation: Observation
        ) {
            (self.status, self.signal, self.received) = (status, signal, received)
            (self.failure, self.refusal, self.outputFailure) = (failure, refusal, outputFailure)
            (self.usage, self.observation) = (usage, observation)
        }

        /// The end of something that was not started here.
        package init(
            status: Int?, signal: Int?, received: Int?, usage: Usage, observation: Observation
        ) {
            self.init(
                status: status, signal: signal, failure: nil, refusal: nil, received: received,
                outputFailure: nil, usage: usage, observation: observation)
        }
    }

    /// What a command, and those that it started and waited for, took of the machine.
    package struct Usage: Hashable, Sendable {
        package var userMicroseconds = 0
        package var systemMicroseconds = 0
        package var maximumResidentBytes = 0

        package init() {}
    }

    /// What keeps a command from being started, or a process from being watched.
    package struct StartFailure: Error {
        /// An error number of the system.
        package let code: Int32
    }

    #if os(Linux)
        /// Seconds/1000 that processes which a command leaves behind get to end.
        private static let patience: Int32 = 500

        /// Runs the command, in the directory of this process, with its standard input; returns when it has ended.
        ///
        /// Is told of what the command asks by the kernel. If this process is killed meanwhile, the command goes on, unobserved.
        package func run(_ files: any FileSystem, keeper: (any FileKeeper)?) throws(StartFailure) -> End {
            var log = AccessLog()
            InheritedFiles.note(in: &log, files)
            // Both in one, where they go to one place: their order is kept.
            let shown: Int32 = leavesOutput ? 2 : 1
            guard let out = CommandOutput(showing: shown, keeping: output) else {
                throw StartFailure(code: errno)
            }
            let isOne = !leavesOutput && Self.isSame(1, 2)
            let err = isOne ? out : CommandOutput(showing: 2, keeping: error)
            guard let err else { throw StartFailure(code: errno) }
            let signals = CommandSignals()
            defer { signals.restore() }
            if isatty(out.writing) == 1 { signals.follow(shown, for: out.writing) }
            let started = try start(out.writing, err.writing, signals)
            signals.forward(to: started.process)
            let streams = out.reading == err.reading ? [out] : [out, err]
            for stream in streams { close(stream.writing) }
            let watch = SharedWatch(FileWatch(files, log: log, keeper: keeper))
            let supervision = try Supervision(listener: started.listener, watch, streams)
            let isWatched = supervision.begin()
            // The system grants no more threads or processes: the command would wait for ever.
            if !isWatched { kill(started.process, SIGKILL) }
            let (status, usage) = Self.wait(for: started.process)
            supervision.finish(within: Self.patience)
            guard isWatched else { throw StartFailure(code: EAGAIN) }
            return End(
                status: status & 0x7f == 0 ? Int(status >> 8 & 0xff) : nil,
                signal: status & 0x7f == 0 ? nil : Int(status & 0x7f),
                failure: Self.failure(started.channel),
                refusal: started.refusal == 0 ? nil : started.refusal,
                received: signals.last.map { Int($0) }, outputFailure: supervision.outputFailure,
                usage: usage, observation: supervision.observation)
        }
    #else
        package func run(_ files: any FileSystem, keeper: (any FileKeeper)?) throws(StartFailure) -> End {
            throw StartFailure(code: 78)
        }
    #endif
}

#if os(Linux)
    extension ObservedCommand {
        private func start(
            _ output: Int32, _ error: Int32, _ signals: CommandSignals
        ) throws(StartFailure) -> mlrepo_started {
            var words: [UnsafeMutablePointer<CChar>?] = arguments.map { argument in
                strdup(argument.map { CChar(bitPattern: $0) } + [0])
            }
            words.append(nil)
            defer { for word in words { free(word) } }
            var started = mlrepo_started()
            let code = words.withUnsafeBufferPointer { words in
                withUnsafePointer(to: signals.mask) { mask in
                    var command = mlrepo_command(
                        arguments: words.baseAddress, output: output, error: error, mask: mask,
                        is_observed: way == .seccomp ? 1 : 0)
                    return mlrepo_start(&command, &started)
                }
            }
            guard code == 0 else { throw StartFailure(code: code) }
            return started
        }

        private static func isSame(_ one: Int32, _ other: Int32) -> Bool {
            var (first, second) = (stat(), stat())
            guard fstat(one, &first) == 0, fstat(other, &second) == 0 else { return false }
            return first.st_dev == second.st_dev && first.st_ino == second.st_ino
                && first.st_rdev == second.st_rdev
        }

        private static func wait(for process: pid_t) -> (status: Int32, Usage) {
            var (status, raw) = (Int32(0), rusage())
            while wait4(process, &status, 0, &raw) < 0, errno == EINTR {}
            var usage = Usage()
            usage.userMicroseconds = Int(raw.ru_utime.tv_sec) * 1_000_000 + Int(raw.ru_utime.tv_usec)
            usage.systemMicroseconds = Int(raw.ru_stime.tv_sec) * 1_000_000 + Int(raw.ru_stime.tv_usec)
            usage.maximumResidentBytes = Int(raw.ru_maxrss) * 1024
            return (status, usage)
        }

        /// Why the command could not be executed.
        private static func failure(_ channel: Int32) -> Int32? {
            defer { close(channel) }
            var code: Int32 = 0
            let count = recv(channel, &code, MemoryLayout<Int32>.size, Int32(MSG_DONTWAIT))
            return count == MemoryLayout<Int32>.size ? code : nil
        }
    }
#endif
