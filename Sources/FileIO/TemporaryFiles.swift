internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The files that are being made, for a process that is asked to end meanwhile: by Ctrl-C, by `kill`, or by a terminal that goes away.
///
/// One that is killed leaves them, and they are found later by their age.
package enum TemporaryFiles {
    private struct State {
        var isOn = false
        var isWatching = false
        var paths: Set<FilePath> = []
        var directories: Set<FilePath> = []
    }

    private static let state = Mutex(State())
    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    /// From now on the files that are noted go when the process is asked to end; then it ends as it would have done.
    ///
    /// For programs: a library leaves signals alone.
    package static func removeWhenInterrupted() { state.withLock { $0.isOn = true } }

    /// Notes a file that is about to be made; what has another name by then stays.
    ///
    /// For files of one thread that ends by itself soon; see ``making(_:_:)``.
    package static func note(_ path: FilePath) {
        state.withLock { state in
            if isWatching(&state) { state.paths.insert(path) }
        }
    }

    /// Makes a file that goes when the process is asked to end.
    ///
    /// Who is asked to end in between waits for the file: without that it could come behind the removal.
    package static func making(
        _ path: FilePath, _ make: () throws(FileError) -> FileDescriptor
    ) throws(FileError) -> FileDescriptor {
        // In a library nobody is waited for: what makes the file may make others.
        guard state.withLock({ $0.isOn }) else { return try make() }
        let result = state.withLock { state -> Result<FileDescriptor, FileError> in
            if isWatching(&state) { state.paths.insert(path) }
            do throws(FileError) { return .success(try make()) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// Notes a directory that goes with all that is in it.
    package static func note(directory: FilePath) {
        state.withLock { state in
            if isWatching(&state) { state.directories.insert(directory) }
        }
    }

    /// The directory is gone.
    package static func forget(directory: FilePath) {
        state.withLock { _ = $0.directories.remove(directory) }
    }

    private static func isWatching(_ state: inout State) -> Bool {
        guard state.isOn else { return false }
        if !state.isWatching { state.isWatching = watch() }
        return state.isWatching
    }

    /// The file has another name by now, or is gone.
    package static func forget(_ path: FilePath) { state.withLock { _ = $0.paths.remove(path) } }

    /// - Returns: Whether somebody waits for signals.
    private static func watch() -> Bool {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return false }
        let reading = ends[0]
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        guard let thread = Thread(stackSize: 1 << 20, { end(on: wait(reading)) }) else {
            for end in ends { close(end) }
            return false
        }
        thread.detach()
        noticeEnd = ends[1]
        for number in signals {
            // In a handler next to nothing is allowed, but to write into a pipe is.
            let before = signal(number) { number in
                let error = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(noticeEnd, &byte, 1)
                errno = error
            }
            // Who is told to go on goes on (`nohup`, or a shell's background).
            if unsafeBitCast(before, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) {
                signal(number, SIG_IGN)
            }
        }
        return true
    }

    /// Waits for a signal.
    private static func wait(_ reading: Int32) -> Int32 {
        var byte: UInt8 = 0
        while true {
            let count = read(reading, &byte, 1)
            if count == 1 { return Int32(byte) }
            if count == 0 || errno != EINTR { return SIGTERM }
        }
    }

    /// Removes what was noted, and ends the process by the signal.
    private static func end(on number: Int32) {
        // Nobody notes anything any more.
        state.withLock { state in
            for path in state.paths {
                _ = path.withCString { unlink($0) }
            }
            for directory in state.directories {
                // Somebody may be writing there: what came meanwhile goes with a second look.
                for _ in 1...2 { POSIXFileSystem().removeAll(directory) }
            }
            signal(number, SIG_DFL)
            kill(getpid(), number)
            while true { pause() }
        }
    }
}

/// Where a handler writes which signal came.
private nonisolated(unsafe) var noticeEnd: Int32 = -1
