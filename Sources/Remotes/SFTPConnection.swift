internal import FileIO
internal import ObjectModel

/// The client's end of SFTP: requests that are on their way, and the replies to them.
///
/// Any number of requests may be on their way; each reply is kept until it is asked for. One thread at a time.
final class SFTPConnection {
    /// A request on its way.
    private struct Expectation {
        /// How many round trips were made when its reply is there.
        let depth: Int
        /// What may answer it, beside how it ended.
        let answer: SFTPPacket.Kind?
        /// Nobody wants the reply any more.
        var isForgotten = false
        var reply: SFTPReply?
    }

    /// The longest chain of requests each of which was sent after the reply to the one before, with the opening: how often the line's
    /// delay was waited for.
    private(set) var roundTrips = 0
    private(set) var limits = SFTPLimits()
    private(set) var canLink = false
    private(set) var canSynchronize = false
    private let stream: DuplexStream
    private let process: ProcessPipe?
    private let seconds: Int
    private var expectations: [UInt32: Expectation] = [:]
    private var lastNumber: UInt32 = 0
    /// The request that asks for the server's limits, as long as it is on its way.
    private var askingLimits: UInt32?
    /// Why nothing can be asked any more.
    private var failure: TransportError?

    /// Says which version is spoken, and takes the server's.
    ///
    /// - Parameters:
    ///   - process: The program at the other end of the stream, if it was started for this.
    ///   - seconds: How long nothing may come while something is awaited.
    ///   - opening: The same for the server's first words.
    init(_ stream: DuplexStream, process: ProcessPipe?, seconds: Int, opening: Int) throws(TransportError) {
        (self.stream, self.process, self.seconds) = (stream, process, seconds)
        do throws(TransportError) { try begin(within: opening) } catch {
            close()
            throw error
        }
    }

    func close() {
        if failure == nil {
            finishAside()
            failure = TransportError(.unreachable, "the connection was closed")
        }
        stream.close()
        _ = process?.end(within: 3)
    }

    /// Waits a moment until what nobody waits for is done, such as the removal of a temporary file.
    ///
    /// A server that sees the line close does not look at what it was asked before.
    private func finishAside() {
        let began = MonotonicTime.milliseconds()
        while expectations.contains(where: { $0.value.isForgotten }),
            MonotonicTime.milliseconds() - began < 2000
        {
            do throws(TransportError) { try receive(within: 1) } catch { return }
        }
    }

    // MARK: Opening

    private func begin(within opening: Int) throws(TransportError) {
        stream.enqueue(SFTPPacket.hello.bytes)
        let version = try guarding { () throws(TransportError) in try awaitVersion(within: opening) }
        guard version.number == SFTPPacket.protocolVersion else {
            throw TransportError(
                .unsupported,
                "the other side speaks version \(version.number) of SFTP, which is not spoken here")
        }
        roundTrips = 1
        canLink = version.offers(SFTPVersion.hardLink)
        canSynchronize = version.offers(SFTPVersion.synchronize)
        // The first request need not wait for them.
        if version.offers(SFTPVersion.limits) { askingLimits = try send(.limits) }
    }

    private func awaitVersion(within opening: Int) throws(TransportError) -> SFTPVersion {
        while true {
            let begin = stream.received.prefix(SFTPPacket.headerLength)
            let mayBeVersion = begin.enumerated().allSatisfy { place, byte in
                switch place {
                case 0: byte == 0
                case 1: byte <= SFTPPacket.lengthLimit >> 16
                case 4: byte == SFTPPacket.Kind.version.rawValue
                default: true
                }
            }
            guard mayBeVersion else { throw stream.strangeBeginning("no SFTP server") }
            if let packet = try stream.nextPacket() { return try SFTPVersion(packet) }
            try stream.advance(within: opening)
        }
    }

    // MARK: Requests and replies

    /// Puts a request behind those that are to be sent.
    ///
    /// - Returns: Its number.
    func send(_ request: SFTPRequest) throws(TransportError) -> UInt32 {
        if let failure { throw failure }
        repeat { lastNumber &+= 1 } while lastNumber == 0 || expectations[lastNumber] != nil
        let packet = request.packet(lastNumber)
        guard packet.payload.count < SFTPPacket.lengthLimit else {
            throw TransportError(.unsupported, "a request of \(packet.payload.count) bytes is too long")
        }
        expectations[lastNumber] = Expectation(depth: roundTrips + 1, answer: request.answer)
        stream.enqueue(packet.bytes)
        return lastNumber
    }

