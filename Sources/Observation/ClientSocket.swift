#if os(Linux)
    internal import CShims
    internal import Glibc
#endif

/// The socket on which a process speaks that started this one in order to be watched: lines both ways, and with one of them the
/// listener of its filter.
package final class ClientSocket {
    #if os(Linux)
        private let socket: Int32
        /// Becomes readable when the process has ended: one that it has forked may hold the socket open.
        ///
        /// -1 where the system has no such thing.
        private let process: Int32
        private var received: [UInt8] = []
        /// Up to here there is no end of a line.
        private var searched = 0
        private var listener: Int32 = -1

        /// Longer lines end the conversation, in bytes.
        private static let limit = 64 << 20

        /// Takes standard input for itself.
        ///
        /// - Returns: Nothing if that is no socket.
        package init?() {
            var facts = stat()
            guard fstat(0, &facts) == 0, facts.st_mode & S_IFMT == S_IFSOCK else { return nil }
            socket = mlrepo_take_input()
            guard socket >= 0 else { return nil }
            process = mlrepo_open_process(getppid())
        }

        /// What ends the other's terminal is not for this process.
        package func leaveSession() { setsid() }

        /// The next line, without its end; nothing when the other has closed the socket or has ended.
        package func line() -> [UInt8]? {
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                if let end = received[searched...].firstIndex(of: 0x0a) {
                    defer {
                        received.removeFirst(end + 1)
                        searched = 0
                    }
                    return Array(received[..<end])
                }
                searched = received.count
                guard searched <= Self.limit, waitForMore() else { return nil }
                var came: Int32 = -1
                let count = mlrepo_receive(socket, &buffer, buffer.count, &came)
                if came >= 0 {
                    if listener >= 0 { close(listener) }
                    listener = came
                }
                guard count > 0 else { return nil }
                received += buffer[..<count]
            }
        }

        /// - Returns: Whether there is something to read, or the end of it.
        private func waitForMore() -> Bool {
            var waiting = [
                pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
                pollfd(fd: process, events: Int16(POLLIN), revents: 0),
            ]
            while poll(&waiting, 2, -1) < 0 {
                guard errno == EINTR else { return false }
            }
            return waiting[0].revents != 0
        }

        /// The listener that came with what was read by now; the caller's from now on.
        package func takeListener() -> Int32? {
            defer { listener = -1 }
            return listener < 0 ? nil : listener
        }

        /// Says a line; who has gone does not hear it.
        package func say(_ line: String) {
            var rest = Array(line.utf8)[...] + [0x0a]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes {
                    send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                rest = rest.dropFirst(count)
            }
        }

        /// How the process ended that has ended without a word; nothing where the system does not tell.
        package func lastStatus() -> (status: Int?, signal: Int?)? {
            // Its parent may take a moment to be told.
            for _ in 0..<50 {
                var status: Int32 = 0
                if mlrepo_process_status(process, &status) == 0 {
                    let signal = Int(status & 0x7f)
                    return signal == 0 ? (Int(status >> 8 & 0xff), nil) : (nil, signal)
                }
                usleep(10_000)
            }
            return nil
        }
    #else
        package init?() { return nil }
        package func leaveSession() {}
        package func line() -> [UInt8]? { nil }
        package func takeListener() -> Int32? { nil }
        package func say(_ line: String) {}
        package func lastStatus() -> (status: Int?, signal: Int?)? { nil }
    #endif
}
