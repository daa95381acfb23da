#if os(Linux)
    internal import CShims
    internal import FileIO
    internal import Glibc

    /// One stream of a command on its way to where it is shown, and to a file that keeps it.
    ///
    /// Where it is shown on a terminal, the command prints on a terminal, too: progress bars and colours stay.
    struct CommandOutput: Sendable {
        /// Where the command's output is read.
        let reading: Int32
        /// What the command prints to.
        let writing: Int32
        /// Where it is shown.
        let shown: Int32
        /// The file that keeps it.
        let kept: Int32

        /// - Parameter kept: Is made, or emptied; without it nothing is kept.
        /// - Returns: Nothing if the system has no more descriptors.
        init?(showing shown: Int32, keeping kept: FilePath) {
            var ends: [Int32] = [-1, -1]
            let isOpen =
                isatty(shown) == 1 && mlrepo_open_terminal(shown, &ends) == 0
                || mlrepo_open_pipe(&ends) == 0
            guard isOpen else { return nil }
            (reading, writing) = (ends[0], ends[1])
            self.shown = shown
            self.kept = mlrepo_open(kept.description, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        }

        /// Passes on what is printed until nobody can print any more, or somebody says that it is enough.
        ///
        /// - Parameter stop: Becomes readable when it is enough; what waits then is still passed on.
        /// - Returns: Why it cannot be shown any more, an error number; nothing if it could.
        func pass(until stop: Int32) -> Int32? {
            var waiting = [
                pollfd(fd: reading, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
            ]
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            var rest = Self.most
            while true {
                if poll(&waiting, 2, -1) < 0 { continue }
                if waiting[0].revents == 0 || rest <= 0 { return nil }
                let count = read(reading, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                // Of a terminal, whose other end is closed, nothing can be read.
                guard count > 0 else { return nil }
                if waiting[1].revents != 0 { rest -= count }
                write(buffer[..<count], to: kept)
                if let failure = write(buffer[..<count], to: shown) { return failure }
            }
        }

        /// So many bytes wait at most where it is enough; who goes on printing is somebody else's.
        private static let most = 1 << 20

        /// From now on who prints is told that nobody reads.
        func stopReading() {
            let nothing = mlrepo_open("/dev/null", O_RDONLY | O_CLOEXEC, 0)
            // The number stays taken until all is closed.
            dup2(nothing, reading)
            Glibc.close(nothing)
        }

        /// Closes what this process has of it; the command's end was closed when it started.
        func close() {
            Glibc.close(reading)
            if kept >= 0 { Glibc.close(kept) }
        }

        /// - Returns: Why it could not be written, an error number; nothing if it could.
        @discardableResult
        private func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Int32? {
            var rest = bytes
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if count < 0, errno == EAGAIN {
                    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&waiting, 1, -1)
                } else if count < 0, errno != EINTR {
                    return errno
                }
            }
            return nil
        }
    }
#endif
