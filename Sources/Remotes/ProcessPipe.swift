package import FileIO
internal import ObjectModel

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A program that was started to be talked with: its standard input and output are pipes.
///
/// Whoever closes the pipes ends it, as a rule; ``end(within:)`` waits for that, and does not wait for ever. May be used from any thread.
package final class ProcessPipe: Sendable {
    /// What becomes of the program's error output.
    package enum ErrorOutput: Sendable {
        /// It goes where this process's goes.
        case inherited
        /// The end of it is kept, for the text of an error.
        case captured
    }

    /// How a program ended.
    package enum End: Hashable, Sendable, CustomStringConvertible {
        /// It could not be started.
        case neverBegan
        case status(Int32)
        case signal(Int32)

        package var description: String {
            switch self {
            case .neverBegan: "cannot be started"
            case .status(let status): "ended with status \(status)"
            case .signal(let signal): "was ended by signal \(signal)"
            }
        }
    }

    private struct State {
        var end: End?
    }

    /// Is read from; belongs to whoever asks for it.
    package let output: FileDescriptor
    /// Is written to; belongs to whoever asks for it.
    package let input: FileDescriptor
    private let name: String
    private let child: pid_t
    private let state = Monitor(State())
    private let errors: ErrorTail?

    /// - Parameters:
    ///   - words: The program's name, found on `PATH`, and its arguments; no shell sees them.
    ///   - variables: The environment, as `NAME=value`; that of this process without one.
    package init(
        _ words: [[UInt8]], variables: [String]? = nil, errorOutput: ErrorOutput
    ) throws(TransportError) {
        guard let first = words.first, words.allSatisfy({ !$0.contains(0) }) else {
            throw TransportError(.unsupported, "these words are no command")
        }
        name = escapedText(FilePath(first).name)
        var pipes: [[Int32]] = []
        for _ in 0..<(errorOutput == .captured ? 3 : 2) {
            guard let ends = Self.pipe() else {
                for end in pipes.joined() { close(end) }
                throw TransportError(.failed, "no pipe can be had: \(String(cString: strerror(errno)))")
            }
            pipes.append(ends)
        }
        let result = Self.start(
            words, variables: variables,
            ends: [pipes[0][0], pipes[1][1]] + (errorOutput == .captured ? [pipes[2][1]] : []))
        for end in [pipes[0][0], pipes[1][1]] + pipes.dropFirst(2).map({ $0[1] }) { close(end) }
        guard case .success(let child) = result else {
            for end in [pipes[0][1], pipes[1][0]] + pipes.dropFirst(2).map({ $0[0] }) { close(end) }
            guard case .failure(let problem) = result else { preconditionFailure("neither started nor not") }
            let end = End.neverBegan
            throw TransportError(.unreachable, "\(name) \(end): \(problem.text)", end: end)
        }
        self.child = child
        input = FileDescriptor(raw: pipes[0][1])
        output = FileDescriptor(raw: pipes[1][0])
        errors = errorOutput == .captured ? ErrorTail(reading: pipes[2][0]) : nil
    }

    deinit { _ = end(within: 0) }

    // MARK: Its end

    /// Waits until the program has ended; after some seconds it is killed.
    ///
    /// Both pipes were closed before, or it has no reason to end.
    /// - Returns: How it ended.
    @discardableResult
    package func end(within seconds: Int) -> End {
        if let end = ended(within: seconds) { return end }
        return state.withLock { state in
            if let end = state.end { return end }
            kill(child, SIGKILL)
            var status: Int32 = 0
            while waitpid(child, &status, 0) < 0 { if errno != EINTR { break } }
            let end = Self.end(of: status)
            state.end = end
            return end
        }
    }

    /// How the program ended, once it has; nothing if it is still there after some seconds.
    package func ended(within seconds: Int) -> End? {
        let began = MonotonicTime.milliseconds()
        while true {
            let end = state.withLock { state -> End? in
                if let end = state.end { return end }
                var status: Int32 = 0
                let found = waitpid(child, &status, WNOHANG)
                // Somebody else has waited for it: nobody knows how it ended.
                if found < 0, errno == ECHILD { state.end = .status(-1) }
                if found == child { state.end = Self.end(of: status) }
                return state.end
            }
            if let end { return end }
            guard MonotonicTime.milliseconds() - began < seconds * 1000 else { return nil }
            poll(nil, 0, 10)
        }
    }

    /// The error of a line that broke: how the program ended that led there, and the last line of its error output.
    ///
    /// Nothing if neither is known.
    func failure(within seconds: Int) -> TransportError? {
        let end = ended(within: seconds)
        // A program of its own may hold the pipe for ever, so the last words are waited for only a moment.
        let line = errors?.lastLine(within: end == nil ? 0 : 500) ?? ""
        guard end != nil || !line.isEmpty else { return nil }
        // What an mlrepo there said says it all.
        if case .status(64...78) = end, line.hasPrefix("error: ") {
            return TransportError(.unreachable, String(line.dropFirst("error: ".count)), end: end)
        }
        let fate = "\(name) \(end.map { "\($0)" } ?? "closed the connection")"
        return TransportError(.unreachable, line.isEmpty ? fate : "\(fate): \(line)", end: end)
    }

    private static func end(of status: Int32) -> End {
        // As `sys/wait.h` has it: the low seven bits are a signal, and the byte above them an exit status.
        let signal = status & 0x7f
        return signal == 0 ? .status(status >> 8 & 0xff) : .signal(signal)
    }

    // MARK: Its start

    private struct StartProblem: Error {
        let text: String
    }

    private static func pipe() -> [Int32]? {
        var ends: [Int32] = [-1, -1]
        #if canImport(Glibc)
            guard Glibc.pipe(&ends) == 0 else { return nil }
        #else
            guard Darwin.pipe(&ends) == 0 else { return nil }
        #endif
        // Programs that are started later do not get the ends: for them the line would never be closed.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return ends
    }

    /// - Parameter ends: What the program has for its standard input, output and, if there is a third, error output.
    private static func start(
        _ words: [[UInt8]], variables: [String]?, ends: [Int32]
    ) -> Result<pid_t, StartProblem> {
        #if canImport(Glibc)
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #else
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        for (number, end) in ends.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, end, Int32(number))
        }
        // That this process ignores broken pipes is not for its children.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        var arguments = words.map { word in (word + [0]).withUnsafeBytes { copied($0) } } + [nil]
        var settings = (variables ?? []).map { strdup($0) } + [nil]
        defer { for text in arguments + settings { free(text) } }
        guard let file = arguments[0] else { return .failure(StartProblem(text: "there is no room")) }
        var child: pid_t = 0
        let code =
            variables == nil
            ? posix_spawnp(&child, file, &actions, &attributes, &arguments, environ)
            : posix_spawnp(&child, file, &actions, &attributes, &arguments, &settings)
        return code == 0 ? .success(child) : .failure(StartProblem(text: String(cString: strerror(code))))
    }
    /// C text, its end included, in memory of its own.
    private static func copied(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutablePointer<CChar>? {
        bytes.baseAddress.flatMap { strdup($0.assumingMemoryBound(to: CChar.self)) }
    }
}