    /// Sends a request whose reply nobody waits for.
    func sendAside(_ request: SFTPRequest) {
        guard failure == nil, let number = try? send(request) else { return }
        forget([number])
        // A line that has broken is found out by whoever waits for something.
        try? stream.push()
    }

    /// Waits for the reply to a request.
    ///
    /// - Parameter patience: Seconds in which nothing may come, if more than usual.
    func reply(to number: UInt32, within patience: Int = 0) throws(TransportError) -> SFTPReply {
        while true {
            if let failure { throw failure }
            guard let expectation = expectations[number] else {
                throw TransportError(.failed, "a reply was asked for twice")
            }
            if let reply = expectation.reply {
                expectations[number] = nil
                // Not when it came: what is sent before it is looked at does not wait for it.
                roundTrips = max(roundTrips, expectation.depth)
                return reply
            }
            try guarding { () throws(TransportError) in try receive(within: max(seconds, patience)) }
        }
    }

    /// Waits for the reply to a request that has no other than how it ended.
    func status(of number: UInt32, within patience: Int = 0) throws(TransportError) -> SFTPStatus {
        guard case .status(let status) = try reply(to: number, within: patience) else { throw unexpected() }
        return status
    }

    /// Bytes of requests that wait to be sent.
    var unsent: Int { stream.unsent }

    /// Whether a reply has come already.
    func hasReply(to number: UInt32) -> Bool { expectations[number]?.reply != nil }

    /// Waits until some of what waits is sent, or something comes.
    func advance() throws(TransportError) {
        if let failure { throw failure }
        try guarding { () throws(TransportError) in try receive(within: seconds) }
    }

    /// The replies to these requests are passed over when they come; what they opened is closed.
    func forget(_ numbers: some Sequence<UInt32>) {
        for number in numbers {
            guard let expectation = expectations[number] else { continue }
            guard let reply = expectation.reply else {
                expectations[number]?.isForgotten = true
                continue
            }
            expectations[number] = nil
            if case .handle(let handle) = reply { sendAside(.close(handle)) }
        }
    }

    /// What comes when something else should have come; nothing can be relied upon from then on.
    func unexpected() -> TransportError {
        let error = TransportError(.malformed, "the other side answered something else than was asked")
        failure = error
        return error
    }

    private func receive(within seconds: Int) throws(TransportError) {
        var hasNews = false
        while let packet = try stream.nextPacket() {
            try accept(packet)
            hasNews = true
        }
        // What was just accepted may be what is waited for.
        if hasNews { return }
        try stream.advance(within: stream.isRefused ? min(2, seconds) : seconds)
    }

    private func accept(_ packet: SFTPPacket) throws(TransportError) {
        let number = try SFTPReply.number(packet)
        guard let expectation = expectations[number], expectation.reply == nil else {
            throw TransportError(.malformed, "a reply came that nobody asked for")
        }
        // Before it is decoded, and kept until its turn: a list of names is larger than what was asked for.
        guard packet.kind == .status || packet.kind == expectation.answer else { throw unexpected() }
        let reply = try SFTPReply.decode(packet)
        if number == askingLimits {
            askingLimits = nil
            expectations[number] = nil
            // Whoever offers them and does not tell is asked for no more than everybody gives.
            if case .extended(let bytes) = reply { limits = try SFTPLimits(bytes) }
            return
        }
        if expectation.isForgotten {
            expectations[number] = nil
            if case .handle(let handle) = reply { sendAside(.close(handle)) }
            return
        }
        expectations[number]?.reply = reply
    }

    /// Remembers what broke the connection, and says what became of the program behind it.
    private func guarding<Result>(
        _ body: () throws(TransportError) -> Result
    ) throws(TransportError) -> Result {
        do throws(TransportError) { return try body() } catch {
            var error = error
            if error.kind == .unreachable, stream.isAtEnd || stream.isRefused {
                error = process?.failure(within: 2) ?? error
            }
            failure = error
            throw error
        }
    }
}
