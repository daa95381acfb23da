internal import ObjectModel

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A pair of descriptors that bytes come from and go to, both at once, so that two sides that send at the same time do not wait for
/// each other for ever.
///
/// It owns the descriptors, and makes them non-blocking. One thread at a time.
final class DuplexStream {
    private let input: Int32
    private let output: Int32
    private let isSocket: Bool
    private let room: Int
    private var incoming = ByteQueue()
    private var outgoing = ByteQueue()
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)
    /// Whether the other side has said its last.
    private(set) var isAtEnd = false
    /// Whether the other side listens no more.
    private(set) var isRefused = false
    private var isOpen = true

    /// - Parameters:
    ///   - input: Is read from.
    ///   - output: Is written to; may be the same.
    ///   - room: As long as so many bytes wait to be taken, no more are read: at least the longest message.
    init(input: Int32, output: Int32, room: Int) {
        (self.input, self.output, self.room) = (input, output, room)
        for descriptor in [input, output] {
            let flags = fcntl(descriptor, F_GETFL)
            if flags >= 0 { _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) }
        }
        var status = stat()
        isSocket = fstat(output, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
        #if canImport(Darwin)
            var yes: Int32 = 1
            if isSocket {
                setsockopt(output, SOL_SOCKET, SO_NOSIGPIPE, &yes, socklen_t(MemoryLayout<Int32>.size))
            }
        #endif
    }

    deinit { close() }

    func close() {
        guard isOpen else { return }
        isOpen = false
        for descriptor in Set([input, output]) { _ = Self.closing(descriptor) }
    }

    private static func closing(_ descriptor: Int32) -> Int32 {
        #if canImport(Glibc)
            Glibc.close(descriptor)
        #else
            Darwin.close(descriptor)
        #endif
    }

    /// Lets a write to a pipe that nobody reads fail instead of ending the process.
    ///
    /// The whole process is concerned, so whoever owns it calls this, once, before the first pipe; on sockets it is not needed.
    static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

    // MARK: What came, and what is to go

    /// Bytes that wait to be sent.
    var unsent: Int { outgoing.count }

    /// Puts bytes behind those that wait to be sent.
    func enqueue(_ bytes: some Collection<UInt8>) { outgoing.append(bytes) }

    /// The bytes that came and that nobody has taken yet.
    var received: ArraySlice<UInt8> { incoming.rest }

    /// Takes the first of the bytes that came.
    ///
    /// - Precondition: So many have come.
    func take(_ count: Int) { incoming.removeFirst(count) }

    // MARK: Moving bytes

    /// Waits until something comes or can be sent, and takes and sends what it can.
    ///
    /// - Parameter seconds: If nothing moves for so long, that is an error; nothing waits for ever.
    func advance(within seconds: Int?) throws(TransportError) {
        let reads = isOpen && !isAtEnd && received.count < room
        let writes = isOpen && unsent > 0 && !isRefused
        guard reads || writes else {
            throw TransportError(.unreachable, "the other side closed the connection")
        }
        let began = MonotonicTime.milliseconds()
        while true {
            var descriptors = [
                pollfd(fd: reads ? input : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: writes ? output : -1, events: Int16(POLLOUT), revents: 0),
            ]
            var left = -1
            if let seconds {
                left = min(seconds, 1 << 30) * 1000 - (MonotonicTime.milliseconds() - began)
                guard left > 0 else {
                    throw TransportError(.unreachable, "nothing came for \(seconds) seconds")
                }
            }
            let ready = poll(&descriptors, 2, Int32(clamping: left))
            if ready == 0 { continue }
            guard ready > 0 else {
                if errno == EINTR { continue }
                throw Self.failure("poll")
            }
            if descriptors[0].revents != 0 { try receive() }
            if descriptors[1].revents != 0 { try give() }
            return
        }
    }

    /// Sends all that waits, or as much as the other side still listens to, and takes what comes meanwhile.
    func flush(within seconds: Int?) throws(TransportError) {
        while unsent > 0, !isRefused { try advance(within: seconds) }
    }

    /// Sends what can be sent without waiting.
    func push() throws(TransportError) {
        if isOpen, unsent > 0, !isRefused { try give() }
    }

    private func receive() throws(TransportError) {
        while true {
            let count = read(input, &buffer, buffer.count)
            if count > 0 {
                incoming.append(buffer[..<count])
                return
            }
            if count == 0 || errno == ECONNRESET {
                isAtEnd = true
                return
            }
            if errno == EAGAIN || errno == EWOULDBLOCK { return }
            guard errno == EINTR else { throw Self.failure("read") }
        }
    }

    private func give() throws(TransportError) {
        while unsent > 0 {
            let count = outgoing.withFirst(1 << 20) { bytes in
                isSocket ? send(bytes) : write(output, bytes.baseAddress, bytes.count)
            }
            if count >= 0 {
                outgoing.removeFirst(count)
                continue
            }
            if errno == EINTR { continue }
            if errno == EAGAIN || errno == EWOULDBLOCK { return }
            guard errno == EPIPE || errno == ECONNRESET else { throw Self.failure("write") }
            // What it said before may still be on its way, so that reading goes on.
            isRefused = true
            outgoing.removeAll()
        }
    }

    private func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.send(output, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        #else
            Darwin.send(output, bytes.baseAddress, bytes.count, 0)
        #endif
    }

    private static func failure(_ operation: String) -> TransportError {
        TransportError(
            .unreachable, "the connection failed (\(operation)): \(String(cString: strerror(errno)))")
    }

    // MARK: Strangers

    /// The error where the first bytes that came are not those of whoever was expected, with the line that they begin.
    ///
    /// - Parameter stranger: What the other side is not, such as "no SFTP server".
    func strangeBeginning(_ stranger: String) -> TransportError {
        // The rest of a line that has begun is mostly there in a moment.
        let began = MonotonicTime.milliseconds()
        while received.count < 100, MonotonicTime.milliseconds() - began < 1000 {
            do throws(TransportError) { try advance(within: 1) } catch { break }
        }
        let text = escapedText(received.prefix(100))
        return TransportError(
            .malformed, "what answers is \(stranger), or something speaks before it: \"\(text)\"")
    }
}
