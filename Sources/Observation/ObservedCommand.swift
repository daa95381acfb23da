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
    /// How files are to be found; nothing where that is the best way that the system lets be gone.
    package let way: Observation.Way?
    /// What the command prints is all shown on standard error: standard output is for somebody else.
    package let leavesOutput: Bool

    package init(
        arguments: [[UInt8]], output: FilePath, error: FilePath, way: Observation.Way?,
        leavesOutput: Bool = false
    ) {
        (self.arguments, self.output, self.error, self.way) = (arguments, output, error, way)
        self.leavesOutput = leavesOutput
    }

    /// How a command ended, and what it took.
    package struct End: Sendable {
        /// Its exit status; nothing where a signal ended it.
        package var status: Int?
        package var signal: Int?
        /// Why it could not be executed: an error number of the system; nothing if it could.
        package let failure: Int32?
        /// Ways that are better than the one in which it was watched, and why they could not be gone.
        package let refusals: [RefusedWay]
        /// A signal that reached this process meanwhile.
        package let received: Int?
        /// Why what it printed could not be shown: an error number; nothing if it could, or nobody wanted to read it.
        package let outputFailure: Int32?
        package var usage: Usage
        package var observation: Observation

        init(
            status: Int?, signal: Int?, failure: Int32?, refusals: [RefusedWay], received: Int?,
            outputFailure: Int32?, usage: Usage, observation: Observation
        ) {
            (self.status, self.signal, self.received) = (status, signal, received)
            (self.failure, self.refusals, self.outputFailure) = (failure, refusals, outputFailure)
            (self.usage, self.observation) = (usage, observation)
        }

        /// The end of something that was not started here.
        package init(
            status: Int?, signal: Int?, received: Int?, usage: Usage, observation: Observation
        ) {
            self.init(
                status: status, signal: signal, failure: nil, refusals: [], received: received,
                outputFailure: nil, usage: usage, observation: observation)
        }
    }

    /// A way that could not be gone.
    package struct RefusedWay: Hashable, Sendable {
        package let way: Observation.Way
        package let refusal: Observation.Refusal
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
        /// The way that was asked for, where that is why.
        package let refused: RefusedWay?

        init(code: Int32, refused: RefusedWay? = nil) { (self.code, self.refused) = (code, refused) }
    }

    #if os(Linux)
        /// Seconds/1000 that processes which a command leaves behind get to end.
        private static let patience: Int32 = 500

        /// Runs the command, in the directory of this process, with its standard input; returns when it has ended.
        ///
        /// Is told of what the command asks by the kernel, or by what else is there. If this process is killed meanwhile, the command
        /// goes on, unobserved.
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
            let (started, source, refusals) = try start(out.writing, err.writing, signals, files)
            signals.forward(to: started.process)
            let streams = out.reading == err.reading ? [out] : [out, err]
            for stream in streams { close(stream.writing) }
            let watch = SharedWatch(FileWatch(files, log: log, keeper: keeper))
            if case .reports = source, let program = ProgramSearch.find(arguments[0]) {
                watch.note(.execute(program))
            }
            let supervision = try Supervision(source, watch, streams)
            let isWatched = supervision.begin()
            // The system grants no more threads or processes: the command would wait for ever.
            if !isWatched { kill(started.process, SIGKILL) }
            let (status, usage) = Self.wait(for: started.process)
            supervision.finish(within: Self.patience)
            var observation = supervision.observation
            if case .reports(let place, _) = source {
                place.remove(isNeeded: observation.gaps.contains(.leftRunning))
            }
            if case .trace = source { StracePlace.forget(self.output.parent) }
            guard isWatched else { throw StartFailure(code: EAGAIN) }
            let failure = Self.failure(started.channel)
            // What was never executed said nothing.
            if failure != nil { observation.gaps.remove(.unwatched) }
            return End(
                status: status & 0x7f == 0 ? Int(status >> 8 & 0xff) : nil,
                signal: status & 0x7f == 0 ? nil : Int(status & 0x7f), failure: failure, refusals: refusals,
                received: signals.last.map { Int($0) }, outputFailure: supervision.outputFailure,
                usage: usage, observation: observation)
        }
    #else
        package func run(_ files: any FileSystem, keeper: (any FileKeeper)?) throws(StartFailure) -> End {
            throw StartFailure(code: 78)
        }
    #endif
}

#if os(Linux)
    extension ObservedCommand {
        /// Starts the command in the way that is wanted, or in the best that can be gone.
        private func start(
            _ output: Int32, _ error: Int32, _ signals: CommandSignals, _ files: any FileSystem
        ) throws(StartFailure) -> (mlrepo_started, Supervision.Source, [RefusedWay]) {
            var refusals: [RefusedWay] = []
            for next in way.map({ [$0] }) ?? Observation.Way.allCases {
                do throws(Observation.Refusal) {
                    let (started, source) = try start(next, output, error, signals, files)
                    return (started, source, refusals)
                } catch { refusals.append(RefusedWay(way: next, refusal: error)) }
            }
            var code = EAGAIN
            if case .system(let found) = refusals.last?.refusal { code = found }
            // To be watched by nobody is refused to no one: the system has no more processes.
            let isStarted = refusals.last.map { $0.way == .declared } ?? false
            throw StartFailure(code: code, refused: isStarted ? nil : refusals.last)
        }

        private func start(
            _ way: Observation.Way, _ output: Int32, _ error: Int32, _ signals: CommandSignals,
            _ files: any FileSystem
        ) throws(Observation.Refusal) -> (mlrepo_started, Supervision.Source) {
            switch way {
            case .declared: return (try start(arguments, output, error, signals), .nobody)
            case .seccomp:
                let started = try start(arguments, output, error, signals, isObserved: true)
                guard started.refusal != 0 || started.listener < 0 else {
                    return (started, .calls(started.listener))
                }
                // It has ended without having begun.
                _ = Self.wait(for: started.process)
                close(started.channel)
                throw .system(started.refusal > 0 ? started.refusal : EAGAIN)
            case .strace:
                // What cannot be executed is not traced; it fails as it would without.
                guard let words = StracePlace.words(arguments) else {
                    return (try start(arguments, output, error, signals), .nobody)
                }
                let place = try StracePlace(in: self.output.parent)
                let started: mlrepo_started
                do throws(Observation.Refusal) {
                    started = try start(place.command(words), output, error, signals)
                } catch {
                    close(place.pipe)
                    throw error
                }
                return (started, .trace(place.pipe, first: started.process))
            case .preload:
                let place = try PreloadPlace(in: self.output.parent, files)
                do throws(Observation.Refusal) {
                    let started = try start(arguments, output, error, signals, environment: place.environment)
                    return (started, .reports(place, first: started.process))
                } catch {
                    place.abandon()
                    throw error
                }
            }
        }

        private func start(
            _ words: [[UInt8]], _ output: Int32, _ error: Int32, _ signals: CommandSignals,
            isObserved: Bool = false, environment: [[UInt8]]? = nil
        ) throws(Observation.Refusal) -> mlrepo_started {
            var started = mlrepo_started()
            let code = WordList(words).withPointers { words in
                WordList(environment ?? []).withPointers { variables in
                    withUnsafePointer(to: signals.mask) { mask in
                        var command = mlrepo_command(
                            arguments: words, output: output, error: error, mask: mask,
                            is_observed: isObserved ? 1 : 0,
                            environment: environment == nil ? nil : variables)
                        return mlrepo_start(&command, &started)
                    }
                }
            }
            guard code == 0 else { throw .system(code) }
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
