internal import FileIO

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Runs another program and takes what it prints.
enum Subprocess {
    /// The environment of this process, as `NAME=value`.
    static var variables: [String] {
        var variables: [String] = []
        var next = environ
        while let variable = next.pointee {
            variables.append(String(cString: variable))
            next += 1
        }
        return variables
    }

    /// Runs a program that has nothing to say.
    ///
    /// - Returns: Whether it did what it was asked for.
    static func run(_ arguments: [String]) -> Bool {
        output(arguments, variables: variables, limit: 0) != nil
    }

    /// - Parameters:
    ///   - arguments: The program's name, found on `PATH`, and its arguments; no shell sees them.
    ///   - variables: The environment, as `NAME=value`.
    ///   - input: The file that it reads as its standard input; nothing for an empty one.
    ///   - accepted: An exit status, beside 0, that is no failure.
    ///   - errors: A file that takes its error output; nothing to give that up.
    ///   - limit: More output than this ends the program, and so does more time than `patience`, in seconds.
    /// - Returns: Standard output; nothing if the program could not be started, failed, took too long, or printed too much.
    static func output(
        _ arguments: [String], variables: [String], input: FilePath? = nil, accepting accepted: Int32 = 0,
        errors: FilePath? = nil, limit: Int, patience: Int = 120
    ) -> [UInt8]? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        #if canImport(Glibc)
            var actions = posix_spawn_file_actions_t()
        #else
            var actions: posix_spawn_file_actions_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input?.description ?? "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        let errorFlags = errors == nil ? O_WRONLY : O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, 2, errors?.description ?? "/dev/null", errorFlags, 0o600)
        posix_spawn_file_actions_addclose(&actions, ends[0])
        posix_spawn_file_actions_addclose(&actions, ends[1])
        var words = arguments.map { strdup($0) } + [nil]
        var settings = variables.map { strdup($0) } + [nil]
        defer { for word in words + settings { free(word) } }
        var child: pid_t = 0
        let code = posix_spawnp(&child, arguments[0], &actions, nil, &words, &settings)
        close(ends[1])
        defer { close(ends[0]) }
        guard code == 0 else { return nil }
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var status: Int32 = 0
        var hasEnded = false
        let start = time(nil)
        while true {
            var waiting = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
            let ready = poll(&waiting, 1, 100)
            if ready < 0, errno == EINTR { continue }
            if ready > 0 {
                let count = read(ends[0], &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                if count <= 0 { break }
                output += buffer[..<count]
                if output.count > limit { break }
            } else if hasEnded {
                // Something that it left behind holds the other end, and says nothing.
                break
            } else {
                hasEnded = waitpid(child, &status, WNOHANG) == child
            }
            if time(nil) - start > patience { break }
        }
        let isOver = output.count > limit || time(nil) - start > patience
        if !hasEnded {
            if isOver { kill(child, SIGKILL) }
            while waitpid(child, &status, 0) < 0, errno == EINTR {}
        }
        // The exit status of one that ended by itself is the second byte.
        let isGood = status == 0 || status == accepted << 8
        return isGood && !isOver ? output : nil
    }
}
